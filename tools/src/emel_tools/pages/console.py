"""Blocks that show what a command prints: run again, and compared but for times and memory."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Final

from emel_tools.pages.markdown import Fence
from emel_tools.surface.commands import parser

_SIZE: Final = r"\d+(?:\.\d+)? (?:[KMGT]i)?B"
_VARYING: Final = re.compile(
    rf"\d+\.\d+ s\b|\d+\.\d+ GiB/s|{_SIZE} before|{_SIZE} (?:loaded|after release) \(\+{_SIZE}\)"
)


def commands(fence: Fence) -> list[str]:
    """List the commands whose output a block shows; none if it shows none."""
    if fence.language not in ("console", "shell-session"):
        return []
    return [line.removeprefix("$ ") for line in fence.text.splitlines() if line.startswith("$ ")]


def can_run(fence: Fence) -> bool:
    """Whether every command of a block is one that is run here."""
    found = commands(fence)
    return bool(found) and all(command.split()[0] == "emel" for command in found)


def printed(fence: Fence, folder: Path) -> str:
    """Run the commands of a block in a folder, and write the block as it should be."""
    return "\n".join(f"$ {command}\n{_output(command, folder)}" for command in commands(fence))


def same(first: str, second: str) -> bool:
    """Compare two blocks but for times, rates and memory, which are never the same twice."""
    return _blanked(first) == _blanked(second)


def _blanked(text: str) -> list[str]:
    return [_VARYING.sub("-", line).rstrip() for line in text.strip().splitlines()]


def _output(command: str, folder: Path) -> str:
    output = io.StringIO()
    with chdir(folder), redirect_stdout(output):
        try:
            parser().main(shlex.split(command)[1:], "emel", standalone_mode=False)
        except Exception as error:
            output.write(f"emel: {error}")
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())
