"""A lane's process: started with nothing of its surroundings, heard, timed, and ended whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from emel_tools.running import answers
from emel_tools.running.environment import MARK, environment
from emel_tools.running.log import Log, last_lines
from emel_tools.running.results import Result
from emel_tools.running.tasks import Task
from emel_tools.running.worker import ANSWERS, ORDER, Order

_GRACE: Final = 1.0
"""Seconds in which a process that is ended may still say where it was."""
_PATIENCE: Final = 10.0
"""Seconds after which one that can't be ended is left to the kernel, which keeps it waiting."""
_CHUNK: Final = 64 << 10


class Process:
    """A task that has begun."""

    def __init__(self, task: Task, run_began: float, token: str) -> None:
        self.task = task
        folder = task.job.folder / "runs" / task.name
        folder.mkdir(parents=True, exist_ok=True)
        self._answers, order = folder / ANSWERS, folder / ORDER
        for path in (order, self._answers):
            path.unlink(missing_ok=True)  # a worker whose gate was killed may still have it open
        self._answers.write_bytes(b"")
        order.write_bytes(msgspec.json.encode(Order.of(task.lane.name, task.job)))
        self._log = Log(folder / "log.txt")
        self._token = f"{token}{task.name}:"
        self._run_began, self.began = run_began, time.monotonic()
        self._asked_to_end = 0.0
        self._cause = ""
        self._stopped = False
        self._process = subprocess.Popen(
            (sys.executable, "-m", "emel_tools.running.worker", str(folder)),
            cwd=task.job.root,
            env=environment(os.environ, task.job.seed, self._token),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, which can be ended as a whole
        )
        self.output = self._process.stdout
        if self.output is not None:
            os.set_blocking(self.output.fileno(), False)

    def hear(self, most: int = 16) -> bool:
        """Take over what it has printed, up to a number of chunks; False once there is no more."""
        for _ in range(most):
            try:
                printed = os.read(self.output.fileno(), _CHUNK) if self.output else b""
            except BlockingIOError:
                return True
            if not printed:
                return False
            self._log.add(printed)
        return True

    def has_ended(self) -> bool:
        """Look whether it has; see to it if it has used up its budget."""
        now = time.monotonic()
        if not self._asked_to_end and now - self.began > self.task.budget:
            self._cause = f"took longer than its budget of {self.task.budget:g} s and was ended"
            self._asked_to_end = now
            self._signal(signal.SIGABRT)  # on which Python says where it is
        if self._asked_to_end and now - self._asked_to_end > _GRACE:
            self._signal(signal.SIGKILL)
        if self._asked_to_end and now - self._asked_to_end > _PATIENCE:
            return True
        # It is left a zombie until its group is gone, so that nobody else gets the group's number.
        return (
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )

    def stop(self) -> None:
        """End it at once, because the run is stopped."""
        self._stopped = True
        self._asked_to_end = time.monotonic() - _GRACE
        self._signal(signal.SIGKILL)

    def end(self) -> list[Result]:
        """Take its leave, end all that it left behind, and judge its shards."""
        self._signal(signal.SIGKILL)
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        self._process.returncode = os.waitstatus_to_exitcode(status) if pid else -signal.SIGKILL
        if self._cause:
            end_all(self._token)  # also what has left the group
        self.hear()
        if self.output:
            self.output.close()
        self._log.close()
        ending = answers.Ending(
            self.began,
            self.began - self._run_began,
            time.monotonic() - self.began,
            usage.ru_utime + usage.ru_stime,
            self._process.returncode,
            self._cause,
            self._stopped,
            self._log.path.relative_to(self.task.job.root).as_posix(),
            last_lines(self._log.path, answers.TAIL),
        )
        return answers.results(self.task, self._answers.read_bytes(), ending)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS answers so for a zombie
            os.killpg(self._process.pid, number)


def end_all(token: str) -> None:
    """End every process whose mark holds a token, where /proc is: also one that left its group."""
    mark = token.encode()
    for _ in range(10):  # one that is just being forked shows the next time
        found = [pid for pid in _processes() if mark in _marks(pid)]
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _processes() -> list[int]:
    if not Path("/proc/self/environ").exists():
        return []
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _marks(pid: int) -> bytes:
    """Read the tokens that a process bears; none of one that is gone, or somebody else's."""
    try:
        texts = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return b""
    return b"".join(text for text in texts if text.startswith(f"{MARK}=".encode()))
