"""What each test calls is noted, on whose behalf, and where it can't be told."""

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from emel_tools.suites import reaching
from emel_tools.suites.reaching import Watch

SOURCE = """\
import functools


@functools.lru_cache(
    maxsize=3
)
def table():
    return made()


def made():
    return 1


def other():
    return [each for each in (1, 2)]


def last():
    return 3


made()
"""
BESIDE = "packages/a/src/emel_a/beside.py"


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SOURCE, encoding="utf-8")


@pytest.fixture
def watch(tmp_path):
    """A watch over a small repository, its functions, and how to name what a test has called."""
    for path in (BESIDE, "packages/a/src/emel_a/work.py"):
        write(tmp_path / path)
    made = Watch(tmp_path)
    before = threading.getprofile()
    yield made
    made.end()
    threading.setprofile(before)


def load(watch, path):
    """Import a file."""
    write(Path(path))
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(watch, node_id="a"):
    """Name what a test called, in the form of one file, or None."""
    seen = watch.watched()
    numbers = seen.cases[node_id]
    return (
        None if numbers is None else {seen.functions[i].rpartition("emel_a/")[2] for i in numbers}
    )


@pytest.mark.behaviour("GATE-113")
def test_calls_are_noted_of_all_threads_and_what_runs_once_for_all_tests(watch, tmp_path):
    path = str(tmp_path / "packages/a/src/emel_a/work.py")
    watch.begin()
    with watch.on_behalf_of(watch.case("a", frozenset())):
        work = load(watch, path)
        work.table()
    with watch.on_behalf_of(watch.case("b", frozenset())):
        work.table()
        thread = threading.Thread(target=work.other)
        thread.start()
        thread.join()
    watch.end()
    once = {"work.py:<module>", "work.py:table", "work.py:made"}
    assert called(watch, "a") == once
    assert called(watch, "b") - {"work.py:other.<locals>.<listcomp>"} == once | {"work.py:other"}


class Frame:
    """A call, for who is told of it by hand: coverage sees nothing of what an event comes to."""

    def __init__(self, code):
        self.f_code = code


@pytest.mark.behaviour("GATE-113")
def test_each_event_counts_for_whom_it_was(watch, tmp_path):
    path = str(tmp_path / "packages/a/src/emel_a/work.py")
    work = load(watch, path)
    body = importlib.util.spec_from_file_location("work", path).loader.get_code("work")
    beside = load(watch, str(tmp_path / BESIDE)).made.__code__
    outer = [Frame(work.table.__wrapped__.__code__), Frame(body)]
    with watch.on_behalf_of(watch.case("a", frozenset())):
        for function in (work.other, work.other, test_each_event_counts_for_whom_it_was):
            frame = Frame(function.__code__)
            watch.see(frame, "call", None)
            watch.see(frame, "return", None)
        for frame in outer:
            watch.see(frame, "call", None)
        watch.see(Frame(work.made.__code__), "call", None)
        for frame in outer:
            watch.see(frame, "c_return", len)
            watch.see(frame, "return", None)
        watch.see(outer[0], "c_call", len)
    with watch.on_behalf_of(watch.case("b", frozenset())):
        watch.see(outer[0], "c_call", sys.setprofile)
    with watch.on_behalf_of(watch.case("c", frozenset())):
        watch.see(Frame(subprocess.Popen._execute_child.__code__), "call", None)
    with watch.on_behalf_of(watch.case("d", frozenset())):
        for frame in (Frame(beside), Frame(beside)):
            watch.see(frame, "call", None)
    watch.end()
    once = {"work.py:<module>", "work.py:table", "work.py:made"}
    assert called(watch, "a") == {*once, "work.py:other"}
    assert (called(watch, "b"), called(watch, "c")) == (None, None)
    assert called(watch, "d") - once == {"beside.py:made"}


@pytest.mark.behaviour("GATE-113")
def test_what_tests_cache_runs_for_all_of_them_too(tmp_path):
    path = tmp_path / "packages/a/tests/test_a.py"
    write(path)
    watch = Watch(tmp_path)
    tests, work = (load(watch, str(each)) for each in (path, tmp_path / BESIDE))
    outer = Frame(tests.table.__wrapped__.__code__)
    with watch.on_behalf_of(watch.case("a", frozenset())):
        watch.see(outer, "call", None)
        watch.see(Frame(work.made.__code__), "call", None)
        watch.see(outer, "return", None)
    with watch.on_behalf_of(watch.case("b", frozenset())):
        watch.see(Frame(work.other.__code__), "call", None)
    watch.end()
    assert called(watch, "b") == {"beside.py:made", "beside.py:other"}


@pytest.mark.behaviour("GATE-113")
def test_where_a_module_was_imported_before_nothing_can_be_told(watch, tmp_path, monkeypatch):
    work = load(watch, str(tmp_path / BESIDE))
    watch.begin()
    with watch.on_behalf_of(watch.case("a", frozenset())):
        work.made()
    watch.end()
    assert called(watch, "a") == {"beside.py:made"}  # as long as it isn't loaded
    monkeypatch.setitem(sys.modules, "beside", work)
    assert called(watch, "a") is None


