"""That whatever asks the kernel is counted, unless it is known to ask nothing."""

from __future__ import annotations

import _thread
import fcntl
import gc
import mmap
import os
import posix
import sys
import threading
import time
from collections import deque

import pytest

from emel_tools.costs import watch

REPLACED = (posix, os, _thread, threading, mmap, fcntl, gc, time)


@pytest.fixture
def seen(monkeypatch):
    """What is called, with everything in place in this process, and taken away again."""
    monkeypatch.setattr(watch._TALLY, "seen", deque())
    monkeypatch.setattr(watch._TALLY, "on", False)
    monkeypatch.setattr(sys, "addaudithook", lambda _: None)  # it would stay
    before = [(module, dict(vars(module))) for module in REPLACED]
    watch.install()
    yield watch._TALLY.seen
    for module, names in before:
        vars(module).update(names)


def called(seen, action):
    """Which figures an action counts for."""
    watch._TALLY.on = True
    try:
        action()
    finally:
        watch._TALLY.on = False
    return list(seen)


@pytest.mark.behaviour("GATE-35")
@pytest.mark.parametrize(
    "ask",
    [
        lambda file, _: os.get_inheritable(file),
        lambda file, _: os.set_inheritable(file, 0),
        lambda file, _: posix.get_blocking(file),
        lambda file, _: os.fpathconf(file, "PC_NAME_MAX"),
        lambda file, _: os.lseek(file, 0, os.SEEK_SET),
        lambda _, path: os.listxattr(path),
        lambda *_: posix.getcwd(),
        lambda *_: os.getpid(),
        lambda file, _: fcntl.fcntl(file, fcntl.F_GETFL),
        lambda file, _: fcntl.flock(file, fcntl.LOCK_UN),
        lambda *_: time.sleep(0),
        lambda *_: gc.collect(0),
        lambda *_: mmap.mmap(-1, 4096).flush(),
        lambda *_: mmap.mmap(-1, 4096).resize(8192),
    ],
)
def test_what_is_not_known_to_ask_nothing_is_another_call(seen, tmp_path, ask):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert called(seen, lambda: ask(descriptor, tmp_path)) == ["other-calls"]
    finally:
        os.close(descriptor)


@pytest.mark.behaviour("GATE-35")
def test_what_asks_nothing_is_no_call_and_what_has_a_figure_counts_for_that(seen):
    assert called(seen, lambda: (os.fspath("x"), os.strerror(1), os.sysconf("SC_IOV_MAX"))) == []
    assert called(seen, lambda: posix.stat(".")) == ["looks"]
    assert len(os.sched_getaffinity(0)) == watch.CPUS


@pytest.mark.behaviour("GATE-35")
def test_an_entry_of_a_folder_counts_as_it_is_looked_at(seen, tmp_path):
    (tmp_path / "bytes").write_bytes(bytes(100))

    def listing():
        with os.scandir(tmp_path) as entries:
            for entry in entries:
                assert (entry.name, os.fspath(entry)) == ("bytes", str(tmp_path / "bytes"))
                assert entry.stat().st_size == 100

    assert called(seen, listing) == ["listings", "looks"]


@pytest.mark.behaviour("GATE-35")
def test_everything_can_be_taken_away_again():
    assert posix.getcwd is os.getcwd
    assert type(time.sleep) is type(posix.getcwd) is type(len)
