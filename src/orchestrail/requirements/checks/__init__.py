"""The evaluators, one module for each family of requirements; importing this package registers all of them."""

from orchestrail.requirements.checks import data, deployments, documentation, lineage, models, preparation, record, runs

__all__ = ["data", "deployments", "documentation", "lineage", "models", "preparation", "record", "runs"]
