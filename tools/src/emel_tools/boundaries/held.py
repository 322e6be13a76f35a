"""Modules of Python that other modules hold as members: `logging.os` is `os`."""

from __future__ import annotations

import sys
from typing import Final

from emel_tools.boundaries.innocents import INNOCENT

_SYSTEM: Final = frozenset(
    {"os", "sys", "io", "builtins", "mmap", "ctypes", "socket", "subprocess", "threading", "pickle",
     "importlib", "_io", "posix", "_thread", "codecs", "shutil", "tempfile", "pathlib", "linecache",
     "tokenize", "zipfile", "marshal"}
)  # fmt: skip
"""Modules that libraries hold under their own names."""
_POWERFUL: Final = sys.stdlib_module_names - INNOCENT
"""Those that modules of Python hold, which have no members of the same names."""
_ALIASES: Final = {
    "_os": "os",
    "_sys": "sys",
    "_builtins": "builtins",
    "bltns": "builtins",
    "_types": "types",
    "_dataclasses": "dataclasses",
}
"""What modules are called where they are held."""


def held(path: str, name: str) -> str:
    """Say which module of Python a module, not ours, has as a member; empty if it has none."""
    is_python = path.islower() and path.partition(".")[0] in sys.stdlib_module_names
    is_held = name in _ALIASES or name in (_POWERFUL if is_python else _SYSTEM)
    return _ALIASES.get(name, name) if is_held and name != path else ""
