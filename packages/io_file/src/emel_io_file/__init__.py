"""Opens files and reads bytes of them, to the end or to an outcome; what every strategy needs."""

from emel_io_file._machine import SOURCE, Source
from emel_io_file._platform import FileFacts, FilePort, ReadPort, entries
from emel_io_file._stretch import STRETCH, Stretch, StretchOutcome, read_fully
from emel_io_file.mounts import file_system
from emel_io_file.outcomes import FileOutcome, FileProblem
from emel_io_file.sources import Sources, identify

TABLES = (SOURCE, STRETCH)

__all__ = [
    "TABLES",
    "FileFacts",
    "FileOutcome",
    "FilePort",
    "FileProblem",
    "ReadPort",
    "Source",
    "Sources",
    "Stretch",
    "StretchOutcome",
    "entries",
    "file_system",
    "identify",
    "read_fully",
]
