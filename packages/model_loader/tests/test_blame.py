"""Which file and which tensors a failure names."""

import numpy as np
import pytest

from emel_io_loader import BatchOutcome, Reaction, SpanOutcome, Spans
from emel_model_loader import Failure, LoadOutcome
from emel_model_loader.blame import Blame, joined
from emel_model_tensor import TensorSet


@pytest.fixture
def blame():
    """Four tensors, a to d, in the files one, two, two and one."""
    tensors = TensorSet()
    spans = Spans(("one", "two"), [0, 1, 1, 0], [0, 0, 9, 9], [9, 9, 9, 9])
    assert tensors.bind(spans, np.zeros(4, np.uint8)).ok
    return Blame("model", ("a", "b", "c", "d"), tensors)


@pytest.mark.behaviour("LOAD-01")
@pytest.mark.parametrize(
    ("tensors", "path", "names"),
    [([2], "two", "c"), ([1, 3], "two", "bd"), ([3, 1, 2], "one", "dbc"), ([], "model", "")],
)
def test_what_a_strategy_answers_is_told_of_the_first_tensors_file(blame, tensors, path, names):
    answer = BatchOutcome(outcome=SpanOutcome.OK, reaction=Reaction.SOURCE, errno=5, offset=0)

    failure = blame.batch(answer, tensors)

    assert (failure.path, failure.tensors) == (path, tuple(names))
    assert (failure.errno, failure.offset) == (5, 0)


def failed(code, *tensors, errno=0):
    return Failure(
        stage=LoadOutcome.IO_FAILED,
        reaction=Reaction.SOURCE if errno else Reaction.BUSY,
        code=code,
        message=code,
        tensors=tensors,
        errno=errno,
    )


@pytest.mark.behaviour("LOAD-01")
def test_of_several_failures_the_first_is_told_with_the_tensors_of_all():
    first, second = failed("unmap-failed", "a", errno=5), failed("still-borrowed", "b", "c")

    both = joined(None, first, None, second)

    assert (both.code, both.reaction, both.errno) == ("unmap-failed", Reaction.SOURCE, 5)
    assert both.tensors == ("a", "b", "c")
    assert joined(second, first).code == "still-borrowed"
    assert joined(None, None) is None
