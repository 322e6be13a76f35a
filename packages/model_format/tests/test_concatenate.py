"""The columns of several headers, joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emel_model_format import Header, Tensors, parse
from emel_model_format.testing import GGUFTensor, gguf_bytes

SHAPES = st.lists(st.integers(1, 3), max_size=4)


def tensors_of(shapes, first):
    entries = [
        GGUFTensor(name=f"t{first + i}", dims=shape, data=bytes(4 * int(np.prod(shape))))
        for i, shape in enumerate(shapes)
    ]
    data = gguf_bytes((), entries)
    header = parse(data, len(data))
    assert isinstance(header, Header)
    return header.tensors


@pytest.mark.behaviour("FMT-07")
@given(st.lists(st.lists(SHAPES, max_size=3), min_size=1, max_size=4))
def test_joined_columns_say_of_each_tensor_what_its_part_says(parts):
    columns = [tensors_of(shapes, 10 * i) for i, shapes in enumerate(parts)]

    joined = Tensors.concatenate(columns)

    assert joined.names == tuple(name for part in columns for name in part.names)
    assert joined.shapes() == [shape for part in columns for shape in part.shapes()]
    for column in ("dtype", "ndim", "dims", "offset", "nbytes"):
        whole = getattr(joined, column)
        assert whole.tolist() == [x for part in columns for x in getattr(part, column).tolist()]
        assert whole.dtype == getattr(columns[0], column).dtype
        assert not whole.flags.writeable
    assert len(joined.start) == len(joined) + 1
    assert not joined.start.flags.writeable


@pytest.mark.behaviour("FMT-07")
def test_one_part_stays_what_it_is_and_none_is_no_tensors():
    part = tensors_of([[2, 3]], 0)

    assert Tensors.concatenate([part]) is part
    assert Tensors.concatenate([]).names == ()
