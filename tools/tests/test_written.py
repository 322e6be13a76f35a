"""Tests that can't fail, or that pytest doesn't collect, are found without running them."""

import ast
import textwrap

import pytest

from emel_tools.gates import tests
from emel_tools.running import Job
from emel_tools.scope.affected import matches
from emel_tools.suites import written
from emel_tools.suites.written import vacuous
from emel_tools.suites.written.called import Called
from emel_tools.suites.written.checks import Checks, Source
from emel_tools.suites.written.counted import counted
from emel_tools.suites.written.truth import dead, truth

FACE = "packages/disk/tests/test_face.py"


@pytest.fixture
def read(tmp_path):
    """Write one test file (or other files), and read all tests of the repository."""
    for folder in ("tools/tests", "packages/disk"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "packages/disk/README.md").touch()

    def look(code, path=FACE, **others):
        for name, text in {path: code, **others}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(textwrap.dedent(text))
        return [
            (finding.rule, finding.where.removeprefix("packages/disk/tests/test_face.py:"))
            for finding in written.check(tmp_path)[0]
        ]

    return look


SWALLOWED = {
    "by name": "try:\n    assert f()\nexcept AssertionError:\n    pass",
    "by a wider name": "try:\n    assert f()\nexcept Exception:\n    pass",
    "all": "try:\n    assert f()\nexcept:\n    pass",
    "in a tuple": "try:\n    assert f()\nexcept (ValueError, AssertionError):\n    pass",
    "by another name": "try:\n    assert f()\nexcept OOPS:\n    pass",
    "printed": "try:\n    assert f()\nexcept AssertionError as error:\n    print(error)",
    "kept": "try:\n    assert f()\nexcept AssertionError as error:\n    seen = str(error)",
    "returned": "try:\n    assert f()\nexcept AssertionError:\n    return",
    "through a call": "try:\n    holds(f())\nexcept Exception:\n    pass",
    "of numpy": "try:\n    np.testing.assert_array_equal(f(), 1)\nexcept Exception:\n    pass",
    "in a group": "try:\n    assert f()\nexcept* AssertionError:\n    pass",
    "a check of pytest": "try:\n    pytest.fail('x')\nexcept BaseException:\n    pass",
    "what doesn't raise": "try:\n    with pytest.raises(OSError):\n        f()\nexcept:\n    pass",
    "deep": "for a in f():\n    try:\n        assert a\n    except Exception:\n        continue",
    "suppressed": "with contextlib.suppress(AssertionError):\n    assert f()",
    "suppressed too": "with suppress(Exception):\n    assert f()",
    "suppressed with more": "with f(), suppress(ValueError, AssertionError):\n    assert f()",
    "expected": "with pytest.raises(AssertionError):\n    assert f()",
    "expected as anything": "with pytest.raises(Exception):\n    assert f()",
    "suppressed by a context of the module": "with QUIET:\n    assert f()",
    "suppressed by a context of its own": "quiet = suppress(*OOPS)\nwith quiet:\n    assert f()",
    "suppressed under another name": "from contextlib import suppress as quiet\n"
    "with quiet(AssertionError):\n    assert f()",
    "expected by a context": "expected = pytest.raises(AssertionError)\n"
    "with expected:\n    assert f()",
    "expected under another name": "raised = pytest.raises\n"
    "with raised(Exception, match='a'):\n    assert f()",
    "caught under another name": "from builtins import Exception as Any\n"
    "try:\n    assert f()\nexcept Any:\n    pass",
    "a crash that ends it": "try:\n    a = f()\nexcept Exception:\n    return\nassert a",
    "a crash that is printed": "try:\n    f()\nexcept Exception as e:\n    print(e)\nassert g()",
    "a crash that is passed over": "for a in g():\n    try:\n        f(a)\n"
    "    except BaseException:\n        continue\n    assert a",
    "a crash that is suppressed": "with suppress(Exception):\n    f()\nassert g()",
    "kept in a name that says its type": "quiet: object = suppress(AssertionError)\n"
    "with quiet:\n    assert f()",
    "passed over": "try:\n    assert f()\nexcept (OSError, ValueError):\n    pass",
    "passed over by a return": "try:\n    a = f()\nexcept ValueError:\n    return\nassert a",
    "passed over by the next": "while f():\n    for a in g():\n        try:\n            f(a)\n"
    "        except ValueError:\n            break\n        holds(a)\nassert g()",
    "passed over with a word": "try:\n    a = f()\nexcept ValueError as e:\n    str(e)\n"
    "    return\nassert a",
    "passed over in an else": "try:\n    a = f()\nexcept ValueError:\n    print(1)\n"
    "else:\n    holds(a)",
    "passed over in a with": "with suppress(OSError, *MORE):\n    assert f()",
    "passed over in a context": "quiet = suppress(ValueError)\nwith f(), quiet:\n    holds(g())",
    "left by return": "try:\n    assert f()\nfinally:\n    return",
    "left by break": "while True:\n    try:\n        assert f()\n    finally:\n        break",
    "pushed": "with ExitStack() as stack:\n    stack.push(lambda *_: True)\n    assert f()",
    "pushed on another name": "from contextlib import ExitStack as Stack\n"
    "with Stack() as stack:\n    stack.push(lambda *_: True)\n    assert f()",
    "let go on leaving, later": "class A:\n    async def __aexit__(self, *_):\n"
    "        return True\nassert f()",
    "let go on leaving": "class A:\n    def __exit__(self, kind, *_):\n"
    "        return kind is not None\nwith A():\n    assert f()",
    "let go by a generator": "@contextmanager\ndef quiet():\n    try:\n        yield\n"
    "    except Exception:\n        pass\nwith quiet():\n    assert f()",
    "in a thread": "with ThreadPoolExecutor() as pool:\n    pool.submit(holds, f())\nassert g()",
    "in a thread of a name": "done = Pool().submit(lambda: holds(f()))\nassert g()",
    "in threads": "with ThreadPoolExecutor() as pool:\n    pool.map(holds, f())\nassert g()",
}
HEAD = "OOPS = (ValueError, AssertionError)\nQUIET = suppress(AssertionError)\n\n\n"
HEAD += "def holds(x):\n    assert x\n\n\n"


