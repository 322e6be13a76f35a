"""What tests may do only with a reason: hooks of pytest, skips, and warnings that pass."""

import ast

import pytest

from emel_tools.suites import written
from emel_tools.suites.skips import Hook, Mark, Silence
from emel_tools.suites.written import hooks, silenced, skipping
from emel_tools.suites.written.checks import Source

CONFTEST = "packages/disk/tests/conftest.py"
FACE = "packages/disk/tests/test_face.py"

HOOKS = {
    "def pytest_runtest_makereport(item, call): ...": "pytest_runtest_makereport",
    "async def pytest_pyfunc_call(pyfuncitem): ...": "pytest_pyfunc_call",
    "def pytest_collection_modifyitems(items): ...": "pytest_collection_modifyitems",
    "class A:\n    def pytest_itemcollected(self, item): ...": "pytest_itemcollected",
    "def f():\n    def pytest_collect_file(): ...": "f::pytest_collect_file",
    "pytest_report_teststatus = f": "pytest_report_teststatus",
    "pytest_make_collect_report: object = f": "pytest_make_collect_report",
    "from disk import pytest_runtest_call": "pytest_runtest_call",
    "from disk import f as pytest_runtest_call": "pytest_runtest_call",
    "@pytest.hookimpl(specname='pytest_runtest_call')\ndef f(): ...": "f::pytest_runtest_call",
    "setattr(module, 'pytest_runtest_call', f)": "pytest_runtest_call",
    "globals()['pytest_runtest_call'] = f": "pytest_runtest_call",
    "pytest_plugins = ['disk.testing']": "pytest_plugins",
    "def f(config):\n    config.pluginmanager.register(A())": "f::pluginmanager",
    "collect_ignore = ['test_a.py']": "collect_ignore",
    "collect_ignore_glob = ['*_a.py']": "collect_ignore_glob",
    "from _pytest import runner": "_pytest",
    "import _pytest.runner": "_pytest.runner",
}
NO_HOOKS = [
    "def collect(): ...",
    "import pytest\nfrom pytest import mark",
    "pytest.hookimpl(wrapper=True)",
    "print(pytest_runtest_call)",
    "write('conftest.py', 'def pytest_runtest_call(): ...')",
    "setattr(module, 'runtest', f)",
    "told['pytest_runtest_call'].append(f)",
    "x.register(f)",
    "from . import pictures",
]


@pytest.mark.behaviour("GATE-120")
@pytest.mark.parametrize(("code", "name"), HOOKS.items())
def test_a_hook_of_pytest_is_found_unless_it_is_allowed(code, name):
    source = Source(CONFTEST, ast.parse(code))
    (told,) = hooks.hooks(source)
    assert told[1] == "hook"
    assert f"`{name.rpartition('::')[2]}`" in told[2]
    assert list(hooks.hooks(source, [Hook(f"{CONFTEST}::{name}", "it only tells")])) == []
    assert list(hooks.hooks(source, [Hook(f"{FACE}::{name}", "it only tells")])) == [told]


@pytest.mark.behaviour("GATE-120")
@pytest.mark.parametrize("code", NO_HOOKS)
def test_what_pytest_would_not_call_is_no_hook(code):
    assert list(hooks.hooks(Source(CONFTEST, ast.parse(code)))) == []


SYSTEM = "sys.platform != 'linux'"
YOUNG = "sys.version_info >= (3, 12)"
SKIPS = {
    f"@pytest.mark.skipif({SYSTEM}, reason='a')\ndef test_a(): ...": [("test_a", SYSTEM)],
    f"@pytest.mark.skipif(condition={YOUNG})\ndef test_a(): ...": [("test_a", YOUNG)],
    f"@pytest.mark.skipif({SYSTEM}, {YOUNG})\ndef test_a(): ...": [
        ("test_a", f"{SYSTEM} and {YOUNG}")
    ],
    "@pytest.mark.skip\ndef test_a(): ...": [("test_a", "")],
    "a: int\n@pytest.mark.skip\ndef test_a(): ...": [("test_a", "")],
    "@pytest.mark.skip(reason='a')\nclass TestA: ...": [("TestA", "")],
    "class TestA:\n    pytestmark = [pytest.mark.xfail]": [("TestA", "")],
    f"class TestA:\n    @pytest.mark.xfail({YOUNG})\n    def test_a(self): ...": [
        ("TestA::test_a", YOUNG)
    ],
    f"pytestmark = pytest.mark.skipif({YOUNG})": [("", YOUNG)],
    "from pytest import mark\n@mark.skip\ndef test_a(): ...": [("test_a", "")],
    "from pytest import mark as m\n@m.skip\ndef test_a(): ...": [("test_a", "")],
    "m = pytest.mark\n@m.skip()\ndef test_a(): ...": [("test_a", "")],
    f"old = pytest.mark.skipif({YOUNG})\n@old\ndef test_a(): ...": [
        ("old", YOUNG),
        ("test_a", YOUNG),
    ],
    f"old: object = pytest.mark.skipif({YOUNG})\nolder = old\n@older\ndef test_a(): ...": [
        ("old", YOUNG),
        ("older", YOUNG),
        ("test_a", YOUNG),
    ],
    "class A:\n    old = pytest.mark.skip\n@A.old(test_b)\ndef test_a(): ...": [
        ("A::old", ""),
        ("test_a", ""),
    ],
    "CASES = [1, pytest.param(2, marks=pytest.mark.skip)]\n"
    "@pytest.mark.parametrize('a', CASES)\ndef test_a(a): ...": [("CASES", ""), ("test_a", "")],
    "np = pytest.importorskip('numpy')\ndef test_a():\n    np.f()": [
        ("np", "pytest.importorskip('numpy')")
    ],
    "from pytest import importorskip as needs\nneeds('numpy', '2')": [("", "needs('numpy', '2')")],
    f"def test_a():\n    if {YOUNG}:\n        pytest.skip('a')": [("test_a", YOUNG)],
    "def test_a():\n    if f():\n        return\n    else:\n        pytest.xfail()": [
        ("test_a", "not (f())")
    ],
    "def test_a():\n    try:\n        f()\n    except OSError:\n        pytest.skip('a')": [
        ("test_a", "except OSError")
    ],
    "def test_a():\n    try:\n        f()\n    except:\n        raise unittest.SkipTest": [
        ("test_a", "except")
    ],
    f"if {SYSTEM}:\n    pytest.skip(allow_module_level=True)": [("", SYSTEM)],
    f"if {SYSTEM}:\n    def f():\n        pytest.skip()": [("f", "")],
    f"@unittest.skipIf({YOUNG}, 'a')\ndef test_a(): ...": [("test_a", YOUNG)],
    f"@unittest.skipUnless({YOUNG}, 'a')\ndef test_a(): ...": [("test_a", f"not ({YOUNG})")],
    "@unittest.skip('a')\ndef test_a(): ...": [("test_a", "")],
    "from unittest import expectedFailure as no\n@no\ndef test_a(): ...": [("test_a", "")],
    "def test_a(self):\n    self.skipTest('a')": [("test_a", "")],
    "def test_a():\n    raise pytest.skip.Exception('a')": [("test_a", "")],
    "def f(request):\n    request.node.add_marker('xfail')": [("f", "")],
    "@getattr(pytest.mark, 'skipif')(a)\ndef test_a(): ...": [("test_a", "")],
}
NO_SKIPS = [
    "skip = f()\nskip(1)",
    "reader.skip(3)",
    "@pytest.mark.slow\ndef test_a(): ...",
    "def test_a():\n    write('@pytest.mark.skip')",
    "mark = f()\nmark.parametrize('a', 'skip')",
    "getattr(x, 'skipped')",
]


