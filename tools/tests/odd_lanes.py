"""Lanes that do what no lane should, for the tests of whatever runs them.

They are imported by real workers: `sitecustomize` in the folder that `install` makes puts them
among the lanes.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from emel_tools.findings import Finding
from emel_tools.running import Job, Lane, Outcome, Reads, Shard

KEPT = ("COLUMNS", "GITHUB_ACTIONS", "LC_ALL", "NO_COLOR", "PYTHONHASHSEED", "TERM")
_SITE = """
import emel_tools.gates
emel_tools.gates.__path__.append({folder!r})
"""
_LANE = """
import sys
sys.path.insert(0, {tests!r})
from odd_lanes import {name} as LANE
"""


def ok(name):
    yield Outcome(name, "1 thing")


def raises(name):
    raise RuntimeError("a lane may be wrong")
    yield


def silent(name):
    sys.stdout.write("said to nobody\n")
    yield from ()


def exits(name):
    os._exit(0)
    yield


def killed(name):
    os.kill(os.getpid(), signal.SIGKILL)
    yield


def stubborn(name):
    for number in (signal.SIGTERM, signal.SIGABRT, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
    yield


def asleep(name):
    time.sleep(600)
    yield


def still(name):
    os.kill(os.getpid(), signal.SIGSTOP)
    yield


def twice(name):
    finding = Finding("a.py", 1, 0, "wrong", "it is wrong", "mend it")
    yield Outcome(name, "first", [finding])
    yield Outcome(name, "second")


def astray(name):
    yield Outcome(name, "1 thing")
    yield Outcome("nobody", "1 thing")


def late(name):
    yield Outcome(name, "1 thing")
    os._exit(7)


def verbose(name):
    for _ in range(64):
        os.write(1, b"x" * (1 << 20))
    sys.stdout.write("\nthe last word\n")
    yield Outcome(name, "64 MiB")


def holder(name):
    """Leave a process of another session behind, which keeps the output open."""
    sleeper = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield Outcome(name, str(sleeper.pid))


def surroundings(name):
    yield Outcome(
        name,
        "its surroundings",
        details={
            "environment": {key: os.environ.get(key) for key in KEPT},
            "stdin": sys.stdin.read(),
            "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
            "session": os.getsid(0) == os.getpid(),
            "hash": hash("emel"),
        },
    )


def wrong(name):
    yield Outcome(name, "312 passed", [Finding("a.py", 1, 0, "wrong", "it is wrong", "mend it")])


DOES = {
    f.__name__: f
    for f in (
        *(ok, raises, silent, exits, killed, stubborn, asleep, still, twice, astray, late),
        *(verbose, holder, surroundings, wrong),
    )
}
BUDGETS = {"stubborn": 1.0, "asleep": 3.0, "still": 1.0}


def shard(lane: str, name: str, **fields: object) -> Shard:
    return Shard(lane, name, Reads(), BUDGETS.get(name, 60.0), **fields)


def _shards(lane: str):
    return lambda _root: [shard(lane, name) for name in DOES]


def _run(job: Job):
    for name in job.shards:
        yield from DOES[name](name)


odd = Lane("odd", "does what no lane should", _shards("odd"), _run)
joint = odd._replace(name="joint", shards=_shards("joint"), together=True)
lonely = odd._replace(name="lonely", shards=_shards("lonely"), alone=True)


def unlisted(root: Path):
    raise LookupError("there is nothing to list")


broken = odd._replace(name="broken", shards=unlisted)
LANES = {lane.name: lane for lane in (odd, joint, lonely, broken)}


def install(folder: Path) -> str:
    """Write modules that workers import as lanes; answer with the PYTHONPATH that they need."""
    (folder / "lanes").mkdir(parents=True)
    site = _SITE.format(folder=str(folder / "lanes"))
    (folder / "sitecustomize.py").write_text(site, encoding="utf-8")
    for name in LANES:
        text = _LANE.format(tests=str(Path(__file__).parent), name=name)
        (folder / "lanes" / f"{name}.py").write_text(text, encoding="utf-8")
    return str(folder)
