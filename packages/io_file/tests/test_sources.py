import errno
import os
import socket
from pathlib import Path

import pytest

from emel_io_file import FileOutcome, ReadPort, Sources, identify
from emel_io_file.testing import CountingReads, Fault
from emel_io_loader import FileIdentity, Reaction, Spans

ERRNOS = [errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR, errno.EAGAIN, errno.EACCES]


def named(number):
    return OSError(number, os.strerror(number))


@pytest.mark.behaviour("FILE-01")
def test_identifying_follows_links_and_opens_nothing(counting, make, tmp_path):
    path = make(nbytes=77)
    (tmp_path / "link").symlink_to(path)

    found = identify(counting.port, [str(tmp_path / "link"), path])

    stat = Path(path).stat()
    wanted = FileIdentity(stat.st_dev, stat.st_ino, 77, stat.st_mtime_ns)
    assert found.identities == (wanted, wanted)
    assert (found.result.ok, found.result.nspans) == (True, 2)
    assert counting.calls == ["stat", "stat"]


@pytest.mark.behaviour("FILE-01")
@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "socket", "broken-link", "loop"])
def test_identifying_refuses_the_first_that_is_no_regular_file(
    counting, make, tmp_path, monkeypatch, kind
):
    bad = str(tmp_path / "bad")
    if kind == "folder":
        os.mkdir(bad)  # noqa: PTH102
    elif kind == "fifo":
        os.mkfifo(bad)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # an address of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("bad")
    elif kind != "missing":
        Path(bad).symlink_to("bad" if kind == "loop" else "nowhere")

    found = identify(counting.port, [make(), bad, bad])

    code = "not-regular" if kind in ("folder", "fifo", "socket") else "stat-failed"
    assert (found.result.code, found.result.index, found.result.offset) == (code, 1, -1)
    assert found.result.reaction is Reaction.SOURCE
    assert bad in found.result.message
    assert found.identities == ()
    assert found.result.errno == {"missing": 2, "broken-link": 2, "loop": errno.ELOOP}.get(kind, 0)


@pytest.mark.behaviour("FILE-01")
@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("", "path-empty", "the path is empty"),
        ("x" * 4096, "path-too-long", "the path is longer"),
        ("a\0b", "path-has-nul", "the path holds a NUL"),
    ],
)
def test_identifying_holds_paths_to_the_rules_before_any_call(counting, make, path, code, words):
    found = identify(counting.port, [make(), path])

    assert (found.result.code, found.result.index) == (code, 1)
    assert found.result.reaction is Reaction.INVALID
    assert found.result.message.startswith(words)
    assert counting.calls == []


@pytest.mark.behaviour("FILE-01")
def test_half_a_surrogate_pair_is_a_path_that_cant_be_looked_at(counting):
    result = identify(counting.port, ["\ud800"]).result

    assert (result.code, result.index, result.errno) == ("stat-failed", 0, 0)
    assert isinstance(result.cause, UnicodeEncodeError)
    assert result.cause.__traceback__ is None


@pytest.mark.behaviour("FILE-01")
def test_no_files_are_identified_as_none(counting):
    assert identify(counting.port, []).result.ok


@pytest.mark.behaviour("FILE-02")
def test_files_are_opened_once_in_the_order_of_the_batch_and_closed(make, sources_of, descriptors):
    opened = []
    port = ReadPort()
    counting = CountingReads(open=lambda path: opened.append(path) or port.open(path))
    a, b = make("a.bin"), make("b.bin")
    sources = sources_of(counting, (b, 5, 9), (a, 0, 9), (b, 0, 9))

    assert sources.open() is None
    assert opened == [b, a]
    assert descriptors() == 2
    assert os.pread(sources[0].descriptor, 3, 5) == bytes([5, 6, 7])
    assert sources.close() is None
    assert (counting.holds_nothing, descriptors()) == (True, 0)
    assert counting.calls.count("open") == counting.calls.count("close") == 2
    assert sources.close() is None


@pytest.mark.behaviour("FILE-02")
def test_a_file_that_only_empty_spans_name_isnt_looked_at(counting, make, sources_of, tmp_path):
    sources = sources_of(counting, (tmp_path / "none", 5, 0), (make(), 0, 9))

    assert sources.open() is None
    assert counting.calls == ["open", "fstat"]
    assert sources.close() is None


