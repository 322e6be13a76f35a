"""Model weights in Python, with explicit control over where every byte lives and when it leaves.

>>> import emel
>>> with emel.open("model.gguf") as model:  # doctest: +SKIP
...     weight = model["blk.0.attn_q.weight"]
"""

from emel.errors import (
    BusyError,
    ClosedError,
    EmelError,
    InvalidFileError,
    SourceError,
    UnsupportedError,
)
from emel.model import Model, open  # noqa: A004 - `emel.open` reads like the builtin, on purpose
from emel.tables import Residency, StateTotal, TensorInfo
from emel_model_loader import Digest, Progress

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "ClosedError",
    "Digest",
    "EmelError",
    "InvalidFileError",
    "Model",
    "Progress",
    "Residency",
    "SourceError",
    "StateTotal",
    "TensorInfo",
    "UnsupportedError",
    "open",
]
