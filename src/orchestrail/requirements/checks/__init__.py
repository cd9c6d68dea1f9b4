"""The evaluators, one module for each family of requirements; importing this package registers all of them."""

from orchestrail.requirements.checks import runs

__all__ = ["runs"]
