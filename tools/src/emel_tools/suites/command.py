"""Run one part of a suite: pytest in a process of its own, witnessed, its lines counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from emel_tools.suites import record
from emel_tools.suites.parts import Part
from emel_tools.suites.record import Record

_WITNESS: Final = "emel_tools.boundaries.witness.plugin"
_PLUGIN: Final = "emel_tools.suites.plugin"
_REACHING: Final = "emel_tools.suites.reaching"
_GRACE: Final = 10.0
"""Seconds that a process has to say where it is before it is ended."""
_CYCLES: Final = 1_500
"""So often a model is opened and closed in a changed scope, to see that memory stays flat."""


class How(NamedTuple):
    """What is asked of a run."""

    full: bool
    traced: bool
    """Whether lines are counted: only if somebody asks for them, because that takes long."""
    reaching: Path | None = None
    """Where to write down which functions each test calls, if that isn't known."""
    kept: frozenset[str] = frozenset()
    """Tests that needn't run."""


class Ran(NamedTuple):
    """How a run ended."""

    record: Record | None
    """None if it didn't come to its end."""
    exit_code: int
    too_long: bool
    running: str
    """The test that ran last, if it didn't come to its end."""
    said: str = ""
    """What the process said last, if an exception ended it."""


def words(root: Path, part: Part, seed: int, folder: Path, how: How, temporary: Path) -> list[str]:
    """Spell the command.

    What tests write lies in a folder of this run alone. In the one that pytest has for all sessions
    of a machine each deletes what another has left, and is red where two delete the same.

    Coverage starts before pytest does, and not as its plugin, because the plugins are among the
    sources of the tools.
    """
    package = part.package
    tests = (package.folder / "tests").relative_to(root).as_posix()
    source = f"{package.source.relative_to(root).as_posix()},{tests}"
    data = part.coverage(folder)
    counting = ("coverage", "run", "--rcfile=", "--branch", f"--source={source}")
    reaching = ("-p", _REACHING, f"--emel-reached={how.reaching}") if how.reaching else ()
    return [
        *(sys.executable, "-m", *((*counting, f"--data-file={data}", "-m") if how.traced else ())),
        *("pytest", *reaching),
        *("-p", _WITNESS, "-p", _PLUGIN, "-p", "no:cacheprovider", "-p", "no:xdist", "-q"),
        *(f"--randomly-seed={seed}", f"--emel-record={part.record(folder)}"),
        *(f"--emel-part={part.number}/{part.of}", "--color=no", f"--basetemp={temporary}"),
        *((f"--emel-kept={_kept(part, folder)}",) if how.kept else ()),
        tests,
    ]


def _kept(part: Part, folder: Path) -> Path:
    return part.record(folder).with_suffix(".kept")


def run(root: Path, part: Part, seed: int, folder: Path, seconds: float, how: How) -> Ran:
    """Run it, for no longer than some seconds; pytest prints where this process does."""
    path = part.record(folder)
    running, ended = path.with_suffix(".running"), path.with_suffix(record.ENDED)
    for stale in (path, running, ended, part.coverage(folder)):
        stale.unlink(missing_ok=True)
    part.coverage(folder).parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if how.reaching:
        how.reaching.parent.mkdir(parents=True, exist_ok=True)
    _kept(part, folder).write_text("".join(f"{name}\n" for name in sorted(how.kept)), "utf-8")
    sys.stdout.flush()
    # Tests may leave what can't be removed: folders without permissions.
    with TemporaryDirectory(prefix="emel-tests-", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            words(root, part, seed, folder, how, Path(temporary, "of")),
            cwd=root,
            env=environment(seed, full=how.full),
            stdin=subprocess.DEVNULL,
        )
        too_long = not _comes_to_its_end(process, seconds)
    begun = running.read_text("utf-8").splitlines() if running.exists() else []
    found = None if too_long else record.read(path)
    said = ended.read_text("utf-8") if ended.exists() else ""
    return Ran(found, process.returncode, too_long, begun[-1] if begun else "", said)


def _comes_to_its_end(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process, for no longer than some seconds, after which it is ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler says where every thread is
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return False
    return True


def environment(seed: int, *, full: bool) -> dict[str, str]:
    """Say what a run is told: hashes follow from the seed, and what a changed scope cuts short."""
    ours = ("PYTEST_", "COVERAGE_", "HYPOTHESIS_", "EMEL_CYCLES")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    fewer = {} if full else {"EMEL_CYCLES": str(_CYCLES)}
    return {**kept, **fewer, "PYTHONHASHSEED": str(seed % 2**32)}


def again(node_id: str, seed: int) -> str:
    """Spell the command that runs one test again, as it was run."""
    quoted = node_id.replace("'", "'\\''")
    return f"nox -s tests -- '{quoted}' --randomly-seed={seed}"
