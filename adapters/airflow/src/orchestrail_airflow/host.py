"""What is asked of Airflow, where its versions differ or where it keeps things to itself. Nothing is recorded here.

Each function names the versions that it is made for. None of them touches a Connection or a Variable, and the database only
`own_session`.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrail.adapter import remember
from orchestrail_airflow.carrier import KEY

_CONTEXTS = ("airflow.sdk.definitions.context", "airflow.utils.context")
"""Where Airflow has the names of what it passes to functions: in 3, in 2.11."""
_REFERENCES = ("airflow.sdk.definitions.xcom_arg", "airflow.models.xcom_arg")
"""Where Airflow has `XComArg`: in 3, in 2.11."""
_MASKERS = (
    "airflow.sdk._shared.secrets_masker.secrets_masker",  # 3.2 and later, in a task
    "airflow._shared.secrets_masker.secrets_masker",  # 3.2 and later, elsewhere
    "airflow.sdk.execution_time.secrets_masker",  # 3.0 and 3.1
    "airflow.utils.log.secrets_masker",  # 2.11
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_learned: set[str] = set()


def setting(section: str, name: str) -> str | None:
    """Read a setting of Airflow from its environment and file; None where it is not set."""
    try:
        from airflow.configuration import conf

        value: str | None = conf.get(section, name, fallback=None)
    except Exception:  # a configuration that Airflow cannot read either
        return None
    return value or None


def conf_changes_params() -> bool:
    """Say whether the conf of a DAG run goes before the params of its DAG."""
    return (setting("core", "dag_run_conf_overrides_params") or "true").strip().lower() in ("true", "t", "1")


def configured(section: str, name: str) -> str | None:
    """Read a setting as `setting` does, in a process that is not Airflow's: importing Airflow would make its home and its files."""
    from configparser import ConfigParser, Error

    said = os.environ.get(f"AIRFLOW__{section}__{name}".upper())
    if said:
        return said
    folder = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(os.environ.get("AIRFLOW_CONFIG") or folder / "airflow.cfg")
    except (Error, UnicodeDecodeError):
        return None
    return parser.get(section, name, fallback=None)


def own_places() -> list[str]:
    """Name Airflow's own bookkeeping: its folders, but neither its home nor the DAGs' folder, where data may lie too, and its
    database."""
    folders = [setting("logging", "base_log_folder"), setting("core", "plugins_folder")]
    # Airflow has read it already; to read the setting could ask a backend of secrets.
    database = getattr(sys.modules.get("airflow.settings"), "SQL_ALCHEMY_CONN", None)
    return [*(str(Path(folder).expanduser()) for folder in folders if folder), *([database] if database else [])]


def is_2(version: str) -> bool:
    """Say whether a version is one of Airflow 2."""
    return version.partition(".")[0] == "2"


def context_names() -> set[str]:
    """Name what Airflow itself passes to a task's function, where an argument has such a name."""
    return {key for name in _CONTEXTS for key in getattr(sys.modules.get(name), "KNOWN_CONTEXT_KEYS", ())}


def text_of(value: object) -> str | None:
    """Give the text of an identifier, an enum's value or a number; None where there is none."""
    value = getattr(value, "value", value)
    return None if value is None else str(value)


def loaded(value: Any, name: str) -> Any:
    """Read an attribute; of an object of Airflow's database only where it is there already, so that a look costs no query."""
    if value is None:
        return None
    return vars(value).get(name) if hasattr(value, "_sa_instance_state") else getattr(value, name, None)


@contextmanager
def own_session() -> Iterator[Any]:
    """Open a session on Airflow's database that is nobody else's and only reads.

    The one that Airflow keeps for the thread belongs to whoever called us: to commit or close it would spoil what they are doing.
    The same in 2.11 and 3; `create_session(scoped=False)` is 3's only.

    Raises:
        RuntimeError: this process has no database, or all of its connections are in use.
    """
    from airflow import settings

    if settings.Session is None:
        raise RuntimeError("Airflow has no database in this process.")
    with settings.Session.session_factory() as session:
        if _is_exhausted(getattr(session.get_bind(), "pool", None)):
            raise RuntimeError(
                "All of Airflow's connections to its database are in use: see [database] sql_alchemy_pool_size."
            )
        yield session


