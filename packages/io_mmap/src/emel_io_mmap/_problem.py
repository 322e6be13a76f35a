"""Why something wasn't done, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emel_io_mmap._slot import Task
from emel_io_mmap.outcomes import MmapOutcome

MESSAGES: Final = {
    MmapOutcome.OPEN_FAILED: "{path}: can't be opened: {error}",
    MmapOutcome.STAT_FAILED: "{path}: {error}",
    MmapOutcome.NOT_REGULAR: "{path}: not a regular file",
    MmapOutcome.FILE_SHRANK: (
        "{path}: the {wanted} bytes at offset {offset} end past the end of the file, which was "
        "there before and now has {actual} bytes"
    ),
    MmapOutcome.SPAN_BEYOND_END: (
        "{path}: the {wanted} bytes at offset {offset} end past the end of the file "
        "({actual} bytes)"
    ),
    MmapOutcome.FILE_CHANGED: "{path}: changed since it was first looked at: {changes}",
    MmapOutcome.MAP_FAILED: "{path}: can't be mapped: {error}",
    MmapOutcome.POOL_FULL: "{path}: all {capacity} slots are taken",
    MmapOutcome.STILL_BORROWED: "{path}: still borrowed by an array or a memoryview",
    MmapOutcome.UNMAP_FAILED: "{path}: its mapping can't be ended: {error}",
    MmapOutcome.CLOSE_FAILED: "{path}: its descriptor can't be closed: {error}",
    MmapOutcome.STALE_LEASE: "the lease is not, or no longer, one of this strategy",
    MmapOutcome.ADVICE_UNKNOWN: "{advice} is no kind of advice",
    MmapOutcome.ADVICE_OUTSIDE: "{path}: the advice is for bytes outside the lease",
    MmapOutcome.ADVICE_UNSUPPORTED: "this platform can't be given the advice {advice}",
    MmapOutcome.ADVICE_FAILED: "{path}: the advice failed: {error}",
}
"""One sentence each, filled in by `Problem.of`."""


def bare(error: BaseException) -> BaseException:
    """Strip an exception of what would keep buffers alive: frames, and exceptions with theirs."""
    error.__context__ = None
    return error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something wasn't done."""

    outcome: MmapOutcome
    message: str
    index: int = -1
    offset: int = -1
    error: BaseException | None = None

    @property
    def errno(self) -> int:
        """What the operating system answered; 0 if it wasn't asked."""
        return getattr(self.error, "errno", None) or 0

    @classmethod
    def of(
        cls,
        outcome: MmapOutcome,
        *,
        path: str,
        task: Task | None = None,
        index: int = -1,
        offset: int = -1,
        wanted: int = -1,
        **numbers: object,
    ) -> Problem:
        """Put an outcome into words, from the facts of the event that it is of."""
        task = task or Task()
        now = task.facts.identity if task.facts else None
        actual = now.nbytes if now else task.nbytes
        changes = [text for was in task.expected if now and (text := was.changes(now))]
        if task.error is not None and outcome is MmapOutcome.SPAN_BEYOND_END:
            actual = -1  # it was long enough when it was measured, and isn't when it is mapped
        message = MESSAGES[outcome].format(
            path=path,
            # The path stands before it already, and str(OSError) would say it again.
            error=getattr(task.error, "strerror", None) or task.error,
            offset=offset,
            wanted=wanted,
            actual=actual if actual >= 0 else "fewer",
            changes="; ".join(changes),
            **numbers,
        )
        return cls(outcome, message, index, offset, task.error)
