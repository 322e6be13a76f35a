"""Record what was measured, once a person has seen it: `nox -s accept`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from emel_tools.running.lock import alone_in
from emel_tools.running.registry import lanes
from emel_tools.scope import BrokenGitError, observed
from emel_tools.scope.changes import under_ci
from emel_tools.scope.choice import folder
from emel_tools.snapshots import accepting
from emel_tools.snapshots.targets import UnknownTargetError, targets
from emel_tools.snapshots.view import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Accept what differs in the repository in the current directory.

    Returns
    -------
    int
        0 if all is recorded now, 1 if something couldn't be measured, wasn't accepted or is wrong
        besides, 2 if it couldn't be understood what was asked for or nothing may be written here.
    """
    options = _parser().parse_args(arguments)
    root = Path.cwd()
    if wrong := _refusal(yes=options.yes):
        return _refuse(wrong)
    known = lanes(root)

    def is_red(key: str) -> bool:
        seen = observed.read(folder(root), key)
        return seen is not None and not seen.green

    words = [word for word in (options.lane, *options.shards) if word]
    try:
        chosen = targets(root, known, words, is_red)
    except UnknownTargetError as error:
        return _refuse(str(error))
    with alone_in(root / ".nox" / "gate") as is_alone:
        if not is_alone:
            return _refuse("a gate is running in this folder: wait for it")
        try:
            results = accepting.run(root, known, chosen.keys)
        except BrokenGitError as error:
            return _refuse(str(error))
        if results is None:
            return _refuse("stopped: nothing was recorded")
        person = _person(root, yes=options.yes, worse=options.worse)
        return accepting.take(root, known, chosen, results, person)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="nox -s accept --",
        description="Measure anew, show what differs from what is recorded, and record it.",
        allow_abbrev=False,
    )
    made.add_argument(
        "lane", nargs="?", default="", help="by default, all that was red when it last ran"
    )
    made.add_argument("shards", nargs="*", metavar="shard", help="by default, all of the lane")
    made.add_argument("--yes", action="store_true", help="don't ask")
    made.add_argument(
        "--worse", action="store_true", help="record also what is worse and may only shrink"
    )
    return made


def _refusal(*, yes: bool) -> str:
    """Say why nothing may be written here; empty if something may."""
    if under_ci():
        return "CI is set: there, nothing is ever recorded. Run this where the change is made."
    if not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "there is no terminal to ask at: nothing is recorded. --yes records without asking."
    return ""


def _person(root: Path, *, yes: bool, worse: bool) -> accepting.Person:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and not for a refusal

    def agrees() -> bool:
        try:
            return yes or input("record this? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    shown = partial(show, root, console=Console(highlight=False))
    return accepting.Person(shown, agrees, partial(print, flush=True), worse)


def _refuse(why: str) -> int:
    print(f"accept: {why}", file=sys.stderr)
    return accepting.REFUSED


if __name__ == "__main__":
    sys.exit(main())