@pytest.mark.behaviour("GATE-26")
@pytest.mark.parametrize("body", SWALLOWED.values(), ids=SWALLOWED)
def test_a_test_that_catches_its_own_assertion_is_found(read, body):
    found = read(f"{HEAD}def test_a():\n{textwrap.indent(body, '    ')}\n")
    assert {rule for rule, _ in found} == {"swallowed"}


INNOCENT = {
    "what isn't made here": "with f.lock:\n    assert f()",
    "another exception": "try:\n    f()\nexcept ValueError:\n    pass\nassert f()",
    "raised again": "try:\n    assert f()\nexcept AssertionError:\n    g()\n    raise",
    "another assertion": "try:\n    f()\nexcept Exception as error:\n    assert error.args == ()",
    "no check inside": "try:\n    f()\nexcept Exception:\n    g()\nassert f()",
    "a check that has to fail": "with pytest.raises(AssertionError):\n    holds(f())",
    "closed at the end": "try:\n    assert f()\nfinally:\n    g()",
    "a return of another function": "try:\n    assert f()\nfinally:\n    g(lambda: 1)\n",
    "a crash that is asked for": "def raised():\n    try:\n        f()\n"
    "    except Exception:\n        return True\nassert raised()",
    "a crash that is kept": "try:\n    f()\nexcept Exception as e:\n    seen.append(e)\n"
    "assert seen",
    "another context of its own": "quiet = suppress(OSError)\nwith quiet:\n    g()\nassert f()",
    "suppressed while closing": "with suppress(OSError):\n    f()\nassert f()",
    "nothing that was left out": "for a in g():\n    try:\n        f(a)\n"
    "    except ValueError:\n        continue\n    g(a)\nassert f()",
    "nothing below": "assert g()\ntry:\n    f()\nexcept ValueError:\n    return",
    "checked where it is raised": "try:\n    a = f()\nexcept ValueError:\n    assert g()\n"
    "    return\nassert a",
    "kept, and looked at": "try:\n    assert f()\nexcept ValueError as e:\n    seen.append(e)\n"
    "assert seen",
    "narrow in a function": "def made():\n    try:\n        return f()\n"
    "    except ValueError:\n        return None\nassert made()",
    "suppressed in a function": "def quiet():\n    with suppress(OSError):\n        holds(1)\n"
    "quiet()\nassert f()",
    "suppressed, and nothing": "with suppress():\n    assert f()",
    "closed on leaving": "class A:\n    def __exit__(self, *_):\n        return False\n"
    "with A():\n    assert f()",
    "left as another does": "class A:\n    def __exit__(self, *what):\n"
    "        return self.inner.__exit__(*what)\nwith A():\n    assert f()",
    "a generator that is no context": "def each():\n    try:\n        yield 1\n"
    "    except Exception:\n        pass\nassert list(each())",
    "a context that begins in a try": "@contextmanager\ndef begun():\n    try:\n        g()\n"
    "    except Exception:\n        pass\n    yield\nwith begun():\n    assert f()",
    "closed by a generator": "@contextmanager\ndef closing():\n    try:\n        yield\n"
    "    finally:\n        g()\nwith closing():\n    assert f()",
    "asked for in a thread": "with ThreadPoolExecutor() as pool:\n"
    "    futures = [pool.submit(holds, n) for n in f()]\n"
    "for future in futures:\n    future.result()",
    "a thread without a check": "with Pool() as pool:\n    pool.submit(g)\nassert f()",
    "a map for its effects": "map(g, f())\nassert f()",
    "looked at": "with ThreadPoolExecutor() as pool:\n    list(pool.map(holds, f()))",
    "pushed on a list": "heap = []\nheap.push(1)\nassert f()",
}


