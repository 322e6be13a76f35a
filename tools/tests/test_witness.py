"""Whose use a capability is: planted code runs in a small repository, and is watched."""

import gc
import os
import sys
import sysconfig
import weakref
from pathlib import Path
from types import FunctionType

import pytest

from emel_tools.boundaries.witness import calls, recorder
from emel_tools.boundaries.witness.events import JOINABLE, THREAD, silent_calls

FACE = "packages/disk/src/emel_disk/face.py"
FRESH = "import sys; sys.modules.pop('colorsys', None)\n"


class Watched:
    """A repository in which planted code runs while a recorder watches."""

    def __init__(self, root):
        self.root = root
        self.recorder = recorder.Recorder(root)

    def plant(self, path, code):
        """Compile code as if it stood in a file of the repository."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
        return compile(code, str(file), "exec")

    def run(self, code, path=FACE, **names):
        planted = self.plant(path, code)
        names |= {"__name__": "planted", "__file__": str(self.root / path)}
        end = recorder.start(self.recorder)
        try:
            exec(planted, names)  # noqa: S102 - the test plants code
        finally:
            end()
        return names

    def seen(self):
        return {(use.module, use.capability, use.operation) for use in self.recorder.uses}

    def capabilities(self):
        return {use.capability for use in self.recorder.uses}


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


@pytest.mark.behaviour("BND-20", "GATE-135")
@pytest.mark.parametrize(
    ("code", "capability", "operation"),
    [
        ("open(__file__).close()", "files", "open"),
        ("def f(how=open):\n    how(__file__).close()\nf()", "files", "open"),
        ("import builtins\ngetattr(builtins, 'op' + 'en')(__file__).close()", "files", "open"),
        ("import pathlib\npathlib.Path(__file__).read_bytes()", "files", "open"),
        ("import numpy as np\nnp.fromfile(__file__, np.uint8)", "files", "open"),
        ("import os\nos.listdir('.')", "files", "os.listdir"),
        ("import os\nos.close(os.open(__file__, 0))", "files", "open"),
        ("import glob\nglob.glob('nothing*')", "files", "glob.glob"),
        ("import shutil\nshutil.copyfile(__file__, __file__ + '2')", "files", "shutil.copyfile"),
        ("import tempfile\ntempfile.mkdtemp(dir='.')", "files", "tempfile.mkdtemp"),
        ("import mmap\nmmap.mmap(-1, 10).close()", "mapping", "mmap.__new__"),
        ("import numpy\nnumpy.memmap(__file__)", "mapping", "mmap.__new__"),
        (
            "import sys, subprocess\nsubprocess.run([sys.executable, '-c', ''])",
            "processes",
            "subprocess.Popen",
        ),
        ("import os\nos.system('true')", "processes", "os.system"),
        ("import socket\nsocket.socket().close()", "network", "socket.__new__"),
        (FRESH + "__import__('colorsys')", "imports", "__import__"),
        (
            FRESH + "import importlib as i\ni.import_module('colorsys')",
            "imports",
            "import_module",
        ),
        (FRESH + "import pkgutil\npkgutil.resolve_name('colorsys')", "imports", "import_module"),
        ("import ctypes\nctypes.CDLL(None)", "native", "ctypes.dlopen"),
        (
            "import pickle\npickle.loads(pickle.dumps(ValueError()))",
            "pickle",
            "pickle.find_class",
        ),
        ("import marshal\nmarshal.loads(marshal.dumps(1))", "pickle", "marshal.loads"),
        ("eval('1')", "evaluate", "exec"),
        ("exec('pass')", "evaluate", "exec"),
        ("compile('1', 'x', 'eval')", "evaluate", "compile"),
        ("import timeit\ntimeit.timeit('1', number=1)", "evaluate", "exec"),
        ("import os\nos.chdir('.')", "settings", "os.chdir"),
        (
            "import resource as r\nr.setrlimit(r.RLIMIT_CORE, r.getrlimit(r.RLIMIT_CORE))",
            "settings",
            "resource.setrlimit",
        ),
    ],
)
def test_a_use_is_seen_however_it_is_spelled(
    watched, monkeypatch, tmp_path, code, capability, operation
):
    monkeypatch.chdir(tmp_path)
    watched.run(code)
    assert ("emel_disk.face", capability, operation) in watched.seen()


@pytest.mark.behaviour("BND-22")
def test_a_started_thread_is_seen_from_312_on_where_it_has_an_event(watched):
    watched.run("import threading\nthread = threading.Thread(target=int)\nthread.start()")
    expected = {("emel_disk.face", "threads", "_thread.start_new_thread")}
    assert watched.seen() == (expected if sys.version_info >= (3, 12) else set())


@pytest.mark.behaviour("BND-20")
def test_what_subprocess_opens_and_starts_for_itself_is_all_of_processes(watched):
    code = "import sys, subprocess\nsubprocess.run([sys.executable], stdin=-3, capture_output=True)"
    watched.run(code)
    assert watched.capabilities() == {"processes"}


@pytest.mark.behaviour("BND-21")
@pytest.mark.parametrize(
    "code",
    [
        FRESH + "import colorsys",
        FRESH + "def f():\n    from colorsys import rgb_to_hsv\nf()",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    b: int",
        "from collections import namedtuple\nnamedtuple('A', 'b c')",
        "from typing import NamedTuple\nclass A(NamedTuple):\n    b: int",
        "import ast\nast.parse('1')",
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.format_exc()",
        "class Door:\n    def open(self):\n        return 1\nDoor().open()",
        "import os\nos.path.join('a', 'b'), os.getcwd(), os.getpid()",
    ],
)
def test_what_python_does_for_itself_is_nobodys(watched, code):
    watched.run(code)
    assert watched.seen() == set()


@pytest.mark.behaviour("BND-21")
def test_an_import_that_a_library_does_for_itself_is_nobodys(watched, tmp_path, monkeypatch):
    (tmp_path / "lazy_library.py").write_text(
        "def use():\n    import colorsys\n    return colorsys\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    watched.run(FRESH + "import lazy_library\nlazy_library.use()")
    assert watched.seen() == set()


@pytest.mark.behaviour("BND-21")
def test_what_pytest_does_when_it_is_asked_is_pytests(watched, tmp_path):
    code = (
        "import pytest\nwith pytest.MonkeyPatch.context() as patch:\n    patch.syspath_prepend('.')"
    )
    watched.run(code, "packages/disk/tests/test_face.py")
    watched.run(
        "import pytest\npytest.importorskip('colorsys')", "packages/disk/tests/test_face.py"
    )
    assert watched.seen() == set()


@pytest.mark.behaviour("BND-20")
def test_a_module_that_is_imported_answers_for_what_its_own_lines_do(
    watched, tmp_path, monkeypatch
):
    watched.plant("packages/tape/src/emel_tape/__init__.py", "\nopen(__file__).close()\n")
    monkeypatch.syspath_prepend(tmp_path / "packages/tape/src")
    watched.run("import sys, emel_tape\nsys.modules.pop('emel_tape')")
    (use,) = watched.recorder.uses
    assert use[:4] == ("emel_tape", "packages/tape/src/emel_tape/__init__.py", 2, "files")


@pytest.mark.behaviour("BND-20")
def test_the_nearest_frame_of_ours_is_the_user_not_its_caller(watched):
    helper = watched.run(
        "def load(path):\n    return open(path).close()\n", "tools/src/emel_tools/x.py"
    )
    watched.run("load(__file__)", load=helper["load"])
    assert watched.seen() == {("emel_tools.x", "files", "open")}


@pytest.mark.behaviour("BND-20")
def test_the_caller_is_the_user_through_any_code_that_isnt_ours(watched):
    watched.run("list(map(open, [__file__]))[0].close()")
    assert watched.seen() == {("emel_disk.face", "files", "open")}


@pytest.mark.behaviour("BND-20")
@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("packages/disk/src/emel_disk/__init__.py", "emel_disk"),
        ("packages/disk/src/emel_disk/deep/part.py", "emel_disk.deep.part"),
        ("packages/disk/tests/test_face.py", "tests:emel_disk.test_face"),
        ("packages/disk/tests/conftest.py", "tests:emel_disk.conftest"),
        ("packages/disk/tests/real/test_face.py", "tests:emel_disk.real.test_face"),
        ("packages/emel/tests/test_face.py", "tests:emel.test_face"),
        ("tools/src/emel_tools/gate.py", "emel_tools.gate"),
        ("tools/tests/test_gate.py", "tests:emel_tools.test_gate"),
        ("tools/parity/tests/test_gate.py", "tests:emel_tools.parity.tests.test_gate"),
    ],
)
def test_a_file_is_called_by_its_module_and_a_test_by_its_package_and_name(watched, path, module):
    watched.run("open(__file__).close()", path)
    assert {use[:2] for use in watched.recorder.uses} == {(module, path)}


@pytest.mark.behaviour("BND-20")
def test_a_use_in_a_thread_is_its_functions(watched):
    code = (
        "import threading\n"
        "def work():\n    open(__file__).close()\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()"
    )
    watched.run(code)
    assert ("emel_disk.face", "files", "open") in watched.seen()


@pytest.mark.behaviour("BND-22")
@pytest.mark.parametrize(
    ("code", "capability", "operation"),
    [
        ("import os\nos.stat(__file__)", "files", "os.stat"),
        ("import os\ndef f(look=os.stat):\n    look(__file__)\nf()", "files", "os.stat"),
        ("import pathlib\npathlib.Path(__file__).lstat()", "files", "os.stat"),
        ("__import__('sys')", "imports", "__import__"),
        ("import importlib\nimportlib.import_module('sys')", "imports", "import_module"),
        ("from importlib.util import find_spec\nfind_spec('nothing')", "imports", "find_spec"),
        ("import pickle\npickle.loads(pickle.dumps(1))", "pickle", "_pickle.loads"),
    ],
)
def test_calls_that_raise_no_audit_event_are_seen_where_python_shows_calls(
    watched, code, capability, operation
):
    watched.run(code)
    seen = watched.seen()
    assert (("emel_disk.face", capability, operation) in seen) is calls.SEEN


@pytest.mark.behaviour("BND-22")
def test_a_line_that_calls_what_it_is_given_is_looked_at_again_for_each_test(watched):
    names = watched.run("import os\ndef call(function, path):\n    function(path)\n")
    end = recorder.start(watched.recorder)
    try:
        names["call"](str, ".")
        calls.look_again()
        names["call"](names["os"].stat, ".")
    finally:
        end()
    assert (("emel_disk.face", "files", "os.stat") in watched.seen()) is calls.SEEN


@pytest.mark.behaviour("BND-23")
def test_watching_keeps_no_object_of_the_watched_code_alive(watched):
    class Array:
        pass

    gc.disable()
    try:
        names = watched.run(
            "def use(make, ref, path):\n"
            "    array = make()\n"
            "    open(path).close()\n"
            "    eval('1')\n"
            "    return ref(array)\n"
        )
        end = recorder.start(watched.recorder)
        left = names["use"](Array, weakref.ref, names["__file__"])
        end()
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.behaviour("BND-23")
def test_an_inner_recorder_pauses_the_outer_one_and_an_ended_one_sees_nothing(watched, tmp_path):
    inner = Watched(tmp_path)
    end = recorder.start(watched.recorder)
    inner.run("open(__file__).close()")
    names = watched.run("def use(path):\n    open(path).close()\n")
    assert watched.seen() == set()
    names["use"](names["__file__"])
    end()
    assert watched.seen() == inner.seen() == {("emel_disk.face", "files", "open")}
    watched.recorder.uses.clear()
    end()
    names["use"](names["__file__"])
    assert watched.seen() == set()


@pytest.mark.behaviour("BND-22")
def test_calls_that_raise_no_event_are_known_by_function_and_capability():
    known = {name: (function, capability) for function, capability, name in silent_calls()}
    assert known["os.fstat"] == (os.fstat, "files")
    assert known["importlib.import_module"][1] == "imports"
    assert "os.startfile" not in known


@pytest.mark.behaviour("BND-23")
def test_a_use_is_remembered_with_the_first_test_that_was_running(watched):
    watched.recorder.test = "test_first"
    names = watched.run("def use(path):\n    open(path).close()\nuse(__file__)\n")
    watched.recorder.test = "test_second"
    end = recorder.start(watched.recorder)
    names["use"](names["__file__"])
    end()
    assert list(watched.recorder.uses.values()) == ["test_first"]


LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SITE = Path(sysconfig.get_paths()["purelib"])


def through(names, see):
    """Let functions of the standard library call each other, the last by name the first."""
    for name in names:
        file = (SITE if name == "_pytest" else LIBRARY) / f"{name}.py"
        module = compile("def import_module():\n    return inner()", str(file), "exec")
        see = FunctionType(module.co_consts[0], {"inner": see})
    return see


@pytest.mark.behaviour("BND-20")
@pytest.mark.parametrize(
    ("capability", "names", "use"),
    [
        ("files", [], "files open"),
        ("files", ["json"], "files open"),
        ("files", ["json", "_pytest"], None),
        ("files", ["_pytest", "json"], None),
        ("files", ["linecache"], "files open"),
        ("files", ["linecache", "json"], None),
        ("files", ["json", "linecache"], "files open"),
        ("files", ["subprocess", "json"], "processes open"),
        ("files", ["socket", "subprocess", "json"], "processes open"),
        ("files", ["importlib"], "imports import_module"),
        ("files", ["json", "importlib"], "imports import_module"),
        ("files", ["importlib", "json"], None),
        ("files", ["importlib", "json", "importlib", "pkgutil"], "imports import_module"),
        ("imports", ["json"], None),
        ("imports", ["pkgutil"], "imports __import__"),
        ("evaluate", [], "evaluate open"),
        ("evaluate", ["runpy"], "evaluate open"),
        ("evaluate", ["runpy", "json"], None),
    ],
)
def test_what_stands_between_says_whose_use_it_is(watched, capability, names, use):
    def see():
        try:
            next(iter(()))
        except StopIteration as error:
            outer = error.__traceback__.tb_frame.f_back
            watched.recorder.see(outer, capability, "import" if capability == "imports" else "open")

    FunctionType(watched.plant(FACE, "ask()"), {"ask": through(names, see)})()
    found = [f"{each.capability} {each.operation}" for each in watched.recorder.uses]
    assert found == ([] if use is None else [use])


@pytest.mark.behaviour("BND-20")
def test_a_thread_is_called_the_same_whatever_this_python_calls_it(watched):
    def see():
        try:
            next(iter(()))
        except StopIteration as error:
            recorder._hear(JOINABLE, (), error.__traceback__.tb_frame.f_back)

    planted = watched.plant(FACE, "ask()")
    end = recorder.start(watched.recorder)
    FunctionType(planted, {"ask": see})()
    end()
    assert [use[3:] for use in watched.recorder.uses] == [("threads", THREAD)]


@pytest.mark.behaviour("BND-20")
def test_what_nobody_of_ours_has_called_is_nobodys_use(watched):
    watched.recorder.see((each for each in ()).gi_frame, "files", "open")
    assert watched.recorder.uses == {}
