"""The only owner of residency: which tensors are bound, loaded, mapped, released or evicted."""

from emel_model_tensor._lifecycle import LIFECYCLE
from emel_model_tensor._machine import REQUESTS
from emel_model_tensor.outcomes import Report, SetOutcome, TensorOutcome
from emel_model_tensor.tensors import STATES, LoadPlan, Snapshot, TensorSet

TABLES = (LIFECYCLE, REQUESTS)

__all__ = [
    "STATES",
    "TABLES",
    "LoadPlan",
    "Report",
    "SetOutcome",
    "Snapshot",
    "TensorOutcome",
    "TensorSet",
]