@pytest.mark.behaviour("GATE-26")
@pytest.mark.parametrize("body", INNOCENT.values(), ids=INNOCENT)
def test_what_only_looks_like_it_is_not_found(read, body):
    assert read(f"{HEAD}def test_a():\n{textwrap.indent(body, '    ')}\n") == []


@pytest.mark.behaviour("GATE-26")
def test_a_helper_that_hands_out_what_a_check_says_is_not_found(read):
    code = """\
        def said(check):
            try:
                check()
            except AssertionError as error:
                return str(error)

        def test_a():
            assert said(f) == "no"
    """
    assert read(code) == []


@pytest.mark.behaviour("GATE-26")
def test_what_a_function_is_handed_is_not_taken_for_a_check_of_that_name(read):
    code = """\
        def progress():
            assert f()

        def tell(progress):
            with suppress(Exception):
                progress()

        def test_a():
            progress()
    """
    assert read(code) == []


TRUE = [
    "(f() == 1, 'it is one')",
    "True",
    "'text'",
    "1",
    "f() or True",
    "True or f()",
    "f() or (1, 2)",
    "not False",
    "not ()",
    "[f()]",
    "{'a': f()}",
    "(x for x in f())",
    "lambda: f()",
    "f'is {f()}'",
    "1 == 1",
    "1 != 2",
    "x == x",
    "a.b is a.b",
    "len(f()) >= 0",
    "bool('x')",
    "isinstance(f(), object)",
    "(y := 1)",
    "1 if f() else 2",
    "f() if False else 1",
    "1 and 2",
    "f.calls.copy",
    "all(f(x) for x in [])",
    "all([f(x) for x in () for y in x])",
]
UNSURE = ["f()", "x == y", "x", "[*f()]", "{**f()}", "f() or x", "f() and True", "x != x", "f'{x}'"]
UNSURE += [
    "len(f()) > 0",
    "all(x for x in y)",
    "f.calls",
    "isinstance(x, int)",
    "1 if f() else x",
    "not f()",
    "1 < f()",
]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("expression", TRUE)
def test_an_assertion_that_is_always_true_is_found(read, expression):
    assert read(f"def test_a():\n    assert {expression}\n") == [("always true", "2")]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("expression", UNSURE)
def test_what_depends_is_not_taken_to_be_always_true(expression):
    assert truth(ast.parse(expression, mode="eval").body) is None


