"""Orchestrates one load: source, parse, bind, plan, load, publish. It opens no file itself."""

from emel_model_loader._machine import OPENING
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.digests import Digest, digest
from emel_model_loader.opening import open_checkpoint
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.progress import OnProgress, Progress

TABLES = (OPENING,)

__all__ = [
    "TABLES",
    "Checkpoint",
    "Digest",
    "Failure",
    "LoadOutcome",
    "OnProgress",
    "Progress",
    "digest",
    "open_checkpoint",
]
