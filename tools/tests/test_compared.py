"""Comparisons that anything passes, and assertions of what a test has put there, are found."""

import ast
import textwrap

import pytest

from emel_tools.suites import written
from emel_tools.suites.written import aliases, compared, patched, vacuous
from emel_tools.suites.written.checks import Source
from emel_tools.suites.written.truth import truth

FACE = "packages/disk/tests/test_face.py"


def source(body, head=""):
    code = f"{head}\ndef test_a(f, g, x, y):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    return Source(FACE, ast.parse(code))


def truth_of(expression):
    return truth(ast.parse(expression, mode="eval").body)


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        *("repr(x)", "ascii(x)", "type(x)", "object()"),
        *("map(f, x)", "filter(f, x)", "zip(x, y)", "iter(x)", "enumerate(x)", "reversed(x)"),
        *("itertools.chain(x)", "bool(map(f, x))", "f() or iter(x)", "iter(x) and zip()"),
        *("x >= set()", "set() <= x", "frozenset(()) <= x", "x >= ()", "'' <= x", "b'' <= x"),
        *("x >= set([])", "x[:0] <= y", "[] <= f() <= math.inf", "x not in ()", "x not in {}"),
        *("x.issuperset(())", "x.issuperset('')", "set().issubset(x)", "x.isdisjoint([])"),
        *("x.issuperset(set())", "frozenset().isdisjoint(x)", "f().issuperset([])"),
        *("x <= math.inf", "math.inf >= x", "x >= -math.inf", "-np.inf <= x", "x <= inf"),
        *("x <= float('inf')", "x <= float('Infinity')", "x >= float('-inf')", "x <= 1e999"),
        *(
            "x <= np.float64('inf')",
            "x <= float(math.inf)",
            "x <= +numpy.inf",
            "x >= -float('inf')",
        ),
        *("x is not object()", "object() is not x", "x is not []", "x is not {}", "x is not set()"),
        *("x is not [f(a) for a in y]", "not (x is object())", "x is not list(y)"),
        *("len(x) >= 0", "0 <= len(x)", "abs(x - y) >= 0", "0 <= len(x) <= inf"),
        *("(x >= -np.inf).all()", "(x == x).all()", "np.all(x == x)"),
        *("np.array_equal(x, x)", "np.allclose(x.y, x.y)", "math.isclose(x, x)"),
        *("np.isclose(x, x).all()", "all(())", "not any([])", "all(True for a in x)"),
        *("all([True, 1])", "not any(() for a in x)", "any((x, True))"),
    ],
)
def test_what_asks_for_nothing_is_always_true(expression):
    assert truth_of(expression) is True


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        *("str(x)", "list(map(f, x))", "any(map(f, x))", "set(x)", "f.map(x)", "next(x)"),
        *("x >= set(y)", "set(x) <= y", "x <= set()", "set() >= x", "x == set()", "x > set()"),
        *("x >= {1}", "x.issuperset(y)", "set(x).issubset(y)", "x.issubset(())", "x <= ''"),
        *("str([]) <= x", "x in ''", "x not in y", "x in [1]", "x.isdisjoint({1})"),
        *("x.removeprefix('')", "x < math.inf", "x >= math.inf", "x <= -math.inf", "x == math.inf"),
        *("math.inf <= x", "x <= float('nan')", "x <= float('1')", "x <= float('x')", "x <= 1e9"),
        *(
            "x <= float(y)",
            "x <= sys.maxsize",
            "x is not object",
            "x is not ()",
            "x is not iter(x)",
        ),
        *("x is not f()", "x != object()", "len(x) >= 1", "0 < len(x)", "0 <= x", "1 <= len(x)"),
        *("0 <= f() <= x", "1 < x < 2", "(x == y).all()", "x.all()", "np.all(x)", "f(x == x)"),
        *("np.array_equal(x, y)", "np.allclose(f(), f())", "np.isclose(x, y).all()", "'a' < 1"),
        *("all(a for a in x)", "any(True for a in x)", "all([x, 1])", "any([x, ()])", "all(x)"),
        *("all(False for a in x)", "all([*x])", "nan != nan", "set(*x) <= y"),
    ],
)
def test_what_asks_for_something_is_not(expression):
    assert truth_of(expression) is None


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        "set()",
        "x in ()",
        "x is object()",
        "any(())",
        "1 == 2",
        "all([x, 0])",
        "1 == 1 == 3",
        "dict()",
        "x < set()",
        "len(x) < 0",
        "x > inf",
    ],
)
def test_what_can_never_hold_is_never_true(expression):
    assert truth_of(expression) is False


