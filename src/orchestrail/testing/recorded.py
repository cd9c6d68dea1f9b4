"""What a run left on the record, in the words that a scenario asks in. Nothing is judged here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrail.testing.harness import Ended

ENDS = ("COMPLETE", "FAIL", "ABORT")


@dataclass(frozen=True, repr=False)
class RecordedRun:
    """One run of the record: its events in the order in which they were spooled, never none."""

    events: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return f"<{self.job} {'+'.join(self.types)}>"

    @property
    def id(self) -> str:
        """The run id."""
        return str(self.events[0]["run"]["runId"])

    @property
    def types(self) -> list[str]:
        """The event types."""
        return [str(event["eventType"]) for event in self.events]

    @property
    def job(self) -> str:
        """The job's name."""
        return str(self.events[0]["job"]["name"])

    @property
    def step(self) -> str:
        """The last part of the job's name, which is the function's in every host."""
        return self.job.rpartition(".")[2]

    @property
    def end(self) -> str | None:
        """How it ended by the last end on the record: COMPLETE, FAIL, ABORT, or CACHED, SKIPPED; None where it is open."""
        for event in reversed(self.events):
            state = event["run"]["facets"].get("orchestrail_run", {}).get("state")
            if state is not None or event["eventType"] in ENDS:
                return str(state or event["eventType"])
        return None

    @property
    def parent(self) -> str | None:
        """The parent's run id."""
        parent = self.facet("parent")
        return str(parent["run"]["runId"]) if parent else None

    @property
    def root(self) -> str:
        """The root's run id."""
        parent = self.facet("parent")
        return str(parent["root"]["run"]["runId"]) if parent else self.id

    @property
    def error(self) -> str:
        """The error's text."""
        return str(self.facet("errorMessage").get("message", ""))

    @property
    def said(self) -> dict[str, Any]:
        """All that its events say in `orchestrail_run`, the later over the earlier, nulls left out."""
        found: dict[str, Any] = {}
        for event in self.events:
            facet = event["run"]["facets"].get("orchestrail_run", {})
            found |= {name: value for name, value in facet.items() if value is not None}
        return found

    def facet(self, key: str) -> dict[str, Any]:
        """Give the last of a run facet that its events hold; empty where none does."""
        found = [event["run"]["facets"][key] for event in self.events if key in event["run"]["facets"]]
        return dict(found[-1]) if found else {}

    def files(self, direction: str) -> dict[str, str | None]:
        """Give the digests of the files among its `inputs` or `outputs` by full name, over all of its events."""
        return {
            dataset["name"]: dataset["facets"]["orchestrail_dataset"]["digest"]
            for event in self.events
            for dataset in event[direction]
            if dataset["namespace"] == "file"
        }


@dataclass(frozen=True)
class Recorded:
    """All that one run of a program left on the record.

    Attributes:
        ended: how the program ended.
        events: its events in the order in which they were spooled.
    """

    ended: Ended
    events: tuple[dict[str, Any], ...]

    @cached_property
    def runs(self) -> tuple[RecordedRun, ...]:
        """The runs, in the order of their first events."""
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self.events:
            found.setdefault(event["run"]["runId"], []).append(event)
        return tuple(RecordedRun(tuple(events)) for events in found.values())

    def of(self, step: str) -> list[RecordedRun]:
        """Give the runs of a step or process, by the last part of the job's name."""
        return [run for run in self.runs if run.step == step]

    def one(self, step: str) -> RecordedRun:
        """Give the only run of a step or process.

        Raises:
            AssertionError: there is none, or more than one.
        """
        found = self.of(step)
        assert len(found) == 1, f"{step} has {len(found)} runs on the record, not one: {self.summary()}"
        return found[0]

    def under(self, run: RecordedRun) -> list[RecordedRun]:
        """Give the runs whose parent is this one."""
        return [other for other in self.runs if other.parent == run.id]

    def summary(self) -> str:
        """Say what is on the record, for a message."""
        return " ".join(map(repr, self.runs)) or "nothing"


def digests(paths: Iterable[Path]) -> dict[str, str | None]:
    """Give what the record should say of files, reckoned without our own code: full name and digest."""
    return {str(path): f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths}
