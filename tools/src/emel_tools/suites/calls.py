"""Which functions of the packages are called, which sources looked at, and on whose behalf.

What runs as something is imported, or as a cache is filled, runs for whoever comes first: it counts
as called by all tests, as does what runs before the first of them; but what a file of tests does as
it is collected counts for its own. What a fixture calls that others use, too, counts for all that
use it. Of a test that starts a process, or takes the place of the profile function, it can't be
told what it calls.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import CodeType, FrameType
from typing import Final, Literal, NamedTuple, TypeAlias

from emel_tools import audits
from emel_tools.scope import observed
from emel_tools.scope.altered import TESTS
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

Kind: TypeAlias = Literal["foreign", "ours", "once", "starts"]
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
        self.read: set[str] = set()
        """Sources of the packages that were looked at."""
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
        self._inside: dict[FrameType, Calls] = {}
        """Frames that are being run for all tests, or for those of a file that is collected."""
        self._for_all = Calls()
        self._behalf = self._for_all
        self._fixtures: dict[str, Calls] = {}
        self._cases: dict[str, tuple[Calls, frozenset[str]]] = {}
        self._uses: frozenset[str] = frozenset()
        self._profile = self.see
        self._end_listening: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Watch this thread, and all that begin from now on."""
        threading.setprofile(self._profile)
        tracing.begin()
        self._end_listening = audits.listen(("open",).__contains__, self.hear)
        self.resume()

    def resume(self) -> None:
        """Watch this thread again, if a test has put another profile function in the place."""
        if sys.getprofile() is not self._profile:
            sys.setprofile(self._profile)

    def end(self) -> None:
        """Watch no more."""
        self._behalf = Calls()  # on whose behalf the profile function changes here
        self._inside.clear()
        self._end_listening()
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
            if known.kind == "once":
                self._enter(frame)
            calls = self._shared() if self._inside else self._behalf
            calls.names.add(known.name)
            if known.kind == "starts":
                calls.all_seen = False
        elif event == "c_call":
            if called in _UNSEEN:
                (self._shared() if self._inside else self._behalf).all_seen = False
        elif self._inside and event == "return":
            self._inside.pop(frame, None)

    def hear(self, _event: str, arguments: tuple[object, ...], frame: FrameType) -> None:
        """Note that a source is looked at."""
        path = self._relative(observed.spelled(arguments[0])) if observed.looks(frame) else ""
        if path:
            (self._shared() if self._inside else self._behalf).read.add(path)

    def _enter(self, frame: FrameType) -> None:
        """Begin what runs once: a file of tests for its own, unless a test imports it."""
        file = self._tests(frame.f_code) if self._behalf is self._for_all else ""
        self._inside[frame] = self._of_file(file) if file else self._for_all

    def _shared(self) -> Calls:
        """Say on whose behalf that is which runs once: for all, if it isn't for one file alone."""
        found = {*self._inside.values()}  # of all threads, so that it may be empty by now
        return found.pop() if len(found) == 1 else self._for_all

    def _of_file(self, name: str) -> Calls:
        """Say where that is noted which all tests of a file have called."""
        return self._fixtures.setdefault(name, Calls())

    def _look_at(self, code: CodeType) -> Known:
        """Say what a function is. Code is equal to that of another file if it looks the same."""
        found = self._alike.get((code.co_filename, code))
        if found is not None:
            return found
        path = self._relative(code.co_filename)
        kind: Kind = "ours" if path else "foreign"
        if code.co_name == "<module>" or code in self._cached:
            kind = "once"
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

    def goes_on(self, file: str) -> None:
        """Note from now on for all tests of a file, or of all files; the test that ran is over."""
        self.resume()
        self._behalf = self._of_file(file) if file else self._for_all

    def watched(self) -> Watched:
        """Say what was seen."""
        loaded = {self._relative(str(getattr(m, "__file__", ""))) for m in [*sys.modules.values()]}
        run = {name.partition(":")[0] for name in self._for_all.names if name.endswith(_BODY)}
        if loaded - run - {""}:  # what was called as that was imported wasn't seen
            self._for_all.all_seen = False
        names: dict[str, int] = {}
        cases: dict[str, list[int] | None] = {}
        read: dict[str, list[str]] = {}
        for node_id, (own, fixtures) in self._cases.items():
            used = (*fixtures, node_id.partition("::")[0])
            shared = [self._fixtures[each] for each in used if each in self._fixtures]
            every = (self._for_all, own, *shared)
            called = frozenset[str]().union(*(calls.names for calls in every)) - {""}
            numbers = sorted(names.setdefault(name, len(names)) for name in sorted(called))
            cases[node_id] = numbers if all(calls.all_seen for calls in every) else None
            looked_at = frozenset[str]().union(*(calls.read for calls in every))
            if looked_at:
                read[node_id] = sorted(looked_at)
        return Watched(sorted(loaded - {""}), list(names), cases, read)

    def _relative(self, path: str) -> str:
        found = self._spelled(path)
        return found if "/src/" in found else ""

    def _tests(self, code: CodeType) -> str:
        """Spell the file of tests that is run; empty if it is something else."""
        found = self._spelled(code.co_filename)
        is_file = code.co_name == "<module>" and "/tests/" in found
        return found if is_file and PurePosixPath(found).match(TESTS) else ""

    def _spelled(self, path: str) -> str:
        spelled = path.replace(os.sep, "/")  # a test may have taken all else of `os` away
        rest = spelled.removeprefix(self._prefix)
        return f"packages/{rest}" if rest != spelled else ""