@pytest.mark.behaviour("GATE-27")
def test_an_assertion_of_a_function_that_isnt_called_is_found(read):
    assert read("def f(): ...\n\n\ndef test_a():\n    assert f\n") == [("always true", "5")]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "body",
    [
        "return\nassert f()",
        "raise ValueError\nassert f()",
        "if False:\n    assert f()",
        "if True:\n    pass\nelse:\n    assert f()",
        "while 0:\n    assert f()",
        "for x in ():\n    assert f()",
        "if False:\n    f()\n    assert f()",
        "if True:\n    pass\nelse:\n    f()\n    assert f()",
    ],
)
def test_an_assertion_that_is_never_reached_is_found(body):
    assert len(list(dead(ast.parse(f"def g():\n{textwrap.indent(body, '    ')}")))) == 1


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "body", ["if f():\n    assert g()\nelse:\n    assert f()", "if f():\n    return\nassert f()"]
)
def test_an_assertion_that_may_be_reached_is_not(body):
    assert list(dead(ast.parse(f"def g():\n{textwrap.indent(body, '    ')}"))) == []


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "'just words'",
        "f()",
        "x = f() == 1",
        "f() == 1",
        "for x in f():\n    x.y",
        "x = len(f())\nx.holds()",
        "with open('a') as file:\n    file.read()",
    ],
)
def test_a_test_without_a_check_is_found(read, body):
    other = {"packages/disk/tests/test_other.py": "def len(x):\n    assert x\n"}
    found = read(f"def test_a():\n{textwrap.indent(body, '    ')}\n", **other)
    assert found == [("no check", "1")]


HOLDS = "def holds(x):\n    assert x\n\n\n"
MORE = "def more(x):\n    holds(x)\n\n\n"
CLOSED = "@pytest.fixture\ndef closed():\n    yield 1\n    assert f()\n\n\n"
CHECKING = {
    "raises": "def test_a():\n    with pytest.raises(OSError):\n        f()\n",
    "warns": "def test_a():\n    with pytest.warns(UserWarning):\n        f()\n",
    "numpy": "def test_a():\n    np.testing.assert_allclose(f(), 1)\n",
    "a raise": "def test_a():\n    if f():\n        raise AssertionError\n",
    "a call": f"{HOLDS}{MORE}def test_a():\n    more(1)\n",
    "a fixture": f"{CLOSED}def test_a(closed):\n    g()\n",
    "a fixture by name": f"{CLOSED}@mark.usefixtures('closed')\ndef test_a():\n    f()\n",
    "a method": f"{HOLDS}class TestA:\n    x = holds\n\n    def test_a(self):\n        self.x()\n",
    "one that is handed over": f"{HOLDS}def test_a():\n    list(map(holds, f()))\n",
    "a machine": "class A(M):\n    def x(self):\n        assert f()\n\n\nTestA = A.TestCase\n",
    "an example": "def test_a():\n    exec(README)\n",
}


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize("code", CHECKING.values(), ids=CHECKING)
def test_a_check_is_seen_however_far_it_is(read, code):
    assert read(code) == []


@pytest.mark.behaviour("GATE-27")
def test_a_check_may_lie_in_a_conftest_or_a_testing_module(read):
    code = "def test_a(whole):\n    f()\n\n\ndef test_b():\n    consistent(f())\n"
    conftest = "@pytest.fixture\ndef whole():\n    yield\n    assert g()\n"
    testing = "def consistent(x):\n    assert x\n"
    others = {
        "packages/disk/tests/conftest.py": conftest,
        "packages/disk/src/emel_disk/testing.py": testing,
    }
    assert read(code, **others) == []


@pytest.mark.behaviour("GATE-27")
def test_a_method_of_a_package_that_is_not_called_is_found_unless_a_tool_has_such_a_field(read):
    others = {
        "packages/disk/src/emel_disk/face.py": "class A:\n    def open(self): ...\n"
        "    def read(self): ...\n",
        "tools/src/emel_tools/face.py": "class B:\n    read: bool\n    def look(self): ...\n",
    }
    code = "def test_a():\n    assert f().open\n    assert f().read\n    assert f().look\n"
    assert read(code, **others) == [("always true", "2")]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("cases", "lines"),
    [
        ("[1] * 5", [1]),
        ("[f(1), f(2), f(1)]", [1]),
        ("((1, 2), (1, 2), (1, 2))", [1, 1]),
        ("[(1, 2), (2, 1)]", []),
        ("CASES", []),
        ("[1] + [1]", []),
    ],
)
def test_a_case_that_is_tried_twice_is_found(cases, lines):
    source = Source(FACE, ast.parse(f"@mark.parametrize('a', {cases})\ndef test_a(a): ..."))
    found = [(line, rule) for line, rule, _ in vacuous.repeated(source)]
    assert found == [(line, "repeated") for line in lines]


