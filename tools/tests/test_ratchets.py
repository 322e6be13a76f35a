"""What ruff and basedpyright find is counted by scope, and nothing can be hidden from the count."""

import textwrap

import pytest

from emel_tools.gates.lint import LANE as LINT
from emel_tools.gates.types import LANE as TYPES
from emel_tools.ratchets import ruff
from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.holes import holes
from emel_tools.ratchets.scopes import MODULE, Source
from emel_tools.running import Job
from emel_tools.running.worker import judged
from emel_tools.scope.affected import matches
from emel_tools.snapshots import lines

PROJECT = """
[tool.ruff]
target-version = "py311"
[tool.ruff.lint]
select = ["F", "RUF100", "I"]
ignore = ["F841"]
[tool.ruff.lint.per-file-ignores]
"**/tests/**" = ["F811"]
[tool.pytest.ini_options]
addopts = ["--strict-markers"]
xfail_strict = true
filterwarnings = ["error"]
[tool.coverage.run]
branch = true
[tool.basedpyright]
include = ["packages"]
pythonVersion = "3.11"
typeCheckingMode = "strict"
"""
CODE = "packages/disk/src/emel_disk/code.py"


class Tree:
    def __init__(self, root):
        self.root = root
        self.write("pyproject.toml", PROJECT)
        for name in ("disk", "tape"):
            self.write(f"packages/{name}/pyproject.toml", "[project]\n")
            self.write(f"packages/{name}/src/emel_{name}/__init__.py", "")
            self.write(f"packages/{name}/src/emel_{name}/py.typed", "")
        self.write("tools/src/emel_tools/__init__.py", "")
        self.write("tools/src/emel_tools/py.typed", "")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(textwrap.dedent(text).lstrip("\n"))

    def begin(self, path="."):
        """Make it, or a folder in it, a repository of git."""
        self.write(f"{path}/.git/HEAD", "ref: refs/heads/main\n")
        for folder in ("objects", "refs"):
            (self.root / path / ".git" / folder).mkdir()

    def run(self, lane, *shards):
        shards = shards or tuple(shard.name for shard in lane.shards(self.root))
        done = lane.run(Job(self.root, shards, full=False, base="", seed=0))
        return {outcome.shard: outcome for outcome in done}

    def disk(self, lane):
        return self.run(lane, "disk")["disk"]

    def told(self, lane, shard="disk", outcome=None):
        """What the gate says of a shard: where, by which rule, in which words."""
        report = judged(self.root, lane, outcome or self.run(lane, shard)[shard])
        return {(f.where, f.rule): f"{f.what} | {f.fix}" for f in report.findings}


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.mark.behaviour("GATE-17")
def test_scopes_are_qualified_names_decorators_included(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "import os\n\n@deco(\n    1)\nclass A:\n    x = 1\n    async def f(self):\n"
        "        def g():\n            return 1\n        return g\n    if os:\n"
        "        def h(self): ...\ny = 2\n"
    )
    source = Source(path)
    assert [source.scope(line) for line in range(1, 14)] == [
        *(MODULE, MODULE, "A", "A", "A", "A", "A.f", "A.f.g", "A.f.g", "A.f", "A", "A.h", MODULE)
    ]
    path.write_text("def f(:\n")
    assert Source(path).scope(1) == MODULE


@pytest.mark.behaviour("GATE-17")
def test_violations_are_counted_by_file_scope_and_rule_and_lines_don_t_matter(tree):
    code = "def f():\n    import os\n    import sys\n\n\n"
    code += "class C:\n    def f(self):\n        import os\n"
    tree.write(CODE, code)
    counts = {
        "src/emel_disk/code.py f F401": "2",
        "src/emel_disk/code.py C.f F401": "1",
    }
    assert tree.disk(LINT).measured == counts
    tree.write(CODE, f"# a comment\n\n\n{code}")
    assert tree.disk(LINT).measured == counts
    assert {name: o.measured for name, o in tree.run(LINT).items() if name != "root"} == {
        "disk": counts,
        "tape": {},
        "tools": {},
    }


@pytest.mark.behaviour("GATE-17")
def test_a_new_violation_is_told_at_its_place_with_its_message(tree):
    tree.write(CODE, "def f() -> None:\n    import os\n")
    told = tree.told(LINT)
    assert list(told) == [(f"{CODE}:2:12", "F401")]
    assert told[f"{CODE}:2:12", "F401"] == (
        "F401 `os` imported but unused - src/emel_disk/code.py f F401: nothing recorded, 1 now: "
        "not recorded yet | mend it, or accept it: nox -s accept -- lint disk --worse"
    )


