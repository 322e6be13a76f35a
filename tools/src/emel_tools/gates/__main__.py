"""All gates, each to its end: `nox -s quality_gates`.

Every lane is a session of noxfile.py, started just as a person would start it, so the command
that the summary names is the command that was run.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from emel_tools.workspace import shards


class Lane(NamedTuple):
    """One gate: its name, and the words after `nox` that run it."""

    name: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """What a person types to run it again."""
        return shlex.join(("nox", *self.words))


class Result(NamedTuple):
    """What one lane came to."""

    lane: Lane
    exit_code: int
    seconds: float


def lanes(root: Path, *, full: bool) -> list[Lane]:
    """List the lanes, the quick ones first; `full` adds what takes long."""
    single = [Lane(name, ("-s", name)) for name in ("lint", "types", "boundaries", "behaviours")]
    docs = Lane("docs", ("-s", "docs", "--", "--check"))
    tests = [
        Lane(f"tests {shard.name}", ("-s", "tests", "--", shard.name)) for shard in shards(root)
    ]
    witness = Lane("witness", ("-s", "witness"))  # judges what the tests before it did
    isolation = Lane("isolation", ("-s", "isolation", *(("--", "--full") if full else ())))
    ends = [Lane(name, ("-s", name)) for name in ("demo", *(("real_models",) if full else ()))]
    return [*single, docs, *tests, witness, isolation, *ends]


def run_all(todo: Sequence[Lane], run: Callable[[Lane], int]) -> list[Result]:
    """Run each lane, also when earlier ones are red.

    Parameters
    ----------
    todo
        The lanes, in the order in which they run.
    run
        Runs one and answers with its exit code.
    """
    results: list[Result] = []
    for lane in todo:
        print(f"\n━━ {lane.name} ━━ {lane.command}", flush=True)
        started = time.perf_counter()
        exit_code = run(lane)
        results.append(Result(lane, exit_code, time.perf_counter() - started))
    return results


def summary(results: Sequence[Result]) -> str:
    """Sum up: failures first, each with its seconds and the command that runs it again."""
    width = max(len(result.lane.name) for result in results)
    lines = [
        f"{'FAIL' if result.exit_code else 'ok':<4}  {result.lane.name:<{width}}"
        f"  {result.seconds:6.1f} s  {result.lane.command}"
        for result in sorted(results, key=lambda result: result.exit_code == 0)
    ]
    red = sum(result.exit_code != 0 for result in results)
    seconds = sum(result.seconds for result in results)
    verdict = f"{red} of {len(results)} lanes red" if red else f"all {len(results)} lanes green"
    return "\n".join((*lines, f"quality_gates: {verdict}, {seconds:.0f} s"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lanes of the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s quality_gates --")
    parser.add_argument("python", help="the Python that has nox")
    parser.add_argument("--full", action="store_true", help="the real models too")
    options = parser.parse_args(arguments)
    nox = (options.python, "-m", "nox", "-f", str(Path.cwd() / "noxfile.py"))

    def run(lane: Lane) -> int:
        return subprocess.run((*nox, *lane.words), check=False).returncode

    results = run_all(lanes(Path.cwd(), full=options.full), run)
    print("\n" + summary(results), flush=True)
    return int(any(result.exit_code for result in results))


if __name__ == "__main__":
    sys.exit(main())
