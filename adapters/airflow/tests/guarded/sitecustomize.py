"""Put first on PYTHONPATH, this writes down who uses Airflow's scoped session, its Connections and its Variables: us, or another.

A line in the file that `GUARDED` names for each use: what, and `ours` where a function of the adapter is among the callers.
"""

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

PLACES = {
    "sqlalchemy.util._collections": [("ScopedRegistry", "__call__"), ("ThreadLocalRegistry", "__call__")],
    "airflow.models.connection": [("Connection", "get_connection_from_secrets")],
    "airflow.models.variable": [("Variable", "get"), ("Variable", "get_variable_from_secrets")],
    "airflow.sdk.execution_time.context": [(None, "_get_connection"), (None, "_get_variable")],
}


def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the function, which writes down that it is called."""

    def call(*arguments: Any, **named: Any) -> Any:
        frame = sys._getframe(1)
        who = "other"
        while frame is not None:
            if f"{os.sep}orchestrail_airflow{os.sep}" in frame.f_code.co_filename:
                who = "ours"
                break
            frame = frame.f_back
        with Path(os.environ["GUARDED"]).open("a") as file:
            file.write(f"{name} {who}\n")
        return function(*arguments, **named)

    return call


def watch(module: ModuleType) -> None:
    """Watch the places of a module, where this version has them."""
    for owner, name in PLACES[module.__name__]:
        place: Any = getattr(module, owner, None) if owner else module
        found = vars(place).get(name) if place is not None else None
        if isinstance(found, (staticmethod, classmethod)):
            setattr(place, name, type(found)(watched(f"{owner}.{name}", found.__func__)))
        elif found is not None:
            setattr(place, name, watched(f"{owner}.{name}", found))


class Watcher(importlib.abc.MetaPathFinder):
    """Watches the modules when they are loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Find a module as always, and remember to watch it."""
        if name not in PLACES:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            watch(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Watcher())