@pytest.mark.behaviour("GATE-17")
@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("import os  # noqa: F401\n", "F401 suppressed"),
        ("import os  # noqa\n", "F401 suppressed"),
        ("import os  # NOQA:F401\n", "F401 suppressed"),
        ("import os  # ruff: ignore[F401]\n", "F401 suppressed"),
        ("# ruff: noqa: F401\nimport os\n", "F401 suppressed"),
        ("# flake8: noqa\nimport os\n", "F401 suppressed"),
        ("# ruff: disable[F401]\nimport os\n# ruff: enable[F401]\n", "F401 suppressed"),
        ("# ruff: noqa\n", "# ruff: noqa"),
        ("# fmt: off\nx  = 1\n# fmt: on\n", "# fmt: off"),
        ("x  = 1  # fmt: skip\n", "# fmt: skip"),
        ("# isort: skip_file\nimport zlib\nimport abc\nprint(zlib, abc)\n", "# isort: skip_file"),
    ],
)
def test_what_is_suppressed_counts_however_that_is_spelled(tree, code, key):
    tree.write(CODE, code)
    outcome = tree.disk(LINT)
    assert f"src/emel_disk/code.py <module> {key}" in outcome.measured
    assert not any("F401" in each and "suppressed" not in each for each in outcome.measured)
    assert all(where.startswith(f"{CODE}:") for where, _ in tree.told(LINT))


@pytest.mark.behaviour("GATE-17")
def test_what_only_mentions_a_suppression_doesn_t_count(tree):
    tree.write(CODE, 'TEXT = "# noqa: F401 # fmt: off # ruff: noqa"\n')
    assert tree.disk(LINT).measured == {}


@pytest.mark.behaviour("GATE-17")
def test_what_ruff_would_format_otherwise_is_a_finding_and_no_count(tree):
    tree.write(CODE, "a = 1\nx  =  1\n")
    tree.write("packages/tape/tests/test_a.py", "y  = 1\n")
    outcomes = tree.run(LINT)
    found = {name: [(f.where, f.rule) for f in o.findings] for name, o in outcomes.items()}
    tests = "packages/tape/tests/test_a.py"
    assert found["disk"] == [(f"{CODE}:2:3", "format")]
    assert found["tape"] == [(f"{tests}:1:3", "format")]
    assert outcomes["disk"].findings[0].fix == "nox -s lint -- --fix"
    assert outcomes["disk"].measured == {}


@pytest.mark.behaviour("GATE-17")
@pytest.mark.parametrize(
    ("path", "text", "shard", "said"),
    [
        ("packages/disk/README.md", b"one\ntwo\r\n", "disk", {("README.md:2", "line-ending")}),
        ("docs/a.md", b"one\rtwo\n", "root", {("a.md:1", "line-ending")}),
        (".ci/run", b"\xef\xbb\xbf#!/bin/sh\n", "root", {("run:1", "byte-order-mark")}),
        (CODE, b"\xef\xbb\xbfx = 1\n", "disk", {("code.py:1:1", "format")}),
        (CODE, b"x = 1\r\n", "disk", {("code.py:1:6", "format")}),
        (CODE, b"x = 1\ry = 2\n", "disk", {("code.py:1:6", "format")}),
        ("packages/disk/tests/a.gguf", b"GGUF\0\r\n", "disk", set()),
        ("packages/disk/ignored.txt", b"one\r\n", "disk", set()),
    ],
)
def test_a_text_whose_lines_end_otherwise_or_that_begins_with_a_mark_is_found(
    tree, path, text, shard, said
):
    tree.begin()
    project = f'{PROJECT}\n[tool.ruff.format]\nline-ending = "lf"\n'
    tree.write("pyproject.toml", project)
    tree.write(".gitignore", "ignored.txt\n")
    tree.write(path, "")
    (tree.root / path).write_bytes(text)
    findings = tree.run(LINT, shard)[shard].findings
    assert {(f.where.rpartition("/")[2], f.rule) for f in findings} == said
    assert all(f.file == path and f.fix for f in findings)


def unseen(tree):
    """What lint finds that hides from others: its shard, where it lies, and by which rule."""
    return {
        (shard, finding.file, finding.rule)
        for shard, outcome in tree.run(LINT).items()
        for finding in outcome.findings
        if finding.rule in ("link", "ignored")
    }


