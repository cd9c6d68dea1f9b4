"""Put first on PYTHONPATH, this hides the adapter from Airflow: the control that its results are compared with."""

import importlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def hide(module: Any) -> None:
    """Leave the adapter's distribution out of what a module finds installed."""
    found = module.distributions

    def distributions(**arguments: Any) -> Iterator[Any]:
        return (one for one in found(**arguments) if one.metadata["Name"] != "orchestrail-airflow")

    module.distributions = distributions


# Airflow asks the one or the other, by the version of Python.
for name in ("importlib.metadata", "importlib_metadata"):
    with suppress(ImportError):
        hide(importlib.import_module(name))
