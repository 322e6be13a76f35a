"""What a request to a checkpoint came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from emel_io_loader import BatchOutcome, Reaction

SHOWN: Final = 3
"""A message shows so many names of files; `Failure.files` has them all."""


class LoadOutcome(IntEnum):
    """Which step of a load failed; `HEADER_INCOMPLETE` is a step on the way."""

    OK = 0
    HEADER_INCOMPLETE = 1
    STRATEGY_REFUSED = 2
    IO_FAILED = 3
    PARSE_FAILED = 4
    MODEL_FAILED = 5
    SHARDS_REFUSED = 6


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Failure:
    """Why a request failed: a value, which the face turns into an exception."""

    stage: LoadOutcome
    """Routing, I/O, parsing, the model's own state, or files that don't make one checkpoint."""
    reaction: Reaction
    """What the caller can do about it."""
    code: str
    """Stable, in kebab-case, from whoever refused."""
    message: str
    """One sentence for a person."""
    path: str | None = None
    tensors: tuple[str, ...] = ()
    """The tensors concerned, the first refused one first."""
    files: tuple[str, ...] = ()
    """Names of the files concerned, beside `path` or in it, where more than one file matters."""
    offset: int | None = None
    """Byte of the file, where one is to blame."""
    errno: int = 0
    cause: BaseException | None = None

    @classmethod
    def of_batch(
        cls,
        stage: LoadOutcome,
        batch: BatchOutcome,
        path: str | None = None,
        tensors: tuple[str, ...] = (),
    ) -> Failure:
        """Take over what a strategy or the router said of a batch."""
        return cls(
            stage=stage,
            reaction=batch.reaction,
            code=batch.code,
            message=batch.message or batch.code,
            path=path,
            tensors=tensors,
            offset=batch.offset if batch.offset >= 0 else None,
            errno=batch.errno,
            cause=batch.cause,
        )

    @classmethod
    def of_shards(
        cls,
        code: str,
        path: str,
        message: str,
        *,
        tensors: Sequence[str] = (),
        files: Sequence[str] = (),
    ) -> Failure:
        """Say why files don't make one checkpoint; `files` are shown behind the message."""
        return cls(
            stage=LoadOutcome.SHARDS_REFUSED,
            reaction=Reaction.INVALID,
            code=code,
            message=f"{path}: {message}{f': {show_names(files)}' if files else ''}",
            path=path,
            tensors=tuple(tensors),
            files=tuple(files),
        )


def show_names(names: Sequence[str]) -> str:
    """Show the first few names, safe for a terminal, and say how many more there are."""
    shown = ", ".join(
        ascii(name) if len(name) <= 120 else f"{name[:100]!a}..." for name in names[:SHOWN]
    )
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
