from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import date

import pytest

from orchestrail.manifest import Manifest
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.queries.scopes import everything
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.judging import circumstances_of, judge
from orchestrail.statements.content import content_of
from orchestrail.statements.signatures import sign

ABOUT = Job("bank", "orchestrail.test")


@pytest.fixture
def given():
    """The verdicts that a test is given, in their order."""
    return []


@pytest.fixture
def judged(made, given):
    """Record events and judge all of them by one requirement; gives the verdict."""

    def judge_one(requirement, *events, day=date(2026, 3, 1), store=None):
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        with log.read() as connection:
            circumstances = circumstances_of(connection, load_catalogue(), day, store)
            (verdict,) = judge(connection, everything(connection), [requirement], circumstances)
        given.append(verdict)
        return verdict

    return judge_one


@pytest.fixture
def stated():
    """The event of a manifest."""

    def record(said):
        manifest = Manifest.model_validate(said)
        facet = {"digest": manifest.digest, "by": "somebody", **manifest.document()}
        return json.loads(own_record("orchestrail_manifest", facet, "manifest", ABOUT).body)

    return record


@pytest.fixture
def attested(made):
    """The event of what a person states, waives or withdraws."""

    def record(requirement, kind, name, digest, *, key=None, **changes):
        content = content_of(
            {
                "kind": "statement",
                "about": [requirement],
                "subject": {"kind": kind, "name": name, "digest": digest},
                "by": "dana",
                "role": "data_steward",
                "madeAt": made.at(10),
                "validUntil": "2026-06-01",
                "statement": "Collected by the branches in 2025.",
            }
            | changes
        )
        signed = [{"keyid": one.keyid, "value": one.value} for one in ([sign(content, key)] if key else [])]
        return made.record("orchestrail_statement", **content.document(), signatures=signed)

    return record


@pytest.fixture
def as_written(request, given):
    """Hold all that the verdicts of a test say, witnesses and labels too, against what is kept of it beside the test.

    `WRITE_VERDICTS=1` writes it anew; what it says then is to be read before it is kept.
    """
    yield
    file = request.path.parent / "said" / f"{request.path.stem}.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    said = json.loads(json.dumps([asdict(verdict) for verdict in given]))
    if os.environ.get("WRITE_VERDICTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(kept | {request.node.name: said}, indent=1, sort_keys=True) + "\n")
    else:
        assert said == kept.get(request.node.name)
