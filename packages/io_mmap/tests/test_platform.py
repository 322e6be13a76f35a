import ast
import errno
import os
import socket
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import emel_io_mmap
from emel_io_loader import Advice
from emel_io_mmap import MmapOutcome, MmapStrategy, Port, _platform
from emel_io_mmap.testing import CALLS

SOURCES = Path(emel_io_mmap.__file__).parent
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.mark.behaviour("MAP-15")
@pytest.mark.parametrize("path", sorted(SOURCES.glob("[!.]*.py")), ids=lambda path: path.name)
def test_only_the_platform_module_reaches_the_operating_system(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "open"
    outside = names & {"os", "mmap", "stat", "io", "pathlib", "fcntl", "ctypes", "subprocess"}
    assert outside == ({"mmap"} if path.name == "_platform.py" else set())


@pytest.mark.behaviour("MAP-15")
@pytest.mark.parametrize("kind", CALLS)
def test_a_port_that_overrides_one_call_keeps_the_others(kind):
    def fake(*_):
        raise OSError

    changed, production = Port(**{kind: fake}), Port()
    for field in fields(Port):
        expected = fake if field.name == kind else getattr(production, field.name)
        assert getattr(changed, field.name) == expected


@pytest.mark.behaviour("MAP-15")
def test_an_overridden_call_is_the_one_that_is_made(make, spans_of):
    path, opened = Path(make()), []

    def noted(name):
        opened.append(name)
        return Port().open(name)

    with MmapStrategy(port=Port(open=noted)) as strategy:
        result = strategy.load(spans_of((path, 1, 5)))
        assert strategy.view(*result.leases[0]).tobytes() == path.read_bytes()[1:6]
    assert opened == [str(path)]


@linux
@pytest.mark.behaviour("MAP-11")
def test_linux_has_every_advice():
    assert set(Port().advices) == set(Advice)


@pytest.mark.behaviour("MAP-04", "MAP-05")
@pytest.mark.parametrize("what", ["directory", "fifo", "link to fifo", "/dev/null", "/dev/zero"])
def test_what_is_no_regular_file_is_refused_without_waiting(
    strategy, counting, spans_of, tmp_path, what
):
    path = tmp_path / "it"
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link to fifo":
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to(tmp_path / "fifo")
    else:
        path = Path(what)
    result = strategy.load(spans_of((path, 0, 1)))
    assert result.outcome is MmapOutcome.NOT_REGULAR
    assert result.message == f"{path}: not a regular file"
    assert strategy.identify([str(path)]).result.code == "not-regular"
    assert (result.index, counting.opened, strategy.usage().slots) == (0, set(), 0)


@pytest.mark.behaviour("MAP-05")
def test_the_reason_why_a_path_cant_be_opened_arrives(strategy, make, spans_of, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    bound = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(tmp_path)  # the path of a socket is short
        bound.bind("socket")
    finally:
        os.chdir(here)
        bound.close()
    for path, number in [
        (tmp_path / "missing", errno.ENOENT),
        (Path(make()) / "below", errno.ENOTDIR),
        (tmp_path / ("n" * 300), errno.ENAMETOOLONG),
        (loop, errno.ELOOP),
        (tmp_path / "socket", errno.ENXIO),
    ]:
        result = strategy.load(spans_of((path, 0, 1)))
        assert (result.code, result.errno) == ("open-failed", number)
        assert isinstance(result.cause, OSError)
        assert result.cause.__traceback__ is None
        assert os.strerror(number) in result.message


@pytest.mark.behaviour("MAP-05")
def test_a_path_that_cant_be_encoded_is_refused_as_one_that_cant_be_opened(strategy, spans_of):
    result = strategy.load(spans_of(("half a pair \ud800", 0, 1)))
    assert (result.code, result.errno) == ("open-failed", 0)
    assert isinstance(result.cause, UnicodeEncodeError)


@linux
@pytest.mark.behaviour("MAP-01")
def test_a_name_of_bytes_beyond_utf8_and_a_link_are_followed(strategy, make, spans_of, tmp_path):
    path = Path(make())
    strange = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    Path(strange).symlink_to(path)
    result = strategy.load(spans_of((strange, 0, 50)))
    assert strategy.view(*result.leases[0]).tobytes() == path.read_bytes()[:50]


@linux
@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize(("more", "code"), [(0, "open-failed"), (1, "map-failed")])
def test_a_process_without_descriptors_hears_emfile_and_can_try_again(
    strategy, make, spans_of, left, more, code
):
    import resource

    path = Path(make())
    lowest = os.open(path, os.O_RDONLY)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, hard))
    try:
        result = strategy.load(spans_of((path, 0, 10)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (result.code, result.errno) == (code, errno.EMFILE)
    assert (left(), strategy.usage().slots) == ((0, 0), 0)
    assert strategy.load(spans_of((path, 0, 10))).ok


@pytest.mark.behaviour("MAP-05")
def test_a_file_that_shrinks_between_measuring_and_mapping_is_refused(make, spans_of):
    path = Path(make(nbytes=10_000))

    def measured(descriptor):
        facts = Port().fstat(descriptor)
        os.truncate(path, 100)
        return facts

    with MmapStrategy(port=Port(fstat=measured)) as strategy:
        result = strategy.load(spans_of((path, 5000, 10)))
        assert (result.code, strategy.usage().slots) == ("span-beyond-end", 0)
        assert "(fewer bytes)" in result.message


@pytest.mark.behaviour("MAP-08")
def test_a_descriptor_is_closed_once_whatever_the_system_answers(monkeypatch, make):
    # Linux lets the number go even if close(2) reports an error: a second try closes a stranger's.
    descriptor = os.open(make(), os.O_RDONLY)
    production = os.close

    asked = []

    def grudging(number):
        asked.append(number)
        production(number)
        raise OSError(errno.EIO, "EIO")

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", grudging)
        Port().close(descriptor)
    assert asked == [descriptor]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.behaviour("MAP-15")
def test_a_platform_that_can_advise_less_knows_fewer_advices(monkeypatch):
    assert Advice.POPULATE in _platform._known_advices()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Advice.POPULATE not in _platform._known_advices()
    monkeypatch.setattr(_platform, "_HAS_MMAP", False)
    assert _platform._known_advices() == {}
    with pytest.raises(NotImplementedError, match="no mmap module"):
        _platform._absent(0, 0, 0)
