"""The suite is held to itself: an honest strategy passes, and each rule catches who breaks it."""

import ctypes
import mmap
import os
import stat
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from emel_io_loader import (
    BatchOutcome,
    FileIdentity,
    Identified,
    Leases,
    Mode,
    Reaction,
    Spans,
    StrategyError,
    validate,
)
from emel_io_loader.testing import FakeOutcome, FakeStrategy, StrategyConformance
from emel_io_loader.testing.conformance import _platform, contents, files, leftovers

RULES = sorted(name for name in dir(StrategyConformance) if name.startswith("test_"))
MAPS, COPIES = Mode.MAPS, Mode.COPIES
LARGE_NBYTES = 150_001
"""What the largest file has where the rules are tried on broken strategies: all read it whole."""
MANY = 100
"""Of how many spans a large batch has there: what is wrong of a thousand is wrong of a hundred."""
SHARE_NBYTES = 5_000
"""What each of sixteen spans has there, with one thread or four."""
FIFO = "test_a_fifo_is_refused_and_not_waited_for"
BROKEN = {}


class Disk(Mapping):
    """Real files, as the mapping that the fake has of its own; read again when they change."""

    def __init__(self):
        self.read = {}

    def __getitem__(self, path):
        found = os.stat(path)  # noqa: PTH116 - a path costs more than the call
        key = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        if path not in self.read or self.read[path][0] != key:
            self.read[path] = key, Path(path).read_bytes()
        return self.read[path][1]

    def __contains__(self, path):
        return os.path.isfile(path)  # noqa: PTH113 - likewise

    def __iter__(self):
        raise NotImplementedError

    __len__ = __iter__


class OnDisk(FakeStrategy):
    """The fake over real files: reads a whole file when it needs a byte of it."""

    def __init__(self, mode=COPIES):
        super().__init__({}, mode)
        self.files = Disk()
        self.descriptors = []

    def _identity(self, path):
        found = os.stat(path)  # noqa: PTH116 - likewise
        return FileIdentity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def leak(self, path):
        self.descriptors.append(os.open(path, os.O_RDONLY))

    def close(self):
        while self.descriptors:
            os.close(self.descriptors.pop())
        return super().close()


@pytest.mark.behaviour("ROUTE-06", "FAKE-01")
class TestMapping(StrategyConformance):
    def make(self):
        return OnDisk(MAPS)


@pytest.mark.behaviour("ROUTE-06", "FAKE-01")
class TestCopying(StrategyConformance):
    threads = 4

    def make(self):
        return OnDisk(COPIES)


def breaks(rule, mode=COPIES):
    """Register a strategy that breaks one rule."""

    def register(kind):
        assert rule not in BROKEN, rule
        BROKEN[rule] = lambda: kind(mode)
        return kind

    return register


class Call(NamedTuple):
    """One load that went well."""

    spans: Spans
    loads: list
    threads: int | None


def spoils(rule, when):
    """Break a rule by a wrong last byte in the last buffer of the batches that it is about."""

    @breaks(rule)
    class Spoiling(OnDisk):
        def load(self, spans, targets=None, **options):
            answer = super().load(spans, targets, **options)
            if answer.ok and when(Call(spans, self.loads, options["threads"])):
                targets.buffers[-1][-1] ^= 255
            return answer


def anything(spans):
    return True


def answers(rule, code, mode=COPIES, only=anything, **changes):
    """Break a rule by what is said of the batches that come to `code`."""

    @breaks(rule, mode)
    class Answering(OnDisk):
        def load(self, spans, targets=None, **options):
            answer = super().load(spans, targets, **options)
            return replace(answer, **changes) if answer.code == code and only(spans) else answer


def rows(spans):
    columns = spans.file, spans.offset, spans.nbytes
    return list(zip(*(column.tolist() for column in columns), strict=False))


def second_of_another_kind(call):
    return len(call.loads) == 2 and rows(call.loads[0]) == [(0, 10, 100)] != rows(call.spans)


def after_a_missing_file(call):
    return len(call.loads) > 1 and not Path(call.loads[-2].files[0]).exists()


