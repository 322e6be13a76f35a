from enum import IntEnum

import numpy as np
import pytest

from emel_io_loader import (
    BatchOutcome,
    Lease,
    Leases,
    Reaction,
    RouteOutcome,
    SpanOutcome,
    StrategyError,
    code_of,
)
from emel_io_loader.outcomes import ROUTE_REACTIONS


class Outcome(IntEnum):
    OK = 0
    STILL_BORROWED = 1


@pytest.mark.behaviour("OUTCOME-01")
def test_a_code_is_the_name_in_kebab_case():
    assert code_of(Outcome.STILL_BORROWED) == "still-borrowed"


@pytest.mark.behaviour("OUTCOME-01")
@pytest.mark.parametrize("reaction", Reaction)
def test_only_a_batch_without_a_reaction_is_ok(reaction):
    batch = BatchOutcome(outcome=Outcome.STILL_BORROWED, reaction=reaction)

    assert batch.ok is (reaction is Reaction.NONE)
    assert batch.code == "still-borrowed"


@pytest.mark.behaviour("OUTCOME-01")
def test_a_batch_says_nothing_that_it_was_not_told():
    batch = BatchOutcome(outcome=Outcome.OK, reaction=Reaction.NONE)

    assert (batch.index, batch.offset, batch.errno, batch.cause) == (-1, -1, 0, None)
    assert (batch.nspans, batch.nbytes, len(batch.leases), batch.done) == (0, 0, 0, None)


@pytest.mark.behaviour("OUTCOME-01")
def test_success_is_number_0_and_no_two_outcomes_share_a_code():
    for outcomes in (SpanOutcome, RouteOutcome):
        assert outcomes(0).name == "OK"
        assert len({code_of(outcome) for outcome in outcomes}) == len(outcomes)


@pytest.mark.behaviour("OUTCOME-01")
def test_each_routing_outcome_but_the_strategys_own_has_a_reaction():
    assert set(ROUTE_REACTIONS) == set(RouteOutcome) - {RouteOutcome.STRATEGY_FAILED}


@pytest.mark.behaviour("OUTCOME-01")
@pytest.mark.parametrize(("message", "text"), [("gone", "gone"), ("", "still-borrowed")])
def test_a_strategy_error_speaks_with_its_outcomes_words(message, text):
    batch = BatchOutcome(outcome=Outcome.STILL_BORROWED, reaction=Reaction.BUSY, message=message)

    error = StrategyError(batch)

    assert str(error) == text
    assert error.result is batch


@pytest.mark.behaviour("OUTCOME-02")
def test_vacant_leases_name_no_slot():
    leases = Leases.vacant(3)

    assert len(leases) == 3
    assert list(leases) == [Lease(-1, -1)] * 3
    assert (leases.slot.dtype, leases.generation.dtype) == (np.int32, np.int64)


@pytest.mark.behaviour("OUTCOME-02")
def test_no_leases_are_the_default():
    assert len(Leases.vacant()) == 0


@pytest.mark.behaviour("OUTCOME-02")
def test_leases_copy_what_they_are_made_of():
    slot, generation = np.array([1, 2], np.int32), np.array([7, 8], np.int64)

    leases = Leases.of(slot, generation)
    slot[:] = generation[:] = 0

    assert list(leases) == [Lease(1, 7), Lease(2, 8)]


@pytest.mark.behaviour("OUTCOME-02")
def test_a_lease_is_made_of_plain_integers():
    slot, generation = Leases.of([4], [2**40])[0]

    assert (type(slot), type(generation), generation) == (int, int, 2**40)


@pytest.mark.behaviour("OUTCOME-02")
def test_taken_leases_come_in_the_asked_order_and_are_new():
    leases = Leases.of([1, 2, 3], [7, 8, 9])

    taken = leases.take(np.array([2, 0, 2]))
    leases.slot[:] = 0

    assert list(taken) == [Lease(3, 9), Lease(1, 7), Lease(3, 9)]