@pytest.mark.behaviour("FILE-02")
@pytest.mark.parametrize(
    ("order", "index", "code"),
    [
        (("good", "none", "short"), 1, "open-failed"),
        (("good", "short", "none"), 1, "span-beyond-end"),
        (("short", "none", "good"), 0, "span-beyond-end"),
    ],
)
def test_the_first_span_of_the_request_is_blamed(
    counting, make, sources_of, tmp_path, order, index, code
):
    paths = {"good": make(), "none": tmp_path / "none", "short": make("short.bin", 3)}
    sources = sources_of(counting, *((paths[name], 0, 9) for name in order))

    problem = sources.open()

    assert (problem.answer().code, problem.index) == (code, index)
    assert sources.close() is None
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-02")
def test_a_later_span_of_an_earlier_file_gives_way_to_an_earlier_span(
    counting, make, sources_of, tmp_path
):
    long = make()
    sources = sources_of(counting, (long, 0, 9), (tmp_path / "none", 0, 9), (long, 9_999, 9))

    problem = sources.open()

    assert (problem.outcome, problem.index) == (FileOutcome.OPEN_FAILED, 1)
    sources.close()


@pytest.mark.behaviour("FILE-03")
def test_a_folder_and_a_fifo_are_refused_at_once(counting, sources_of, tmp_path, descriptors):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("folder", "fifo"):
        sources = sources_of(counting, (tmp_path / name, 0, 9))
        problem = sources.open()
        assert (problem.outcome, problem.index) == (FileOutcome.NOT_REGULAR, 0)
        assert problem.answer().reaction is Reaction.SOURCE
        assert sources.close() is None
    assert (counting.holds_nothing, descriptors()) == (True, 0)


@pytest.mark.behaviour("FILE-03")
def test_a_span_past_the_end_is_told_with_its_numbers(counting, make, sources_of):
    path = make(nbytes=100)
    sources = sources_of(counting, (path, 0, 9), (path, 500, 0), (path, 95, 6))

    answer = sources.open().answer()

    assert (answer.code, answer.reaction) == ("span-beyond-end", Reaction.INVALID)
    assert (answer.index, answer.offset, answer.errno) == (2, 95, 0)  # an empty one ends nowhere
    assert "6 bytes at offset 95" in answer.message
    assert "(100 bytes)" in answer.message
    sources.close()


@pytest.mark.behaviour("FILE-03")
def test_one_byte_past_the_end_of_the_largest_file_is_refused(make, sources_of):
    def fstat(descriptor):
        facts = ReadPort().fstat(descriptor)
        return facts._replace(identity=facts.identity._replace(nbytes=2**62))

    counting = CountingReads(fstat=fstat)
    for more, outcome in ((0, None), (1, FileOutcome.SPAN_BEYOND_END)):
        sources = sources_of(counting, (make(), 2**62 - 9, 9 + more))
        problem = sources.open()
        assert (None if problem is None else problem.outcome) is outcome
        sources.close()


@pytest.mark.behaviour("FILE-03")
@pytest.mark.parametrize(
    ("change", "span", "outcome", "words"),
    [
        ("truncate", (95, 5), FileOutcome.FILE_SHRANK, "now has 50 bytes"),
        ("truncate", (10, 5), FileOutcome.FILE_CHANGED, "size 100 is now 50 bytes"),
        ("truncate", (95, 9), FileOutcome.SPAN_BEYOND_END, "(50 bytes)"),
        ("replace", (10, 5), FileOutcome.FILE_CHANGED, "another file stands at this path"),
        ("touch", (10, 5), FileOutcome.FILE_CHANGED, "it was modified"),
        ("nothing", (10, 5), None, ""),
    ],
)
def test_what_became_of_a_file_since_it_was_identified(
    counting, make, sources_of, change, span, outcome, words
):
    path = make(nbytes=100)
    identities = identify(counting.port, [path]).identities
    if change == "truncate":
        os.truncate(path, 50)
    elif change == "replace":
        Path(make("other.bin", 100)).replace(path)
    elif change == "touch":
        os.utime(path, ns=(0, 0))
    sources = sources_of(counting, (path, *span), identities=identities)

    problem = sources.open()

    assert (None if problem is None else problem.outcome) is outcome
    assert problem is None or words in problem.message
    sources.close()
    assert counting.holds_nothing


