"""What a run of one part of a suite tells, kept as JSON between two processes."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal[
    "failed", "error", "skipped", "xfailed", "uncollectable", "swallowed", "weak"
]

ENDED: Final = ".ended"
"""The suffix of where the last lines stand of what ended a run before it was written down."""
LEAST: Final = 20
"""Examples that a property is tried on, at least."""


class Trouble(msgspec.Struct, frozen=True):
    """One test that didn't simply pass."""

    kind: Kind
    node_id: str
    file: str
    """From the root."""
    line: int
    what: str
    """The first lines of what pytest says of it."""


class Case(msgspec.Struct, frozen=True):
    """One test that was collected."""

    node_id: str
    function: str
    """Its node id without its parameters."""
    examples: int = 0
    """How many examples Hypothesis may draw; 0 where it isn't a property."""
    rules: int = 0
    """How many it chooses steps from, those that begin included; 0 where it is no state machine."""
    invariants: int = 0
    steps: int = 0
    """How many steps one example has, at most; 0 where that is left to Hypothesis."""
    given: int = 0
    """How many examples are written out."""


class Record(msgspec.Struct, frozen=True):
    """One run."""

    seed: int
    exit_code: int
    summary: str
    """What pytest says in its last line: `312 passed in 4.1s`."""
    cases: list[Case]
    """Of this part."""
    functions: list[str]
    """Node ids of all test functions of the suite, those of the other parts too."""
    ended: list[str]
    """Node ids of the tests that were run to their end, in that order."""
    deselected: list[str]
    troubles: list[Trouble]
    kept: list[str] = []
    """Node ids of the tests that were left out because all that they call is what it was."""

    @property
    def torn(self) -> frozenset[str]:
        """Files of tests that couldn't be collected, from the root."""
        return frozenset(each.file for each in self.troubles if each.kind == "uncollectable")


def write(path: Path, record: Record) -> None:
    """Write a record down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(record))


def read(path: Path) -> Record | None:
    """Read a record; None if the run didn't come to its end."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def is_green(path: Path) -> bool:
    """Whether a run is written down, came to its end, and no test of it failed."""
    record = read(path)
    if record is None:
        return False
    bad = any(each.kind in ("failed", "error", "uncollectable") for each in record.troubles)
    return not bad and record.exit_code in (0, 1) and _is_whole(record)


def _is_whole(record: Record) -> bool:
    return len(record.ended) + len(record.kept) == len(record.cases)
