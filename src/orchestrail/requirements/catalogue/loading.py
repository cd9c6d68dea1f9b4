"""From the catalogue's file to its values."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import TypeAdapter

from orchestrail.requirements.catalogue.model import Catalogue, Requirement

_REQUIREMENTS = TypeAdapter(tuple[Requirement, ...])


@cache
def load_catalogue() -> Catalogue:
    """Read the catalogue that comes with this package."""
    content: dict[str, Any] = yaml.safe_load((files(__package__) / "eu-ai-act.yaml").read_text(encoding="utf-8"))
    requirements = _REQUIREMENTS.validate_python(content.pop("requirements"))
    named: dict[str, Any] = {**content, "checked_on": date.fromisoformat(str(content["checked_on"]))}
    canonical = json.dumps(_REQUIREMENTS.dump_python(requirements), sort_keys=True, separators=(",", ":"))
    head = json.dumps(named, sort_keys=True, default=str)
    digest = hashlib.sha256(f"{head}\n{canonical}".encode()).hexdigest()
    return Catalogue(**named, requirements=requirements, digest=f"sha256:{digest}")
