import ast
import errno
import mmap
import os
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import emel_io_file
from emel_io_file import FilePort, ReadPort, Sources, _platform
from emel_io_file.testing import CALLS
from emel_io_loader import Spans

SOURCES = Path(emel_io_file.__file__).parent


@pytest.mark.behaviour("FILE-08")
@pytest.mark.parametrize("path", sorted(SOURCES.glob("[!.]*.py")), ids=lambda path: path.name)
def test_only_the_platform_module_reaches_the_operating_system(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    outside = names & {"os", "stat", "io", "pathlib", "fcntl", "ctypes", "subprocess", "mmap"}
    assert outside == ({"os", "stat"} if path.name == "_platform.py" else set())


@pytest.mark.behaviour("FILE-08")
@pytest.mark.parametrize("kind", CALLS)
def test_a_port_that_overrides_one_call_keeps_the_others(kind):
    def fake(*_):
        raise OSError

    changed, production = ReadPort(**{kind: fake}), ReadPort()
    for field in fields(ReadPort):
        expected = fake if field.name == kind else getattr(production, field.name)
        assert getattr(changed, field.name) == expected


@pytest.mark.behaviour("FILE-08")
def test_a_port_that_reads_is_one_that_opens():
    assert isinstance(ReadPort(), FilePort)
    assert {field.name for field in fields(FilePort)} <= {field.name for field in fields(ReadPort)}
    assert (ReadPort().unavailable, ReadPort().iov_max) == ("", os.sysconf("SC_IOV_MAX"))


@pytest.mark.behaviour("FILE-08")
def test_a_descriptor_isnt_inherited_and_never_closed_twice(make):
    port = ReadPort()
    descriptor = port.open(make())

    assert not os.get_inheritable(descriptor)
    port.advise_sequential(descriptor)
    port.close(descriptor)
    assert port.close(descriptor) is None  # Linux has let the number go: no second try, no error


@pytest.mark.behaviour("FILE-03")
@pytest.mark.parametrize("call", ["open", "open_direct"])
@pytest.mark.parametrize("name", ["O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY"])
def test_whatever_stands_at_a_path_opening_it_changes_nothing(monkeypatch, call, name):
    asked = []
    monkeypatch.setattr(os, "open", lambda path, flags: asked.append((path, flags)) or 7)

    assert getattr(ReadPort(), call)("it") == 7

    ((path, flags),) = asked
    assert path == "it"
    assert flags & getattr(os, name)
    assert flags & os.O_ACCMODE == os.O_RDONLY
    assert bool(flags & os.O_DIRECT) == (call == "open_direct")


def opened_direct(port, path):
    """A descriptor, or what is said by a file system that has no direct reads."""
    try:
        return port.open_direct(path)
    except OSError as error:
        return error


@pytest.mark.behaviour("FILE-06")
def test_direct_reading_is_what_the_flag_says_and_refused_in_shared_memory(make, tmp_path):
    path, port = make(nbytes=8192), ReadPort()
    found = opened_direct(port, path)
    assert isinstance(found, int) or found.errno == errno.EINVAL
    if isinstance(found, int):
        with mmap.mmap(-1, port.alignment) as aligned:
            assert port.preadv(found, [memoryview(aligned)], 4096) == 4096
            assert aligned[:] == Path(path).read_bytes()[4096:]
        port.close(found)
    shared = Path("/dev/shm") / f"emel-{os.getpid()}-{tmp_path.name}"  # noqa: S108
    shared.write_bytes(bytes(8192))
    sources = Sources(port, Spans([str(shared)], [0], [0], [8192]), direct=True)
    try:
        assert sources.open() is None  # whether the kernel refuses there depends on its version
        assert os.pread(sources[0].descriptor, 9, 0) == bytes(9)
    finally:
        sources.close()
        shared.unlink()


@pytest.mark.behaviour("FILE-08")
def test_a_platform_that_says_less_is_used_all_the_same(make, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECT")
    with pytest.raises(NotImplementedError, match="O_DIRECT"):
        ReadPort().open_direct(make())
    monkeypatch.delattr(os, "sysconf")
    assert _platform._iov_max() == 16
    monkeypatch.setattr(os, "sysconf", lambda _: -1, raising=False)  # it sets no limit
    assert _platform._iov_max() == 16
    monkeypatch.delattr(os, "posix_fadvise")
    assert ReadPort().advise_sequential(0) is None
    monkeypatch.setattr(_platform, "_MOUNTS", make() + ".absent")
    assert _platform.mounts() == ""


@pytest.mark.behaviour("FILE-08")
@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
def test_the_kernel_is_told_that_a_whole_file_is_read_front_to_back(monkeypatch):
    told = []
    monkeypatch.setattr(os, "posix_fadvise", lambda *asked: told.append(asked))
    ReadPort().advise_sequential(7)
    assert told == [(7, 0, 0, 2)]  # POSIX_FADV_SEQUENTIAL


@pytest.mark.behaviour("FILE-07")
def test_the_table_of_mounts_is_taken_as_it_is(make, monkeypatch):
    path = make()
    Path(path).write_bytes(b"a\rb\r\n\xff\n")
    monkeypatch.setattr(_platform, "_MOUNTS", path)

    assert _platform.mounts() == "a\rb\r\n\udcff\n"


@pytest.mark.behaviour("FILE-08")
@pytest.mark.parametrize("error", [OSError(22, "EINVAL"), ValueError("no such name")], ids=repr)
def test_a_system_that_doesnt_say_how_many_buffers_takes_the_fewest(monkeypatch, error):
    def sysconf(name):
        raise error

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert _platform._iov_max() == 16


@pytest.mark.behaviour("FILE-08")
def test_a_file_that_takes_no_advice_is_read_all_the_same():
    reads, writes = os.pipe()  # what can't seek is told of with ESPIPE
    try:
        assert ReadPort().advise_sequential(reads) is None
    finally:
        os.close(reads)
        os.close(writes)
