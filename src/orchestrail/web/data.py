"""Models and data sets: what wrote and read them, which contents a name stood for, and of a model what is judged and stated."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Query

from orchestrail.errors import AmbiguousRun, ConfigurationError, NotRecorded, UnknownRun
from orchestrail.model import DatasetRef
from orchestrail.operations.checking import Question
from orchestrail.queries.beginnings import since_when
from orchestrail.queries.datasets import LOOKED_AT
from orchestrail.queries.datasets import datasets as find_datasets
from orchestrail.queries.loading import content_key, dataset_key
from orchestrail.queries.meetings import contents, met
from orchestrail.queries.models import model, predecessor
from orchestrail.queries.overview import latest_models, place_of_mark
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.statements import statements
from orchestrail.queries.targets import find_target
from orchestrail.queries.times import today
from orchestrail.queries.withdrawals import withdrawals
from orchestrail.requirements.verdicts import ORDER, Status
from orchestrail.web import addresses
from orchestrail.web.addresses import Address
from orchestrail.web.judging import Judge

PAGE = 50
"""Models, or data sets, on one page."""
KINDS = ("data", "model")
_JOBS = 3
"""Jobs that are named beside a data set."""
_Text = Annotated[str | None, Query(max_length=addresses.LONGEST)]
_MET = 200
_CONTENTS = 100
_SHA256 = re.compile(r"(?:sha256:)?[0-9a-f]{64}", re.IGNORECASE)


def models(record: Snapshot, before: str | None) -> dict[str, Any]:
    """Give a page of the list of models, the newest first; `before` is the mark of the last one of the page before.

    Raises:
        NotRecorded: no recorded run wrote a model of that mark.
    """
    place = place_of_mark(record, before) if before else None
    if before and place is None:
        raise NotRecorded(
            "There is no such page.", "Nothing on the record has the mark of its beginning.", "See /models."
        )
    found = latest_models(record, PAGE, place)
    following = addresses.models(before=found[-1].mark) if len(found) == PAGE else None
    return {"rows": found, "following": following, "newest": addresses.models() if before else None}


@dataclass
class Wanted:
    """What is asked of the list of data sets: its filters, and after which name a page begins."""

    kind: Annotated[str | None, Query(pattern=f"^({'|'.join(KINDS)}|)$")] = None
    namespace: _Text = None
    name: _Text = None
    after: _Text = None
    after_namespace: _Text = None


def datasets(record: Snapshot, wanted: Wanted) -> dict[str, Any]:
    """Give a page of the list of data sets, by name."""
    asked = {"kind": wanted.kind, "namespace": wanted.namespace, "name": wanted.name}
    after = (wanted.after, wanted.after_namespace or "") if wanted.after is not None else None
    found = find_datasets(
        record,
        PAGE + 1,
        kind=wanted.kind or None,
        namespace=wanted.namespace or None,
        name=wanted.name or None,
        after=after,
    )
    rows = found[:PAGE]
    # A page that ends with a name too long for an address begins anew after the last one that is not.
    ends = (addresses.datasets(**asked, after=each.name, after_namespace=each.namespace) for each in reversed(rows))
    following = next(filter(None, ends), None) if len(found) > PAGE else None
    return {
        "rows": rows,
        "wanted": wanted,
        "kinds": KINDS,
        "looked_at": LOOKED_AT,
        "shown_jobs": _JOBS,
        "first": addresses.datasets(**asked) if after is not None else None,
        "following": following,
        "cut": len(found) > PAGE and following is None,
    }


def meant(record: Snapshot, given: str) -> str:
    """Give what somebody wrote without the space around it, which belongs to a few names."""
    stripped = given.strip()
    if stripped == given:
        return given
    try:
        find_target(record, given)
    except (AmbiguousRun, NotRecorded, UnknownRun):
        return stripped
    return given


def address_of(record: Snapshot, asked: str) -> Address:
    """Give the page of whatever somebody has in hand: a digest, the name of a data set or a run.

    Raises:
        NotRecorded: no recorded run has to do with it.
        AmbiguousRun: it fits more than one thing.
        ConfigurationError: it bears a name that is too long for an address.
    """
    given = meant(record, asked)
    whole = f"sha256:{given.lower().removeprefix('sha256:')}" if _SHA256.fullmatch(given) else given
    target = find_target(record, whole)
    if target.run is not None:
        return addresses.run(target.run.run_id)
    assert target.dataset is not None  # noqa: S101 - it is a run or a data set
    if address := addresses.data(target.dataset):
        return address
    raise ConfigurationError(
        "What was found has no page.", "Its name is too long for an address.", "Ask `orchestrail trace` about it."
    )


def find_digest(record: Snapshot, given: str) -> DatasetRef:
    """Find a data set by its digest, or the beginning of one.

    Raises:
        NotRecorded: no recorded run read or wrote such contents.
        AmbiguousRun: it fits several.
    """
    target = find_target(record, f"sha256:{given.lower().removeprefix('sha256:')}")
    assert target.dataset is not None  # noqa: S101 - a digest names a data set
    return target.dataset


def find_named(record: Snapshot, wanted: DatasetRef) -> DatasetRef:
    """Find a data set that has no digest, as it was met last; where no version is named, any content of the name.

    Raises:
        NotRecorded: no recorded run read or wrote it.
    """
    found = met(record, wanted, _MET)
    if found:
        return found[-1].dataset
    for content in contents(record, wanted.namespace, wanted.name, 1):
        if wanted.version is None:
            return DatasetRef(wanted.namespace, wanted.name, version=content.version, digest=content.digest)
    raise NotRecorded(
        f"{wanted.namespace}:{wanted.name} is not on the record.",
        f"No recorded run read or wrote it. {since_when(record)}",
        "Look it up by a digest, a name or the end of one.",
    )


def one(record: Snapshot, dataset: DatasetRef, judge: Judge, systems: frozenset[str] | None) -> dict[str, Any]:
    """Give all that is known of a data set, by all systems or by some."""
    uses = met(record, dataset, _MET + 1)
    names = {(use.dataset.namespace, use.dataset.name): use.dataset for use in uses}
    if names:  # equal bytes bear several names: it is called by the first under which it was met
        namespace, name = next(iter(names))
        dataset = replace(dataset, namespace=namespace, name=name)
    is_model = any(use.dataset.kind == "model" for use in uses)
    found = model(record, content_key(dataset) or dataset_key(dataset)) if is_model else None
    standing, report = None, None
    if found is not None and dataset.digest:
        standing = judge.standing(Question(dataset.digest, None, "release", today(), afar=True, systems=systems))
        report = standing.report
    not_green = (
        report.having(*(status for status in ORDER if status not in (Status.PASS, Status.NOT_APPLICABLE)))
        if report
        else []
    )
    not_green.sort(key=lambda each: ORDER.index(each[1].status))
    counts = [(status.value, len(report.having(status))) for status in ORDER] if report else []
    earlier = predecessor(record, found.making) if found is not None else None
    return {
        "dataset": dataset,
        "target": dataset.digest or f"{dataset.namespace}:{dataset.name}",
        "is_model": is_model,
        "writers": [use for use in uses[:_MET] if use.direction == "output"],
        "readers": [use for use in uses[:_MET] if use.direction == "input"],
        "more": len(uses) > _MET,
        "names": list(names.values()),
        "contents": contents(record, dataset.namespace, dataset.name, _CONTENTS),
        "withdrawn": [each.row for each in withdrawals(record) if each.covers(dataset)],
        "model": found,
        "predecessor": earlier.dataset.digest if earlier is not None else None,
        "standing": standing,
        "report": report,
        "not_green": not_green,
        "counts": counts,
        "stated": statements(record, today(), digest=dataset.digest) if dataset.digest else [],
    }
