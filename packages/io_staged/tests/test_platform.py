import threading

import numpy as np
import pytest

from emel_io_staged import Port
from emel_io_staged.testing import CountingPort


@pytest.mark.behaviour("STG-12")
@pytest.mark.parametrize("nbytes", [1, 4096, 100_001])
def test_memory_begins_at_a_page(nbytes):
    memory = Port().allocate(nbytes, 4096)
    assert (memory.shape, memory.dtype) == ((nbytes,), np.uint8)
    assert memory.ctypes.data % 4096 == 0
    assert memory.flags.writeable


@pytest.mark.behaviour("STG-06", "STG-12")
def test_a_thread_is_waited_for():
    seen, go = [], threading.Event()

    def work():
        go.wait(10)
        seen.append(threading.current_thread())

    join = Port().start(work)
    go.set()
    join()
    assert seen[0] is not threading.current_thread()
    assert not seen[0].is_alive()


@pytest.mark.behaviour("STG-12")
def test_one_call_is_replaced_and_the_others_stay():
    port = Port(start=print)
    assert port.start is print
    assert (port.allocate, port.open) == (Port().allocate, Port().open)


@pytest.mark.behaviour("STG-12")
def test_the_counting_port_holds_what_runs_until_it_was_waited_for():
    counting, go = CountingPort(), threading.Event()

    def work():
        go.wait(10)

    join = counting.port.start(work)
    assert counting.running == [work]
    assert not counting.holds_nothing
    go.set()
    join()
    join()
    assert counting.holds_nothing


@pytest.mark.behaviour("STG-12")
def test_the_counting_port_holds_what_is_open_until_it_is_closed(make):
    counting = CountingPort()
    path, _ = make("a", 100)
    descriptor = counting.port.open(path)
    assert not counting.holds_nothing
    counting.port.close(descriptor)
    assert counting.holds_nothing
