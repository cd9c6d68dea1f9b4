"""The kinds of units that evaluators are for, and how those of a scope come out of the record, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrail.queries.facts import Process, processes
from orchestrail.queries.models import Deployment, Model, deployments, models
from orchestrail.queries.scopes import Scope
from orchestrail.queries.snapshot import Snapshot

UNITS: dict[type, Callable[[Snapshot, Scope], Iterator[Any]]] = {
    Process: lambda record, scope: processes(record, scope.processes),
    Model: lambda record, scope: models(record, scope.models),
    Deployment: lambda record, scope: deployments(record, scope.deployments),
}
"""For each kind, what gives its units in a scope."""
