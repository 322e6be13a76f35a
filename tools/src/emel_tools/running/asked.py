"""What a person asks of the gate on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path


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
    made.add_argument(
        "--real-models", action="store_true", help="download them first, for parity/real in full"
    )
    made.add_argument("--base", default="", metavar="REF", help="what to compare with")
    made.add_argument(
        "--explain", action="store_true", help="say what would run, and why; run none"
    )
    made.add_argument("--seed", type=_seed, metavar="N", help="for orders and hashes, as printed")
    made.add_argument("--reports", type=Path, metavar="DIR", help="where reports are written")
    made.add_argument("--width", type=_width, default=0, metavar="N", help="processes at once")
    return made


def _seed(text: str) -> int:
    seed = int(text) if text.isdecimal() else -1
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError("a seed lies between 0 and 4294967295")
    return seed


def _width(text: str) -> int:
    width = int(text) if text.isdecimal() else 0
    if width < 1:
        raise argparse.ArgumentTypeError("at least one process has to run")
    return width
