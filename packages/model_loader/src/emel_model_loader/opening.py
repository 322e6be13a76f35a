"""Opening a checkpoint: from a path to the columns of its tensors, or to the reason why not."""

from __future__ import annotations

from emel_io_loader import Reaction, Router
from emel_model_format import Header, Refusal
from emel_model_loader._machine import OPENING, Event, Opening, State
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.outcomes import Failure, LoadOutcome


def open_checkpoint(path: str, router: Router, strategy: str | None) -> Checkpoint | Failure:
    """Open one file.

    Parameters
    ----------
    path
        A GGUF or safetensors file.
    router
        Who knows the strategies.
    strategy
        The name of the one to use.

    Returns
    -------
    Checkpoint or Failure
        After a failure nothing is open, mapped or kept.
    """
    ctx = Opening(router, strategy, path)
    state, outcome = OPENING.run(ctx, State.CLOSED, Event.OPEN, None)
    while state is State.INCOMPLETE:
        state, outcome = OPENING.run(ctx, state, Event.EXTEND, None)
    if ctx.route is not None and ctx.tensors is not None and isinstance(ctx.parsed, Header):
        return Checkpoint(path, ctx.route, ctx.parsed, ctx.tensors)
    return _explain(ctx, outcome)


def _explain(ctx: Opening, outcome: LoadOutcome) -> Failure:
    if outcome is LoadOutcome.PARSE_FAILED and isinstance(ctx.parsed, Refusal):
        return Failure(
            stage=outcome,
            reaction=Reaction.INVALID if ctx.parsed.supported else Reaction.UNSUPPORTED,
            code=ctx.parsed.rule,
            message=f"{ctx.path}: {ctx.parsed.message} (byte {ctx.parsed.offset})",
            path=ctx.path,
            tensors=() if ctx.parsed.tensor is None else (ctx.parsed.tensor,),
            offset=ctx.parsed.offset,
        )
    if outcome is LoadOutcome.MODEL_FAILED and ctx.report is not None:
        return Failure(
            stage=outcome,
            reaction=ctx.report.reaction,
            code=ctx.report.code,
            message=f"{ctx.path}: {ctx.report.message or ctx.report.code}",
            path=ctx.path,
        )
    assert ctx.answer is not None, "the table leaves an answer"  # noqa: S101 - a proof
    path = None if outcome is LoadOutcome.STRATEGY_REFUSED else ctx.path
    return Failure.of_batch(outcome, ctx.answer, path)
