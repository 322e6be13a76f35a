"""That whatever asks the kernel is counted, unless it is known to ask nothing."""

from __future__ import annotations

import os
from collections import deque
from types import SimpleNamespace

import pytest

from emel_tools.costs import watch


@pytest.fixture
def machine(monkeypatch):
    """What is replaced, as copies by name: this process keeps its own."""
    named = {name: getattr(watch, name) for name in ("_thread", "mmap", "os", "posix", "threading")}
    named |= {module.__name__: module for module, _ in watch._BESIDE}
    copies = {name: SimpleNamespace(**vars(module)) for name, module in named.items()}
    for name, copy in copies.items():
        monkeypatch.setattr(watch, name, copy)
    beside = [(copies[module.__name__], name) for module, name in watch._BESIDE]
    monkeypatch.setattr(watch, "_BESIDE", beside)
    monkeypatch.setattr(watch, "sys", SimpleNamespace(addaudithook=lambda _: None))
    monkeypatch.setattr(watch._TALLY, "seen", deque())
    monkeypatch.setattr(watch._TALLY, "on", False)
    watch.install()
    return SimpleNamespace(**copies)


def called(action):
    """Which figures an action counts for."""
    watch._TALLY.on = True
    try:
        action()
    finally:
        watch._TALLY.on = False
    return list(watch._TALLY.seen)


@pytest.mark.behaviour("GATE-35")
@pytest.mark.parametrize(
    "ask",
    [
        lambda of, file: of.os.get_inheritable(file),
        lambda of, file: of.os.set_inheritable(file, 0),
        lambda of, file: of.posix.get_blocking(file),
        lambda of, file: of.os.fpathconf(file, "PC_NAME_MAX"),
        lambda of, file: of.os.lseek(file, 0, os.SEEK_SET),
        lambda of, file: of.os.listxattr(file),
        lambda of, _: of.posix.getcwd(),
        lambda of, _: of.os.getpid(),
        lambda of, file: of.fcntl.fcntl(file, of.fcntl.F_GETFL),
        lambda of, file: of.fcntl.flock(file, of.fcntl.LOCK_UN),
        lambda of, _: of.time.sleep(0),
        lambda of, _: of.gc.collect(0),
        lambda of, _: of.mmap.mmap(-1, 4096).flush(),
        lambda of, _: of.mmap.mmap(-1, 4096).resize(8192),
    ],
)
def test_what_is_not_known_to_ask_nothing_is_another_call(machine, tmp_path, ask):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert called(lambda: ask(machine, descriptor)) == ["other-calls"]
    finally:
        os.close(descriptor)


@pytest.mark.behaviour("GATE-35")
def test_what_asks_nothing_is_no_call_and_what_has_a_figure_counts_for_that(machine):
    asked = machine.os
    assert called(lambda: (asked.fspath("x"), asked.strerror(1), asked.sysconf("SC_IOV_MAX"))) == []
    assert called(lambda: machine.posix.stat(".")) == ["looks"]
    assert called(lambda: asked.stat(".")) == ["looks"] * 2
    assert len(asked.sched_getaffinity(0)) == watch.CPUS


@pytest.mark.behaviour("GATE-35")
def test_an_entry_of_a_folder_counts_as_it_is_looked_at(machine, tmp_path):
    (tmp_path / "bytes").write_bytes(bytes(100))

    def listing():
        with machine.os.scandir(tmp_path) as entries:
            for entry in entries:
                assert (entry.name, os.fspath(entry)) == ("bytes", str(tmp_path / "bytes"))
                assert entry.stat().st_size == 100

    assert called(listing) == ["listings", "looks"]