@pytest.mark.behaviour("GATE-124")
@pytest.mark.parametrize(
    ("path", "to", "shard"),
    [
        ("packages/disk/src/emel_disk/reel", "../../../../reel", "disk"),
        ("packages/disk/src/emel_disk/code.py", "__init__.py", "disk"),
        ("packages/disk/tests/test_a.py", "../src/emel_disk/__init__.py", "disk"),
        ("packages/disk/README.md", "../../nowhere.md", "disk"),
        ("tools/src/emel_tools/reel", "/", "tools"),
        ("docs/reel", "../reel", "root"),
        ("reel.md", "reel/__init__.py", "root"),
    ],
)
def test_a_symbolic_link_is_found_at_its_place(tree, path, to, shard):
    tree.begin()
    tree.write("reel/__init__.py", "")
    assert unseen(tree) == set()
    (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
    (tree.root / path).symlink_to(to)
    assert unseen(tree) == {(shard, path, "link")}


@pytest.mark.behaviour("GATE-124")
@pytest.mark.parametrize("rule", ["", ".#*"])
def test_a_link_with_which_an_editor_locks_a_file_is_none_unless_it_leads_anywhere(tree, rule):
    tree.begin()
    tree.write(".gitignore", f"{rule}\n")
    link = tree.root / "packages/disk/src/emel_disk/.#code.py"
    link.symlink_to("somebody@host.1234:567")
    assert unseen(tree) == set()
    link.with_name("somebody@host.1234:567").write_text("", encoding="utf-8")
    assert [name for _, name, _ in unseen(tree)] == ["packages/disk/src/emel_disk/.#code.py"]


@pytest.mark.behaviour("GATE-124")
def test_a_package_that_is_a_link_is_found(tree):
    tree.begin()
    (tree.root / "packages/reel").symlink_to("disk")
    assert unseen(tree) == {("root", "packages/reel", "link")}


@pytest.mark.behaviour("GATE-124")
def test_a_repository_within_this_one_is_found(tree):
    tree.begin()
    tree.begin("packages/disk/src/emel_disk/reel")
    tree.write("packages/disk/src/emel_disk/reel/__init__.py", "")
    assert unseen(tree) == {("disk", "packages/disk/src/emel_disk/reel", "link")}


@pytest.mark.behaviour("GATE-124")
@pytest.mark.parametrize(
    ("rule", "path", "shard"),
    [
        ("code.py", "packages/disk/src/emel_disk/code.py", "disk"),
        ("local/", "packages/disk/src/emel_disk/local/deep/__init__.py", "disk"),
        ("*.pyi", "tools/src/emel_tools/loose.pyi", "tools"),
        ("*.so", "tools/src/emel_tools/fast.so", "tools"),
        ("*.pyc", "packages/disk/src/emel_disk/code.pyc", "disk"),
        ("loose.*", "packages/disk/src/loose.py", "disk"),
        ("__pycache__", "packages/disk/src/emel_disk/__pycache__/a.pyc", ""),
        ("*.egg-info", "packages/disk/src/emel_disk.egg-info/SOURCES.txt", ""),
        (".*.swp", "packages/disk/src/emel_disk/.code.py.swp", ""),
        ("*.log", "packages/disk/src/emel_disk/a.log", ""),
    ],
)
def test_a_source_that_git_ignores_is_found(tree, rule, path, shard):
    tree.begin()
    tree.write(path, "")
    assert unseen(tree) == set()
    tree.write(".gitignore", f"{rule}\n")
    assert unseen(tree) == ({(shard, path, "ignored")} if shard else set())


@pytest.mark.behaviour("GATE-124")
@pytest.mark.parametrize(
    ("path", "text", "shard"),
    [
        ("tools/bin/publish", "#!/usr/bin/env python3\nprint(1)\n", "tools"),
        (".ci/publish", "#!/usr/bin/python -u\n", "root"),
        ("packages/disk/src/emel_disk/fast.cpython-311-x86_64-linux-gnu.so", "\0", "disk"),
        ("packages/disk/src/start.pth", "import os\n", "disk"),
        ("docs/shown.ipynb", "{}\n", "root"),
        ("tools/bin/publish", "#!/bin/sh\npython\n", ""),
        ("tools/bin/publish.py", "#!/usr/bin/env python3\n", ""),
    ],
)
def test_code_that_no_lane_takes_for_a_source_is_found(tree, path, text, shard):
    tree.begin()
    tree.write(path, text)
    found = {
        (name, finding.file)
        for name, outcome in tree.run(LINT).items()
        for finding in outcome.findings
        if finding.rule == "unread"
    }
    assert found == ({(shard, path)} if shard else set())


@pytest.mark.behaviour("GATE-124")
def test_a_link_that_git_ignores_among_the_sources_is_found_in_whatever_way_it_is_ignored(tree):
    tree.begin()
    tree.write(".git/info/exclude", "reel\n")
    (tree.root / "packages/disk/src/emel_disk/reel").symlink_to("/")
    (tree.root / "reel").symlink_to("/")
    assert unseen(tree) == {("disk", "packages/disk/src/emel_disk/reel", "ignored")}


@pytest.mark.behaviour("GATE-17")
@pytest.mark.parametrize("path", ["README.md", "docs/design/a.md", "snapshots/costs/disk.txt"])
def test_a_changed_text_outside_of_packages_is_looked_at(tree, path):
    (root,) = (shard for shard in LINT.shards(tree.root) if shard.name == "root")
    assert any(matches(path, glob) for glob in root.reads.paths)


@pytest.mark.behaviour("GATE-17")
def test_a_mistake_in_the_syntax_is_counted_and_hides_no_other_file(tree):
    tree.write(CODE, "def f(:\n")
    tree.write("packages/disk/src/emel_disk/other.py", "import os\n")
    measured = tree.disk(LINT).measured
    assert "src/emel_disk/code.py <module> invalid-syntax" in measured
    assert measured["src/emel_disk/other.py <module> F401"] == "1"


@pytest.mark.behaviour("GATE-17")
def test_an_improvement_is_told_until_it_is_recorded_and_then_nothing_is(tree):
    tree.write(CODE, "import os\n")
    path = lines.path_of(tree.root, "lint", "disk")
    path.parent.mkdir(parents=True)
    path.write_text(lines.text_of(tree.disk(LINT).measured))
    assert tree.told(LINT) == {}
    tree.write(CODE, "")
    assert [*tree.told(LINT)] == [("snapshots/lint/disk.txt:1", "gone")]


@pytest.mark.behaviour("GATE-17")
def test_every_python_file_belongs_to_one_shard_whatever_the_configuration_excludes(tree):
    tree.write("pyproject.toml", PROJECT.replace("[tool.ruff]", '[tool.ruff]\nexclude = ["**"]'))
    tree.write(".gitignore", "code.py\n")
    for path in (CODE, "noxfile.py", "docs/conf.py", "tools/parity/a.pyi", "packages/stray.py"):
        tree.write(path, "import os\n")
    hidden = (".ci/publish.py", "packages/disk/.ci/a.py")
    deep = ("packages/disk/src/emel_disk/dist/__init__.py", "docs/build/__pycache__/a.py")
    for path in (*hidden, *deep):
        tree.write(path, "import os\n")
    for path in (
        ".nox/a.py",
        ".git/a.py",
        "dist/a.py",
        "packages/disk/build/a.py",
        "tools/.venv/a.py",
    ):
        tree.write(path, "import os\n")
    found = {
        name: sorted(key for key in o.measured if key.endswith(" F401"))
        for name, o in tree.run(LINT).items()
    }
    assert found == {
        "disk": [
            ".ci/a.py <module> F401",
            "src/emel_disk/code.py <module> F401",
            "src/emel_disk/dist/__init__.py <module> F401",
        ],
        "tape": [],
        "tools": ["parity/a.pyi <module> F401"],
        "root": [
            ".ci/publish.py <module> F401",
            "docs/build/__pycache__/a.py <module> F401",
            "docs/conf.py <module> F401",
            "noxfile.py <module> F401",
            "packages/stray.py <module> F401",
        ],
    }


HOLES = """
import json
import typing
import typing as t
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard, cast, no_type_check
from typing import Any as Whatever


def untyped(given): return given
def wrong(given: int) -> str: return given
def ignored(given: int) -> str: return given  # type: ignore
def ignored_rule(given: int) -> str: return given  # type: ignore[return-value]
def suppressed(given: int) -> str: return given  # pyright: ignore
def suppressed_rule(given: int) -> str: return given  # pyright: ignore[reportReturnType]
def any_name(given: Any) -> None: ...
def any_alias(given: Whatever) -> None: ...
def any_attribute(given: t.Any) -> None: ...
def any_inside(given: "list[typing.Any]") -> None: ...
def any_result() -> Any: return 1
def casts(given: object) -> int: return cast("int", given)
def casts_by_attribute(given: object) -> int: return t.cast(int, given)
def arrives(given: str) -> int: return json.loads(given)
def reaches(given: object) -> int: return getattr(given, "x")
def anything(given: Callable[..., int]) -> int: return given(1)
def believed(given: object) -> TypeGuard[int]: return True
@no_type_check
def unchecked(given: int) -> str: return given
if not TYPE_CHECKING:
    def unseen(given: int) -> str: return given
"""
FOUND = {
    "untyped": {"reportMissingParameterType", "reportUnknownParameterType"},
    "wrong": {"reportReturnType"},
    "ignored": {"reportReturnType", "# type: ignore"},
    "ignored_rule": {"reportReturnType", "# type: ignore return-value"},
    "suppressed": {"# pyright: ignore"},
    "suppressed_rule": {"# pyright: ignore reportReturnType"},
    "any_name": {"reportExplicitAny", "reportAny"},
    "any_alias": {"reportExplicitAny", "reportAny"},
    "any_attribute": {"Any", "reportAny"},
    "any_inside": set(),
    "any_result": {"reportExplicitAny"},
    "casts": {"cast"},
    "casts_by_attribute": {"cast"},
    "arrives": {"reportAny"},
    "reaches": {"reportAny"},
    "anything": {"Callable[...]"},
    "believed": {"TypeGuard"},
    "unchecked": {"no_type_check"},
    MODULE: {"not TYPE_CHECKING"},
}


def by_scope(measured):
    found = {}
    for key in measured:
        _, scope, rule = key.split(" ", 2)
        found.setdefault(scope, set()).add(rule)
    return found


BLIND = """
import contextlib as c
import os
from contextlib import ExitStack, suppress
from contextlib import suppress as quiet

ALL = (Exception,)


def each():
    with suppress(Exception), quiet(OSError, BaseException):
        os.sync()
    with c.suppress(*ALL), suppress(OSError):
        os.sync()
    with ExitStack() as stack:
        stack.enter_context(suppress(__builtins__.Exception))


def caught(suppressed):
    suppressed(Exception)
"""


@pytest.mark.behaviour("GATE-17")
def test_whoever_suppresses_every_exception_is_counted_but_in_tests(tree):
    tree.write(CODE, BLIND)
    tree.write("packages/disk/tests/test_a.py", BLIND)
    assert tree.disk(LINT).measured == {
        "src/emel_disk/code.py each suppress(*)": "1",
        "src/emel_disk/code.py each suppress(BaseException)": "1",
        "src/emel_disk/code.py each suppress(Exception)": "2",
    }
    assert (
        "lets pass what nobody thought of"
        in tree.told(LINT)[f"{CODE}:10:10", "suppress(Exception)"]
    )


@pytest.mark.behaviour("GATE-18")
def test_a_hole_in_the_types_is_counted_in_its_scope_however_it_is_made(tree):
    tree.write(CODE, HOLES)
    tree.write("packages/disk/tests/test_a.py", "def f(x): return x\n")
    (tree.root / "packages/disk/src/emel_disk/py.typed").unlink()
    tree.write("packages/disk/src/emel_disk/loose.pyi", "# pyright: basic\ndef f(x): ...\n")
    tree.write("packages/disk/src/emel_disk/bad.py", "def f(:\n")
    outcome = tree.disk(TYPES)
    measured = outcome.measured
    code = [key for key in measured if key.startswith("src/emel_disk/code.py ")]
    found = by_scope(code)
    for scope, rules in FOUND.items():
        assert rules <= found.get(scope, set()), scope
    assert measured["src/emel_disk/py.typed <module> missing"] == "1"
    assert measured["src/emel_disk/loose.pyi <module> stub"] == "1"
    assert measured["src/emel_disk/loose.pyi <module> # pyright: basic"] == "1"
    assert any(key.startswith("src/emel_disk/bad.py <module> syntax") for key in measured)
    assert not any(key.startswith("tests/") for key in measured)
    told = tree.told(TYPES, outcome=outcome)
    (line,) = (i for i, text in enumerate(HOLES.splitlines(), 0) if text.startswith("def wrong"))
    assert told[f"{CODE}:{line}:38", "reportReturnType"].startswith("reportReturnType Type ")
    assert tree.disk(TYPES).measured == measured  # now of what was kept


@pytest.mark.behaviour("GATE-18")
@pytest.mark.parametrize(
    ("module", "is_told"), [("emel_tools.workspace", False), ("rich.console", True)]
)
def test_a_name_that_a_module_only_imports_is_told_of_other_peoples_alone(tree, module, is_told):
    """Of ours the checker tells it where the module isn't checked as well, so it hangs on scope."""
    name = "Path" if module.startswith("emel") else "dataclass"
    tree.write(CODE, f"from {module} import {name}\n\nprint({name})\n")
    found = [key for key in tree.disk(TYPES).measured if key.endswith("reportPrivateImportUsage")]
    assert bool(found) == is_told


@pytest.mark.behaviour("GATE-18", "GATE-146")
@pytest.mark.parametrize(
    "code",
    [
        'TEXT = "# type: ignore"\n',
        "x = 1  # type: int\n",
        "# of the type: ignored\n",
        "def cast(of): ...\ncast(1)\n",
        "def f(a): a.setattr('n', 1)\ndef __setattr__(a): a.vars\n",
        "memoryview(b'').cast('B')\n",
        "def f(view): view.cast('B')\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\n",
        "import typing\nif typing.TYPE_CHECKING:\n    import os\n",
        "from collections.abc import Callable\nx: Callable[[int], int]\n",
        "x: tuple[int, ...] = array[..., 0] + arrays()[..., 0]\n",
        "x: 'tuple[int, ...]'\nTEXT = 'Callable[...] takes anything'\n",
        "from functools import cached_property, partial\nx = partial(cached_property)\n",
        "x = 1 if y == 1 else y or 0\nz = [y for y in x if y]\n",
        "import sys\nif sys.version_info >= (3, 12):\n    import os\n",
        "# pyright: strict\n",
        "class A(Protocol):\n    def f(self) -> int: ...\n",
        "class A(typing.Protocol[T]):\n    def f(self) -> int:\n        'Say.'\n        ...\n",
        "class A:\n    @abc.abstractmethod\n    def f(self) -> int: ...\n",
        "def f(): ...\ndef g() -> None: ...\ndef h() -> int: 'Say.'\n",
    ],
)
def test_what_only_looks_like_a_hole_is_none(tmp_path, code):
    path = tmp_path / "a.py"
    path.write_text(code)
    assert [*holes(Source(path))] == []


@pytest.mark.behaviour("GATE-18", "GATE-146")
@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("from a import TYPE_CHECKING\nif not TYPE_CHECKING:\n    ''.no\n", "not TYPE_CHECKING"),
        ("TYPE_CHECKING = True\nif TYPE_CHECKING:\n    import a\n", "not TYPE_CHECKING"),
        ("import a\nif a.TYPE_CHECKING:\n    x = 1\nelse:\n    x = ''.no\n", "not TYPE_CHECKING"),
        ("x = 0 if TYPE_CHECKING else ''.nothing\n", "not TYPE_CHECKING"),
        ("x = TYPE_CHECKING or ''.nothing\n", "not TYPE_CHECKING"),
        ("x = [y.nothing for y in '' if not TYPE_CHECKING]\n", "not TYPE_CHECKING"),
        ("match 1:\n    case _ if TYPE_CHECKING:\n        1\n", "not TYPE_CHECKING"),
        ("checked = TYPE_CHECKING\n", "not TYPE_CHECKING"),
        ("x = 0 if True else ''.nothing\n", "decided"),
        ("x = not 0 or ''.nothing\n", "decided"),
        ("import sys\nx = 0 if sys.version_info >= (3, 9) else ''.nothing\n", "decided"),
        ("x = [y.nothing for y in '' if y and False]\n", "decided"),
        ("match 1:\n    case _ if False:\n        ''.nothing\n", "decided"),
        ("x: Callable[Concatenate[int, ...], str]\n", "Concatenate[...]"),
        ("import collections.abc as c\nx: c.Callable[..., str]\n", "Callable[...]"),
        ("from collections.abc import Callable as given\nx: given[..., str]\n", "Callable[...]"),
        ("class Hook(Protocol[P]): ...\nx: Hook[...]\n", "Hook[...]"),
        ("x: 'list[Callable[..., str]]'\n", "Callable[...]"),
        ("from emel_disk.code import cast\ncast(int, '')\n", "cast"),
        ("from . import code\ncode.typing.cast(int, '')\n", "cast"),
        ("import emel_disk.code\nemel_disk.code.cast(int, '')\n", "cast"),
        ("from typing import cast as believe\n", "cast"),
        ("from emel_disk.code import TypeIs\ndef f(x: int) -> TypeIs[int]: pass\n", "TypeIs"),
        ("from functools import cache\n@cache\ndef f(x: int) -> int: pass\n", "cache"),
        ("import functools\n@functools.lru_cache(1)\ndef f(x: int) -> int: pass\n", "lru_cache"),
        ("from functools import cache\ndef f(x: int): ...\ng = cache(f)\n", "cache"),
        ("from typing import overload\n@overload\ndef f(x: int) -> int: ...\n", "overload"),
        ("import typing\n@typing.runtime_checkable\nclass A: ...\n", "runtime_checkable"),
        ("setattr(a, 'n' + 'm', 1)\n", "setattr"),
        ("object.__setattr__(a, 'n', 1)\n", "__setattr__"),
        ("a.__dict__['n'] = 1\n", "__dict__"),
        ("vars(a).update(n=1)\n", "vars"),
        ("from operator import attrgetter\nx = sorted([], key=attrgetter('no'))\n", "attrgetter"),
        ("import operator\nx = operator.methodcaller('no')(1)\n", "methodcaller"),
        ("def f() -> int: ...\n", "..."),
        ("class A:\n    async def f(self) -> int:\n        'Say.'\n        ...\n", "..."),
        ("class A(Protocol):\n    if x:\n        def f(self) -> int: ...\n", "..."),
        (
            "from functools import singledispatch\n@singledispatch\ndef f(x): ...\n",
            "singledispatch",
        ),
    ],
)
def test_a_hole_that_hides_behind_another_name_or_in_an_expression_counts(tmp_path, code, rule):
    path = tmp_path / "a.py"
    path.write_text(code)
    assert [place.rule for place in holes(Source(path))] == [rule]


