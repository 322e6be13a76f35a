"""What waits for anything or nothing, and what checks by its name alone, is found as written."""

import ast
import textwrap

import pytest

from emel_tools.suites.written import expected, fixtures
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Checks, Source
from emel_tools.suites.written.methods import answering
from emel_tools.suites.written.truth import truth
from emel_tools.suites.written.vacuous import always_true

FACE = "packages/disk/tests/test_face.py"
CONFTEST = "packages/disk/tests/conftest.py"
KINDS = "import pytest\nEITHER = (OSError, Exception)\nBOTH = (OSError, KeyError)\n"


def of(code, path=FACE):
    return Source(path, ast.parse(textwrap.dedent(code)))


def source(body):
    return of(f"{KINDS}def test_a(f, x):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n")


LAX = {
    "a list that is said": ("assert f(), [4]", "always true"),
    "a number that is said": ("assert f(), 4", "always true"),
    "a negative one": ("assert f(), -4", "always true"),
    "a tuple that is said": ("assert f(), (1, 'a')", "always true"),
    "a dict that is said": ("assert f(), {'a': x}", "always true"),
    "a statement": ("pytest.raises(OSError)", "never runs"),
    "a statement with a pattern": ("pytest.raises(OSError, match='slot')", "never runs"),
    "a statement about warnings": ("pytest.warns(UserWarning)", "never runs"),
    "one without a kind": ("pytest.deprecated_call()", "never runs"),
    "a wide one of two": ("with pytest.raises((OSError, Exception)):\n    f()", "always true"),
    "a wide one inside": (
        "with pytest.raises((OSError, (KeyError, BaseException))):\n    f()",
        "always true",
    ),
    "a wide one by a sign": ("with pytest.raises(OSError | Exception):\n    f()", "always true"),
    "a wide one by a name": ("with pytest.raises(EITHER):\n    f()", "always true"),
    "a wide one that is spread": ("with pytest.raises((*EITHER,)):\n    f()", "always true"),
    "a wide warning": ("with pytest.warns((UserWarning, Warning)):\n    f()", "always true"),
    "a character": ("with pytest.raises(OSError, match='.'):\n    f()", "always true"),
    "some characters": ("with pytest.raises(OSError, match='.+'):\n    f()", "always true"),
    "a letter": ("with pytest.raises(OSError, match=r'\\w'):\n    f()", "always true"),
    "a blank": ("with pytest.raises(OSError, match=' '):\n    f()", "always true"),
    "letters": ("with pytest.raises(OSError, match='[a-z]+'):\n    f()", "always true"),
    "one made before": (
        "with pytest.raises(OSError, match=re.compile('.')):\n    f()",
        "always true",
    ),
    "what was raised": (
        "with pytest.raises(OSError) as raised:\n    f()\nassert raised",
        "always true",
    ),
}
FIRM = {
    "words": "assert f(), 'it is none'",
    "words with a value": "assert f(), f'{x} is none'",
    "what it was": "assert f(), (x, 1)",
    "a name": "assert f(), x",
    "a context": "with pytest.raises(OSError):\n    f()",
    "a context that is kept": "held = pytest.raises(OSError)\nwith held:\n    f()",
    "a call of it": "pytest.raises(OSError, f)",
    "a call of it by a name": "pytest.raises(OSError, func=f)",
    "all that it is handed": "pytest.raises(*x)",
    "a call of a warning": "pytest.deprecated_call(f)",
    "another's": "x.raises(1)",
    "narrow ones": "with pytest.raises((OSError, KeyError)):\n    f()",
    "narrow ones by a name": "with pytest.raises(BOTH):\n    f()",
    "one that is called": "with pytest.raises((type(x), OSError)):\n    f()",
    "a wide one alone": "with pytest.raises(Exception, match='slot'):\n    f()",
    "a word": "with pytest.raises(OSError, match='slot'):\n    f()",
    "a number": "with pytest.raises(OSError, match=r'\\d+'):\n    f()",
    "no pattern": "with pytest.raises(OSError, match='('):\n    f()",
    "a pattern by a name": "with pytest.raises(OSError, match=x):\n    f()",
    "what is raised": "with pytest.raises(OSError) as raised:\n    f()\nassert raised.value.errno",
    "another thing": "with f() as raised:\n    f()\nassert raised",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(("body", "rule"), LAX.values(), ids=LAX)
def test_what_waits_for_anything_or_nothing_is_found(body, rule):
    assert [told[1] for told in expected.expecting(source(body))] == [rule]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("body", FIRM.values(), ids=FIRM)
def test_what_waits_for_something_is_not(body):
    assert [*expected.expecting(source(body))] == []


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        *(
            "x == pytest.approx(x)",
            "pytest.approx(x, abs=1) == x",
            "x[0] == x[0]",
            "x[:3] == x[:3]",
        ),
        *("x + 1 == x + 1", "f'{x}' == f'{x}'", "[*x] == [*x]", "x['a'].b == x['a'].b"),
        *("isinstance(x, type(x))", "isinstance(x, object)", "np.array_equal(x[1], x[1])"),
        *(
            "x.count(y) >= 0",
            "0 <= x.count(y)",
            "x.find(y) > -2",
            "x.find(y) != -2",
            "-2 < x.find(y)",
        ),
        *("x.find(y) >= -1", "len(x) > -1", "len(x) != -1", "x.index(y) >= 0", "not len(x) < 0"),
        *("not len(x) == -3", "not (x.rfind(y) <= -2)"),
    ],
)
def test_what_is_compared_with_itself_or_its_least_is_always_true(expression):
    assert truth(ast.parse(expression, mode="eval").body) is True


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "expression",
    [
        *("x == pytest.approx(y)", "x[0] == x[1]", "x[:3] == x[:2]", "x + 1 == x + 2"),
        *("f'{x}' == f'{y}'", "[f(x)] == [f(x)]", "x[0] is x[0]", "isinstance(x, type(y))"),
        *("isinstance(x, int)", "x.count(y) >= 1", "x.find(y) != -1", "x.find(y) >= 0"),
        *("len(x) > 0", "len(x) == 0", "x.other(y) >= 0", "x.count(y) >= z", "1 in x.count(y)"),
        *("f().a == f().a", "[x.y() for x in y] == [x.y() for x in y]", "len(x) < 3"),
    ],
)
def test_what_is_compared_with_something_else_is_not(expression):
    assert truth(ast.parse(expression, mode="eval").body) is None


