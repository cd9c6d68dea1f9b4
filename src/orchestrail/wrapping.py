"""Code that runs around a function of any kind and leaves what it returns, raises and is. What is recorded is the caller's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

from orchestrail.errors import RequirementNotMet

F = TypeVar("F", bound=Callable[..., Any])


class Ending(Protocol):
    """What is told that a call has ended."""

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        """Take note of the end, with what was raised or returned; must not raise."""


Begin = Callable[[tuple[Any, ...], Mapping[str, Any]], Ending | None]


def wrap(function: F, begin: Begin) -> F:
    """Wrap a function by its kind: plain, coroutine, generator or asynchronous generator.

    Args:
        function: what to wrap; stays reachable as `__wrapped__`.
        begin: called with the arguments before the body runs; gives who is told of the end, or None. Must not raise, except to
            refuse the call (enforce mode).
    """
    if inspect.isasyncgenfunction(function):
        return cast("F", _stream(function, begin))
    if inspect.iscoroutinefunction(function):
        return cast("F", _wait(function, begin))
    if inspect.isgeneratorfunction(function):
        return cast("F", _produce(function, begin))
    return cast("F", _call(function, begin))


def _begun(begin: Begin, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Ending | None:
    try:
        return begin(args, kwargs)
    except RequirementNotMet as refusal:
        # The caller is told of the refusal alone, and not by which ways of ours it came.
        raise refusal.with_traceback(None) from refusal.__cause__


def _tell(ending: Ending | None, error: BaseException | None = None, result: object = None) -> None:
    if ending is not None:
        # A generator that its reader closes early has done what it was asked for.
        ending.end(None if isinstance(error, GeneratorExit) else error, result)


def _call(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        ending = _begun(begin, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _tell(ending, error)
            raise
        _tell(ending, result=result)
        return result

    return call


def _wait(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wait(*args: Any, **kwargs: Any) -> Any:
        ending = _begun(begin, args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            _tell(ending, error)
            raise
        _tell(ending, result=result)
        return result

    return wait


def _produce(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    def produce(*args: Any, **kwargs: Any) -> Any:
        ending = _begun(begin, args, kwargs)
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as error:
            _tell(ending, error)
            raise
        _tell(ending, result=result)
        return result

    return produce


def _stream(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    async def stream(*args: Any, **kwargs: Any) -> Any:
        ending = _begun(begin, args, kwargs)
        try:
            async for item in function(*args, **kwargs):
                yield item
        except BaseException as error:
            _tell(ending, error)
            raise
        _tell(ending)

    return stream
