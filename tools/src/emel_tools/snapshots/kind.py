"""What a snapshot's values mean."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """How a difference between what is recorded and what is measured is judged."""

    counts: bool = True
    """Whether integers are counts of which fewer are better; else any difference is a change."""
    undirected: frozenset[str] = frozenset()
    """Last words of keys whose counts are neither better nor worse: any difference is a change."""
    only_shrinks: bool = False
    """Whether what is worse is accepted only with `--worse`.

    A count that isn't there is 0. What isn't a count can't be told to be better, so whenever it
    comes, goes or changes, that takes `--worse` too.
    """
