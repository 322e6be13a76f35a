"""Orchestrates one load: source, parse, bind, plan, load, publish. It opens no file itself."""

from emel_model_loader._machine import OPENING
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.companions import Companions, Limits
from emel_model_loader.comparison import Comparison, Difference, compare, compare_digests
from emel_model_loader.digests import Digest, digest
from emel_model_loader.opening import open_checkpoint
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.parts import Index, PartPlan
from emel_model_loader.progress import OnProgress, Progress
from emel_model_loader.reading import dequantize, plan, read_into, read_part
from emel_model_loader.windows import Piece, stream

TABLES = (OPENING,)

__all__ = [
    "TABLES",
    "Checkpoint",
    "Companions",
    "Comparison",
    "Difference",
    "Digest",
    "Failure",
    "Index",
    "Limits",
    "LoadOutcome",
    "OnProgress",
    "PartPlan",
    "Piece",
    "Progress",
    "compare",
    "compare_digests",
    "dequantize",
    "digest",
    "open_checkpoint",
    "plan",
    "read_into",
    "read_part",
    "stream",
]
