"""Names of methods: an assertion that names one, and doesn't call it, can't be false.

Neither can one of what some answer when they are called.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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


_CLASSES: Final = re.compile(r"^class (\w+)(?:\[[^\]]*\])?(?:\(([^)]*)\))?:", re.MULTILINE)
"""A class, and what it is made of."""
_ANSWERS: Final = re.compile(
    r"^ +def (\w+)\(\s*self\b(?:(?!\bdef )[\s\S])*?\) -> ([^\n]+?):(?:\s|$)", re.MULTILINE
)
_SIZED: Final = re.compile(r"^ +def __(?:bool|len)__\(", re.MULTILINE)
_PLAIN: Final = re.compile(
    r"(?:\w+\.)?(?:ABC|Exception|Generic|\w*Error|NamedTuple|Protocol|Struct|object)"
)
"""What doesn't say whether it is true; a tuple that has fields is."""


def answering(packages: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Name, for each package, the methods that answer with what is true, whatever it holds.

    That is an object of a class of ours that says of itself neither whether it is true nor how long
    it is.

    Parameters
    ----------
    packages
        The text of their sources. Where a package has methods of a name itself, those are meant.
    """
    every = [text for texts in packages.values() for text in texts]
    sure = _sure(every)
    everywhere = _answers(every, sure)
    meant = {name: {**everywhere, **_answers(texts, sure)} for name, texts in packages.items()}
    return {
        package: frozenset(name for name, is_sure in names.items() if is_sure) - BUILTIN - _OTHERS
        for package, names in meant.items()
    }


def _answers(texts: Sequence[str], sure: set[str]) -> dict[str, bool]:
    """Say of each method whether all of its name answer with one of these classes."""
    found: dict[str, list[str]] = {}
    for text in texts:
        for match in _ANSWERS.finditer(text):
            found.setdefault(match[1], []).append(match[2])
    times = Counter(match[1] for text in texts for match in _METHODS.finditer(text))
    values = {match[1] for text in texts for match in _PROPERTIES.finditer(text)}
    return {
        name: name not in values
        and len(found.get(name, ())) == count
        and sure.issuperset(found[name])
        for name, count in times.items()
    }


def _sure(texts: Sequence[str]) -> set[str]:
    """Name the classes of which all objects are true."""
    made: dict[str, list[str]] = {}
    unsure: set[str] = set()
    for text in texts:
        kinds = [*_CLASSES.finditer(text)]
        ends = [*(match.start() for match in kinds), len(text)]
        for match, end in zip(kinds, ends[1:], strict=True):
            unsure |= {match[1]} if _SIZED.search(text, match.end(), end) else set()
            made.setdefault(match[1], []).extend(_bases(match[2] or ""))
    unsure |= {n for n, bases in made.items() if any(not _is_known(b, made) for b in bases)}
    while (
        more := {
            each
            for name, bases in made.items()
            for each in (name, *bases)
            # What is derived from a class may stand for it.
            if unsure.intersection((name, *bases)) and each in made
        }
        - unsure
    ):
        unsure |= more
    return made.keys() - unsure


def _is_known(base: str, made: Collection[str]) -> bool:
    return base in made or _PLAIN.fullmatch(base) is not None


def _bases(text: str) -> list[str]:
    """Name what a class is made of, without parameters and keywords."""
    parts = re.sub(r"\[[^\]]*\]+", "", text).split(",")
    return [each.strip() for each in parts if each.strip() and "=" not in each]


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