spoils("test_a_whole_file_has_its_bytes", lambda call: rows(call.spans) == [(0, 0, 100_003)])
spoils("test_unaligned_spans_have_their_bytes", lambda call: (0, 4095, 2) in rows(call.spans))
spoils(
    "test_overlapping_spans_have_their_bytes",
    lambda call: len(set(rows(call.spans))) < len(call.spans),
)
spoils("test_a_thousand_small_spans_have_their_bytes", lambda call: len(call.spans) == MANY)
spoils("test_spans_of_several_files_have_their_bytes", lambda call: len(call.spans.files) == 3)
spoils("test_more_than_16_mib_has_its_bytes", lambda call: LARGE_NBYTES - 1 in call.spans.nbytes)
spoils("test_a_second_batch_is_served_like_the_first", second_of_another_kind)
spoils("test_a_batch_after_a_refused_one_is_served", after_a_missing_file)
spoils(
    "test_one_thread_and_four_give_the_same",
    lambda call: call.threads == 4 and len(call.spans.files) == 4,
)
answers(
    "test_a_batch_without_spans_is_done",
    "ok",
    only=lambda spans: not len(spans),
    reaction=Reaction.INVALID,
)
answers("test_a_done_batch_blames_nothing", "ok", index=0)
answers("test_a_done_batch_has_a_lease_a_span_or_none", "ok", leases=Leases.vacant(3))
answers(
    "test_a_failure_names_its_first_span",
    "offset-negative",
    only=lambda spans: len(spans) == 3,
    index=2,
)
answers("test_a_failure_is_told_in_words", "file-missing", message="it is not there")
answers("test_a_failure_counts_nothing_as_done", "offset-negative", nspans=1, nbytes=9)
answers(
    "test_spans_that_break_a_rule_are_refused_with_its_code",
    "path-has-nul",
    outcome=FakeOutcome.FILE_MISSING,
)
answers("test_a_span_beyond_the_end_is_refused", "span-beyond-end", reaction=Reaction.SOURCE)
answers("test_a_missing_file_keeps_the_systems_reason", "file-missing", errno=0)
answers(
    "test_a_directory_is_refused",
    "file-missing",
    only=lambda spans: any(map(os.path.isdir, spans.files)),
    reaction=Reaction.INVALID,
)
for rule, code in {
    "test_missing_targets_are_refused": "targets-missing",
    "test_targets_of_another_number_are_refused": "targets-differ",
    "test_a_read_only_target_is_refused": "target-read-only",
    "test_a_target_with_gaps_is_refused": "target-not-contiguous",
    "test_a_target_that_is_too_small_is_refused": "target-too-small",
    "test_targets_that_overlap_are_refused": "targets-overlap",
}.items():
    answers(rule, code, reaction=Reaction.SOURCE)
answers(
    "test_targets_given_to_one_that_maps_are_refused",
    "targets-given",
    MAPS,
    outcome=FakeOutcome.OK,
    reaction=Reaction.NONE,
)


@breaks("test_it_is_a_strategy")
class Nameless(OnDisk):
    name = ""


@breaks("test_unordered_spans_are_answered_at_their_own_index")
class AnswersByOffset(OnDisk):
    def load(self, spans, targets=None, **options):
        if len(spans.files) == 1 and not np.any(spans.nbytes != 64):
            spans = spans.take(np.argsort(spans.offset))
        return super().load(spans, targets, **options)


@breaks("test_a_span_of_zero_bytes_is_empty")
class LooksAtFilesOfNothing(OnDisk):
    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        if answer.ok and not all(map(os.path.exists, spans.files)):
            return replace(answer, reaction=Reaction.SOURCE)
        return answer


@breaks("test_spans_are_held_to_the_rules_before_a_file_is_opened")
class OpensFirst(OnDisk):
    def load(self, spans, targets=None, **options):
        if validate(spans) is not None and not Path(spans.files[0]).exists():
            return super().load(spans.take(np.array([0])), targets, **options)
        return super().load(spans, targets, **options)