ATTEMPT = (9, 10)
"""Calls of the second round that try to open the first file past the cache: one can do without."""


@pytest.mark.behaviour("FILE-04")
@pytest.mark.parametrize("number", ERRNOS, ids=errno.errorcode.get)
@pytest.mark.parametrize("nth", range(1, 13))
def test_whichever_call_fails_is_named_and_nothing_is_left(
    make, sources_of, descriptors, number, nth
):
    files = [make(f"{name}.bin") for name in "ab"]
    fault = Fault(named(number), nth)
    counting = CountingReads(fault)

    for direct in (False, True):  # the second round finds everything in order
        was = fault.met
        sources = sources_of(counting, *((path, 0, 9) for path in files), direct=direct)
        problems = [p for p in (sources.open(), sources.close()) if p is not None]
        assert bool(problems) == (fault.met != was and nth not in ATTEMPT)
        if problems:
            answer = problems[0].answer()
            assert (
                answer.code
                in (
                    {"open": "open-failed", "fstat": "stat-failed", "close": "close-failed"}[
                        fault.met
                    ]
                )
            )
            assert (answer.errno, answer.reaction) == (number, Reaction.SOURCE)
            assert answer.cause.__traceback__ is None
            assert os.strerror(number) in answer.message
            assert answer.message.count(files[answer.index]) == 1
        assert (counting.holds_nothing, descriptors()) == (True, 0)
    assert fault.met
    again = sources_of(counting, (files[0], 0, 9))
    assert again.open() is again.close() is None


