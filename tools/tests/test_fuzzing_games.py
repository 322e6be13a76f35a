"""What the games of the lane fuzz see of a failure: whom it is blamed on, and what is stale."""

from dataclasses import replace

import pytest

from emel_io_read._reading import Reading
from emel_model_tensor import SetOutcome, TensorSet
from emel_tools.fuzzing import copying, residency

SPANS = [[2, 4096, 126976], [1, 93117, 5000], [0, 1, 131071]]
BAD = ["bad", [[0, 856], [2, 25785]]]


@pytest.mark.behaviour("GATE-59")
def test_a_commit_before_the_first_binding_is_played(monkeypatch):
    for moves, expected in (
        ([["commit", [True], 0]], "NOTHING_PLANNED"),
        ([["bind", "fine"], ["plan", [1], "copies"], ["commit", [True], "stale"]], "RESULTS_"),
    ):
        reached = set()
        assert residency.RESIDENCY.play(moves, reached) == ""
        assert any(name.startswith(expected) for name in reached)
        with monkeypatch.context() as patch:
            report = replace(TensorSet().evict([]), outcome=SetOutcome.OK)
            patch.setattr(TensorSet, "commit_load", lambda *_, report=report: report)
            assert expected in residency.RESIDENCY.play(moves, set())


@pytest.mark.behaviour("GATE-59")
@pytest.mark.parametrize("kind", [copying.READ, copying.STAGED])
def test_bytes_that_nobody_can_read_fail_a_batch_that_wants_them(kind):
    reached = set()
    assert kind.play([BAD, ["load", SPANS, 1], ["load", SPANS[1:2], 1]], reached) == ""
    assert reached == {"read-failed", "ok"}


@pytest.mark.behaviour("GATE-59")
def test_the_first_of_two_spans_that_fail_has_to_be_named(monkeypatch):
    last = property(lambda self: max(self.failures, key=lambda each: each[:2], default=None))
    monkeypatch.setattr(Reading, "worst", last)
    found = copying.READ.play([BAD, ["load", SPANS, 1]], set())
    assert "span [0] blamed expected, got 2" in found


@pytest.mark.behaviour("GATE-59")
def test_targets_that_lie_as_the_file_does_are_read_in_place(monkeypatch):
    moves = [["make", 1, True], ["lie", [[1, 1, 131071], [0, 5, 2]], 1]]
    reached = set()
    assert copying.READ.play(moves, reached) == ""
    assert reached == {"ok", "in place"}
    in_place = Reading._read_in_place

    def torn(self, call, source, room):
        end = in_place(self, call, source, room)
        self._buffers(call, room)[0][:1] = b"\0"
        return end

    monkeypatch.setattr(Reading, "_read_in_place", torn)
    assert "the bytes of span 0 expected" in copying.READ.play(moves, set())