@pytest.mark.behaviour("GATE-18")
@pytest.mark.parametrize(
    ("comment", "rules"),
    [
        ("# pyright: strict, reportAny=false", ["reportAny"]),
        (
            "#pyright:reportAny = none,strict , reportCallIssue=false",
            ["reportAny", "reportCallIssue"],
        ),
        ("# pyright: basic, reportAny=false", ["basic", "reportAny"]),
    ],
)
def test_each_setting_of_a_comment_counts_whatever_stands_before_it(tmp_path, comment, rules):
    path = tmp_path / "a.py"
    path.write_text(f"{comment}\n")
    assert [place.rule for place in holes(Source(path))] == [f"# pyright: {rule}" for rule in rules]


@pytest.mark.behaviour("GATE-18")
def test_one_package_alone_is_judged_as_among_all_and_every_file_is_looked_at(tree):
    tree.write(
        "pyproject.toml",
        PROJECT + 'exclude = ["**/emel_disk"]\nignore = ["packages/disk"]\n',
    )
    tree.write(CODE, "def f(x): return x\n")
    tree.write("packages/tape/src/emel_tape/code.py", "def f(x: int) -> str: return x\n")
    together = tree.run(TYPES)
    assert together["tape"].measured == tree.run(TYPES, "tape")["tape"].measured
    assert together["disk"].measured["src/emel_disk/code.py f reportMissingParameterType"] == "1"
    assert together["disk"].checked == "2 files"


