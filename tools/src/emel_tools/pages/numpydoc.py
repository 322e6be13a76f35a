"""Docstrings of the numpydoc convention, written as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SECTIONS = (
    "Parameters",
    "Returns",
    "Yields",
    "Raises",
    "Attributes",
    "Notes",
    "Examples",
    "See Also",
    "Warns",
    "Other Parameters",
)


def markdown(text: str) -> str:
    """Write a docstring as paragraphs and, for each section, a list of its entries."""
    parts: list[str] = []
    for title, body in _sections(text):
        if not title:
            parts.append(_prose(body))
        elif title in ("Notes", "Examples", "See Also"):
            parts += [f"**{title}**", _prose(body)]
        else:
            parts += [f"**{title}**", "\n".join(_entries(body))]
    return "\n\n".join(part for part in parts if part)


def parameters(text: str) -> list[str]:
    """Name the parameters that a docstring tells of, in its order, without their stars."""
    return [*_named(text, "Parameters"), *_named(text, "Other Parameters")]


def raised(text: str) -> list[str]:
    """Name the errors that a docstring tells of, in its order."""
    return _named(text, "Raises")


def _named(text: str, section: str) -> list[str]:
    bodies = (body for title, body in _sections(text) if title == section)
    heads = (head for body in bodies for head, _ in _parted(body))
    return [name.strip(" \\*") for head in heads for name in head.partition(" : ")[0].split(",")]


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Part a docstring at its headings: a title, underlined with dashes."""
    title, body = "", list[str]()
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if lines[at] in _SECTIONS and re.fullmatch(r"-{3,}", following):
            yield title, body
            title, body = lines[at], []
            at += 2
            continue
        body.append(lines[at])
        at += 1
    yield title, body


def _entries(body: list[str]) -> Iterator[str]:
    """Write `name : type` and the indented text below it as one item of a list."""
    for head, told in _parted(body):
        names, _, kind = head.partition(" : ")
        spelled = ", ".join(f"`{name.strip()}`" for name in names.split(","))
        text = " ".join(line for line in told if line)
        yield f"- {spelled}{f' ({kind})' if kind else ''}{f': {text}' if text else ''}"


def _parted(body: list[str]) -> list[tuple[str, list[str]]]:
    """Part a section into its entries: `name : type`, and the indented text below it."""
    entries: list[tuple[str, list[str]]] = []
    for line in body:
        if line and not line.startswith(" "):
            entries.append((line, []))
        elif entries:
            entries[-1][1].append(line.strip())
    return entries


def _prose(body: list[str]) -> str:
    """Keep paragraphs and lists; put examples of an interpreter into a fenced block."""
    lines: list[str] = []
    fenced = False
    for line in body:
        starts = line.lstrip().startswith(">>>")
        if starts and not fenced:
            lines += ["```pycon"]
            fenced = True
        elif fenced and not line.strip():
            lines += ["```"]
            fenced = False
        lines.append(line)
    if fenced:
        lines.append("```")
    return "\n".join(lines).strip("\n")
