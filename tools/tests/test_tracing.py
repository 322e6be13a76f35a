"""Threads begin to be traced one after another; test_suites lets them meet in a run."""

import sys
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
    waiting.join(5)
    assert not waiting.is_alive()
    assert [each if each is True else each[1] for each in seen] == ["call", True]
    trace(None, "call", None)
    trace(None, "call", None)  # nobody waits any more, and nothing breaks
    assert len(seen) == 4


@pytest.mark.behaviour("GATE-110")
def test_a_tracer_that_fails_lets_the_next_thread_begin():
    trace = tracing.OneByOne(lambda *_: 1 / 0)
    assert bool(trace)
    with pytest.raises(ZeroDivisionError):
        trace(None, "call", None)
    waiting = threading.Thread(target=lambda: bool(trace))
    waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()


@pytest.fixture
def settrace():
    """Say what threads are traced with, until the test is over."""
    before = threading.gettrace()
    yield threading.settrace
    threading.settrace(before)


@pytest.mark.behaviour("GATE-110")
def test_a_run_inside_a_run_adds_nothing(settrace):
    settrace(lambda *_: None)
    tracing.begin()
    trace = threading.gettrace()
    assert isinstance(trace, tracing.OneByOne)
    tracing.begin()
    assert threading.gettrace() is trace


@pytest.mark.behaviour("GATE-110")
def test_where_no_thread_is_traced_none_waits(settrace):
    settrace(None)
    tracing.begin()
    assert threading.gettrace() is None


@pytest.mark.behaviour("GATE-110")
def test_a_profile_function_waits_too_and_then_stays():
    seen, before = [], sys.getprofile()

    def profile(*event):
        seen.append(event[1])

    made = tracing.ProfiledOneByOne(profile)
    assert bool(made)
    waiting = threading.Thread(target=lambda: bool(made))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    try:
        made(None, "call", None)
        there = sys.getprofile()
    finally:
        sys.setprofile(before)
    waiting.join(5)
    assert not waiting.is_alive()
    assert there is profile
    assert seen[0] == "call"


@pytest.mark.behaviour("GATE-110")
def test_a_profile_function_is_made_to_wait_once():
    before = threading.getprofile()
    try:
        threading.setprofile(lambda *_: None)
        tracing.begin()
        made = threading.getprofile()
        tracing.begin()
        assert isinstance(made, tracing.ProfiledOneByOne)
        assert threading.getprofile() is made
    finally:
        threading.setprofile(before)


@pytest.mark.behaviour("GATE-110")
def test_a_thread_that_never_comes_to_its_first_call_keeps_none_waiting_for_ever(monkeypatch):
    monkeypatch.setattr(tracing, "_SECONDS", 0.01)
    seen = []
    trace = tracing.OneByOne(lambda *event: seen.append(event[1]))
    assert bool(trace)
    other = threading.Thread(target=lambda: bool(trace) and trace(None, "call", None))
    other.start()
    other.join(5)
    assert seen == ["call"]
    assert not other.is_alive()


@pytest.mark.behaviour("GATE-110")
def test_an_event_of_another_thread_does_not_end_the_wait_for_the_one_that_begins():
    trace = tracing.OneByOne(lambda *_: None)
    assert bool(trace)
    other = threading.Thread(target=lambda: trace(None, "call", None))
    other.start()
    other.join(5)
    waiting = threading.Thread(target=lambda: bool(trace))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    trace(None, "call", None)
    waiting.join(5)
    assert not waiting.is_alive()
