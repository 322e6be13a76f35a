"""Each lane is seen to go red: regressions, planted one by one in a copy of the tree."""

from emel_tools.selftest.plants import Plant, read_plants
from emel_tools.selftest.trial import green, try_out

__all__ = ["Plant", "green", "read_plants", "try_out"]
