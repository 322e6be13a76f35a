"""Spans as columns, and the table of rules that every strategy holds them to before any I/O."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader.outcomes import SpanOutcome

INT64_MAX: Final = 2**63 - 1
NBYTES_MAX: Final = 2**40
"""No single span is larger than 1 TiB: a larger one is a corrupt header, not a tensor."""
PATH_NBYTES_MAX: Final = 4095
"""PATH_MAX of Linux (limits.h) without the closing NUL."""

_INT64: Final = np.dtype(np.int64)

IntColumn = NDArray[Any]
"""(n,) int64; or (n,) object where a caller's integers don't fit, which validation refuses."""


class FileIdentity(NamedTuple):
    """What tells a file from another, or from itself after a rewrite."""

    device: int
    inode: int
    nbytes: int
    mtime_ns: int

    def changes(self, now: FileIdentity) -> str:
        """Say in words what differs in `now`; empty if nothing does."""
        if (self.device, self.inode) != (now.device, now.inode):
            return "another file stands at this path"
        changed: list[str] = []
        if self.nbytes != now.nbytes:
            changed.append(f"size {self.nbytes} is now {now.nbytes} bytes")
        if self.mtime_ns != now.mtime_ns:
            changed.append("it was modified")
        return " and ".join(changed)


class Spans:
    """Columns: span i is the bytes [offset[i], offset[i] + nbytes[i]) of files[file[i]].

    Built from whatever a caller has, right or wrong: a strategy answers with an outcome, and so
    nothing here is refused. The columns belong to this object and must not be written to.

    Parameters
    ----------
    files
        Paths, as str.
    file, offset, nbytes
        n integers each: the index into `files`, and bytes.
    identities
        One a file, or empty: what each file was when it was first looked at. A strategy refuses a
        file that is another one now.
    """

    __slots__ = ("file", "files", "identities", "nbytes", "offset")

    def __init__(
        self,
        files: Sequence[str],
        file: ArrayLike,
        offset: ArrayLike,
        nbytes: ArrayLike,
        identities: Sequence[FileIdentity | None] = (),
    ) -> None:
        self.files: tuple[str, ...] = tuple(files)
        self.file: IntColumn = int_column(file)
        self.offset: IntColumn = int_column(offset)
        self.nbytes: IntColumn = int_column(nbytes)
        self.identities: tuple[FileIdentity | None, ...] = tuple(identities)

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, index: NDArray[np.intp]) -> Spans:
        """Select the spans at `index`, (m,) intp, as new columns over the same files."""
        picked = self.file[index], self.offset[index], self.nbytes[index]
        return Spans(self.files, *picked, identities=self.identities)

    def identity(self, file: int) -> FileIdentity | None:
        """What `files[file]` was when it was first looked at, if that is known."""
        return self.identities[file] if self.identities else None


def int_column(values: ArrayLike) -> IntColumn:
    """Make a column of n integers, exactly; what isn't one is a TypeError."""
    column = np.asarray(values)
    if column.ndim == 1 and column.dtype == _INT64:  # as it is for whoever selects from columns
        return column
    if column.dtype.kind == "f" and column.size and not isinstance(values, np.ndarray):
        column = np.asarray(values, dtype=object)  # numpy makes floats of [-1, 2**63]
    if column.ndim != 1:
        raise TypeError(f"a column has one dimension, not {column.ndim}")
    if column.size == 0 or (column.dtype.kind in "iu" and column.dtype != np.uint64):
        return column.astype(np.int64, copy=False)
    if column.dtype.kind == "u" and column.max() <= INT64_MAX:
        return column.astype(np.int64)
    if column.dtype.kind not in "uO" or not all(
        isinstance(value, (int, np.integer)) for value in column.tolist()
    ):
        raise TypeError(f"a column holds integers, not {column.dtype}")
    if all(-INT64_MAX <= value <= INT64_MAX for value in column.tolist()):
        return column.astype(np.int64)
    # Exact Python integers, so that the rules can see what is wrong.
    return np.array([int(value) for value in column.tolist()], dtype=object)


class Refusal(NamedTuple):
    """The first rule that the first bad span breaks."""

    span: int
    outcome: SpanOutcome
    message: str


class SpanRule(NamedTuple):
    """`broken(spans)` answers a mask of shape (n,): the spans that break the rule."""

    outcome: SpanOutcome
    broken: Callable[[Spans], NDArray[Any]]
    message: str


def _per_file(test: Callable[[bytes], bool]) -> Callable[[Spans], NDArray[Any]]:
    def broken(spans: Spans) -> NDArray[np.bool_]:
        bad = np.array([test(_encoded(path)) for path in spans.files])
        known = ~_file_unknown(spans)
        mask = np.zeros(len(spans), np.bool_)
        if bad.any():
            mask[known] = bad[spans.file[known].astype(np.intp)]
        return mask

    return broken


