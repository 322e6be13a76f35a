"""One suite is run as the gate runs it: in a small repository, in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emel_tools.gates import boundaries, coverage, tests
from emel_tools.running import Job, Reads
from emel_tools.scope import observed
from emel_tools.scope.observed import Seen
from emel_tools.suites import (
    collection,
    command,
    missing,
    parts,
    plugin,
    record,
    unreached,
    verdict,
)
from emel_tools.suites.cases import case
from emel_tools.suites.changed import changed
from emel_tools.suites.parts import Part
from emel_tools.suites.record import Record, Trouble
from emel_tools.suites.skips import Skip
from emel_tools.workspace import Package, packages, shards

SOURCE = '''\
"""Sums."""


def total(numbers):
    """Add."""
    if not numbers:  # pragma: no branch
        return 0  # pragma: no cover
    return sum(numbers)


class Mean:
    """A mean."""

    def of(self, numbers):
        """Divide."""
        for number in numbers:
            if number:
                return total(numbers) / len(numbers)
        return 0
'''
GOOD = """\
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emel_disk import Mean, total


@pytest.mark.parametrize("numbers", [[1], [1, 2]])
def test_total(numbers):
    assert total(numbers) == sum(numbers)


class TestMean:
    def test_of(self):
        assert Mean().of([1, 2]) == 1.5


@settings(max_examples=30)
@given(st.integers(0, 99))
def test_one(number):
    assert total([number]) == number
"""
EMPTY = """\
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emel_disk import total


