"""Why a public name differs from what is recorded, as far as it can be told."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple


def causes(recorded: Mapping[str, str], measured: Mapping[str, str]) -> dict[str, str]:
    """Say for each key that differs what seems to have happened to it."""
    gone = [key for key in recorded if key not in measured]
    new = [key for key in measured if key not in recorded]
    found: dict[str, str] = {}
    for key in gone:
        other = _successor(key, recorded, new, measured)
        if other:
            found[key] = f"renamed to {other}?"
            found[other] = f"was {key}?"
    for key in recorded.keys() & measured.keys():
        if recorded[key] != measured[key]:
            said = difference(recorded[key], measured[key])
            if said:
                found[key] = said
    return found


def _successor(
    key: str, recorded: Mapping[str, str], new: list[str], measured: Mapping[str, str]
) -> str:
    """Find what is new, stands in the same place and is the same."""
    place = key.rpartition(".")[0]
    alike = [
        other
        for other in new
        if measured[other] == recorded[key] and (other.rpartition(".")[0] == place or not place)
    ]
    near = difflib.get_close_matches(key, alike, 1, 0.0)
    return near[0] if near else ""


_BEFORE: Final = re.compile(r"(?:@.* )?(?:(?:async|abstractmethod|classmethod|staticmethod) )*")
"""What stands before the parameters of a function; of a class and a value, something else does."""


class _Parameter(NamedTuple):
    how: str
    kind: str
    default: str | None


def difference(before: str, after: str) -> str:
    """Say how two signatures differ; empty if they are none, or if nothing simple can be said."""
    was, now = _signature(before), _signature(after)
    if was is None or now is None:
        if before.endswith(" (undocumented)") != after.endswith(" (undocumented)"):
            return (
                "its docstring went"
                if after.endswith(" (undocumented)")
                else "it has a docstring now"
            )
        return ""
    said = _parted(_parameters(was.arguments), _parameters(now.arguments))
    if was.words != now.words:
        spelled = (words.strip() or "nothing" for words in (was.words, now.words))
        said.append(f"before its parameters stood {next(spelled)} and stands {next(spelled)}")
    return "; ".join(said) or "it answers with something else"


def _parted(first: Mapping[str, _Parameter], second: Mapping[str, _Parameter]) -> list[str]:
    said: list[str] = []
    lost = [name for name in first if name not in second]
    come = [name for name in second if name not in first]
    for name in lost:
        same = [other for other in come if second[other] == first[name]]
        if len(same) == 1:
            come.remove(same[0])
            said.append(f"parameter {name} renamed to {same[0]}?")
        else:
            said.append(f"parameter {name} is gone")
    for name in come:
        must = "" if second[name].default is not None else ", and must be given"
        said.append(f"parameter {name} is new{must}")
    for name in (name for name in first if name in second):
        said += _changed(name, first[name], second[name])
    if not said and [*first] != [*second]:
        said.append("its parameters have another order")
    return said


def _changed(name: str, was: _Parameter, now: _Parameter) -> list[str]:
    said: list[str] = []
    if was.how != now.how:
        said.append(f"parameter {name} was {was.how} and is {now.how}")
    if was.default != now.default:
        spell = ("none" if d is None else d for d in (was.default, now.default))
        said.append(f"the default of {name} was {next(spell)} and is {next(spell)}")
    if was.kind != now.kind:
        said.append(f"{name} was {was.kind or 'anything'} and is {now.kind or 'anything'}")
    return said


class _Signature(NamedTuple):
    words: str
    """Decorators, `async`, `classmethod`: what stands before the parameters."""
    arguments: ast.arguments


def _signature(text: str) -> _Signature | None:
    """Read a function; a decorator may have parentheses too, but is no signature with the rest."""
    for found in re.finditer(r"\(", text):
        words = text[: found.start()]
        if not _BEFORE.fullmatch(words):
            continue
        try:
            tree = ast.parse(f"def f{text[found.start() :]}: ...")
        except SyntaxError:
            continue
        own = next(node for node in ast.walk(tree) if isinstance(node, ast.arguments))
        return _Signature(words, own)
    return None


def _parameters(args: ast.arguments) -> dict[str, _Parameter]:
    found: dict[str, _Parameter] = {}
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + [*args.defaults]
    groups = (
        *zip(positional, defaults, ["positional"] * len(positional), strict=True),
        *zip(
            args.kwonlyargs, args.kw_defaults, ["keyword-only"] * len(args.kwonlyargs), strict=True
        ),
        *((arg, None, "variable") for arg in (args.vararg, args.kwarg) if arg is not None),
    )
    for arg, default, how in groups:
        kind = "" if arg.annotation is None else ast.unparse(arg.annotation)
        exact = "positional-only" if arg in args.posonlyargs else how
        found[arg.arg] = _Parameter(exact, kind, None if default is None else ast.unparse(default))
    return found
