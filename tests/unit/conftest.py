from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# A busy machine is no mistake of the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """Events to choose from, and a log in memory: `projections/made.py`."""
    path = Path(__file__).parent / "projections" / "made.py"
    spec = importlib.util.spec_from_file_location("made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