class Steps(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        if total([1]) > 1:
            assert total([]) == 0

    @initialize()
    def begin(self):
        if total([1]) > 1:
            assert total([]) == 0

    @rule()
    def step(self):
        if total([1]) > 1:
            assert total([]) == 0

    @rule()
    def stay(self):
        self.lost()

    def lost(self):
        if total([1]) > 1:
            assert total([]) == 3

    @invariant()
    def holds(self):
        if total([1]) > 1:
            assert total([]) == 0

    def teardown(self):
        if total([1]) > 1:
            assert total([]) == 0


TestSteps = Steps.TestCase
TestSteps.settings = settings(max_examples=25, stateful_step_count=5)


class Mixed:
    @rule()
    def step(self):
        assert total([]) == 0

    def teardown(self):
        assert total([]) == 4


def same(left, right):
    if left != right:
        pytest.fail("they differ")


def test_calls():
    for number in [0] * (total([1]) - 1):
        with pytest.raises(TypeError):
            total(number)
        with pytest.warns(UserWarning):
            total([number])
        same(number, 1)
        if total([number]):
            raise AssertionError(number)
        print(number)
    same(total([1]), 1)


def test_each():
    if sys.version_info < (3, 0):
        assert total([]) == 0
    for number in [0] * (total([1]) - 1):
        assert number == 1
    assert total([1]) == 1


@given(st.integers(0, 99))
def test_property(number):
    if number > 99:
        assert number == 1
    assert total([number]) == number
"""
MIXED = """\
import os
import threading

import pytest

SEEN = []


def quietly(check, *what):
    try:
        check(*what)
    except Exception:
        SEEN.append(what)


def same(left, right):
    assert left == right


def test_red():
    assert sum([1, 2]) == 4


def test_quiet():
    quietly(same, 1, 2)


def test_aside():
    thread = threading.Thread(target=quietly, args=(same, 1, 3))
    thread.start()
    thread.join()


def test_of_a_check():
    with pytest.raises(AssertionError):
        same(1, 2)


@pytest.mark.skipif(True, reason="not today")
def test_left_out():
    assert same


@pytest.mark.xfail(strict=True)
def test_hopeless():
    same(1, 2)


@pytest.fixture
def broken():
    raise OSError("gone") from ValueError("lost")


def test_without(broken):
    same(1, 1)
"""

MEETING = """\
import sys
import threading
import time


def hook(event, _):
    if event == "sys.settrace":
        time.sleep(0.02)  # as any Python may do in an audit hook, it lets other threads run


def test_threads():
    sys.addaudithook(hook)
    ran = []
    threads = [threading.Thread(target=ran.append, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == [0, 1, 2, 3, 4, 5]


def test_tool():
    assert len("a")
"""


FILES = {
    ".importlinter": "[importlinter]\nroot_packages = emel_disk\n",
    ".gitignore": ".nox/\n__pycache__/\n.hypothesis/\n",
    ".coveragerc": "[run]\nomit = *\n[report]\nexclude_also = .*\n",
    "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\npythonpath = packages/disk/src\n"
    "testpaths = packages tools/tests\n",
    "pyproject.toml": "[tool.uv.workspace]\nmembers = []\n",
    "packages/disk/src/emel_disk/__init__.py": SOURCE,
    "packages/disk/src/emel_disk/never.py": "def f():\n    return 1\n",
    "packages/disk/tests/test_disk.py": GOOD,
    "tools/src/emel_tools/__init__.py": "",
    "tools/tests/test_tool.py": MEETING,
}
CHANGED = SOURCE.replace("return 0  #", "return (\n            0 + 0\n        )  #", 1)
GOES = "no test of the package goes from here to"
RUNS = "no test of the package runs this line of"
PATH = "packages/disk/tests/test_disk.py"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return tmp_path


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A green suite, run in two parts, with the change of one function; and what the parts say."""
    root = tmp_path_factory.mktemp("green")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(parts, "_PARTS", {"disk": 2})
        for path, text in FILES.items():
            write(root, path, text)
        write(root, "packages/disk/tests/test_empty.py", EMPTY)
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "begin")
        source = "packages/disk/src/emel_disk"
        write(root, f"{source}/__init__.py", CHANGED.replace("if number:", "if number > 0:"))
        write(root, f"{source}/more.py", "ONE = 1\n")
        return root, {n: outcome(root, n) for n in ("disk-1-of-2", "disk-2-of-2", "tools")}


@pytest.fixture
def green(once, monkeypatch):
    monkeypatch.chdir(once[0])
    monkeypatch.setattr(parts, "_PARTS", {"disk": 2})
    return once


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(textwrap.dedent(text), encoding="utf-8")


def job(root, *shards, base=""):
    return Job(root, shards, full=False, base=base, seed=7)


def outcome(root, *shards, lane=tests.LANE, base=""):
    (found,) = lane.run(job(root, *shards, base=base))
    return found


def told(found):
    return sorted((each.rule, each.where, each.what.splitlines()[0]) for each in found.findings)


@pytest.mark.behaviour("GATE-20", "GATE-24")
def test_a_green_suite_says_what_it_ran(green):
    _, ran = green
    seen = [ran["disk-1-of-2"], ran["disk-2-of-2"]]
    assert [told(each) for each in seen] == [[], []]
    assert all(re.fullmatch(r"\d passed in \d+\.\ds, seed 7", each.checked) for each in seen)
    assert sum(int(each.checked[0]) for each in seen) == 8
    counted = Counter()
    for each in seen:
        counted.update({name: int(cases.split()[0]) for name, cases in each.measured.items()})
    assert counted == {
        "test_disk.py::TestMean::test_of": 1,
        "test_disk.py::test_one": 1,
        "test_disk.py::test_total": 2,
        "test_empty.py::TestSteps::runTest": 1,
        "test_empty.py::test_calls": 1,
        "test_empty.py::test_each": 1,
        "test_empty.py::test_property": 1,
    }
    cases = {cases for each in seen for cases in each.measured.values()}
    assert cases >= {"1 of 30 examples", "1 of 25 examples, 3 rules, 1 invariants, 5 steps"}


@pytest.mark.behaviour("GATE-110")
def test_threads_that_begin_together_all_run_though_an_audit_hook_lets_them_meet(green):
    assert told(green[1]["tools"]) == []
    assert green[1]["tools"].measured.keys() == {
        "test_tool.py::test_threads",
        "test_tool.py::test_tool",
    }


@pytest.mark.behaviour("GATE-28")
def test_what_a_suite_left_out_is_counted_by_function_and_no_comment_hides_it(green):
    found = outcome(green[0], "disk", lane=coverage.LANE)
    assert found.measured == {
        "__init__.py Mean.of branches": "2",
        "__init__.py Mean.of lines": "1",
        "__init__.py total branches": "1",
        "__init__.py total lines": "1",
        "more.py (module) lines": "1",
        "never.py (module) lines": "1",
        "never.py f lines": "1",
    }
    source = "packages/disk/src/emel_disk/__init__.py"
    branches = [(place.where, place.what) for place in found.places["__init__.py Mean.of branches"]]
    assert branches == [
        (f"{source}:18", f"{GOES} line 21 in Mean.of"),
        (f"{source}:19", f"{GOES} line 18 in Mean.of"),
    ]
    assert found.checked == "3 modules; 5 lines and 3 branches are left out"


@pytest.mark.behaviour("GATE-29")
def test_a_changed_line_or_branch_that_no_test_runs_is_found_whatever_is_recorded(green):
    source = "packages/disk/src/emel_disk"
    found = outcome(green[0], "disk", lane=coverage.LANE, base="HEAD")
    changed = [each for each in told(found) if each[0] == "untested change"]
    assert changed == [
        (
            *("untested change", f"{source}/__init__.py:19"),
            f"{GOES} line 18 in Mean.of",
        ),
        ("untested change", f"{source}/__init__.py:7", f"{RUNS} total"),
        ("untested change", f"{source}/more.py:1", f"{RUNS} (module)"),
    ]


@pytest.mark.behaviour("GATE-108")
def test_an_assertion_that_no_run_reaches_is_found_but_in_a_property(green, monkeypatch):
    found = outcome(green[0], "disk", lane=coverage.LANE)
    path = "packages/disk/tests/test_empty.py"
    lines = EMPTY.splitlines()
    never = [
        "assert total([]) == 3",
        "assert total([]) == 4",
        "with pytest.raises(TypeError):",
        "with pytest.warns(UserWarning):",
        "same(number, 1)",
        "assert number == 1",
    ]
    at = {
        text: next(n for n, line in enumerate(lines, 1) if line.strip() == text) for text in never
    }
    said = {(line, f"no test reaches `{text}`, so it can't fail") for text, line in at.items()}
    assert {
        (rule, int(where.removeprefix(f"{path}:")), what) for rule, where, what in told(found)
    } == {("never runs", *each) for each in said}
    tests_of_it = ("Steps::lost", "Mixed", "test_calls", "test_each")
    skipped = tuple(Skip(f"{path}::{name}", "not today") for name in tests_of_it)
    monkeypatch.setattr(unreached, "ALLOWED", skipped)
    assert told(outcome(green[0], "disk", lane=coverage.LANE)) == []


@pytest.mark.behaviour("GATE-22")
def test_all_parts_together_run_what_pytest_collects(green, monkeypatch):
    root, _ = green
    found = outcome(root, "collection")
    assert told(found) == []
    assert found.checked == "10 tests in 3 shards"
    known = collection.collected(root)
    monkeypatch.setattr(collection, "collected", lambda _: {*known, "packages/test_lost.py::test"})
    (lost,) = outcome(root, "collection").findings
    assert (lost.rule, lost.where) == ("lost", "packages/test_lost.py")


@pytest.mark.behaviour("GATE-21", "GATE-23", "GATE-26")
def test_a_red_suite_says_what_failed_and_how_to_run_it_again(repo):
    path = PATH
    write(repo, path, MIXED)
    found = outcome(repo, "disk")
    again = f"nox -s tests -- '{path}::test_red' --randomly-seed=7"
    assert told(found) == [
        ("error", f"{path}:51", f"{path}::test_without: OSError: gone"),
        ("failed", f"{path}:21", f"{path}::test_red: assert 3 == 4"),
        (
            *("skipped", f"{path}:39"),
            f"{path}::test_left_out is skipped: Skipped: not today",
        ),
        (
            *("swallowed", f"{path}:17"),
            f"{path}::test_aside passes although an assertion failed here: assert 1 == 3",
        ),
        (
            *("swallowed", f"{path}:17"),
            f"{path}::test_quiet passes although an assertion failed here: assert 1 == 2",
        ),
        ("xfailed", f"{path}:44", f"{path}::test_hopeless is xfailed: "),
    ]
    assert next(each.fix for each in found.findings if each.rule == "failed") == again
    error = next(each.what for each in found.findings if each.rule == "error")
    assert error.splitlines()[1] == "because of ValueError: lost"
    judged = outcome(repo, "disk", lane=coverage.LANE)
    assert judged.findings == ()
    assert judged.measured is None
    assert judged.checked == "nothing: its tests are red"


FEW = """\
from hypothesis import given
from hypothesis import strategies as st


@given(st.sampled_from(range(19)))
def test_few(number):
    assert number < 19


@given(st.sampled_from(range(20)))
def test_enough(number):
    assert number < 20
"""


class Disk(RuleBasedStateMachine):
    @initialize()
    def mount(self): ...

    @rule()
    def spin(self): ...

    @rule()
    def stop(self): ...

    @invariant()
    def is_whole(self): ...


def drawn(number): ...


def named(number): ...


class OfDisk:
    settings = settings(max_examples=40)
    step = Disk.TestCase.runTest


class OfDiskInSteps(OfDisk):
    settings = settings(max_examples=40, stateful_step_count=7)


@pytest.mark.behaviour("GATE-24")
@pytest.mark.parametrize(
    ("tested", "cls", "examples", "steps"),
    [
        (OfDisk.step, OfDisk, 40, (3, 1)),
        (OfDiskInSteps.step, OfDiskInSteps, 40, (3, 1, 7)),
        (given(st.integers())(example(1)(example(2)(named))), None, 100, (0, 0, 0, 2)),
        (settings(max_examples=50)(given(st.integers())(drawn)), None, 50, (0, 0)),
        (abs, None, 0, (0, 0)),
    ],
)
def test_a_case_says_what_is_drawn_and_by_which_steps(tested, cls, examples, steps):
    item = SimpleNamespace(nodeid="test_a.py::test_a[1]", obj=tested, cls=cls)
    assert case(item) == record.Case(item.nodeid, "test_a.py::test_a", examples, *steps)


@pytest.mark.behaviour("GATE-24")
@pytest.mark.parametrize(
    ("numbers", "recorded"),
    [
        ((100, 0, 0, 0, 2), "1 of 100 examples, 2 given"),
        ((60, 3, 0, 30), "1 of 60 examples, 3 rules, 0 invariants, 30 steps"),
        ((60, 3, 1), "1 of 60 examples, 3 rules, 1 invariants"),
        ((100, 0, 0, 30), "1 of 100 examples"),
    ],
)
def test_what_a_property_says_for_itself_is_recorded(numbers, recorded):
    known = record.Case("a", "a", *numbers)
    part = Part(Package(Path("/r/packages/disk"), "emel_disk"))
    run = Record(7, 0, "", [known], ["a"], ["a"], [], [])
    assert verdict.measured(Path("/r"), part, run) == {"a": recorded}


@pytest.mark.behaviour("GATE-27")
def test_a_property_that_draws_hardly_anything_is_found(repo):
    write(repo, PATH, FEW)
    tried = "is a property, and was tried on no more than 19 examples"
    assert told(outcome(repo, "disk")) == [("weak", f"{PATH}:5", f"{PATH}::test_few {tried}")]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("said", "tried"),
    [
        ("", None),
        ("a:\n - 12 passing, 0 failing\n - 7 passing, 3 failing", 19),
        ("a:\n - 12 passing, 0 failing\n - 8 passing, 0 failing", None),
        ("a:\n - nothing was drawn", 0),
    ],
)
def test_examples_of_all_phases_count(said, tried):
    observer = plugin.Observer(SimpleNamespace(rootpath=Path(PATH).parent), None)
    item = SimpleNamespace(nodeid="a::b", path=Path(PATH), reportinfo=lambda: ("", 4, ""))
    item.hypothesis_statistics = said
    plugin._see_how_often(observer, item)
    seen = [(trouble.kind, trouble.line, trouble.what) for trouble in observer.troubles]
    assert seen == ([] if tried is None else [("weak", 5, f"no more than {tried} examples")])


@pytest.mark.behaviour("GATE-117")
@pytest.mark.parametrize(
    ("name", "number", "found"),
    [("tools", 4, ["a/README.md", "a/src/emel_a/b.py"]), ("tools", 3, []), ("a", 4, [])],
)
def test_what_tries_the_gate_itself_reads_no_package(tmp_path, name, number, found):
    for each in ("a/README.md", "a/src/emel_a/b.py", "a/pyproject.toml"):
        write(tmp_path, f"packages/{each}", "")
    read = {"packages/a/README.md", "packages/a/pyproject.toml", "packages/gone.py", "noxfile.py"}
    seen = Seen(
        green=True, files=frozenset(read), imported=frozenset({"packages/a/src/emel_a/b.py"})
    )
    part = Part(Package(tmp_path / name, "emel_a"), number, 4)
    strays = list(verdict.strays(tmp_path, part, seen))
    assert [(each.rule, each.what.split()[2][:-1]) for each in strays] == [
        ("stray", f"packages/{path}") for path in found
    ]


@pytest.mark.behaviour("GATE-117")
@pytest.mark.parametrize(("name", "number"), [("test_arcs", 4), ("test_tool", 5)])
def test_a_test_of_the_gate_itself_that_reads_a_package_is_found(repo, monkeypatch, name, number):
    source = "packages/disk/src/emel_disk/never.py"
    reads = f"def test_it():\n    with open({source!r}) as read:\n        assert read.read()\n"
    write(repo, f"tools/tests/{name}.py", reads)
    suite = f"tools-{number}-of-5"
    monkeypatch.setenv(observed.NOTES, str(observed.notes_of(repo, "tests", (suite,))))
    ((rule, _, what),) = told(outcome(repo, suite))
    assert (rule, what.partition(",")[0]) == ("stray", f"{suite} reads {source}")


@pytest.mark.behaviour("GATE-21")
@pytest.mark.parametrize("said", [{}, {"wasxfail": "some day"}], ids=["green", "too early"])
def test_of_what_passes_nothing_is_said_unless_it_was_not_to(said):
    config = SimpleNamespace(rootpath=Path(PATH).parent, stash={})
    observer = config.stash[plugin._KEY] = plugin.Observer(config, None)
    item = SimpleNamespace(
        nodeid="test_green", path=Path(PATH), config=config, reportinfo=lambda: (PATH, 3, "")
    )
    report = SimpleNamespace(passed=True, skipped=False, failed=False, when="call", **said)
    heard = plugin.pytest_runtest_makereport(item, pytest.CallInfo.from_call(list, "call"))
    next(heard)
    with pytest.raises(StopIteration):
        heard.send(report)
    told = [(trouble.kind, trouble.what) for trouble in observer.troubles]
    assert told == [("xfailed", what) for what in said.values()]


@pytest.mark.behaviour("GATE-21")
@pytest.mark.parametrize("length", [1, 6, 40])
@pytest.mark.parametrize(
    ("cause", "told"), [(None, ""), (OSError("gone"), "because of OSError: gone")], ids=str
)
def test_what_a_failure_came_of_is_told(cause, told, length):
    def fail():
        raise ValueError from cause

    config = SimpleNamespace(rootpath=Path(PATH).parent, stash={})
    observer = config.stash[plugin._KEY] = plugin.Observer(config, None)
    item = SimpleNamespace(
        nodeid="test_red", path=Path(PATH), config=config, reportinfo=lambda: (PATH, 3, "")
    )
    call = pytest.CallInfo.from_call(fail, "call")
    said = "ValueError\n" * length
    report = SimpleNamespace(
        passed=False, skipped=False, failed=True, when="call", longrepr="", longreprtext=said
    )
    heard = plugin.pytest_runtest_makereport(item, call)
    next(heard)
    with pytest.raises(StopIteration):
        heard.send(report)
    expected = ["ValueError"] * min(length, 6) + told.splitlines()
    assert observer.troubles == [
        Trouble("failed", "test_red", Path(PATH).name, 4, "\n".join(expected))
    ]


@pytest.mark.behaviour("GATE-21")
def test_a_failure_that_quotes_what_is_no_unicode_is_told_as_any_other(repo):
    write(repo, PATH, "def test_red():\n    raise ValueError('caf\\udce9')\n")
    assert told(outcome(repo, "disk")) == [
        ("failed", f"{PATH}:2", f"{PATH}::test_red: ValueError: caf\\udce9")
    ]


@pytest.mark.behaviour("GATE-21")
def test_an_exception_that_ends_the_process_is_quoted(repo):
    hook = "def pytest_sessionfinish():\n    raise RuntimeError('caf\\udce9 is closed')\n"
    write(repo, "packages/disk/tests/conftest.py", hook)
    write(repo, PATH, "def test_a():\n    assert int('1') == 1\n")
    (found,) = outcome(repo, "disk").findings
    how = "the process ended with exit code 1 before all tests had run"
    first, *quoted = found.what.splitlines()
    assert (found.rule, first) == ("crash", f"{how}, in {PATH}::test_a")
    assert len(quoted) == 6
    assert quoted[-1] == "     | RuntimeError: caf\\udce9 is closed"


@pytest.mark.behaviour("GATE-21")
def test_what_breaks_the_end_of_a_run_is_written_down_and_raised(tmp_path):
    config = SimpleNamespace(rootpath=tmp_path)
    observer = plugin.Observer(config, tmp_path / "a.json")
    plugin._observers.append(observer)
    ending = plugin.pytest_sessionfinish(SimpleNamespace(config=config))
    next(ending)
    with pytest.raises(BrokenPipeError):
        ending.throw(BrokenPipeError("nobody listens"))
    os.close(observer.running)
    said = (tmp_path / "a.ended").read_text().splitlines()
    assert said[-1] == "BrokenPipeError: nobody listens"
    assert not (tmp_path / "a.json").exists()


@pytest.mark.behaviour("GATE-21")
@pytest.mark.parametrize("breaks", [False, True])
def test_a_run_by_hand_writes_nothing_down(tmp_path, monkeypatch, breaks):
    monkeypatch.chdir(tmp_path)
    config = SimpleNamespace(rootpath=tmp_path)
    plugin._observers.append(plugin.Observer(config, None))
    ending = plugin.pytest_sessionfinish(SimpleNamespace(config=config))
    next(ending)
    with pytest.raises(BrokenPipeError if breaks else StopIteration):
        ending.throw(BrokenPipeError()) if breaks else next(ending)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.behaviour("GATE-21")
def test_a_process_that_breaks_after_its_tests_is_found(repo):
    hook = "def pytest_unconfigure():\n    raise RuntimeError('too late')\n"
    write(repo, "packages/disk/tests/conftest.py", hook)
    write(repo, PATH, "def test_a():\n    assert int('1') == 1\n")
    what = "pytest ended with exit code 0, and its process with 1"
    assert told(outcome(repo, "disk")) == [("ended", "packages/disk", what)]


@pytest.mark.behaviour("GATE-21")
def test_a_test_that_ends_the_process_is_named(repo):
    write(repo, PATH, "import os\n\n\ndef test_leave():\n    assert not os._exit(0)\n")
    how = "ended with exit code 0 before all tests had run"
    assert told(outcome(repo, "disk")) == [
        ("crash", PATH, f"the process {how}, in {PATH}::test_leave")
    ]


@pytest.mark.behaviour("GATE-21")
@pytest.mark.parametrize(
    ("ends", "too_long", "rule", "how"),
    [
        ("os.abort()", False, "crash", "was ended by SIGABRT; where stands in the log"),
        ("time.sleep(99)", True, "budget", "took longer than its budget and was ended;"),
    ],
)
def test_a_process_that_is_ended_says_where_it_was(
    repo, monkeypatch, capfd, ends, too_long, rule, how
):
    """Instead of pytest a process runs that has begun a test and says nothing more."""
    part = Part(packages(repo)[0])
    running = part.record(repo).with_suffix(".running")
    code = f"import os, time\nopen({str(running)!r}, 'w').write('a::b')\n{ends}\n"
    running.parent.mkdir()
    words = [sys.executable, "-X", "faulthandler", "-c", code]
    monkeypatch.setattr(command, "words", lambda *_, **__: words)
    seconds = 3.0 if too_long else 60.0
    ran = command.run(repo, part, 7, repo, seconds, command.How(full=True, traced=False))
    assert (ran.too_long, ran.running) == (too_long, "a::b")
    assert 'File "<string>", line 3' in capfd.readouterr().err
    (found,) = verdict.findings(repo, part, ran, 7)
    assert (found.file, found.rule) == ("a", rule)
    assert how in found.what


@pytest.mark.behaviour("GATE-20")
def test_a_process_that_does_not_say_where_it_is_is_ended_all_the_same(monkeypatch):
    monkeypatch.setattr(command, "_GRACE", 0.1)
    deaf = "import signal as s, time; s.signal(s.SIGABRT, s.SIG_IGN)"
    code = f"{deaf}; print(flush=True); time.sleep(99)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        assert not command._comes_to_its_end(process, 0.01)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.behaviour("GATE-20")
def test_what_tests_write_lies_apart_from_other_runs_and_is_gone_afterwards(
    repo, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    where = f"assert str(tmp_path).startswith({str(temporary)!r})"
    code = f"def test_more(tmp_path):\n    {where}\n"
    write(repo, "packages/disk/tests/test_more.py", code)
    part = Part(packages(repo)[0])
    ran = command.run(repo, part, 7, repo, 60.0, command.How(full=True, traced=False))
    assert ran.exit_code == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.behaviour("GATE-20")
def test_only_a_changed_scope_cuts_short_what_is_tried_thousands_of_times(monkeypatch):
    monkeypatch.setenv("EMEL_CYCLES", "3")
    changed, full = (command.environment(2**32 + 5, full=full) for full in (False, True))
    assert 1000 < int(changed.pop("EMEL_CYCLES")) < 10_000
    assert changed == full
    assert full["PYTHONHASHSEED"] == "5"


@pytest.mark.behaviour("GATE-22", "GATE-25")
def test_tests_that_a_stop_leaves_out_are_found(repo):
    path = "packages/disk/tests/test_stop.py"
    stops = (
        "def test_stop(request):\n    request.session.shouldstop = 'enough'\n    assert len('a')"
    )
    write(repo, path, "".join(f"{stops.replace('_stop', f'_{n}')}\n\n\n" for n in "ab"))
    found = {rule: (where, what) for rule, where, what in told(outcome(repo, "disk"))}
    assert set(found) == {"ended", "not run"}
    assert found["ended"] == ("packages/disk", "pytest ended with exit code 2")
    assert found["not run"][1].endswith("didn't run to the end, though collected")


@pytest.mark.behaviour("GATE-22", "GATE-25")
def test_tests_that_pytest_leaves_out_are_found(repo):
    path = "packages/disk/tests"
    write(repo, f"{path}/test_more.py", "def test_more():\n    assert len('a')\n")
    write(repo, f"{path}/build/test_deep.py", "def test_deep():\n    assert len('a')\n")
    write(
        repo, f"{path}/test_torn.py", "import nothing\n\n\ndef test_torn():\n    assert nothing\n"
    )
    hides = "def pytest_collection_modifyitems(config, items):\n"
    hides += "    gone = [each for each in items if 'test_disk' in each.nodeid][:1]\n"
    hides += "    config.hook.pytest_deselected(items=gone)\n    items.remove(*gone)\n"
    write(repo, f"{path}/conftest.py", f'collect_ignore = ["test_more.py"]\n\n\n{hides}')
    ran = outcome(repo, "disk")
    found = told(ran)
    assert {(rule, where.partition(":")[0]) for rule, where, _ in found} == {
        ("deselected", f"{path}/test_disk.py"),
        ("uncollectable", f"{path}/test_torn.py"),
        ("uncollected", f"{path}/test_more.py"),
        ("uncollected", f"{path}/build/test_deep.py"),
    }
    torn = f"{path}/test_torn.py"
    why = f"{torn} is uncollectable: ModuleNotFoundError: No module named 'nothing'"
    assert ("uncollectable", f"{torn}:1", why) in found
    assert ran.measured is None  # nobody knows which cases are gone


@pytest.mark.behaviour("GATE-22")
def test_every_part_of_the_gate_is_a_shard_and_coverage_waits_for_all_of_them(repo, monkeypatch):
    monkeypatch.setattr(parts, "_PARTS", {"disk": 2})
    shards = {shard.name: shard for shard in tests.LANE.shards(repo)}
    assert list(shards) == ["disk-1-of-2", "disk-2-of-2", "tools", "written", "collection"]
    assert shards["collection"].only_full
    counted = {shard.name: shard.after for shard in coverage.LANE.shards(repo)}
    assert counted == {
        "disk": ("tests/disk-1-of-2", "tests/disk-2-of-2"),
        "tools": ("tests/tools",),
    }


@pytest.mark.behaviour("GATE-22")
def test_lines_are_counted_where_a_package_itself_changes(repo):
    assert {shard.name: shard.reads for shard in coverage.LANE.shards(repo)} == {
        "disk": Reads(covers=("disk",), paths=("packages/disk/tests/**",)),
        "tools": Reads(covers=("tools",), paths=("tools/tests/**",)),
    }
    suites = {shard.name: shard.reads for shard in tests.LANE.shards(repo)}
    assert suites["disk"] == Reads(runs=("disk",), paths=("packages/disk/tests/**",))
    assert suites["tools-2-of-5"] == Reads(paths=("tools/tests/**",))
    assert suites["tools-3-of-5"] == Reads(calls=("disk",), paths=("tools/tests/**",))


@pytest.mark.behaviour("GATE-23")
@pytest.mark.parametrize(
    ("function", "reason", "allowed"),
    [("a.py::test_a", "no tmpfs", True), ("a.py::test_a", "", False), ("a.py::b", ".*", False)],
)
def test_a_skip_is_allowed_by_test_and_reason(function, reason, allowed):
    trouble = Trouble("skipped", "a.py::test_a[1]", "a.py", 1, "no tmpfs")
    assert verdict.is_allowed(trouble, [Skip(function, reason)]) is allowed


@pytest.mark.behaviour("GATE-20")
def test_a_run_that_left_tests_out_is_not_green(tmp_path):
    path = tmp_path / "run.json"
    assert not record.is_green(path)
    cases = [record.Case("a", "a"), record.Case("b", "b")]
    run = Record(7, 0, "", cases, ["a", "b"], ["a", "b"], [], [])
    record.write(path, run)
    assert record.is_green(path)
    record.write(path, Record(7, 0, "", cases, ["a", "b"], ["a"], [], []))
    assert not record.is_green(path)
    path.write_text(json.dumps({"seed": 7}))
    assert record.read(path) is None


def git(root, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *who, *words), cwd=root, check=True, capture_output=True)


@pytest.mark.behaviour("GATE-29")
def test_the_lines_that_changed_are_those_that_git_names_and_untracked_files(repo):
    write(repo, "packages/disk/a b.py", "1\n2\n3\n4\n")
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "begin")
    write(repo, "packages/disk/a b.py", "0\n1\n3\n4\n5\n6\n")
    write(repo, "packages/disk/ü.py", "1\n")
    write(repo, "packages/disk/ü.txt", "1\n")
    assert changed(repo, "HEAD", "packages/disk") == {
        "packages/disk/a b.py": {1, 5, 6},
        "packages/disk/ü.py": {1, 2},
    }
    assert changed(repo, "", "packages/disk") == {}


