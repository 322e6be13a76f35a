"""The ring of stages, and the thread that fills them while others are drained."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from itertools import chain
from queue import SimpleQueue
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emel_io_file import Sources
from emel_io_staged._chunks import Chunk
from emel_io_staged._machine import Delivery, Event, Stage, StageOutcome, Task
from emel_io_staged._platform import Port

Done: TypeAlias = Callable[[Chunk], None]


class Work(Protocol):
    """What a ring works for."""

    over: bool


class Ring:
    """Stages over one stretch of memory, which is taken at the first use and kept for the next.

    Parameters
    ----------
    port
        The operating system.
    chunk_nbytes, nstages
        Bytes of each stage, and how many there are.
    """

    def __init__(self, port: Port, chunk_nbytes: int, nstages: int) -> None:
        self.port: Port = port
        self.chunk_nbytes: int = chunk_nbytes
        self.nstages: int = nstages
        self.stages: list[Stage] = []
        self._worker: weakref.ref[Work] | None = None

    @property
    def at_work(self) -> bool:
        """Whether a batch is on its way.

        Known by the batch itself: one that was broken off before it could say that it is over is
        forgotten with its frames.
        """
        batch = None if self._worker is None else self._worker()
        return batch is not None and not batch.over

    def work_for(self, batch: Work) -> None:
        """Begin with a batch."""
        self._worker = weakref.ref(batch)

    @property
    def nbytes(self) -> int:
        """Bytes that are held now."""
        return len(self.stages) * self.chunk_nbytes

    def allocate(self) -> None:
        """Take the memory, unless it is there."""
        if self.stages:
            return
        memory = self.port.allocate(self.nstages * self.chunk_nbytes, self.port.alignment)
        starts = range(0, self.nstages * self.chunk_nbytes, self.chunk_nbytes)
        self.stages = [self._stage(memory[at : at + self.chunk_nbytes]) for at in starts]

    def _stage(self, memory: NDArray[np.uint8]) -> Stage:
        stored = memory.view()
        stored.flags.writeable = False
        return Stage(self.port, memory.data, stored)

    def free(self) -> None:
        """Give the memory back; what a sink has kept of it keeps it alive."""
        self.stages = []

    def discard(self) -> None:
        """Forget what is in the stages; nobody works on them."""
        for stage in self.stages:
            if stage.chunk is not None:
                stage.run(Event.DISCARD, Task(stage.chunk))

    def move(
        self,
        chunks: Iterator[Chunk],
        sources: Sources,
        delivery: Delivery,
        done: Done,
        *,
        alone: bool,
    ) -> Stage | None:
        """Read chunk after chunk and deliver each, in order.

        A thread of its own reads ahead, unless `alone` forbids it, there is but one chunk, or no
        thread can be had. It has ended when this returns or raises.

        Returns
        -------
        Stage
            Where reading or delivering failed; None if all is done.
        """
        first, second = next(chunks, None), next(chunks, None)
        if first is None:
            return None
        if second is None:
            return self._alternate(iter((first,)), sources, delivery, done)
        chunks = chain((first, second), chunks)
        reader = Reader(self.stages, chunks, sources)
        try:
            if alone or not reader.start(self.port):
                return self._alternate(chunks, sources, delivery, done)
            return _drain(reader, delivery, done)
        finally:
            try:
                reader.stop()
            finally:
                reader.stop()  # an interrupt may have come before the first could do anything

    def _alternate(
        self, chunks: Iterator[Chunk], sources: Sources, delivery: Delivery, done: Done
    ) -> Stage | None:
        """Read and deliver by turns, in the first stage: it is the warmest."""
        stage = self.stages[0]
        for chunk in chunks:
            task = Task(chunk, _descriptor(sources, chunk), delivery)
            if stage.run(Event.FILL, task) is not StageOutcome.OK:
                return stage
            if stage.run(Event.DRAIN, task) is not StageOutcome.OK:
                return stage
            done(chunk)
        return None


def _descriptor(sources: Sources, chunk: Chunk) -> int:
    return sources[chunk.file].descriptor


def _drain(reader: Reader, delivery: Delivery, done: Done) -> Stage | None:
    while (stage := reader.take()) is not None:
        chunk = stage.chunk
        assert chunk is not None, "it was filled"  # noqa: S101 - a proof for the checker
        if stage.outcome is not StageOutcome.OK:
            return stage
        if stage.run(Event.DRAIN, Task(chunk, delivery=delivery)) is not StageOutcome.OK:
            return stage
        reader.give_back(stage)
        done(chunk)
    return None


class Reader:
    """The thread that fills stages, and the two queues through which they are handed over.

    An interrupt may come at any line of the thread that asked, also while the other one starts, or
    while its end is awaited. So who may work is decided by one entry of a dict, which only the
    first can make, and `stop` can be called in any state and again.
    """

    def __init__(self, stages: list[Stage], chunks: Iterator[Chunk], sources: Sources) -> None:
        self._chunks: Iterator[Chunk] = chunks
        self._sources: Sources = sources
        self._free: list[Stage] = list(reversed(stages))
        self._vacancy: SimpleQueue[None] = SimpleQueue()
        self._filled: SimpleQueue[Stage | None] = SimpleQueue()
        for _ in stages:
            self._vacancy.put(None)
        self._owner: dict[str, str] = {}
        self._stopped: bool = False
        self._over: bool = False
        self._crash: BaseException | None = None
        self._join: Callable[[], object] | None = None

    def start(self, port: Port) -> bool:
        """Start reading; False if no thread can be had: nothing is, and will be, read then."""
        try:
            self._join = port.start(self._work)
        except (RuntimeError, OSError, ValueError, MemoryError):
            return not self._forbid()
        return True

    def _forbid(self) -> bool:
        """Whether the thread hasn't begun to work, and never will."""
        return self._owner.setdefault("owner", "nobody") == "nobody"

    def _work(self) -> None:
        if self._owner.setdefault("owner", "thread") != "thread":
            return
        try:
            for chunk in self._chunks:
                self._vacancy.get()
                if self._stopped:
                    break
                stage = self._free.pop()  # the one given back last is still in the cache
                stage.run(Event.FILL, Task(chunk, _descriptor(self._sources, chunk)))
                self._filled.put(stage)
                if stage.outcome is not StageOutcome.OK:
                    break
        except BaseException as error:
            self._crash = error
        finally:
            self._over = True
            self._filled.put(None)

    def take(self) -> Stage | None:
        """Wait for the next stage, filled or failed; None after the last."""
        stage = self._filled.get()
        if stage is None and self._crash is not None:
            raise self._crash
        return stage

    def give_back(self, stage: Stage) -> None:
        """Let a drained stage be filled again."""
        self._free.append(stage)
        self._vacancy.put(None)

    def stop(self) -> None:
        """Wait until the thread has ended; an interrupt meanwhile is raised afterwards."""
        interrupt: BaseException | None = None
        while True:
            try:
                self._stop()
                break
            except BaseException as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _stop(self) -> None:
        self._stopped = True
        self._vacancy.put(None)
        begun = not self._forbid()
        # `_over` and not the queue's last word: an interrupt may have swallowed that.
        while begun and not self._over:
            self._filled.get()
        if self._join is not None:
            self._join()