@pytest.mark.behaviour("GATE-18")
def test_the_types_of_a_file_are_checked_in_whatever_folder_it_lies(tree):
    paths = {"root": ".ci/publish.py", "disk": "src/emel_disk/dist/__init__.py"}
    tree.write(paths["root"], "def f(x): return x\n")
    tree.write(f"packages/disk/{paths['disk']}", "def f(x): return x\n")
    for shard, outcome in tree.run(TYPES, *paths).items():
        assert outcome.measured[f"{paths[shard]} f reportMissingParameterType"] == "1"


@pytest.mark.behaviour("GATE-19")
@pytest.mark.parametrize(
    ("lane", "old", "new", "news"),
    [
        (LINT, 'ignore = ["F841"]', 'ignore = ["F841", "F401"]', "tool.ruff.lint.ignore F401: no"),
        (
            LINT,
            '"F811"',
            '"F811", "F821"',
            'tool.ruff.lint.per-file-ignores."**/tests/**" F821: no',
        ),
        (
            LINT,
            'select = ["F", ',
            "select = [",
            "tool.ruff.lint.select F: listed recorded, nothing",
        ),
        (
            LINT,
            "[tool.ruff.lint]",
            "line-length = 200\n[tool.ruff.lint]",
            "tool.ruff.line-length: nothing",
        ),
        (
            LINT,
            '["error"]',
            '["error", "ignore::UserWarning"]',
            "tool.pytest.ini_options.filterwarnings ignore::UserWarning: nothing recorded",
        ),
        (LINT, '["error"]', "[]", "tool.pytest.ini_options.filterwarnings error: listed recorded"),
        (
            LINT,
            "xfail_strict = true",
            "xfail_strict = false",
            "tool.pytest.ini_options.xfail_strict: true recorded, false now: changed",
        ),
        (
            LINT,
            '"--strict-markers"',
            "",
            "tool.pytest.ini_options.addopts --strict-markers: listed",
        ),
        (LINT, "branch = true\n", "", "tool.coverage.run.branch: true recorded, nothing now"),
        (
            LINT,
            "branch = true",
            "branch = true\nomit = ['*/a.py']",
            "tool.coverage.run.omit */a.py: nothing recorded, 1 now",
        ),
        (
            TYPES,
            '"strict"',
            '"basic"',
            "tool.basedpyright.typeCheckingMode: strict recorded, basic now: changed",
        ),
        (
            TYPES,
            "typeChecking",
            'reportAny = "none"\ntypeChecking',
            "tool.basedpyright.reportAny: nothing recorded",
        ),
        (
            TYPES,
            "typeChecking",
            'exclude = ["a"]\ntypeChecking',
            "tool.basedpyright.exclude a: nothing recorded",
        ),
        (
            TYPES,
            "[tool.basedpyright]",
            "[tool.pyright]\nreportAny = false\n[tool.basedpyright]",
            "tool.pyright.reportAny: nothing recorded",
        ),
    ],
)
def test_softening_the_configuration_is_news_of_the_root(tree, lane, old, new, news):
    path = lines.path_of(tree.root, lane.name, "root")
    path.parent.mkdir(parents=True)
    path.write_text(lines.text_of(tree.run(lane, "root")["root"].measured))
    assert tree.told(lane, "root") == {}
    tree.write("pyproject.toml", PROJECT.replace(old, new))
    (said,) = tree.told(lane, "root").values()
    assert f"pyproject.toml {news}" in said
    assert said.count("pyproject.toml tool.") == 1
    assert said.endswith("--worse")


