"""Prefect's own records: flow runs and task runs of a Prefect 3 server or of Prefect Cloud, by the REST API that its client uses.

Prefect keeps one row for all attempts of a run: how often it began, and its last state. Its server makes the rows of task runs from
events that the run's own process sends when it finds time: after a thousand tasks up to half a minute later (measured with 3.9.1),
and never where the process was killed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from orchestrail.errors import ConfigurationError, HistoryError
from orchestrail.histories.attempt import Attempt, moment
from orchestrail.histories.http import Api, basic
from orchestrail.model import State
from orchestrail.settings import Settings

_AT_ONCE = 100
"""Ids named in one request."""
_AGREES: Mapping[str, frozenset[State]] = {
    "COMPLETED": frozenset({State.COMPLETE}),
    "FAILED": frozenset({State.FAIL}),
    "CRASHED": frozenset({State.ABORT}),
    "CANCELLED": frozenset({State.ABORT}),
    "CANCELLING": frozenset({State.ABORT, State.RUNNING}),
    # It waits for its next attempt, or to go on; the one before may have been told as ended already.
    "SCHEDULED": frozenset({State.RUNNING, State.FAIL, State.ABORT}),
}
_NAMED: Mapping[str, frozenset[State]] = {
    "Cached": frozenset({State.CACHED}),
    "TimedOut": frozenset({State.ABORT}),
    "NotReady": frozenset({State.SKIPPED}),
}
_EARLIER = frozenset({State.FAIL, State.ABORT})
_ENDS_AS = {"COMPLETED": State.COMPLETE, "FAILED": State.FAIL, "CRASHED": State.ABORT, "CANCELLED": State.ABORT}
_CUT_OFF = ("CRASHED", "CANCELLED", "CANCELLING")


def open_history(settings: Settings, environ: Mapping[str, str], url: str | None) -> PrefectHistory:
    """Open the records of a Prefect server, with Prefect's own variables.

    Raises:
        ConfigurationError: no address is known, or it is none.
        HistoryError: it cannot be reached.
    """
    address = url or environ.get("PREFECT_API_URL")
    if not address:
        raise ConfigurationError(
            "The address of Prefect's API is not known.",
            "PREFECT_API_URL is not set; a server that a flow starts for itself has no address.",
            "Set PREFECT_API_URL, or give --url http://127.0.0.1:4200/api.",
        )
    api = Api(address)
    if key := environ.get("PREFECT_API_KEY"):
        api.sign_in(f"Bearer {key}")
    elif said := environ.get("PREFECT_API_AUTH_STRING"):
        user, _, password = said.partition(":")
        api.sign_in(basic(user, password))
    return PrefectHistory(api)


class PrefectHistory:
    """The records of one Prefect server.

    Args:
        api: where it is.

    Raises:
        HistoryError: it cannot be reached.
    """

    orchestrator = "prefect"
    lossy: str | None = (
        "Prefect makes task runs of what their process sends; this process was cut off before it had sent all."
    )

    def __init__(self, api: Api) -> None:
        self._api = api
        self.address = api.address
        try:
            self.version: str | None = str(api.get("/admin/version"))
        except HistoryError as error:
            if error.status != 404:  # Prefect Cloud has no version
                raise
            self.version = None
        self._flows: dict[str, str] = {}

    def since(self, moment: str) -> Iterator[Attempt]:
        """Read the attempts of all flow runs since a moment, and of the task runs outside of any flow run."""
        after = {"after_": moment}
        found = self._rows(
            "/flow_runs", {"flow_runs": {"operator": "or_", "start_time": after, "expected_start_time": after}}
        )
        yield from self._of_flow_runs(list(found))
        yield from self._loose({"start_time": after})

    def of(self, units: Iterable[str]) -> Iterator[Attempt]:
        """Read the attempts of these flow runs, and of these task runs outside of any."""
        for ids in _chunks(list(units)):
            yield from self._of_flow_runs(list(self._rows("/flow_runs", {"flow_runs": {"id": {"any_": ids}}})))
            yield from self._loose({"id": {"any_": ids}})

    def oldest(self) -> str | None:
        """Say when the oldest flow run began that the server still has."""
        body = {"limit": 1, "sort": "START_TIME_ASC", "flow_runs": {"start_time": {"is_null_": False}}}
        rows = self._api.post("/flow_runs/filter", body)
        return moment(rows[0]["start_time"]) if rows else None

    def count(self, until: str) -> int:
        """Count the flow runs that began at a moment or before it."""
        return int(self._api.post("/flow_runs/count", {"flow_runs": {"start_time": {"before_": until}}}))

    def _of_flow_runs(self, flow_runs: Sequence[Mapping[str, Any]]) -> Iterator[Attempt]:
        self._learn_flows({row["flow_id"] for row in flow_runs} - self._flows.keys())
        for rows in _chunks(flow_runs):
            by_id = {row["id"]: row for row in rows}
            for row in rows:
                yield from _attempts(row, row, self._flows.get(row["flow_id"], ""), self._past(row))
            # Where a flow run calls another, its server keeps a task run that stands for the other one: that is no attempt.
            wanted = {"flow_run_id": {"any_": list(by_id)}, "subflow_runs": {"exists_": False}}
            for task_run in self._rows("/task_runs", {"task_runs": wanted}):
                unit = by_id[task_run["flow_run_id"]]
                yield from _attempts(task_run, unit, self._flows.get(unit["flow_id"], ""))

    def _past(self, flow_run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Give the states of a flow run that began more than once: what was over may have been begun again with its parent."""
        if flow_run["run_count"] < 2:
            return []
        states: list[Mapping[str, Any]] = self._api.get("/flow_run_states/", flow_run_id=flow_run["id"])
        return sorted(states, key=lambda state: state["timestamp"])

    def _loose(self, wanted: Mapping[str, object]) -> Iterator[Attempt]:
        body = {"task_runs": {**wanted, "flow_run_id": {"is_null_": True}, "subflow_runs": {"exists_": False}}}
        for row in self._rows("/task_runs", body):
            yield from _attempts(row, row, row["name"].rpartition("-")[0])

    def _learn_flows(self, ids: Iterable[str]) -> None:
        for some in _chunks(sorted(ids)):
            for row in self._rows("/flows", {"flows": {"id": {"any_": some}}}):
                self._flows[row["id"]] = row["name"]

    def _rows(self, kind: str, body: Mapping[str, object]) -> Iterator[Mapping[str, Any]]:
        """Read all pages, of the length that the server chooses; a row that moved to a later page meanwhile is given once."""
        seen: set[str] = set()
        offset = 0
        sort = {} if kind == "/flows" else {"sort": "ID_DESC"}
        while page := self._api.post(f"{kind}/filter", {**body, **sort, "offset": offset}):
            offset += len(page)
            for row in page:
                if row["id"] not in seen:
                    seen.add(row["id"])
                    yield row


