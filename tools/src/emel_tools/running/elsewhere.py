"""Whether this Python has the packages of this repository, and not those of another checkout."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from emel_tools.workspace import packages


def elsewhere(root: Path) -> str:
    """Say which package would be imported from another place; empty if none would.

    One that isn't installed is told by whoever runs it.
    """
    for package in packages(root) if (root / "packages").is_dir() else ():
        spec = find_spec(package.module)
        if spec is not None and spec.origin:
            found = Path(spec.origin).resolve()
            if not found.is_relative_to(root.resolve()):
                return f"{package.module} would be imported from {found.parent}, and not from here"
    return ""
