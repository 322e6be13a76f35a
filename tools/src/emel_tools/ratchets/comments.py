"""Comments that tell a tool to look away."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from typing import Final

from emel_tools.ratchets.scopes import Source
from emel_tools.ratchets.tally import Place

FORMAT: Final = re.compile(r"#\s*(?P<tool>fmt|yapf|isort|ruff|flake8)\s*:\s*(?P<word>[A-Za-z_-]+)")
"""What hides the format, the order of imports, or a file or range. What is suppressed in a line is
counted by its rule instead."""
TYPES: Final = re.compile(
    r"#\s*(?P<tool>type|pyright|mypy)\s*:\s*(?P<word>[\w-]+)(?:\s*(?:\[(?P<rules>[^\]]*)\]|=\s*\w+))?"
)
"""What hides types, or loosens them for a file; `# type: int` is an old annotation."""
_HARMLESS: Final = ("on", "enable", "split", "strict")
"""What ends a range, or makes nothing looser."""
_ROUGH: Final = re.compile(r"#\s*(?:fmt|yapf|isort|ruff|flake8|type|pyright|mypy)\s*:")


def suppressing(source: Source, pattern: re.Pattern[str]) -> Iterator[Place]:
    """List the comments of a file that a pattern matches, one place for each rule they name."""
    for line, column, comment in _comments(source):
        for found in pattern.finditer(comment):
            for name in _named(found, comment):
                yield Place(source.path, line, column, name, f"{comment} hides what is there")


def _named(found: re.Match[str], comment: str) -> Iterator[str]:
    """Name what a comment hides: rule by rule, or setting by setting as pyright has them."""
    named = found.groupdict()
    tool, word = named["tool"], named["word"]
    if tool == "pyright" and word != "ignore":
        # `strict, reportAny=false` is stricter, but for what follows.
        settings = comment[found.start("word") :].split(",")
        words = [each.partition("=")[0].strip() for each in settings]
        yield from (f"# {tool}: {each}" for each in words if each not in _HARMLESS)
    elif word not in _HARMLESS and (tool != "type" or word == "ignore"):
        rules = (named.get("rules") or "").split(",")
        yield from (f"# {tool}: {word} {rule.strip()}".strip() for rule in rules)


def _comments(source: Source) -> Iterator[tuple[int, int, str]]:
    if not _ROUGH.search(source.text):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.start[1] + 1, token.string
    except (tokenize.TokenError, SyntaxError):
        return  # a mistake in the syntax, which ruff and basedpyright report
