"""Put first on PYTHONPATH, this hides the adapter from Airflow: the control that its results are compared with."""

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import importlib_metadata


def hide(module: Any) -> None:
    """Leave the adapter's distribution out of what a module finds installed."""
    found = module.distributions

    def distributions(**arguments: Any) -> Iterator[Any]:
        return (one for one in found(**arguments) if one.metadata["Name"] != "orchestrail-airflow")

    module.distributions = distributions


hide(importlib.metadata)
hide(importlib_metadata)
