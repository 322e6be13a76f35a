"""The environments: made by uv in a second or two, by venv and pip where uv is absent, and kept."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from emel_tools.boundaries.isolation.declared import Declared

CONSTRAINTS = Path("tools") / "constraints.txt"
_FOLDER = Path(".nox") / "isolation"
_STAMP = "installed.sha256"


class InstallError(Exception):
    """An environment couldn't be made; the message is what the installer said."""


def find_uv(python: str) -> tuple[str, ...]:
    """Spell the command of the uv that `python` has, if it has one."""
    looked = subprocess.run((python, "-c", "import uv"), check=False, capture_output=True)
    return (python, "-m", "uv") if looked.returncode == 0 else ()


def ensure(root: Path, declared: Declared, uv: tuple[str, ...]) -> Path:
    """Make the environment of a package, unless it is there already.

    Parameters
    ----------
    root
        The repository.
    declared
        What is installed; nothing else is.
    uv
        The command of uv; empty to use venv and pip.

    Returns
    -------
    pathlib.Path
        Its Python.

    Raises
    ------
    InstallError
        Something that is declared can't be installed; the next call tries again.
    """
    folder = root / _FOLDER / declared.package.name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / _STAMP
    wanted = _fingerprint(root, declared)
    if python.exists() and stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    editable = [word for path in declared.folders for word in ("-e", str(path))]
    constraints = root / CONSTRAINTS
    pinned = ["-c", str(constraints)] if constraints.exists() else []
    if uv:
        _run(root, *uv, "venv", "-q", "--clear", "-p", sys.executable, str(folder))
        pip = [*uv, "pip", "install", "--python", str(python)]
    else:
        _run(root, sys.executable, "-m", "venv", "--clear", str(folder))
        pip = [str(python), "-m", "pip", "install"]
    _run(root, *pip, "-q", *pinned, *editable, *declared.requirements)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _fingerprint(root: Path, declared: Declared) -> str:
    """Digest what an environment is made from."""
    sources = [root / CONSTRAINTS, *(folder / "pyproject.toml" for folder in declared.folders)]
    texts = [path.read_text("utf-8") for path in sources if path.exists()]
    facts = (sys.version, declared.requirements, [str(path) for path in declared.folders], texts)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _run(root: Path, *words: str) -> None:
    # uv, and a pip that is run by another environment, would install into the one named here.
    environment = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    answer = subprocess.run(
        words, cwd=root, env=environment, check=False, capture_output=True, text=True
    )
    if answer.returncode:
        raise InstallError((answer.stderr or answer.stdout).strip())
