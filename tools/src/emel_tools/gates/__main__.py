"""The release gate: `nox -s quality_gates`."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.reports.markdown import guarded
from emel_tools.reports.publish import publish
from emel_tools.running import Job, record
from emel_tools.running.answers import not_judged
from emel_tools.running.asked import parser
from emel_tools.running.console import Live, Plain, forgive, is_terminal, progress, say, styled
from emel_tools.running.elsewhere import elsewhere
from emel_tools.running.lock import alone_in
from emel_tools.running.registry import lanes
from emel_tools.running.results import SCOPE, SNAPSHOTS, SYNTAX, Result
from emel_tools.running.run import Run
from emel_tools.running.schedule import run_all
from emel_tools.running.stopping import stoppable
from emel_tools.running.summary import summary
from emel_tools.running.tasks import tasks
from emel_tools.scope import (
    Asked,
    BrokenGitError,
    Choice,
    Scope,
    UnknownBaseError,
    UnknownShardError,
    choose,
    misses,
)
from emel_tools.scope.changes import head
from emel_tools.scope.explanation import explain
from emel_tools.scope.noting import noting, remember_passed
from emel_tools.scope.torn import torn
from emel_tools.snapshots.stale import stale

_TAKES_NOTHING: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_REPORTS: Final = Path(".nox", "gate", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what a change can affect in the repository in the current directory.

    Returns
    -------
    int
        0 if all is green, 1 if anything is red, 2 if it couldn't be understood what was asked for,
        and 128 and the number of the signal that stopped it. 1, too, where nothing can be kept.
    """
    forgive(sys.stdout)
    arguments_of = parser()
    options = arguments_of.parse_args(arguments)
    root = Path.cwd()
    asked = Asked(tuple(options.only), options.full, options.base)
    try:
        scope = choose(root, lanes(root), asked)
    except (BrokenGitError, UnknownBaseError, UnknownShardError) as error:
        arguments_of.error(str(error))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    if there := elsewhere(root):
        arguments_of.error(f"{there}: run `nox -s quality_gates` here, without PYTHONPATH")
    if options.explain:
        return _explain(scope)
    try:
        with alone_in(root / ".nox" / "gate") as is_alone:
            if is_alone:
                return _run(root, options, asked, scope)
    except OSError as error:
        if error.errno not in _TAKES_NOTHING:
            raise
        say(f"quality_gates: nothing can be kept in {root / '.nox'}: {error}", sys.stderr)
        return 1
    say("another gate is running in this folder: wait for it", sys.stderr)
    return 2


def _explain(scope: Scope) -> int:
    """Say what would run."""
    say("\n".join(explain(scope)))
    return 0


def _run(root: Path, options: Namespace, asked: Asked, scope: Scope) -> int:
    """Run what was chosen, keep and report it."""
    seed: int = secrets.randbelow(2**32) if options.seed is None else options.seed
    began, commit = time.monotonic(), head(root)

    def run_of(done: Sequence[Result], stopped: str = "") -> Run:
        seconds = time.monotonic() - began
        return Run.of(scope, done, seed=seed, seconds=seconds, stopped=stopped)

    chosen = [each for each in scope.choices if each.runs]
    beside = tuple(each.shard.key for each in chosen)
    say(f"{len(chosen)} of {len(scope.choices)} shards, seed {seed}")
    last = record.read(root / record.LAST)
    on_terminal = is_terminal(os.environ.get("TERM", ""))
    folder = options.reports or _REPORTS
    if wrong := tuple(torn(root, scope)):  # that isn't the last run: nothing has run
        _report(root, folder, run_of(_waiting(chosen, wrong)), on_terminal=on_terminal)
        return 1
    view = Live(len(chosen)) if on_terminal else nullcontext(Plain())
    with stoppable() as stop:  # to the end: once all has run, a signal hides nothing of it
        with view as seen:
            done = run_all(
                tasks(chosen, Job(root, (), scope.full, scope.base, seed, beside, scope.asked)),
                noting(root, progress(seen)),
                width=options.width,
                known={r.key: r.seconds for r in last.results if r.ran} if last else {},
                stop=lambda: stop,
                keep=lambda so_far: record.write(root / record.CURRENT, run_of(so_far)),
            )
        stopped = stop.name if stop else ""
        missed = [_missed(root, scope, done)] if scope.full and not stopped else []
        run = run_of([*done, *missed, *_stale(root, scope)], stopped)
        if not stopped:
            record.write(root / record.LAST, run)
            remember_passed(root, scope, asked, commit, green=run.is_green)
        is_told = _report(root, folder, run, on_terminal=on_terminal)
    if stopped:
        return 128 + signal.Signals[stopped]
    return int(not (is_told and run.is_green))


def _report(root: Path, folder: Path, run: Run, *, on_terminal: bool) -> bool:
    """Write the reports, and say what came of the run; False if a report couldn't be written."""
    trouble = publish(root, run, root / folder)
    _print(summary(run, f"{folder.as_posix()}/index.html"), on_terminal=on_terminal)
    for line in trouble:
        say(line, sys.stderr)
    return not trouble


def _waiting(chosen: Sequence[Choice], wrong: tuple[Finding, ...]) -> list[Result]:
    """Say what is no Python, and of each shard that it waits until that is mended."""
    checked = f"files that can't be compiled: {len(wrong)}"
    first = Result(SYNTAX, "python", "failed", "every run looks", checked, wrong)
    return [first, *(not_judged(each.shard, each.why, "a file is no Python") for each in chosen)]


def _missed(root: Path, scope: Scope, done: Sequence[Result]) -> Result:
    """Say what the scope of the change would have left out."""
    found = tuple(misses(root, scope, done))
    red = sum(result.verdict == "failed" for result in done)
    checked = f"{red} red shards, {len(found)} of which the changed scope would have left out"
    verdict = "failed" if found else "ok"
    return Result(SCOPE, "misses", verdict, "everything ran", checked, found)


def _stale(root: Path, scope: Scope) -> Iterator[Result]:
    """Find the snapshots that nothing measures any more."""
    known = {choice.lane.name: choice.lane for choice in scope.choices}
    found = tuple(stale(root, tuple(known.values())))
    if found:
        checked = f"{len(found)} files that nothing measures"
        yield Result(SNAPSHOTS, "stale", "failed", "every run looks", checked, found)


def _print(text: str, *, on_terminal: bool) -> None:
    if not on_terminal:
        say(guarded(text) if os.environ.get("GITHUB_ACTIONS") else text)
        return
    from rich.console import Console

    Console(highlight=False).print(styled(text), soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever ignores it never hears how one ended
    sys.exit(main())
