"""Read the tests without running them: whether each is collected, and can fail."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.boundaries.syntax import staying
from emel_tools.findings import Finding
from emel_tools.scope.observed import unnoted
from emel_tools.scope.ours import not_ours
from emel_tools.suites.parts import TOOLS, Part, number_of
from emel_tools.suites.record import LEAST, Record
from emel_tools.suites.syntax import FUNCTIONS, Function, last, walk
from emel_tools.suites.written import (
    aliases,
    compared,
    expected,
    fixtures,
    hooks,
    patched,
    silenced,
    skipping,
    swallowed,
    vacuous,
)
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Checks, Source
from emel_tools.suites.written.counted import Counted, counted
from emel_tools.suites.written.methods import answering, methods
from emel_tools.suites.written.swallowed import Told
from emel_tools.workspace import shards

_FIXES: Final = {
    "swallowed": "let the assertion reach pytest; a check that has to fail is called under"
    " pytest.raises(AssertionError)",
    "always true": "assert what would be false if the promise were broken",
    "overwritten": "compare with what was remembered, or don't remember it",
    "never runs": "remove it, or let it be reached",
    "silenced": "let pytest.warns wait for it; or allow it, with its reason, in"
    " emel_tools.suites.skips",
    "skipped": "let it run wherever its package does; or allow it, with its reason, in"
    " emel_tools.suites.skips",
    "hook": "let a fixture do it; or allow it, with its reason, in emel_tools.suites.skips",
    "weak": f"let it draw {LEAST} examples or more",
    "repeated": "give each case values of its own",
    "no check": "assert what it promises",
    "uncollected": "give it a name, and a place, where pytest collects it",
    "shadowed": "give each a name of its own",
    "shared": "let it look after each test, by the scope of a function",
    "unused": "call it, name it test_..., or remove it",
}


class Written(NamedTuple):
    """What reading the tests comes to."""

    findings: list[Finding]
    checked: str
    """What was read."""
    checks: Counted


class _Known(NamedTuple):
    """What names mean in the tests."""

    methods: frozenset[str]
    answering: Mapping[str, frozenset[str]]
    """By the folder of a package, methods that answer with what is always true."""
    fixtures: frozenset[tuple[str, str]]
    """Those of conftests, by folder and name."""

    def of(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        """Say of a file which names are methods, and which answer with what is true."""
        return self.methods, self.answering[path.partition("/tests/")[0]]


def check(root: Path) -> Written:
    """Read all tests, and look for tests anywhere else."""
    with staying():
        return _check(root)


def _check(root: Path) -> Written:
    folders = [package.folder / "tests" for package in shards(root)]
    apart = not_ours(root)
    tests = [source for folder in folders for source in read(root, folder, apart)]
    helping = read_helping(root, apart)
    checks, called = Checks([*tests, *helping]), Called([*tests, *helping])
    known = _known(root, apart, tests)
    found = [f for source in tests for f in _findings(source, checks, called, known)]
    found += [f for source in (*tests, *helping) for f in _allowing(source)]
    found += _strays(root, folders, apart)
    count = sum(len(tests_of(source)) for source in tests)
    checked = f"{count} test functions in {len(tests)} files"
    return Written(found, checked, counted([*tests, *helping], called))


def _known(root: Path, apart: Collection[Path], tests: Iterable[Source]) -> _Known:
    """Name the methods of the packages; whatever they are, it is tests that this shard reads."""
    texts: list[str] = []
    others: list[str] = []
    own: dict[str, list[str]] = {}
    with unnoted():
        for package in shards(root):
            found = texts if package.name != TOOLS else others
            sources = [
                path.read_text("utf-8", "replace") for path in _python(package.source, apart)
            ]
            found += sources
            own[package.folder.relative_to(root).as_posix()] = sources if found is texts else []
            beside = _python(package.folder / "tests", apart)
            others += [path.read_text("utf-8", "replace") for path in beside]
    return _Known(methods(texts, others), answering(own), fixtures.shared(tests))


def read(root: Path, folder: Path, apart: Collection[Path]) -> list[Source]:
    """Read the files of a folder of tests, but for what lies in folders that aren't ours."""
    return [Source.read(root, path) for path in _python(folder, apart)]


def read_helping(root: Path, apart: Collection[Path]) -> list[Source]:
    """Read what the packages have for tests."""
    return [
        Source.read(root, path)
        for package in shards(root)
        for path in _python(package.source, apart)
        if "testing" in path.relative_to(package.source).with_suffix("").parts
    ]


def _python(folder: Path, apart: Collection[Path]) -> list[Path]:
    found: list[Path] = []
    for name, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if Path(name, each) not in apart]
        found += [Path(name, file) for file in files if file.endswith(".py")]
    return sorted(path for path in found if path.is_file())


