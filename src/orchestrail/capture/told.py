"""What library observers tell of one run, beyond the files that it opened: tables, objects in stores, and facts about files.

Kept until the run's end and then joined with what `files` saw, so that one data set is one use, whoever told of it. Nothing is
observed here, and no value of a row is ever taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrail.capture.frames import label_of
from orchestrail.capture.results import Results
from orchestrail.guard import guard
from orchestrail.model import DatasetRef

MAX_DATASETS = 10_000
"""Data sets that are no files that one run keeps."""
MAX_OTHER_RUNS = 100
"""Runs of other systems that one run names."""
MAX_MISSING = 100
"""Distinct places where capture could not look that one run names."""
MAX_CALLS = 100
"""Distinct well-known calls that one run keeps."""

Key = tuple[str, str]
"""Namespace and name of a data set."""


@dataclass(slots=True)
class Facts:
    """What a library knows of a file that it read or wrote.

    Attributes:
        rows: number of rows.
        fields: (name, type) pairs.
        kind: `data` or `model`; None where the library cannot tell.
        type: OpenLineage `datasetType`, where it is another one than a file's.
        format: how the file is written: `parquet`, `safetensors` ...
        version: the library's own version of it, beside its digest.
        framework: what the model in it is made with, with its version: `scikit-learn 1.5.0`.
    """

    rows: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    kind: str | None = None
    type: str | None = None
    format: str | None = None
    framework: str | None = None
    version: str | None = None


class Told:
    """Takes what observers tell. No locks: every step is one atomic operation on a dictionary."""

    def __init__(self) -> None:
        self._inputs: dict[Key, tuple[DatasetRef, str | None]] = {}
        self._outputs: dict[Key, tuple[DatasetRef, str | None]] = {}
        self._made: set[Key] = set()
        self._at_end: list[Callable[[], object]] = []
        self._facts: dict[tuple[str, str, bool], Facts] = {}
        self._missing: dict[tuple[str, str], None] = {}
        self._too_many = False
        self.calls: dict[tuple[str, str], None] = {}
        """The well-known calls that were seen, each with the role that it speaks of, in order."""
        self.other_runs: dict[tuple[str, str], None] = {}
        """(system, id) of runs that other systems keep of the same work."""
        self.applied: list[DatasetRef] = []
        """Fitted state that was loaded."""
        self.made: list[DatasetRef] = []
        """Fitted state that was written."""
        self.results = Results()
        """What was measured, checked and seeded."""
        self.notes: dict[str, Any] = {}
        """What an observer has to remember for this run, by its own name."""

    def reads(self, dataset: DatasetRef, within: str | None = None) -> None:
        """Take note of a data set that is no file and was read.

        Args:
            dataset: what was read.
            within: absolute path of the file that it lies in: the digest of that file is then its version.
        """
        if (dataset.namespace, dataset.name) not in self._made:
            self._keep(self._inputs, dataset, within)

    def writes(self, dataset: DatasetRef, within: str | None = None, *, made: bool = False) -> None:
        """Take note of a data set that is no file and was written.

        Args:
            dataset: what was written.
            within: as in `reads`.
            made: True where nothing of it was there before: what is read of it later is the step's own.
        """
        if made and (dataset.namespace, dataset.name) not in self._inputs:
            self._made.add((dataset.namespace, dataset.name))
        self._keep(self._outputs, dataset, within)

    def takes_back(self, namespace: str, name: str) -> None:
        """Forget what the run itself wrote and then deleted."""
        self._outputs.pop((namespace, name), None)

    def facts(self, name: str, *, written: bool, namespace: str = "file") -> Facts:
        """Give what is known of a file or object as it was read or written, to be filled in."""
        return self._facts.setdefault((namespace, name, written), Facts())

    def moved(self, source: str, target: str) -> None:
        """Take what is known of a file that was written to its new name."""
        known = self._facts.get(("file", source, True))
        if known is not None:
            self._facts["file", target, True] = known

    def does(self, role: str, call: str) -> None:
        """Take note of a well-known call.

        Args:
            role: the role that it speaks of.
            call: what was called, by names of the library: `Pipeline.fit`.
        """
        if len(self.calls) < MAX_CALLS:
            self.calls[role, call] = None

    def at_end(self, action: Callable[[], object]) -> None:
        """Have something told when the run ends, which is not known before."""
        self._at_end.append(action)

    def works_in(self, system: str, run_id: str) -> None:
        """Take note of a run that another system, a registry of models say, keeps of the same work."""
        if len(self.other_runs) < MAX_OTHER_RUNS:
            self.other_runs[system, run_id] = None

    def misses(self, what: str, reason: str) -> None:
        """Take note of something that was not seen."""
        if len(self._missing) < MAX_MISSING:
            self._missing[what, reason] = None

    def join(self, inputs: list[DatasetRef], outputs: list[DatasetRef], missing: list[tuple[str, str]]) -> None:
        """Complete what was seen of the files of the run, in place."""
        for action in self._at_end:
            with guard("complete what was told of a run"):
                action()
        for key, (output, _) in list(self._outputs.items()):
            read = self._inputs.get(key)
            if read is not None and output.version is not None and read[0].version == output.version:
                del self._inputs[key]  # read back
        for found, told, written in ((inputs, self._inputs, False), (outputs, self._outputs, True)):
            if not found and not told:
                continue
            found[:] = [self._described(dataset, written) for dataset in found]
            files = {dataset.name: dataset for dataset in found}
            without = (
                "the file that it lies in had not changed when the step ended"
                if written
                else "written before by the same step"
            )
            parts = _folders_of_parts(told)
            for dataset, file in list(told.values()):
                if dataset.version is None and (dataset.namespace, dataset.name) in parts:
                    continue
                found.append(
                    self._described(dataset, written) if file is None else _within(dataset, files.get(file), without)
                )
        missing += self._missing
        missing += self.results.missing
        if self._too_many:
            missing.append(("datasets", f"more than {MAX_DATASETS} were told of"))

    def _described(self, dataset: DatasetRef, written: bool) -> DatasetRef:
        facts = self._facts.get((dataset.namespace, dataset.name, written))
        if facts is None:
            return dataset
        return replace(
            dataset,
            rows=facts.rows,
            fields=facts.fields,
            kind=facts.kind or dataset.kind,
            kind_source="inferred" if facts.kind else dataset.kind_source,
            type=facts.type or dataset.type,
            format=facts.format,
            framework=facts.framework,
            version=facts.version or dataset.version,
        )

    def _keep(self, kept: dict[Key, tuple[DatasetRef, str | None]], dataset: DatasetRef, within: str | None) -> None:
        key = dataset.namespace, dataset.name
        if len(kept) >= MAX_DATASETS and key not in kept:
            self._too_many = True
            return
        known = kept.setdefault(key, (dataset, within))[0]
        if dataset.version is None or dataset.version == known.version:
            return
        if known.version is None or kept is self._outputs:  # what is written last is what remains
            kept[key] = (dataset, within)
        else:
            self.misses(
                f"{dataset.namespace}/{dataset.name}", "read at more than one version, of which the first is named"
            )


def fields_of(pairs: Iterable[tuple[object, object]]) -> tuple[tuple[str, str], ...]:
    """Give names and types of fields; their values never."""
    return tuple((label_of(name), str(kind)) for name, kind in pairs)


def _folders_of_parts(told: Mapping[Key, tuple[DatasetRef, str | None]]) -> set[Key]:
    """Name the folders in stores of which parts were told with their versions; a store tells none of a folder."""
    folders: set[Key] = set()
    for namespace, name in [key for key, (dataset, _) in list(told.items()) if dataset.version and "://" in key[0]]:
        while name := name.rpartition("/")[0]:
            if (namespace, name) in folders:
                break
            folders.add((namespace, name))
    return folders


def _within(dataset: DatasetRef, file: DatasetRef | None, without: str) -> DatasetRef:
    """Give a table the digest of the file that it lies in as its version."""
    if file is None:
        return replace(dataset, weak=without)
    return replace(dataset, version=file.digest, weak=file.weak or dataset.weak)