UNCHECKING = "def assert_same(x, y):\n    return x == y\n\n\n"
CHECKING = "def assert_same(x, y):\n    assert x == y\n\n\n"
ASKS = "def test_a():\n    assert_same(1, 2)\n"


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("code", "number"),
    [
        (f"{UNCHECKING}{ASKS}", 0),
        (f"{CHECKING}{ASKS}", 1),
        (ASKS, 1),
        (f"assert_same = lambda x, y: x == y\n\n\n{ASKS}", 0),
        (f"assert_same = lambda x, y: holds(x)\n\n\n{ASKS}def holds(x):\n    assert x\n", 1),
        (f"{UNCHECKING}def test_a(trial):\n    trial.assert_same(1, 2)\n", 0),
        (f"{CHECKING}def test_a(trial):\n    trial.assert_same(1, 2)\n", 1),
        ("import pytest\n\n\ndef test_a():\n    pytest.raises(OSError)\n", 0),
        ("import pytest\n\n\ndef test_a():\n    pytest.raises(OSError, f)\n", 1),
    ],
)
def test_a_call_checks_by_its_name_alone_only_where_nothing_of_ours_is_called_so(code, number):
    read = of(code)
    test = next(n for n in read.tree.body if isinstance(n, ast.FunctionDef) and n.name == "test_a")
    assert Called([read]).number(FACE, test) == number
    assert Checks([read]).checks(test) is bool(number)


PACKAGE = """
class Answer(NamedTuple):
    code: str

class Maybe(Answer):
    def __bool__(self): ...

class Outcome(Generic[T], metaclass=ABCMeta):
    code: str

class Far(Outcome):
    at: int

class Sized(Base):
    pass

class Disk:
    def load(self, path: str, *, at: int = f(1)) -> Outcome:
        ...

    def last(
        self,
    ) -> Far: ...

    def answer(self) -> Answer: ...
    def size(self) -> Sized: ...
    def open(self) -> Outcome | None: ...
    def unsaid(self): ...
    def close(self) -> Outcome: ...

    @property
    def state(self) -> Outcome: ...
"""
OTHER = "class Other:\n    def close(self) -> Outcome | None: ...\n"


@pytest.mark.behaviour("GATE-27")
def test_what_a_method_answers_that_is_always_true_is_found():
    names = answering({"packages/disk": [PACKAGE], "packages/other": [OTHER], "tools": []})
    assert names["packages/disk"] == {"load", "last", "close"}
    assert names["packages/other"] == names["tools"] == {"load", "last"}
    code = (
        "def test_a(x):\n    assert x.close()\n    assert x.open()\n    assert x and x.close().ok\n"
    )
    assert [told[:2] for told in always_true(of(code), (), names["packages/disk"])] == [
        (2, "always true")
    ]


SHARED = """
import pytest

@pytest.fixture
def workers():
    return f

@pytest.fixture(name="spans")
def made():
    return f
"""


@pytest.mark.behaviour("GATE-145")
@pytest.mark.parametrize(
    ("code", "path", "found"),
    [
        ("@pytest.fixture\ndef workers():\n    return list\n", FACE, ["shadowed"]),
        ("@pytest.fixture(name='workers')\ndef made():\n    return list\n", FACE, ["shadowed"]),
        ("class TestA:\n    @pytest.fixture\n    def spans(self): ...\n", FACE, ["shadowed"]),
        ("@pytest.fixture\ndef workers(workers):\n    return workers\n", FACE, []),
        ("@pytest.fixture\ndef made():\n    return list\n", FACE, []),
        ("def workers():\n    return list\n", FACE, []),
        ("@pytest.fixture\ndef workers(): ...\n", "packages/other/tests/test_a.py", []),
        ("@pytest.fixture\ndef workers(): ...\n", CONFTEST, []),
    ],
)
def test_a_fixture_that_takes_the_place_of_a_conftests_is_found(code, path, found):
    known = fixtures.shared([of(SHARED, CONFTEST), of(SHARED, "packages/disk/tests/made.py")])
    assert [told[1] for told in fixtures.shadowing(of(code, path), known)] == found


@pytest.mark.behaviour("GATE-145")
@pytest.mark.parametrize(
    ("settings", "body", "found"),
    [
        ("autouse=True, scope='session'", "assert f()", ["shared"]),
        ("autouse=True, scope=WIDE", "assert f()", ["shared"]),
        ("autouse=True, scope='function'", "assert f()", []),
        ("autouse=True", "assert f()", []),
        ("scope='session'", "assert f()", []),
        ("autouse=True, scope='session'", "f()", []),
    ],
)
def test_a_fixture_that_checks_once_for_all_tests_is_found(settings, body, found):
    read = of(
        f"@pytest.fixture({settings})\ndef no_thread_left():\n    yield\n    {body}\n", CONFTEST
    )
    assert [told[1] for told in fixtures.late(read, Called([read]))] == found
