"""What a snapshot's values mean."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """How a difference between what is recorded and what is measured is judged."""

    counts: bool = True
    """Whether values are integers of which fewer are better; else any difference is a change."""
    only_shrinks: bool = False
    """Whether a worse value is accepted only with `--worse`."""
