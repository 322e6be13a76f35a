"""Tests as they are written, read without running them: whether each is collected, and can fail.

`reading` goes through all of them and asks the other modules, each of which knows one way in which
a test says less than it seems to. `checks` says what checks something, `called` whose checks a test
calls, and `truth` and `values` what is always true, whatever the code under test does.
"""

from emel_tools.suites.written.reading import check, read, read_helping, tests_of, uncollected

__all__ = ["check", "read", "read_helping", "tests_of", "uncollected"]
