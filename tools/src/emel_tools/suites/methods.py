"""Names of methods: an assertion that names one, and doesn't call it, can't be false."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final


def _methods(*kinds: type) -> frozenset[str]:
    found: set[str] = set()
    for kind in kinds:
        for name in dir(kind):
            member: object = getattr(kind, name, None)
            if callable(member) and not name.startswith("_"):
                found.add(name)
    return frozenset(found)


BUILTIN: Final = _methods(list, dict, set, str, bytes)
"""A member of such a name is taken for a method, whatever it is a member of."""
_OF_ARRAYS: Final = (
    "all any argmax argmin argpartition argsort astype byteswap choose clip compress conj "
    "conjugate copy cumprod cumsum diagonal dot dump dumps fill flatten getfield item max mean "
    "min nonzero partition prod put ravel repeat reshape resize round searchsorted setfield "
    "setflags sort squeeze std sum swapaxes take to_device tobytes tofile tolist trace transpose "
    "var view"
)
"""Those of numpy, which takes longer to import than all packages to read."""
_OTHERS: Final = _methods(Path).union(_OF_ARRAYS.split())
_METHODS: Final = re.compile(r"^ +(?:async )?def (\w+)\(\s*(?:self|cls)\b", re.MULTILINE)
_PROPERTIES: Final = re.compile(r"^ +@[\w.]*property\b.*\n(?: +@.*\n)* +def (\w+)", re.MULTILINE)
_FIELDS: Final = re.compile(r"^ +(\w+): (?!Callable\b)|\.(\w+)(?:: [^=\n]+)? = ", re.MULTILINE)
"""What holds a function is as true as a method."""


def methods(packages: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """Name what is a method wherever it is a member: no property or field is called like it.

    Lines are looked at and not syntax, which would take three times as long; what looks like a
    field and is none leaves a name out, and no more.

    Parameters
    ----------
    packages
        The text of their sources.
    others
        What else may have fields of such names: the tools, and tests.
    """
    texts = [*packages]
    found = {match[1] for text in texts for match in _METHODS.finditer(text)}
    fields: set[str] = set()
    for text in (*texts, *others):
        fields.update(match[1] for match in _PROPERTIES.finditer(text))
        fields.update(match[1] or match[2] for match in _FIELDS.finditer(text))
    return BUILTIN | ((_OTHERS | found) - fields)
