from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from types import ModuleType

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


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to choose from, and a log in memory; the projections' tests use the same."""
    path = Path(__file__).parents[1] / "projections" / "made.py"
    spec = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def judged(made):
    """Record events and judge all of them by one requirement; gives the verdict."""

    def judge_one(requirement, *events, day=date(2026, 3, 1), store=None):
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        with log.read() as connection:
            circumstances = circumstances_of(connection, load_catalogue(), day, store)
            (verdict,) = judge(connection, everything(connection), [requirement], circumstances)
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
