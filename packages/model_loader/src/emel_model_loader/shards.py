"""Which files make one checkpoint: rules over names alone. Nothing here touches a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from emel_io_loader import Reaction, Spans, validate
from emel_model_loader.outcomes import Failure, LoadOutcome

Entries: TypeAlias = Callable[[str], "tuple[str, ...] | None"]
"""Names what lies in a folder; None where there is no folder. Raises `OSError`."""

SHARDS_MAX: Final = 99_999
"""As many as five digits count. A name that claims more would cost a list of that length."""
PREFERRED_INDEX: Final = "model.safetensors.index.json"
"""Of several indexes in a folder this is the model's; the others are variants of it."""
SEPARATORS: Final = ("/", "\\", ":") if sys.platform == "win32" else ("/",)
HINT: Final = "shards=False opens one file alone"

_INDEX: Final = re.compile(r"(?P<stem>.+)\.safetensors\.index(?:\.[\w-]+)?\.json")
_NUMBERED: Final = re.compile(
    r"(?P<prefix>.*)-(?P<number>[0-9]{5,6})-of-(?P<count>[0-9]{5,6})(?P<suffix>\.gguf|\.safetensors)",
    re.DOTALL,
)
_SUFFIXES: Final = (".gguf", ".safetensors")


class Numbered(NamedTuple):
    """The name of one shard of a set, taken apart."""

    prefix: str
    number: int
    """From 1."""
    of: int
    suffix: str
    digits: tuple[int, int]
    """How wide number and count are written: five digits in GGUF, in safetensors six as well."""

    def at(self, number: int) -> str:
        """Spell the name of another shard of the set."""
        return numbered_name(self._replace(number=number))


def numbered_name(shard: Numbered) -> str:
    """Spell a shard's name."""
    number, of = shard.digits
    return f"{shard.prefix}-{shard.number:0{number}}-of-{shard.of:0{of}}{shard.suffix}"


