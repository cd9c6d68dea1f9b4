"""The optional words of a user's code: mark a step, state what it read, wrote, measured and checked.

Each is a no-op outside a recorded run and never raises in `record` mode. What cannot be written as JSON is refused here, where it
costs one statement: in the event of the run's end it would cost the end. How a run is recorded is `orchestrail.recorder`'s matter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, TypeVar, cast

from orchestrail.datasets import dataset_of
from orchestrail.errors import ConfigurationError, OrchestrailError
from orchestrail.events.build import dataset as dataset_facets
from orchestrail.events.text import encode
from orchestrail.guard import guard
from orchestrail.model import DATASET_ROLES, ROLES, DatasetRef, Marking, RunRef
from orchestrail.recorder import OpenRun
from orchestrail.redaction import redact_dataset
from orchestrail.steps import current_open_run, marked

F = TypeVar("F", bound=Callable[..., Any])


def preprocessing(
    operation: str,
    *,
    version: str | None = None,
    serve_time: bool | None = None,
    fits_state: bool | None = None,
    train_only: bool | None = None,
    state: str | Sequence[str] | None = None,
) -> Callable[[F], F]:
    """Mark a function as a data-preparation operation (Art. 10(2)(c)).

    Args:
        operation: name of the operation, the same wherever it is applied.
        version: its declared version; without one the digest of its code is taken, and the record says so.
        serve_time: True where serving applies it too.
        fits_state: True where it learns something from the data (means, categories).
        train_only: True where it is for training data alone (resampling, augmentation).
        state: the argument, or arguments, in which it is given what was learned: medians, say. Fitted transformers of scikit-learn
            are known without. Their digest is the operation's fitted state, in training and in serving.

    Raises:
        ConfigurationError: when the decorator is applied wrongly; never at run time.
    """
    if not isinstance(operation, str) or not operation:
        raise ConfigurationError(
            "@orchestrail.preprocessing needs the name of the operation.",
            f"It was given {type(operation).__name__}.",
            'Write @orchestrail.preprocessing("impute-income", version="1.0.0").',
        )
    names = state if isinstance(state, str) or state is None else ",".join(state)
    marking = Marking("preprocess", operation, version, serve_time, fits_state, train_only, names)
    return lambda function: marked(function, marking)


def step(*, role: str, version: str | None = None) -> Callable[[F], F]:
    """Mark a function as a step with a role.

    Args:
        role: ingest, preprocess, split, train, evaluate, package, deploy, serve, monitor or other.
        version: a version of the step's code, if you keep one.

    Raises:
        ConfigurationError: the role is none of these.
    """
    if role not in ROLES:
        raise ConfigurationError(f"{role!r} is no role of a step.", "", f"Use one of: {', '.join(ROLES)}.")
    marking = Marking(role, None, version)
    return lambda function: marked(function, marking)


def record_input(data: object, *, role: str | None = None, name: str | None = None) -> None:
    """State that the current step reads a data set.

    Args:
        data: a path, a URL, a frame, or a `DatasetRef`.
        role: train, validation, test, reference, source or serving_input.
        name: a name for a frame in memory.
    """
    with guard("record_input"):
        run = _open_run()
        if run is not None:
            run.inputs.append(_declared(data, role, None, name))


def record_output(data: object, *, kind: str | None = None, role: str | None = None, name: str | None = None) -> None:
    """State that the current step wrote a data set; call it after writing.

    Args:
        data: a path, a URL, a frame, or a `DatasetRef`.
        kind: `data` or `model`, whatever the file looks like; without it what was seen of its writing tells, else `data`.
        role: as in `record_input`.
        name: a name for a frame in memory.
    """
    with guard("record_output"):
        run = _open_run()
        if run is not None:
            run.outputs.append(_declared(data, role, kind, name))


def record_metric(name: str, value: float, *, dataset: object = None, column: str | None = None) -> None:
    """State a measured figure.

    Args:
        name: what was measured, with its unit where it has one. Of a data set `row_count`, `byte_count` and `file_count`, and of a
            column of it `null_count`, `distinct_count`, `count`, `sum`, `min` and `max` become OpenLineage's `dataQualityMetrics`.
        value: the figure.
        dataset: what it was measured on.
        column: the column of it, where it is of one.
    """
    with guard("record_metric"):
        run = _open_run()
        if run is not None:
            run.results.metric(name, value, dataset=_subject(dataset), column=column)


def record_check(
    name: str,
    success: bool,
    *,
    severity: str = "error",
    kind: str = "quality",
    expected: object = None,
    actual: object = None,
    dataset: object = None,
    column: str | None = None,
) -> None:
    """State the result of a check, passed or not (OpenLineage `test` facet; with `dataset`, its `dataQualityAssertions` too).

    Args:
        name: what was checked.
        success: whether it held.
        severity: `error` where a failure should stop the process, else `warn`.
        kind: quality, bias, accuracy ...
        expected: what was expected; never a row's value.
        actual: what was found; never a row's value.
        dataset: what was checked.
        column: the column of it, where it is of one.
    """
    with guard("record_check"):
        run = _open_run()
        if run is not None:
            run.results.check(
                name,
                success,
                severity=severity,
                kind=kind,
                expected=expected,
                actual=actual,
                dataset=_subject(dataset),
                column=column,
            )


def current_run() -> RunRef | None:
    """Name the run whose code is executing; None outside a recorded run."""
    with guard("current_run"):
        run = current_open_run()
        return run.ref if run is not None else None
    return None


def _open_run() -> OpenRun | None:
    run = current_open_run()
    if run is not None and not run.recorder.is_open(run.ref.run_id):
        raise OrchestrailError(
            "A fact was stated after its run had ended.", f"Run {run.ref.run_id}.", "State it within the step."
        )
    return run


def _declared(data: object, role: str | None, kind: str | None, name: str | None) -> DatasetRef:
    if role is not None and role not in DATASET_ROLES:
        raise ConfigurationError(f"{role!r} is no role of a data set.", "", f"Use one of: {', '.join(DATASET_ROLES)}.")
    if kind not in ("data", "model", None):
        raise ConfigurationError(f"{kind!r} is no kind of data set.", "", "Use data or model.")
    found = dataset_of(data, observed="declared")
    rows, size = _count(found.rows), _count(found.bytes)
    said = "declared" if kind or found.kind == "model" else None
    stated = replace(
        found,
        role=role or found.role,
        kind=kind or found.kind,
        kind_source=said,
        name=name or found.name,
        rows=rows,
        bytes=size,
    )
    encode(dataset_facets(redact_dataset(stated), "", "input"))
    return stated


def _count(value: object) -> int | None:
    return None if value is None else operator.index(cast("SupportsIndex", value))


def _subject(dataset: object) -> DatasetRef | None:
    return None if dataset is None else dataset_of(dataset)