@pytest.mark.behaviour("GATE-19")
@pytest.mark.parametrize(
    ("lane", "path", "text", "shard"),
    [
        (LINT, "ruff.toml", "", "root"),
        (LINT, "packages/disk/.ruff.toml", "", "disk"),
        (LINT, "packages/disk/src/emel_disk/dist/ruff.toml", "", "disk"),
        (LINT, ".ci/ruff.toml", "", "root"),
        (LINT, "packages/disk/pyproject.toml", "[tool.ruff.lint]\nselect = []\n", "disk"),
        (LINT, "packages/disk/pytest.ini", "", "disk"),
        (LINT, "packages/disk/tests/.pytest.ini", "", "disk"),
        (LINT, "pytest.toml", "", "root"),
        (LINT, ".pytest.toml", "", "root"),
        (LINT, "tox.ini", "[pytest]\n", "root"),
        (LINT, "packages/disk/setup.cfg", "[tool:pytest]\n", "disk"),
        (LINT, ".coveragerc", "", "root"),
        (LINT, "packages/disk/.coveragerc.toml", "", "disk"),
        (LINT, "packages/disk/pyproject.toml", "[tool.pytest.ini_options]\n", "disk"),
        (LINT, "docs/pyproject.toml", "[tool.coverage.run]\nbranch = false\n", "root"),
        (TYPES, "pyrightconfig.json", "{}", "root"),
        (TYPES, "docs/pyproject.toml", "[tool.basedpyright]\n", "root"),
        (TYPES, "docs/pyproject.toml", "[tool.pyright]\n", "root"),
    ],
)
def test_a_second_configuration_is_found_and_changes_nothing(tree, lane, path, text, shard):
    tree.write(CODE, "import os\n")
    before = tree.run(lane, shard)[shard].measured
    tree.write(path, text)
    outcome = tree.run(lane, shard)[shard]
    assert [(f.file, f.rule) for f in outcome.findings] == [(path, "second-configuration")]
    assert outcome.measured == before