@pytest.mark.behaviour("FILE-04")
@pytest.mark.parametrize("name", ["missing", "loop", "x" * 300])
def test_what_cant_be_opened_is_asked_for_once(counting, sources_of, tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    sources = sources_of(counting, (tmp_path / name, 0, 9))

    assert sources.open().outcome is FileOutcome.OPEN_FAILED
    assert sources.close() is None
    assert counting.calls == ["open"]


@pytest.mark.behaviour("FILE-04")
def test_a_descriptor_that_cant_be_closed_is_asked_once_more(make, sources_of):
    counting = CountingReads(Fault(named(errno.EIO), kind="close"))
    sources = sources_of(counting, (make("a.bin"), 0, 9), (make("b.bin"), 0, 9))
    assert sources.open() is None

    problem = sources.close()

    assert (problem.outcome, problem.errno, problem.index) == (FileOutcome.CLOSE_FAILED, 5, 0)
    assert counting.calls.count("close") == 3
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-04")
@pytest.mark.parametrize("failing", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("times", [1, 99])
def test_however_many_cant_be_closed_the_others_are(make, sources_of, failing, times):
    refusals = {}

    def close(descriptor):
        if refusals.get(descriptor):
            refusals[descriptor] -= 1
            raise named(errno.EIO)
        ReadPort().close(descriptor)

    counting = CountingReads(close=close)
    sources = sources_of(counting, *((make(f"{name}.bin"), 0, 9) for name in "abc"))
    assert sources.open() is None
    refusals |= {sources[i].descriptor: times for i in failing}

    problem = sources.close()

    assert (problem.outcome, problem.index) == (FileOutcome.CLOSE_FAILED, failing[0])
    assert counting.calls.count("close") == 3 + len(failing)
    assert counting.opened == (set() if times == 1 else set(refusals))
    refusals.clear()
    assert sources.close() is None
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-04")
@pytest.mark.parametrize("kind", ["open", "fstat", "open_direct", "close"])
def test_an_interrupt_can_be_cleaned_up_after(make, sources_of, kind):
    counting = CountingReads(Fault(KeyboardInterrupt(), kind=kind))
    sources = sources_of(counting, (make("a.bin"), 0, 9), (make("b.bin"), 0, 9), direct=True)

    with pytest.raises(KeyboardInterrupt):
        assert sources.open() is None
        sources.close()
    sources.rescue()

    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-04")
def test_an_interrupt_between_two_tries_to_close_leaves_no_direct_descriptor(make, sources_of):
    refusals = {}

    def close(descriptor):
        if refusals.get(descriptor):
            raise refusals[descriptor].pop()
        ReadPort().close(descriptor)

    counting = CountingReads(close=close, open_direct=ReadPort().open)
    sources = sources_of(counting, (make(), 0, 9), direct=True)
    assert sources.open() is None
    refusals[sources[0].direct] = [KeyboardInterrupt(), named(errno.EIO)]

    with pytest.raises(KeyboardInterrupt):
        sources.close()
    sources.rescue()

    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-04")
def test_of_two_descriptors_that_cant_be_closed_the_first_is_told_of(make, sources_of):
    errors = [named(errno.ENOSPC), named(errno.EIO)]

    def close(descriptor):
        if errors:
            raise errors.pop()
        ReadPort().close(descriptor)

    counting = CountingReads(close=close, open_direct=ReadPort().open)
    sources = sources_of(counting, (make(), 0, 9), direct=True)
    assert sources.open() is None

    assert sources.close().errno == errno.EIO
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-06")
def test_a_file_is_opened_around_the_page_cache_where_that_works(counting, make, sources_of):
    sources = sources_of(counting, (make(), 0, 9), direct=True)

    assert sources.open() is None
    direct = sources[0].direct
    assert direct == -1 or direct in counting.opened
    assert counting.calls[:3] == ["open", "fstat", "open_direct"]
    assert sources.close() is None
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-06")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(named(errno.EINVAL), kind="open_direct"),
        Fault(NotImplementedError("no O_DIRECT"), kind="open_direct"),
        Fault(named(errno.EIO), nth=2, kind="fstat"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.error!r}",
)
def test_a_file_that_cant_be_is_read_through_the_page_cache(make, sources_of, fault):
    fault = Fault(fault.error, fault.nth, fault.kind)
    counting = CountingReads(fault, open_direct=ReadPort().open)
    sources = sources_of(counting, (make(), 0, 9), direct=True)

    assert sources.open() is None
    assert fault.met
    assert (sources[0].direct, len(counting.opened)) == (-1, 1)
    assert sources.close() is None
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-06")
def test_a_refused_direct_descriptor_that_cant_be_closed_is_asked_again(make, sources_of):
    faults = [named(errno.EIO)]

    def close(descriptor):
        if faults:
            raise faults.pop()
        ReadPort().close(descriptor)

    other = make("other.bin")
    counting = CountingReads(close=close, open_direct=lambda _: ReadPort().open(other))
    sources = sources_of(counting, (make(), 0, 9), direct=True)

    assert sources.open() is None
    assert sources.close() is None
    assert counting.holds_nothing


@pytest.mark.behaviour("FILE-06")
def test_another_file_at_the_path_isnt_taken_for_it(make, sources_of):
    path, other = make(), make("other.bin")

    def open_direct(name):
        Path(other).replace(path)
        return ReadPort().open(name)

    counting = CountingReads(open_direct=open_direct)
    sources = sources_of(counting, (path, 0, 9), direct=True)

    assert sources.open() is None
    assert (sources[0].direct, len(counting.opened)) == (-1, 1)
    assert sources.close() is None


@pytest.mark.behaviour("FILE-02")
def test_a_batch_of_nothing_opens_nothing(counting):
    sources = Sources(counting.port, Spans((), (), (), ()))

    assert sources.open() is sources.close() is None
    assert counting.calls == []


@pytest.mark.behaviour("FILE-02")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_file_has_to_reach_to_the_furthest_end_whichever_span_comes_last(counting, make, order):
    rows = [(0, 1000), (900, 101), (991, 9)]
    offset, nbytes = zip(*(rows[i] for i in order), strict=True)
    sources = Sources(counting.port, Spans([make(nbytes=1000)], [0, 0, 0], offset, nbytes))

    problem = sources.open()

    assert (problem.outcome, problem.index) == (FileOutcome.SPAN_BEYOND_END, order.index(1))
    assert sources.close() is None


@pytest.mark.behaviour("FILE-03")
@pytest.mark.parametrize("kind", ["open", "fstat", "close"])
@pytest.mark.parametrize("error", [ValueError("no path"), OverflowError("too large")], ids=repr)
def test_what_python_refuses_is_a_call_that_fails(make, kind, error):
    counting = CountingReads(Fault(error, kind=kind))
    sources = Sources(counting.port, Spans([make()], [0], [0], [9]))

    problem = sources.open()
    left = sources.close()

    assert (problem or left).error is error
    assert counting.holds_nothing
