"""The threads of one batch: each has its share of the calls, and takes from others at the end."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emel_io_loader import SLOW_KINDS, OnBytes
from emel_io_read._calls import Limits
from emel_io_read._platform import Port, Thread
from emel_io_read._reading import Reading, Room

_AT_MOST: Final = 4
"""More threads than this gain nothing from one disk, and take the cores from others."""


def threads_for(port: Port, path: str, nbytes: int, limits: Limits, *, direct: bool) -> int:
    """Choose how many threads read `nbytes` bytes, if nobody has said it."""
    if nbytes < limits.alone:
        return 1
    if direct:  # they wait for the device, whatever the cores, and it wants several requests
        return _AT_MOST
    cpus = port.cpus()
    if cpus < _AT_MOST and nbytes >= limits.asked:
        kind = port.file_system(path)
        if kind.partition(".")[0] in SLOW_KINDS:  # an answer takes long: ask for several at once
            return _AT_MOST
    return max(min(cpus, _AT_MOST), 1)


class Workers:
    """Read a batch with several threads, of which the caller's is the first.

    A share is a part of the batch that lies together: threads that take turns within a file defeat
    the kernel's reading ahead. Nothing here is locked: a deque hands out each of its calls once,
    whoever asks, and each thread writes counts of its own.

    Parameters
    ----------
    port
        Starts the threads.
    reading
        The batch.
    count
        Threads, 1 or more.
    bounces
        Memory for direct reads, kept from batch to batch.
    progress
        Told by the caller's thread alone how many bytes are done.
    """

    def __init__(
        self,
        port: Port,
        reading: Reading,
        *,
        count: int,
        bounces: list[NDArray[np.uint8]],
        progress: OnBytes | None,
    ) -> None:
        self._port: Port = port
        self._reading: Reading = reading
        self._bounces: list[NDArray[np.uint8]] = bounces
        self._progress: OnBytes | None = progress
        self._told: int = -1
        nbytes = reading.calls.nbytes
        before = np.cumsum(nbytes) - nbytes
        ideal = np.arange(count + 1) * int(nbytes.sum()) // count
        cuts: list[int] = np.searchsorted(before, ideal).tolist()
        self._nbytes: list[int] = nbytes.tolist()
        self._shares: list[deque[int]] = [
            deque(range(a, b)) for a, b in zip(cuts, [*cuts[1:-1], len(nbytes)], strict=False)
        ]
        self._done: list[int] = [0] * count
        self._direct: list[int] = [0] * count
        self._errors: list[BaseException] = []
        self._threads: list[Thread] = []

    @property
    def direct_nbytes(self) -> int:
        """Bytes that came around the page cache."""
        return sum(self._direct)

    def run(self) -> None:
        """Read until all is done or has failed.

        After anything that is raised here, an interrupt or by `progress`, `end` has to follow.
        """
        for number in range(1, len(self._shares)):
            # Known before it runs, so that an interrupt finds it and waits for it.
            thread = Thread(target=partial(self._work_aside, number), name=f"emel-read-{number}")
            self._threads.append(thread)
            try:
                self._port.start_thread(thread)
            except (OSError, RuntimeError, ValueError, MemoryError):
                break  # the others take over its share
        self._work(0)
        self._join()
        if self._errors:
            raise self._errors[0]
        if not self._reading.failures:
            self._tell()

    def end(self) -> None:
        """Let no thread begin another call, and wait for the calls that are under way."""
        interrupt: BaseException | None = None
        while True:
            try:
                for share in self._shares:
                    share.clear()
                self._join()
            except BaseException as error:  # an interrupt: wait on, and pass it on in the end
                interrupt = error
            else:
                break
        if interrupt is not None:
            raise interrupt

    def _work_aside(self, number: int) -> None:
        try:
            self._work(number)
        except BaseException as error:
            self._errors.append(error)
            for share in self._shares:
                share.clear()

    def _work(self, number: int) -> None:
        reading, room = self._reading, Room(self._reading.limits.gap, self._bounces)
        while (call := self._next(number)) is not None:
            if reading.matters(call):
                self._direct[number] += reading.read(call, room)
                self._done[number] += self._nbytes[call]
                if number == 0 and not reading.failures:
                    self._tell()
        room.hand_back()

    def _next(self, number: int) -> int | None:
        """Take the next call of a share, or the last one of the share that has most left."""
        try:
            return self._shares[number].popleft()
        except IndexError:
            pass
        while any(self._shares):
            with suppress(IndexError):  # another thread was faster
                return max(self._shares, key=len).pop()
        return None

    def _tell(self) -> None:
        done = sum(self._done)
        if self._progress is not None and done > self._told:
            self._told = done
            self._progress(done)

    def _join(self) -> None:
        interrupt: BaseException | None = None
        for thread in self._threads:
            while thread.is_alive():
                try:
                    thread.join()
                except BaseException as error:
                    interrupt = error
                    for share in self._shares:
                        share.clear()
        if interrupt is not None:
            raise interrupt
