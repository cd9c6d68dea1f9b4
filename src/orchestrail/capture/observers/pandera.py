"""pandera: the checks of a schema as they are made of a frame of pandas or polars: which one, of which column, whether it held and
how many rows failed it. Never a value that failed, nor what a check says of it.

Not seen: schemas of other kinds of frames (pyspark, ibis, xarray ...).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches

BY = "pandera"

# What is checked where a schema asks for it, by the method that does it; `nullable` is the one that asks by not being set.
_ASKED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "check_nullable": ("not_null", lambda schema: not schema.nullable),
    "check_unique": ("unique", lambda schema: bool(schema.unique)),
    "check_dtype": ("dtype", lambda schema: schema.dtype is not None),
    "check_column_values_are_unique": ("unique", lambda schema: bool(schema.unique)),
}
# What else a frame is refused for: told when it is.
_REFUSALS = (
    "INVALID_TYPE", "DATATYPE_COERCION", "COLUMN_NOT_IN_SCHEMA", "COLUMN_NOT_ORDERED", "DUPLICATE_COLUMN_LABELS",
    "COLUMN_NOT_IN_DATAFRAME", "CHECK_ERROR", "PARSER_ERROR", "ADD_MISSING_COLUMN_NO_DEFAULT", "INVALID_COLUMN_NAME",
    "MISMATCH_INDEX",
)  # fmt: skip

_schema: ContextVar[str | None] = ContextVar("orchestrail_pandera", default=None)
"""Name of the schema that was validated last in this context: its columns do not know it."""


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch validations, and each check in them."""
    library: Any = module
    if module.__name__ == "pandera.errors":
        patches.around(library.SchemaError, "__init__", after=_refused)
        return
    if module.__name__.startswith("pandera.api."):
        patches.around(library.DataFrameSchema, "validate", before=_begins)
        return
    for kind in list(vars(module).values()):
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            for name, (told, asked) in _ASKED.items():
                if name in vars(kind):
                    patches.around(kind, name, after=functools.partial(_built_in, told, asked))
            if "run_check" in vars(kind):
                patches.around(kind, "run_check", after=_checked)


def _begins(capture: Any, schema: Any, *rest: object, **more: object) -> None:
    if type(schema).__name__ != "MultiIndex":  # a part of another one
        _schema.set(schema.name)


def _checked(
    capture: Any, backend: object, frame: object, schema: Any, check: Any, index: int, *rest: object, result: Any
) -> None:
    # A failed check that only warns is given back as one that passed; without its index, which all others have.
    failed = not result.passed or (check.raise_warning and result.check_index is None)
    name = check.name or "check"
    if name == "<lambda>":
        name = f"{name}[{index}]"
    _tell(
        capture,
        schema,
        name + _numbers(check.statistics),
        failed,
        result.failure_cases,
        "warn" if check.raise_warning else "error",
    )


def _built_in(
    name: str, asked: Callable[[Any], bool], capture: Any, backend: object, frame: object, schema: Any, result: Any
) -> None:
    if not asked(schema):
        return
    if result == []:  # the polars backend has an entry for a failure alone
        _tell(capture, schema, name, False)
    for one in result if isinstance(result, list) else [result]:
        if one.check is not None:  # else it was skipped, by pandera's setting of a depth, and passed for that
            _tell(capture, schema, name, not one.passed, one.failure_cases)


def _refused(capture: Any, error: Any, *rest: object, result: object, **more: object) -> None:
    reason = getattr(error.reason_code, "name", None)
    if reason in _REFUSALS:
        _tell(capture, error.schema, reason.lower(), True, error.failure_cases)


def _tell(capture: Any, schema: Any, name: str, failed: bool, failures: object = None, severity: str = "error") -> None:
    of_frame = type(schema).__name__ == "DataFrameSchema"
    within = schema.name if of_frame else _schema.get()
    shape = getattr(failures, "shape", None) if failed else None
    capture.told.results.check(
        f"{within}: {name}" if isinstance(within, str) else name,
        not failed,
        severity=severity,
        column=None if of_frame else schema.name,
        failures=shape[0] if shape else None,
        by=BY,
    )


def _numbers(given: Any) -> str:
    """Give the numbers that a check compares with; what else it compares with may be values of rows."""
    pairs = given.items() if type(given) is dict else ()
    told = [f"{key}={value}" for key, value in pairs if type(value) in (int, float, bool)]
    return f"({', '.join(told)})" if told else ""