@pytest.mark.behaviour("GATE-113")
def test_functions_that_look_the_same_are_told_apart_by_their_files(watch, tmp_path):
    folder = tmp_path / "packages/a/src/emel_a"
    works = [load(watch, str(folder / name)) for name in ("work.py", "beside.py")]
    elsewhere = load(watch, str(tmp_path / "elsewhere.py"))
    watch.begin()
    for name, work in zip("abc", (*works, elsewhere), strict=True):
        with watch.on_behalf_of(watch.case(name, frozenset())):
            work.made()
            work.made()
    watch.end()
    assert [called(watch, name) for name in "abc"] == [{"work.py:made"}, {"beside.py:made"}, set()]


def _processes():
    subprocess.run([sys.executable, "-c", ""], check=True)


def _spawned():
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}), 0)


@pytest.mark.behaviour("GATE-113")
@pytest.mark.parametrize(
    "does",
    [
        _processes,
        _spawned,
        lambda: sys.setprofile(sys.getprofile()),
    ],
)
def test_what_cannot_be_seen_is_said(watch, tmp_path, does):
    work = load(watch, str(tmp_path / "packages/a/src/emel_a/work.py"))
    watch.begin()
    with watch.on_behalf_of(watch.case("a", frozenset())):
        does()
        sys.setprofile(None)  # that a test leaves it so is no reason to see nothing of the next
    with watch.on_behalf_of(watch.case("b", frozenset())):
        work.made()
    watch.end()
    assert (called(watch, "a"), called(watch, "b")) == (None, {"work.py:made"})


@pytest.mark.behaviour("GATE-113")
def test_what_a_fixture_calls_counts_for_all_that_use_it(watch, tmp_path, monkeypatch):
    work = load(watch, str(tmp_path / "packages/a/src/emel_a/work.py"))
    config = SimpleNamespace(stash=pytest.Stash(), rootpath=tmp_path)
    monkeypatch.setattr(reaching, "Watch", lambda _: watch)
    reaching.pytest_load_initial_conftests(config)
    files, parent = ("t.py", "t.py", "u.py"), SimpleNamespace()
    items = [
        SimpleNamespace(
            nodeid=f"{file}::{name}", config=config, fixturenames=uses, parent=parent, path=None
        )
        for file, name, uses in zip(files, "abc", (("one",), ("one", "two"), ()), strict=True)
    ]
    items[2].parent = SimpleNamespace()

    def fixture(name, scope, does):
        made = SimpleNamespace(argname=name, scope=scope)
        drive(reaching.pytest_fixture_setup(made, SimpleNamespace(config=config)), does)

    def first():
        fixture("one", "module", work.made)
        fixture("two", "function", work.last)

    drive(reaching.pytest_runtest_protocol(items[0]), first)
    drive(
        reaching.pytest_runtest_protocol(items[1]), lambda: fixture("late", "session", work.other)
    )
    drive(reaching.pytest_runtest_teardown(items[0], items[1]), lambda: None)
    drive(reaching.pytest_runtest_protocol(items[2]), lambda: None)
    reaching.pytest_unconfigure(config)
    names = {name: called(watch, item.nodeid) for name, item in zip("abc", items, strict=True)}
    plain = {
        name: {each.partition(":")[2].partition(".")[0] for each in names[name]} for name in names
    }
    assert plain == {
        "a": {"made", "last", "other"},
        "b": {"made", "other"},
        "c": {"other"},
    }


@pytest.mark.behaviour("GATE-113")
def test_what_ends_after_the_last_test_of_a_file_counts_for_all_of_it(watch, tmp_path):
    work = load(watch, str(tmp_path / "packages/a/src/emel_a/work.py"))
    config = SimpleNamespace(stash=pytest.Stash())
    config.stash[reaching._KEY] = watch
    names = ("t.py::a", "t.py::b", "u.py::c")
    items = [SimpleNamespace(nodeid=name, config=config, parent=name[0]) for name in names]
    watch.begin()
    for name in names:
        watch.case(name, frozenset())
    drive(reaching.pytest_runtest_teardown(items[0], items[1]), lambda: None)
    drive(reaching.pytest_runtest_teardown(items[1], items[2]), work.made)
    drive(reaching.pytest_runtest_teardown(items[2], None), work.other)
    watch.end()
    made, other = "work.py:made", {"work.py:other", "work.py:other.<locals>.<listcomp>"}
    assert [called(watch, name) - other for name in names] == [{made}, {made}, set()]
    assert all("work.py:other" in called(watch, name) for name in names)


def drive(hook, does):
    """Run a hook that wraps others, and something in their place."""
    next(hook)
    does()
    with pytest.raises(StopIteration):
        hook.send(None)


@pytest.mark.behaviour("GATE-113")
@pytest.mark.parametrize(("status", "is_there"), [(0, True), (1, False)])
def test_what_was_seen_is_written_down_if_all_passed(watch, tmp_path, status, is_there):
    path = tmp_path / "seen.json"
    config = SimpleNamespace(stash=pytest.Stash(), getoption=lambda _: path)
    config.stash[reaching._KEY] = watch
    reaching.pytest_sessionfinish(SimpleNamespace(config=config), status)
    assert path.exists() == is_there
    added = []
    group = SimpleNamespace(addoption=lambda name, **_: added.append(name))
    reaching.pytest_addoption(SimpleNamespace(getgroup=lambda _: group))
    assert added == ["--emel-reached"]
