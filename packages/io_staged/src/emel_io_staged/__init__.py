"""Moves spans of files through a bounded ring of staging buffers, with a transform on the way."""

from emel_io_staged._batch import BATCH
from emel_io_staged._machine import STAGE
from emel_io_staged._platform import Port
from emel_io_staged.outcomes import StagedOutcome
from emel_io_staged.strategy import StagedStrategy
from emel_io_staged.transforms import Conversion, Dequantisation, Digest, Hasher, Identity

TABLES = (BATCH, STAGE)

__all__ = [
    "TABLES",
    "Conversion",
    "Dequantisation",
    "Digest",
    "Hasher",
    "Identity",
    "Port",
    "StagedOutcome",
    "StagedStrategy",
]
