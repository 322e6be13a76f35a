"""Assertions that compare something with itself, or look for nothing, are found as written."""

import ast
import textwrap

import numpy as np
import pytest

from emel_tools.suites.skips import Silence
from emel_tools.suites.written import aliases, compared, expected, silenced, vacuous
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.methods import methods
from emel_tools.suites.written.truth import is_found_anywhere, truth


def source(body):
    code = f"def test_a(f, g, x, y):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    return Source("packages/disk/tests/test_face.py", ast.parse(code))


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        "(x == y) is not None",
        "len(x) is not None",
        "'x' is not None",
        "f'{x}' is not None",
        "[a for a in x] is not None",
        "(1, x) is not None",
        "1 if 2 else f()",
        "x in (y, x)",
        "f() in {2, f()}",
        "x in f'{x}: {y}'",
        "x in f'{y} {x}'",
        "x.y in x.y",
        "x[:0] in y",
        "x[0:0] == y[:0]",
        "not x[:0]",
        "x.startswith('')",
        "x.endswith(b'')",
        "re.search('(slots)?', x)",
        "re.match(r'a*', x)",
        "re.fullmatch(r'(?s).*', x)",
    ],
)
def test_what_takes_nothing_or_finds_itself_is_always_true(expression):
    assert truth(ast.parse(expression, mode="eval").body) is True


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        "x is not None",
        "f(x) is not None",
        "x.get(1) is not None",
        "(x and y) is not None",
        "f() if 1 else 2",
        "x if f() else 1",
        "x in (y, x.y)",
        "f() in {2, f(1)}",
        "x in f'{y}'",
        "x in f'{x:>9}'",
        "x in f'{x!r}'",
        "f() == f()",
        "x.y() in x.y()",
        "x[:1] in y",
        "x[1:0] == y",
        "x[:0] == y",
        "x == y[:0]",
        "x.startswith('a')",
        "re.search('slots', x)",
        "re.match(y, x)",
        "re.match('$', x)",
        "re.fullmatch('a|', x)",
        "find('', x)",
        "f('(slots)?', x)",
    ],
)
def test_what_may_be_otherwise_is_not(expression):
    assert truth(ast.parse(expression, mode="eval").body) is None


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        *((pattern, True) for pattern in ("", "(slots)?", ".*", "a|", "$")),
        *((pattern, False) for pattern in ("^$", "slots", ".", "(", "^~")),
    ],
)
def test_a_pattern_that_asks_for_nothing_is_found_in_any_text(pattern, expected):
    assert is_found_anywhere(pattern) is expected


