"""pydantic's secrets, which Prefect's blocks and many settings hold: what is taken out of one is known as secret from then on.

Nothing is told of it. It is taken out of what is recorded later, wherever it stands then: under a name that tells nothing, within a
text, in an error.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches
from orchestrail.guard import guard
from orchestrail.parameters import remember_all


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the one method by which a value is had."""
    for name in ("Secret", "SecretBytes", "SecretStr"):
        if hasattr(module, name):  # `Secret` came with pydantic 2.7
            patches.replace(getattr(module, name), "get_secret_value", _taking_out)


def _taking_out(original: Any) -> Any:
    """Have what is taken out remembered, outside runs too: one that is to come may be given it."""

    @functools.wraps(original)
    def get_secret_value(self: Any) -> Any:
        value = original(self)
        with guard("remember a secret"):
            remember_all(value)
        return value

    return get_secret_value