def _is_exhausted(pool: Any) -> bool:
    """Say whether who asks a pool for a connection now has to wait.

    Whoever called us has a connection already, in the middle of a transaction, and is not to wait for a second one of ours: as many
    callers as there are connections would hold each other up, until the pool's patience ends (30 seconds).
    """
    most = getattr(pool, "_max_overflow", -1)  # -1 is SQLAlchemy's word for no bound; other kinds of pool have none
    return bool(most >= 0 and not pool.checkedin() and pool.overflow() >= most)


def given(instance: Any) -> tuple[Any, Mapping[str, object] | None]:
    """Give a task instance's DAG run, and the params of the task.

    In a task of Airflow 3 both come with the instance. Elsewhere, and in 2.11, the instance is an object of the database that has
    its DAG run loaded; in a task of 2.11 the operator has the params.
    """
    server = getattr(instance, "_ti_context_from_server", None)
    if server is not None:
        return server.dag_run, instance.get_template_context().get("params")
    params = getattr(getattr(instance, "task", None), "params", None)
    return getattr(instance, "dag_run", None), params if type(params) is dict else None


def named_while_running(instance: Any) -> list[Any]:
    """Give the assets that a task named while it ran, through an alias (3); in 2.11 a listener cannot reach them."""
    context = getattr(instance, "_cached_template_context", None) or {}
    accessors = context.get("outlet_events") or {}
    return [event.dest_asset_key.to_asset() for one in accessors.values() for event in one.asset_alias_events]


def is_resumed(instance: Any, task: Any) -> bool:
    """Say whether a try goes on after it was deferred (3, 2.11) or rescheduled (3)."""
    server = getattr(instance, "_ti_context_from_server", None)
    if getattr(instance if server is None else server, "next_method", None):
        return True
    return bool(getattr(task, "reschedule", False) and getattr(server, "task_reschedule_count", 0))


def is_own(instance: Any) -> bool:
    """Say whether this process runs a try: in 3 it has an object of its own there, in 2.11 the database has the process."""
    return not hasattr(instance, "_sa_instance_state") or loaded(instance, "pid") == os.getpid()


def began(instance: Any) -> datetime | None:
    """Say when a try began; None where it did not: then the time that the database has is that of the try before it."""
    started: datetime | None = loaded(instance, "start_date")
    queued = loaded(instance, "queued_dttm")
    if is_own(instance):
        ended: datetime | None = loaded(instance, "end_date")
        return started or ended  # 2.11 does not say when a task of `airflow dags test` began: by its end it had
    return started if started is not None and queued is not None and started >= queued else None


def does_nothing(task: Any) -> bool:
    """Say whether a task does nothing by its kind: Airflow's own EmptyOperator, as written or as the scheduler has it.

    A class that is made of it may do something where Airflow runs it, as it does for a callback.
    """
    module = getattr(task, "_task_module", None) or type(task).__module__
    return (
        bool(getattr(task, "inherits_from_empty_operator", False))
        and getattr(task, "task_type", None) == "EmptyOperator"
        and str(module).partition(".")[0] == "airflow"
    )


def waited_for(task: Any) -> list[str]:
    """Name the tasks that a task waits for. One that does nothing (EmptyOperator) stands for those that it waits for itself."""
    tasks = getattr(getattr(task, "dag", None), "task_dict", {})
    found: set[str] = set()
    seen: set[str] = set()
    names = list(getattr(task, "upstream_task_ids", ()))
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        before = tasks.get(name)
        if getattr(before, "inherits_from_empty_operator", False):
            names += getattr(before, "upstream_task_ids", ())
        else:
            found.add(name)
    return sorted(found)


def waited_for_alike(task: Any, names: Iterable[str]) -> set[str]:
    """Name those tasks of which a task waits for the instance with its own map index alone: those of its own mapped task group."""
    tasks = getattr(getattr(task, "dag", None), "task_dict", {})
    group = _mapped_group(task)
    return {name for name in names if group is not None and _mapped_group(tasks.get(name)) == group}


