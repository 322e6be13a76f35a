"""Small files and a parser that says what it is told to, for the tests of this lane."""

from __future__ import annotations

from typing import Final

import pytest

from emel_tools.fuzzing import judging
from emel_tools.fuzzing.json_files import JSONFile, item

VALID: Final = JSONFile((item("a", "U8", (4,), 0).text(),), 4).data()
OTHER: Final = JSONFile((item("b", "I8", (4,), 0).text(),), 4).data()
SHARED: Final = JSONFile(
    (item("a", "U8", (4,), 0).text(), item("b", "U8", (4,), 3).text()), 7
).data()
"""Two tensors of which one byte is the same."""


def answering(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """Let the parser answer with this, or raise it, whatever it is given."""

    def fake(_data: bytes, _nbytes: int) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(judging, "parse", fake)
