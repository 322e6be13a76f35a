"""What each test calls is noted, on whose behalf, and where it can't be told."""

import gc
import importlib.util
import json
import linecache
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from emel_tools.scope import observed
from emel_tools.scope.cached import Cached
from emel_tools.suites import reaching
from emel_tools.suites.calls import Watch

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


@pytest.mark.behaviour("GATE-113")
def test_a_source_that_is_looked_at_counts_for_whoever_does(watch, tmp_path):
    source, other = (tmp_path / f"packages/a/src/emel_a/{name}.py" for name in ("work", "beside"))
    watch.begin()
    with watch.on_behalf_of(watch.case("a", frozenset())):
        assert source.read_text() == other.read_text()
        assert linecache.getline(str(other), 1) == "import functools\n"
        assert Path(__file__).read_bytes()
    with watch.on_behalf_of(watch.case("b", frozenset())):
        spec = importlib.util.spec_from_file_location("work", source)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    with watch.on_behalf_of(watch.case("c", frozenset())), observed.unnoted():
        assert source.read_bytes()
    with watch.on_behalf_of(watch.case("d", frozenset())):
        thread = threading.Thread(target=source.read_bytes)
        thread.start()
        thread.join()
    watch.end()
    assert source.read_bytes()
    paths = [path.relative_to(tmp_path).as_posix() for path in (other, source)]
    assert watch.watched().read == {"a": paths, "d": paths[1:]}


@pytest.mark.behaviour("GATE-113")
def test_nobody_tells_a_watch_anything_once_it_has_ended(tmp_path):
    before = threading.getprofile()
    ended = Watch(tmp_path)
    ended.begin()
    ended.end()
    threading.setprofile(before)
    held = weakref.ref(ended)
    del ended
    gc.collect()
    assert held() is None


class Frame:
    """A call, for who is told of it by hand: coverage sees nothing of what an event comes to."""

    def __init__(self, code):
        self.f_code = code


@pytest.mark.behaviour("GATE-113")
def test_a_source_counts_for_all_where_something_looks_at_it_once_for_all(watch, tmp_path):
    work = load(watch, str(tmp_path / "packages/a/src/emel_a/work.py"))
    source, frame = work.__file__, Frame(write.__code__)
    with watch.on_behalf_of(watch.case("a", frozenset())):
        watch.hear("open", (os.fsencode(source), "rb", 0), frame)
        watch.hear("open", (7, "rb", 0), frame)
        watch.hear("open", (__file__, "rb", 0), frame)
    with watch.on_behalf_of(watch.case("b", frozenset())):
        assert {*watch.watched().read} == {"a"}
        watch.see(Frame(work.table.__wrapped__.__code__), "call", None)
        watch.hear("open", (source, "rb", 0), frame)
    assert {*watch.watched().read} == {"a", "b"}
    watch.case("c", frozenset())
    assert watch.watched().read["c"] == ["packages/a/src/emel_a/work.py"]


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
@pytest.mark.parametrize(
    ("decorators", "runs_once"),
    [
        ("@cache", True),
        ("@functools.lru_cache(\n    maxsize=3\n)", True),
        ('@given(\n    "a",\n)\n@cached_property', True),
        ('@given("cached")', False),
        ('@given(\n    ["cache"]\n)', False),
        ("", False),
    ],
)
def test_what_runs_once_is_told_by_the_names_of_decorators(tmp_path, decorators, runs_once):
    path = tmp_path / "packages/a/src/emel_a/work.py"
    path.parent.mkdir(parents=True)
    path.write_text(f"{decorators}\ndef made():\n    pass\n\n\n@cache\ndef next():\n    pass\n")
    body = compile(path.read_text(), str(path), "exec")
    code = next(each for each in body.co_consts if getattr(each, "co_name", "") == "made")
    path.with_name(".#b.py").symlink_to("somebody@host.1:2")  # an editor's lock is no source
    path.with_name("c.py").write_bytes(b"# a cache \xe9\n")  # no UTF-8, which boundaries tells
    assert (code in Cached(tmp_path)) == runs_once


@pytest.mark.behaviour("GATE-113")
def test_what_a_file_of_tests_does_as_it_is_collected_counts_for_its_own(watch, tmp_path):
    one, two, late = (tmp_path / f"packages/a/tests/test_{name}.py" for name in ("1", "2", "3"))
    names = [f"packages/a/tests/{path.name}::t" for path in (one, two, late)]
    work = load(watch, str(tmp_path / BESIDE))
    for path in (one, two, late):
        write(path)
    bodies = [
        Frame(importlib.util.spec_from_file_location("t", path).loader.get_code("t"))
        for path in (one, two, late, tmp_path / "packages/a/tests/conftest.py")
        if path.exists() or write(path) is None
    ]

    def runs(frame, *functions, inside=None):
        watch.see(frame, "call", None)
        for function in functions:
            watch.see(Frame(function.__code__), "call", None)
        if inside:
            inside()
        watch.see(frame, "return", None)

    runs(bodies[0], work.made, inside=lambda: runs(bodies[3], work.last))
    runs(bodies[1], work.made)
    for name in names:
        with watch.on_behalf_of(watch.case(name, frozenset())):
            runs(bodies[2], work.other)  # a test that imports others runs them for all
    watch.end()
    assert [called(watch, name) for name in names] == [
        {"beside.py:made", "beside.py:last", "beside.py:other"},
        {"beside.py:made", "beside.py:last", "beside.py:other"},
        {"beside.py:last", "beside.py:other"},
    ]


