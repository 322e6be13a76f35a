import pytest

from emel_machine import prove
from emel_model_loader import TABLES, LoadOutcome


@pytest.mark.behaviour("LOAD-01")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_tables_are_proved(table):
    assert prove(table) == ()


@pytest.mark.behaviour("LOAD-01")
def test_every_outcome_is_one_that_a_row_gives():
    assert {row.outcome for row in TABLES[0].rows} == set(LoadOutcome)
