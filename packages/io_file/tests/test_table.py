import pytest

from emel_io_file import TABLES
from emel_machine import prove


@pytest.mark.behaviour("FILE-04", "FILE-05")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_table_is_proved(table):
    assert prove(table) == ()