@breaks("test_a_done_batch_counts_its_spans_and_bytes")
class LeavesOutNothing(OnDisk):
    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        return replace(answer, nspans=np.count_nonzero(spans.nbytes)) if answer.ok else answer


@breaks(FIFO)
class WaitsForFifos(OnDisk):
    def load(self, spans, targets=None, **options):
        for path in filter(os.path.exists, spans.files):
            if stat.S_ISFIFO(Path(path).stat().st_mode):
                Path(path).read_bytes()
        return super().load(spans, targets, **options)


@breaks("test_a_file_that_is_the_same_is_served")
class TakesNoIdentity(OnDisk):
    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        return replace(answer, reaction=Reaction.SOURCE) if spans.identities else answer


class Forgetful(OnDisk):
    """Takes no notice of one kind of change."""

    def load(self, spans, targets=None, **options):
        if spans.identities and spans.identities[0] is not None:
            now = self._identity(spans.files[0])
            if self.overlooks(spans.identities[0], now):
                spans = Spans(spans.files, spans.file, spans.offset, spans.nbytes)
        return super().load(spans, targets, **options)


@breaks("test_a_replaced_file_is_refused")
class OverlooksInodes(Forgetful):
    def overlooks(self, was, now):
        return was.inode != now.inode


@breaks("test_a_rewritten_file_is_refused")
class OverlooksTimes(Forgetful):
    def overlooks(self, was, now):
        return was[:3] == now[:3]


@breaks("test_a_file_that_shrank_is_refused")
class OverlooksSizes(Forgetful):
    def overlooks(self, was, now):
        return was.nbytes != now.nbytes


@breaks("test_identify_tells_sizes_in_order")
class IdentifiesBackwards(OnDisk):
    def identify(self, files):
        found = super().identify(files)
        return Identified(found.result, found.identities[::-1])


@breaks("test_identify_refuses_what_is_no_file")
class IdentifiesFolders(OnDisk):
    def identify(self, files):
        return super().identify([path for path in files if not Path(path).is_dir()])


class AfterFilling(OnDisk):
    """Does something with the targets after they were filled."""

    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        if targets is not None:
            self.spoil(spans, targets, answer)
        return answer


@breaks("test_bytes_around_a_target_are_left_alone")
class FillsTooMuch(AfterFilling):
    def spoil(self, spans, targets, answer):
        for i in range(len(spans) if answer.ok else 0):
            buffer = targets.buffers[targets.buffer[i]]
            behind = int(targets.offset[i] + spans.nbytes[i])
            if len(targets.buffers) == 1 and behind < len(buffer):
                buffer[behind] = 1


@breaks("test_buffers_of_any_kind_are_filled")
class SwapsBytes(AfterFilling):
    def spoil(self, spans, targets, answer):
        for buffer in targets.buffers:
            if isinstance(buffer, np.ndarray) and not buffer.dtype.isnative:
                buffer.byteswap(inplace=True)


@breaks("test_buffers_are_not_kept")
class KeepsBuffers(AfterFilling):
    def spoil(self, spans, targets, answer):
        self.kept = targets.buffers


@breaks("test_buffers_are_not_replaced")
class ReplacesBuffers(AfterFilling):
    def spoil(self, spans, targets, answer):
        if answer.ok and all(isinstance(buffer, np.ndarray) for buffer in targets.buffers):
            targets.buffers = tuple(buffer.copy() for buffer in targets.buffers)


@breaks("test_targets_are_untouched_unless_the_answer_says_so")
class TouchesInSilence(AfterFilling):
    def spoil(self, spans, targets, answer):
        if answer.code == "file-missing":
            targets.buffers[0][0] = 1


@breaks("test_views_are_read_only", MAPS)
class ViewsOfAnotherType(OnDisk):
    def view(self, slot, generation):
        return super().view(slot, generation).view(np.int8)


@breaks("test_a_lease_that_was_released_is_stale", MAPS)
class ReleasesAgain(OnDisk):
    def release(self, leases):
        n, gone = len(leases), getattr(self, "gone", set())
        if gone & set(leases.generation.tolist()):
            done = np.ones(n, np.bool_)
            return BatchOutcome(outcome=FakeOutcome.OK, reaction=Reaction.NONE, done=done)
        answer = super().release(leases)
        self.gone = gone | set(leases.generation[answer.done].tolist())
        return answer


