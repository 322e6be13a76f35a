"""Lanes that do what no lane should, and what it takes to run them, for tests of whatever does.

Real workers import them: a `sitecustomize` in the folder that `install` makes puts them among the
lanes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from emel_tools.findings import Finding
from emel_tools.running.lane import Job, Lane, Outcome, Reads, Shard
from emel_tools.running.tasks import Task
from emel_tools.scope import Choice

KEPT: Final = ("COLUMNS", "GITHUB_ACTIONS", "LC_ALL", "NO_COLOR", "PYTHONHASHSEED", "TERM")
"""Variables of which the shard `surroundings` tells."""
_SITE: Final = """
import emel_tools.gates
emel_tools.gates.__path__.append({folder!r})
"""
_LANE: Final = "from emel_tools.running.testing import {name} as LANE\n"
_Does: TypeAlias = Callable[[str], Iterator[Outcome]]
_WRONG: Final = Finding("a.py", 1, 0, "wrong", "it is wrong", "mend it")


def _ok(name: str) -> Iterator[Outcome]:
    yield Outcome(name, "1 thing")


def _raises(name: str) -> Iterator[Outcome]:
    raise RuntimeError(f"{name}: a lane may be wrong")


def _silent(_name: str) -> Iterator[Outcome]:
    print("said to nobody")
    return iter(())


def _exits(_name: str) -> Iterator[Outcome]:
    os._exit(0)


def _killed(_name: str) -> Iterator[Outcome]:
    os.kill(os.getpid(), signal.SIGKILL)
    return iter(())


def _stubborn(_name: str) -> Iterator[Outcome]:
    for number in (signal.SIGTERM, signal.SIGABRT, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
    return iter(())


def _asleep(_name: str) -> Iterator[Outcome]:
    time.sleep(600)
    return iter(())


def _still(_name: str) -> Iterator[Outcome]:
    os.kill(os.getpid(), signal.SIGSTOP)
    return iter(())


def _twice(name: str) -> Iterator[Outcome]:
    yield Outcome(name, "first", [_WRONG])
    yield Outcome(name, "second")


def _astray(name: str) -> Iterator[Outcome]:
    yield Outcome(name, "1 thing")
    yield Outcome("nobody", "1 thing")


def _late(name: str) -> Iterator[Outcome]:
    yield Outcome(name, "1 thing")
    os._exit(7)


def _verbose(name: str) -> Iterator[Outcome]:
    for _ in range(64):
        os.write(1, b"x" * (1 << 20))
    print("\nthe last word")
    yield Outcome(name, "64 MiB")


def _holder(name: str) -> Iterator[Outcome]:
    """Leave a process of another session behind, which keeps the output open."""
    sleeper = subprocess.Popen(("sleep", "600"), start_new_session=True)
    yield Outcome(name, str(sleeper.pid))


def _surroundings(name: str) -> Iterator[Outcome]:
    details = {
        "environment": {key: os.environ.get(key) for key in KEPT},
        "stdin": sys.stdin.read(),
        "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "session": os.getsid(0) == os.getpid(),
        "hash": hash("emel"),
    }
    yield Outcome(name, "its surroundings", details=details)


def _wrong(name: str) -> Iterator[Outcome]:
    yield Outcome(name, "312 passed", [_WRONG])


_DOES: Final[dict[str, _Does]] = {
    does.__name__.removeprefix("_"): does
    for does in (
        *(_ok, _raises, _silent, _exits, _killed, _stubborn, _asleep, _still, _twice, _astray),
        *(_late, _verbose, _holder, _surroundings, _wrong),
    )
}
_BUDGETS: Final = {"stubborn": 1.0, "asleep": 3.0, "still": 1.0}


def shard(lane: str, name: str) -> Shard:
    """Make a shard of an odd lane."""
    return Shard(lane, name, Reads(), _BUDGETS.get(name, 60.0))


def _run(job: Job) -> Iterator[Outcome]:
    for name in job.shards:
        yield from _DOES[name](name)


def _odd(name: str) -> Lane:
    def shards(_root: Path) -> Sequence[Shard]:
        return [shard(name, each) for each in _DOES]

    return Lane(name, "does what no lane should", shards, _run)


def _unlisted(_root: Path) -> Sequence[Shard]:
    raise LookupError("there is nothing to list")


odd: Final = _odd("odd")
joint: Final = _odd("joint")._replace(together=True)
lonely: Final = _odd("lonely")._replace(alone=True)
broken: Final = _odd("broken")._replace(shards=_unlisted)
LANES: Final = {lane.name: lane for lane in (odd, joint, lonely, broken)}


def install(folder: Path) -> str:
    """Write modules that workers import as lanes; answer with the PYTHONPATH that they need."""
    (folder / "lanes").mkdir(parents=True)
    site = _SITE.format(folder=str(folder / "lanes"))
    (folder / "sitecustomize.py").write_text(site, encoding="utf-8")
    for name in LANES:
        (folder / "lanes" / f"{name}.py").write_text(_LANE.format(name=name), encoding="utf-8")
    return str(folder)


def chosen(*keys: str) -> list[Choice]:
    """Choose shards of odd lanes: `odd/ok`."""
    found: list[Choice] = []
    for key in keys:
        lane, _, name = key.partition("/")
        found.append(Choice(LANES[lane], shard(lane, name), runs=True, why="asked for"))
    return found


def after(choice: Choice, *keys: str, behind: tuple[str, ...] = ()) -> Choice:
    """Let a shard wait for others."""
    return choice._replace(shard=choice.shard._replace(after=keys, behind=behind))


def task(
    name: str,
    budget: float = 1.0,
    *,
    lane: str = "odd",
    after: tuple[str, ...] = (),
    behind: tuple[str, ...] = (),
) -> Task:
    """Make a task of one shard."""
    one = Shard(lane, name, Reads(), budget, after, behind)
    job = Job(Path(), (name,), full=False, base="", seed=0)
    return Task(LANES[lane], (one,), ("",), job)
