"""From Airflow's objects to the words of the record. Pure functions: nothing is recorded, no database is touched.

Airflow's classes differ between its versions and between its processes (objects of the database in the scheduler, plain ones in
a task), so attributes are asked for by name, and what is not there is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrail import DatasetRef
from orchestrail.adapter import (
    NOTHING,
    Carrier,
    Job,
    RunRef,
    RunStart,
    State,
    Unshown,
    arguments_of,
    static_run_id,
)
from orchestrail_airflow.carrier import KEY, carrier_of
from orchestrail_airflow.host import conf_changes_params, context_names, loaded, text_of
from orchestrail_airflow.ledger import Entry

MAX_NAMES = 1000
"""Entries of a conf that are recorded each by its name; of a larger one only the digest is taken."""

_DESCRIPTIONS = ("doc_md", "doc", "doc_rst", "doc_yaml", "doc_json", "description")
_ABORTS = ("AirflowTaskTimeout", "AirflowTaskTerminated", "KeyboardInterrupt")


# -- run ids: the formula of Airflow's OpenLineage provider


def instant_of(dag_run: Any) -> datetime:
    """Give the time that a DAG run's ids are made from: its logical date, or when it was due."""
    logical_date: datetime | None = dag_run.logical_date
    if logical_date is not None:
        return logical_date
    due: datetime = dag_run.run_after
    return due


def dag_run_id(namespace: str, dag_run: Any) -> str:
    """Compute the run id of a DAG run."""
    clear_number = getattr(dag_run, "clear_number", None) or 0
    return static_run_id(instant_of(dag_run), f"{namespace}.{dag_run.dag_id}.{clear_number}".encode())


def task_run_id(namespace: str, dag_run: Any, task_id: str, try_number: int, map_index: int) -> str:
    """Compute the run id of one try of a task instance."""
    data = f"{namespace}.{dag_run.dag_id}.{task_id}.{try_number}.{map_index}"
    return static_run_id(instant_of(dag_run), data.encode())


def dag_run_ref(namespace: str, dag_run: Any, carrier: Carrier | None) -> RunRef:
    """Give a DAG run's place in the tree."""
    run_id, job = dag_run_id(namespace, dag_run), Job(namespace, dag_run.dag_id)
    if carrier is None or carrier.run_id == run_id:
        return RunRef(run_id, job, run_id, job)
    return RunRef(run_id, job, carrier.root_run_id or carrier.run_id, carrier.root_job or carrier.job, carrier.run_id)


def in_pass(parent: RunRef, entry: Entry | None) -> RunRef:
    """Give the place of that pass of a DAG run below which a try was first told: clearing makes another pass of the DAG run.

    Args:
        parent: the place of the DAG run as Airflow has it now.
        entry: what the ledger says of the try.
    """
    if entry is None or entry.parent is None or entry.parent == parent.run_id:
        return parent
    if parent.root_run_id == parent.run_id:
        return RunRef(entry.parent, parent.job, entry.parent, parent.job)
    return replace(parent, run_id=entry.parent)


def job_of(dag_id: str, task_id: str) -> str:
    """Name the job of a task."""
    return f"{dag_id}.{task_id}"


# -- beginnings


def dag_run_start(
    namespace: str, dag_run: Any, dag: Any, environment: Carrier | None, *, closed_by: str = "host"
) -> RunStart:
    """Say what is known of a DAG run when it begins.

    Args:
        namespace: the job namespace.
        dag_run: Airflow's object.
        dag: its DAG, None where that is not at hand.
        environment: the spawning run that this process's environment names; what the conf names goes first.
        closed_by: `process` where all of it happens in this process.
    """
    file = getattr(dag, "fileloc", None)
    return RunStart(
        run_id=dag_run_id(namespace, dag_run),
        job_name=dag_run.dag_id,
        job_type="DAG",
        namespace=namespace,
        native_id=f"{dag_run.dag_id}/{dag_run.run_id}",
        carrier=carrier_of(dag_run.conf) or environment,
        file=Path(file) if isinstance(file, str) else None,
        parameters=_dag_parameters(dag_run.conf, dag),
        closed_by=closed_by,
        trigger=trigger_of(dag_run),
        actor=actor_of(dag_run),
        tags=_texts(getattr(dag, "tags", None)),
        texts=(*_texts(getattr(dag, "tags", None)), *descriptions_of(dag)),
        at=_begun_at(dag_run),
        facts=_known(
            {
                "logicalDate": _time(dag_run.logical_date),
                "runAfter": _time(getattr(dag_run, "run_after", None)),
                "triggeredBy": text_of(loaded(dag_run, "triggered_by")),
                "clearNumber": getattr(dag_run, "clear_number", None),
                "bundleVersion": text_of(loaded(dag_run, "bundle_version")),
                "dagVersionId": text_of(loaded(dag_run, "created_dag_version_id")),
            }
        ),
    )


