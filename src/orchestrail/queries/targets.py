"""What a person points at: a file, a digest, the name of a data set or a run; and what the record knows under it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, func, select

from orchestrail.capture.digest import FileDigest, digest_file
from orchestrail.errors import AmbiguousRun, ConfigurationError, NotRecorded
from orchestrail.model import EMPTY, IN_MEMORY, DatasetRef, file_name
from orchestrail.projections import tables
from orchestrail.projections.chunks import chunks
from orchestrail.projections.rows import RunRow, Use
from orchestrail.projections.tables import use_row
from orchestrail.projections.texts import ends_with
from orchestrail.queries.beginnings import since_when
from orchestrail.queries.loading import load_runs
from orchestrail.queries.runs import find_run_or_none
from orchestrail.queries.words import FITTED, named_value

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})", re.IGNORECASE)
_DIGITS = 64
_SHOWN = 5

AFAR = "orchestrail_afar"
"""Execution option of a snapshot whose questions come from another machine: a path in them names no file of this one."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for.

    Attributes:
        given: as it was given.
        kind: `file`, `digest`, `dataset` or `run`.
        dataset: the data set; None for a run.
        run: the run; None for a data set.
        written: True where a recorded run wrote it.
    """

    given: str
    kind: str
    dataset: DatasetRef | None = None
    run: RunRow | None = None
    written: bool = False

    @property
    def is_name(self) -> bool:
        """Whether it is a name, that stands for all that bore it, and not one content."""
        return self.dataset is not None and (self.kind == "dataset" or self.dataset.digest is None)


def find_target(connection: Connection, given: str) -> Target:
    """Find what a person means by a target.

    Args:
        connection: a snapshot of the store.
        given: path of a file, `sha256:...` or the beginning of it, name of a data set (`namespace:name` too, and whatever
            name answers give it), or a RUN.

    Raises:
        NotRecorded: no recorded run has to do with it.
        AmbiguousRun: it fits more than one thing.
    """
    path, given = _path(connection, given), file_name(given)
    if path is not None and path.is_file():
        return _file(connection, given, path)
    if given.lower().startswith("sha256:"):
        return _digest(connection, given)
    # Before the names, which have to be gone through one by one: no data set is called by the whole id of a recorded run.
    if whole := load_runs(connection, [given.strip().lower()]):
        return Target(given, "run", run=next(iter(whole.values())))
    if found := _named(connection, given):
        return found
    if path is not None and path.is_dir():
        return _file(connection, given, path)
    run = find_run_or_none(connection, given)
    if run is not None:
        return Target(given, "run", run=run)
    if _DIGEST.fullmatch(given) and (found := _by_digest(connection, given, given)):
        return found
    raise NotRecorded(
        f"{given} is not produced by a recorded run.",
        f"There is no such file here, and the record has no data set, digest or run of that name. {since_when(connection)}",
        "Give a file, a sha256:... digest, the name of a data set, or a run ID; `orchestrail runs` lists the runs.",
    )


def require_version(connection: Connection, target: Target, version: str) -> None:
    """Require that a target is the name of a data set of which a version is on the record.

    Raises:
        ConfigurationError: it is no name.
        NotRecorded: no recorded run used that version of it.
    """
    use, dataset = tables.use.c, target.dataset
    if dataset is None or not target.is_name:
        why = "A run has none." if dataset is None else "A file and a digest stand for one content already."
        raise ConfigurationError("--version is of the name of a data set.", why, "Leave it out, or give the name.")
    named = use.namespace == dataset.namespace, use.name == dataset.name
    if not _latest(connection, *named, use.version == version):
        newest = select(use.version).where(*named, use.version.is_not(None)).group_by(use.version)
        known = list(connection.execute(newest.order_by(func.max(use.seq).desc()).limit(_SHOWN + 1)).scalars())
        listed = ", ".join(known[:_SHOWN]) + (" and more" if len(known) > _SHOWN else "")
        raise NotRecorded(
            f"No recorded run used version {version} of {target.given}.",
            f"On the record, the newest first: {listed}." if known else "No version of it is on the record.",
            "Give a version whole, as it was recorded.",
        )


def _file(connection: Connection, given: str, path: Path) -> Target:
    found = _digest_of(path)
    if found is None or found.digest is None:
        why = f"{found.weak}." if found and found.weak else ""
        raise ConfigurationError(f"{given} cannot be read.", why, "See who owns the file, or give its digest.")
    name = file_name(os.path.normpath(path.absolute()))
    columns = tables.use.c
    equal, here = columns.digest == found.digest, columns.name == name
    if last := _latest(connection, equal, here):
        meant = and_(equal, here) if last.dataset.is_empty else equal
        return Target(given, "file", last.dataset, written=_is_written(connection, meant))
    if found.digest not in EMPTY and (last := _latest(connection, equal)):
        return Target(given, "file", _elsewhere(last.dataset, name, found.size), written=last.direction == "output")
    under = here, columns.namespace == "file"
    if last := _latest(connection, *under, columns.digest.is_(None)):
        return Target(given, "file", last.dataset, written=last.direction == "output")
    short = f"{found.digest[:19]}..."
    if _latest(connection, *under):
        why = f"Runs are recorded that used a file of this name, but with other contents; this one has {short}"
        do = f"It was changed or replaced since. `file:{name}` in its place asks about what is on the record of that name."
        raise NotRecorded(f"{given} is not produced by a recorded run.", f"{why}.", do)
    why = f"No recorded run read or wrote its contents ({short}), nor a file of its name."
    if found.digest in EMPTY:
        why = "No recorded run read or wrote a file of its name, and it is empty, which tells it from no other."
    do = "What was made before that is not on it. See `orchestrail doctor`, if a recorded run should have made it."
    raise NotRecorded(f"{given} is not produced by a recorded run.", f"{why} {since_when(connection)}", do)


def _elsewhere(known: DatasetRef, name: str, size: int) -> DatasetRef:
    """Give what is known of equal bytes to a file that no run used under this name."""
    return DatasetRef(
        "file", name, digest=known.digest, kind=known.kind, bytes=size, format=known.format, framework=known.framework
    )


def _path(connection: Connection, given: str) -> Path | None:
    """Take what was given for a path of this machine; None where it cannot be one."""
    if connection.get_execution_options().get(AFAR):
        return None
    try:
        path = Path(given).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError):
        return None
    return path


def _digest_of(path: Path) -> FileDigest | None:
    return digest_file(path, max_bytes=sys.maxsize)


def _digest(connection: Connection, given: str) -> Target:
    match = _DIGEST.fullmatch(given)
    found = _by_digest(connection, given, match[1]) if match else None
    if found is None:
        why = (
            "No recorded run read or wrote such contents." if match else "It is no SHA-256 digest, nor 8 digits of one."
        )
        why = f"{why} {since_when(connection)}"
        raise NotRecorded(f"{given} is not produced by a recorded run.", why, "Compare it with `sha256sum FILE`.")
    return found


def _by_digest(connection: Connection, given: str, digits: str) -> Target | None:
    wanted = f"sha256:{digits.lower()}"
    columns = tables.use.c
    if len(digits) == _DIGITS:
        return _last(connection, given, "digest", columns.digest == wanted)
    fitting = and_(columns.digest >= wanted, columns.digest <= wanted + "g")
    query = select(columns.digest).where(fitting).distinct().order_by(columns.digest).limit(_SHOWN + 1)
    digests = list(connection.execute(query).scalars())
    if not digests:
        return None
    if len(digests) > 1:
        raise AmbiguousRun(f"{given!r} fits several digests.", f"{'; '.join(digests)}.", "Give more of it.")
    return _last(connection, given, "digest", columns.digest == digests[0])


def _named(connection: Connection, given: str) -> Target | None:
    """Find a data set by its whole name, by the path that the name stands for here, as answers name it, or by the end of a name."""
    columns = tables.use.c
    names = _whole(connection, given)
    if not names and (found := _value(connection, given) or _keyed(connection, given)):
        return found
    names = names or _names(connection, ends_with(columns.name, f"/{given}"))
    if len(names) > 1:
        shown = "; ".join(f"{namespace}:{name}" for namespace, name in names[:_SHOWN])
        raise AmbiguousRun(f"{given!r} fits {len(names)} data sets.", f"{shown}.", "Give more of the name.")
    for namespace, name in names:
        return _last(connection, given, "dataset", columns.name == name, columns.namespace == namespace)
    return None


def _value(connection: Connection, given: str) -> Target | None:
    """Find what lay in memory by the words that answers have for it; a run may have handed on a value and a fitted state."""
    columns = tables.use.c
    if (named := named_value(given)) is None:
        return None
    name, fitted = named
    kind = columns.type == FITTED if fitted else columns.type.is_distinct_from(FITTED)
    return _last(connection, given, "dataset", columns.namespace == IN_MEMORY, columns.name == name, kind)


def _keyed(connection: Connection, given: str) -> Target | None:
    """Find one content by the key that verdicts and documents have for it: `namespace:name@sha256:...`."""
    columns = tables.use.c
    key, _, digest = given.rpartition("@")
    if not digest.startswith("sha256:"):
        return None
    for namespace, name in _whole(connection, key):
        named = columns.namespace == namespace, columns.name == name
        if found := _last(connection, given, "digest", *named, columns.digest == digest):
            return found
    return None


def _whole(connection: Connection, given: str) -> list[tuple[str, str]]:
    """Find the names that somebody gave whole: alone, or behind a namespace and `:` or `/`, or as a path of this machine."""
    path = _path(connection, given)
    file = os.path.normpath(path.absolute() if path else given)
    parted = {(given[:place], given[place + 1 :]) for place, sign in enumerate(given) if sign in ":/"} | {
        ("file", file)
    }
    wanted = dict.fromkeys([given, *(name for _, name in parted)])
    found = [each for chunk in chunks(wanted) for each in _names(connection, tables.use.c.name.in_(chunk))]
    return sorted(each for each in found if each[1] == given or each in parted)


def _names(connection: Connection, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    columns = tables.use.c
    query = (
        select(columns.namespace, columns.name).where(condition).distinct().order_by(columns.namespace, columns.name)
    )
    return [(namespace, name) for namespace, name in connection.execute(query)]


def _last(connection: Connection, given: str, kind: str, *conditions: ColumnElement[bool]) -> Target | None:
    last = _latest(connection, *conditions)
    return Target(given, kind, last.dataset, written=last.direction == "output") if last else None


def _latest(connection: Connection, *conditions: ColumnElement[bool]) -> Use | None:
    """Take what was written last; where nothing was written, what was read last. One data set may have been used by every run."""
    use = tables.use.c
    newest = use.seq.desc(), use.run_id.desc(), use.direction.desc(), use.place.desc()
    for direction in ("output", "input"):
        query = select(tables.use).where(use.direction == direction, *conditions).order_by(*newest).limit(1)
        if (row := connection.execute(query).mappings().first()) is not None:
            return use_row(row)
    return None


def _is_written(connection: Connection, condition: ColumnElement[bool]) -> bool:
    query = select(tables.use.c.run_id).where(tables.use.c.direction == "output", condition)
    return connection.execute(query.limit(1)).first() is not None