@pytest.mark.behaviour("GATE-19")
@pytest.mark.parametrize(
    ("lane", "wrong"),
    [
        (LINT, "[tool.ruff]\nline-length = 'long'\n"),
        (LINT, "[tool.ruff\n"),
        (TYPES, "[tool.basedpyright]\ntypeCheckingMode = 'strct'\n"),
    ],
)
def test_a_tool_that_can_not_do_its_work_makes_every_shard_red_and_measures_nothing(
    tree, lane, wrong
):
    tree.write("pyproject.toml", wrong)
    tree.write(CODE, "import os\n")
    for outcome in tree.run(lane, "disk", "tape", "root").values():
        assert (outcome.measured, [f.rule for f in outcome.findings]) == (None, ["broken-tool"])


@pytest.mark.behaviour("GATE-19")
@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "odd.py: No such file"), (b"# \xe9\n", "odd.py: stream did not contain valid UTF-8")],
)
def test_a_file_that_can_not_be_read_is_named(tree, content, said):
    """It may be gone since it was listed."""
    tree.write(CODE, "import os\n")
    odd = tree.root / "odd.py"
    if content is not None:
        odd.write_bytes(content)
    with pytest.raises(BrokenToolError, match=f"exit code 2: {said}"):
        list(ruff.unformatted(tree.root, [tree.root / CODE, odd]))
