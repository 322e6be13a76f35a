"""The column form of a table: many states move at once, and no outside call is made.

A matrix `next[state, event]` of uint8 is applied to whole index arrays, at nanoseconds a state.
It is built from the same kind of rows that the drawing and the proofs read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from emel_machine.table import E, O, S, UnexpectedEventError

ILLEGAL: Final = 255
"""What `ColumnTable.next` holds where the table has no row."""

X = TypeVar("X", contravariant=True)
"""The facts that column guards read."""


def always_column(facts: object, index: NDArray[np.intp]) -> NDArray[np.bool_]:  # noqa: ARG001
    """Hold for every element: the guard that ends each (source, event) group."""
    return np.ones(len(index), dtype=np.bool_)


class ColumnRow(NamedTuple, Generic[S, E, O, X]):
    """One transition of many states: `guard(facts, index)` answers a mask of shape (n,)."""

    source: S
    event: E
    guard: Callable[[X, NDArray[np.intp]], NDArray[np.bool_]]
    target: S
    outcome: O


class ColumnTable(Generic[S, E, O, X]):
    """All the behaviour of one column of states, as data.

    Attributes
    ----------
    next
        (states, events) uint8: the target of each group's last row; `ILLEGAL` without a row.
    outcome
        (states, events) uint8: the outcome of that row.
    """

    def __init__(
        self,
        name: str,
        *,
        states: type[S],
        events: type[E],
        outcomes: type[O],
        initial: S,
        rows: tuple[ColumnRow[S, E, O, X], ...],
    ) -> None:
        # By number and not by count: a table whose enum has gaps is for `prove` to name.
        shape = max(states) + 1, max(events) + 1
        if max(*states, *outcomes) >= ILLEGAL:
            raise ValueError(f"{name}: states or outcomes are numbered at most {ILLEGAL - 1}")
        self.name: str = name
        self.states: type[S] = states
        self.events: type[E] = events
        self.outcomes: type[O] = outcomes
        self.initial: S = initial
        self.completion: E | None = None
        self.rows: tuple[ColumnRow[S, E, O, X], ...] = rows
        self.next: NDArray[np.uint8] = np.full(shape, ILLEGAL, dtype=np.uint8)
        self.outcome: NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self._guarded: list[list[ColumnRow[S, E, O, X]]] = [[] for _ in range(shape[1])]
        for row in rows:
            if row.guard is always_column:
                self.next[row.source, row.event] = row.target
                self.outcome[row.source, row.event] = row.outcome
            else:
                self._guarded[row.event].append(row)
        self.next.flags.writeable = False
        self.outcome.flags.writeable = False
        self._next: list[bytes] = _by_event(self.next, ILLEGAL)
        self._outcome: list[bytes] = _by_event(self.outcome, 0)

    def step(
        self, states: NDArray[np.uint8], event: E, facts: X, index: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Apply one event to the elements `index` of the column `states`.

        Parameters
        ----------
        states
            (m,) uint8, the whole column; it is read and never written.
        event
            What happens to each of the elements.
        facts
            Handed to the guards.
        index
            (n,) intp, the elements that the event happens to.

        Returns
        -------
        tuple
            New (n,) uint8 arrays: the target and the outcome of each element. Writing the targets
            back is the owner's decision, so a refused batch changes nothing.

        Raises
        ------
        UnexpectedEventError
            An element's state has no row for the event.
        ValueError
            What stands for an element is the number of no state.
        """
        current = states[index]
        moved = bytearray(current)
        targets = moved.translate(self._next[event])
        if ILLEGAL in targets:
            bad = self.states(moved[targets.index(ILLEGAL)]).name
            raise UnexpectedEventError(f"{self.name}: {event.name} in {bad}")
        target = np.frombuffer(targets, dtype=np.uint8)
        outcome = np.frombuffer(moved.translate(self._outcome[event]), dtype=np.uint8)
        for row in reversed(self._guarded[event]):  # so that the first row that holds wins
            holds = (current == row.source) & row.guard(facts, index)
            target[holds] = row.target
            outcome[holds] = row.outcome
        return target, outcome


def _by_event(matrix: NDArray[np.uint8], otherwise: int) -> list[bytes]:
    """Spell out what comes of each event in each of 256 states.

    A state is a byte, and so is what comes of it: `translate` looks them up one by one. numpy would
    make an index of eight bytes for each, in memory that is fresh where there are many.
    """
    columns = [matrix[:, event].tobytes() for event in range(len(matrix.T))]
    return [column.ljust(256, bytes([otherwise])) for column in columns]
