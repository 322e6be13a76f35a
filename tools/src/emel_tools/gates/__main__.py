"""The release gate: `nox -s quality_gates`."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from emel_tools.reports.markdown import guarded
from emel_tools.reports.publish import publish
from emel_tools.running import Job, record
from emel_tools.running.asked import explanation, parser, unknown
from emel_tools.running.console import Live, Plain, is_terminal, styled
from emel_tools.running.lock import alone_in
from emel_tools.running.registry import listed, names
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.schedule import run_all
from emel_tools.running.stopping import stoppable
from emel_tools.running.summary import summary
from emel_tools.running.tasks import tasks
from emel_tools.scope import Asked, Scope, choose

_REPORTS: Final = Path(".nox", "gate", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what a change can affect in the repository in the current directory.

    Returns
    -------
    int
        0 if all is green, 1 if anything is red, 2 if it couldn't be understood what was asked for,
        and 128 and the number of the signal that stopped it.
    """
    options = parser().parse_args(arguments)
    root = Path.cwd()
    lanes, broken = listed(root, names())
    keys = [shard.key for lane in lanes for shard in lane.shards(root)]
    if wrong := unknown(options.only, names(), keys):
        print(wrong, file=sys.stderr)
        return 2
    wanted = {word.partition("/")[0] for word in options.only} or set(names())
    broken = [result for result in broken if result.lane in wanted]
    try:
        scope = choose(root, lanes, Asked(tuple(options.only), options.full, options.base))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.explain:
        print(explanation(lanes, scope))
        return 0
    with alone_in(root / ".nox" / "gate") as is_alone:
        if not is_alone:
            print("another gate is running in this folder: wait for it", file=sys.stderr)
            return 2
        return _run(root, options, scope, broken)


def _run(root: Path, options: Namespace, scope: Scope, broken: Sequence[Result]) -> int:
    """Run what was chosen, keep and report it."""
    seed: int = secrets.randbelow(2**32) if options.seed is None else options.seed
    began = time.monotonic()
    chosen = [each for each in scope.choices if each.runs]

    def run_of(done: Sequence[Result], stopped: str = "") -> Run:
        seconds = time.monotonic() - began
        return Run.of(scope, (*broken, *done), seed=seed, seconds=seconds, stopped=stopped)

    last = record.read(root / record.LAST)
    on_terminal = is_terminal(os.environ.get("TERM", ""))
    view = Live(len(chosen)) if on_terminal else nullcontext(Plain())
    compared = f"{len(scope.changed)} files changed" if scope.base else "compared with nothing"
    print(f"{len(chosen)} of {len(scope.choices)} shards, {compared}, seed {seed}", flush=True)
    with stoppable() as stop, view as progress:
        done = run_all(
            tasks(chosen, Job(root, (), scope.full, scope.base, seed)),
            progress,
            width=options.width,
            known={r.key: r.seconds for r in last.results if r.ran} if last else {},
            stop=lambda: stop,
            keep=lambda so_far: record.write(root / record.CURRENT, run_of(so_far)),
        )
    run = run_of(done, stop.name)
    folder = options.reports or _REPORTS
    trouble = publish(root, run, root / folder)
    _print(summary(run, f"{folder.as_posix()}/index.html"), on_terminal=on_terminal)
    for line in trouble:
        print(line, file=sys.stderr)
    if stop:
        return 128 + stop.number
    record.write(root / record.LAST, run)
    return int(bool(trouble) or not run.is_green)


def _print(text: str, *, on_terminal: bool) -> None:
    if not on_terminal:
        print(guarded(text) if os.environ.get("GITHUB_ACTIONS") else text, flush=True)
        return
    from rich.console import Console

    Console(highlight=False).print(styled(text), soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever ignores it never hears how one ended
    sys.exit(main())
