"""From files to the catalogue in force: the one that comes with orchestrail, what plugins add, and what files of the settings say.

Only the files of the settings can leave out a requirement or lower its level, with a reason: what counts is a decision of whoever
keeps the record. All that differs is among the catalogue's changes, which every report tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from orchestrail import plugins
from orchestrail.errors import ConfigurationError
from orchestrail.requirements.catalogue.model import Catalogue, CatalogueFile, Change, ChangeKind, Requirement
from orchestrail.requirements.declared import problem_of
from orchestrail.requirements.located import Located, made, read, read_file

FILE: TypeAdapter[CatalogueFile] = TypeAdapter(CatalogueFile)
OWN = "eu-ai-act.yaml"
SCHEMA = "catalogue.schema.json"


@cache
def load_catalogue() -> Catalogue:
    """Read the catalogue that comes with this package."""
    own = made(FILE, read((files(__package__) / OWN).read_bytes(), OWN))
    if own.checked_on is None:
        raise ValueError(f"{OWN} does not say when it was checked")
    return sealed(Catalogue(own.id, own.version, own.title, own.checked_on, own.requirements, digest=""))


def catalogue_in_force(settings_files: Sequence[Path] = ()) -> Catalogue:
    """Put together the catalogue by which a record is judged.

    Args:
        settings_files: the files that the settings name, in their order.

    Raises:
        ConfigurationError: a file or a plugin cannot be used; names file, line and field, and says what is allowed.
    """
    catalogue = load_catalogue()
    for plugin, file in _files_of_plugins():
        content = read_file(file)
        added = made(FILE, content)
        if added.select.only or added.select.without or added.select.as_should:
            content.refuse(("select",), f"the plugin {plugin} selects; a file that the settings name can do that")
        catalogue = extended(catalogue, added, content)
    for file in settings_files:
        content = read_file(file)
        catalogue = extended(catalogue, made(FILE, content), content)
    lost = (
        Change("not_read", name, f"the plugin cannot be loaded: {why}", "") for name, why in plugins.failures.items()
    )
    return sealed(replace(catalogue, changes=(*catalogue.changes, *lost)))


def schema() -> dict[str, Any]:
    """Give the JSON schema of a catalogue's file, which is published beside it (`SCHEMA`)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:orchestrail:schema:catalogue:1-0-0",
        **FILE.json_schema(mode="validation"),
    }


def _files_of_plugins() -> Iterator[tuple[str, Path]]:
    plugins.load_installed()
    for plugin, answer in plugins.asked("register_requirements"):
        if not isinstance(answer, list | tuple) or any(not isinstance(file, Path) for file in answer):
            raise ConfigurationError(
                f"The plugin {plugin} cannot say which requirements it has.",
                f"Its register_requirements gave {type(answer).__name__}, and not a list of paths.",
                "Mend the plugin, or remove it.",
            )
        for file in answer:
            yield plugin, file


def extended(catalogue: Catalogue, file: CatalogueFile, content: Located) -> Catalogue:
    """Give a catalogue with what a file adds to it and changes in it.

    Args:
        catalogue: what is in force without the file.
        file: the file.
        content: the same, for messages.

    Raises:
        ConfigurationError: the file names what is not there, or adds what is.
    """
    return _Extension(catalogue, file, content).made()


class _Extension:
    def __init__(self, catalogue: Catalogue, file: CatalogueFile, content: Located) -> None:
        self._before, self._file, self._content = catalogue, file, content
        self._source = f"{file.id} {file.version}"
        self._now = {one.id: one for one in catalogue.requirements}
        self._limits = dict(catalogue.limits)
        self._changes: list[Change] = []

    def made(self) -> Catalogue:
        if self._file.id in self._before.id.split("+"):
            self._content.refuse(("id",), f"there is a catalogue {self._file.id} already", "a name of its own")
        self._add()
        self._tighten()
        self._limit()
        self._select()
        before, file = self._before, self._file
        return Catalogue(
            id=f"{before.id}+{file.id}",
            version=f"{before.version}+{file.version}",
            title=f"{before.title}; {file.title}",
            checked_on=before.checked_on,
            requirements=tuple(self._now.values()),
            digest="",
            limits=self._limits,
            changes=(*before.changes, *self._changes),
        )

    def _change(self, kind: ChangeKind, name: str, detail: str) -> None:
        self._changes.append(Change(kind, name, detail, self._source))

    def _known(self, requirement: str, *place: str | int) -> Requirement:
        if requirement not in self._now:
            self._content.refuse(place, f"there is no requirement {requirement}", ", ".join(self._now))
        return self._now[requirement]

    def _add(self) -> None:
        for number, one in enumerate(self._file.requirements):
            place = ("requirements", number)
            if one.id in self._now:
                self._content.refuse((*place, "id"), f"there is a requirement {one.id} already", "an id of its own")
            if one.check is None or one.mode != "auto":
                why = f"nothing decides {one.id}: what is added has a check, and the mode auto"
                self._content.refuse((*place, "mode" if one.check else "check"), why)
            for part in ("where", "require"):
                for position, condition in enumerate(getattr(one.check, part)):
                    if problem := problem_of(condition, one.scope):
                        self._content.refuse((*place, "check", part, position), problem)
            self._now[one.id] = one
            self._change("added", one.id, f"{one.level}: {one.title}")

    def _tighten(self) -> None:
        for number, one in enumerate(self._file.tighten):
            known = self._known(one.requirement, "tighten", number, "requirement")
            if one.level and known.level != one.level:
                self._now[one.requirement] = known = replace(known, level=one.level)
                self._change("tightened", one.requirement, "must, and not should")
            if one.profiles and len(one.profiles) < len(known.profiles):
                why = f"{one.requirement} is in more profiles already"
                self._content.refuse(("tighten", number, "profiles"), why, ", ".join(known.profiles))
            if one.profiles and one.profiles != known.profiles:
                self._now[one.requirement] = replace(known, profiles=one.profiles)
                self._change("tightened", one.requirement, f"counts in {', '.join(one.profiles)} too")

    def _limit(self) -> None:
        for name, value in self._file.limits.items():
            self._limits[name] = min(self._limits.get(name, value), value)
            self._change("limit", name, f"at most {value}")

    def _select(self) -> None:
        select = self._file.select
        for number, one in enumerate(select.as_should):
            known = self._known(one.requirement, "select", "as_should", number, "requirement")
            if known.level == "must":
                self._now[one.requirement] = replace(known, level="should")
                self._change("loosened", one.requirement, f"should, and not must: {one.reason}")
        left_out = {}
        for number, one in enumerate(select.without):
            self._known(one.requirement, "select", "without", number, "requirement")
            left_out[one.requirement] = one.reason
        if select.only:
            for number, name in enumerate(select.only.requirements):
                self._known(name, "select", "only", "requirements", number)
            rest = (name for name in self._now if name not in select.only.requirements)
            left_out |= {name: select.only.reason for name in rest if name not in left_out}
        for name, reason in left_out.items():
            del self._now[name]
            self._change("left_out", name, reason)


def sealed(catalogue: Catalogue) -> Catalogue:
    """Give a catalogue with the digest over all else that it says, in one form."""
    said = asdict(replace(catalogue, digest=""))
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return replace(catalogue, digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")
