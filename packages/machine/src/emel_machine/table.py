"""Scalar rows: the interpreter for transitions that each carry a call to the outside.

The law: guards are pure; effects do the work that was chosen and record its raw result, and never
choose what comes next; the result of an outside call comes back as the completion event, so a
failure is a row of the table and not an `except` hidden in an action.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=IntEnum)
"""The states of a component: adjectives or participles, numbered from 0."""
E = TypeVar("E", bound=IntEnum)
"""Its events: verbs, numbered from 0."""
O = TypeVar("O", bound=IntEnum)  # noqa: E741 - S, E, O stand for state, event, outcome
"""Its outcomes: nouns, numbered from 0."""
C = TypeVar("C", contravariant=True)
"""Its context: what outlives one event."""
R = TypeVar("R", contravariant=True)
"""Its request: the facts of one event, written by effects and read by guards."""


class UnexpectedEventError(RuntimeError):
    """The table has no row for this event in this state: a bug in the caller, never an outcome.

    Nothing has changed when it is raised, and the component can take the next event.
    """


def always(ctx: object, req: object) -> bool:  # noqa: ARG001 - the signature of a guard
    """Hold in every case: the guard that ends each (source, event) group."""
    return True


def effect_none(ctx: object, req: object) -> None:
    """Do nothing: the transition alone is the answer."""


class Row(NamedTuple, Generic[S, E, O, C, R]):
    """One transition: in `source`, on `event`, if `guard` holds, do `effect` and be in `target`."""

    source: S
    event: E
    guard: Callable[[C, R], bool]
    effect: Callable[[C, R], None]
    target: S
    outcome: O


class Table(Generic[S, E, O, C, R]):
    """All the behaviour of one component, as data.

    Parameters
    ----------
    name
        What the drawing is called.
    states, events, outcomes
        The component's enums, each numbered from 0 without gaps.
    initial
        The state before the first event.
    completion
        The event that reports that an effect has done its work. It is raised by `run` itself for
        as long as the reached state has rows for it; a state without such rows is a state of rest.
    rows
        The transitions. Within a (source, event) group the first row whose guard holds wins, and
        the last is guarded by `always` (`prove` checks it).
    """

    def __init__(
        self,
        name: str,
        *,
        states: type[S],
        events: type[E],
        outcomes: type[O],
        initial: S,
        completion: E,
        rows: tuple[Row[S, E, O, C, R], ...],
    ) -> None:
        self.name: str = name
        self.states: type[S] = states
        self.events: type[E] = events
        self.outcomes: type[O] = outcomes
        self.initial: S = initial
        self.completion: E = completion
        self.rows: tuple[Row[S, E, O, C, R], ...] = rows
        # Indexed by number and not by key: hashing an Enum runs Python code on each lookup.
        self._routes = [
            [tuple(r for r in rows if (r.source, r.event) == (s, e)) for e in events]
            for s in states
        ]

    def run(self, ctx: C, state: S, event: E, req: R) -> tuple[S, O]:
        """Run one event to completion.

        Parameters
        ----------
        ctx, req
            Handed to each guard and effect.
        state
            The state that the caller is in. The caller keeps its own state: nothing is kept here.
        event
            What happened.

        Returns
        -------
        tuple
            The state of rest that was reached, and the outcome of the last row.

        Raises
        ------
        UnexpectedEventError
            The state has no row for the event; no guard or effect was called.
        """
        rows = self._routes[state][event]
        if not rows:
            raise UnexpectedEventError(f"{self.name}: {event.name} in {state.name}")
        while True:
            row = rows[0]
            for row in rows:
                if row.guard(ctx, req):
                    break
            row.effect(ctx, req)
            rows = self._routes[row.target][self.completion]
            if not rows:
                return row.target, row.outcome
