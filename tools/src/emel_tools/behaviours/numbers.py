"""How many tests name each promise: one that goes along with its marks is news to a reviewer."""

from __future__ import annotations

from collections.abc import Sequence

from emel_tools.behaviours.catalogue import Promise
from emel_tools.behaviours.marks import Mark


def numbers(promises: Sequence[Promise], marks: Sequence[Mark]) -> dict[str, str]:
    """Count, for each promise, the tests of its own package that name it.

    They are counted as they are written, whatever of them ran: so it takes no test to be accepted.
    """
    tests: dict[tuple[str, str], set[str]] = {(each.id, each.package): set() for each in promises}
    for mark in marks:
        tests.get((mark.id, mark.package), set()).update(mark.tests)
    return {" ".join(promise): str(len(named)) for promise, named in tests.items()}