def numbered(name: str) -> Numbered | None:
    """Take the name of a shard apart; None if it isn't one."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return None
    number, count = match["number"], match["count"]
    digits = (len(number), len(count))
    return Numbered(match["prefix"], int(number), int(count), match["suffix"], digits)


class Kind(IntEnum):
    """What holds the files of a checkpoint together."""

    ALONE = 0
    """Nothing: one file is opened as it is, whatever it is part of."""
    SINGLE = 1
    """One file by its name; what it says of itself may show that it is part of a split."""
    NUMBERED = 2
    """Their names count them."""
    INDEXED = 3
    """An index names them."""


@dataclass(frozen=True, slots=True)
class Located:
    """Which files make the checkpoint that was asked for."""

    kind: Kind
    folder: str
    """Where they lie: with the separator at its end, or empty."""
    names: tuple[str, ...]
    """Their names in that folder, in the order of the shards; of an index not read yet: none."""
    index: str | None = None
    """The index's path."""
    asked: str | None = None
    """The shard that was asked for."""
    listed: tuple[str, ...] | None = None
    """What lies in the folder, as far as it was looked at."""

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files, put together anew."""
        return tuple(self.folder + name for name in self.names)

    def file(self, i: int) -> str:
        """Spell the path of file `i`."""
        return self.folder + self.names[i]


def locate(path: str, entries: Entries, *, shards: bool) -> Located | Failure:
    """Tell from a path which files to open, looking at the names in one folder at most."""
    folder, name = split(path)
    # A path that can be none is refused by the strategy, in its own words.
    if not shards or validate(Spans((path,), (0,), (0,), (0,))) is not None:
        return Located(Kind.ALONE, folder, (name,))
    listed = _list(path, entries)
    if isinstance(listed, Failure):
        return listed
    if listed is not None:
        return _of_folder(path, listed)
    if numbered(name) is None and not is_index(name):
        return Located(Kind.SINGLE, folder, (name,))
    listed = _list(folder or ".", entries)
    return listed if isinstance(listed, Failure) else _of_siblings(path, listed)


def split(path: str) -> tuple[str, str]:
    """Part a path behind its last separator."""
    at = 1 + max(path.rfind(separator) for separator in SEPARATORS)
    return path[:at], path[at:]


def is_index(name: str) -> bool:
    """Whether a file of this name is the index of safetensors shards."""
    return _INDEX.fullmatch(name) is not None


def leads_outside(name: str) -> bool:
    r"""Whether a name from an index is anything but the plain name of a file beside it.

    Plain on every platform: no separator of any (`/`, `\`, and `:` of drives and streams), nothing
    that is not printable, and not only dots and spaces, which some strip from a name's end.
    """
    plain = name.isprintable() and not any(mark in name for mark in "/\\:")
    return not plain or not name.strip(". ")


def _list(folder: str, entries: Entries) -> tuple[str, ...] | Failure | None:
    try:
        return entries(folder)
    except ValueError:  # no path at all: the strategy says so, in its own words
        return None
    except OSError as error:
        return Failure(
            stage=LoadOutcome.IO_FAILED,
            reaction=Reaction.SOURCE,
            code="folder-unlisted",
            message=f"{folder}: what lies there can't be listed ({error.strerror})",
            path=folder,
            errno=error.errno or 0,
            cause=error.with_traceback(None),
        )


def _of_siblings(path: str, listed: tuple[str, ...] | None) -> Located | Failure:
    """Follow an index, or find the other shards of one, among the names of their folder."""
    folder, name = split(path)
    shard = numbered(name)
    if shard is None:
        return Located(Kind.INDEXED, folder, (), path, listed=listed)
    index = f"{shard.prefix}.safetensors.index.json"
    if shard.suffix == ".safetensors" and index in (listed or ()):
        return Located(Kind.INDEXED, folder, (), folder + index, asked=name, listed=listed)
    return _of_set(path, folder, shard, listed or ())


def _of_folder(path: str, listed: tuple[str, ...]) -> Located | Failure:
    """Find the one checkpoint in a folder: an index, else the one file, or the one set."""
    folder = path if path.endswith(SEPARATORS) else f"{path}/"
    seen = [name for name in listed if not name.startswith(".")]
    indexes = [name for name in seen if is_index(name)]
    if PREFERRED_INDEX in indexes:
        indexes = [PREFERRED_INDEX]
    if len(indexes) > 1:
        return Failure.of_shards("checkpoint-ambiguous", path, "several indexes", files=indexes)
    if indexes:
        return Located(Kind.INDEXED, folder, (), folder + indexes[0], listed=listed)
    weights = [name for name in seen if name.endswith(_SUFFIXES)]
    if not weights:
        message = f"no GGUF or safetensors file among {len(listed)} entries"
        return Failure.of_shards("checkpoint-missing", path, message, files=listed)
    # Each file is a candidate, and each set one, whether it is whole or not.
    candidates: dict[Numbered | str, str] = {}
    for name in weights:
        shard = numbered(name)
        candidates.setdefault(name if shard is None else shard._replace(number=1), name)
    if len(candidates) > 1:
        message = f"{len(candidates)} checkpoints in {len(weights)} files; name one of them"
        return Failure.of_shards("checkpoint-ambiguous", path, message, files=weights)
    shard = numbered(weights[0])
    if shard is None:
        return Located(Kind.SINGLE, folder, (weights[0],))
    return _of_set(path, folder, shard, listed)


def _of_set(path: str, folder: str, shard: Numbered, listed: Sequence[str]) -> Located | Failure:
    if not 1 <= shard.number <= shard.of <= SHARDS_MAX:
        message = f"its name is no number from 1 to {min(shard.of, SHARDS_MAX)}; {HINT}"
        return Failure.of_shards("shard-number-invalid", path, message)
    names = whole_set(shard)
    missing = absent(names, listed)
    if shard.at(shard.number) in missing:  # it is the strategy that says whether it is there
        return Located(Kind.NUMBERED, folder, (shard.at(shard.number),))
    return refuse_missing(path, missing) or Located(Kind.NUMBERED, folder, names)


def whole_set(shard: Numbered) -> tuple[str, ...]:
    """Spell the names of a set, of which one shard is known."""
    return tuple(map(shard.at, range(1, shard.of + 1)))


def refuse_missing(path: str, missing: Sequence[str]) -> Failure | None:
    """Refuse shards that are missing, if any are."""
    message = f"{counted(len(missing), 'shard is', 'shards are')} missing ({HINT})"
    return Failure.of_shards("shards-missing", path, message, files=missing) if missing else None


def counted(n: int, one: str, many: str) -> str:
    """Spell how many there are of something: `1 shard is`, `2 shards are`."""
    return f"{n} {one if n == 1 else many}"


def absent(names: Sequence[str], listed: Sequence[str]) -> tuple[str, ...]:
    """Pick the names that are not listed."""
    there = frozenset(listed)
    return tuple(name for name in names if name not in there)
