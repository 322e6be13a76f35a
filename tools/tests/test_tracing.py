"""Threads begin to be traced one after another; test_suites lets them meet in a run."""

import threading

import pytest

from emel_tools.suites import tracing


@pytest.mark.behaviour("GATE-110")
def test_the_next_thread_waits_until_the_first_has_been_traced():
    seen = []
    trace = tracing.OneByOne(lambda *event: seen.append(event))
    assert bool(trace)
    waiting = threading.Thread(target=lambda: seen.append(bool(trace)))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    trace(None, "call", None)
    waiting.join()
    assert [each if each is True else each[1] for each in seen] == ["call", True]
    trace(None, "call", None)
    trace(None, "call", None)  # nobody waits any more, and nothing breaks
    assert len(seen) == 4


@pytest.mark.behaviour("GATE-110")
def test_a_run_inside_a_run_adds_nothing():
    tracing.begin()
    trace = threading.gettrace()
    tracing.begin()
    assert threading.gettrace() is trace
