"""The plugin for pytest that the gate runs every suite with: `-p emel_tools.suites.plugin`.

It makes a run a function of the tree and the seed (Hypothesis draws the same examples every time,
and knows no deadline), takes the tests of one part, and writes down what happened to each.
"""

from __future__ import annotations

import gc
import os
import re
import time
import traceback
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from emel_tools.running.results import writable
from emel_tools.scope import observed
from emel_tools.suites import asserted, record, tracing
from emel_tools.suites.cases import case
from emel_tools.suites.parts import is_collected, number_of
from emel_tools.suites.record import ENDED, LEAST, Case, Record, Trouble

_LINES: Final = 6
"""How many lines of what pytest says of a failure are kept."""
_CONSTANTS: Final = "_get_local_constants"
_KEY: Final = pytest.StashKey["Observer"]()

settings.register_profile("gate", derandomize=True, deadline=None, database=None)


class Observer:
    """What is seen of one run."""

    def __init__(self, config: pytest.Config, path: Path | None) -> None:
        self.config = config
        self.path = path
        self.began = time.monotonic()
        self.cases: list[Case] = []
        self.functions: list[str] = []
        self.ended: list[str] = []
        self.deselected: list[str] = []
        self.kept: list[str] = []
        self.troubles: list[Trouble] = []
        self.running = None if path is None else _opened(path.with_suffix(".running"))

    def begins(self, item: pytest.Item) -> None:
        """Write down which test runs now, so that it is known if it ends the process."""
        if self.running is not None:
            os.write(self.running, f"{item.nodeid}\n".encode())

    def see(
        self, kind: record.Kind, node_id: str, file: str, line: int, what: str, *more: str
    ) -> None:
        """Remember a test that didn't simply pass, by the first lines of all that is said of it."""
        told = [line for each in (what, *more) for line in each.strip().splitlines()[:_LINES]]
        self.troubles.append(Trouble(kind, node_id, file, line, writable("\n".join(told))))

    def relative(self, path: Path) -> str:
        """Spell a path from the root."""
        root = self.config.rootpath
        return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the gate hands over."""
    group = parser.getgroup("emel")
    group.addoption("--emel-record", default="", help="where to write down what happens")
    group.addoption("--emel-kept", default="", help="a file that lists tests that needn't run")
    group.addoption("--emel-part", default="1/1", help="run one part of the tests, as 1/2")


def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    settings.load_profile("gate")
    observed.take_notes(config.rootpath)  # the scope wants to know what tests open
    tracing.begin()
    path = str(config.getoption("emel_record") or "")
    config.stash[_KEY] = Observer(config, Path(path).resolve() if path else None)
    asserted.watch()


def pytest_unconfigure() -> None:
    """End."""
    asserted.watch(ends=True)


def _part(config: pytest.Config) -> tuple[int, int]:
    number, _, of = str(config.getoption("emel_part")).partition("/")
    return int(number), int(of)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files alone that another part imports."""
    if collection_path.suffix != ".py":
        return None
    path = config.stash[_KEY].relative(collection_path)
    return None if is_collected(path, *_part(config)) else True


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember what somebody left out."""
    for item in items:
        item.config.stash[_KEY].deselected.append(item.nodeid)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Take the tests of this part.

    Hypothesis parses here what is imported, for its constants: it looks at no comment.
    """
    with observed.unnoted():
        yield
    observer = config.stash[_KEY]
    number, of = _part(config)
    mine = [item for item in items if number_of(item.nodeid, of) == number]
    observer.functions = sorted({item.nodeid.partition("[")[0] for item in items})
    observer.cases = [case(item) for item in mine]
    kept = _kept(config)
    observer.kept = [item.nodeid for item in mine if item.nodeid in kept]
    items[:] = [item for item in mine if item.nodeid not in kept]


def _kept(config: pytest.Config) -> frozenset[str]:
    path = str(config.getoption("emel_kept") or "")
    return frozenset(Path(path).read_text("utf-8").splitlines()) if path else frozenset()


