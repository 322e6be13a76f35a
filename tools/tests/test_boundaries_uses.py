"""What one file by itself is seen to reach for, by ways that hardly anybody takes."""

import ast
import textwrap

import pytest

from emel_tools.boundaries.names import Names
from emel_tools.boundaries.syntax import walk
from emel_tools.boundaries.uses import uses

OWN = "os.__getattribute__"
MODULE = "inspect inspect.getmodule"


class NoOthers:
    """There is no other file."""

    def member(self, _path, _name):
        return None

    def offers(self, _path, _name):
        return False

    def returned(self, _path):
        return None

    def is_ours(self, _path):
        return False


def reached(text):
    tree = ast.parse(textwrap.dedent(text))
    nodes = walk(tree)
    names = Names(tree, nodes, "emel_disk.port", "emel_disk", NoOthers())
    return {use.target for use in uses(names, nodes, frozenset({"emel_disk"}))}


@pytest.mark.behaviour("BND-11")
@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("def f(): ...\nf.__getattribute__('__globals__')", "?.__getattribute__ ?.__globals__"),
        ("import os\nvars(os).get(which)", "os os.* builtins.vars builtins.vars()"),
        ("import os\nos.__getattribute__(which)", f"os os.* {OWN} {OWN}()"),
        ("import os\nos.__getattribute__('system')", f"os os.system {OWN} {OWN}()"),
        ("import os\ngetattr(os, which)", "os os.* builtins.getattr builtins.getattr()"),
        ("getattr(which, 'system')", "?.system builtins.getattr builtins.getattr()"),
        (
            "import inspect, emel_disk\ninspect.getmodule(emel_disk.f)",
            f"emel_disk emel_disk.f emel_disk.* {MODULE} {MODULE}()",
        ),
        ("import inspect, os\ninspect.getmodule(os.stat)", f"os os.stat {MODULE} {MODULE}()"),
        ("mock.patch('os.system')", "?.patch os.system"),
        ("mock.patch('emel_disk:_port.read')", "?.patch emel_disk._port.read"),
        ("mock.patch('nothing.of.ours')", "?.patch"),
        ("import os\nmock.patch.object(os, 'system')", "?.object ?.patch os os.system"),
        ("def f(): ...\nmock.patch.object(f, 'system')", "?.object ?.patch"),
    ],
)
def test_a_member_is_reached_for_however_its_name_is_handed_over(text, targets):
    assert reached(text) == {*targets.split()}


@pytest.mark.behaviour("BND-11")
def test_what_is_imported_for_type_checkers_alone_is_not_reached_for_and_the_rest_is():
    text = """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import socket
        else:
            import os
        """
    assert reached(text) == {"typing.TYPE_CHECKING", "os"}


@pytest.mark.behaviour("GATE-135")
@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("import sys\nsys.excepthook = f", "sys.excepthook ="),
        ("import sys\nsys.excepthook()", None),
        ("import sys as s\ndel s.ps1", "sys.ps1 ="),
        ("import sys\nvars(sys)['ps1'] = f", "sys.ps1 ="),
        ("import sys\nvars(sys)['ps1']", None),
        ("import sys\nsetattr(sys, 'ps1', f)", "sys.ps1 ="),
        ("import sys\ngetattr(sys, 'ps1')", None),
        ("import numpy as np\nnp.float64 = f", "numpy.float64 ="),
        ("import numpy as np\na = np.zeros(3)\na.flags.writeable = False", None),
        ("import emel_disk._port\nemel_disk._port.read = f", None),
        ("f().spins = 1", None),
        ("import os\nos.environ['A'] = ''", "os.environ.__setitem__"),
        ("import os\nos.environ['A']", None),
        ("from os import environ\ndel environ['A']", "os.environ.__setitem__"),
        ("from os import environ\nenviron |= {}", "os.environ.__setitem__"),
        ("n = 1\nn += 1", None),
    ],
)
def test_what_is_given_another_value_for_all_is_seen(text, changed):
    found = {each for each in reached(text) if each.endswith((" =", ".__setitem__"))}
    assert found == ({changed} if changed else set())
