"""The plugin for pytest: `-p emel_tools.boundaries.witness.plugin`.

Each process records what happens in it. Workers of xdist hand theirs to the controller, which
judges the run and, if it was all the tests of one shard, writes it down.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from emel_tools.boundaries.table import FILE
from emel_tools.boundaries.witness import calls, recorder, shards
from emel_tools.boundaries.witness.events import Use
from emel_tools.boundaries.witness.table import read_table
from emel_tools.boundaries.witness.verdict import violations
from emel_tools.findings import Finding
from emel_tools.suites.parts import suffix

_OUTPUT: Final = "emel_witness"
# Options that leave tests out without deselecting them.
_NARROWING: Final = ("collectonly", "ignore", "ignore_glob", "lf")


class _Node(Protocol):
    """What xdist, which has no types, says of a worker; one that crashed has no `workeroutput`."""

    config: pytest.Config


class Witness:
    """What one process of a run sees, from when it is made until `end`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recorder = recorder.Recorder(root)
        self._end = recorder.start(self.recorder)
        self.narrowed = False
        """Whether some tests were left out, so that the shard isn't whole."""
        self.findings: list[Finding] = []

    def end(self) -> None:
        """See no more; a second time nothing happens."""
        self._end()

    def merge(self, rows: Sequence[Sequence[Any]], *, narrowed: bool) -> None:
        """Add what a worker has seen."""
        for *use, test in rows:
            self.recorder.uses.setdefault(Use(*use), test)
        self.narrowed |= narrowed

    def rows(self) -> list[list[str | int]]:
        """Spell the uses for a pipe."""
        return [[*use, test] for use, test in self.recorder.uses.items()]


_KEY: Final = pytest.StashKey[Witness]()


def _begin(config: pytest.Config) -> None:
    if not (config.rootpath / FILE).exists():
        raise pytest.UsageError(f"{config.rootpath} has no {FILE}, so nothing says who may do what")
    config.stash[_KEY] = Witness(config.rootpath)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before any module of ours is imported."""
    _begin(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Begin in a worker, to which xdist hands its plugins late."""
    if _KEY not in config.stash:
        _begin(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End, also where no session was begun or one was interrupted."""
    if _KEY in config.stash:
        config.stash[_KEY].end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Say which test is running."""
    seen = item.config.stash[_KEY].recorder
    seen.test = item.nodeid
    calls.look_again()
    try:
        return (yield)
    finally:
        seen.test = recorder.OUTSIDE_TESTS


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Learn that some tests were left out."""
    for item in items[:1]:
        item.config.stash[_KEY].narrowed = True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: _Node) -> None:
    """Take what a worker has seen; one that crashed has nothing to say, and the run is red."""
    output = getattr(node, "workeroutput", {}).get(_OUTPUT)
    if output:
        node.config.stash[_KEY].merge(output["rows"], narrowed=output["narrowed"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand over what was seen, or judge it: one use that isn't in the table makes the run red."""
    config = session.config
    witness = config.stash[_KEY]
    witness.end()
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = {"rows": witness.rows(), "narrowed": witness.narrowed}
        return
    witness.findings = violations(read_table(witness.root), witness.recorder.uses)
    if exitstatus == pytest.ExitCode.OK:
        shard = shards.shard_of(witness.root, config.args, config.invocation_params.dir)
        left_out = any(getattr(config.option, name, None) for name in _NARROWING)
        if shard and not (witness.narrowed or left_out):
            is_whole = not config.getoption("emel_kept", None)
            uses = witness.recorder.uses
            shards.write(witness.root, shard, uses, _part(config), whole=is_whole)
        if witness.findings:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _part(config: pytest.Config) -> str:
    """Say which part of the shard's tests runs, if the gate has divided them."""
    number, _, of = str(config.getoption("emel_part", None) or "1/1").partition("/")
    return suffix(int(number), int(of))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what isn't in the table."""
    witness = terminalreporter.config.stash[_KEY]
    if witness.findings:
        terminalreporter.section("capabilities used and not in the table", red=True)
        for finding in witness.findings:
            terminalreporter.line(str(finding))
    if not calls.SEEN:
        terminalreporter.line(
            "witness: this Python doesn't show calls such as os.pread and os.fstat; 3.12 does"
        )
