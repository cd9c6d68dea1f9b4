"""Facets: where each is specified, and how one is stamped. Which facts go into which facet is `orchestrail.events.build`'s matter.

Ours follow OpenLineage's naming for custom facets: key `orchestrail_<name>`, and an immutable, versioned schema address. It is a
URN: the project holds no domain, and an address that nobody controls cannot be promised to stay. The schemas are in `schemas/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
JOB_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent"
PRODUCER_PREFIX = "urn:orchestrail:"

_STANDARD = {
    "parent": ("1-2-0", "ParentRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "jobDependencies": ("1-0-1", "JobDependenciesRunFacet"),
    "executionParameters": ("1-0-0", "ExecutionParametersRunFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "test": ("1-0-1", "TestRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "sourceCodeLocation": ("1-1-0", "SourceCodeLocationJobFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "datasetType": ("1-0-1", "DatasetTypeDatasetFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "inputStatistics": ("1-0-0", "InputStatisticsInputDatasetFacet"),
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
    "dataQualityMetrics": ("1-0-3", "DataQualityMetricsInputDatasetFacet"),
    "dataQualityMetrics of an output": ("1-0-0", "DataQualityMetricsDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
}
_RUN_TAGS = ("1-0-0", "TagsRunFacet")

_CAPITAL = re.compile("[A-Z]")

OURS = (
    "orchestrail_run",
    "orchestrail_requirements",
    "orchestrail_capabilities",
    "orchestrail_step",
    "orchestrail_code",
    "orchestrail_parameters",
    "orchestrail_environment",
    "orchestrail_execution",
    "orchestrail_metrics",
    "orchestrail_checks",
    "orchestrail_serving",
    "orchestrail_inferred",
    "orchestrail_capture",
    "orchestrail_dataset",
    "orchestrail_reconciliation",
    "orchestrail_statement",
    "orchestrail_persons",
    "orchestrail_withdrawal",
    "orchestrail_manifest",
    "orchestrail_scan",
    "orchestrail_resolution",
    "orchestrail_document",
    "orchestrail_recovery",
    "orchestrail_erasure",
)


def producer(adapter: str, version: str) -> str:
    """Name the producer of an event: `urn:orchestrail:<adapter>:<version>`."""
    return f"{PRODUCER_PREFIX}{adapter}:{version}"


def facet(key: str, body: Mapping[str, Any], by: str, *, where: str = "") -> dict[str, Any]:
    """Stamp a facet with its producer and the address of its schema.

    Args:
        key: the facet's key, standard or ours.
        body: its fields.
        by: URI of the producer.
        where: of what it is a facet, where one key has another schema there.
    """
    return {"_producer": by, "_schemaURL": schema_url(f"{key} of {where}" if where else key), **body}


def field_name(name: str) -> str:
    """Write a name as the fields of facets have it: `read_at` is `readAt`."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def plain_names(value: Any) -> Any:
    """Write the fields of a facet as names: `readAt` is `read_at`, at any depth."""
    if isinstance(value, dict):
        return {_CAPITAL.sub(lambda found: f"_{found[0].lower()}", name): plain_names(v) for name, v in value.items()}
    return [plain_names(member) for member in value] if isinstance(value, list) else value


@cache
def schema_url(key: str) -> str:
    """Give the address of a facet's schema."""
    if key in OURS:
        return f"{PRODUCER_PREFIX}facet:{key}:1-0-0"
    version, name = _RUN_TAGS if key == "tags" else _STANDARD[key]
    return f"https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"


@cache
def schema(key: str) -> dict[str, Any]:
    """Read the JSON schema of one of our facets, as published."""
    text = resources.files("orchestrail.events").joinpath("schemas", f"{key}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
