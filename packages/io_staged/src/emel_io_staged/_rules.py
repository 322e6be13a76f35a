"""What a request is held to before any call to the operating system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emel_io_loader import (
    BatchOutcome,
    Places,
    Reaction,
    Refusal,
    Spans,
    TargetRefusal,
    Targets,
    Transform,
    validate,
    validate_targets,
)
from emel_io_staged.outcomes import StagedOutcome, answer


class Sizes(NamedTuple):
    """What a batch asks of its spans: columns, (n,) each."""

    nbytes: NDArray[np.int64]
    block_nbytes: NDArray[np.int64]
    result_nbytes: NDArray[np.int64]
    chunk_nbytes: int


class SizeRule(NamedTuple):
    """`broken(sizes)` answers a mask of shape (n,): the spans that break the rule."""

    outcome: StagedOutcome
    broken: Callable[[Sizes], NDArray[Any]]
    message: str


def _block_empty(sizes: Sizes) -> NDArray[Any]:
    return sizes.block_nbytes < 1


def _result_negative(sizes: Sizes) -> NDArray[Any]:
    return sizes.result_nbytes < 0


def _not_whole(sizes: Sizes) -> NDArray[Any]:
    return sizes.nbytes % np.maximum(sizes.block_nbytes, 1) != 0


def _chunk_too_small(sizes: Sizes) -> NDArray[Any]:
    return (sizes.nbytes > 0) & (sizes.block_nbytes > sizes.chunk_nbytes)


# fmt: off
RULES: Final = (
    SizeRule(StagedOutcome.TRANSFORM_INVALID, _block_empty, "its blocks of {block} bytes are none"),
    SizeRule(StagedOutcome.TRANSFORM_INVALID, _result_negative, "its result of {result} bytes is none"),
    SizeRule(StagedOutcome.SPAN_NOT_WHOLE, _not_whole, "its {nbytes} bytes are not whole blocks of {block} bytes"),
    SizeRule(StagedOutcome.CHUNK_TOO_SMALL, _chunk_too_small, "a block of {block} bytes is larger than a chunk of {chunk} bytes"),
)
# fmt: on
"""In order: the first rule that the first bad span breaks is what the caller hears."""


def refused_spans(spans: Spans) -> BatchOutcome | None:
    """Hold the spans to the rules that every strategy has."""
    refusal = validate(spans)
    return None if refusal is None else _invalid(refusal)


def refused_sizes(sizes: Sizes) -> BatchOutcome | None:
    """Hold what is asked of valid spans to `RULES`."""
    worst: tuple[int, SizeRule] | None = None
    for rule in RULES:
        broken = np.flatnonzero(rule.broken(sizes))
        if broken.size and (worst is None or broken[0] < worst[0]):
            worst = int(broken[0]), rule
    if worst is None:
        return None
    i, rule = worst
    text = rule.message.format(
        nbytes=sizes.nbytes[i],
        block=sizes.block_nbytes[i],
        result=sizes.result_nbytes[i],
        chunk=sizes.chunk_nbytes,
    )
    return answer(rule.outcome, f"span {i}: {text}", index=i)


def places_of(
    targets: Targets | None, result_nbytes: NDArray[np.int64]
) -> Places | BatchOutcome | None:
    """Find where results go; None if there are none and nothing is said about where."""
    if targets is None and len(result_nbytes) and not result_nbytes.any():
        return None
    places = validate_targets(targets, result_nbytes)
    return places if isinstance(places, Places) else _invalid(places)


def sizes_of(
    spans: Spans, transforms: Sequence[Transform], chunk_nbytes: int
) -> Sizes | BatchOutcome:
    """Ask each transform what it makes of its span; the spans are valid."""
    n = len(spans)
    if len(transforms) != n:
        return _differ(f"{n} spans have {len(transforms)} transforms")
    blocks = [transform.block_nbytes for transform in transforms]
    results = [
        transform.result_nbytes(nbytes - nbytes % max(block, 1))  # whole blocks is all it knows
        for transform, nbytes, block in zip(transforms, spans.nbytes.tolist(), blocks, strict=True)
    ]
    try:
        columns = np.array(blocks, np.int64), np.array(results, np.int64)
    except OverflowError:
        far = [max(abs(b), abs(r)) >= 2**63 for b, r in zip(blocks, results, strict=True)]
        i = far.index(True)
        text = f"span {i}: its result of {results[i]} bytes, of blocks of {blocks[i]}, is none"
        return answer(StagedOutcome.TRANSFORM_INVALID, text, index=i)
    return Sizes(spans.nbytes, *columns, chunk_nbytes)


def blocks_of(spans: Spans, block_nbytes: ArrayLike, chunk_nbytes: int) -> Sizes | BatchOutcome:
    """Take the same block size for all spans, or one a span; the spans are valid."""
    n = len(spans)
    blocks = np.asarray(block_nbytes, np.int64)
    if blocks.ndim and blocks.shape != (n,):
        return _differ(f"{n} spans have block sizes of shape {blocks.shape}")
    return Sizes(spans.nbytes, np.broadcast_to(blocks, (n,)), np.zeros(n, np.int64), chunk_nbytes)


def _differ(message: str) -> BatchOutcome:
    return answer(StagedOutcome.TRANSFORMS_DIFFER, message)


def _invalid(refusal: Refusal | TargetRefusal) -> BatchOutcome:
    return BatchOutcome(
        outcome=refusal.outcome,
        reaction=Reaction.INVALID,
        message=refusal.message,
        index=refusal.span,
    )
