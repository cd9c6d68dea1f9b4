"""The evaluators, one module for each family of requirements; importing this package registers all of them."""

from orchestrail.requirements.checks import deployments, lineage, models, preparation, runs

__all__ = ["deployments", "lineage", "models", "preparation", "runs"]
