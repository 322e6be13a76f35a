"""Which folders hold no files of the repository: no lane looks into them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emel_tools import workspace
from emel_tools.scope.changes import ignored_folders

_NOT_OURS: Final = (".git", ".nox", ".venv", "build", "dist")
"""What git, environments and builds leave at the root and in the folder of a package. Deeper down
such a name may be a module's, and a hidden folder may hold what CI runs."""


def not_ours(root: Path) -> frozenset[Path]:
    """List the folders that hold what was built or installed, and what else git ignores.

    What it ignores in a package counts: Python would import it.
    """
    packages = [package.folder for package in workspace.shards(root)]
    found = {home / name for home in (root, *packages) for name in _NOT_OURS}
    hidden = (root / name for name in ignored_folders(root))
    elsewhere = (path for path in hidden if not any(map(path.is_relative_to, packages)))
    return frozenset(found.union(elsewhere))