@pytest.mark.behaviour("GATE-28")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("if sys.version_info >= (3, 0):\n    a\nelse:\n    b\n", {4}),
        ("if sys.version_info < (3, 0):\n    a\n    c\n", {2, 3}),
        ("if sys.platform == 'nothing':\n    a\nelse:\n    b\n", {2}),
        ("if sys.platform != 'nothing':\n    a\nelse:\n    b\n", {4}),
        ("if sys.platform in ('a', 'b'):\n    a\n", set()),
        ("if sys.version_info >= LEAST:\n    a\n", set()),
        ("if version == 1 == 2:\n    a\n", set()),
        ("if version == 1:\n    a\n", set()),
        ("def f():\n    ...\n", {1, 2}),
        ("async def f(): ...\n", {1}),
        ("def f(\n    a,\n) -> int:\n    'It does.'\n    ...\n", {1, 2, 3, 4, 5}),
        ("def f():\n    'It does.'\n", set()),
        ("def f():\n    a\n    ...\n", set()),
        ("if version == 1:\n    ...\n", set()),
        ("class A:\n    ...\n", set()),
    ],
)
def test_what_this_python_never_runs_is_not_missing(tmp_path, code, expected):
    (tmp_path / "a.py").write_text(code)
    assert missing.Module(tmp_path / "a.py").unreachable == expected