@pytest.mark.behaviour("GATE-121")
@pytest.mark.parametrize(("code", "expected"), SKIPS.items())
def test_a_skip_is_found_as_written_unless_it_is_allowed_there(code, expected):
    source = Source(FACE, ast.parse(code))
    where = [(f"{FACE}::{name}".removesuffix("::"), condition) for name, condition in expected]
    found = list(skipping.skipping(source))
    assert [rule for _, rule, _ in found] == ["skipped"] * len(expected)
    for (place, condition), (_, _, what) in zip(where, found, strict=True):
        assert what.startswith(f"{place} is skipped, ")
        assert what.endswith(f" if `{condition}`" if condition else " fail")
    marks = [Mark(*each, "of another system") for each in where]
    assert list(skipping.skipping(source, marks)) == []
    others = [mark._replace(condition="sys.flags.debug") for mark in marks]
    assert list(skipping.skipping(source, others)) == found


@pytest.mark.behaviour("GATE-121")
@pytest.mark.parametrize("code", NO_SKIPS)
def test_what_only_has_such_a_name_skips_nothing(code):
    assert list(skipping.skipping(Source(FACE, ast.parse(code)))) == []


RECORDING = {
    "def test_a(recwarn): ...": "test_a",
    "class TestA:\n    def test_a(self, *, recwarn): ...": "test_a",
    "@pytest.fixture\ndef quiet(recwarn): ...": "quiet",
    "@pytest.mark.usefixtures('recwarn')\ndef test_a(): ...": "test_a",
    "def test_a(request):\n    request.getfixturevalue('recwarn')": "test_a",
}
NOT_RECORDING = [
    "def said(recwarn): ...",
    "def test_a(request):\n    request.getfixturevalue('path')",
    "def test_a(warned):\n    recwarn = warned",
]


@pytest.mark.behaviour("GATE-23")
@pytest.mark.parametrize(("code", "name"), RECORDING.items())
def test_a_fixture_that_keeps_warnings_lets_them_pass(code, name):
    source = Source(FACE, ast.parse(code))
    assert [rule for _, rule, _ in silenced.silenced(source)] == ["silenced"]
    assert list(silenced.silenced(source, [Silence(f"{FACE}::{name}", "it asks for them")])) == []
    other = Silence(f"{FACE}::{name}::f", "it asks for them")
    assert len(list(silenced.silenced(source, [other]))) == 1


@pytest.mark.behaviour("GATE-23")
@pytest.mark.parametrize("code", NOT_RECORDING)
def test_what_is_only_called_like_that_fixture_lets_nothing_pass(code):
    assert list(silenced.silenced(Source(FACE, ast.parse(code)))) == []


WEAKENED = {
    "hook": "def pytest_runtest_call(item): ...",
    "skipped": "pytestmark = pytest.mark.skipif(sys.version_info >= (3, 99))",
    "silenced": "@pytest.fixture(autouse=True)\ndef quiet(recwarn): ...",
}


@pytest.mark.behaviour("GATE-23", "GATE-120", "GATE-121")
@pytest.mark.parametrize("path", [CONFTEST, FACE, "packages/disk/src/emel_disk/testing/law.py"])
@pytest.mark.parametrize(("rule", "code"), WEAKENED.items())
def test_tests_are_read_for_it_and_what_helps_them(tmp_path, path, rule, code):
    (tmp_path / "tools/tests").mkdir(parents=True)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    assert [(found.rule, found.file) for found in written.check(tmp_path)[0]] == [(rule, path)]
