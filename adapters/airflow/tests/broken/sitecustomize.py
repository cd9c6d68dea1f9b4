"""Put first on PYTHONPATH, this makes every hook of the adapter's listener raise, without and within its guard.

Which of the two is said by `BROKEN`: `listener` lets the exception out into Airflow, `recording` leaves it to the guard.
"""

import importlib.abc
import importlib.util
import os
import sys
from types import ModuleType

NAME = f"orchestrail_airflow.{os.environ['BROKEN']}"


def breaks(*arguments: object, **named: object) -> None:
    """Stand in for a method of ours."""
    raise RuntimeError("broken on purpose")


class Breaker(importlib.abc.MetaPathFinder):
    """Breaks the module when it is loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Find the module as always, and remember to break it."""
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            if NAME.endswith("listener"):
                module.guard = breaks
            else:
                for method in ("dag_run_begins", "dag_run_ended", "task_begins", "task_ended", "task_left"):
                    setattr(module.Recording, method, breaks)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Breaker())
