"""Each promise of a `behaviours.toml` has a test that names it, and each named id is a promise.

A test names ids with `@pytest.mark.behaviour("MAP-01", "MAP-05")`, on a function, on a class, or
for a whole module as `pytestmark`. Both sides are read without importing anything.
"""

from emel_tools.behaviours.catalogue import Promise, read_catalogues
from emel_tools.behaviours.check import check
from emel_tools.behaviours.marks import Mark, read_marks
from emel_tools.behaviours.numbers import numbers

__all__ = ["Mark", "Promise", "check", "numbers", "read_catalogues", "read_marks"]
