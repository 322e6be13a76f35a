"""Model weights in Python, with explicit control over where every byte lives and when it leaves.

>>> import emel
>>> with emel.open("model.gguf") as model:
...     model["output.weight"].shape
(1024, 512)
"""

from emel.errors import (
    BusyError,
    ClosedError,
    EmelError,
    InvalidFileError,
    SourceError,
    UnsupportedError,
)
from emel.model import Model
from emel.opening import open  # noqa: A004 - `emel.open` reads like the builtin, on purpose
from emel.part import Part
from emel.tables import Residency, StateTotal, StrategyUse, TensorInfo
from emel_model_loader import Comparison, Difference, Digest, OnProgress, PartPlan, Progress

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "ClosedError",
    "Comparison",
    "Difference",
    "Digest",
    "EmelError",
    "InvalidFileError",
    "Model",
    "OnProgress",
    "Part",
    "PartPlan",
    "Progress",
    "Residency",
    "SourceError",
    "StateTotal",
    "StrategyUse",
    "TensorInfo",
    "UnsupportedError",
    "open",
]
