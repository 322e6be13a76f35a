"""Hold what was measured to what is recorded, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from emel_tools.findings import Finding
from emel_tools.snapshots import lines
from emel_tools.snapshots.kind import Kind

News: TypeAlias = Literal["worse", "better", "changed", "new", "gone", "twice"]
_WORDS: Final[Mapping[News, str]] = {
    "worse": "worse",
    "better": "better than recorded: record it, so that it stays",
    "changed": "changed",
    "new": "not recorded yet",
    "gone": "recorded, and no longer there",
    "twice": "recorded twice, with different values",
}


class Change(NamedTuple):
    """One fact that differs."""

    key: str
    before: str | None
    """None if it isn't recorded."""
    after: str | None
    """None if it is no longer there."""
    news: News
    number: int
    """Line of the snapshot; 0 if it isn't recorded."""


def compare(
    recorded: Sequence[lines.Line], measured: Mapping[str, str], kind: Kind
) -> list[Change]:
    """List what differs, sorted by key."""
    changes: list[Change] = []
    known: dict[str, lines.Line] = {}
    for line in recorded:
        if line.key in known and known[line.key].value != line.value:
            changes.append(
                Change(line.key, line.value, measured.get(line.key), "twice", line.number)
            )
        known.setdefault(line.key, line)
    for key in known.keys() | measured.keys():
        before, after = known.get(key), measured.get(key)
        if before is None:
            # A count that is new is a debt; another fact is just news.
            changes.append(Change(key, None, after, "new", 0))
        elif after is None:
            changes.append(Change(key, before.value, None, "gone", before.number))
        elif before.value != after:
            news = _judge(before.value, after) if kind.counts else "changed"
            changes.append(Change(key, before.value, after, news, before.number))
    return sorted(changes)


def findings(
    root: Path, lane: str, shard: str, changes: Sequence[Change], causes: Mapping[str, str]
) -> list[Finding]:
    """Say what differs, why as far as it is known, and how it is accepted."""
    file = lines.path_of(root, lane, shard).relative_to(root).as_posix()
    found: list[Finding] = []
    for change in changes:
        was = "nothing" if change.before is None else change.before
        now = "nothing" if change.after is None else change.after
        cause = f" ({causes[change.key]})" if change.key in causes else ""
        what = f"{change.key}: {was} recorded, {now} now: {_WORDS[change.news]}{cause}"
        found.append(
            Finding(file, change.number, 0, change.news, what, _fix(lane, shard, change.news))
        )
    return found


def _fix(lane: str, shard: str, news: News) -> str:
    accept = f"nox -s accept -- {lane} {shard}"
    return f"mend it, or accept it: {accept}" if news == "worse" else accept


def _judge(before: str, after: str) -> News:
    if not (before.isdecimal() and after.isdecimal()):
        return "changed"
    return "worse" if int(after) > int(before) else "better"