def _begun_at(dag_run: Any) -> datetime | None:
    """Say when Airflow began a DAG run; None where it does not: `airflow dags test` puts the logical date there (2.11 and 3)."""
    at: datetime | None = getattr(dag_run, "start_date", None)
    return None if at == dag_run.logical_date else at


def task_start(
    namespace: str,
    dag_run: Any,
    parent: RunRef,
    task_id: str,
    try_number: int,
    map_index: int,
    *,
    task: Any = None,
    instance: Any = None,
    upstream: Sequence[RunRef] = (),
    given_by: Set[str] | None = None,
    params: Mapping[str, object] | None = None,
    idle: bool = False,
    at: datetime | None = None,
    closed_by: str = "host",
) -> RunStart:
    """Say what is known of one try of a task instance when it begins.

    Args:
        namespace: the job namespace.
        dag_run: Airflow's object of its DAG run.
        parent: the DAG run's place in the tree.
        task_id: the task.
        try_number: 1 for the first try; Airflow has 0 where there never was one.
        map_index: -1 where the task is not mapped.
        task: the operator, None where it is not at hand.
        instance: Airflow's object of the task instance, None likewise.
        upstream: runs that it was waiting for.
        given_by: the tasks whose values it is given; None where that is not known.
        params: the params that it is given.
        idle: whether it does nothing by its kind.
        at: when it began.
        closed_by: `process` where the whole DAG run happens in this process.
    """

    def run_id(number: int) -> str:
        return task_run_id(namespace, dag_run, task_id, number, map_index)

    native = (dag_run.dag_id, dag_run.run_id, task_id, *([str(map_index)] if map_index >= 0 else []))
    bundle = getattr(instance, "bundle_instance", None)
    return RunStart(
        run_id=run_id(try_number),
        job_name=job_of(dag_run.dag_id, task_id),
        job_type=NOTHING if idle else "TASK",
        namespace=namespace,
        native_id="/".join(native),
        attempt=max(1, try_number),
        previous_attempt=run_id(try_number - 1) if try_number > 1 else None,
        parent=parent,
        function=function_of(task),
        texts=descriptions_of(task),
        parameters=_task_parameters(task, params) if task is not None else None,
        upstream=tuple(upstream),
        order_only=_order_only(dag_run.dag_id, upstream, given_by),
        closed_by=closed_by,
        at=at,
        facts=_known(
            {
                "taskInstanceId": text_of(loaded(instance, "id")),
                "mapIndex": map_index if map_index >= 0 else None,
                "operator": getattr(task, "task_type", None),
                "dagVersionId": text_of(loaded(instance, "dag_version_id")),
                "bundleName": text_of(getattr(bundle, "name", None)),
                "bundleVersion": text_of(getattr(bundle, "version", None)),
            }
        ),
    )


def upstream_of(
    dag_id: str,
    parent: RunRef,
    task_ids: Iterable[str],
    entries: Iterable[Entry],
    *,
    alike: Set[str] = frozenset(),
    map_index: int = -1,
) -> list[RunRef]:
    """Name the runs that a task was waiting for: of each task instance the last try whose end was told.

    Args:
        dag_id: the DAG.
        parent: the place of the DAG run.
        task_ids: the tasks that it waits for.
        entries: what was told of the DAG run.
        alike: those of them of which it waits for one instance alone, that with its own map index.
        map_index: its map index.
    """
    wanted = set(task_ids)
    last: dict[tuple[str, int], Entry] = {}
    for entry in entries:
        key = (entry.task_id, entry.map_index)
        if entry.task_id not in wanted or not entry.ended or (entry.task_id in alike and entry.map_index != map_index):
            continue
        if key not in last or last[key].try_number < entry.try_number:
            last[key] = entry
    return [
        RunRef(
            last[key].run_id,
            Job(parent.job.namespace, job_of(dag_id, key[0])),
            parent.root_run_id,
            parent.root_job,
            parent.run_id,
        )
        for key in sorted(last)
    ]


def _order_only(dag_id: str, upstream: Sequence[RunRef], given_by: Set[str] | None) -> tuple[RunRef, ...]:
    if given_by is None:
        return ()
    giving = {job_of(dag_id, task_id) for task_id in given_by}
    return tuple(run for run in upstream if run.job.name not in giving)


def function_of(task: Any) -> Callable[..., Any] | None:
    """Find the user's code of a task: the function it calls, else the operator's class where that is not Airflow's own."""
    if task is None:
        return None
    function: Callable[..., Any] | None = getattr(task, "python_callable", None)
    if callable(function):
        return function
    kind: type = type(task)
    return None if kind.__module__.partition(".")[0] in ("airflow", "abc") else kind


def descriptions_of(described: Any) -> tuple[str, ...]:
    """Give the texts that a DAG or a task has for people, in which something may be declared of it.

    Airflow takes a decorated function's docstring for `doc_md` where it has no other. Params are not looked at: who triggers a run
    may set them, and a declaration is not about one run.
    """
    found = (getattr(described, name, None) for name in _DESCRIPTIONS)
    return tuple(text for text in found if isinstance(text, str))


