"""The catalogue of requirements: `eu-ai-act.yaml` and what reads it. It is data; how a requirement is judged is not known here."""

from orchestrail.requirements.catalogue.loading import load_catalogue
from orchestrail.requirements.catalogue.model import PROFILES, Article, Catalogue, Requirement

__all__ = ["PROFILES", "Article", "Catalogue", "Requirement", "load_catalogue"]
