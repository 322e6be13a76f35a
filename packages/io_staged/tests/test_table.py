import pytest

from emel_io_staged import TABLES
from emel_machine import prove


@pytest.mark.behaviour("STG-04", "STG-06")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_is_proved(table):
    assert prove(table) == ()
