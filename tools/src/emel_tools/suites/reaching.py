"""The plugin for pytest that notes which functions of the packages each test calls.

`-p emel_tools.suites.reaching --emel-reached=FILE`. Tests take half as long again with it, so the
gate asks for it only where what is known of a suite doesn't hold any more.

What runs as something is imported, or as a cache is filled, runs for whoever comes first: it counts
as called by all tests, as does what runs before the first of them. What a fixture calls that others
use, too, counts for all that use it. Of a test that starts a process, or takes the place of the
profile function, it can't be told what it calls.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import pytest

from emel_tools.scope.cached import Cached
from emel_tools.suites import tracing
from emel_tools.suites.reached import Watched

_UNSEEN: Final = frozenset(
    (
        sys.setprofile,
        getattr(os, "fork", None),
        getattr(os, "forkpty", None),
        getattr(os, "posix_spawn", None),
        getattr(os, "posix_spawnp", None),
        getattr(os, "system", None),
    )
)
"""Functions without code: once one is called, it can't be told what else is."""
_STARTING: Final = frozenset(("Popen._execute_child", "Popen._launch"))
"""What `subprocess` and `multiprocessing` come to where they start a process."""
_BODY: Final = ":<module>"
_KEY: Final = pytest.StashKey["Watch"]()

Kind: TypeAlias = Literal["foreign", "ours", "for all", "starts"]
"""What a function is: of a package; what runs just once; what starts a process."""


class Known(NamedTuple):
    """A function that was called."""

    code: CodeType
    kind: Kind
    name: str
    """As `packages/a/src/emel_a/b.py:C.d`; empty if it is of no package."""