@pytest.mark.behaviour("GATE-27")
@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("max_examples=1", 1),
        ("max_examples=19", 1),
        ("max_examples=20", 0),
        ("max_examples=COUNT", 0),
        ("phases=[Phase.explicit]", 1),
        ("phases=[Phase.generate]", 0),
        ("deadline=None", 0),
    ],
)
def test_a_property_that_is_hardly_tried_is_found(settings, found):
    source = Source(FACE, ast.parse(f"@settings({settings})\ndef test_a(): ..."))
    assert [rule for _, rule, _ in vacuous.weak_settings(source, 20)] == ["weak"] * found


CHECKED = "    assert f()\n"


@pytest.mark.behaviour("GATE-25")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"class TestA:\n    def __init__(self): ...\n\n    def test_a(self):\n    {CHECKED}", "1"),
        (f"class Rules:\n    def test_a(self):\n    {CHECKED}", "2"),
        (f"def f():\n    def test_a():\n    {CHECKED}", "2"),
        (f"class TestA:\n    __test__ = False\n\n    def test_a(self):\n    {CHECKED}", "2"),
    ],
)
def test_a_test_where_pytest_finds_none_is_found(read, code, expected):
    assert ("uncollected", expected) in read(code)


@pytest.mark.behaviour("GATE-25")
@pytest.mark.parametrize(
    "code",
    [
        f"def test_a():\n{CHECKED}\n\ndef test_a():\n{CHECKED}",
        f"class TestA:\n    def test_a(self):\n    {CHECKED}\n    def test_a(self):\n    {CHECKED}",
        f"def test_a():\n{CHECKED}\n\ntest_a = None\n",
        f"class TestA:\n    def test_a(self):\n    {CHECKED}\n\nclass TestA: ...\n",
        f"def test_a():\n{CHECKED}\n\ndel test_a\n",
    ],
)
def test_a_test_that_another_hides_is_found(read, code):
    assert "shadowed" in {rule for rule, _ in read(code)}


@pytest.mark.behaviour("GATE-25")
@pytest.mark.parametrize(
    "path",
    [
        "packages/disk/test_face.py",
        "packages/disk/src/emel_disk/test_face.py",
        "tests/test_face.py",
        "tools/test_face.py",
        "packages/face_test.py",
        "packages/disk/src/emel_disk/build/test_face.py",
    ],
)
def test_a_test_file_that_belongs_to_no_suite_is_found(read, path):
    assert read(f"def test_a():\n{CHECKED}", path) == [("uncollected", path)]


@pytest.mark.behaviour("GATE-25")
@pytest.mark.parametrize(
    "path",
    [".nox/env/lib/test_face.py", "packages/disk/build/test_face.py", "tools/.venv/test_face.py"],
)
def test_what_was_built_or_installed_holds_no_tests_of_ours(read, path):
    assert read(f"def test_a():\n{CHECKED}", path) == []


@pytest.mark.behaviour("GATE-25")
def test_tests_in_a_folder_that_is_called_as_one_for_what_was_built_are_read(read):
    path = "packages/disk/tests/dist/test_face.py"
    assert read("def test_a():\n    pass\n", path) == [("no check", f"{path}:1")]


@pytest.mark.behaviour("GATE-25")
def test_tests_in_a_file_that_is_not_named_as_one_are_found(read):
    found = read(f"def test_a():\n{CHECKED}", "packages/disk/tests/faces.py")
    assert found == [("uncollected", "packages/disk/tests/faces.py:1")]


COUNTED = """
import pytest

assert pytest

def test_a():
    def inner():
        assert 2
    with pytest.raises(OSError):
        inner()

def test_b(held, number):
    made(number)
    made.holds()
    made(2), made(3)

def test_c(tmp_path):
    unmade()

def made(of):
    of()
    deeper(of)

def deeper(of):
    assert of

def unmade(deeper):
    deeper()

@pytest.mark.usefixtures("held")
def test_d():
    shared()

@pytest.fixture
def held(resting):
    return resting

@pytest.fixture
def resting():
    yield
    made(1)

class TestC:
    assert pytest

    @pytest.fixture
    def given(self):
        yield
        if self:
            raise AssertionError("it holds something")

    class TestD:
        def test_e(self):
            assert_equal(1, 2)

def test_a():
    assert 3
"""


