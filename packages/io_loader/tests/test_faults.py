import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from emel_io_loader.testing import CountingPort, Fault


@dataclass(frozen=True)
class Port:
    open: Callable = len
    open_direct: Callable = lambda path: 100 + len(path)
    read: Callable = lambda _, nbytes: bytes(nbytes)
    close: Callable = lambda _: None
    page_nbytes: int = 4096


NAMES = ("open", "open_direct", "read", "close")


@pytest.mark.behaviour("FAULT-01")
def test_calls_are_made_counted_and_what_is_open_is_known():
    counting = CountingPort(Port(), NAMES)

    descriptors = counting.port.open("abc"), counting.port.open_direct("abc")

    assert descriptors == (3, 103)
    assert counting.port.read(3, 2) == b"\0\0"
    assert counting.opened == {3, 103}
    assert not counting.holds_nothing
    for descriptor in descriptors:
        counting.port.close(descriptor)
    assert counting.holds_nothing
    assert counting.calls == ["open", "open_direct", "read", "close", "close"]
    assert counting.port.page_nbytes == 4096


@pytest.mark.behaviour("FAULT-02")
@pytest.mark.parametrize(
    ("kind", "nth", "met"),
    [(None, 1, "open"), (None, 3, "read"), ("read", 1, "read"), ("close", 1, "close")],
)
def test_the_nth_call_fails_and_no_other(kind, nth, met):
    error = OSError(5, "EIO")
    fault = Fault(error, nth, kind)
    counting = CountingPort(Port(), NAMES, fault)
    failed = []

    for name, words in [("open", ("a",)), ("read", (1, 1)), ("read", (1, 1)), ("close", (1,))] * 2:
        try:
            getattr(counting.port, name)(*words)
        except OSError as raised:
            failed.append((len(counting.calls) - 1, raised))

    wanted = [i for i, name in enumerate(counting.calls) if kind in (None, name)][nth - 1]
    assert failed == [(wanted, error)]
    assert counting.calls[wanted] == fault.met == met


@pytest.mark.behaviour("FAULT-02")
def test_a_call_that_failed_changed_nothing_and_the_next_is_made():
    counting = CountingPort(Port(), NAMES, Fault(OSError(5, "EIO"), kind="close"))
    counting.port.open("abc")

    with pytest.raises(OSError, match="EIO"):
        counting.port.close(3)

    assert counting.opened == {3}
    counting.port.close(3)
    assert counting.holds_nothing


@pytest.mark.behaviour("FAULT-02")
def test_a_call_may_answer_with_less():
    fault = Fault(kind="read", instead=lambda read, descriptor, _: read(descriptor, 1))
    counting = CountingPort(Port(), NAMES, fault)

    assert [len(counting.port.read(3, 5)) for _ in range(2)] == [1, 5]


@pytest.mark.behaviour("FAULT-02")
def test_a_fault_that_was_never_met_says_so():
    fault = Fault(OSError(5, "EIO"), nth=9)
    CountingPort(Port(), NAMES, fault).port.open("abc")

    assert fault.met == ""


@pytest.mark.behaviour("FAULT-02")
def test_of_many_threads_one_meets_it():
    counting = CountingPort(Port(), NAMES, Fault(OSError(5, "EIO"), nth=150))
    failures = []

    def work():
        for _ in range(100):
            try:
                counting.port.read(1, 1)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(failures) == 1
    assert len(counting.calls) == 400