ALWAYS = {
    "a place": "assert (x.index, x.offset) == (2, x.offset)",
    "a place inside": "assert [f(), (1, y)] == [3, (x, y)]",
    "a place among others": "assert g() and (x, f()) == (x, 3)",
    "a pattern": "with pytest.raises(ValueError, match='(slots)?'):\n    f()",
    "a method among others": "assert x and y.keys",
    "a method of each": "assert all(a.isdigit for a in x)",
    "a method of one": "assert any([a.isdigit and f(a) for a in x])",
    "no pattern": "with pytest.warns(UserWarning, match=''):\n    f()",
}
INNOCENT = {
    "a method or something": "assert f() or x.y",
    "a field of each": "assert all(a.b for a in x)",
    "methods that are compared": "assert x.keys == y",
    "other places": "assert (x.index, x.offset) == (x.offset, 2)",
    "calls": "assert (f(), 1) == (f(), 2)",
    "a constant": "assert (x, 1) == (y, 1)",
    "another order": "assert (x, y) != (x, f())",
    "what is spread": "assert (*f(), x) == (y, *g(), x)",
    "a place after what is spread": "assert (*f(), x) == (*g(), x)",
    "another length": "assert len((x, y)) == 2",
    "a pattern that asks": "with pytest.raises(ValueError, match='slots'):\n    f()",
    "a pattern elsewhere": "with pytest.raises(ValueError, match=x):\n    f()",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", ALWAYS.values(), ids=ALWAYS)
def test_a_part_that_cannot_be_false_is_found(body):
    read = source(body)
    told = [*vacuous.always_true(read), *compared.lax(read), *expected.expecting(read)]
    assert [rule for _, rule, _ in told] == ["always true"]


PACKAGE = """
class Disk(NamedTuple):
    size: int
    spin: Callable[[], None]
    turn: Callable[[], None]

    def close(self): ...
    def turn(self): ...
    def read(
        self, nbytes
    ): ...

    async def wait(self): ...

    @classmethod
    def made(cls): ...

    @property
    @cache
    def label(self): ...
    @functools.cached_property
    def full(self): ...

    def mean(self):
        self.stat = 2
        self.min: int = 3

def total(disk): ...
"""


@pytest.mark.behaviour("GATE-27")
def test_what_is_a_method_everywhere_is_one_that_cannot_be_false():
    found = methods([PACKAGE], ["class Fake:\n    wait: bool\n", "x.made = 3"])
    ours = {
        "close",
        "turn",
        "read",
        "mean",
        "wait",
        "made",
        "label",
        "full",
        "size",
        "total",
        "spin",
    }
    assert found & ours == {"close", "turn", "read", "mean"}
    assert found >= {"keys", "all", "any", "max", "exists"}
    assert not found & {"stat", "min", "shape", "name"}
    (told,) = vacuous.always_true(source("assert x.close\nassert x.wait"), found)
    assert told == (2, "always true", "`x.close` can't be false")
    assert list(vacuous.always_true(source("assert x.close"))) == []


@pytest.mark.behaviour("GATE-27")
def test_the_methods_of_an_array_are_those_of_numpy():
    members = {name: getattr(np.ndarray, name) for name in dir(np.ndarray)}
    assert {n for n, m in members.items() if callable(m) and n[0] != "_"} <= methods([], [])


@pytest.mark.behaviour("GATE-27")
def test_an_assertion_behind_a_return_is_found():
    (told,) = vacuous.always_true(source("return\nassert f()"))
    assert told[:2] == (3, "never runs")


@pytest.mark.behaviour("GATE-26")
@pytest.mark.parametrize(
    "body", ["AssertionError = ValueError", "builtins.AssertionError: type = g()"]
)
def test_an_assertion_error_that_is_made_something_else_is_found(body):
    assert [rule for _, rule, _ in vacuous.always_true(source(body))] == ["swallowed"]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", INNOCENT.values(), ids=INNOCENT)
def test_a_part_that_may_be_false_is_not(body):
    assert [*vacuous.always_true(source(body)), *compared.lax(source(body))] == []


OVERWRITTEN = {
    "at once": "before = f()\nbefore = f()\nassert f() == before",
    "later": "before = f()\ng()\nx.go()\nbefore = f()\nassert f() == before",
    "deeper": "for a in x:\n    before = f()\n    g()\n    before = f()\n    assert f() == before",
}
REMEMBERED = {
    "used": "before = f()\nassert before\nbefore = f()\nassert f() == before",
    "used in between": "before = f()\nif x:\n    g(before)\nbefore = f()\nassert before",
    "used for the next": "before = f()\nbefore = g(before)\nassert before",
    "let go": "array = f()\narray = None\nassert g()",
    "read by a function": "seen = f()\ndef look():\n    return seen\nlook()\nseen = g()\nlook()",
    "given elsewhere": "a = f()\nif x:\n    a = g()\nassert a",
    "given in two ways": "if x:\n    a = f()\nelse:\n    a = g()\nassert a",
    "unpacked": "a = f()\na, b = g()\nassert a == b",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", OVERWRITTEN.values(), ids=OVERWRITTEN)
def test_a_value_that_was_remembered_for_nothing_is_found(body):
    (told,) = vacuous.overwritten(source(body))
    assert told[1] == "overwritten"
    assert "`before` of line " in told[2]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", REMEMBERED.values(), ids=REMEMBERED)
def test_a_value_that_is_looked_at_or_let_go_is_not(body):
    assert list(vacuous.overwritten(source(body))) == []


SILENCED = {
    "a mark": "pytest.mark.filterwarnings('ignore:old')",
    "a filter": "warnings.simplefilter('ignore')",
    "a filter by name": "warnings.filterwarnings(action='default', category=f)",
    "another name": "from warnings import simplefilter as once\nonce('once')",
    "a filter of anything": "warnings.filterwarnings(x)",
    "no filter": "warnings.resetwarnings()",
    "what is only recorded": "with warnings.catch_warnings(record=True) as seen:\n    f()",
    "a context": "with warnings.catch_warnings(action='ignore'):\n    f()",
    "configuration": "x.addinivalue_line('filterwarnings', 'ignore')",
    "numpy": "with np.errstate(all='ignore'):\n    f()",
}
LOUD = {
    "an error": "warnings.simplefilter('error')",
    "errors of a kind": "pytest.mark.filterwarnings('error:old')",
    "what is put back": "with warnings.catch_warnings():\n    warnings.simplefilter('error')",
    "what isn't recorded": "with warnings.catch_warnings(record=False):\n    f()",
    "a context of errors": "with warnings.catch_warnings(action='error'):\n    f()",
    "what is waited for": "with pytest.warns(UserWarning):\n    f()",
    "other configuration": "x.addinivalue_line('markers', 'slow')",
}


@pytest.mark.behaviour("GATE-23")
@pytest.mark.parametrize("body", SILENCED.values(), ids=SILENCED)
def test_a_warning_that_is_let_pass_is_found_unless_it_is_allowed(body):
    code = source(body)
    assert [rule for _, rule, _ in silenced.silenced(code)] == ["silenced"]
    allowed = Silence("packages/disk/tests/test_face.py::test_a", "of another library")
    assert list(silenced.silenced(code, [allowed])) == []
    elsewhere = Silence("packages/disk/tests/test_face.py::test_b", "of another library")
    assert len(list(silenced.silenced(code, [elsewhere]))) == 1


@pytest.mark.behaviour("GATE-23")
@pytest.mark.parametrize("body", LOUD.values(), ids=LOUD)
def test_a_warning_that_is_an_error_is_not(body):
    assert list(silenced.silenced(source(body))) == []


ALIASED = {
    "a name": "before = x\ng()\nassert x == before",
    "an array": "before = x\ng(x)\nassert (before == x).all()",
    "what it holds": "before = x\nassert f(y) and list(before.a) == list(x.a)",
    "in a tuple": "before = x\nassert (1, before) == (1, x)",
    "identity": "before = x\ng()\nassert before is x",
    "what was made": "states = f()\nbefore = states\nassert states == before",
    "in a loop": "for a in x:\n    before = a\n    g(a)\n    assert a == before",
    "deeper": "before = x\nif f():\n    for _ in y:\n        assert x <= before",
    "of the file": "before = STATES\ng()\nassert before == STATES",
    "equal for numpy": "before = x\ng(x)\nassert np.array_equal(before, x)",
    "by a function": "before = x\ng(x)\nnp.testing.assert_array_equal(x, before)",
    "an attribute that is an array": "before = x.a\ng(x)\nassert (before == x.a).all()",
    "an attribute in numpy": "before = x.a\ng(x)\nassert np.array_equal(before, x.a)",
}
KEPT = {
    "a copy": "before = x.copy()\ng(x)\nassert (before == x).all()",
    "an attribute that has another value": "before = x.a\ng(x)\nassert before == x.a",
    "a part": "before = x\nassert x.a == before.b",
    "given again": "before = x\nx = f()\nassert x == before",
    "given twice": "before = x\nbefore = y\nassert x == before",
    "given in a loop": "for a in x:\n    if f():\n        before = a\n    assert a == before",
    "given later": "for _ in y:\n    before = a\n    assert a == before\n    a = f()",
    "given inside": "before = x\ndef h():\n    nonlocal x\n    x = 3\nh()\nassert x == before",
    "another": "before = x\nassert y == before",
    "something else": "before = x\nassert x != before",
    "itself": "before = x\nassert f(before) or y.a == y.a",
    "a constant": "before = 3\nassert f() == before",
    "a call": "before = x\nf(x, before)\nassert g()",
    "of the file, given twice": "before = COUNT\ng()\nassert before == COUNT",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", ALIASED.values(), ids=ALIASED)
def test_what_is_compared_with_another_name_of_it_is_found(body):
    (told,) = aliases.aliased(source(body))
    assert told[0] == len(body.splitlines()) + 1
    assert told[1] == "always true"


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_what_was_kept_may_be_otherwise(body):
    code = source(body)
    counting = ast.parse("COUNT = 1\ndef count():\n    global COUNT\n    COUNT += 1")
    code.tree.body[:0] = counting.body
    assert list(aliases.aliased(code)) == []


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        ("(g(a) for a in f(x))", True),
        ("with y:\n    (a for a in x)", True),
        ("map(g, x)", False),
        ("[g(a) for a in f(x)]", False),
        ("list(map(g, x))", False),
        ("f(g(a) for a in x)", False),
        ("z = (g(a) for a in x)\nassert list(z)", False),
    ],
)
def test_what_nobody_draws_from_never_runs(body, is_told):
    told = [rule for _, rule, _ in vacuous.undrawn(source(body))]
    assert told == ["never runs"] * is_told
