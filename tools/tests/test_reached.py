"""Tests that call nothing that has changed are left out, and all others run."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import pytest

from emel_tools.gates import tests
from emel_tools.running import Job
from emel_tools.scope import code, observed
from emel_tools.scope.observed import Seen
from emel_tools.suites import narrowing, parts, reached, record

DISK = "packages/disk/src/emel_disk/__init__.py"
OWN = "packages/use/src/emel_use/__init__.py"
FILES = {
    ".importlinter": "[importlinter]\nroot_packages =\n    emel_disk\n    emel_use\n",
    ".gitignore": ".nox/\n__pycache__/\n.hypothesis/\n",
    "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n"
    "pythonpath = packages/disk/src packages/use/src\ntestpaths = packages\n",
    "pyproject.toml": "[tool.uv.workspace]\nmembers = []\n",
    DISK: '''\
        """Sums."""

        from functools import cache

        LIMIT = 9


        def told():
            return "once"


        TOLD = told()


        def total(numbers):
            """Add."""
            return sum(numbers)


        def largest(numbers):
            return max(numbers)


        def shown(number):
            return f"<{number}>"


        @cache
        def table():
            return made()


        def made():
            return {1: "one"}


        def never():
            return 0
        ''',
    "packages/disk/tests/test_disk.py": "def test_disk():\n    assert len('a') == 1\n",
    "packages/use/src/emel_use/__init__.py": "from emel_disk import *\n",
    "packages/use/tests/conftest.py": """\
        import pytest
        from emel_use import shown


        @pytest.fixture(scope="module")
        def seven():
            return shown(7)
        """,
    "packages/use/tests/test_more.py": """\
        def test_more():
            assert len("a") == 1
        """,
    "packages/use/tests/test_use.py": """\
        import subprocess
        import sys

        import emel_use as use
        import pytest


        def test_limit():
            assert use.LIMIT > 7


        def test_total():
            assert use.total([1, 2]) == 3


        @pytest.mark.parametrize("numbers", [[1, 2], [2, 1]])
        def test_largest(numbers):
            assert use.largest(numbers) == 2


        def test_table():
            assert use.table()[1] == "one"


        def test_table_again():
            assert use.table()[1] == "one"


        def test_seven(seven):
            assert seven == "<7>"


        def test_seven_again(seven):
            assert seven[1] == "7"


        def test_process():
            assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
        """,
}
ALL = {
    "limit",
    "total",
    "largest",
    "table",
    "table_again",
    "seven",
    "seven_again",
    "process",
    "more",
}


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(textwrap.dedent(text), encoding="utf-8")


def run(root, *, full=False, asked=False, beside=("tests/use",)):
    """Run the tests of the package that uses the other; say what came of it."""
    job = Job(root, ("use",), full, "", 7, beside, asked)
    (found,) = tests.LANE.run(job)
    return found


def ran(root):
    """Name the tests that ran last."""
    return named(record.read(root / ".nox/gate/tests/use.json").ended)


def chosen(root):
    """Name the tests that would run."""
    plan = narrowing.plan(Job(root, (), full=False, base="", seed=7, beside=("a",)), part(root))
    cases = record.read(root / ".nox/gate/tests/use.json").cases
    return named({case.node_id for case in cases} - plan.how.kept)


def named(node_ids):
    return {each.partition("::test_")[2].partition("[")[0] for each in node_ids}


def part(root, name="use"):
    return next(part for part in parts.parts(root) if part.name == name)


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """A small repository whose tests have run; what they called is known."""
    root = tmp_path_factory.mktemp("noted")
    for path, text in FILES.items():
        write(root, path, text)
        os.utime(root / path, (1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("CI", raising=False)
        assert run(root).findings == []
    assert ran(root) == ALL
    return root


@pytest.fixture
def repo(noted, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(noted, root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("CI", raising=False)
    return root


def alter(root, old, new, path=DISK):
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sum(numbers)", "sum(numbers, 0)", {"total"}),
        ("max(numbers)", "sorted(numbers)[-1]", {"largest"}),
        ('f"<{number}>"', '"<" + str(number) + ">"', {"seven", "seven_again"}),
        ('{1: "one"}', '{1: "one", 2: "two"}', ALL),  # it fills a cache, for whoever comes first
        ("return sum", "return added", {"total"}),  # and a new function
        ("LIMIT = 9", "LIMIT = 8", {"limit"}),  # it speaks of it, and calls nothing
        ("TOLD = told()", "TOLD = told() * 2", ALL),  # who knows what that does meanwhile
        ('"once"', '"twice"', ALL),  # it runs as a conftest imports it
        ("def never", "@cache\ndef never", set()),
        ("def largest(numbers)", "def largest(numbers, least=0)", {"largest"}),
    ],
)
def test_those_run_that_call_what_has_changed(repo, old, new, expected):
    alter(repo, old, new)
    alter(repo, "def told", "def added(numbers):\n    return sum(numbers)\n\n\ndef told")
    assert chosen(repo) == expected | {"process"}


@pytest.mark.behaviour("GATE-112")
def test_what_is_new_and_nobody_speaks_of_runs_nothing(repo):
    alter(repo, "LIMIT = 9", "LIMIT = 9\nMORE = 1\n\n\ndef more():\n    return MORE")
    assert chosen(repo) == set()


@pytest.mark.behaviour("GATE-112")
def test_the_others_are_counted_with_them_and_the_record_says_which_ran(repo):
    alter(repo, "max(numbers)", "sorted(numbers)[-1]")
    found = run(repo)
    assert found.findings == []
    assert ran(repo) == {"largest", "process"}
    assert ", 7 call nothing that has changed, seed 7" in found.checked
    assert found.measured["test_use.py::test_largest"] == "2"
    assert record.is_green(repo / ".nox/gate/tests/use.json")


@pytest.mark.behaviour("GATE-98", "GATE-112")
def test_what_tests_look_at_that_are_left_out_is_still_what_the_suite_depends_on(repo):
    look_at(repo, folders={"docs"})
    alter(repo, "max(numbers)", "sorted(numbers)[-1]")
    assert chosen(repo) == {"largest", "process"}
    assert "docs" in observed.so_far(observed.notes_of(repo, "tests", ("use",))).folders


@pytest.mark.behaviour("GATE-112")
def test_what_no_test_calls_runs_what_cannot_be_told_alone(repo):
    alter(repo, "return 0", "return 1")
    assert chosen(repo) == {"process"}


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize(
    ("text", "expected"), [("ONE = 1", {"process"}), ("ONE = 2", {"process"}), (None, set())]
)
def test_a_file_that_no_test_has_loaded_counts_for_what_cannot_be_told(repo, text, expected):
    path = "packages/disk/src/emel_disk/apart.py"
    if text == "ONE = 2":
        write(repo, path, "ONE = 1")
        (repo / ".nox/gate/reached/use.json").unlink()
        run(repo)
    if text is not None:
        write(repo, path, text)
    assert chosen(repo) == expected


@pytest.mark.behaviour("GATE-112")
def test_all_run_where_a_source_has_changed_that_nobody_knows_who_reads(repo):
    look_at(repo, {"packages/use/tests/test_more.py::test_more": [OWN]}, files={DISK, OWN})
    assert chosen(repo) == set()
    alter(repo, '"""Add."""', '"""Add up."""')
    assert chosen(repo) == ALL


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (DISK, None),
        ("packages/disk/src/emel_disk/new.py", "ONE = 1\n"),
        (OWN, "from emel_disk import *  # all of it\n"),
    ],
)
def test_a_test_that_reads_sources_runs_where_any_of_them_has_changed(repo, path, text):
    look_at(repo, {"packages/use/tests/test_more.py::test_more": [DISK]}, files={DISK})
    assert chosen(repo) == set()
    if text is None:
        alter(repo, '"""Add."""', '"""Add up."""')
    else:
        write(repo, path, text)
    assert chosen(repo) == {"more", "process"}  # and who knows what a process reads


def look_at(root, read=(), **more):
    """Let the tests have been seen to look at something."""
    path = root / ".nox/gate/reached/use.json"
    known = msgspec.json.decode(path.read_bytes(), type=reached.Reached)
    more = {name: frozenset(paths) for name, paths in more.items()}
    seen = msgspec.structs.replace(known.seen, **more)
    known = msgspec.structs.replace(known, seen=seen, read=dict(read))
    path.write_bytes(msgspec.json.encode(known))


@pytest.mark.behaviour("GATE-112")
def test_a_suite_is_started_again_after_a_file_of_it_could_not_be_collected(repo):
    path = repo / ".nox/gate/tests/use.json"
    last = record.read(path)
    torn = record.Trouble("uncollectable", "packages/use/tests/test_more.py", "a", 1, "torn")
    record.write(path, record.Record(*(*_fields(last)[:-2], [torn], [])))
    plan = narrowing.plan(Job(repo, (), full=False, base="", seed=7, beside=("a",)), part(repo))
    assert plan.last is None


@pytest.mark.behaviour("GATE-112")
def test_where_nothing_calls_what_has_changed_nothing_is_started(repo, monkeypatch):
    alter(repo, '"""Add."""', '"""Add up."""')
    monkeypatch.setattr(tests, "_SECONDS", {"use": 0.0})  # whatever is started has no time
    found = run(repo)
    assert found.checked == "none of 10 tests calls what has changed"
    assert found.measured["test_use.py::test_largest"] == "2"


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("packages/use/tests/test_more.py", "== 1", "< 2", {"more"}),
        ("packages/use/tests/conftest.py", "shown(7)", "shown(3 + 4)", ALL),
        ("pyproject.toml", "[]", '["a"]', ALL),
    ],
)
def test_tests_run_that_have_changed_and_all_where_what_all_depend_on_has(
    repo, path, old, new, expected
):
    alter(repo, old, new, path)
    assert chosen(repo) == expected


@pytest.mark.behaviour("GATE-112")
def test_a_test_that_is_new_or_failed_runs(repo):
    write(repo, "packages/use/tests/test_new.py", "def test_new():\n    assert len('a') == 1\n")
    path = repo / ".nox/gate/tests/use.json"
    last = record.read(path)
    failed = record.Trouble("failed", "packages/use/tests/test_more.py::test_more", "a", 1, "red")
    record.write(path, record.Record(*(*_fields(last)[:-2], [failed], [])))
    run(repo)
    assert ran(repo) == {"more", "new"}


def _fields(last):
    return [getattr(last, name) for name in last.__struct_fields__]


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize(
    "how",
    [{"full": True}, {"asked": True}, {"beside": ("tests/use", "coverage/use")}, {"beside": ()}],
)
def test_all_run_where_everything_is_asked_for_or_the_package_itself_has_changed(repo, how):
    asked = {"full": False, "base": "", "seed": 7, "beside": ("tests/use",), **how}
    assert narrowing.plan(Job(repo, (), **asked), part(repo)).how.kept == frozenset()


@pytest.mark.behaviour("GATE-112")
def test_what_tests_call_is_noted_where_it_is_not_known(repo, monkeypatch):
    path = repo / ".nox/gate/reached/use.json"
    first = path.read_bytes()
    run(repo, full=True)
    assert path.read_bytes() == first  # it holds
    alter(repo, "sum(numbers)", "sum(numbers, 0)")
    monkeypatch.setenv("CI", "true")
    run(repo, full=True)
    assert path.read_bytes() == first  # it would be forgotten
    monkeypatch.delenv("CI")
    run(repo, full=True)
    assert path.read_bytes() != first
    assert chosen(repo) == set()
    path.unlink()
    run(repo, beside=("tests/use", "coverage/use"))
    assert not path.exists()  # in a change of the package itself, its lines are counted
    run(repo, beside=("tests/use", *(f"coverage/{name}" for name in ("disk", "use", "tools"))))
    assert path.exists()  # here all are


@pytest.mark.behaviour("GATE-98", "GATE-112")
def test_sources_that_are_read_to_be_remembered_are_not_what_the_tests_open(repo, monkeypatch):
    read, listed = [], reached.sources

    def sources(root):
        read.append(bool(observed._unnoted))
        return listed(root)

    monkeypatch.setattr(reached, "sources", sources)
    alter(repo, "sum(numbers)", "sum(numbers, 0)")
    run(repo, full=True)
    assert read
    assert all(read)


@pytest.mark.behaviour("GATE-112")
def test_a_run_during_which_a_file_was_written_says_nothing(repo, tmp_path):
    path = repo / ".nox/gate/reached/use.json"
    watched = reached.Watched([DISK], [], {}, {})
    path.unlink()
    for name in (DISK, "packages/use/tests/test_more.py", "packages/use/tests/conftest.py"):
        file = repo / name
        began = time.time()
        while file.stat().st_ctime < began:  # the clock of files goes by milliseconds
            shutil.copy2(file, tmp_path / "other")  # with the time of the one that it replaces
            (tmp_path / "other").replace(file)
        assert file.stat().st_mtime == 1.0
        reached.write(repo, part(repo), repo / ".nox/gate", watched, Seen(green=True), began)
        assert not path.exists()
    seen, began = Seen(green=True), time.time() + 1
    reached.write(repo, part(repo), repo / ".nox/gate", watched, seen, began)
    assert path.exists()


@pytest.mark.behaviour("GATE-112")
def test_a_run_of_whose_notes_one_cannot_be_read_says_nothing(repo):
    notes = observed.notes_of(repo, "tests", ("use",))
    path = repo / ".nox/gate/reached/use.json"
    path.unlink()
    notes.mkdir(parents=True, exist_ok=True)
    (notes / "cut.json").write_text('{"green":tr')
    run(repo)
    assert not path.exists()
    (notes / "cut.json").unlink()
    run(repo)
    assert path.exists()


@pytest.mark.behaviour("GATE-112")
def test_a_run_that_is_red_leaves_what_was_known(repo):
    path = repo / ".nox/gate/reached/use.json"
    first = path.read_bytes()
    alter(repo, "sum(numbers)", "sum(numbers) + 1")
    assert [each.rule for each in run(repo, full=True).findings] == ["failed"]
    assert path.read_bytes() == first


@pytest.mark.behaviour("GATE-100")
def test_a_failure_that_would_have_been_left_out_is_found_by_a_full_run(repo, monkeypatch):
    monkeypatch.setenv("EMEL_TEST_LIMIT", "3")
    alter(repo, "return max(numbers)", 'return 1 if "EMEL_TEST_LIMIT" in environ else max(numbers)')
    alter(repo, "from functools", "from os import environ\nfrom functools")
    monkeypatch.delenv("EMEL_TEST_LIMIT")
    run(repo, full=True)
    assert run(repo, full=True).findings == []
    monkeypatch.setenv("EMEL_TEST_LIMIT", "3")
    rules = [each.rule for each in run(repo, full=True).findings]
    assert sorted(rules) == ["failed", "failed", "missed", "missed"]
    alter(repo, "== 1", "< 2", "packages/use/tests/test_more.py")
    rules = [each.rule for each in run(repo, full=True).findings]
    assert rules == ["failed", "failed"]  # then all would have run


@pytest.mark.behaviour("GATE-100")
@pytest.mark.parametrize(
    ("path", "text", "is_altered"),
    [
        (OWN, '"""Sums."""\n\n# of all\nfrom emel_disk import *\n', False),
        (OWN, "from emel_disk import *\n\nMORE = 1\n", True),
        (OWN, "from emel_disk import (", True),
        (OWN, None, True),
        ("packages/use/src/emel_use/more.py", "", True),
        ("packages/use/tests/test_more.py", "# none\n", False),
        (DISK, "", False),
    ],
)
def test_it_is_told_where_code_of_the_package_is_another(repo, path, text, is_altered):
    known = reached.read(repo, part(repo), repo / ".nox/gate")
    if text is None:
        (repo / path).unlink()
    else:
        write(repo, path, text)
    assert reached.is_altered(repo, part(repo), known) == is_altered


@pytest.mark.behaviour("GATE-100")
@pytest.mark.parametrize(
    ("path", "are_same"),
    [("tests/test_more.py", False), ("tests/test_new.py", False), ("src/emel_use/more.py", True)],
)
def test_it_is_told_where_a_file_of_tests_is_another(repo, path, are_same):
    write(repo, f"packages/use/{path}", "# none\n")
    known = reached.read(repo, part(repo), repo / ".nox/gate")
    assert reached.kept(repo, part(repo), known, ()).same_files == are_same


@pytest.mark.behaviour("GATE-100")
@pytest.mark.parametrize(("now", "is_altered"), [("return 1", False), ("return 2", True)])
def test_a_function_of_the_package_that_does_something_else_is_code_too(repo, now, is_altered):
    text = "def work():\n    return 1\n"
    known = reached.read(repo, part(repo), repo / ".nox/gate")
    known.sources[OWN] = text
    write(repo, OWN, text.replace("return 1", now) + "# a word\n")
    assert reached.is_altered(repo, part(repo), known) == is_altered


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize("text", ["def total(", "\0", None])
def test_all_run_where_a_file_cannot_be_read_or_is_gone(repo, text):
    known = reached.read(repo, part(repo), repo / ".nox/gate")
    if text is None:
        (repo / DISK).unlink()
    else:
        (repo / DISK).write_text(text)
    kept = reached.kept(repo, part(repo), known, ())
    assert not kept.node_ids
    assert not kept.everything


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_of_the_tools_own_tests_those_that_call_the_packages_can_be_left_out(repo, number):
    write(repo, "tools/tests/test_tool.py", "def test_tool():\n    assert len('a') == 1\n")
    write(repo, "tools/src/emel_tools/__init__.py", "")
    tools = part(repo, f"tools-{number}-of-5")
    plan = narrowing.plan(
        Job(repo, ("tools",), full=False, base="", seed=7, beside=("tests/tools",)), tools
    )
    assert (plan.known, plan.how.kept) == (None, frozenset())
    assert bool(plan.how.reaching) == (number == parts.CALLS)


@pytest.mark.behaviour("GATE-112")
def test_of_the_tools_all_run_where_a_name_stands_for_something_else(repo, monkeypatch):
    monkeypatch.setattr(reached, "TOOLS", "use")
    alter(repo, "max(numbers)", "sorted(numbers)[-1]")
    assert chosen(repo) == {"largest", "process"}
    alter(repo, "LIMIT = 9", "LIMIT = 8")
    assert chosen(repo) == ALL


@pytest.mark.behaviour("GATE-112")
def test_what_a_function_does_is_spelt_the_same_in_each_process():
    text = "def f(a):\n    return a in {'a', 'b', 'c', ('d', 'e')} or a == (1, 'f')\n"
    words = f"from emel_tools.scope import code; print(code.read({text.encode()!r}).functions)"
    seen = {
        subprocess.run(
            [sys.executable, "-c", words],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(seen) == 1
    assert str(code.read(text.encode()).functions["f"]) in seen.pop().decode()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder in which code is kept that is read."""
    monkeypatch.setattr(code, "_kept", [])
    code.keep(tmp_path / "code")
    return tmp_path / "code"