def _strays(root: Path, folders: Iterable[Path], apart: Collection[Path]) -> Iterator[Finding]:
    """Find files of tests that belong to no suite."""
    known = (*folders, root / "tools" / "parity")  # needs the real models, and has its session
    for path in _python(root, apart):
        named = path.name.startswith("test_") or path.name.endswith("_test.py")
        if named and not any(path.is_relative_to(folder) for folder in known):
            source = Source.read(root, path)
            if tests_of(source):
                what = "its tests belong to no suite, so no shard runs them"
                yield Finding(source.path, 0, 0, "uncollected", what, _FIXES["uncollected"])


def _findings(source: Source, checks: Checks, called: Called, known: _Known) -> Iterator[Finding]:
    looks: tuple[Callable[[], Iterator[Told]], ...] = (
        lambda: swallowed.swallowing(source, checks, called),
        lambda: vacuous.always_true(source, *known.of(source.path)),
        lambda: expected.expecting(source),
        lambda: fixtures.shadowing(source, known.fixtures),
        lambda: fixtures.late(source, called),
        lambda: vacuous.ruled_out(source),
        lambda: vacuous.undrawn(source),
        lambda: compared.lax(source),
        lambda: vacuous.overwritten(source),
        lambda: aliases.aliased(source),
        lambda: vacuous.weak_settings(source, LEAST),
        lambda: vacuous.repeated(source),
        lambda: patched.patched(source),
        lambda: _unchecking(source, called),
        lambda: _hidden(source),
        lambda: _shadowed(source.tree),
    )
    for look in looks:
        yield from _told(source, look())


def _allowing(source: Source) -> Iterator[Finding]:
    """Find what tests, and what helps them, may do only where it is allowed."""
    for look in (silenced.silenced, skipping.skipping, hooks.hooks):
        yield from _told(source, look(source))


def _told(source: Source, told: Iterable[Told]) -> Iterator[Finding]:
    for line, rule, what in told:
        yield Finding(source.path, line, 0, rule, what, _FIXES[rule])


def tests_of(source: Source) -> dict[str, Function]:
    """List the tests that pytest should collect from a file, as `Class::function`."""
    found: dict[str, Function] = {}

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                found[f"{prefix}{node.name}"] = node
            elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                look(node.body, f"{prefix}{node.name}::")
            elif isinstance(node, (ast.If, ast.Try, ast.With)):
                look(node.body, prefix)
                look(getattr(node, "orelse", []), prefix)

    look(source.tree.body, "")
    return found


def uncollected(root: Path, part: Part, record: Record) -> Iterator[Finding]:
    """Find tests that stand in a suite's files and that pytest doesn't know.

    Of a file that couldn't be collected that is known already.
    """
    known = {*record.functions}
    for path in _python(part.package.folder / "tests", not_ours(root)):
        if number_of(path.relative_to(root).as_posix(), part.of) != part.number:
            continue
        source = Source.read(root, path)
        if not source.is_test:
            continue
        for name, function in tests_of(source).items():
            node_id = f"{source.path}::{name}"
            if node_id in known or source.path in record.torn:
                continue
            what = f"{name} is a test by its name, and pytest doesn't collect it"
            fix = _FIXES["uncollected"]
            yield Finding(source.path, function.lineno, 0, "uncollected", what, fix)


def _unchecking(source: Source, called: Called) -> Iterator[Told]:
    for name, function in tests_of(source).items() if source.is_test else ():
        if not called.number(source.path, function):
            yield function.lineno, "no check", f"{name} checks nothing, so it can't fail"


def _hidden(source: Source) -> Iterator[Told]:
    """Find tests where pytest doesn't look for any."""
    collected = {*tests_of(source).values()} if source.is_test else set[Function]()
    for node in walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            made = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
            if made & {"__init__", "__new__"}:
                what = f"pytest collects no class that has a constructor: {node.name}"
                yield node.lineno, "uncollected", what
        elif isinstance(node, ast.Assign) and any(last(t) == "__test__" for t in node.targets):
            yield node.lineno, "uncollected", "`__test__` hides tests from pytest"
        elif (
            isinstance(node, FUNCTIONS) and node not in collected and node.name.startswith("test_")
        ):
            what = f"{node.name} is a test by its name, and pytest doesn't collect it here"
            yield node.lineno, "uncollected", what


def _shadowed(tree: ast.Module) -> Iterator[Told]:
    """Find tests that another definition of the same name hides."""
    for scope in (tree, *(n for n in walk(tree) if isinstance(n, ast.ClassDef))):
        bound: dict[str, int] = {}
        for node in scope.body:
            names: list[str] = [getattr(node, "name", "")]
            if isinstance(node, (ast.Assign, ast.Delete)):
                names = [last(target) for target in node.targets]
            for name in names:
                if name.lower().startswith("test") and name in bound:
                    what = f"{name} of line {bound[name]} is hidden by this one"
                    yield node.lineno, "shadowed", what
                bound[name] = node.lineno