@pytest.mark.behaviour("GATE-113")
@pytest.mark.parametrize("turn", range(12))
def test_what_runs_once_inside_a_file_of_tests_counts_for_all(watch, tmp_path, turn):
    """Whichever of two comes first from a set: twelve times it isn't the right one by chance."""
    work = load(watch, str(tmp_path / BESIDE))
    for path in (f"tests/test_{turn}.py", "src/emel_a/test_more.py"):
        file = tmp_path / "packages/a" / path
        write(file)
        body = importlib.util.spec_from_file_location("t", str(file)).loader.get_code("t")
        watch.see(Frame(body), "call", None)
    watch.see(Frame(work.made.__code__), "call", None)
    watch.case("a", frozenset())
    watch.end()
    assert "beside.py:made" in called(watch, "a")


@pytest.mark.behaviour("GATE-113")
@pytest.mark.parametrize("event", [("call", None), ("c_call", sys.setprofile)], ids=["call", "c"])
def test_what_is_cached_and_starts_a_process_hides_what_all_tests_call(watch, tmp_path, event):
    outer = Frame(load(watch, str(tmp_path / BESIDE)).table.__wrapped__.__code__)
    with watch.on_behalf_of(watch.case("a", frozenset())):
        watch.see(outer, "call", None)
        watch.see(Frame(subprocess.Popen._execute_child.__code__), *event)
        watch.see(outer, "return", None)
    with watch.on_behalf_of(watch.case("b", frozenset())):
        watch.see(outer, "c_return", None)
    watch.end()
    assert (called(watch, "a"), called(watch, "b")) == (None, None)


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
    ends = {"": [work.last], "t.py": [work.made]}
    chain = [SimpleNamespace(nodeid=name, addfinalizer=ends[name].append) for name in ends]
    items = [SimpleNamespace(nodeid=name, config=config, parent=chain[-1]) for name in NAMES]
    for item in items:
        item.listchain = lambda item=item: [*chain, item]

    def ends_all():
        work.other()
        for does in (*reversed(ends["t.py"]), *reversed(ends[""])):
            does()

    watch.begin()
    for item, following, does in zip(items, (items[1], None), (int, ends_all), strict=True):
        with watch.on_behalf_of(watch.case(item.nodeid, frozenset())):
            drive(reaching.pytest_runtest_teardown(item, following), does)
    watch.case("u.py::c", frozenset())
    watch.end()
    own = {"work.py:other", "work.py:other.<locals>.<listcomp>"}
    assert called(watch, NAMES[0]) == {"work.py:made", "work.py:last"}
    assert called(watch, NAMES[1]) - own == {"work.py:made", "work.py:last"}
    assert "work.py:other" in called(watch, NAMES[1])
    assert called(watch, "u.py::c") == {"work.py:last"}


NAMES = ("t.py::a", "t.py::b")
PROJECT = {
    "packages/a/src/emel_a/work.py": "".join(
        f"def {name}():\n    return 1\n\n\n"
        for name in ("collected", "begun", "own", "ended", "file_ended", "all_ended", "called")
    ),
    "packages/a/tests/conftest.py": """\
import pytest
from emel_a import work


@pytest.fixture(scope="session", autouse=True)
def everywhere():
    yield
    work.all_ended()


@pytest.fixture
def own():
    work.own()
    yield
    work.ended()
""",
    "packages/a/tests/test_one.py": """\
import pytest
from emel_a import work

work.collected()


@pytest.fixture(scope="module")
def shared():
    work.begun()
    yield
    work.file_ended()


def test_a(shared):
    pass


def test_b(own):
    pass
""",
    "packages/a/tests/test_two.py": """\
from emel_a import work


def test_c(own):
    work.called()


def test_d():
    pass
""",
}


@pytest.mark.behaviour("GATE-113")
@pytest.mark.parametrize("files", [("one", "two"), ("two", "one")], ids=["1-2", "2-1"])
def test_whatever_runs_last_what_pytest_ends_counts_for_whom_it_was(tmp_path, files):
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    tests = [f"packages/a/tests/test_{name}.py" for name in files]
    plugins = ("-p", "emel_tools.suites.reaching", "-p", "no:randomly", "-p", "no:cacheprovider")
    seen = tmp_path / "seen.json"
    words = [sys.executable, "-m", "pytest", *plugins, f"--rootdir={tmp_path}", "-q"]
    subprocess.run(
        [*words, f"--emel-reached={seen}", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "packages/a/src")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = json.loads(seen.read_bytes())
    assert {
        node_id.rpartition("::")[2]: {
            found["functions"][number].rpartition(":")[2] for number in numbers
        }
        - {"<module>"}
        for node_id, numbers in found["cases"].items()
    } == {
        "test_a": {"collected", "begun", "file_ended", "all_ended"},
        "test_b": {"collected", "own", "ended", "file_ended", "all_ended"},
        "test_c": {"own", "ended", "called", "all_ended"},
        "test_d": {"all_ended"},
    }


@pytest.mark.behaviour("GATE-116")
@pytest.mark.parametrize("is_counted", [True, False])
def test_where_lines_are_counted_each_test_has_its_own(monkeypatch, is_counted):
    told = []
    counting = SimpleNamespace(switch_context=told.append) if is_counted else None
    monkeypatch.setattr(reaching, "Coverage", SimpleNamespace(current=lambda: counting))
    with pytest.raises(KeyError), reaching.counted_for("a.py::test_a"):
        told.append("breaks")
        raise KeyError
    with reaching.counted_for("a.py::test_b"):
        told.append("runs")
    expected = ["a.py::test_a", "breaks", "", "a.py::test_b", "runs", ""]
    assert told == (expected if is_counted else ["breaks", "runs"])


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
