import pytest

from emel_io_read import TABLES, ReadOutcome
from emel_io_read.outcomes import REACTIONS
from emel_machine import prove


@pytest.mark.behaviour("READ-03")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_is_proved(table):
    assert prove(table) == ()


@pytest.mark.behaviour("READ-03")
def test_each_outcome_has_a_reaction():
    assert set(REACTIONS) == set(ReadOutcome)