def _mapped_group(task: Any) -> str | None:
    find = getattr(task, "get_closest_mapped_task_group", None)
    return getattr(find(), "group_id", None) if callable(find) else None


def given_by(task: Any) -> set[str] | None:
    """Name the tasks whose values a task is given, by its DAG; None where it may take one itself, which no DAG tells.

    A task takes values through its arguments and fields (`XComArg`), through templates, and with `xcom_pull` in its code: that
    takes the context, which every operator gets, and a function asks for with a parameter or with `get_current_context`. One
    that leaves asking to another function is not seen.
    """
    known = getattr(getattr(task, "dag", None), "task_dict", {}).get(getattr(task, "task_id", None))
    references = next(
        (getattr(sys.modules.get(name), "XComArg", None) for name in _REFERENCES if name in sys.modules), None
    )
    if known is None or references is None:
        return None
    values = [getattr(known, name, None) for name in getattr(known, "template_fields", ())]
    if _asks_for_context(task) or any("xcom_pull" in text for text in _texts_in(values)):
        return None
    found = {operator.task_id for operator, _ in references.iter_xcom_references(values)}
    if getattr(known, "is_mapped", False):
        found |= {operator.task_id for operator in known.iter_mapped_dependencies()}
    return found


def _asks_for_context(task: Any) -> bool:
    function = getattr(task, "python_callable", None)
    if not callable(function):
        return type(task).__module__.partition(".")[0] != "airflow"
    if "get_current_context" in getattr(getattr(inspect.unwrap(function), "__code__", None), "co_names", ()):
        return True
    parameters = inspect.signature(function).parameters.values()
    return any(one.kind is one.VAR_KEYWORD or one.name in context_names() for one in parameters)


def _texts_in(value: Any, depth: int = 5) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif depth and type(value) in (list, tuple, dict):
        for part in value.values() if type(value) is dict else value:
            yield from _texts_in(part, depth - 1)


def watch_result(task: Any, tell: Callable[[object], None]) -> None:
    """Be told what a task returns, before it goes into an XCom; not where the task has a hook of its own there.

    Args:
        task: the operator, as it is prepared for this try.
        tell: called with the result; must not raise.
    """
    if getattr(task, "_post_execute_hook", tell) is None:
        task._post_execute_hook = lambda context, result=None: tell(result)


def refuse(instance: Any, refusal: Exception) -> None:
    """End a task before its code runs, with no other try.

    3 swallows what a listener raises, so the task's own hook before its execution raises it. 2.11 lets it through, but tells
    listeners only after `pre_execute` and `on_execute_callback` of the task.

    Raises:
        AirflowFailException: in 2.11.
    """
    if getattr(instance, "_ti_context_from_server", None) is None:
        from airflow.exceptions import AirflowFailException as Refused

        raise Refused(str(refusal)) from refusal

    from airflow.sdk.exceptions import AirflowFailException

    def refused(context: object) -> None:
        raise AirflowFailException(str(refusal)) from refusal

    instance.task._pre_execute_hook = refused


def hand_on(task: Any, parent: Mapping[str, str]) -> None:
    """Name the parent in the conf of the DAG run that a task will trigger, as Airflow's OpenLineage provider does where it is on.

    The operator (TriggerDagRunOperator of the standard provider) has a switch for it; where that is off, or the conf names a
    parent, or is no dictionary, it is left as it is.
    """
    if not getattr(task, "openlineage_inject_parent_info", False) or _provider_is_on():
        return
    conf = getattr(task, "conf", None)
    if conf is None or (type(conf) is dict and KEY not in conf):
        task.conf = {**(conf or {}), KEY: dict(parent)}


def learn_secrets() -> None:
    """Learn the secrets that Airflow masks in its logs: passwords of Connections that were used, and the like."""
    for name in _MASKERS:
        module = sys.modules.get(name)
        if module is None:
            continue
        for pattern in tuple(module._secrets_masker().patterns):
            if pattern not in _learned:
                _learned.add(pattern)
                remember(_ESCAPED.sub(r"\1", pattern))


def _provider_is_on() -> bool:
    try:
        from airflow.providers.openlineage.conf import is_disabled
    except ImportError:
        return False
    return not is_disabled()