@breaks("test_a_lease_that_was_never_given_is_stale", MAPS)
class OverlooksSlots(OnDisk):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self._pool.leased = lambda _, generation: self._pool._held.get(generation)


@breaks("test_a_lease_given_twice_is_refused", MAPS)
class ReleasesOnceOfTwice(OnDisk):
    def release(self, leases):
        _, first = np.unique(leases.generation, return_index=True)
        return super().release(leases.take(first) if len(first) < len(leases) > 2 else leases)


@breaks("test_a_borrowed_lease_stays_until_it_is_let_go", MAPS)
class ReleasesAllOrNothing(OnDisk):
    def release(self, leases):
        for i in range(len(leases)):
            held = self._pool.leased(*leases[i])
            if held is not None and held.array() is not None:
                none = np.zeros(len(leases), np.bool_)
                outcome, busy = FakeOutcome.STILL_BORROWED, Reaction.BUSY
                return BatchOutcome(outcome=outcome, reaction=busy, index=i, done=none)
        return super().release(leases)


@breaks("test_an_array_made_of_a_view_borrows_too", MAPS)
class WatchesTheViewAlone(OnDisk):
    def view(self, slot, generation):
        whole = super().view(slot, generation)
        if slot == -1:
            return whole
        view = whole[:]  # what is made of it points to `whole`, and not to it
        self._pool.leased(slot, generation).given = weakref.ref(view)
        return view


@breaks("test_a_release_says_which_are_done", MAPS)
class SaysNotWhichAreDone(OnDisk):
    def release(self, leases):
        answer = super().release(leases)
        return replace(answer, done=None) if answer.ok else answer


@breaks("test_a_view_of_a_file_that_shrank_is_refused", MAPS)
class ShowsWhatIsGone(OnDisk):
    def view(self, slot, generation):
        try:
            return super().view(slot, generation)
        except StrategyError as error:
            if error.result.code != "file-shrank":
                raise
            return np.frombuffer(self._pool.leased(slot, generation).content, np.uint8)


@breaks("test_usage_counts_what_is_leased", MAPS)
class CountsTwice(OnDisk):
    def usage(self):
        usage = super().usage()
        return usage._replace(leases=2 * usage.leases)


@breaks("test_closing_reports_what_is_borrowed", MAPS)
class ClosesInSilence(OnDisk):
    def close(self):
        return replace(super().close(), reaction=Reaction.NONE)


class AfterFailing(OnDisk):
    """Leaves something behind of a batch that failed."""

    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        if answer.code == "file-missing" and Path(spans.files[0]).exists():
            self.keep(spans)
        return answer


@breaks("test_a_failed_batch_leaves_no_descriptor")
class LeavesDescriptor(AfterFailing):
    def keep(self, spans):
        self.leak(spans.files[0])


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def mapped(path):
    """Map a page, and keep no descriptor, as the module mmap would."""
    descriptor = os.open(path, os.O_RDONLY)
    words = mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0
    address = LIBC.mmap(None, mmap.PAGESIZE, *words)
    os.close(descriptor)
    return address


@breaks("test_a_failed_batch_leaves_no_mapping")
class LeavesMapping(AfterFailing):
    def keep(self, spans):
        self.mapped = mapped(spans.files[0])

    def close(self):
        if hasattr(self, "mapped"):
            LIBC.munmap(self.mapped, mmap.PAGESIZE)
        return super().close()


@breaks("test_a_failed_batch_leaves_no_lease", MAPS)
class LeavesLease(AfterFailing):
    def keep(self, spans):
        FakeStrategy.load(self, spans.take(np.array([0])))


@breaks("test_no_thread_outlives_a_load")
class LeavesThread(OnDisk):
    def load(self, spans, targets=None, **options):
        if options["threads"] == 4:
            self.end = threading.Event()
            self.thread = threading.Thread(target=self.end.wait, daemon=True)
            self.thread.start()
        return super().load(spans, targets, **options)

    def close(self):
        if hasattr(self, "thread"):
            self.end.set()
            self.thread.join()
        return super().close()


