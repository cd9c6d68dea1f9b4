"""The public words of orchestrail, and nothing else. Everything that is not named here may move."""

__version__ = "0.1.0"

from orchestrail.api import (
    current_run,
    preprocessing,
    record_check,
    record_input,
    record_metric,
    record_output,
    step,
)
from orchestrail.errors import OrchestrailError, RequirementNotMet
from orchestrail.model import DatasetRef, RunRef
from orchestrail.service import serving

__all__ = [
    "DatasetRef",
    "OrchestrailError",
    "RequirementNotMet",
    "RunRef",
    "__version__",
    "current_run",
    "preprocessing",
    "record_check",
    "record_input",
    "record_metric",
    "record_output",
    "serving",
    "step",
]
