"""What documents refer to has to be there: links, sessions, options, packages, paths, modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from emel_tools.findings import Finding
from emel_tools.pages.known import Known
from emel_tools.pages.markdown import Page, read

_INLINE: Final = re.compile(
    r"\]\(\s*<?((?<=<)[^<>]+(?=>)|[^()\s<>]+(?:\([^()\s]*\)[^()\s]*)?)>?"
    r"(?:\s+(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\([^()]*\)))?\s*\)"
)
"""With a title in quotes or parentheses, or with spaces where it stands between `<` and `>`."""
_ATTRIBUTE: Final = re.compile(r"\b(?:src|href)\s*=\s*[\"']?([^\s\"'<>]+)", re.IGNORECASE)
"""Of a piece of HTML."""
_DEFINED: Final = re.compile(r"^ {0,3}\[([^\]]+)\]:\s+<?(\S+?)>?(?:\s|$)")
_LABELLED: Final = re.compile(r"\[([^\[\]]+)\]\[([^\[\]]*)\]")
_SPAN: Final = re.compile(r"(`+)(.+?)\1")
_SHELLS: Final = ("", "console", "sh", "bash", "shell", "shell-session", "text")


def links(root: Path, page: Page) -> Iterator[Finding]:
    """Find links to files and headings that aren't there."""
    where = page.path.relative_to(root).as_posix()
    lines = [_SPAN.sub(lambda found: "." * len(found[0]), line) for line in page.prose]
    definitions: list[list[tuple[str, str]]] = [_DEFINED.findall(line) for line in lines]
    labels = {_label(label) for defined in definitions for label, _ in defined}
    for number, (bare, defined) in enumerate(zip(lines, definitions, strict=True), 1):
        labelled: list[tuple[str, str]] = _LABELLED.findall(bare)
        for text, label in labelled:
            if _label(label or text) not in labels:
                what = f"the link [{text}][{label}] has no definition of its label"
                fix = f"write [{label or text}]: and where it leads"
                yield Finding(where, number, 0, "link", what, fix)
        given = (*_INLINE.findall(bare), *_ATTRIBUTE.findall(bare))
        for target in (*given, *(target for _, target in defined)):
            what = _wrong(root, page, target)
            if what:
                fix = "correct the link, or write what it leads to"
                yield Finding(where, number, 0, "link", f"the link {target} {what}", fix)


def _label(text: str) -> str:
    """Spell a label as it is compared: case and spaces count for nothing."""
    return " ".join(text.casefold().split())


def _wrong(root: Path, page: Page, target: str) -> str:
    """Say what is wrong with a link; empty if nothing is, or if it leads out of the repository."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target):
        return ""
    path, _, anchor = target.partition("#")
    start = root if path.startswith("/") else page.path.parent
    leads = (start / unquote(path.lstrip("/"))).resolve() if path else page.path
    if not leads.is_relative_to(root.resolve()):
        return "leads out of the repository"
    if not leads.exists():
        return "leads to nothing"
    if anchor and leads.suffix == ".md" and unquote(anchor) not in read(leads).anchors:
        return f"leads to a heading that {leads.relative_to(root.resolve()).as_posix()} hasn't"
    return ""


def mentions(root: Path, page: Page, known: Known) -> Iterator[Finding]:
    """Find what is mentioned as code and doesn't exist."""
    where = page.path.relative_to(root).as_posix()
    for number, text in _code(page):
        for what, fix in known.missing(text, page.path):
            yield Finding(where, number, 0, "mention", what, fix)


def _code(page: Page) -> Iterator[tuple[int, str]]:
    """List what is set as code, with its line: spans, and the lines of blocks for a terminal."""
    for number, line in enumerate(page.prose, 1):
        for _, text in _SPAN.findall(line):
            yield number, text.strip()
    for fence in page.fences:
        if fence.language in _SHELLS and not fence.comment.startswith("not run:"):
            for number, line in enumerate(fence.text.splitlines(), fence.line):
                yield number, line.partition(" # ")[0].strip()
