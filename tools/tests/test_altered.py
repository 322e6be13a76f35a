"""What is bound otherwise as it is imported concerns those that speak of it, and nobody else."""

import textwrap

import pytest

from emel_tools.scope.altered import altered

WORK = "packages/a/src/emel_a/work.py"
FRONT = "packages/a/src/emel_a/__init__.py"
USE = "packages/b/src/emel_b/use.py"
APART = "packages/b/src/emel_b/apart.py"
DEEP = "packages/b/src/emel_b/deep/low.py"
TESTS = "packages/b/tests/test_use.py"
BESIDE = "packages/b/tests/checkpoints.py"
SOURCES = {
    FRONT: """\
        from emel_a.work import LIMIT, Shape, total
        """,
    WORK: '''\
        """Sums."""

        from __future__ import annotations

        import re
        from dataclasses import dataclass
        from functools import total_ordering
        from typing import TYPE_CHECKING, NamedTuple, overload

        if TYPE_CHECKING:
            from emel_b.apart import Nothing

        LIMIT = 9
        TWICE = LIMIT * 2
        WORD = re.compile("a")
        KNOWN = {}
        Wide = "int | float"
        WIDTH = 3
        MOST: int = 3


        class Pair(NamedTuple):
            first: int = LIMIT
            second: int = WIDTH

            def told(self):
                return 1


        @dataclass
        class Shape:
            """A shape."""

            sides: int = 0

            def size(self, least=1):
                return least

            @property
            def name(self):
                return "shape"


        class Strict(metaclass=type):
            pass


        @total_ordering
        class Ordered:
            pass


        @overload
        def over(x: int): ...
        @overload
        def over(x: str): ...
        def over(x):
            return x


        def total(numbers):
            return sum(numbers)


        def least(numbers, limit=LIMIT):
            return min(numbers, limit)


        def width(*, width=WIDTH):
            return width, MOST


        def made():
            return dataclass, Strict, Ordered


        def word():
            return WORD


        def shaped():
            return Shape(3)


        def both():
            return total([1]) + 1


        def paired():
            return Pair()


        def ordered():
            return sorted([1], key=lambda each: each * TWICE)


        def wide(width: Wide) -> Wide:
            return width


        TABLE = {"total": both}
        WIDEST = [wide]
        ''',
    USE: """\
        import inspect

        import emel_a
        from emel_a import LIMIT as MOST
        from emel_a import work

        from emel_a.work import both as pair
        from . import apart
        from .apart import ZERO as NONE

        PAIRS = [pair]


        def paired_with():
            return pair()


        def pairs():
            return PAIRS


        def none():
            return NONE


        def most():
            return MOST


        def limit():
            return emel_a.LIMIT


        def word():
            return work.WORD


        def size(shape):
            return shape.size()


        def late():
            from emel_a.work import TWICE

            return TWICE


        def named():
            return getattr(work, "KNOWN")


        def other(LIMIT):
            return LIMIT


        def looked(shape):
            return inspect.signature(shape.paint)


        def widest():
            return work.WIDEST
        """,
    APART: """\
        import emel_a
        import numpy

        ZERO = 0


        def nothing():
            return 0


        def known():
            return emel_a.work.KNOWN
        """,
    DEEP: """\
        import emel_a.work
        from .. import apart
        from ..apart import ZERO


        def zero():
            return ZERO


        def far():
            return apart.ZERO


        def word():
            return emel_a.work.WORD


        def front():
            return emel_a.LIMIT
        """,
}
AROUND = {
    TESTS: """\
        import emel_b.use
        import pytest
        from emel_a import total
        from emel_a.work import TABLE, Pair, word

        CASES = [Pair(1)]


        @pytest.fixture
        def shape():
            return emel_a.work.Shape(3)


        def limit():
            return emel_b.use.MOST


        class Word:
            def found(self):
                return emel_b.use.MOST


        class TestWord:
            def test_found(self):
                assert Word().found()

            def test_none(self):
                assert not None


        def test_total():
            assert total([]) == 0


        def test_limit():
            assert limit() == 9


        def test_pairs():
            assert CASES[0].first


        def test_table():
            assert TABLE


        def test_step(monkeypatch):
            monkeypatch.setattr("emel_a.work.KNOWN", {1: 2})


        @pytest.mark.parametrize("word", ["a", "b"])
        def test_word(word):
            assert word


        @pytest.mark.parametrize("most", [emel_b.use.MOST])
        def test_each(most):
            assert most


        def test_object():
            assert emel_b.use.pair
        """,
    BESIDE: """\
        def checkpoint():
            return 1
        """,
}