def trigger_of(dag_run: Any) -> str | None:
    """Say what began a DAG run, in Airflow's words. What a task triggers is `manual` to older releases, and no act of a person."""
    if text_of(loaded(dag_run, "triggered_by")) == "operator":
        return "operator_triggered"
    return text_of(getattr(dag_run, "run_type", None))


def actor_of(dag_run: Any) -> str | None:
    """Say who triggered a DAG run; None where nobody did. The recorder makes a pseudonym of it.

    `airflow dags test` names nobody: what Airflow 3 has in place of the person is the same word for everyone.
    """
    name = getattr(dag_run, "triggering_user_name", None)
    return name if isinstance(name, str) and text_of(loaded(dag_run, "triggered_by")) != "test" else None


# -- ends


def end_of(error: object) -> State:
    """Say how a failed try ended: one that was cut off did not fail by itself."""
    names = {kind.__name__ for kind in type(error).__mro__} if isinstance(error, BaseException) else set()
    return State.ABORT if names & set(_ABORTS) else State.FAIL


# -- data


def assets_of(values: Iterable[Any] | None, namespace: str) -> list[str | DatasetRef]:
    """Say which data sets a task's inlets or outlets are."""
    return [asset for value in values or () if (asset := asset_of(value, namespace)) is not None]


def asset_of(value: Any, namespace: str) -> str | DatasetRef | None:
    """Say which data set an inlet or outlet is: a URL, or a name that has a meaning within this Airflow only."""
    address = value if isinstance(value, str) else getattr(value, "uri", None) or getattr(value, "url", None)
    if isinstance(address, str) and "://" in address:
        return address
    name = address if isinstance(address, str) else getattr(value, "name", None)
    if not isinstance(name, str) or not name:
        return None
    return DatasetRef(namespace, name, weak="an asset is a name; Airflow does not know the content")


# -- helpers


def _dag_parameters(conf: object, dag: Any) -> dict[str, object]:
    """Give the params that the tasks of a DAG run get, where its conf does not change them the DAG's own; and the conf."""
    params = getattr(dag, "params", None)
    values = _values_of(params) if params is not None else {}
    if type(conf) is dict and conf_changes_params():
        values |= {name: conf[name] for name in values if name in conf}
    return _prefixed("params", values) | _prefixed("conf", conf)


def _values_of(params: Any) -> dict[str, object]:
    try:
        return dict(params.dump())
    except Exception:  # a param without a value, or one that its own schema refuses, is Airflow's to complain about
        return {name: _value_of(params, name) for name in islice(params, MAX_NAMES)}


def _value_of(params: Any, name: str) -> object:
    try:
        value: object = params[name]
    except Exception:
        return None
    return value


def _task_parameters(task: Any, params: Mapping[str, object] | None) -> dict[str, object]:
    """Give what an operator was told: the arguments of its function, or its rendered template fields; SQL is not shown."""
    function = getattr(task, "python_callable", None)
    fields = tuple(getattr(task, "template_fields", ()))
    if callable(function):
        args, kwargs = getattr(task, "op_args", None) or (), getattr(task, "op_kwargs", None) or {}
        found = arguments_of(function, tuple(args), kwargs)
        if found is None:  # Airflow adds the context's values to the call
            found = {str(number): value for number, value in enumerate(args)} | dict(kwargs)
        # `ti=None` in a signature is a place for what Airflow passes, and nothing that the task was told.
        of_airflow = context_names()
        found = {name: value for name, value in found.items() if value is not None or name not in of_airflow}
        fields = tuple(name for name in fields if name not in ("op_args", "op_kwargs"))
    else:
        found = {}
    statements = _statements_of(task)
    for name in fields:
        value = getattr(task, name, None)
        if value is not None:
            found.setdefault(name, Unshown(value) if name in statements else value)
    return found | _prefixed("params", params)


def _statements_of(task: Any) -> set[str]:
    """Name the fields that hold SQL, wholly or in a part (`configuration.query.query`), as an operator tells Airflow's pages.

    What it tells is the kind of text: `sql`, `mysql`, `tsql`, `hql`.
    """
    kinds = getattr(task, "template_fields_renderers", None)
    if not isinstance(kinds, Mapping):
        return set()
    return {name.partition(".")[0] for name, kind in kinds.items() if isinstance(kind, str) and kind.endswith("ql")}


def _prefixed(prefix: str, values: object) -> dict[str, object]:
    if values is None:
        return {}
    if type(values) is not dict or len(values) > MAX_NAMES:
        return {prefix: values}
    return {f"{prefix}.{name}": value for name, value in values.items() if not (prefix == "conf" and name == KEY)}


def _known(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


def _texts(values: Iterable[object] | None) -> tuple[str, ...]:
    return tuple(sorted(str(value) for value in values or ()))
