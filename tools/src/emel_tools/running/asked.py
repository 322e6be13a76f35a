"""What a person asks of the gate on the command line."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from emel_tools.running.lane import Lane
from emel_tools.scope import Scope


def parser() -> argparse.ArgumentParser:
    """Make the parser."""
    made = argparse.ArgumentParser(
        prog="nox -s quality_gates --",
        description="Run whatever lanes and shards a change can affect; all of them end.",
        allow_abbrev=False,
    )
    made.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="LANE[/SHARD]", help="just these"
    )
    made.add_argument("--full", action="store_true", help="everything, whatever has changed")
    made.add_argument("--base", default="", metavar="REF", help="what to compare with")
    made.add_argument(
        "--explain", action="store_true", help="say what would run, and why; run none"
    )
    made.add_argument("--seed", type=_seed, metavar="N", help="for orders and hashes, as printed")
    made.add_argument("--reports", type=Path, metavar="DIR", help="where reports are written")
    made.add_argument("--width", type=_width, default=0, metavar="N", help="processes at once")
    return made


def unknown(only: Sequence[str], lanes: Sequence[str], keys: Sequence[str]) -> str:
    """Say which word names no lane and no shard, and what there is; empty if all do.

    Parameters
    ----------
    only
        What was asked for.
    lanes
        The names of all lanes, also of those that can't be listed.
    keys
        The shards that could be.
    """
    for word in only:
        lane, _, shard = word.partition("/")
        if word in keys or word in lanes:
            continue
        there = [key for key in keys if key.startswith(f"{lane}/")] if shard else []
        what = f"no shard {shard!r} in lane {lane}" if there else f"no lane {lane!r}"
        near = difflib.get_close_matches(word, [*lanes, *keys], 3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"--only {word}: {what}{meant}\nthere is: {' '.join(there or lanes)}"
    return ""


def explanation(lanes: Sequence[Lane], scope: Scope) -> str:
    """Say of each shard why it runs or not."""
    base = f"compared with {scope.base}" if scope.base else "compared with nothing"
    lines = [f"{base}: {len(scope.changed)} files changed", *(f"  {f}" for f in scope.changed[:20])]
    lines += [f"  ... and {len(scope.changed) - 20} more"] * (len(scope.changed) > 20)
    for lane in lanes:
        lines.append(f"{lane.name}: {lane.demands}")
        lines += (
            f"  {'runs' if each.runs else '-':<4}  {each.shard.key:<28}  {each.why}"
            for each in scope.choices
            if each.lane.name == lane.name
        )
    runs = sum(each.runs for each in scope.choices)
    return "\n".join((*lines, f"{runs} of {len(scope.choices)} shards run"))


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError("a seed lies between 0 and 4294967295")
    return seed


def _width(text: str) -> int:
    width = int(text)
    if width < 1:
        raise argparse.ArgumentTypeError("at least one process has to run")
    return width
