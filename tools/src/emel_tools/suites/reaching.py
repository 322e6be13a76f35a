"""The plugin for pytest that notes which functions of the packages each test calls (`calls`).

`-p emel_tools.suites.reaching --emel-reached=FILE`. Tests take half as long again with it, so the
gate asks for it only where what is known of a suite doesn't hold any more.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import pytest
from coverage import Coverage

from emel_tools.suites import arcs
from emel_tools.suites.calls import Watch

_KEY: Final = pytest.StashKey[Watch]()


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
    """Note on behalf of one test; where lines are counted, which of them it runs, too."""
    watch = item.config.stash[_KEY]
    fixtures = frozenset[str](getattr(item, "fixturenames", ()))
    with counted_for(item.nodeid), watch.on_behalf_of(watch.case(item.nodeid, fixtures)):
        return (yield)


@contextmanager
def counted_for(node_id: str) -> Generator[None]:
    """Let coverage, if it counts, keep the lines that a test runs apart (`arcs`)."""
    counting = Coverage.current()
    if counting is None:
        yield
        return
    counting.switch_context(node_id)
    try:
        yield
    finally:
        counting.switch_context(arcs.NOBODY)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Note what ends with the last test of a file on behalf of all of it.

    What is said last is done first: before all that ends there, and after the test's own.
    """
    if nextitem is None or nextitem.parent is not item.parent:
        watch, file = item.config.stash[_KEY], item.nodeid.partition("::")[0]
        for node in item.listchain()[:-1]:
            is_of_file = node.nodeid.partition("::")[0] == file
            node.addfinalizer(partial(watch.goes_on, file if is_of_file else ""))
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
