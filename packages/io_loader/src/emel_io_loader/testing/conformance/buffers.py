"""Rules: the caller's buffers are filled, exactly, and neither kept nor replaced."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emel_io_loader.outcomes import Reaction
from emel_io_loader.targets import Buffer, Targets
from emel_io_loader.testing.conformance.trial import (
    StrategyCase,
    Trial,
    content,
    one_file,
    said,
    two_files,
)

_PAIRS = (10, 100), (400, 50)


def _must_refuse(trial: Trial, targets: Targets, code: str, *known: NDArray[Any]) -> None:
    """Hold a strategy that copies two spans to refusing their targets, untouched."""
    if not trial.copies:
        return
    before = [array.tobytes() for array in known]
    answer = trial.load(one_file(trial.write(), *_PAIRS), targets).answer
    as_told = answer.code == code and answer.reaction is Reaction.INVALID
    assert as_told, f"{code} was answered with {said(answer)}"
    untouched = [array.tobytes() for array in known] == before
    assert untouched, f"{code} was refused, and a target has other bytes than before"


class BufferRules(StrategyCase):
    """Targets are the caller's. Rules about filling hold by themselves for one that maps."""

    def test_missing_targets_are_refused(self, tmp_path: object) -> None:
        """One that copies needs somewhere to copy to: `targets-missing`."""
        with self.trial(tmp_path) as trial:
            if trial.copies:
                spans = one_file(trial.write(), *_PAIRS)
                answer = trial.strategy.load(spans, None, threads=self.threads)
                as_told = answer.code == "targets-missing" and answer.reaction is Reaction.INVALID
                assert as_told, f"no targets were answered with {said(answer)}"

    def test_targets_of_another_number_are_refused(self, tmp_path: object) -> None:
        """More targets than spans, or fewer: `targets-differ`."""
        with self.trial(tmp_path) as trial:
            for n in (1, 3):
                arrays = [np.zeros(200, np.uint8) for _ in range(n)]
                _must_refuse(trial, Targets.each(arrays), "targets-differ", *arrays)

    def test_a_read_only_target_is_refused(self, tmp_path: object) -> None:
        """`target-read-only`."""
        with self.trial(tmp_path) as trial:
            arrays = [np.zeros(200, np.uint8) for _ in range(2)]
            arrays[1].flags.writeable = False
            _must_refuse(trial, Targets.each(arrays), "target-read-only", *arrays)

    def test_a_target_with_gaps_is_refused(self, tmp_path: object) -> None:
        """`target-not-contiguous`."""
        with self.trial(tmp_path) as trial:
            whole = np.zeros((200, 2), np.uint8)
            targets = Targets.each([np.zeros(200, np.uint8), whole[:, 0]])
            _must_refuse(trial, targets, "target-not-contiguous", whole)

    def test_a_target_that_is_too_small_is_refused(self, tmp_path: object) -> None:
        """`target-too-small`, be it for its size or for where the span is to begin."""
        with self.trial(tmp_path) as trial:
            for nbytes, offset in ((49, 0), (60, 11)):
                arrays = [np.zeros(200, np.uint8), np.zeros(nbytes, np.uint8)]
                targets = Targets(arrays, [0, 1], [0, offset])
                _must_refuse(trial, targets, "target-too-small", *arrays)

    def test_targets_that_overlap_are_refused(self, tmp_path: object) -> None:
        """`targets-overlap`: the result would depend on the order."""
        with self.trial(tmp_path) as trial:
            whole = np.zeros(200, np.uint8)
            targets = Targets([whole, whole[99:]], [0, 1], [0, 0])
            _must_refuse(trial, targets, "targets-overlap", whole)

    def test_targets_given_to_one_that_maps_are_refused(self, tmp_path: object) -> None:
        """`targets-given`: whoever gives them expects them to be filled."""
        with self.trial(tmp_path) as trial:
            if trial.maps:
                targets = Targets.each([bytearray(100), bytearray(50)])
                answer = trial.load(one_file(trial.write(), *_PAIRS), targets).answer
                as_told = answer.code == "targets-given" and answer.reaction is Reaction.INVALID
                assert as_told, f"targets given to one that maps: {said(answer)}"

    def test_bytes_around_a_target_are_left_alone(self, tmp_path: object) -> None:
        """A buffer that is larger, or shared by spans, keeps what is beside them."""
        with self.trial(tmp_path) as trial:
            if trial.copies:
                whole = np.full(400, 7, np.uint8)
                targets = Targets([whole], [0, 0], [31, 200])
                answer = trial.load(one_file(trial.write(), *_PAIRS), targets).answer
                assert answer.ok, f"targets within one buffer: {said(answer)}"
                wanted = np.full(400, 7, np.uint8)
                for (at, nbytes), to in zip(_PAIRS, (31, 200), strict=True):
                    wanted[to : to + nbytes] = np.frombuffer(content()[at : at + nbytes], np.uint8)
                wrong = np.flatnonzero(whole != wanted)
                assert not wrong.size, f"byte {wrong[:1]} of a shared buffer is wrong"

    def test_buffers_of_any_kind_are_filled(self, tmp_path: object) -> None:
        """Arrays of any type, shape and byte order, and whatever has a writable buffer."""
        with self.trial(tmp_path) as trial:
            kinds: dict[str, Buffer] = {
                "a bytearray": bytearray(24),
                "a memoryview": memoryview(bytearray(24)),
                "a float32 array": np.zeros((2, 3), np.float32),
                "a big-endian array": np.zeros(3, ">f8"),
                "an array without dimensions": np.zeros((), np.complex128),
            }
            spans = one_file(trial.write(), *((i * 100, 16) for i in range(len(kinds))))
            if trial.copies:
                answer = trial.load(spans, Targets.each(list(kinds.values()))).answer
                assert answer.ok, f"buffers of all kinds: {said(answer)}"
                for i, (kind, buffer) in enumerate(kinds.items()):
                    got = buffer.tobytes() if isinstance(buffer, np.ndarray) else bytes(buffer)
                    assert got[:16] == content()[i * 100 :][:16], f"{kind} has other bytes"

    def test_buffers_are_not_kept(self, tmp_path: object) -> None:
        """After a batch, done or failed, nothing points into a target any more."""
        with self.trial(tmp_path) as trial:
            if trial.copies:
                path, missing = trial.write(), trial.folder.at("nothing-is-here")
                for spans in (two_files(path, path), two_files(path, missing)):
                    arrays = [np.zeros(9, np.uint8), np.zeros(9, np.uint8)]
                    known = [weakref.ref(array) for array in arrays]
                    answer = trial.load(spans, Targets.each(arrays)).answer
                    arrays.clear()
                    kept = any(ref() is not None for ref in known)
                    assert not kept, f"a target is kept after {said(answer)}"
                    buffer = bytearray(18)
                    trial.load(spans, Targets.one_after_another(buffer, [9, 9]))
                    self._resize(buffer)

    def test_buffers_are_not_replaced(self, tmp_path: object) -> None:
        """The very memory that was given is filled, and stands in the targets afterwards."""
        with self.trial(tmp_path) as trial:
            if trial.copies:
                arrays = [np.zeros(100, np.uint8), np.zeros(50, np.uint8)]
                memory = [array.ctypes.data for array in arrays]
                targets = Targets.each(arrays)
                answer = trial.load(one_file(trial.write(), *_PAIRS), targets).answer
                assert answer.ok, f"two good targets: {said(answer)}"
                same = all(a is b for a, b in zip(targets.buffers, arrays, strict=True))
                assert same, "another buffer stands in the targets"
                assert memory == [a.ctypes.data for a in arrays], "an array has other memory"
                assert arrays[1].tobytes() == content()[400:450], "the array itself isn't filled"

    def test_targets_are_untouched_unless_the_answer_says_so(self, tmp_path: object) -> None:
        """After a failure `touched` says whether targets may hold other bytes than before."""
        with self.trial(tmp_path) as trial:
            if trial.copies:
                path = trial.write()
                batches = (
                    two_files(path, trial.folder.at("nothing-is-here")),
                    two_files(path, trial.folder.folder("sub")),
                    two_files(path, trial.folder.write("short.bin", b"12345678")),
                    one_file(path, (0, 9), (-1, 9)),
                )
                for spans in batches:
                    loaded = trial.load(spans)
                    untouched = not any(any(buffer) for buffer in loaded.buffers)
                    text = f"{said(loaded.answer)} doesn't say that a target was touched"
                    assert untouched or loaded.answer.touched, text

    def _resize(self, buffer: bytearray) -> None:
        try:
            buffer.clear()
        except BufferError:
            raise AssertionError("something still points into a bytearray") from None
