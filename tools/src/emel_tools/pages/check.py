"""Judge the documents: what is generated, what they show, and what they refer to."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from emel_tools.findings import Finding
from emel_tools.pages import blocks, console, samples, table
from emel_tools.pages.examples import is_left_out, run_docstrings, run_page
from emel_tools.pages.fences import odd, unrun
from emel_tools.pages.fragments import untold
from emel_tools.pages.known import Known
from emel_tools.pages.leftovers import leftovers
from emel_tools.pages.machines import undrawn
from emel_tools.pages.markdown import read
from emel_tools.pages.references import links, mentions
from emel_tools.surface.commands import commands
from emel_tools.workspace import packages, python_files

Checked: TypeAlias = tuple[list[Finding], str]
"""What is wrong, and what was looked at."""


@contextmanager
def folder() -> Generator[Path]:
    """Make a folder with the files that documents name, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="emel-docs-") as made:
        samples.write(Path(made))
        yield Path(made)


def generated(root: Path) -> Checked:
    """Find what is generated and stale, and machines that nobody draws."""
    if absent := [*table.absent(root)]:
        return absent, "nothing"
    with folder() as files:
        texts = table.generated(root, files)
    findings = [*table.compare(root, texts)]
    for where, what in blocks.missing(root):
        fix = "put its two marks where its table belongs, and run nox -s docs"
        findings.append(Finding(where, 0, 0, "generated", what, fix))
    for path in table.hand_written(root):
        where = path.relative_to(root).as_posix()
        for line, what in blocks.unknown(path):
            findings.append(Finding(where, line, 0, "generated", what, "correct the comment"))
        for fence in read(path).fences:
            if console.commands(fence) and not console.can_run(fence) and not is_left_out(fence):
                what = "it shows what a command prints, and nothing here runs that command"
                fix = "show a command of emel, or say above it why: <!-- not run: ... -->"
                findings.append(Finding(where, fence.line, 0, "console", what, fix))
    for package in packages(root):
        findings += undrawn(package)
    return findings, f"{len(texts)} generated files"


def examples(root: Path) -> Checked:
    """Run every example of the documents and the docstrings."""
    findings: list[Finding] = []
    ran = left_out = 0
    with folder() as files:
        for path in table.hand_written(root):
            page = read(path)
            found, n = run_page(root, page, files)
            findings += (*found, *odd(root, page), *unrun(root, page))
            ran += n
            left_out += sum(map(is_left_out, page.fences))
            if n == 0 and path.match("packages/*/README.md"):
                what = "it shows no example"
                fix = "show in a ```python block what the package is for"
                findings.append(
                    Finding(path.relative_to(root).as_posix(), 0, 0, "example", what, fix)
                )
        for package in packages(root):
            for source in python_files(package.source):
                found, n = run_docstrings(root, source, files)
                findings += found
                ran += n
    return findings, f"{ran} examples, {left_out} not run"


def references(root: Path) -> Checked:
    """Find links and mentions that lead nowhere, leftovers, and fragments of no changelog."""
    known = Known(root, commands())
    pages = [read(path) for path in table.markdown_files(root)]
    findings = [found for page in pages for found in links(root, page)]
    findings += (*leftovers(root), *untold(root))
    written = {*table.hand_written(root)}
    for page in pages:
        if page.path in written and page.path.parent.name != "changes":
            findings += mentions(root, page, known)
    return findings, f"{len(pages)} Markdown files"
