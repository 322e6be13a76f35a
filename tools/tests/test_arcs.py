"""Where a package itself has changed, tests that call nothing of that are counted as they went."""

import os
import shutil
import textwrap

import msgspec
import pytest

from emel_tools.gates import coverage, tests
from emel_tools.running import Job
from emel_tools.scope import code
from emel_tools.suites import arcs, narrowing, parts, reached, record

ONE = "packages/one/src/emel_one/__init__.py"
LATE = "packages/one/src/emel_one/late.py"
UNUSED = "packages/one/src/emel_one/unused.py"
TESTS = "packages/one/tests/test_one.py"
FILES = {
    ".importlinter": "[importlinter]\nroot_packages =\n    emel_one\n    emel_two\n",
    ".gitignore": ".nox/\n__pycache__/\n",
    "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\npythonpath = packages/one/src\n",
    "pyproject.toml": "[tool.uv.workspace]\nmembers = []\n",
    "packages/two/src/emel_two/__init__.py": "",
    "packages/two/tests/test_two.py": "def test_two():\n    assert len('a') == 1\n",
    ONE: """\
        def sign(number):
            if number < 0:
                return -1
            return [each for each in (1, 2)][0]


        def twice(number):
            return 2 * number


        def later():
            from emel_one import late

            return late.value()
        """,
    LATE: """\
        def value():
            return 3


        def never():
            return 4
        """,
    UNUSED: "VALUE = 1\n",
    TESTS: """\
        import pytest
        from emel_one import later, sign, twice


        @pytest.mark.parametrize("number", [-1, 1])
        def test_sign(number):
            if number < 0:
                assert sign(number) == -1
            else:
                assert sign(number) == 1


        def test_twice():
            assert twice(2) == 4


        def test_later():
            assert later() == 3


        def test_later_again():
            assert later() > 2
        """,
}
OWN = ("tests/one", "coverage/one")
EVERY = (*OWN, "coverage/two", "coverage/tools")


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(textwrap.dedent(text), encoding="utf-8")


def run(root, *, full=False, beside=OWN):
    """Run the tests of the package; say what came of it."""
    (found,) = tests.LANE.run(Job(root, ("one",), full, "", 7, beside))
    return found


def ran(root):
    """Name the tests that ran last."""
    ended = record.read(root / ".nox/gate/tests/one.json").ended
    return sorted(each.partition("::test_")[2] for each in ended)


def left_out(root):
    """Say how many lines and branches are left out of what, and which assertions."""
    (found,) = coverage.LANE.run(Job(root, ("one",), full=False, base="", seed=7, beside=OWN))
    return found.measured, [each.line for each in found.findings]


def part(root):
    return next(part for part in parts.parts(root) if part.name == "one")


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """A small repository whose tests have run; what they called is known, and where they went."""
    root = tmp_path_factory.mktemp("noted")
    for path, text in FILES.items():
        write(root, path, text)
        os.utime(root / path, (1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("CI", raising=False)
        assert run(root, full=True, beside=EVERY).findings == []
    return root


@pytest.fixture
def repo(noted, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(noted, root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("CI", raising=False)
    return root


def alter(root, old, new, path=ONE):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


NOTED = {"late.py never lines": "1", "unused.py (module) lines": "1"}
"""What all tests leave out."""


@pytest.mark.behaviour("GATE-116")
def test_what_was_counted_is_what_it_would_be_without_a_word_of_tests(noted, monkeypatch):
    monkeypatch.chdir(noted)
    assert left_out(noted) == (NOTED, [])


@pytest.mark.behaviour("GATE-116")
@pytest.mark.parametrize(
    ("old", "new", "expected", "left"),
    [
        ("def twice(n", "# moved\n\n\ndef twice(n", ["later"], {}),
        ("2 * number", "number + number", ["twice"], {}),
        ("def sign", "def new():\n    return 1\n\n\ndef sign", ["later"], {"new lines": "1"}),
        (
            "return 2",
            "if number > 9:\n        return 0\n    return 2",
            ["twice"],
            {"twice lines": "1", "twice branches": "1"},
        ),
        ("return -1", "return min(number, -1)", ["sign[-1]", "sign[1]"], {}),
    ],
)
def test_those_run_that_call_what_has_changed_and_all_are_counted(repo, old, new, expected, left):
    alter(repo, old, new)
    assert run(repo).findings == []
    assert ran(repo) == expected
    there = {f"__init__.py {name}": count for name, count in left.items()}
    assert left_out(repo) == (NOTED | there, [])


@pytest.mark.behaviour("GATE-116")
def test_what_nobody_reaches_any_more_is_found(repo):
    alter(repo, "return late.value()", "return 3")
    assert run(repo).findings == []
    assert ran(repo) == ["later", "later_again"]
    counted, _ = left_out(repo)
    assert counted["late.py value lines"] == "1"


def chosen(root, **how):
    """Name the tests that needn't run."""
    asked = {"full": False, "base": "", "seed": 7, "beside": OWN, **how}
    kept = narrowing.plan(Job(root, (), **asked), part(root)).how.kept
    return {each.partition("::test_")[2] for each in kept}


REST = {"sign[-1]", "sign[1]", "later", "later_again"}


@pytest.mark.behaviour("GATE-116")
@pytest.mark.parametrize(
    ("how", "kept"),
    [({}, REST), ({"full": True}, set()), ({"asked": True}, set()), ({"beside": EVERY}, set())],
)
def test_all_run_where_it_is_not_the_package_alone_that_has_changed(repo, how, kept):
    alter(repo, "2 * number", "number + number")
    assert chosen(repo, **how) == kept


@pytest.mark.behaviour("GATE-116")
def test_all_run_where_a_file_of_tests_has_changed(repo):
    alter(repo, "2 * number", "number + number")
    write(repo, "packages/one/tests/test_more.py", "def test_more():\n    assert len('a') == 1\n")
    assert chosen(repo) == set()


@pytest.mark.behaviour("GATE-116")
@pytest.mark.parametrize("text", [None, b"{", b"of another run", b"of fewer tests", b"elsewhere"])
def test_all_run_where_it_is_not_known_which_lines_they_run(repo, text):
    alter(repo, "2 * number", "number + number")
    path = repo / ".nox/gate/reached/one.arcs"
    noted = msgspec.json.decode(path.read_bytes(), type=arcs.Noted)
    if text is None:
        path.unlink()
    elif text == b"of another run":
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(noted, of="another")))
    elif text == b"of fewer tests":
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(noted, cases={})))
    elif text == b"elsewhere":  # in lines of which nothing is known
        beyond = [(file, start + 900, end) for file, start, end in noted.arcs]
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(noted, arcs=beyond)))
    else:
        path.write_bytes(text)
    assert chosen(repo) == set()


