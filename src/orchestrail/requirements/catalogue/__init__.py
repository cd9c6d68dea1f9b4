"""The catalogue of requirements: `eu-ai-act.yaml` and what reads it. It is data; how a requirement is judged is not known here."""

from orchestrail.requirements.catalogue.forms import PROFILES
from orchestrail.requirements.catalogue.loading import catalogue_in_force, load_catalogue
from orchestrail.requirements.catalogue.model import Article, Catalogue, Change, Requirement

__all__ = ["PROFILES", "Article", "Catalogue", "Change", "Requirement", "catalogue_in_force", "load_catalogue"]