@breaks("test_a_done_copy_leaves_nothing")
class LeavesDescriptorOfWholeFiles(OnDisk):
    def load(self, spans, targets=None, **options):
        if rows(spans) == [(0, 0, 100_003)]:
            self.leak(spans.files[0])
        return super().load(spans, targets, **options)


@breaks("test_releasing_the_last_lease_leaves_nothing", MAPS)
class LeavesDescriptorOfMapping(OnDisk):
    def load(self, spans, targets=None, **options):
        answer = super().load(spans, targets, **options)
        if answer.ok and len(spans):
            self.leak(spans.files[0])
        return answer


@breaks("test_closing_leaves_nothing")
class ClosesOnce(OnDisk):
    def close(self):
        closed = self._closed
        answer = super().close()
        return replace(answer, reaction=Reaction.CLOSED) if closed else answer


@breaks("test_a_closed_one_loads_no_more")
class LoadsOn(OnDisk):
    def close(self):
        answer = super().close()
        self._closed = False
        return answer


class WithProgress(OnDisk):
    """Does something about progress."""

    def load(self, spans, targets=None, *, threads=None, progress=None):
        tell = None if progress is None else lambda nbytes: self.tell(spans, progress, nbytes)
        return super().load(spans, targets, threads=threads, progress=tell)


@breaks("test_progress_rises_to_the_total")
class ToldLate(WithProgress):
    def tell(self, spans, progress, nbytes):
        progress(min(nbytes, 80_000))


@breaks("test_what_progress_raises_ends_the_load")
class SwallowsProgress(WithProgress):
    def tell(self, spans, progress, nbytes):
        with suppress(Exception):
            progress(nbytes)


@breaks("test_a_load_that_progress_ended_leaves_nothing")
class LeavesDescriptorOfProgress(WithProgress):
    def tell(self, spans, progress, nbytes):
        try:
            progress(nbytes)
        except Exception:
            self.leak(spans.files[0])
            raise


@breaks("test_a_load_after_one_that_progress_ended_works")
class EndsWithProgress(WithProgress):
    def tell(self, spans, progress, nbytes):
        try:
            progress(nbytes)
        except Exception:
            self._closed = True
            raise


def broken_rules(make, tmp_path):
    """Run the whole suite as pytest would, and name the rules that a strategy breaks."""

    class Case(StrategyConformance):
        patience_seconds = 0.1

        def make(self):
            return make()

    found = {}
    for rule in RULES:
        try:
            getattr(Case(), rule)(tmp_path)
        except AssertionError as error:
            found[rule] = str(error)
        empty(tmp_path)
    return found


class RescueByThread:
    """Does what the suite's own process does, for whoever lets other threads run as he waits."""

    def __init__(self, path, seconds):
        self.path, self.seconds, self.waited = path, seconds, False
        self.off = threading.Event()
        self.thread = threading.Thread(target=self.open)
        self.thread.start()

    def open(self):
        if not self.off.wait(self.seconds):
            self.waited = True
            os.close(os.open(self.path, os.O_WRONLY))

    def came(self):
        self.off.set()
        self.thread.join()
        return self.waited


