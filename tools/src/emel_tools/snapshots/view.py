"""Before and after, in colours: what is worse in red, what is better in green."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emel_tools.snapshots.comparison import Change
from emel_tools.snapshots.kind import Kind
from emel_tools.snapshots.proposal import Proposal

if TYPE_CHECKING:
    from rich.console import Console


def show(root: Path, proposals: Sequence[Proposal], console: Console) -> None:
    """Show what differs, and nothing else."""
    from rich.text import Text  # noqa: PLC0415 - whoever only compares needs none of it

    for each in proposals:
        file = each.path.relative_to(root).as_posix()
        action = "" if each.text else ", is removed"
        console.print(Text(f"{each.key}  {file}{action}", style="bold"), soft_wrap=True)
        if each.why:
            console.print(Text(f"  {each.why}", style="yellow"), soft_wrap=True)
        for change in each.changes:
            console.print(Text(f"  {line_of(change)}", style_of(change, each.kind)), soft_wrap=True)


def line_of(change: Change) -> str:
    """Say in a line what differs."""
    before, after = ("nothing" if v is None else v for v in (change.before, change.after))
    key = change.key or f"line {change.number}"
    return f"{change.news:<10}  {key}  {before} -> {after}"


def style_of(change: Change, kind: Kind) -> str:
    """Choose a colour."""
    if change.news == "worse" or change.takes_worse:
        return "red"
    is_better = change.news == "better" or (kind.only_shrinks and bool(change.key))
    return "green" if is_better else "yellow"