@pytest.mark.behaviour("GATE-116")
def test_of_the_tools_all_run_because_what_they_call_of_themselves_is_not_noted(repo, monkeypatch):
    alter(repo, "2 * number", "number + number")
    monkeypatch.setattr(narrowing, "TOOLS", "one")
    monkeypatch.setattr(narrowing, "CALLS", 1)
    assert chosen(repo) == set()


@pytest.mark.behaviour("GATE-100", "GATE-116")
@pytest.mark.parametrize("is_known", [True, False])
def test_a_failure_of_a_test_that_would_be_counted_as_it_went_is_found_by_a_full_run(
    repo, monkeypatch, is_known
):
    alter(repo, "2 * number", "number + number")
    alter(repo, "def twice", "def more():\n    return 1\n\n\ndef twice")
    if not is_known:
        (repo / ".nox/gate/reached/one.arcs").unlink()
    write(repo, "packages/one/tests/data.txt", "")
    known = reached.read(repo, part(repo), repo / ".nox/gate")
    failed = record.Trouble("failed", f"{TESTS}::test_later", TESTS, 1, "red")
    plan = narrowing.Plan(narrowing.How(full=True, traced=True), known)
    seen = record.read(repo / ".nox/gate/tests/one.json")
    seen = msgspec.structs.replace(seen, troubles=[failed])
    job = Job(repo, ("one",), full=True, base="", seed=7, beside=EVERY)
    found = [each.rule for each in narrowing.missed(job, part(repo), plan, seen)]
    assert found == (["missed"] if is_known else [])


BEFORE = b"""\
def f(a):
    return [
        a,
        1,
    ]


def g(a): return lambda: a


class C:
    def m(self):
        return 1
"""


@pytest.mark.behaviour("GATE-116")
@pytest.mark.parametrize(
    ("old", "new", "moved", "gone"),
    [
        ("", "", {2: 2, 12: 12, -1: -1}, set()),
        ("def g", "\n# more\ndef g", {2: 2, 8: 10, -8: -10, 12: 14, -11: -13}, set()),
        ("        1,\n", "        2,\n", {8: 8, 12: 12}, {2, 3}),
        (": return lambda: a", ":\n    return lambda: a", {2: 2, 12: 13}, {8}),
        ("class C", "def f(a):\n    return 1\n\n\nclass C", {8: 8, 12: 16}, {2}),
    ],
)
def test_lines_move_with_the_code_that_does_what_it_did(old, new, moved, gone):
    found = code.moved(BEFORE, BEFORE.replace(old.encode(), new.encode(), 1) if old else BEFORE)
    assert {line: found[line] for line in moved} == moved
    assert gone.isdisjoint(found)