@pytest.mark.behaviour("GATE-28")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("if sys.version_info >= (3, 0):\n    a\nelse:\n    b\n", {2, 4}),
        ("if sys.version_info < (3, 0):\n    a\n    c\nelse:\n    b\n", {2, 3, 5}),
        ("if sys.platform == 'nothing':\n    a\nelse:\n    b\n", {2}),
        ("if sys.version_info >= LEAST:\n    a\n", set()),
        ("def f(): ...\nwhile sys.version_info < (3, 0):\n    a\n", {1}),
    ],
)
def test_what_some_python_never_runs_is_not_counted(tmp_path, code, expected):
    (tmp_path / "a.py").write_text(code)
    assert missing.Module(tmp_path / "a.py").unheld == expected


@pytest.mark.behaviour("GATE-29")
def test_a_changed_line_is_found_in_the_arm_that_runs_here(tmp_path):
    code = "if sys.version_info >= (3, 0):\n    a\nelse:\n    b\n"
    (tmp_path / "a.py").write_text(code)
    (tmp_path / "b.py").write_text(code)
    left = missing.Left([2, 4], [(1, 2), (1, 4)])
    files = dict.fromkeys(("a.py", "b.py"), missing.Left([], [], {"": left}))
    changed_lines = {"a.py": frozenset({1, 2, 3, 4}), "c.py": frozenset({1})}
    assert list(missing.untested(tmp_path, files, changed_lines)) == [
        ("a.py", 2, f"{RUNS} (module)"),
        ("a.py", 1, f"{GOES} line 2 in (module)"),
    ]
    assert missing.missing(tmp_path, tmp_path, files) == ([], 2)


