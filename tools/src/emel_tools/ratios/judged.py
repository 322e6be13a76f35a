"""What each case ran when it was last seen to be as quick as the recorded code, on this machine.

A record stays as long as nothing is news, so code moves away from it; without this, each change
would have every case timed that any change since had touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from emel_tools.ratios.executed import altered_of, digest

_OWN: Final = Path(__file__).parent
"""Where it stands what a case is, and how it is judged."""
_STATES: Final = 6
"""How many are kept of each case: whoever takes a change back, or goes to another branch and comes
back, has seen the code before."""


class Ran(msgspec.Struct, frozen=True):
    """What a case ran when it was judged."""

    functions: tuple[str, ...]
    """As `Watch` names them. While their code stays, they are what it runs."""
    digest: str
    """Of their code."""


class Since(NamedTuple):
    """What has become of cases since they were judged."""

    unchanged: Mapping[str, Ran]
    """What those run of which that is known: what ran then, if its code is what it was."""
    altered: Mapping[str, frozenset[str]]
    """Which functions of the others are other than they were."""
    functions: Mapping[str, tuple[str, ...]]
    """All that those ran."""

    def differing(
        self, now: Mapping[str, bytes], before: Mapping[str, bytes], root: Path
    ) -> frozenset[str]:
        """Name cases that run for certain what isn't the recorded code.

        Whatever a case did before it came to the first altered function it does now, and calls that
        one: if none of those that are altered is as recorded, it needn't be run to be seen to.
        """
        ran = {name: self.functions[name] for name in self.altered}
        against = altered_of(ran, now, before, root) if ran else {}
        return frozenset(
            name
            for name, altered in self.altered.items()
            if altered and altered <= against.get(name, frozenset())
        )


class Kept(msgspec.Struct):
    """What is known of all cases of a shard."""

    settings: str = ""
    cases: dict[str, tuple[Ran, ...]] = {}
    """What each case ran in the states of the code that were judged, the latest first."""
    sources: dict[str, str] = {}
    """The code as it was when it was judged last, by path from the root."""

    def since(self, names: Iterable[str], now: Mapping[str, bytes], root: Path) -> Since:
        """Say what has become of cases since they were judged.

        Parameters
        ----------
        names
            The cases.
        now
            The code as it is.
        root
            The repository.
        """
        found: dict[str, Ran] = {}
        last: dict[str, Ran] = {}
        before = {path: text.encode() for path, text in self.sources.items()}
        for name in names:
            states = self.cases.get(name, ())
            same = [ran for ran in states if digest(ran.functions, now) == ran.digest]
            if same:
                found[name] = same[0]
            elif states and digest(states[0].functions, before) == states[0].digest:
                last[name] = states[0]
        if not last:  # there is nothing to be compared
            return Since(found, {}, {})
        functions = {name: ran.functions for name, ran in last.items()}
        altered = altered_of(functions, now, before, root)
        for name in functions.keys() - altered:
            found[name] = Ran(functions[name], digest(functions[name], now))
        return Since(found, altered, functions)


class Judged:
    """The cases of one shard that needn't be timed again.

    Parameters
    ----------
    path
        Where it is kept.
    anew
        Whether to time everything, whatever is kept.
    """

    def __init__(self, path: Path, *, anew: bool) -> None:
        self._path, self._anew = path, anew

    def read(self, against: str) -> Kept:
        """Read what is known.

        Parameters
        ----------
        against
            The commit that was compared with, and the kind of machine.
        """
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.DecodeError):
            return Kept()
        return Kept() if self._anew or kept.settings != _settings(against) else kept

    def write(self, against: str, cases: Mapping[str, Ran], sources: Mapping[str, bytes]) -> None:
        """Keep it, beside what each case ran before."""
        kept = dict(self.read(against).cases)
        for name, ran in cases.items():
            before = (each for each in kept.get(name, ()) if each != ran)
            kept[name] = (ran, *before)[:_STATES]
        texts = {path: text.decode(errors="replace") for path, text in sources.items()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(msgspec.json.encode(Kept(_settings(against), kept, texts)))


def _settings(against: str) -> str:
    content = hashlib.sha256(against.encode())
    for path in sorted(_OWN.rglob("*.py")):
        text = path.read_bytes()
        content.update(f"{path.relative_to(_OWN)} {len(text)}\n".encode() + text)
    return content.hexdigest()
