import gc
import sys
import weakref

import pytest

from emel_tools import audits


@pytest.fixture
def listen():
    ends = []
    yield lambda wants, hear: ends.append(audits.listen(wants.__contains__, hear))
    for end in ends:
        end()


@pytest.mark.behaviour("GATE-98")
def test_an_event_is_told_to_whoever_wants_to_hear_of_it_with_the_frame_that_raised_it(listen):
    heard = []

    def hears(who):
        return lambda event, said, frame: heard.append((who, event, *said, frame.f_code.co_name))

    def raises(event):
        audits._hook(event, (7,))  # as Python calls it, but that no line is counted then

    listen({"emel.a", "emel.b"}, hears("one"))
    listen({"emel.b"}, hears("two"))
    for event in ("emel.a", "emel.b", "emel.c"):
        raises(event)
    assert heard == [
        ("one", "emel.a", 7, "raises"),
        ("one", "emel.b", 7, "raises"),
        ("two", "emel.b", 7, "raises"),
    ]


@pytest.mark.behaviour("GATE-98")
def test_whoever_has_ended_hears_of_nothing_and_others_do():
    heard = []
    ends = [
        audits.listen({"emel.a"}.__contains__, lambda _, said, __: heard.append(said))
        for _ in range(2)
    ]
    sys.audit("emel.a", 1)
    ends[0]()
    ends[0]()
    sys.audit("emel.a", 2)
    ends[1]()
    sys.audit("emel.a", 3)
    assert heard == [(1,), (1,), (2,)]


@pytest.mark.behaviour("GATE-98")
def test_who_begins_to_listen_hears_of_what_was_raised_before_too(listen):
    heard = []
    listen({"emel.b"}, lambda *_: None)
    audits._hook("emel.a", ())
    listen({"emel.a"}, lambda event, *_: heard.append(event))
    sys.audit("emel.a")
    assert heard == ["emel.a"]


@pytest.mark.behaviour("GATE-98")
def test_hearing_of_an_event_keeps_nothing_of_its_frame_alive(listen):
    class Kept:
        pass

    def raises(kept):
        sys.audit("emel.a")

    listen({"emel.a"}, lambda *_: None)
    kept = Kept()
    gone = weakref.ref(kept)
    gc.disable()
    try:
        raises(kept)
        del kept
        assert gone() is None
    finally:
        gc.enable()
