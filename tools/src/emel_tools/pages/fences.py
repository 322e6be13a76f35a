"""Fenced blocks say what they hold, so that none stops being run because it says something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.pages.markdown import Page

LANGUAGES: Final = ("console", "mermaid", "pycon", "python", "text", "toml")
"""What a block may hold, as it is spelled: of another spelling nobody knows whether it is run."""
_UNREAD: Final = re.compile(r"(?:\s|>|[-*+]\s|\d+[.)]\s)*(`{3,}[^`]*$|~{3,}|\$ )")
"""What opens a block or is a command, where it stands in none: it is neither read nor run."""


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