def spell(texts):
    return {path: textwrap.dedent(text).encode() for path, text in texts.items()}


def change(*edits, path=WORK, loaded=(FRONT, WORK, USE, APART, DEEP), around=AROUND):
    """Change one file; what is altered, or None for everything."""
    before = spell(SOURCES)
    now = dict(before)
    for old, new in edits:
        assert old.encode() in now[path]
        now[path] = now[path].replace(old.encode(), new.encode())
    return altered(before, now, loaded, spell(around))


def functions(found, *paths):
    """Name what is altered in some files."""
    return {
        name.partition(":")[2]
        for name in found.functions
        if name.partition(":")[0] in paths and ":" in name
    }


def concerned(found):
    """Name the tests that speak of what is altered."""
    tests = ("total", "limit", "pairs", "table", "step", "word[a]", "each[9]", "object")
    node_ids = [f"test_{name}" for name in tests]
    node_ids += ["TestWord::test_found", "TestWord::test_none"]
    return {each for each in node_ids if found.concerns(f"{TESTS}::{each}")}


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    ("old", "new", "ours", "theirs", "tests"),
    [
        ("LIMIT = 9\n", "LIMIT = 9\nMORE = 1\n", set(), set(), set()),
        ("import re\n", "import re\nimport itertools\n", set(), set(), set()),
        ('"""A shape."""', '"""Another."""', set(), set(), set()),
        (
            "LIMIT = 9",
            "LIMIT = 8",
            {"least", "paired", "ordered"},
            {"most", "limit", "late", "front", "looked"},
            {"test_limit", "test_pairs", "test_each[9]", "TestWord::test_found"},
        ),
        ('re.compile("a")', 're.compile("b")', {"word"}, {"word"}, set()),
        ("KNOWN = {}", "KNOWN = {1: 1}", set(), {"named", "known"}, {"test_step"}),
        ("TWICE = LIMIT * 2\n", "", {"ordered"}, {"late"}, set()),
        ("sides: int = 0", "sides: int = 4", {"shaped"}, set(), set()),
        ("size(self, least=1)", "size(self, least=2)", {"Shape.size"}, {"looked"}, set()),
        ("total(numbers)", "total(numbers, of=0)", {"total"}, {"looked"}, {"test_total"}),
        ("both()", "both(of=0)", {"both"}, {"looked", "pairs"}, {"test_table", "test_object"}),
        ("int | float", "float", {"wide"}, {"looked", "widest"}, set()),
        ("import re\n", "import re\nimport numpy as np\n", set(), set(), set()),
        ("MOST: int = 3", "MOST: int = 4", {"width"}, set(), set()),
        ("MOST: int = 3", "MOST: float = 3", set(), set(), set()),
        ("WIDTH = 3", "WIDTH = 4", {"width", "paired"}, {"looked"}, {"test_pairs"}),
        ("import Nothing", "import Nothing, Other", set(), set(), set()),
        ("total(numbers)", "total(numbers) -> int", {"total"}, {"looked"}, {"test_total"}),
        ("def made()", "def sum(_):\n    return 1\n\n\ndef made()", {"total"}, set(), set()),
        ("def over(x):", "def over(x=1):", {"over"}, {"looked"}, set()),
        ("KNOWN = {}", "KNOWN = Pair(total)", set(), {"named", "known"}, {"test_step"}),
        ("KNOWN = {}", "KNOWN = _Pair(total)", set(), {"named", "known"}, {"test_step"}),
        ("KNOWN = {}", "KNOWN = re.compile(LIMIT)", {"least", "paired", "ordered"}, None, None),
        ("limit=LIMIT", "limit=TWICE", {"least"}, {"looked"}, set()),
    ],
)
def test_those_are_altered_that_speak_of_what_is_bound_otherwise(old, new, ours, theirs, tests):
    found = change((old, new))
    assert functions(found, WORK, FRONT) == ours
    assert theirs is None or functions(found, USE, APART, DEEP) == theirs
    assert tests is None or concerned(found) == tests


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    ("old", "new", "is_told"),
    [
        ("LIMIT = 9\n", "LIMIT = 9\nMORE = 1\n", False),
        ("def word(", "def words():\n    return 1\n\n\ndef word(", False),
        ("MOST: int = 3", "MOST: float = 3", False),
        ("KNOWN = {}", "KNOWN = {1: 1}", True),
        ("def both()", "def both(of=0)", True),
        ("import re\n", "import re\nimport itertools\n", True),
        ("def size(self, least=1)", "def size(self, least=2)", True),
    ],
)
def test_a_file_that_binds_otherwise_what_it_had_bound_is_told(old, new, is_told):
    assert (WORK in change((old, new)).functions) == is_told


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    "name",
    [
        *("abstractmethod", "cache", "cached_property", "classmethod", "contextmanager"),
        *("final", "functools.lru_cache(3)", "overload", "override", "property", "staticmethod"),
    ],
)
def test_a_decorator_that_keeps_a_function_to_itself_concerns_its_callers_alone(name):
    found = change(("def word(", f"@{name}\ndef word("))
    assert functions(found, WORK, USE, DEEP) == {"word", "looked"}