def read_next(text):
    """Read as the next process does, which has nothing in memory."""
    code.read.cache_clear()
    return code.read(text)


@pytest.mark.behaviour("GATE-112")
def test_code_that_was_read_is_not_read_by_the_next_process(kept, monkeypatch):
    text = b"class C:\n    def f(self):\n        return 1\n"
    first = read_next(text)
    monkeypatch.setattr(code, "_read", lambda _: pytest.fail("it was read again"))
    assert read_next(text) == first
    assert (set(first.functions), set(first.bodies)) == ({"C.f"}, {"<module>", "C"})
    assert len([*kept.iterdir()]) == 1


@pytest.mark.behaviour("GATE-112")
@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"\xff"])
def test_kept_code_that_is_damaged_is_read_anew(kept, content):
    text = b"def f():\n    return 2\n"
    first = read_next(text)
    (path,) = kept.iterdir()
    whole = path.read_bytes()
    path.write_bytes(content)
    assert read_next(text) == first
    assert path.read_bytes() == whole


@pytest.mark.behaviour("GATE-112")
def test_code_that_another_python_has_read_is_not_believed(kept, monkeypatch):
    text = b"def f():\n    return 3\n"
    read_next(text)
    monkeypatch.setattr(code, "_reader", lambda: b"another")
    monkeypatch.setattr(code, "_read", lambda _: code.Code({"f": "other"}, {}))
    assert read_next(text).functions == {"f": "other"}
    assert len([*kept.iterdir()]) == 2


@pytest.mark.behaviour("GATE-112")
def test_whoever_reads_is_this_python_and_this_state_of_the_reader():
    own = Path(code.__file__).read_bytes()
    assert sys.version.encode() in code._reader()
    assert own in code._reader()


@pytest.mark.behaviour("GATE-112")
def test_code_by_which_tests_are_chosen_is_kept(repo):
    folder = repo / ".nox" / "gate" / "code"
    shutil.rmtree(folder, ignore_errors=True)
    alter(repo, "max(numbers)", "sorted(numbers)[-1]")
    code.read.cache_clear()
    assert chosen(repo) == {"largest", "process"}
    assert len([*folder.iterdir()]) == 2  # as it was, and as it is


@pytest.mark.behaviour("GATE-112")
def test_nothing_is_kept_of_what_is_no_python(kept):
    with pytest.raises(SyntaxError):
        read_next(b"def f(:\n")
    assert not kept.exists()