@pytest.mark.behaviour("GATE-111")
def test_checks_are_counted_by_the_function_that_they_stand_in():
    sources = [
        Source(FACE, ast.parse(COUNTED)),
        Source("packages/disk/tests/conftest.py", ast.parse("def shared():\n    assert f()")),
        Source("packages/disk/tests/test_more.py", ast.parse("def unmade():\n    assert f()")),
    ]
    found = counted(sources[:1], Called(sources))
    assert found.numbers == {
        f"{FACE}::<body>": "1",
        f"{FACE}::test_a": "4",
        f"{FACE}::test_b": "4",
        f"{FACE}::test_d": "2",
        f"{FACE}::made": "1",
        f"{FACE}::deeper": "1",
        f"{FACE}::unmade": "1",  # and of test_c nothing: what it is handed may be anything
        f"{FACE}::held": "1",
        f"{FACE}::resting": "1",
        f"{FACE}::TestC::<body>": "1",
        f"{FACE}::TestC::given": "1",
        f"{FACE}::TestC::TestD::test_e": "1",
    }
    where = {key: place.where for key, (place,) in found.places.items()}
    assert where[f"{FACE}::TestC::TestD::test_e"] == f"{FACE}:53"
    assert where[f"{FACE}::<body>"] == f"{FACE}:1"
    assert where[f"{FACE}::TestC::<body>"] == f"{FACE}:43"


@pytest.mark.behaviour("GATE-111")
def test_checks_are_counted_in_tests_and_in_what_helps_them(read, tmp_path):
    read(
        f"def test_a():\n{CHECKED}",
        **{
            "packages/disk/tests/conftest.py": "def holds(a):\n    assert a",
            "packages/disk/src/emel_disk/testing/law.py": "def law(a):\n    assert a",
            "packages/disk/src/emel_disk/face.py": "def face(a):\n    assert a",
        },
    )
    job = Job(tmp_path, (tests.WRITTEN,), full=False, base="", seed=1)
    (found,) = tests.LANE.run(job)
    assert (found.checked, found.measured) == (
        "1 test functions in 2 files",
        {
            f"{FACE}::test_a": "1",
            "packages/disk/tests/conftest.py::holds": "1",
            "packages/disk/src/emel_disk/testing/law.py::law": "1",
        },
    )


@pytest.mark.behaviour("GATE-26")
def test_a_file_that_is_no_python_is_left_to_pytest(tmp_path):
    (tmp_path / "test_a.py").write_text("def (")
    source = Source.read(tmp_path, tmp_path / "test_a.py")
    assert not Checks([source]).names
    assert written.tests_of(source) == {}


@pytest.mark.behaviour("GATE-26")
def test_tests_below_a_condition_are_tests_of_their_file():
    text = """
        if NEW:
            def test_a(): ...
        else:
            def test_b(): ...
        try:
            def test_c(): ...
        except ImportError:
            pass
        with SETTINGS:
            def test_d(): ...
        class TestE:
            if NEW:
                def test_f(self): ...
            def made(self): ...
        """
    source = Source(FACE, ast.parse(textwrap.dedent(text)))
    assert [*written.tests_of(source)] == ["test_a", "test_b", "test_c", "test_d", "TestE::test_f"]


@pytest.mark.behaviour("GATE-96")
def test_the_shard_runs_for_every_file_that_it_reads_and_for_no_other(read, tmp_path, monkeypatch):
    opened = set()
    parsed = Source.read

    def note(root, path):
        opened.add(path.relative_to(root).as_posix())
        return parsed(root, path)

    monkeypatch.setattr(Source, "read", note)
    theirs = (
        "tests/conftest.py",
        "tests/deep/helping.py",
        "src/emel_disk/testing.py",
        "src/emel_disk/testing/_fakes.py",
        "src/emel_disk/test_stray.py",
    )
    looked_at = {FACE, "stray_test.py", *(f"packages/disk/{path}" for path in theirs)}
    others = ("packages/disk/src/emel_disk/testings.py", "packages/disk/src/emel_disk/latest.py")
    read("", **dict.fromkeys((*looked_at, *others), ""))
    (shard,) = (each for each in tests.LANE.shards(tmp_path) if each.name == tests.WRITTEN)
    matched = {
        path
        for path in (*looked_at, *others)
        if any(matches(path, glob) for glob in shard.reads.paths)
    }
    assert opened == matched == looked_at