@pytest.mark.behaviour("GATE-30")
def test_the_boundaries_are_a_lane_of_three_kinds_of_shards(green):
    root, _ = green
    shards = {shard.name: shard for shard in boundaries.LANE.shards(root)}
    assert list(shards) == ["table", "witness", "isolation-disk"]
    assert shards["witness"].behind == ("tests/disk-1-of-2", "tests/disk-2-of-2", "tests/tools")
    table, witness, alone = boundaries.LANE.run(job(root, *shards))
    assert "new-package" in {finding.rule for finding in table.findings}
    assert re.fullmatch(r"\d+ rules and 0 contracts over 7 files", table.checked)
    assert "no contract says who owns files" in {finding.what for finding in witness.findings}
    assert witness.measured == {}
    assert "in 2 of 2 shards" in witness.checked
    assert [finding.what for finding in alone.findings] == [
        "it doesn't declare what its tests need"
    ]


@pytest.mark.behaviour("GATE-30")
def test_in_a_full_run_a_green_suite_that_was_not_witnessed_is_found(green):
    root, _ = green
    (kept,) = root.glob(".nox/witness/tools.json")
    text = kept.read_text()
    kept.unlink()
    whole = job(root, "witness")._replace(full=True)
    try:
        (partly,) = boundaries.LANE.run(whole._replace(full=False))
        (missed,) = boundaries.LANE.run(whole)
    finally:
        kept.write_text(text)
    assert "in 1 of 2 shards" in partly.checked
    assert {finding.file for finding in missed.findings} - {".importlinter"} == {"tools"}
    assert {finding.file for finding in partly.findings} == {".importlinter"}


