"""What is read of a Markdown file: its fenced blocks, its headings, and its prose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w.+-]*)")
_COMMENT: Final = re.compile(r"<!--((?:(?!-->).)*)-->\s*\Z", re.DOTALL)
_HEADING: Final = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")


class Fence(NamedTuple):
    """One fenced block."""

    language: str
    line: int
    """Of its first line of text, from 1."""
    text: str
    comment: str
    """What the HTML comment right above it says; empty if there is none."""
    comment_line: int


class Page(NamedTuple):
    """One Markdown file, read."""

    path: Path
    fences: tuple[Fence, ...]
    anchors: frozenset[str]
    """What a link to one of its headings ends in."""
    prose: tuple[str, ...]
    """Its lines, where those of fenced blocks and comments are empty."""


def read(path: Path) -> Page:
    """Read a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    prose, fences = [*lines], list[Fence]()
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        end = _end(lines, at, opening[1])
        above = "\n".join(lines[:at])
        found = _COMMENT.search(above)
        fences.append(
            Fence(
                opening[2],
                at + 2,
                "".join(f"{line}\n" for line in lines[at + 1 : end]),
                found[1].strip() if found else "",
                above[: found.start(1)].count("\n") + 1 if found else 0,
            )
        )
        prose[at : end + 1] = [""] * (min(end + 1, len(lines)) - at)
        at = end + 1
    bare = _without_comments(prose)
    return Page(path, tuple(fences), frozenset(_anchors(bare)), bare)


def _end(lines: list[str], start: int, mark: str) -> int:
    for at in range(start + 1, len(lines)):
        if re.fullmatch(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*", lines[at]):
            return at
    return len(lines)


def _without_comments(prose: list[str]) -> tuple[str, ...]:
    text = "\n".join(prose)
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return tuple(text.split("\n"))


def _anchors(prose: tuple[str, ...]) -> set[str]:
    """Spell anchors as GitHub does; a heading that is there twice gets a number."""
    counts: dict[str, int] = {}
    found: set[str] = set()
    for line in prose:
        for explicit in re.findall(r'<a (?:id|name)="([^"]+)"', line):
            found.add(explicit)
        heading = _HEADING.match(line)
        if heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[2])
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        n = counts.get(slug, 0)
        counts[slug] = n + 1
        found.add(f"{slug}-{n}" if n else slug)
    return found
