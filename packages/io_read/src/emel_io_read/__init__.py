"""Copies spans of files into buffers that the caller owns, with few calls and several threads."""

from emel_io_read._direct import DIRECT
from emel_io_read._machine import READER
from emel_io_read._platform import Port
from emel_io_read.memory import congruent_empty
from emel_io_read.outcomes import ReadOutcome
from emel_io_read.strategy import ReadStrategy

TABLES = (READER, DIRECT)

__all__ = ["TABLES", "Port", "ReadOutcome", "ReadStrategy", "congruent_empty"]