@pytest.mark.behaviour("GATE-114")
def test_what_is_imported_by_where_it_lies_is_found_there():
    found = change(("ZERO = 0", "ZERO = 1"), path=APART)
    assert functions(found, USE, APART, DEEP) == {"none", "zero", "far"}


@pytest.mark.behaviour("GATE-114")
def test_a_class_that_goes_concerns_those_that_speak_of_it():
    text = (
        "class Shape:\n    def size(self):\n        return 1\n\n\ndef shaped():\n    return Shape\n"
    )
    files = {WORK: text.encode(), USE: b"def size(shape):\n    return shape.size()\n"}
    found = altered(files, {**files, WORK: text[text.index("def sh") :].encode()}, (WORK, USE), {})
    assert found.functions == {WORK, f"{WORK}:Shape.size", f"{WORK}:shaped", f"{USE}:size"}
    assert found.has(f"{WORK}:shaped.<locals>.<lambda>")
    assert not found.has(f"{WORK}:other")


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize("text", [b"", b"LIMIT = 1\n"])
@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_file_that_goes_alters_everything_that_had_loaded_it(text, is_loaded):
    found = altered({WORK: text}, {}, (WORK,) if is_loaded else (), {})
    assert found is None if is_loaded else found.functions == {WORK}


@pytest.mark.behaviour("GATE-114")
def test_a_function_that_is_new_is_another_and_calls_nobody():
    found = change(("def word(", "def words():\n    return 1\n\n\ndef word("))
    assert (found.functions, found.new) == (set(), {f"{WORK}:words"})
    assert found.has(f"{WORK}:words")


