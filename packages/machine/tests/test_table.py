from dataclasses import dataclass, field
from enum import IntEnum

import pytest

from emel_machine import Row, Table, UnexpectedEventError, always, effect_none


class State(IntEnum):
    CLOSED = 0
    OPENING = 1
    MAPPING = 2
    OPEN = 3


class Event(IntEnum):
    OPEN = 0
    CLOSE = 1
    DONE = 2


class Outcome(IntEnum):
    OK = 0
    REFUSED = 1
    FAILED = 2


@dataclass
class Log:
    """What was called, in order."""

    calls: list[str] = field(default_factory=list)


@dataclass
class Facts:
    """Which guards hold."""

    refused: bool = False
    open_failed: bool = False


def guard_refused(ctx: Log, req: Facts) -> bool:
    ctx.calls.append("refused?")
    return req.refused


def guard_open_failed(ctx: Log, req: Facts) -> bool:
    ctx.calls.append("open failed?")
    return req.open_failed


def guard_never(ctx: Log, req: Facts) -> bool:
    ctx.calls.append("never?")
    return False


def effect_open(ctx: Log, req: Facts) -> None:
    ctx.calls.append("open")


def effect_map(ctx: Log, req: Facts) -> None:
    ctx.calls.append("map")


TABLE = Table(
    "door",
    states=State,
    events=Event,
    outcomes=Outcome,
    initial=State.CLOSED,
    completion=Event.DONE,
    rows=(
        Row(State.CLOSED, Event.OPEN, guard_refused, effect_none, State.CLOSED, Outcome.REFUSED),
        Row(State.CLOSED, Event.OPEN, guard_never, effect_map, State.OPEN, Outcome.FAILED),
        Row(State.CLOSED, Event.OPEN, always, effect_open, State.OPENING, Outcome.OK),
        Row(
            State.OPENING, Event.DONE, guard_open_failed, effect_none, State.CLOSED, Outcome.FAILED
        ),
        Row(State.OPENING, Event.DONE, always, effect_map, State.MAPPING, Outcome.REFUSED),
        Row(State.MAPPING, Event.DONE, always, effect_none, State.OPEN, Outcome.OK),
        Row(State.OPEN, Event.CLOSE, always, effect_none, State.CLOSED, Outcome.OK),
    ),
)


@pytest.mark.behaviour("MACH-01")
def test_the_first_row_whose_guard_holds_wins_and_later_guards_are_not_asked():
    log = Log()

    answer = TABLE.run(log, State.CLOSED, Event.OPEN, Facts(refused=True))

    assert answer == (State.CLOSED, Outcome.REFUSED)
    assert log.calls == ["refused?"]


@pytest.mark.behaviour("MACH-01")
def test_rows_whose_guards_do_not_hold_are_passed_over_in_table_order():
    log = Log()

    TABLE.run(log, State.CLOSED, Event.OPEN, Facts(open_failed=True))

    assert log.calls[:3] == ["refused?", "never?", "open"]


@pytest.mark.behaviour("MACH-02")
def test_completion_runs_through_every_passing_state_to_rest():
    log = Log()

    answer = TABLE.run(log, State.CLOSED, Event.OPEN, Facts())

    # The outcome is the last row's, and not REFUSED of the row in between.
    assert answer == (State.OPEN, Outcome.OK)
    assert log.calls == ["refused?", "never?", "open", "open failed?", "map"]


@pytest.mark.behaviour("MACH-02")
def test_a_failure_of_the_work_comes_back_as_a_row():
    log = Log()

    answer = TABLE.run(log, State.CLOSED, Event.OPEN, Facts(open_failed=True))

    assert answer == (State.CLOSED, Outcome.FAILED)
    assert "map" not in log.calls


@pytest.mark.behaviour("MACH-02")
def test_guards_of_a_completion_see_what_the_effect_recorded():
    def effect_fail(ctx: Log, req: Facts) -> None:
        req.open_failed = True

    table = Table(
        "door",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.CLOSED,
        completion=Event.DONE,
        rows=(
            Row(State.CLOSED, Event.OPEN, always, effect_fail, State.OPENING, Outcome.OK),
            Row(
                State.OPENING,
                Event.DONE,
                guard_open_failed,
                effect_none,
                State.CLOSED,
                Outcome.FAILED,
            ),
            Row(State.OPENING, Event.DONE, always, effect_none, State.OPEN, Outcome.OK),
        ),
    )

    assert table.run(Log(), State.CLOSED, Event.OPEN, Facts()) == (State.CLOSED, Outcome.FAILED)


@pytest.mark.behaviour("MACH-03")
def test_an_event_without_a_row_is_named_and_calls_nothing():
    log = Log()

    with pytest.raises(UnexpectedEventError, match=r"^door: OPEN in OPEN$"):
        TABLE.run(log, State.OPEN, Event.OPEN, Facts())

    assert log.calls == []


@pytest.mark.behaviour("MACH-03")
def test_the_table_takes_the_next_event_after_an_unexpected_one():
    with pytest.raises(UnexpectedEventError):
        TABLE.run(Log(), State.CLOSED, Event.CLOSE, Facts())

    assert TABLE.run(Log(), State.OPEN, Event.CLOSE, Facts()) == (State.CLOSED, Outcome.OK)


@pytest.mark.behaviour("MACH-02")
def test_an_exception_of_an_effect_reaches_the_caller_and_leaves_the_table_usable():
    def effect_raise(ctx: Log, req: Facts) -> None:
        raise KeyboardInterrupt

    table = Table(
        "door",
        states=State,
        events=Event,
        outcomes=Outcome,
        initial=State.CLOSED,
        completion=Event.DONE,
        rows=(
            Row(State.CLOSED, Event.OPEN, guard_refused, effect_raise, State.OPEN, Outcome.OK),
            Row(State.CLOSED, Event.OPEN, always, effect_none, State.OPEN, Outcome.OK),
        ),
    )

    with pytest.raises(KeyboardInterrupt):
        table.run(Log(), State.CLOSED, Event.OPEN, Facts(refused=True))

    assert table.run(Log(), State.CLOSED, Event.OPEN, Facts()) == (State.OPEN, Outcome.OK)
