"""Fenced blocks say what they hold, so that none stops being run because it says something else."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.pages.examples import is_left_out
from emel_tools.pages.markdown import Fence, Page

LANGUAGES: Final = ("console", "mermaid", "pycon", "python", "text", "toml")
"""What a block may hold, as it is spelled: of another spelling nobody knows whether it is run."""
_UNREAD: Final = re.compile(r"(?:\s|>|[-*+]\s|\d+[.)]\s)*(`{3,}[^`]*$|~{3,}|\$ )")
"""What opens a block or is a command, where it stands in none: it is neither read nor run."""
_RUN: Final = ("console", "pycon", "python")
_IMPORT: Final = re.compile(
    r"\s*(?:>>> )?(?:from emel[\w.]* import |import emel[\w.]*\s*(?:$|#|,|as ))"
)
"""A line that begins an example."""


def unrun(root: Path, page: Page) -> Iterator[Finding]:
    """Find Python that stands where nobody runs it, and nothing above it says why."""
    where = page.path.relative_to(root).as_posix()
    fix = "make the block a ```python, or say above it why it isn't run: <!-- not run: ... -->"
    for fence in page.fences:
        if fence.language not in _RUN and not is_left_out(fence) and _is_example(fence):
            what = f"the block is Python, and `{fence.language}` isn't run"
            yield Finding(where, fence.line - 1, 0, "unrun", what, fix)
    for number, line in enumerate(page.prose, 1):
        if _IMPORT.match(line):
            what = "an example stands in no block, so it isn't run"
            yield Finding(where, number, 0, "unrun", what, fix)
            return


def _is_example(fence: Fence) -> bool:
    """Whether a block imports what is ours, or is Python that calls something."""
    if any(map(_IMPORT.match, fence.text.splitlines())):
        return True
    try:
        tree = ast.parse(textwrap.dedent(fence.text))
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))


def odd(root: Path, page: Page) -> Iterator[Finding]:
    """Find blocks of another language, and commands that stand in a block that runs none."""
    where = page.path.relative_to(root).as_posix()
    for fence in page.fences:
        if fence.language not in LANGUAGES:
            what = f"the block is in {fence.language or 'no language'}, which nothing here knows"
            fix = f"say one of {', '.join(LANGUAGES)}, as it is spelled here"
            yield Finding(where, fence.line - 1, 0, "fence", what, fix)
        lines = fence.text.splitlines()
        if fence.language == "console" and not any(
            each.lstrip().startswith("$ ") for each in lines
        ):
            what = "no line of the block begins with $, so what it shows is never compared"
            fix = "begin its commands with $, or make it a ```text if none is to be run"
            yield Finding(where, fence.line - 1, 0, "fence", what, fix)
        for number, line in enumerate(lines, fence.line):
            runs = fence.language == "console" and line.startswith("$ ")
            if line.lstrip().startswith("$ ") and not runs:
                what = (
                    "a command stands in a block that isn't `console`, or indented: nothing runs it"
                )
                fix = "make the block a ```console, its commands at the margin, or leave the $ out"
                yield Finding(where, number, 0, "fence", what, fix)
                break
    for number, line in enumerate(page.prose, 1):
        found = _UNREAD.match(line)
        if found:
            what = (
                f"{found[1].strip()} stands in no block, or too far in to open one: it isn't read"
            )
            fix = "indent it by three spaces at most, or end the list above it"
            yield Finding(where, number, 0, "fence", what, fix)
