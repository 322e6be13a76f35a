"""What a request to a checkpoint came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from emel_io_loader import BatchOutcome, Reaction


class LoadOutcome(IntEnum):
    """Which step of a load failed; `HEADER_INCOMPLETE` is a step on the way."""

    OK = 0
    HEADER_INCOMPLETE = 1
    STRATEGY_REFUSED = 2
    IO_FAILED = 3
    PARSE_FAILED = 4
    MODEL_FAILED = 5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Failure:
    """Why a request failed: a value, which the face turns into an exception."""

    stage: LoadOutcome
    """Routing, I/O, parsing, or the model's own state."""
    reaction: Reaction
    """What the caller can do about it."""
    code: str
    """Stable, in kebab-case, from whoever refused."""
    message: str
    """One sentence for a person."""
    path: str | None = None
    tensors: tuple[str, ...] = ()
    """The tensors concerned, the first refused one first."""
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
