"""The manifest of the settings file onto the record, and what it says otherwise than the record. It is judged by elsewhere."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrail.manifest import Manifest, manifest_of_file, unusable
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.pseudonyms import person
from orchestrail.queries.manifests import ManifestRow, manifest_in_force
from orchestrail.requirements.catalogue import catalogue_in_force, load_catalogue
from orchestrail.requirements.catalogue.annex import annex_iv
from orchestrail.settings import Settings, load_settings, settings_file
from orchestrail.store.base import Store

SOURCE = "manifest"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that file and record say differently.

    Attributes:
        place: where in the manifest: `systems.scoring.purpose`.
        file: what the file says; None where it says nothing.
        recorded: what the record says.
    """

    place: str
    file: Any
    recorded: Any


def manifest_here() -> tuple[Path | None, Manifest]:
    """Read the manifest of the settings file; a requirement that it names is one of the catalogue.

    Raises:
        ConfigurationError: the file cannot be read, or a table in it cannot be used.
    """
    file, tables = settings_file()
    manifest = manifest_of_file(file, tables)
    known = _requirements() if manifest.not_applicable else {}
    for number, one in enumerate(manifest.not_applicable, 1):
        if one.requirement not in known:
            place = f"not_applicable[{number}].requirement"
            raise unusable(file, place, f"There is no requirement {one.requirement}", ", ".join(known))
    return file, manifest


def _requirements() -> dict[str, None]:
    """Name the requirements that there are, those that the settings leave out included, and the points that may not apply."""
    catalogues = (load_catalogue(), catalogue_in_force(load_settings().catalogue))
    names = [requirement.id for catalogue in catalogues for requirement in catalogue.requirements]
    return dict.fromkeys([*names, *(point.name for point in annex_iv().points if point.may_not_apply)])


def record_manifest(settings: Settings, store: Store, manifest: Manifest) -> tuple[ManifestRow, bool]:
    """Put a manifest on the record, unless it is the one that is in force.

    Returns:
        The manifest in force, and whether it was put there now.

    Raises:
        StoreError: the store cannot be written.
    """
    apply(store)
    with store.read() as connection:
        before = manifest_in_force(connection)
    if before is not None and before.digest == manifest.digest:
        return before, False
    said = {"systems": [], "not_applicable": [], "fields": [], **manifest.document()}
    by = person(settings.home, "user", getpass.getuser())
    about = Job(settings.namespace, "orchestrail.manifest")
    store.append([own_record("orchestrail_manifest", {"digest": manifest.digest, "by": by, **said}, SOURCE, about)])
    apply(store)
    with store.read() as connection:
        now = manifest_in_force(connection)
    if now is None:
        raise AssertionError("a manifest that was just recorded is not found")
    return now, True


def differences(file: Manifest, recorded: Manifest | None) -> list[Difference]:
    """Give what two manifests say differently, by place."""
    here = dict(_flat("", _by_name(file.document())))
    there = dict(_flat("", _by_name(recorded.document()))) if recorded is not None else {}
    places = sorted(here.keys() | there.keys())
    told = (Difference(place, here.get(place), there.get(place)) for place in places)
    return [one for one in told if one.file != one.recorded]


def _by_name(document: dict[str, Any]) -> dict[str, Any]:
    """Write systems and pipelines under their names, as the file has them."""
    systems = {
        one["name"]: {name: value for name, value in one.items() if name != "name"} for one in document["systems"]
    }
    for system in systems.values():
        if "pipelines" in system:
            system["pipelines"] = {one["job"]: {**one, "job": None} for one in system["pipelines"]}
    return document | {"systems": systems}


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _flat(f"{place}.{name}" if place else name, member)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, member in enumerate(value, 1):
            yield from _flat(f"{place}[{number}]", member)
    elif value not in (None, []):
        yield place, value
