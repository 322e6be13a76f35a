"""The shapes of `Outcome.details` that the page shows, as the lanes hand them out.

A lane that shows something writes these; the page reads what has the shape, and says so where
something else was handed out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar

import msgspec

from emel_tools.running.results import Result
from emel_tools.running.run import Run

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class Test(msgspec.Struct, frozen=True):
    """A test that names a promise."""

    nodeid: str
    """As pytest has it, from the root."""
    outcome: str
    """`passed`, `failed`, `skipped`, or whatever it came to."""


class Promise(msgspec.Struct, frozen=True):
    """One promise, and what proves it."""

    id: str
    promise: str
    package: str
    """The package that makes it: `io_mmap`."""
    tests: tuple[Test, ...] = ()

    @property
    def outcome(self) -> Literal["passed", "failed", "unproved"]:
        """What it comes to: every test of it passed, one didn't, or there is none."""
        if not self.tests:
            return "unproved"
        return "passed" if all(test.outcome == "passed" for test in self.tests) else "failed"


class Promises(msgspec.Struct, frozen=True):
    """`details` of the lane `behaviours`."""

    promises: tuple[Promise, ...]


class Module(msgspec.Struct, frozen=True):
    """What a package's own tests leave out of one of its modules."""

    module: str
    """As it is imported, or its path."""
    missing_lines: int | tuple[int, ...]
    """How many, or which."""
    missing_branches: int | tuple[str | tuple[int, ...], ...]
    """How many, or which."""


class Coverage(msgspec.Struct, frozen=True):
    """`details` of the lane `coverage`; the shard is the package."""

    modules: tuple[Module, ...]


def shown(run: Run, lane: str, shape: type[_Shape]) -> Iterator[tuple[Result, _Shape | None]]:
    """Yield what the shards of a lane hand out to be shown; None where it has another shape."""
    for result in run.results:
        if result.lane == lane and result.details:
            try:
                yield result, msgspec.convert(result.details, shape)
            except msgspec.ValidationError:
                yield result, None


def count(missing: int | tuple[object, ...]) -> int:
    """Count what is missing."""
    return missing if isinstance(missing, int) else len(missing)
