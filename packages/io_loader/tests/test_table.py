import pytest

from emel_io_loader import ROUTING, TABLES
from emel_machine import prove


@pytest.mark.behaviour("ROUTE-01", "ROUTE-05")
def test_the_routing_table_is_proved():
    assert prove(ROUTING) == ()


@pytest.mark.behaviour("ROUTE-01")
def test_the_routing_table_is_among_those_that_are_drawn():
    assert ROUTING in TABLES