class Calls:
    """What was called on behalf of a test, of a fixture, or of all tests."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.all_seen = True


class Watch:
    """What is called, and on whose behalf.

    Parameters
    ----------
    root
        The repository.
    """

    def __init__(self, root: Path) -> None:
        self._prefix = f"{root.as_posix()}/packages/"
        self._known: dict[CodeType, Known] = {}
        self._alike: dict[tuple[str, CodeType], Known] = {}
        """Code of other files that is equal to some that is known."""
        self._cached = Cached(root)
        self._once: set[FrameType] = set()
        """Frames that are being run for all tests."""
        self._for_all = Calls()
        self._behalf = self._for_all
        self._fixtures: dict[str, Calls] = {}
        self._cases: dict[str, tuple[Calls, frozenset[str]]] = {}
        self._uses: frozenset[str] = frozenset()
        self._profile = self.see

    def begin(self) -> None:
        """Watch this thread, and all that begin from now on."""
        threading.setprofile(self._profile)
        tracing.begin()
        self.resume()

    def resume(self) -> None:
        """Watch this thread again, if a test has put another profile function in the place."""
        if sys.getprofile() is not self._profile:
            sys.setprofile(self._profile)

    def end(self) -> None:
        """Watch no more."""
        self._behalf = Calls()  # on whose behalf the profile function changes here
        sys.setprofile(None)
        threading.setprofile(None)

    def see(self, frame: FrameType, event: str, called: object) -> None:
        """Note a call. All events come here: each thing that is asked for takes seconds."""
        if event == "call":
            code = frame.f_code
            known = self._known.get(code)
            if known is None or known.code is not code:
                known = self._look_at(code)
            if known.kind == "foreign":
                return
            if known.kind == "for all":
                self._once.add(frame)
            elif known.kind == "starts":
                self._behalf.all_seen = False
            calls = self._for_all if self._once else self._behalf
            calls.names.add(known.name)
        elif event == "c_call":
            if called in _UNSEEN:
                self._behalf.all_seen = False
        elif self._once and event == "return":
            self._once.discard(frame)

    def _look_at(self, code: CodeType) -> Known:
        """Say what a function is. Code is equal to that of another file if it looks the same."""
        found = self._alike.get((code.co_filename, code))
        if found is not None:
            return found
        path = self._relative(code.co_filename)
        kind: Kind = "ours" if path else "foreign"
        if code.co_name == "<module>" or code in self._cached:
            kind = "for all"
        elif code.co_qualname in _STARTING:
            kind = "starts"
        known = Known(code, kind, f"{path}:{code.co_qualname}" if path else "")
        self._known.setdefault(code, known)
        self._alike[code.co_filename, code] = known
        return known

    @contextmanager
    def on_behalf_of(self, calls: Calls) -> Generator[None]:
        """Let all that is called inside count for a test, or for whoever uses a fixture."""
        before, self._behalf = self._behalf, calls
        try:
            yield
        finally:
            self._behalf = before

    def case(self, node_id: str, fixtures: frozenset[str]) -> Calls:
        """Say where the calls of a test are noted, which uses fixtures with these names."""
        self.resume()
        calls, self._uses = Calls(), fixtures
        self._cases[node_id] = calls, fixtures
        return calls

    def shared(self, name: str) -> Calls:
        """Say where the calls of a fixture are noted, which the test that runs may ask for late."""
        return self._fixtures.setdefault(name, Calls()) if name in self._uses else self._for_all

    def afterwards(self, file: str, *, is_last: bool) -> Calls:
        """Say where that is noted which follows the last test of a file, or of all."""
        self.resume()
        return self._for_all if is_last else self._fixtures.setdefault(file, Calls())

    def watched(self) -> Watched:
        """Say what was seen."""
        loaded = {self._relative(str(getattr(m, "__file__", ""))) for m in [*sys.modules.values()]}
        run = {name.partition(":")[0] for name in self._for_all.names if name.endswith(_BODY)}
        if loaded - run - {""}:  # what was called as that was imported wasn't seen
            self._for_all.all_seen = False
        names: dict[str, int] = {}
        cases: dict[str, list[int] | None] = {}
        for node_id, (own, fixtures) in self._cases.items():
            used = (*fixtures, node_id.partition("::")[0])
            shared = [self._fixtures[each] for each in used if each in self._fixtures]
            every = (self._for_all, own, *shared)
            called = frozenset[str]().union(*(calls.names for calls in every)) - {""}
            numbers = sorted(names.setdefault(name, len(names)) for name in sorted(called))
            cases[node_id] = numbers if all(calls.all_seen for calls in every) else None
        return Watched(sorted(loaded - {""}), list(names), cases)

    def _relative(self, path: str) -> str:
        spelled = path.replace(os.sep, "/")  # a test may have taken all else of `os` away
        rest = spelled.removeprefix(self._prefix)
        return f"packages/{rest}" if rest != spelled and "/src/" in rest else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where it is written down."""
    group = parser.getgroup("emel")
    group.addoption("--emel-reached", default="", help="where to write down what tests call")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before any module of ours is imported: a conftest may import all of them."""
    early_config.stash[_KEY] = Watch(early_config.rootpath)
    early_config.stash[_KEY].begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End."""
    config.stash[_KEY].end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note on behalf of one test."""
    watch = item.config.stash[_KEY]
    fixtures = frozenset[str](getattr(item, "fixturenames", ()))
    with watch.on_behalf_of(watch.case(item.nodeid, fixtures)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Note what ends fixtures of more tests than one on behalf of all of a file."""
    if nextitem is not None and nextitem.parent is item.parent:
        return (yield)
    watch = item.config.stash[_KEY]
    file = item.nodeid.partition("::")[0]
    with watch.on_behalf_of(watch.afterwards(file, is_last=nextitem is None)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Note on behalf of all that use a fixture, unless each test has one of its own."""
    if fixturedef.scope == "function":
        return (yield)
    watch = request.config.stash[_KEY]
    with watch.on_behalf_of(watch.shared(fixturedef.argname)):
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write down what was seen, if all tests have passed."""
    watch = session.config.stash[_KEY]
    watch.end()
    path = str(session.config.getoption("emel_reached") or "")
    if path and exitstatus == pytest.ExitCode.OK:
        Path(path).write_bytes(msgspec.json.encode(watch.watched()))
