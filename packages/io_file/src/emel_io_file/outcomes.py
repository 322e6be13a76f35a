"""What becomes of a file and of reading it, and what a caller can do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from emel_io_loader import BatchOutcome, Reaction


class FileOutcome(IntEnum):
    """The outcomes of looking at a file, of opening, reading and closing it."""

    OK = 0
    OPEN_FAILED = 1
    STAT_FAILED = 2
    NOT_REGULAR = 3
    SPAN_BEYOND_END = 4
    """The file ends before the span does, and nobody claimed otherwise."""
    FILE_SHRANK = 5
    """The file reached to the end of the span when it was first looked at, and doesn't now."""
    FILE_CHANGED = 6
    """Device, inode, size or modification time are not what they were."""
    READ_FAILED = 7
    END_OF_FILE = 8
    """The file ended while it was read: it was long enough when it was opened."""
    CLOSE_FAILED = 9


REACTIONS: Final[Mapping[FileOutcome, Reaction]] = {
    outcome: {0: Reaction.NONE, FileOutcome.SPAN_BEYOND_END: Reaction.INVALID}.get(
        outcome, Reaction.SOURCE
    )
    for outcome in FileOutcome
}
"""All but one are the file's or the system's failures: a span past the end is a wrong request."""

MESSAGES: Final[Mapping[FileOutcome, str]] = {
    FileOutcome.OPEN_FAILED: "{path}: can't be opened: {error}",
    FileOutcome.STAT_FAILED: "{path}: {error}",
    FileOutcome.NOT_REGULAR: "{path}: not a regular file",
    FileOutcome.SPAN_BEYOND_END: (
        "{path}: the {wanted} bytes at offset {offset} end past the end of the file "
        "({actual} bytes)"
    ),
    FileOutcome.FILE_SHRANK: (
        "{path}: the {wanted} bytes at offset {offset} end past the end of the file, which was "
        "there before and now has {actual} bytes"
    ),
    FileOutcome.FILE_CHANGED: "{path}: changed since it was first looked at: {changes}",
    FileOutcome.READ_FAILED: (
        "{path}: the {wanted} bytes at offset {offset} can't be read: {error}"
    ),
    FileOutcome.END_OF_FILE: (
        "{path}: the file ended after {got} of the {wanted} bytes at offset {offset}"
    ),
    FileOutcome.CLOSE_FAILED: "{path}: its descriptor can't be closed: {error}",
}


def bare(error: BaseException) -> BaseException:
    """Strip an exception of its traceback, whose frames would keep buffers alive."""
    return error.with_traceback(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """Why something wasn't done with a file."""

    outcome: FileOutcome
    path: str
    message: str
    index: int = -1
    """The span (or, in `identify`, the file) that it is about."""
    offset: int = -1
    """Byte of the file, where one is to blame."""
    error: BaseException | None = None

    @classmethod
    def of(
        cls,
        outcome: FileOutcome,
        path: str,
        *,
        index: int = -1,
        offset: int = -1,
        error: BaseException | None = None,
        **numbers: object,
    ) -> FileProblem:
        """Put an outcome into words."""
        message = MESSAGES[outcome].format(
            path=path,
            # The path stands before it already, and str(OSError) would say it again.
            error=getattr(error, "strerror", None) or error,
            offset=offset,
            **numbers,
        )
        return cls(
            outcome=outcome, path=path, message=message, index=index, offset=offset, error=error
        )

    @property
    def errno(self) -> int:
        """What the operating system answered; 0 if it wasn't asked."""
        return getattr(self.error, "errno", None) or 0

    def answer(self, **facts: Any) -> BatchOutcome:  # BatchOutcome's own fields
        """Answer a batch with it."""
        return BatchOutcome(
            outcome=self.outcome,
            reaction=REACTIONS[self.outcome],
            message=self.message,
            index=self.index,
            offset=self.offset,
            errno=self.errno,
            cause=self.error,
            **facts,
        )