def empty(folder):
    """Empty the files that a rule has made, before the system begins to write them out.

    The next rule writes over them: where thousands have just been removed, new ones take longer.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file():
                os.truncate(entry.path, 0)
            else:
                (os.rmdir if entry.is_dir() else os.remove)(entry.path)


@pytest.mark.behaviour("ROUTE-06")
def test_every_rule_has_a_strategy_that_breaks_it():
    assert sorted(BROKEN) == RULES


def leave_a_descriptor(path, undo):
    undo.callback(os.close, os.open(path, os.O_RDONLY))


def leave_a_mapping(path, undo):
    undo.callback(LIBC.munmap, mapped(path), mmap.PAGESIZE)


def leave_a_thread(_path, undo):
    end = threading.Event()
    thread = threading.Thread(target=end.wait, daemon=True)
    thread.start()
    undo.callback(thread.join)
    undo.callback(end.set)


FILES = leave_a_descriptor, leave_a_mapping
LEFT = [
    *(("test_a_done_copy_leaves_nothing", COPIES, leave) for leave in FILES),
    *(("test_releasing_the_last_lease_leaves_nothing", MAPS, leave) for leave in FILES),
    *(("test_closing_leaves_nothing", COPIES, leave) for leave in (*FILES, leave_a_thread)),
    *(
        ("test_a_load_that_progress_ended_leaves_nothing", COPIES, leave)
        for leave in (*FILES, leave_a_thread)
    ),
]


@pytest.mark.behaviour("ROUTE-06")
@pytest.mark.parametrize(("rule", "mode", "leave"), LEFT)
def test_a_rule_about_what_is_left_sees_all_that_it_speaks_of(rule, mode, leave, tmp_path):
    class Leaves(OnDisk):
        def load(self, spans, targets=None, **options):
            leave(spans.files[0], undo)
            return super().load(spans, targets, **options)

    class Case(StrategyConformance):
        patience_seconds = 0.01

        def make(self):
            return Leaves(mode)

    with ExitStack() as undo, pytest.raises(AssertionError, match="there are left"):
        getattr(Case(), rule)(tmp_path)


@pytest.mark.behaviour("ROUTE-06")
@pytest.mark.parametrize("rule", RULES)
def test_a_strategy_that_breaks_one_rule_fails_that_one_in_words(rule, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "_LARGE_NBYTES", LARGE_NBYTES)
    monkeypatch.setattr(contents, "_MANY", MANY)
    monkeypatch.setattr(leftovers, "_SHARE_NBYTES", SHARE_NBYTES)
    if rule != FIFO:  # of what starts a process it can't be told what it calls
        monkeypatch.setattr(files, "Rescue", RescueByThread)
    found = broken_rules(BROKEN[rule], tmp_path)

    assert list(found) == [rule]
    assert found[rule]


@pytest.mark.behaviour("ROUTE-06")
def test_a_case_that_makes_no_strategy_says_so(tmp_path):
    class Empty(StrategyConformance):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no make"):
        Empty().test_it_is_a_strategy(tmp_path)


@pytest.mark.behaviour("ROUTE-06")
def test_a_strategy_that_points_into_bytearrays_keeps_buffers_too(tmp_path):
    class PointsInto(AfterFilling):
        def spoil(self, spans, targets, answer):
            self.views = [memoryview(b) for b in targets.buffers if isinstance(b, bytearray)]

    class Case(StrategyConformance):
        def make(self):
            return PointsInto()

    with pytest.raises(AssertionError, match="something still points into a bytearray"):
        Case().test_buffers_are_not_kept(tmp_path)


@pytest.mark.behaviour("ROUTE-06")
def test_where_the_system_lists_nothing_and_has_no_fifos_the_rules_hold_all_the_same(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(_platform, "_PROCESS", str(tmp_path / "absent"))
    monkeypatch.setattr(files, "HAS_FIFOS", False)
    monkeypatch.setattr(contents, "_LARGE_NBYTES", LARGE_NBYTES)
    monkeypatch.setattr(contents, "_MANY", MANY)
    monkeypatch.setattr(leftovers, "_SHARE_NBYTES", SHARE_NBYTES)
    assert broken_rules(OnDisk, tmp_path) == {}


@pytest.mark.behaviour("ROUTE-06")
def test_a_thread_that_outlives_a_failed_load_alone_is_seen(tmp_path):
    class Leaves(OnDisk):
        def load(self, spans, targets=None, **options):
            answer = super().load(spans, targets, **options)
            if not answer.ok:
                leave_a_thread(spans.files[0], undo)
            return answer

    class Case(StrategyConformance):
        patience_seconds = 0.01

        def make(self):
            return Leaves(Mode.COPIES)

    with ExitStack() as undo, pytest.raises(AssertionError, match=r"threads .* are left after"):
        Case().test_no_thread_outlives_a_load(tmp_path)
