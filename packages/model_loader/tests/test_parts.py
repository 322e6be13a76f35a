"""LOAD-05: which bytes a slice of a tensor needs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

from emel_model_loader import PartPlan
from emel_model_loader.parts import CALL_NBYTES, plan_part

SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7)
# Next to each other, a page apart, and further than that: every kind of plan is cheapest somewhere.
ITEMSIZES = st.sampled_from([1, 4, 3000, 5000])


@st.composite
def indexed(draw):
    shape = draw(SHAPES)
    index = draw(basic_indices(shape, allow_newaxis=False, allow_ellipsis=True))
    return shape, index, draw(ITEMSIZES)


def stored(shape, itemsize):
    """Number the elements; each is its number, and then nothing."""
    dtype = np.dtype({"names": ["i"], "formats": ["u1"], "itemsize": itemsize})
    array = np.zeros(shape, dtype)
    array["i"] = np.arange(array.size).reshape(shape) % 251
    return array


def gathered(plan, array):
    """Read the ranges of a plan, as a strategy would."""
    data = array.reshape(-1).view(np.uint8)
    ranges = [data[start : start + plan.extent] for start in plan.starts().tolist()]
    return np.concatenate([np.empty(0, np.uint8), *ranges])


@pytest.mark.behaviour("LOAD-05")
@given(indexed())
def test_a_plan_selects_what_numpy_selects(case):
    shape, index, itemsize = case
    array = stored(shape, itemsize)

    plan = plan_part(shape, itemsize, index)

    expected = array[index]["i"]
    assert plan.shape == expected.shape
    if plan.nbytes_wanted:
        found = plan.finish(plan.arrange(gathered(plan, array), array.dtype))
        np.testing.assert_array_equal(found["i"], expected)


@pytest.mark.behaviour("LOAD-05")
@given(indexed())
def test_a_plan_says_truly_what_it_reads(case):
    shape, index, itemsize = case
    whole = itemsize * math.prod(shape)

    plan = plan_part(shape, itemsize, index)

    starts = plan.starts()
    assert plan.nbytes_wanted == itemsize * math.prod(plan.shape)
    assert len(starts) == plan.nranges
    assert plan.nranges * plan.extent == plan.nbytes_read
    assert plan.nbytes_wanted <= plan.nbytes_read <= whole
    assert (np.diff(starts) >= plan.extent).all()  # rising, and no byte is read twice
    assert all(0 <= start <= whole - plan.extent for start in starts.tolist())
    if plan.nbytes_read == plan.nbytes_wanted:
        assert (plan.why, plan.in_order) == ("exact", True)
    else:
        assert (plan.why, plan.in_order) == (
            "whole" if plan.nbytes_read == whole else "wider",
            False,
        )


@pytest.mark.behaviour("LOAD-05")
@given(indexed())
def test_nothing_is_cheaper_than_what_was_planned(case):
    shape, index, itemsize = case
    whole = itemsize * math.prod(shape)

    plan = plan_part(shape, itemsize, index)

    cost = plan.nbytes_read + plan.nranges * CALL_NBYTES
    assert cost <= whole + CALL_NBYTES
    elements = plan.nbytes_wanted // itemsize
    assert cost <= plan.nbytes_wanted + elements * CALL_NBYTES


@pytest.mark.behaviour("LOAD-05")
@given(indexed(), st.integers(1, 60_000))
def test_slabs_cover_the_plan_once_in_bounded_memory(case, limit):
    shape, index, itemsize = case
    array = stored(shape, itemsize)
    plan = plan_part(shape, itemsize, index)
    if not plan.nbytes_wanted:
        return
    selected = np.zeros([axis.count for axis in plan.axes], array.dtype)
    times = np.zeros(selected.shape, np.uint8)

    slabs = list(plan.slabs(limit))

    for where, slab in slabs:
        assert slab.nbytes_read <= limit or slab.nbytes_wanted == itemsize
        assert slab.nbytes_read <= slabs[0][1].nbytes_read
        selected[where] = slab.arrange(gathered(slab, array), array.dtype)
        times[where] += 1
    assert (times == 1).all()
    np.testing.assert_array_equal(plan.finish(selected)["i"], array[index]["i"])


@pytest.mark.behaviour("LOAD-05")
def test_a_slab_is_bounded_where_one_row_of_the_first_axis_is_larger_than_memory():
    plan = plan_part((2, 1000, 1000), 4, np.s_[:, ::2, ::2])

    sizes = [slab.nbytes_read for _, slab in plan.slabs(10_000)]

    assert max(sizes) <= 10_000
    assert plan.nbytes_wanted <= sum(sizes) <= plan.nbytes_read


@pytest.mark.behaviour("LOAD-05")
@pytest.mark.parametrize(
    ("index", "nranges", "nbytes_read", "why"),
    [
        (np.s_[:], 1, 4 << 20, "exact"),
        (np.s_[3], 1, 16384, "exact"),
        (np.s_[5:9], 1, 4 * 16384, "exact"),
        (np.s_[::-1], 1, 4 << 20, "exact"),
        (np.s_[:, :2048], 256, 2 << 20, "exact"),
        (np.s_[:, 4000:], 256, 256 * 384, "exact"),
        (np.s_[::2], 128, 2 << 20, "exact"),
        (np.s_[7, 100], 1, 4, "exact"),
        (np.s_[7, ::2], 1, 16384 - 4, "wider"),
        (np.s_[:, :4000], 1, (4 << 20) - 384, "wider"),
        (np.s_[:, 1:3000:2], 256, 256 * 4 * 2999, "wider"),
        (np.s_[:, ::3], 1, 4 << 20, "whole"),
        (np.s_[0:0], 0, 0, "exact"),
    ],
)
def test_ranges_are_worth_a_page_each(index, nranges, nbytes_read, why):
    plan = plan_part((256, 4096), 4, index)

    assert isinstance(plan, PartPlan)
    assert (plan.nranges, plan.nbytes_read, plan.why) == (nranges, nbytes_read, why)


@pytest.mark.behaviour("LOAD-05")
@pytest.mark.parametrize(
    "index",
    [
        2,
        -3,
        (0, 3),
        (0, -4),
        (0, 0, 0),
        (Ellipsis, 0, 0, 0),
        (Ellipsis, Ellipsis),
        (0, Ellipsis, Ellipsis),
        2**70,
    ],
    ids=repr,
)
def test_an_index_that_leads_outside_is_refused_as_by_numpy(index):
    with pytest.raises(IndexError):
        np.zeros((2, 3))[index]

    with pytest.raises(IndexError, match=r"index|indices"):
        plan_part((2, 3), 4, index)


@pytest.mark.behaviour("LOAD-05")
@pytest.mark.parametrize(
    "index",
    [
        None,
        [0, 1],
        True,
        np.True_,
        np.array([True, False]),
        np.array([0]),
        "w",
        1.0,
        (0, None),
        slice("a"),
    ],
    ids=repr,
)
def test_an_index_of_another_kind_is_refused(index):
    with pytest.raises(TypeError):
        plan_part((2, 3), 4, index)


@pytest.mark.behaviour("LOAD-05")
def test_a_step_of_nothing_is_refused_as_by_numpy():
    with pytest.raises(ValueError, match="zero"):
        np.zeros(3)[::0]

    with pytest.raises(ValueError, match="zero"):
        plan_part((3,), 4, np.s_[::0])


@pytest.mark.behaviour("LOAD-05")
def test_integers_of_numpy_are_integers():
    assert plan_part((2, 3), 4, (np.int64(1), np.array(2))).first == 20


@pytest.mark.behaviour("LOAD-05")
def test_a_large_tensor_is_planned_without_touching_its_size():
    plan = plan_part((1 << 18, 1 << 18), 4, np.s_[-1, -4:])

    assert (plan.nbytes_read, plan.starts().tolist()) == (16, [(1 << 38) - 16])
