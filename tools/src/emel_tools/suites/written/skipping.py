"""What is written to skip a test, or to expect that it fails, whether or not it does so here."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from emel_tools.suites.skips import MARKED, Mark
from emel_tools.suites.syntax import FUNCTIONS, imported, last, spelt, walk, within
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.swallowed import Told

_SKIPS: Final = frozenset(
    {
        "SkipTest",
        "Skipped",
        "expectedFailure",
        "importorskip",
        "skipIf",
        "skipTest",
        "skipUnless",
        "skipif",
        "xfail",
    }
)
_SKIP: Final = "skip"
"""The one whose name others have, too."""
_WORDS: Final = _SKIPS | {_SKIP}
_OWNERS: Final = frozenset({"mark", "outcomes", "pytest", "unittest"})
_IMPORTS: Final = "importorskip"
_CONDITIONS: Final[Mapping[str, int | None]] = {"skipIf": 1, "skipif": None, "xfail": None}
"""How many conditions they take; None for any number."""
_BY_NAME: Final = frozenset({"add_marker", "applymarker", "getattr"})
_BODIES: Final = (*FUNCTIONS, ast.ClassDef)


class _Skip(NamedTuple):
    """Where a skip is written, and when it would be one."""

    line: int
    where: str
    condition: str


def skipping(source: Source, allowed: Sequence[Mark] = MARKED) -> Iterator[Told]:
    """Find what may skip something, unless it is allowed where it stands, and as it is written.

    What doesn't hold on this Python or this system is seen in no run here. A name that is given to
    a mark counts, and so does each use of it.
    """
    known = {(each.where, each.condition) for each in allowed}
    for skip in _Reader(source).skips():
        if (skip.where, skip.condition) not in known:
            when = f" if `{skip.condition}`" if skip.condition else ""
            what = f"{skip.where} is skipped, or expected to fail{when}"
            yield skip.line, "skipped", what


class _Reader:
    """One file, and the names that it gives to marks."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names = dict[str, str]()
        self._given: dict[str, str] = {}
        self._speaks = any(map(_speaks, walk(source.tree)))
        if not self._speaks:
            return  # as most files
        self._names |= imported(source.tree)
        self._known = {*_WORDS, *self._names}
        scopes = (
            node for node in walk(source.tree) if isinstance(node, (ast.Module, ast.ClassDef))
        )
        found = (each for scope in scopes for each in within(scope.body))
        given = [each for each in found if isinstance(each, (ast.Assign, ast.AnnAssign))]
        for node in sorted(given, key=lambda each: each.lineno):
            if node.value:
                self._give(_targets(node), node.value)

    def _give(self, names: list[str], value: ast.expr) -> None:
        """Remember what names stand for: a mark, or where marks are found."""
        if last(value) == "mark":
            self._names |= dict.fromkeys(names, "pytest.mark")
        for skip in self._within(value, "", ()):
            if _IMPORTS not in skip.condition:  # what that answers is the module
                self._given |= dict.fromkeys(filter(None, names), skip.condition)
                self._known |= {*names}

    def skips(self) -> Iterator[_Skip]:
        """List all that is written."""
        if self._speaks:
            yield from self._within(self._source.tree, self._source.path, ())

    def _within(self, node: ast.AST, where: str, when: tuple[str, ...]) -> Iterator[_Skip]:
        """Look into something that runs under some conditions."""
        match node:
            case ast.Call(func=function) if self._is_skip(function):
                own = self._condition(node)
                yield _Skip(node.lineno, where, " and ".join((*when, *own)))
                inner = [(each, when) for each in (*node.args, *node.keywords)]
            case ast.If(test=test, body=body, orelse=orelse):
                said = ast.unparse(test)
                inner = [(test, when), *((each, (*when, said)) for each in body)]
                inner += [(each, (*when, f"not ({said})")) for each in orelse]
            case ast.ExceptHandler(type=kind, body=body):
                said = f"except {ast.unparse(kind) if kind else ''}".strip()
                inner = [(each, (*when, said)) for each in body]
            case _ if isinstance(node, (ast.expr, ast.keyword)) and self._is_skip(node):
                given = self._given.get(last(node), "")
                yield _Skip(node.lineno, where, " and ".join((*when, *filter(None, [given]))))
                return
            case _:
                where, when = _inside(node, where, when)
                inner = [(each, when) for each in ast.iter_child_nodes(node)]
        for each, conditions in inner:
            yield from self._within(each, where, conditions)

    def _is_skip(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name not in self._known:
                return False
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                owner, _, name = spelt(node, self._names).rpartition(".")
                is_ours = name == _SKIP and owner.rpartition(".")[2] in _OWNERS
                return is_ours or name in self._given or (bool(owner) and name in _SKIPS)
            case ast.Call(func=function, args=args) if last(function) in _BY_NAME:
                texts = [each.value for each in args if isinstance(each, ast.Constant)]
                return not _WORDS.isdisjoint(texts)
            case _:
                return False

    def _condition(self, call: ast.Call) -> list[str]:
        """Spell when a call skips, as far as it says so itself."""
        name = spelt(call.func, self._names).rpartition(".")[2]
        if name == _IMPORTS:
            return [ast.unparse(call)]
        if name in self._given:
            return [self._given[name]]
        named = [each.value for each in call.keywords if each.arg == "condition"]
        conditions = [ast.unparse(each) for each in (*call.args, *named)]
        if name == "skipUnless":
            return [f"not ({each})" for each in conditions[:1]]
        return conditions[: _CONDITIONS.get(name, 0)]


def _speaks(node: ast.AST) -> bool:
    """Whether this says a word of skips."""
    if isinstance(node, ast.Attribute):
        return node.attr in _WORDS
    if isinstance(node, ast.alias):
        return node.name in _WORDS
    return isinstance(node, ast.Constant) and node.value in _WORDS


def _inside(node: ast.AST, where: str, when: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Say where something stands that lies right below a node, and under which conditions."""
    if isinstance(node, _BODIES):
        return f"{where}::{node.name}", when if isinstance(node, ast.ClassDef) else ()
    names = _targets(node) if isinstance(node, (ast.Assign, ast.AnnAssign)) else []
    if names and names[0] != "pytestmark":
        return f"{where}::{names[0]}", when
    return where, when


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    return [
        last(each) for each in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
