"""Airflow's own records: DAG runs, task instances and their tries, by the REST API of Airflow 3 (`/api/v2`) or 2.11 (`/api/v1`).

They are rows of Airflow's database, written by its scheduler and its API server, whatever becomes of a task's process. Of a cleared
DAG run Airflow keeps the last pass alone; of a task instance it keeps each try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from orchestrail.errors import ConfigurationError, HistoryError
from orchestrail.histories.attempt import ENDS, Attempt, moment
from orchestrail.histories.http import Api, basic
from orchestrail.model import State
from orchestrail.settings import Settings

_PAGE = 100
"""What Airflow gives at most unless it is told otherwise (`[api] maximum_page_limit`)."""
_READINGS = 3
"""Times that a list is read which changes while it is read."""
_FAILED = frozenset({State.FAIL, State.ABORT})
_NOT_RUN = frozenset({State.SKIPPED, State.ABORT})
_OPEN = frozenset({State.RUNNING})
_AGREES: Mapping[str, tuple[frozenset[State], State | None]] = {
    "success": (frozenset({State.COMPLETE}), State.COMPLETE),
    "failed": (_FAILED, State.FAIL),
    "up_for_retry": (_FAILED, State.FAIL),
    "skipped": (_NOT_RUN, State.ABORT),
    "upstream_failed": (_NOT_RUN, State.ABORT),
    "removed": (ENDS, State.ABORT),
    "running": (_OPEN, None),
    "deferred": (_OPEN, None),
    "up_for_reschedule": (_OPEN, None),
    "restarting": (_OPEN, None),
}
"""What each word allows on the record, and how an attempt that is open there ended."""
_WAITING = (frozenset(State), None)


def open_history(settings: Settings, environ: Mapping[str, str], url: str | None) -> AirflowHistory:
    """Open the records of an Airflow.

    Raises:
        ConfigurationError: no address is known, or it is none.
        HistoryError: it cannot be reached, or does not let us in.
    """
    address = url or settings.airflow_url
    if not address:
        why = "ORCHESTRAIL_AIRFLOW_URL is not set."
        do = "Set it, or give --url, to the address of Airflow's API server (3) or web server (2.11)."
        raise ConfigurationError("The address of Airflow's API is not known.", why, do)
    api = Api(address)
    token, password = settings.airflow_token, settings.airflow_password
    version, prefix = _version(api)
    if token is not None:
        api.sign_in(f"Bearer {token.get_secret_value()}")
    elif settings.airflow_user is not None:
        secret = password.get_secret_value() if password is not None else ""
        if prefix == "/api/v2":
            body = {"username": settings.airflow_user, "password": secret}
            api.sign_in(f"Bearer {api.post('/auth/token', body)['access_token']}")
        else:
            api.sign_in(basic(settings.airflow_user, secret))
    elif prefix == "/api/v2" and not api.is_signed_in:
        try:  # where everybody is an administrator, as on a developer's machine, Airflow gives a token for nothing
            api.sign_in(f"Bearer {api.get('/auth/token')['access_token']}")
        except HistoryError as error:
            if error.status is None:
                raise
    return AirflowHistory(api, prefix, version)


def _version(api: Api) -> tuple[str, str]:
    try:
        return str(api.get("/api/v2/version")["version"]), "/api/v2"
    except HistoryError as error:
        if error.status not in (404, 302):  # 302: to a page where one logs in
            raise
    return str(api.get("/api/v1/version")["version"]), "/api/v1"


class AirflowHistory:
    """The records of one Airflow.

    Args:
        api: where it is.
        prefix: `/api/v2` or `/api/v1`.
        version: what it says of its version.
    """

    orchestrator = "airflow"
    lossy: str | None = None

    def __init__(self, api: Api, prefix: str, version: str) -> None:
        self._api = api
        self._prefix = prefix
        self.version: str | None = version
        self.address = api.address

    def since(self, moment: str) -> Iterator[Attempt]:
        """Read the attempts of all DAG runs that began at a moment or after it."""
        for row in self._all("/dags/~/dagRuns", "dag_runs", _key_of_run, start_date_gte=moment, order_by="start_date"):
            yield from self._of_dag_run(row)

    def of(self, units: Iterable[str]) -> Iterator[Attempt]:
        """Read the attempts of these DAG runs; one that Airflow has no more gives none."""
        for unit in units:
            dag_id, _, run_id = unit.partition("/")
            try:
                row = self._get(f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}")
            except HistoryError as error:
                if error.status != 404:
                    raise
            else:
                yield from self._of_dag_run(row)

    def oldest(self) -> str | None:
        """Say when the oldest DAG run began that Airflow still has."""
        found = self._get("/dags/~/dagRuns", limit=1, order_by="start_date", start_date_gte="1970-01-01T00:00:00Z")
        return moment(found["dag_runs"][0]["start_date"]) if found["dag_runs"] else None

    def count(self, until: str) -> int:
        """Count the DAG runs that began at a moment or before it."""
        return int(self._get("/dags/~/dagRuns", limit=1, start_date_lte=until)["total_entries"])

    def _of_dag_run(self, row: Mapping[str, Any]) -> Iterator[Attempt]:
        dag_id, run_id = row["dag_id"], row["dag_run_id"]
        unit = f"{dag_id}/{run_id}"
        agrees, ends_as = _AGREES.get(row["state"], _WAITING)
        started, ended = moment(row["start_date"]), moment(row["end_date"])
        yield Attempt(
            native_id=unit,
            attempt=None,
            unit=unit,
            job=dag_id,
            name=run_id,
            word=row["state"],
            agrees=agrees,
            ends_as=ends_as,
            started_at=started,
            ended_at=ended,
            unit_started_at=started,
            begun=row["state"] in _AGREES,
        )
        path = f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}/taskInstances"
        order = {"order_by": "id"} if self._prefix == "/api/v2" else {}
        for instance in self._all(path, "task_instances", _key_of_instance, **order):
            yield from self._of_instance(instance, unit, row, path)

    def _of_instance(
        self, instance: Mapping[str, Any], unit: str, dag_run: Mapping[str, Any], path: str
    ) -> Iterator[Attempt]:
        task_id, map_index = instance["task_id"], instance["map_index"]
        tries, number, word = [instance], instance["try_number"], instance["state"]
        # Without a state and with a number it was cleared. Whatever waits for its first try has no other.
        if number > 1 or word == "up_for_retry" or (word is None and number == 1):
            where = f"{path}/{_quoted(task_id)}{f'/{map_index}' if map_index >= 0 else ''}/tries"
            tries = self._get(where)["task_instances"]
        # A cleared task instance that waits still has the number of the try before, which stands there too, with its end.
        told_last = sorted(tries, key=lambda row: row["state"] in _AGREES)
        numbered = {max(1, row["try_number"]): row for row in told_last}
        for attempt, one in sorted(numbered.items()):
            agrees, ends_as = _AGREES.get(one["state"], _WAITING)
            ended = moment(one["end_date"])
            if not one["hostname"]:  # the adapter tells of what had no process once the DAG run has ended
                ended = max(filter(None, (ended, moment(dag_run["end_date"]))), default=None)
            yield Attempt(
                native_id="/".join((unit, task_id, *([str(map_index)] if map_index >= 0 else []))),
                attempt=attempt,
                unit=unit,
                job=dag_run["dag_id"],
                name=task_id,
                word=one["state"] or "none",
                agrees=agrees,
                ends_as=ends_as,
                started_at=moment(one["start_date"]),
                ended_at=ended,
                unit_started_at=moment(dag_run["start_date"]),
                begun=one["state"] in _AGREES,
                told=bool(one["hostname"]) or dag_run["end_date"] is not None,
            )

    def _all(self, path: str, kind: str, key: Any, **query: object) -> Iterator[Mapping[str, Any]]:
        """Read all pages of a list; once more where it grew or shrank meanwhile."""
        for _ in range(_READINGS):
            found: dict[object, Mapping[str, Any]] = {}
            read = 0
            while True:
                page = self._get(path, limit=_PAGE, offset=read, **query)
                read += len(page[kind])
                found |= {key(row): row for row in page[kind]}
                if not page[kind] or read >= page["total_entries"]:
                    break
            if len(found) >= page["total_entries"]:
                yield from found.values()
                return
        raise HistoryError(
            "Airflow's list of runs changes faster than it can be read.",
            f"It was read {_READINGS} times.",
            "Try again when less begins.",
        )

    def _get(self, path: str, **query: object) -> Any:
        return self._api.get(self._prefix + path, **query)


def _key_of_run(row: Mapping[str, Any]) -> object:
    return row["dag_id"], row["dag_run_id"]


def _key_of_instance(row: Mapping[str, Any]) -> object:
    return row["task_id"], row["map_index"]


def _quoted(part: str) -> str:
    return quote(part, safe="")
