"""Who writes down what is said, by key."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import emel

_TIMES: Final = (
    "seconds",
    "gib_per_second",
    "resident_before",
    "resident_loaded",
    "resident_after",
)


class Scribe:
    """Writes down what is said."""

    def __init__(self, folder: Path, threads: int | None) -> None:
        self.folder, self.threads = folder, threads
        self.lines: dict[str, str] = {}

    def say(self, key: str, value: object) -> None:
        """Write one line."""
        assert key not in self.lines, f"{key} is said twice"  # noqa: S101 - a proof
        text = value if isinstance(value, str) else repr(value)
        self.lines[key] = text.replace(str(self.folder), "<folder>")

    def attempt(self, key: str, call: Callable[[], object]) -> None:
        """Write what a call answers, or how it fails."""
        try:
            self.say(key, call())
        except emel.EmelError as error:
            facts = (
                type(error).__name__,
                error.code,
                str(error),
                error.tensors,
                error.files,
                error.offset,
            )
            self.say(key, facts)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            self.say(key, (type(error).__name__, str(error)))

    def command(self, *words: str) -> None:
        """Run the command line in this process, and write what it prints and how it ends."""
        main = next(iter(entry_points(group="console_scripts", name="emel"))).load()
        out, sys.argv = io.StringIO(), ["emel", *words]
        ended: object = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                main()
            except SystemExit as error:
                ended = error.code
        text = out.getvalue()
        if words[0] == "load":
            document: dict[str, Any] = json.loads(text)
            text = json.dumps(
                {k: v for k, v in document.items() if k not in _TIMES}, ensure_ascii=False
            )
        key = " ".join(("$ emel", *words)).replace(str(self.folder), "<folder>")
        for number, line in enumerate(text.splitlines()):
            self.say(f"{key}, line {number:04}", line.rstrip())  # wide as a path is long
        self.say(f"{key}, exit", ended)
