"""The error tree: one class for each reaction that a caller can have.

Each is also the builtin that people expect, so `except ValueError` and `except OSError` work. A
program that hits a bug in emel gets `emel_machine.UnexpectedEventError` and never one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from emel_io_loader import Reaction
from emel_model_loader import Failure


class EmelError(Exception):
    """The root: everything that emel raises on purpose.

    Attributes
    ----------
    code : str
        Stable, in kebab-case, for programs: "bad-magic", "still-borrowed".
    path : str or None
        The file concerned.
    tensors : tuple of str
        The names of the tensors concerned.
    files : tuple of str
        Names of the files concerned, where several matter: the shards that are missing.
    offset : int or None
        The byte of the file that is to blame.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        path: str | None = None,
        tensors: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
        offset: int | None = None,
        errno: int = 0,
    ) -> None:
        super().__init__(message)
        self.code: str = code
        self.path: str | None = path
        self.tensors: tuple[str, ...] = tensors
        self.files: tuple[str, ...] = files
        self.offset: int | None = offset
        self.errno: int | None = errno or None

    @property
    def tensor(self) -> str | None:
        """The first of `tensors`."""
        return self.tensors[0] if self.tensors else None

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Callable[..., EmelError], tuple[Any, ...]]:
        # Exceptions cross process boundaries by pickling, which knows nothing of keywords.
        facts = (self.code, self.path, self.tensors, self.files, self.offset, self.errno or 0)
        return _rebuild, (type(self), str(self), *facts)


class InvalidFileError(EmelError, ValueError):
    """The file breaks its format: the message says which rule, at which byte.

    Nothing was opened; the same file fails again.
    """


class UnsupportedError(EmelError, NotImplementedError):
    """Well-formed, but nothing here handles it: a version, a type, a strategy, a platform."""


class SourceError(EmelError, OSError):
    """The operating system or the file failed; `errno` is kept and the cause is chained.

    Also raised for a file that shrank or changed since it was opened. What was loaded stays loaded.
    As of any OSError, `filename` is the path.
    """

    def __init__(self, message: str, **facts: Any) -> None:  # EmelError's
        super().__init__(message, **facts)
        self.filename: str | None = self.path
        self.strerror: str | None = message


class BusyError(EmelError, BufferError):
    """Still borrowed, or the pool is full: let go of something, and the same call succeeds.

    `tensors` names what is borrowed; those arrays stay valid.
    """


class ClosedError(EmelError, ValueError):
    """Used after release or close."""


_CLASSES: Final[dict[Reaction, type[EmelError]]] = {
    Reaction.INVALID: InvalidFileError,
    Reaction.UNSUPPORTED: UnsupportedError,
    Reaction.SOURCE: SourceError,
    Reaction.BUSY: BusyError,
    Reaction.CLOSED: ClosedError,
}
NAMED: Final = 5
"""A message names so many tensors; `EmelError.tensors` has them all."""


def raise_failure(failure: Failure) -> NoReturn:
    """Raise a failure as the exception of its reaction, with its cause chained."""
    raise _CLASSES[failure.reaction](
        _named(failure.message, failure.tensors),
        code=failure.code,
        path=failure.path,
        tensors=failure.tensors,
        files=failure.files,
        offset=failure.offset,
        errno=failure.errno,
    ) from failure.cause


def _named(message: str, tensors: tuple[str, ...]) -> str:
    """Add to a message the tensors that it is about, unless it names the only one itself."""
    # As the parsers show a name: a long one is cut after sixty characters.
    if not tensors or (len(tensors) == 1 and ascii(tensors[0])[:60] in message):
        return message
    names = ", ".join(tensors[:NAMED])
    more = len(tensors) - NAMED
    return f"{message} ({names}{f' and {more} more' if more > 0 else ''})"


def _rebuild(
    kind: type[EmelError],
    message: str,
    code: str,
    path: str | None,
    tensors: tuple[str, ...],
    files: tuple[str, ...],
    offset: int | None,
    errno: int,
) -> EmelError:
    return kind(
        message, code=code, path=path, tensors=tensors, files=files, offset=offset, errno=errno
    )
