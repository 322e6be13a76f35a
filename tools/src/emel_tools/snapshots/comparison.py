"""Hold what was measured to what is recorded, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from emel_tools.findings import Finding
from emel_tools.snapshots import lines
from emel_tools.snapshots.kind import Kind
from emel_tools.snapshots.lines import Line

News: TypeAlias = Literal["worse", "better", "changed", "new", "gone", "twice", "unreadable"]
WORDS: Final[Mapping[News, str]] = {
    "worse": "worse",
    "better": "better than recorded: record it, so that it stays",
    "changed": "changed",
    "new": "not recorded yet",
    "gone": "recorded, and no longer there",
    "twice": "recorded twice, with different values",
    "unreadable": "not `key  value`, with two spaces between",
}
_PLACED: Final[tuple[News, ...]] = ("worse", "new", "twice", "changed")
"""News that are shown at the places that are counted, where those are known."""


class Change(NamedTuple):
    """One fact that differs."""

    key: str
    """Empty if a line can't be read."""
    before: str | None
    """None if it isn't recorded; the whole line if it can't be read."""
    after: str | None
    """None if it is no longer there."""
    news: News
    number: int
    """Line of the snapshot; 0 if it isn't recorded."""
    takes_worse: bool = False
    """Whether it is accepted only with `--worse`."""


def compare(recorded: Sequence[Line], measured: Mapping[str, str], kind: Kind) -> list[Change]:
    """List what differs, sorted by key."""
    changes: list[Change] = []
    known: dict[str, list[Line]] = {}
    for line in recorded:
        if line.key:
            known.setdefault(line.key, []).append(line)
        else:
            changes.append(Change("", line.value, None, "unreadable", line.number))
    for key in known.keys() | measured.keys():
        there, after = known.get(key, []), measured.get(key)
        values = list(dict.fromkeys(line.value for line in there))
        if values == [after]:
            continue
        takes_worse = kind.only_shrinks and not _shrinks(values, after)
        before = " and ".join(values) or None
        number = there[-1].number if there else 0
        changes.append(
            Change(key, before, after, _news(key, values, after, kind), number, takes_worse)
        )
    return sorted(changes, key=lambda change: (change.key, change.number))


def findings(
    root: Path,
    lane: str,
    shard: str,
    changes: Sequence[Change],
    causes: Mapping[str, str] = {},
    places: Mapping[str, Sequence[Finding]] = {},
) -> list[Finding]:
    """Say what differs, why and where as far as it is known, and how it is accepted.

    Parameters
    ----------
    root, lane, shard
        Whose snapshot it is.
    changes
        What differs.
    causes
        The likely cause, by key.
    places
        What is counted and where, by key. What is new or worse is shown there, one finding each,
        and everything else at its line of the snapshot.
    """
    file = lines.path_of(root, lane, shard).relative_to(root).as_posix()
    found: list[Finding] = []
    for change in changes:
        what, fix = _what(change, causes.get(change.key, "")), _fix(lane, shard, change)
        counted = places.get(change.key, ()) if change.news in _PLACED else ()
        found += (place._replace(what=f"{place.what} - {what}", fix=fix) for place in counted)
        if not counted:
            found.append(Finding(file, change.number, 0, change.news, what, fix))
    return found


def accept(lane: str, shard: str = "", *, worse: bool = False) -> str:
    """Spell the command that accepts the news of a lane, or of one shard."""
    return " ".join(("nox -s accept --", lane, *filter(None, (shard, "--worse" if worse else ""))))


def _what(change: Change, cause: str) -> str:
    if not change.key:
        return f"{change.before!r} is {WORDS[change.news]}"
    was, now = (value or "nothing" for value in (change.before, change.after))
    because = f" ({cause})" if cause else ""
    return f"{change.key}: {was} recorded, {now} now: {WORDS[change.news]}{because}"


def _fix(lane: str, shard: str, change: Change) -> str:
    command = accept(lane, shard, worse=change.takes_worse)
    is_worse = change.news == "worse" or change.takes_worse
    return f"mend it, or accept it: {command}" if is_worse else command


def _news(key: str, values: Sequence[str], after: str | None, kind: Kind) -> News:
    if not values:
        return "new"
    if after is None:
        return "gone"
    if values[1:]:
        return "twice"
    is_count = kind.counts and key.rpartition(" ")[2] not in kind.undirected
    if not is_count or _count(values[0]) is None or _count(after) is None:
        return "changed"
    return "worse" if int(after) > int(values[0]) else "better"


def _shrinks(values: Sequence[str], after: str | None) -> bool:
    """Whether it is a count, and no more than whatever was recorded of it."""
    counts = [_count(value) for value in values or ("0",)]
    now = _count("0" if after is None else after)
    return now is not None and all(count is not None and now <= count for count in counts)


def _count(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdecimal() else None
