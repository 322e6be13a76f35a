"""Failures in the words of whoever opened the checkpoint: which file, which tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from emel_io_loader import BatchOutcome, Reaction
from emel_model_loader.outcomes import Failure, LoadOutcome
from emel_model_tensor import Report, TensorSet


class Blame:
    """Names files and tensors for what was said of them by number.

    Parameters
    ----------
    path
        What was opened: it is named where no single file is to blame.
    names
        The tensors' names, in order.
    tensors
        Knows in which file each is.
    """

    def __init__(self, path: str, names: tuple[str, ...], tensors: TensorSet) -> None:
        self._path: str = path
        self._names: tuple[str, ...] = names
        self._tensors: TensorSet = tensors

    def report(self, report: Report) -> Failure | None:
        """Say why the owner of residency refused, or the strategy that it asked; None if not."""
        if report.ok:
            return None
        refused: list[int] = report.tensors.tolist()
        if report.strategy is not None and not report.strategy.ok:
            return self.batch(report.strategy, refused)
        reason = report.message or report.code.replace("-", " ")
        return self.refused(report.reaction, report.code, reason, refused)

    def batch(self, answer: BatchOutcome, tensors: Iterable[int]) -> Failure:
        """Say what a strategy answered about these tensors, the first one first."""
        named = tuple(tensors)
        path = self.file_of(named[0]) if named else self._path
        names = tuple(self._names[i] for i in named)
        return Failure.of_batch(LoadOutcome.IO_FAILED, answer, path, names)

    def span(self, answer: BatchOutcome, tensors: Sequence[int]) -> Failure:
        """Say what a strategy answered about spans of these tensors: the one that failed."""
        failed = answer.index
        return self.batch(answer, tensors[failed : failed + 1] if failed >= 0 else ())

    def refused(
        self, reaction: Reaction, code: str, reason: str, tensors: Iterable[int] = ()
    ) -> Failure:
        """Say why a request was refused, whatever the files are like."""
        return Failure(
            stage=LoadOutcome.MODEL_FAILED,
            reaction=reaction,
            code=code,
            message=f"{self._path}: {reason}",
            path=self._path,
            tensors=tuple(self._names[i] for i in tensors),
        )

    def closed(self, tensors: Iterable[int] = ()) -> Failure:
        """Say that nothing can be asked for any more."""
        return self.refused(Reaction.CLOSED, "model-closed", "the model is closed", tensors)

    def file_of(self, tensor: int) -> str:
        """The file that a tensor's bytes are in."""
        spans = self._tensors.spans([tensor])
        return spans.files[int(spans.file[0])]


def joined(*failures: Failure | None) -> Failure | None:
    """Make one failure of several: the first, with the tensors of all."""
    real = [failure for failure in failures if failure is not None]
    if not real:
        return None
    return replace(real[0], tensors=tuple(name for failure in real for name in failure.tensors))