def pytest_collection_finish() -> None:
    """Let Hypothesis draw from the constants of the modules that are loaded now, and of no others.

    It looks for new modules before each example, so that what it draws would depend on the order of
    the tests.
    """
    with observed.unnoted():  # it parses them: what they mean counts, and that is noted anyway
        found: Any = getattr(providers, _CONSTANTS)()
    setattr(providers, _CONSTANTS, lambda: found)
    gc.collect()
    gc.freeze()  # what is loaded stays: collections needn't look at it again and again


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch one test."""
    observer = item.config.stash[_KEY]
    observer.begins(item)
    asserted.forget()
    before = len(observer.troubles)
    result = yield
    observer.ended.append(item.nodeid)
    if len(observer.troubles) == before:  # it passed
        for failure in asserted.failures():
            path = observer.relative(Path(failure.file))
            observer.see("swallowed", item.nodeid, path, failure.line, failure.what)
        _see_how_often(observer, item)
    return result


def _see_how_often(observer: Observer, item: pytest.Item) -> None:
    """Remember a property that was hardly tried: Hypothesis tells on how many examples it was."""
    said = str(getattr(item, "hypothesis_statistics", ""))
    tried = sum(map(int, re.findall(r"(\d+) passing", said)))
    if said and tried < LEAST:
        path, line = observer.relative(item.path), item.reportinfo()[1] or 0
        observer.see("weak", item.nodeid, path, line + 1, f"no more than {tried} examples")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hear what became of a test."""
    report = yield
    if report.passed and not hasattr(report, "wasxfail"):
        return report  # most do, and to spell a path takes longer than many a test
    observer = item.config.stash[_KEY]
    line = item.reportinfo()[1] or 0
    path = observer.relative(item.path)
    if hasattr(report, "wasxfail"):
        observer.see("xfailed", item.nodeid, path, line + 1, str(report.wasxfail))
    elif report.skipped:
        where = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, "")
        observer.see("skipped", item.nodeid, path, line + 1, str(where[2]))
    else:
        kind = "failed" if report.when == "call" else "error"
        inside = [
            entry.lineno + 1
            for entry in (call.excinfo.traceback if call.excinfo else ())
            if Path(entry.path) == item.path
        ]
        at = (inside or [line + 1])[-1]
        observer.see(kind, item.nodeid, path, at, _told(report), _came_of(call))
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Hear of a file that couldn't be collected, or skipped itself."""
    # The hook knows no configuration: there is one run in a process, but for tests of this plugin.
    if report.failed or report.skipped:
        kind = "uncollectable" if report.failed else "skipped"
        path = report.nodeid.partition("::")[0]
        lines = re.findall(rf"^{re.escape(path)}:(\d+):", report.longreprtext, re.MULTILINE)
        _latest().see(kind, report.nodeid, path, int(lines[-1]) if lines else 0, _told(report))


_observers: Final[list[Observer]] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember whose run this is."""
    _observers.append(session.config.stash[_KEY])


def _latest() -> Observer:
    return _observers[-1]


def _told(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    said = [line[1:].strip() for line in report.longreprtext.splitlines() if line[:2] == "E "]
    return "\n".join(said) or report.longreprtext or str(report.longrepr)


def _came_of(call: pytest.CallInfo[None]) -> str:
    """Say what a failure came of: a warning that became an error doesn't say it itself."""
    cause = call.excinfo.value.__cause__ if call.excinfo else None
    return "" if cause is None else f"because of {type(cause).__name__}: {cause}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Write down what was seen, after whatever else ends; or else what has broken that."""
    observer = _observers.pop()
    try:
        yield
        _write(session, observer)
    except BaseException as error:  # of a broken pipe, pytest itself would say nothing
        if observer.path is not None:
            ended(observer.path, error)
        raise


def ended(record: Path, error: BaseException) -> None:
    """Write down what ends the process, beside the record of it."""
    said = "".join(traceback.format_exception(error)).splitlines()[-_LINES:]
    record.with_suffix(ENDED).write_text(writable("\n".join(said)), "utf-8")


def _write(session: pytest.Session, observer: Observer) -> None:
    if observer.path is None or observer.running is None:
        return
    os.close(observer.running)
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    counts = ", ".join(text for text, _ in reporter.build_summary_stats_line()[0])
    seconds = time.monotonic() - observer.began
    record.write(
        observer.path,
        Record(
            int(session.config.getoption("randomly_seed", 0) or 0),
            int(session.exitstatus),
            f"{counts} in {seconds:.1f}s",
            observer.cases,
            observer.functions,
            observer.ended,
            observer.deselected,
            observer.troubles,
            observer.kept,
        ),
    )
