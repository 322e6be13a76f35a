"""The part of a copying strategy that is the same in all."""

import numpy as np
import pytest

from emel_io_loader import Advice, Leaseless, Leases, Reaction, StrategyError

ALL = Leases.of([-1, -1], [-1, -1])
STALE = pytest.mark.parametrize("lease", [(0, 0), (-1, 3), (3, -1)])


@pytest.mark.behaviour("LEASELESS-01")
def test_the_lease_of_zero_bytes_is_viewed_and_released_any_number_of_times():
    assert (Leaseless().view(-1, -1).shape, Leaseless().view(-1, -1).dtype) == ((0,), np.uint8)
    released = Leaseless().release(ALL)
    assert (released.ok, released.nspans, released.done.tolist()) == (True, 2, [True, True])


@pytest.mark.behaviour("LEASELESS-01")
@STALE
def test_any_other_lease_was_never_given(lease):
    with pytest.raises(StrategyError) as caught:
        Leaseless().view(*lease)
    assert (caught.value.result.code, caught.value.result.reaction) == (
        "stale-lease",
        Reaction.CLOSED,
    )
    assert Leaseless().advise(*lease, Advice.POPULATE).code == "stale-lease"


@pytest.mark.behaviour("LEASELESS-01")
@STALE
def test_one_stale_lease_refuses_the_whole_release(lease):
    slot, generation = lease
    refused = Leaseless().release(Leases.of([-1, slot], [-1, generation]))
    assert (refused.code, refused.index, refused.done.tolist()) == ("stale-lease", 1, [False] * 2)


@pytest.mark.behaviour("LEASELESS-01")
def test_columns_of_two_lengths_are_no_leases():
    columns = Leases(np.full(2, -1, np.int32), np.full(1, -1, np.int64))
    assert Leaseless().release(columns).code == "lengths-differ"


@pytest.mark.behaviour("LEASELESS-01")
def test_advice_about_nothing_is_done_or_refused_like_any_other():
    assert Leaseless().advise(-1, -1, Advice.DONT_NEED).ok
    assert Leaseless().advise(-1, -1, 77).code == "advice-unknown"
    assert Leaseless().advise(-1, -1, Advice.POPULATE, 0, 1).code == "advice-outside"
