"""Opening a checkpoint: from a path to the columns of its tensors, or to the reason why not."""

from __future__ import annotations

from emel_io_loader import Reaction, Router
from emel_model_format import Refusal
from emel_model_loader._context import Opening, no_folders
from emel_model_loader._machine import OPENING, Event, State
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.companions import NO_COMPANIONS, Companions, Limits
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_loader.shards import Entries


def open_checkpoint(
    path: str,
    router: Router,
    strategy: str | None,
    *,
    entries: Entries = no_folders,
    shards: bool = True,
    companions: Companions = NO_COMPANIONS,
    limits: Limits = Limits(),  # noqa: B008 - it is immutable
) -> Checkpoint | Failure:
    """Open the checkpoint that `path` leads to, in one file or in many.

    Parameters
    ----------
    path
        A GGUF or safetensors file; any shard of a set; the index of safetensors shards; or the
        folder of one checkpoint. Every other file is looked for in the same folder.
    router
        Who knows the strategies.
    strategy
        The name of the one to use.
    entries
        Names what lies in a folder, None where there is no such folder; raises `OSError` where it
        can't tell. By default there are no folders, and so no shards are found.
    shards
        False: open the one file, whatever it is part of.
    companions, limits
        What copies and transforms beside the strategy, and how much memory may be taken.

    Returns
    -------
    Checkpoint or Failure
        After a failure nothing is open, mapped or kept.
    """
    ctx = Opening(router, strategy, path, entries, shards, limits.total)
    state, outcome = OPENING.run(ctx, State.CLOSED, Event.OPEN, None)
    while state is State.INCOMPLETE:
        state, outcome = OPENING.run(ctx, state, Event.EXTEND, None)
    if ctx.route is not None and ctx.merged is not None and ctx.tensors is not None:
        return Checkpoint(
            path, ctx.route, ctx.merged, ctx.tensors, companions=companions, limits=limits
        )
    return _explain(ctx, outcome)


def _explain(ctx: Opening, outcome: LoadOutcome) -> Failure:
    if ctx.refused is not None:
        return ctx.refused
    if outcome is LoadOutcome.PARSE_FAILED and isinstance(ctx.parsed, Refusal):
        return Failure(
            stage=outcome,
            reaction=Reaction.INVALID if ctx.parsed.supported else Reaction.UNSUPPORTED,
            code=ctx.parsed.rule,
            message=f"{ctx.at_hand}: {ctx.parsed.message} (byte {ctx.parsed.offset})",
            path=ctx.at_hand,
            tensors=() if ctx.parsed.tensor is None else (ctx.parsed.tensor,),
            offset=ctx.parsed.offset,
        )
    if outcome is LoadOutcome.MODEL_FAILED and ctx.report is not None:
        return Failure(
            stage=outcome,
            reaction=ctx.report.reaction,
            code=ctx.report.code,
            message=f"{ctx.at_hand}: {ctx.report.message or ctx.report.code}",
            path=ctx.at_hand,
        )
    assert ctx.answer is not None, "the table leaves an answer"  # noqa: S101 - a proof
    path = None if outcome is LoadOutcome.STRATEGY_REFUSED else ctx.at_hand
    return Failure.of_batch(outcome, ctx.answer, path)
