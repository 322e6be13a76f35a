"""The release gate: `nox -s quality_gates`."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from emel_tools.running import Job
from emel_tools.running.registry import lanes
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.schedule import Progress, run_all, tasks
from emel_tools.running.summary import summary
from emel_tools.scope import Asked, UnknownBaseError, UnknownShardError, choose, misses
from emel_tools.scope.explanation import explain
from emel_tools.scope.noting import noting, remember_passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what a change can affect in the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s quality_gates --")
    parser.add_argument("--only", nargs="+", default=[], help="lanes or shards: costs/io_mmap")
    parser.add_argument("--full", action="store_true", help="everything, whatever has changed")
    parser.add_argument("--base", default="", help="what to compare with: a branch or a commit")
    parser.add_argument("--explain", action="store_true", help="say what would run, and why")
    parser.add_argument("--seed", type=int, default=None, help="for the order of tests")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    began = time.monotonic()
    known = lanes()
    try:
        scope = choose(root, known, Asked(tuple(options.only), options.full, options.base))
    except (UnknownBaseError, UnknownShardError) as error:
        parser.error(str(error))
    if options.explain:
        print("\n".join(explain(scope)))
        return 0
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    job = Job(root, (), scope.full, scope.base, seed)
    chosen = [(each.lane, each.shard, each.why) for each in scope.choices if each.runs]
    done = {r.key: r for r in run_all(tasks(chosen, job), noting(root, _plain()))}
    results = tuple(
        done.get(each.shard.key) or Result(each.lane.name, each.shard.name, "unaffected", each.why)
        for each in scope.choices
    )
    missed = misses(root, scope, results) if scope.full else []
    run = Run(root, scope, seed, time.monotonic() - began, results)
    print(summary(run), flush=True)
    for finding in missed:
        print(finding)
    remember_passed(root, scope, green=run.is_green, whole=not options.only)
    return int(not run.is_green or bool(missed))


def _plain() -> Progress:
    return Progress(
        lambda task: print(f"... {task.name}", flush=True),
        lambda task, found: print(
            "\n".join(f"{r.verdict} {r.key} {r.seconds:.1f} s ({r.checked})" for r in found),
            flush=True,
        ),
        lambda: None,
    )


if __name__ == "__main__":
    sys.exit(main())
