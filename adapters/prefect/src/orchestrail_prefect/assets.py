"""Prefect's assets as data sets: what a task says that it makes and depends on. They are names, of which nobody read the content.

Prefect emits its asset events after the end of the task run that they are about, so they are taken from where it takes them: the
asset context (`prefect.context`), at that end. Whether a run took them over from a cache is the record's matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from prefect.assets import Asset
from prefect.context import AssetContext

from orchestrail.adapter import DatasetRef, OpenRun, State, dataset_of

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_COUNTS = {"rows": ("rows", "row_count", "num_rows"), "bytes": ("bytes", "size_bytes", "size")}


def state_assets(run: OpenRun, context: AssetContext, end: State) -> dict[str, str]:
    """State what a task run read and wrote by its assets.

    A failed run has made none of them. A task that only depends on assets reads them, as one that makes others of them does.

    Args:
        run: the task's open run.
        context: Prefect's, at the end of the run.
        end: how it ended.

    Returns:
        Further facts of the run: the tool that made the assets, where `by=` names one.
    """
    read = set(context.direct_asset_dependencies)
    if context.downstream_assets:
        read |= context.upstream_assets
    run.inputs.extend(dataset_of(asset.key) for asset in _in_order(read))
    if end is State.COMPLETE:
        made = _in_order(context.downstream_assets)
        run.outputs.extend(described(asset.key, context.materialization_metadata.get(asset.key)) for asset in made)
    return {"materializedBy": context.materialized_by} if context.materialized_by else {}


def described(key: str, metadata: Mapping[str, Any] | None) -> DatasetRef:
    """Give an asset as a data set, with the facts among what `add_asset_metadata` said that the record has a place for.

    Args:
        key: the asset's key, a URL.
        metadata: any names and values; rows, bytes, version and digest are taken, the rest may be data and is left.
    """
    dataset, said = dataset_of(key), metadata or {}
    counts = {field: _count(said.get(name) for name in names) for field, names in _COUNTS.items()}
    version = said.get("version")
    dataset = replace(
        dataset,
        version=str(version) if type(version) in (str, int) else dataset.version,
        rows=counts["rows"] if counts["rows"] is not None else dataset.rows,
        bytes=counts["bytes"] if counts["bytes"] is not None else dataset.bytes,
    )
    digest = _DIGEST.fullmatch(str(said.get("digest") or said.get("sha256") or ""))
    if dataset.digest is None and digest is not None:
        dataset = replace(dataset, digest=f"sha256:{digest[1]}", weak="the digest is as the task states it")
    return dataset


def _count(values: Iterable[Any]) -> int | None:
    return next((value for value in values if type(value) is int and value >= 0), None)


def _in_order(assets: Iterable[Asset]) -> list[Asset]:
    return sorted(assets, key=lambda asset: asset.key)
