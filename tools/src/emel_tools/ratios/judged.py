"""What each case ran when it was last seen to be as quick as the recorded code, on this machine.

A record stays as long as nothing is news, so code moves away from it; without this, each change
would have every case timed that any change since had touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

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


class _Kept(msgspec.Struct):
    settings: str
    cases: dict[str, tuple[Ran, ...]]


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

    def read(self, against: str) -> dict[str, tuple[Ran, ...]]:
        """Read what each case ran in the states of the code that were judged, the latest first.

        Parameters
        ----------
        against
            The commit that was compared with, and the kind of machine.
        """
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except (FileNotFoundError, msgspec.DecodeError):
            return {}
        return {} if self._anew or kept.settings != _settings(against) else kept.cases

    def write(self, against: str, cases: Mapping[str, Ran]) -> None:
        """Keep it, beside what each case ran before."""
        kept = self.read(against)
        for name, ran in cases.items():
            before = (each for each in kept.get(name, ()) if each != ran)
            kept[name] = (ran, *before)[:_STATES]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(msgspec.json.encode(_Kept(_settings(against), kept)))


def _settings(against: str) -> str:
    content = hashlib.sha256(against.encode())
    for path in sorted(_OWN.rglob("*.py")):
        text = path.read_bytes()
        content.update(f"{path.relative_to(_OWN)} {len(text)}\n".encode() + text)
    return content.hexdigest()