@pytest.mark.behaviour("GATE-20")
@pytest.mark.parametrize("name", ["emel", "tools"])
def test_long_suites_are_divided_by_files_that_no_other_part_imports(name):
    root = Path(__file__).resolve().parents[2]
    (package,) = (package for package in shards(root) if package.name == name)
    folder = package.folder / "tests"
    files = [path.relative_to(root).as_posix() for path in folder.glob("test_*.py")]
    divided = [
        {path for path in files if parts.is_collected(path, part.number, part.of)}
        for part in parts.parts_of(package)
    ]
    assert all(divided)
    assert sorted(path for part in divided for path in part) == sorted(files)
    for part, own in zip(parts.parts_of(package), divided, strict=True):
        assert {part.number} == {parts.number_of(f"{path}::test_a", part.of) for path in own}
    known = {path for path in parts._APART if path.startswith(f"{folder.relative_to(root)}/")}
    assert set() < known <= {*files}


@pytest.mark.behaviour("GATE-20")
def test_other_suites_are_divided_by_tests_of_whatever_file():
    assert all(parts.is_collected("packages/disk/tests/test_a.py", n, 2) for n in (1, 2))
    ids = [f"packages/disk/tests/test_a.py::test_{n}" for n in range(40)]
    assert {parts.number_of(node_id, 2) for node_id in ids} == {1, 2}
