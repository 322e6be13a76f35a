"""Maps spans of files through a bounded pool of slots, released explicitly."""

from emel_io_mmap._batch import POOL
from emel_io_mmap._machine import SLOT
from emel_io_mmap._platform import Port
from emel_io_mmap.outcomes import MmapOutcome
from emel_io_mmap.strategy import MmapStrategy

TABLES = (SLOT, POOL)

__all__ = ["TABLES", "MmapOutcome", "MmapStrategy", "Port"]
