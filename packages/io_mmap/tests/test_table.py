import pytest

from emel_io_mmap import TABLES, MmapOutcome
from emel_io_mmap.outcomes import REACTIONS
from emel_machine import prove


@pytest.mark.behaviour("MAP-05")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_is_proved(table):
    assert prove(table) == ()


@pytest.mark.behaviour("MAP-05")
def test_each_outcome_has_a_reaction():
    assert set(REACTIONS) == set(MmapOutcome)