MOCK = "from unittest.mock import ANY as SOME, ANY\nfrom unittest import mock as m, mock"
LAX = {
    "anything": "assert f() == ANY",
    "anything by another name": "assert SOME == f()",
    "anything of the module": "assert f() == mock.ANY",
    "anything of a module by another name": "assert (f(), 1) == (m.ANY, 1)",
    "anything by its whole name": "assert f() == unittest.mock.ANY",
    "anything in a name": "expected = ANY\nassert f() == expected",
    "anything that is made here": "class A:\n    def __eq__(self, other):\n        return True\n"
    "assert f() == A()",
    "the same array": "np.testing.assert_array_equal(x, x)",
    "the same numbers": "np.testing.assert_allclose(x.a, x.a, atol=3)",
    "the same by name": "numpy.testing.assert_equal(actual=x, desired=x)",
    "the same by one name": "assert_array_almost_equal(x, desired=x)",
    "the same in a list": "np.testing.assert_equal([f(), x], [3, x])",
    "the same of unittest": "g.assertEqual(x, x)",
    "the same place": "assert (x.index, x.offset) == (2, x.offset)",
    "any distance": "assert np.allclose(x, y, atol=np.inf)",
    "any distance at its place": "np.testing.assert_allclose(x, y, 0, np.inf)",
    "any distance of numbers": "assert math.isclose(x, y, abs_tol=math.inf)",
    "any share": "assert x == pytest.approx(y, rel=float('inf'))",
    "any share at its place": "assert x == approx(y, math.inf)",
    "any distance of pytest": "assert x == pytest.approx(y, abs=inf)",
}
STRICT = {
    "another ANY": "assert f() == OTHER.ANY",
    "an ANY that is none": "ANYTHING = 1\nassert f() == ANYTHING",
    "what may be another": "class A:\n    def __eq__(self, other):\n"
    "        return other.a == self.a\nassert f() == A()",
    "what answers in two ways": "class A:\n    def __eq__(self, other):\n        if g(other):\n"
    "            return True\n        return False\nassert f() == A()",
    "two arrays": "np.testing.assert_array_equal(x, y)",
    "two calls": "np.testing.assert_array_equal(f(), f())",
    "what isn't the same": "g.assertIsNot(x, x)",
    "what is less": "np.testing.assert_array_less(x, x)",
    "a check of ours": "assert_moves(x, x)",
    "one thing": "g.assertTrue(x)",
    "an end": "assert np.allclose(x, y, atol=1e-3)",
    "a number without an end": "assert x == pytest.approx(math.inf)",
    "numbers without an end": "assert np.isclose(x, np.inf)",
    "a limit of something else": "assert f(x, rel=math.inf) == y",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", LAX.values(), ids=LAX)
def test_a_comparison_that_anything_passes_is_found(body):
    assert [rule for _, rule, _ in compared.lax(source(body, MOCK))] == ["always true"]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", STRICT.values(), ids=STRICT)
def test_a_comparison_that_something_fails_is_not(body):
    head = "from disk import ANYTHING, OTHER\nimport mock"
    assert list(compared.lax(source(body, head))) == []


@pytest.mark.behaviour("GATE-27")
def test_what_is_close_to_another_name_of_itself_is_found():
    (told,) = aliases.aliased(source("before = x\nnp.testing.assert_allclose(x, before)"))
    assert told[:2] == (4, "always true")


NEVER = {
    "a constant": "@precondition(lambda self: False)\ndef go(self): ...",
    "nothing": "@rule()\n@precondition(lambda self: None)\ndef go(self): ...",
    "what is false": "@stateful.precondition(lambda self: self.a and 1 == 2)\ndef go(self): ...",
    "by another name": "@when(lambda _: 0)\n@invariant()\ndef go(self): ...",
    "a function": "def never(self):\n    return False\n@precondition(never)\ndef go(self): ...",
    "no answer": "def never(self):\n    self.a()\n@precondition(never)\ndef go(self): ...",
    "a name": "never = lambda self: ()\n@precondition(never)\ndef go(self): ...",
    "a name of it": "never = precondition(lambda self: '')\n@never\ndef go(self): ...",
}
SOMETIMES = {
    "what may be": "@precondition(lambda self: self.a)\ndef go(self): ...",
    "what is": "@precondition(lambda self: True)\ndef go(self): ...",
    "another's": "@f.only(lambda self: False)\ndef go(self): ...",
    "a function": "def may(self):\n    if self.a:\n        return True\n    return False\n"
    "@precondition(may)\ndef go(self): ...",
    "a generator": "def may(self):\n    yield\n@precondition(may)\ndef go(self): ...",
    "a name": "may = lambda self: self.a\n@precondition(may)\ndef go(self): ...",
    "a name of two": "may = lambda self: 0\nif x:\n    may = f\n@precondition(may)\n"
    "def go(self): ...",
    "a name of two kinds": "may = lambda self: 0\ndef may(self):\n    return self.a\n"
    "@precondition(may)\ndef go(self): ...",
    "what isn't known": "@precondition(f.may)\ndef go(self): ...",
    "what is handed in": "@precondition(f)\ndef go(self): ...",
}
WHEN = "from hypothesis.stateful import precondition as when"


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", NEVER.values(), ids=NEVER)
def test_a_rule_whose_precondition_is_never_true_is_found(body):
    (told,) = vacuous.ruled_out(source(body, WHEN))
    assert told[1] == "never runs"


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", SOMETIMES.values(), ids=SOMETIMES)
def test_a_rule_whose_precondition_may_be_true_is_not(body):
    assert list(vacuous.ruled_out(source(body, WHEN))) == []


PATCHED = {
    "an answer": "m.setattr(x, 'usage', lambda: y)\nassert x.usage() == y",
    "a part of it": "m.setattr(x, 'usage', lambda: y)\nassert 3 == x.usage().held",
    "one of several": "m.setattr(x.a, 'usage', lambda: y)\nassert (f(), x.a.usage()[0]) == (1, 2)",
    "by a text": "m.setattr('emel.usage', lambda *_: y)\nassert emel.usage(3) == y",
    "by Python": "setattr(x, 'usage', lambda: 3)\ng()\nassert x.usage() == 3",
    "by its name": "x.usage = lambda: y\nfor a in y:\n    assert a == x.usage()",
    "a function": "def used():\n    return y\nm.setattr(x, 'usage', used)\nassert x.usage() == y",
    "a name": "used = lambda: y\nx.usage = used\nassert f() and x.usage() == y",
    "in a context": "with m.context() as p:\n    p.setattr(x, 'usage', lambda: y)\n"
    "    assert x.usage() == y",
    "what is waited for": "x.usage = lambda: y\nassert (await x.usage()) == y",
}
ASKED = {
    "what calls it": "m.setattr(x, 'usage', lambda: y)\nassert x.report() == y",
    "what is handed it": "m.setattr(x, 'usage', lambda: y)\nassert f(x.usage()) == y",
    "another's": "m.setattr(x, 'usage', lambda: y)\nassert g.usage() == y",
    "before": "assert x.usage() == y\nm.setattr(x, 'usage', lambda: y)",
    "a patch that calls": "m.setattr(x, 'usage', lambda: f(1))\nassert x.usage() == y",
    "a function that calls": "def used():\n    return f()\nm.setattr(x, 'usage', used)\n"
    "assert x.usage() == y",
    "what isn't known": "m.setattr(x, 'usage', f)\nassert x.usage() == y",
    "a value": "m.setattr(x, 'usage', 3)\ng()\nassert x.usage == 4",
    "taken back": "m.setattr(x, 'usage', lambda: y)\nm.undo()\nassert x.usage() == y",
    "behind a context": "with m.context() as p:\n    p.setattr(x, 'usage', lambda: y)\n    g()\n"
    "assert x.usage() == y",
    "another owner": "m.setattr(x, 'usage', lambda: y)\nx = f()\nassert x.usage() == y",
    "another function": "x.usage = lambda: y\nx.usage = f\nassert x.usage() == y",
    "another patch": "x.usage = lambda: y\nm.setattr(x, 'usage', f)\nassert x.usage() == y",
    "what is no name": "m.setattr(f(), 'usage', lambda: y)\nassert f().usage() == y",
    "what sets otherwise": "m.setitem(x, 'usage', lambda: y)\nx.a = 1\nassert x.usage() == y",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", PATCHED.values(), ids=PATCHED)
def test_an_assertion_of_what_the_test_has_put_there_is_found(body):
    code = source(body)
    (told,) = patched.patched(code)
    assert told[0] == len(body.splitlines()) + 2
    assert told[1] == "always true"


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", ASKED.values(), ids=ASKED)
def test_an_assertion_of_anything_else_is_not(body):
    assert list(patched.patched(source(body))) == []


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("never runs", "@precondition(lambda self: False)\n    def go(self): ...\n    assert f()"),
        ("always true", "np.testing.assert_equal(x, x)"),
        ("always true", "x.usage = lambda: y\n    assert x.usage() == y"),
    ],
)
def test_what_cannot_fail_is_found_where_tests_are_read(tmp_path, rule, body):
    (tmp_path / "tools/tests").mkdir(parents=True)
    (tmp_path / FACE).parent.mkdir(parents=True)
    (tmp_path / FACE).write_text(f"def test_a(x, y):\n    {body}\n")
    assert [found.rule for found in written.check(tmp_path)[0]] == [rule]