def _encoded(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half a surrogate pair, as JSON can hold: the call that opens it says no in its own words.
        return path.encode("utf-8", "surrogatepass")


def _file_unknown(spans: Spans) -> NDArray[Any]:
    return (spans.file < 0) | (spans.file >= len(spans.files))


def _offset_negative(spans: Spans) -> NDArray[Any]:
    return spans.offset < 0


def _nbytes_negative(spans: Spans) -> NDArray[Any]:
    return spans.nbytes < 0


def _span_overflows(spans: Spans) -> NDArray[Any]:
    # Written as a difference, because the sum is what overflows.
    room = INT64_MAX - np.maximum(spans.offset, 0)
    return (spans.offset > INT64_MAX) | (spans.nbytes > room)


def _span_too_large(spans: Spans) -> NDArray[Any]:
    return spans.nbytes > NBYTES_MAX


def _path_too_long(path: bytes) -> bool:
    return len(path) > PATH_NBYTES_MAX


def _path_has_nul(path: bytes) -> bool:
    return b"\0" in path


# fmt: off
RULES: Final = (
    SpanRule(SpanOutcome.FILE_UNKNOWN, _file_unknown, "its file index {file} is not one of {files} files"),
    SpanRule(SpanOutcome.PATH_EMPTY, _per_file(operator.not_), "its path is empty"),
    SpanRule(SpanOutcome.PATH_TOO_LONG, _per_file(_path_too_long), f"its path is longer than {PATH_NBYTES_MAX} bytes"),
    SpanRule(SpanOutcome.PATH_HAS_NUL, _per_file(_path_has_nul), "its path holds a NUL character"),
    SpanRule(SpanOutcome.OFFSET_NEGATIVE, _offset_negative, "its offset {offset} is negative"),
    SpanRule(SpanOutcome.NBYTES_NEGATIVE, _nbytes_negative, "its size {nbytes} is negative"),
    SpanRule(SpanOutcome.SPAN_OVERFLOWS, _span_overflows, "its offset {offset} plus its size {nbytes} is past 2^63 - 1"),
    SpanRule(SpanOutcome.SPAN_TOO_LARGE, _span_too_large, f"its size {{nbytes}} is past 2^40 ({NBYTES_MAX}) bytes"),
)
# fmt: on
"""In order: the first rule that the first bad span breaks is what the caller hears."""


def _are_plain(spans: Spans) -> bool:
    """Whether these spans keep every rule, told by the ends of their columns.

    It never says yes to what `RULES` refuse (a test compares); where it says no, they decide, which
    takes numpy five times as long for a few spans.
    """
    file, offset, nbytes = spans.file, spans.offset, spans.nbytes
    if not (len(file) == len(offset) == len(nbytes) > 0):
        return False
    if not (file.dtype == offset.dtype == nbytes.dtype == _INT64):
        return False
    if len(spans.identities) not in (0, len(spans.files)):
        return False
    for path in spans.files:
        if not 0 < len(path) <= PATH_NBYTES_MAX // 4 or "\0" in path:
            return False
    (first, last), (least, furthest), (fewest, most) = _ends(file), _ends(offset), _ends(nbytes)
    if first < 0 or last >= len(spans.files) or least < 0:
        return False
    return 0 <= fewest <= most <= NBYTES_MAX and furthest <= INT64_MAX - most


def _ends(column: NDArray[np.int64]) -> tuple[int, int]:
    """The least and the largest of one integer or more."""
    if len(column) == 1:
        return column.item(), column.item()
    return int(column.min()), int(column.max())


def validate(spans: Spans) -> Refusal | None:
    """Hold `spans` to `RULES`; None if they keep them all. Makes no call to the outside."""
    if _are_plain(spans):
        return None
    lengths = (len(spans.file), len(spans.offset), len(spans.nbytes))
    if len(set(lengths)) > 1:
        text = "columns file, offset, nbytes have {}, {} and {} entries".format(*lengths)
        return Refusal(min(lengths), SpanOutcome.LENGTHS_DIFFER, text)
    if spans.identities and len(spans.identities) != len(spans.files):
        text = f"{len(spans.files)} files have {len(spans.identities)} identities"
        return Refusal(0, SpanOutcome.LENGTHS_DIFFER, text)
    worst: tuple[int, SpanRule] | None = None
    for rule in RULES:
        broken = np.flatnonzero(rule.broken(spans))
        if broken.size and (worst is None or broken[0] < worst[0]):
            worst = int(broken[0]), rule
    if worst is None:
        return None
    i, rule = worst
    text = rule.message.format(
        file=spans.file[i], files=len(spans.files), offset=spans.offset[i], nbytes=spans.nbytes[i]
    )
    return Refusal(i, rule.outcome, f"span {i}: {text}")
