import pytest

from emel_machine import prove
from emel_model_tensor import STATES, TABLES, SetOutcome, TensorOutcome


@pytest.mark.behaviour("RES-01", "RES-03", "RES-05", "RES-06", "RES-10")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_tables_are_proved(table):
    assert prove(table) == ()


def test_every_outcome_is_one_that_a_row_gives():
    lifecycle, requests = TABLES

    assert {row.outcome for row in lifecycle.rows} == set(TensorOutcome)
    assert {row.outcome for row in requests.rows} == set(SetOutcome)


def test_states_have_names_for_people():
    assert STATES == ("unbound", "bound", "resident", "mmap-resident", "evicted", "failed")
