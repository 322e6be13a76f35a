"""Run what the documents and docstrings show: every example, in a folder with the files it names.

A block of Python in a Markdown file runs as it stands, after the blocks above it in the same file.
A comment right above it may say what it takes for granted, or why it can't run:

    <!-- given: first_bytes = open("model.gguf", "rb").read(65536) -->
    <!-- not run: it waits for a person -->
"""

from __future__ import annotations

import ast
import doctest
import io
import traceback
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from types import CodeType
from typing import Any, Final

from emel_tools.findings import Finding
from emel_tools.pages.markdown import Fence, Page

_FIX: Final = "correct the example, or what it shows"
_FLAGS: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_page(root: Path, page: Page, folder: Path) -> tuple[list[Finding], int]:
    """Run the examples of one Markdown file.

    Returns
    -------
    tuple
        What is wrong, and how many ran.
    """
    where = page.path.relative_to(root).as_posix()
    names: dict[str, Any] = {"__name__": "example"}
    ran = 0
    for fence in page.fences:
        if fence.language not in ("python", "py", "pycon") or is_left_out(fence):
            continue
        ran += 1
        found = _run_fence(where, fence, names, folder)
        if found:
            return found, ran  # those below may need it
    return [], ran


def is_left_out(fence: Fence) -> bool:
    """Whether a comment above a block says why it isn't run."""
    return fence.comment.startswith("not run:") and len(fence.comment) > len("not run: ")


def run_docstrings(root: Path, path: Path, folder: Path) -> tuple[list[Finding], int]:
    """Run what `>>>` shows in the docstrings of one module."""
    text = path.read_text(encoding="utf-8")
    if ">>>" not in text:
        return [], 0
    where = path.relative_to(root).as_posix()
    findings: list[Finding] = []
    ran = 0
    for node in ast.walk(ast.parse(text, str(path))):
        match node:  # what stands below an attribute is no docstring to `ast`
            case ast.Expr(value=ast.Constant(value=str(doc))) if ">>>" in doc:
                ran += 1
                findings += _run_session(where, doc, node.lineno, {}, folder)
            case _:
                pass
    return findings, ran


def _run_fence(where: str, fence: Fence, names: dict[str, Any], folder: Path) -> list[Finding]:
    kind, _, given = fence.comment.partition(":")
    if kind == "given":
        found = _run_text(where, given.strip(), fence.comment_line, names, folder)
        if found:
            return found
    if fence.language == "pycon" or fence.text.lstrip().startswith(">>>"):
        return [*_run_session(where, fence.text, fence.line, names, folder)]
    return _run_text(where, fence.text, fence.line, names, folder)


def _run_text(
    where: str, text: str, line: int, names: dict[str, Any], folder: Path
) -> list[Finding]:
    """Run a text that begins at a line of a file, and say at which line it fails."""
    output = io.StringIO()
    try:
        code: CodeType = compile("\n" * (line - 1) + text, where, "exec", dont_inherit=True)
        with chdir(folder), redirect_stdout(output), redirect_stderr(output):
            exec(code, names)  # noqa: S102 - our own text
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        return [
            Finding(
                where, error.lineno or line, 0, "example", f"it is no Python: {error.msg}", _FIX
            )
        ]
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        at = next((f.lineno for f in reversed(frames) if f.filename == where), None) or line
        return [Finding(where, at, 0, "example", f"the example fails: {_spell(error)}", _FIX)]
    return []


def _run_session(
    where: str, text: str, line: int, names: dict[str, Any], folder: Path
) -> Iterator[Finding]:
    """Run a session of the interpreter, and compare what it answers."""
    found = doctest.DocTestParser().get_doctest(text, names, where, where, line - 1)
    for example in found.examples:
        if example.options.get(doctest.SKIP):
            at = line + example.lineno
            yield Finding(
                where, at, 0, "example", "the example is skipped, so nothing proves it", _FIX
            )
    judge = _Judge(verbose=False, optionflags=_FLAGS)
    with chdir(folder), redirect_stdout(io.StringIO()):
        judge.run(found, out=lambda _: None)
    for at, what in judge.heard:
        yield Finding(where, line + at, 0, "example", what, _FIX)


class _Judge(doctest.DocTestRunner):
    """Collects what differs, where its base prints it."""

    def __init__(self, *, verbose: bool, optionflags: int) -> None:
        super().__init__(verbose=verbose, optionflags=optionflags)
        self.heard: list[tuple[int, str]] = []

    def report_failure(
        self,
        out: object,  # noqa: ARG002
        test: doctest.DocTest,  # noqa: ARG002
        example: doctest.Example,
        got: str,
    ) -> None:
        said = f"the example answers {got.strip()!r}, and not {example.want.strip()!r}"
        self.heard.append((example.lineno, said))

    def report_unexpected_exception(
        self,
        out: object,  # noqa: ARG002
        test: doctest.DocTest,  # noqa: ARG002
        example: doctest.Example,
        exc_info: tuple[Any, BaseException, Any],
    ) -> None:
        self.heard.append((example.lineno, f"the example fails: {_spell(exc_info[1])}"))


def _spell(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