STRICT = "class Strict(metaclass=type):\n    pass\n\n    def area(self):\n        return 1"


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    ("old", "new", "altered_too"),
    [
        ("    def size", "    def area(self):\n        return 1\n\n    def size", set()),
        ("def size(self, least=1)", "def area(self, least=1)", {"size", "Shape.size"}),
        ("    def told", "    def area(self):\n        return 1\n\n    def told", {"paired"}),
        ("class Strict(metaclass=type):\n    pass", STRICT, {"made"}),
        (
            "class Ordered:\n    pass",
            "class Ordered:\n    def area(self):\n        return 1",
            {"made"},
        ),
        ("def size(", "def __len__(self):\n        return 1\n\n    def size(", {"shaped"}),
    ],
)
def test_a_method_that_comes_or_goes_concerns_those_that_speak_of_it(old, new, altered_too):
    found = change((old, new))
    assert functions(found, WORK, USE) == altered_too
    assert (WORK in found.functions) == bool(altered_too)


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 9\n", "LIMIT = 9\nprint(LIMIT)\n"),
        ("LIMIT = 9\n", "LIMIT = 9\nif LIMIT:\n    MORE = 1\n"),
        ("LIMIT = 9\n", "LIMIT = 9\nif not LIMIT:\n    MORE = 1\n"),
        ("KNOWN = {}", "KNOWN = total([])"),
        ("KNOWN = {}", "from emel_b.use import most\nKNOWN = most()"),
        ("WIDTH = 3\n", ""),
        ("@total_ordering", "@total"),
        ("KNOWN = {}", "KNOWN, MORE = {}, 1"),
        ("from __future__ import annotations\n", ""),
        ("import re\n", "import re\nfrom emel_b import apart\n"),
        ("import re\n", "import re\nimport emel_b.apart\n"),
        ("import re\n", "import re\nimport gguf\n"),
        ("import re\n", "import re\nfrom gguf.constants import Keys\n"),
        ("def word():", "def __getattr__(name):\n    return 1\n\n\ndef word():"),
        ("def word():", "@re.compile\ndef word():"),
        ("def word():", "@total\nclass Word:\n    pass\n\n\ndef word():"),
        ("LIMIT = 9", "LIMIT = ("),
        ("LIMIT = 9\n", ""),
        ("def total(", "def sums("),
    ],
)
def test_what_may_do_anything_as_it_is_imported_alters_everything(old, new):
    assert change((old, new), loaded=(FRONT, WORK, USE)) is None


@pytest.mark.behaviour("GATE-114")
def test_what_is_handed_to_somebody_as_something_is_bound_is_altered_too():
    found = change(("    sides: int = 0", "    sides: int = len(KNOWN)"))
    assert functions(found, WORK, USE) == {"shaped", "named"}


@pytest.mark.behaviour("GATE-114")
def test_what_nobody_has_loaded_alters_its_functions_alone():
    found = change(("return 0", "return LIMIT\n\n\nLIMIT = 1"), path=APART, loaded=(FRONT, WORK))
    assert found.functions == {APART, f"{APART}:nothing"}


@pytest.mark.behaviour("GATE-114")
def test_what_comes_by_a_star_is_bound_there_too():
    front = "from emel_a.work import *\n"
    before = spell({**SOURCES, FRONT: front})
    now = {**before, WORK: before[WORK].replace(b"LIMIT = 9", b"LIMIT = 8")}
    found = altered(before, now, (FRONT, WORK, USE), {})
    assert functions(found, USE) == {"most", "limit", "late", "looked"}


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize(
    ("old", "new", "is_everything"),
    [
        ("def limit():", "@pytest.fixture(autouse=True)\ndef limit():", True),
        ("CASES = [Pair(1)]", "pytestmark = emel_b.use.MOST", True),
        ("CASES = [Pair(1)]", "print(emel_b.use.MOST)", True),
        ("def limit():", "@contextmanager\ndef limit():", False),
    ],
)
def test_what_concerns_a_whole_file_of_tests_runs_all_of_it(old, new, is_everything):
    assert old in AROUND[TESTS]
    around = {**AROUND, TESTS: textwrap.dedent(AROUND[TESTS]).replace(old, new)}
    found = change(("LIMIT = 9", "LIMIT = 8"), around=around)
    assert ("TestWord::test_none" in concerned(found)) == is_everything


@pytest.mark.behaviour("GATE-114")
@pytest.mark.parametrize("path", [BESIDE, "packages/b/tests/conftest.py"])
def test_what_concerns_a_module_that_tests_share_alters_everything(path):
    text = "from emel_a import LIMIT\n\n\ndef checkpoint():\n    return LIMIT\n"
    edit = ("LIMIT = 9", "LIMIT = 8")
    assert change(edit, around={**AROUND, path: text}) is None
    assert change(edit, around={**AROUND, path: text.replace("LIMIT", "total")}) is not None
