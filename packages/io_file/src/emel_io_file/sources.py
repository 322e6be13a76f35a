"""The files of one batch: opened once each, held to what is known of them, and closed together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emel_io_file._machine import SOURCE, Event, Source, SourceOutcome, State
from emel_io_file._platform import FilePort, ReadPort
from emel_io_file.outcomes import FileOutcome, FileProblem, bare
from emel_io_loader import BatchOutcome, FileIdentity, Identified, Reaction, Spans, validate


class Sources:
    """Open every file that a batch needs; whoever made it closes it.

    Parameters
    ----------
    port
        The operating system.
    spans
        Valid ones (`validate` answered None). A file that only spans of zero bytes name isn't
        looked at.
    direct
        Open each file a second time, around the page cache, where it lets itself be.
    """

    def __init__(self, port: ReadPort, spans: Spans, *, direct: bool = False) -> None:
        self._spans: Spans = spans
        self._direct: bool = direct
        self._stop: NDArray[np.int64] = spans.offset + spans.nbytes
        wanted = (spans.nbytes > 0).nonzero()[0]
        file = spans.file[wanted]
        numbers, first = np.unique(file, return_index=True)
        reach = np.zeros(len(spans.files), np.int64)
        np.maximum.at(reach, file, self._stop[wanted])
        self._sources: dict[int, Source] = {}
        self._first: dict[int, int] = {}
        # In the order in which the batch names them, which is the order of failures.
        for at in np.argsort(first).tolist():
            number = int(numbers[at])
            identity = spans.identity(number)
            expected = () if identity is None else (identity,)
            path = spans.files[number]
            self._sources[number] = Source(port, path, expected, reach.item(number))
            self._first[number] = wanted.item(first.item(at))

    def __getitem__(self, file: int) -> Source:
        return self._sources[file]

    def open(self) -> FileProblem | None:
        """Open them all, or answer with the first span, in request order, whose file fails.

        Nothing is closed here: `close` has to follow in either case.
        """
        worst: FileProblem | None = None
        for number, source in self._sources.items():
            # A file whose spans all come after the one that failed can't change what is reported.
            if worst is not None and worst.index < self._first[number]:
                break
            outcome = _run(source, Event.OPEN)
            if outcome is not SourceOutcome.OK:
                problem = self._problem(number, source, FileOutcome[outcome.name])
                worst = problem if worst is None or problem.index < worst.index else worst
            elif self._direct:
                _run(source, Event.OPEN_DIRECT)
        return worst

    def close(self) -> FileProblem | None:
        """Close what is open; what can't be closed is asked once more, and is reported."""
        problem: FileProblem | None = None
        for number, source in self._sources.items():
            if _run(source, Event.CLOSE) is SourceOutcome.OK:
                continue
            first = self._problem(number, source, FileOutcome.CLOSE_FAILED)
            problem = problem or first
            _run(source, Event.CLOSE)
        return problem

    def rescue(self) -> None:
        """Close what is open after an interrupt, whatever it was doing."""
        for source in self._sources.values():
            # An interrupted event hasn't moved the state; what is held tells where it got to.
            held = source.descriptor != -1 or source.direct != -1
            source.state = State.OPENED if held else State.CLOSED
        self.close()

    def _problem(self, number: int, source: Source, outcome: FileOutcome) -> FileProblem:
        spans, index = self._spans, self._first[number]
        now = None if source.facts is None else source.facts.identity
        if now is not None and outcome in (FileOutcome.SPAN_BEYOND_END, FileOutcome.FILE_SHRANK):
            beyond = (spans.file == number) & (self._stop > now.nbytes) & (spans.nbytes > 0)
            index = int(beyond.argmax())
        return FileProblem.of(
            outcome,
            source.path,
            index=index,
            offset=spans.offset.item(index),
            error=source.error,
            wanted=spans.nbytes.item(index),
            actual=-1 if now is None else now.nbytes,
            changes="; ".join(filter(None, (was.changes(now) for was in source.expected if now))),
        )


def _run(source: Source, event: Event) -> SourceOutcome:
    source.state, outcome = SOURCE.run(source, source.state, event, None)
    return outcome


def identify(port: FilePort, files: Sequence[str]) -> Identified:
    """Look at each file without opening it; links are followed.

    Returns
    -------
    Identified
        Identities in the order of `files`; or the outcome of the first file, by `index`, that
        is missing, can't be looked at or isn't a regular file.
    """
    n = len(files)
    nothing = np.zeros(n, np.int64)
    refusal = validate(Spans(files, np.arange(n), nothing, nothing))
    if refusal is not None:
        said = refusal.message.partition(": its ")[2]
        refused = BatchOutcome(
            outcome=refusal.outcome,
            reaction=Reaction.INVALID,
            message=f"the {said}",
            index=refusal.span,
        )
        return Identified(refused)
    identities: list[FileIdentity] = []
    for i, path in enumerate(files):
        try:
            facts = port.stat(path)
        except (OSError, ValueError) as error:
            problem = FileProblem.of(FileOutcome.STAT_FAILED, path, index=i, error=bare(error))
            return Identified(problem.answer())
        if not facts.regular:
            return Identified(FileProblem.of(FileOutcome.NOT_REGULAR, path, index=i).answer())
        identities.append(facts.identity)
    done = BatchOutcome(outcome=FileOutcome.OK, reaction=Reaction.NONE, nspans=n)
    return Identified(done, tuple(identities))
