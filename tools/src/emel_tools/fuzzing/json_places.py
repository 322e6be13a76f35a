"""Where in a JSON text something stands, by way of Python's own reader."""

from __future__ import annotations

import json
import re
from typing import Final

KEY: Final = -1
"""Ends a path that leads to a key, and not to its value."""
_READER: Final = json.JSONDecoder(parse_int=str)
"""Of endless digits it makes no number, which would take quadratic time."""
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^\s"{}\[\],:]+|\S', re.DOTALL)


def byte_of(text: str, path: tuple[int, ...]) -> int:
    """Find the byte at which a value begins, or a key; `text` has to be JSON.

    A path has a number for each bracket that is gone into: which of its values.
    """
    at = key = _behind_space(text, 0)
    for step in path:
        if step == KEY:
            at = key
            continue
        is_object, at = text[at] == "{", _behind_space(text, at + 1)
        for left in range(step, -1, -1):
            key = at
            at = _behind_value(text, at) if is_object else at
            at = _behind_value(text, at) if left else at
    return len(text[:at].encode())


def _behind_value(text: str, at: int) -> int:
    """Step over a value or a key, and the comma or colon behind it."""
    end: int = _READER.raw_decode(text, at)[1]
    return _behind_space(text, _behind_space(text, end) + 1)


def _behind_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def bytes_near(text: str, at: int) -> list[int]:
    """List where one may say that a text is no JSON, whose reader stopped at this character.

    That is there, or at the word of the text in which it is, or the next one on either side.
    """
    begins = [match.start() for match in _TOKEN.finditer(text)]
    before = [begin for begin in begins if begin <= at][-2:]
    behind = [begin for begin in begins if begin > at][:1]
    return [len(text[:each].encode()) for each in (*before, at, *(behind or [len(text)]))]