def _attempts(
    row: Mapping[str, Any], unit: Mapping[str, Any], job: str, past: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Attempt]:
    """Tell a row's attempts apart: all but the last were tried again, or ended as its past states say."""
    last = max(1, row["run_count"])
    ends = _earlier_ends(past)
    if len(ends) != last - 1:  # its states are not known, or it went on after a pause, which is no other attempt
        ends = [None] * (last - 1)
    common = {"native_id": row["id"], "unit": unit["id"], "job": job, "name": row["name"]}
    common["unit_started_at"] = moment(unit["start_time"])
    for number, end in enumerate(ends, 1):
        if end is None:
            yield Attempt(**common, attempt=number, word="tried again", agrees=_EARLIER, ends_as=State.FAIL)
        else:
            agrees, ends_as = _meaning(end["type"], end["name"])
            ended = moment(end["timestamp"])
            yield Attempt(**common, attempt=number, word=end["name"], agrees=agrees, ends_as=ends_as, ended_at=ended)
    kind, word = row["state_type"] or "PENDING", row["state_name"] or "Pending"
    agrees, ends_as = _meaning(kind, word)
    yield Attempt(
        **common,
        attempt=last,
        word=word,
        agrees=agrees,
        ends_as=ends_as,
        started_at=moment(row["start_time"]),
        ended_at=moment(row["end_time"]),
        # Parameters that are refused end a run before it began, and the adapter is told; a run that is cancelled
        # while it waits, or whose infrastructure never came up, has had no process of its own.
        begun=row["run_count"] > 0 or kind == "FAILED" or word == "NotReady",
        cut_off=kind in _CUT_OFF,
    )


def _meaning(kind: str, word: str) -> tuple[frozenset[State], State | None]:
    """Say which states of the record a state of Prefect's allows, and which end it is."""
    agrees = _NAMED.get(word) or _AGREES.get(kind) or frozenset({State.RUNNING})
    return agrees, State.ABORT if word == "TimedOut" else _ENDS_AS.get(kind)


def _earlier_ends(past: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
    """Give the end of each attempt but the last: the state that ended it; None where it was only tried again."""
    attempts: list[Mapping[str, Any] | None] = []
    for state in past:
        if state["type"] == "RUNNING":
            attempts.append(None)
        elif attempts and state["type"] in _ENDS_AS:
            attempts[-1] = state
    return attempts[:-1]


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _AT_ONCE):
        yield list(values[start : start + _AT_ONCE])
