"""Great Expectations 1: the results of validations: which expectation, of which column, whether it was met and how many rows were
unexpected. Never a value: neither those that were unexpected nor those that a text of an exception may name.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches

BY = "great_expectations"

_COLUMNS = ("column", "column_A", "column_list", "column_set")


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch where every validation ends: of a batch, a validation definition or a checkpoint."""
    library: Any = module
    patches.around(library.Validator, "graph_validate", after=_validated)


def _validated(capture: Any, validator: object, *rest: object, result: Any, **more: object) -> None:
    for one in result:
        config = one.expectation_config
        given = dict(config.kwargs)
        failed_itself = bool(_within(one.exception_info, "raised_exception"))
        capture.told.results.check(
            config.type + _numbers(given),
            one.success,
            severity=_severity(config),
            actual="it could not be evaluated" if failed_itself else None,
            column=next((_column(given[key]) for key in _COLUMNS if given.get(key) is not None), None),
            failures=_count(one.result.get("unexpected_count")),
            by=BY,
        )


def _severity(config: Any) -> str:
    told = getattr(config, "severity", None)
    return "error" if told is None or getattr(told, "value", told) == "critical" else "warn"


def _within(info: Any, key: str) -> object:
    """Look a fact up in what is told of exceptions: one account, or one for each metric that raised."""
    if key in info:
        return info[key]
    return any(account.get(key) for account in info.values() if isinstance(account, dict))


def _column(named: Any) -> Any:
    return tuple(named) if isinstance(named, list) else named


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _numbers(given: dict[str, Any]) -> str:
    """Give the numbers that an expectation compares with; what else it compares with may be values of rows."""
    told = [f"{key}={value}" for key, value in sorted(given.items()) if type(value) in (int, float)]
    return f"({', '.join(told)})" if told else ""
