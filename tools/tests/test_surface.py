"""What a package shows is read from its sources: of a package that is written here, and of ours."""

import shutil
from pathlib import Path
from typing import Annotated

import pytest
import typer

from emel_tools.gates import api
from emel_tools.running import Job
from emel_tools.surface import commands, public
from emel_tools.surface.causes import causes
from emel_tools.surface.facts import facts
from emel_tools.surface.modules import Modules
from emel_tools.workspace import Package

ROOT = Path(__file__).resolve().parents[2]
FRONT = '''\
"""A disk."""

from emel_disk._arm import Arm, Head, Platter, Reaction, spin
from emel_io_loader import Spans

TABLES = ()
"""Its machines."""

__all__ = ["TABLES", "Arm", "Head", "Platter", "Reaction", "Spans", "spin"]
'''
ARM = '''\
"""The arm."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class _Moving:
    """What moves."""

    def move(self, track: "int", /, *, fast: bool = False) -> None:
        """Move to a track."""

    @property
    def track(self) -> int:
        """Where it is."""
        return 0


class Arm(_Moving):
    """An arm.

    Attributes
    ----------
    name : str
        What it is called.
    """

    def __init__(self, name: str, *sides: int, **facts: object) -> None:
        self.name = name
        self._hidden = sides

    @classmethod
    def of(cls, head: Head) -> Arm:
        """Make one."""

    @staticmethod
    def known() -> list[str]:
        """List them."""

    def __len__(self) -> int:
        return 0


class Head(NamedTuple):
    """A head."""

    side: int
    """Which side."""
    width: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Platter(_Moving):
    """A platter."""

    sides: int = 2
    heads: list[Head] = field(default_factory=list)


class Reaction(IntEnum):
    """What can be done."""

    WAIT = 0
    STOP = 1


def spin(rate: int = 5400, unit: str = "rpm") -> float:
    """Spin."""
'''
PROJECT = """\
[build-system]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
packages = ["src/emel_disk"]
[project]
name = "emel-disk"
version = "1.2"
requires-python = ">=3.11"
dependencies = ["numpy >=1.26,  <3", "emel-machine==1.2", "xxhash"]
[project.scripts]
disk = "emel_disk:spin"
[project.gui-scripts]
platter = "emel_disk._arm : Platter.move [fast]"
[project.optional-dependencies]
fast = ["numpy>=1.26", "ml_dtypes[x]==0.5"]
[project.entry-points."emel.strategies"]
disk = "emel_disk:Arm"
[tool.towncrier]
name = "emel-disk"
version = "1.2"
"""


@pytest.fixture
def disk(tmp_path):
    package = Package(tmp_path / "packages" / "disk", "emel_disk")
    package.source.mkdir(parents=True)
    (package.folder / "pyproject.toml").write_text(PROJECT)
    (package.source / "__init__.py").write_text(FRONT)
    (package.source / "_arm.py").write_text(ARM)
    return package


def measured(package):
    modules = Modules(package)
    return facts(package, public(package, modules), modules)


def edit(package, old, new, file="_arm.py"):
    path = package.source / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def heard(package):
    job = Job(package.folder.parents[1], (package.name,), full=False, base="", seed=0)
    (outcome,) = api.LANE.run(job)
    return [(finding.where, finding.what) for finding in outcome.findings]


@pytest.mark.behaviour("GATE-67")
def test_every_kind_of_public_name_is_a_fact(disk):
    assert measured(disk) == {
        "[python]": ">=3.11",
        "[command disk]": "emel_disk:spin",
        "[window platter]": "emel_disk._arm : Platter.move [fast]",
        "[extra fast]": "ml_dtypes[x]==0.5, numpy>=1.26",
        "[needs emel-machine]": "==1.2",
        "[needs numpy]": ">=1.26, <3",
        "[needs xxhash]": "any",
        "[emel.strategies disk]": "emel_disk:Arm",
        "TABLES": "value = ()",
        "Spans": "is emel_io_loader.Spans",
        "spin": "(rate: int = 5400, unit: str = 'rpm') -> float",
        "Arm": "class",
        "Arm()": "(name: str, *sides: int, **facts: object)",
        "Arm.name": "attribute str",
        "Arm.of": "classmethod (head: Head) -> Arm",
        "Arm.known": "staticmethod () -> list[str]",
        "Arm.__len__": "() -> int",
        "Arm.move": "(track: int, /, *, fast: bool = False) -> None",
        "Arm.track": "property -> int",
        "Head": "class(NamedTuple)",
        "Head()": "(side: int, width: float = 0.5)",
        "Head.side": "attribute int",
        "Head.width": "attribute float = 0.5 (undocumented)",
        "Platter": "@dataclass(frozen=True, kw_only=True) class",
        "Platter()": "(*, sides: int = 2, heads: list[Head] = field(default_factory=list))",
        "Platter.sides": "attribute int = 2 (undocumented)",
        "Platter.heads": "attribute list[Head] = field(default_factory=list) (undocumented)",
        "Platter.move": "(track: int, /, *, fast: bool = False) -> None",
        "Platter.track": "property -> int",
        "Reaction": "class(IntEnum)",
        "Reaction.WAIT": "attribute = 0 (undocumented)",
        "Reaction.STOP": "attribute = 1 (undocumented)",
    }


@pytest.mark.behaviour("GATE-67")
def test_the_testing_module_is_public_too_and_so_are_overloads(disk):
    (disk.source / "testing.py").write_text(
        '"""Fakes."""\nfrom typing import overload\n@overload\ndef fake(a: int) -> int: ...\n'
        "@overload\ndef fake(a: str) -> str: ...\ndef fake(a): ...\n"
    )
    assert measured(disk)["testing.fake"] == "(a: int) -> int; (a: str) -> str"


@pytest.mark.behaviour("GATE-67")
def test_what_a_default_stands_for_is_a_fact_where_nobody_else_can_name_it(disk):
    edit(disk, "class _Moving:", "_RATE: Final = 60 * 90\nWIDTH = 0.5\n\n\nclass _Moving:")
    edit(disk, "rate: int = 5400", "rate: int = min(_RATE, 9000)")
    edit(disk, "width: float = 0.5", "width: float = WIDTH")
    edit(
        disk, 'fast: bool = False) -> None:\n        """Move', 'by=spin) -> None:\n        """Move'
    )
    added = {key: value for key, value in measured(disk).items() if key.startswith("[default")}
    assert added == {"[default _RATE]": "value Final = 60 * 90", "[default WIDTH]": "value = 0.5"}
    edit(disk, "import Arm,", "import WIDTH, Arm,", "__init__.py")
    edit(disk, '"TABLES",', '"TABLES", "WIDTH",', "__init__.py")
    assert "[default WIDTH]" not in measured(disk)  # it is one of the public values


@pytest.mark.behaviour("GATE-67")
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("_At = int | str", {"_At": "value = int | str"}),
        ("if disk:\n    _At = int\nelse:\n    _At = str", {"_At": "value = int or value = str"}),
        (
            "try:\n    _At = int\nexcept NameError:\n    _At = str",
            {"_At": "value = int or value = str"},
        ),
        ("_LEFT = (1,)\n_At = _LEFT", {"_At": "value = _LEFT", "_LEFT": "value = (1,)"}),
        ("_At = TypeVar('T', bound=int)", {"_At": "value = TypeVar('T', bound=int)"}),
        ("_At = Head(1)", {}),
        ("from emel_io_loader import Spans\n_At = Spans(1)", {}),
        ("class _At: ...", {}),
    ],
)
def test_what_a_fact_speaks_of_and_nobody_outside_can_name_is_a_fact(disk, written, told):
    """Types that a signature calls by a name, and whatever a public value is made of."""
    edit(disk, "class _Moving:", f"{written}\n\n\nclass _Moving:")
    edit(disk, "side: int\n", "side: _At\n")
    found = {key: what for key, what in measured(disk).items() if key.startswith("[behind")}
    assert found == {f"[behind {name}]": what for name, what in told.items()}


@pytest.mark.behaviour("GATE-67")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    side: int\n",
            "    class Rest:\n        at: int\n        def move(self): ...\n    side: int\n",
            {
                "Head.Rest": "class",
                "Head.Rest()": "()",
                "Head.Rest.at": "attribute int (undocumented)",
                "Head.Rest.move": "()",
            },
        ),
        ("    side: int\n", "    class _Rest:\n        at: int\n    side: int\n", {}),
        (
            "    WAIT = 0\n",
            "    if disk:\n        def all(self) -> int: ...\n    WAIT = 0\n",
            {"Reaction.all": "() -> int"},
        ),
        (
            "    WAIT = 0\n",
            "    WAIT = 0\n    GO, ON = 2, 3\n",
            {f"Reaction.{name}": "attribute = (2, 3) (undocumented)" for name in ("GO", "ON")},
        ),
        (
            "        self.name = name\n",
            "        self.name = name\n        self.left, self._no = sides\n",
            {"Arm.left": "attribute (undocumented)"},
        ),
        (
            "    sides: int = 2\n",
            "    sides: int = 2\n    def __post_init__(self):\n        self.area = 1\n",
            {"Platter.__post_init__": "()", "Platter.area": "attribute (undocumented)"},
        ),
    ],
)
def test_wherever_a_class_has_something_from_it_is_told(disk, old, new, told):
    before = measured(disk)
    edit(disk, old, new)
    now = measured(disk)
    assert told.items() <= now.items()
    kept = now.keys() - told.keys() - {"Platter"}
    assert kept == before.keys() - told.keys() - {"Platter"}


@pytest.mark.behaviour("GATE-67")
def test_what_a_hidden_base_brings_is_told_whatever_stands_in_its_brackets(disk):
    before = measured(disk)
    edit(disk, "class _Moving:", "class _Moving(Generic[T]):")
    edit(disk, "class Arm(_Moving):", "class Arm(_Moving[int]):")
    assert measured(disk) == before | {
        "Arm": "class(_Moving[int], Generic[T])",
        "Platter": "@dataclass(frozen=True, kw_only=True) class(Generic[T])",
    }


@pytest.mark.behaviour("GATE-67")
@pytest.mark.parametrize(
    ("base", "call"),
    [
        ("@dataclass\nclass _Base:\n    at: int\n    to: int = 2\n", "(at: int, to: int = 2)"),
        ("class _Base(NamedTuple):\n    at: int\n", "(at: int)"),
        ("class _Base(Protocol):\n    def __init__(self, at: int) -> None: ...\n", "(at: int)"),
        ("class _Base(ABC):\n    def __new__(cls, at: int) -> Self: ...\n", "(at: int)"),
        ("class _Base(IntEnum):\n    def __init__(self, at: int) -> None: ...\n", None),
    ],
)
def test_a_class_is_called_as_what_it_derives_from_is(disk, base, call):
    edit(disk, "class Reaction(IntEnum):", f"{base}\n\nclass Reaction(_Base):")
    assert measured(disk).get("Reaction()") == call


@pytest.mark.behaviour("GATE-67")
def test_another_name_of_a_hidden_class_is_told_as_the_class(disk):
    edit(disk, "class Head(NamedTuple):", "class _Head(NamedTuple):")
    before = measured(disk)
    edit(disk, "@dataclass(", "Head = _Head\n\n\n@dataclass(")
    added = {key: what for key, what in measured(disk).items() if key not in before}
    assert added == {
        "Head": "class(NamedTuple)",
        "Head()": "(side: int, width: float = 0.5)",
        "Head.side": "attribute int",
        "Head.width": "attribute float = 0.5 (undocumented)",
    }


@pytest.mark.behaviour("GATE-67")
def test_a_property_that_is_kept_is_told_from_one_that_is_not(disk):
    edit(disk, "    @property\n", "    @functools.cached_property\n")
    assert measured(disk)["Arm.track"] == "cached property -> int"


@pytest.mark.behaviour("GATE-67")
def test_what_an_option_is_without_being_given_is_told(monkeypatch):
    app = typer.Typer()

    @app.command()
    def load(
        *,
        threads: Annotated[int, typer.Option(envvar="THREADS")] = 2,
        size: Annotated[int | None, typer.Option(envvar=["SIZE", "MOST"])] = None,
        touch: Annotated[bool, typer.Option()] = True,
        direct: Annotated[bool, typer.Option("--direct")] = False,
    ) -> None:
        raise AssertionError((threads, size, touch, direct))

    app.command("stay")(lambda: None)
    monkeypatch.setattr(commands, "parser", lambda: typer.main.get_command(app))
    (told,) = (each for each in commands.commands() if each.name == "emel load")
    assert {each.spelled: each.default for each in told.parameters} == {
        "--threads": "$THREADS, or 2",
        "--size": "$SIZE, or $MOST, or nothing",
        "--touch, --no-touch": "True",
        "--direct": "",
    }


@pytest.mark.behaviour("GATE-67")
def test_what_the_program_itself_takes_and_which_arguments_may_be_left_out_is_told(monkeypatch):
    app = typer.Typer(add_completion=False)

    @app.callback()
    def program(*, quiet: Annotated[bool, typer.Option("--quiet")] = False) -> None:
        raise AssertionError(quiet)

    @app.command()
    def load(first: str, others: list[str], last: Annotated[str, typer.Argument()] = "") -> None:
        raise AssertionError((first, others, last))

    monkeypatch.setattr(commands, "parser", lambda: typer.main.get_command(app))
    (own, told) = commands.commands()
    assert [each.spelled for each in own.parameters] == ["--quiet"]
    assert told.usage == "emel load FIRST OTHERS... [LAST]"


@pytest.mark.behaviour("GATE-68")
@pytest.mark.parametrize(
    ("old", "new", "key", "cause"),
    [
        (
            "rate: int = 5400",
            "rate: int = 7200",
            "spin",
            "the default of rate was 5400 and is 7200",
        ),
        ("rate: int = 5400", "speed: int = 5400", "spin", "parameter rate renamed to speed?"),
        (
            "fast: bool = False",
            "fast: bool",
            "Arm.move",
            "the default of fast was False and is none",
        ),
        ("/, *, fast", "/, fast", "Arm.move", "parameter fast was keyword-only and is positional"),
        ("-> float:", "-> int:", "spin", "it answers with something else"),
        (', unit: str = "rpm"', "", "spin", "parameter unit is gone"),
        ("def spin(", "def spin(at: int, ", "spin", "parameter at is new, and must be given"),
        ("rate: int", "rate: float", "spin", "rate was int and is float"),
        (
            'rate: int = 5400, unit: str = "rpm"',
            'unit: str = "rpm", rate: int = 5400',
            "spin",
            "its parameters have another order",
        ),
        (
            "def spin(",
            "@partial(kept, (1, 2))\ndef spin(",
            "spin",
            "before its parameters stood nothing and stands @partial(kept, (1, 2))",
        ),
        ("    def move(", "    def shift(", "Arm.move", "renamed to Arm.shift?"),
        ('    """Which side."""\n', "", "Head.side", "its docstring went"),
        (
            "def spin(",
            "@lru_cache(maxsize=(1))\ndef spin(",
            "spin",
            "before its parameters stood nothing and stands @lru_cache(maxsize=1)",
        ),
    ],
)
def test_a_change_is_seen_with_what_seems_to_have_happened(disk, old, new, key, cause):
    before = measured(disk)
    edit(disk, old, new)
    after = measured(disk)
    assert before.get(key) != after.get(key)
    assert causes(before, after)[key] == cause


@pytest.mark.behaviour("GATE-67")
def test_a_base_that_nobody_else_sees_is_told_by_its_own_bases(disk):
    edit(disk, "class _Moving:", "class _Moving(dict[str, int], metaclass=Meta):")
    assert measured(disk)["Arm"] == "class(dict[str, int], metaclass=Meta)"
    edit(disk, "class Arm(_Moving):", "class Arm(Head, _Moving):")
    assert measured(disk)["Arm"] == "class(Head, dict[str, int], metaclass=Meta)"


@pytest.mark.behaviour("GATE-67")
@pytest.mark.parametrize(
    ("old", "key", "new"),
    [
        ("    def move(", "Arm.move", "@cache (track: int, /, *, fast: bool = False) -> None"),
        ("    @property\n", "Arm.track", "@cache property -> int"),
        ("    @classmethod\n", "Arm.of", "@cache classmethod (head: Head) -> Arm"),
    ],
)
def test_a_decorator_of_a_method_is_told(disk, old, key, new):
    edit(disk, old, f"    @cache\n{old}")
    assert measured(disk)[key] == new


@pytest.mark.behaviour("GATE-68")
def test_other_bases_are_not_told_as_parameters(disk):
    before = measured(disk)
    edit(disk, "class Head(NamedTuple):", "class Head(object):")
    after = measured(disk)
    assert before["Head"] != after["Head"]
    assert "Head" not in causes(before, after)


@pytest.mark.behaviour("GATE-68")
def test_a_function_that_is_renamed_is_gone_and_new(disk):
    before = measured(disk)
    edit(disk, "def spin(", "def turn(")
    edit(disk, "spin", "turn", "__init__.py")
    after = measured(disk)
    assert {*before} - {*after} == {"spin"}
    assert {*after} - {*before} == {"turn"}
    assert causes(before, after) == {"spin": "renamed to turn?", "turn": "was spin?"}


@pytest.mark.behaviour("GATE-69")
@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('    """Spin."""\n', "    return 1.0\n", "function emel_disk.spin"),
        ('    """A head."""\n\n', "", "class emel_disk.Head"),
        ('        """Move to a track."""\n', "        return\n", "method emel_disk.Arm.move"),
        ('        """Where it is."""\n', "", "property emel_disk.Arm.track"),
    ],
)
def test_a_docstring_that_is_missing_is_found_at_its_line(disk, old, new, what):
    assert heard(disk) == []
    edit(disk, old, new)
    found = [(where, said) for where, said in heard(disk) if what in said]
    ((where, said),) = found
    assert said == f"the public {what} has no docstring"
    line = int(where.rpartition(":")[2])
    text = (disk.source / "_arm.py").read_text().splitlines()[line - 1]
    assert what.rpartition(".")[2] in text


@pytest.mark.behaviour("GATE-131")
@pytest.mark.parametrize(
    ("text", "told", "untrue"),
    [
        ("Spin.", "rate : int, optional", ""),
        ("Spin.", "unit, rate", ""),
        ("Spin.", "rate, speed : int", "spin tells of speed"),
        ("An arm.", r"name, *sides, \**facts", ""),
        ("An arm.", "track", "Arm tells of track"),
        ("A head.", "side", ""),
        ("A head.", "sides", "Head tells of sides"),
        ("A platter.", "heads : list", ""),
        ("A platter.", "side", "Platter tells of side"),
        ("Move to a track.", "fast", ""),
        ("Move to a track.", "slow", "Arm.move tells of slow"),
        ("Make one.", "cls", "Arm.of tells of cls"),
        ("List them.", "all", "Arm.known tells of all"),
        ("What can be done.", "value", ""),  # nobody makes one
        ("Where it is.", "track", ""),  # nor calls this
    ],
)
@pytest.mark.parametrize("title", ["Parameters", "Other Parameters"])
def test_a_parameter_that_only_the_docstring_knows_is_found(disk, title, text, told, untrue):
    section = f"    {title}\n    ----------\n    {told}\n        So.\n"
    edit(disk, f'"""{text}', f'r"""{text}\n\n{section}')
    what = f"the docstring of emel_disk.{untrue}, which it doesn't take"
    assert [said for _, said in heard(disk)][:1] == ([what] if untrue else [])


@pytest.mark.behaviour("GATE-131")
@pytest.mark.parametrize(
    ("told", "untrue"),
    [
        ("ValueError, OSError", ""),
        ("Reaction", ""),
        ("os.error", ""),
        ("ValueErorr", "spin raises ValueErorr"),
        ("KeyError, SpinError", "spin raises SpinError"),
        ("error.Spin", "spin raises error.Spin"),
    ],
)
def test_an_error_that_only_the_docstring_knows_is_found(disk, told, untrue):
    edit(disk, '"""Spin.', f'"""Spin.\n\n    Raises\n    ------\n    {told}\n        So.\n')
    (disk.source / "_motor.py").write_text("import os\n")
    what = f"the docstring of emel_disk.{untrue}: there is none"
    assert [said for _, said in heard(disk)] == ([what] if untrue else [])


@pytest.mark.behaviour("GATE-131")
def test_the_parameters_of_all_overloads_may_be_told_and_a_default_parts_none(disk):
    told = (
        '"""Spin.\n\n    Parameters\n    ----------\n    rate, unit, at, by\n        So.\n    """'
    )
    edit(disk, '"""Spin."""', told)
    edit(
        disk,
        "def spin(",
        "@overload\ndef spin(at: int, /) -> float: ...\n"
        '@overload\ndef spin(*, by: str = "; (") -> float: ...\ndef spin(',
    )
    said = [said for _, said in heard(disk)]
    assert said == [
        f"the docstring of emel_disk.spin tells of {name}, which it doesn't take"
        for name in ("rate", "unit")
    ]


@pytest.mark.behaviour("GATE-67")
def test_what_is_needed_is_told_with_all_that_is_said_of_it(disk):
    needs = """["a[x] ; os_name == 'nt'", "b>=2; python_version<'3.12'", "b>=3", "c @ file:///c"]"""
    text = PROJECT.replace('["numpy >=1.26,  <3", "emel-machine==1.2", "xxhash"]', needs)
    (disk.folder / "pyproject.toml").write_text(text)
    told = {key: which for key, which in measured(disk).items() if key.startswith("[needs")}
    assert told == {
        "[needs a[x]]": "; os_name == 'nt'",
        "[needs b]": ">=2; python_version<'3.12', >=3",
        "[needs c]": "@ file:///c",
    }


@pytest.mark.behaviour("GATE-126")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('disk = "emel_disk:spin"', 'disk = "emel_disk:spun"'),
        ('disk = "emel_disk:spin"', 'disk = "emel_disk.main:spin"'),
        ('disk = "emel_disk:spin"', 'disk = "emel_tape:spin"'),
        ('disk = "emel_disk:spin"', 'disk = "spin"'),
        ('"emel_disk._arm : Platter.move [fast]"', '"emel_disk._arm:Reel.move [fast]"'),
        ('"emel_disk._arm : Platter.move [fast]"', '"emel_disk:Reel.move"'),
        ('"emel_disk:Arm"', '"emel_disk:Motor"'),
        ('"emel_disk:Arm"', '"emel_disk._head"'),
    ],
)
def test_a_command_or_an_entry_point_that_leads_nowhere_is_found(disk, old, new):
    assert heard(disk) == []
    assert PROJECT.count(old) == 1
    (disk.folder / "pyproject.toml").write_text(PROJECT.replace(old, new))
    target = new.rpartition(" = ")[2].strip('"')
    ((where, what),) = heard(disk)
    assert where == "packages/disk/pyproject.toml"
    assert what.endswith(f"leads to {target}, which there isn't")


@pytest.mark.behaviour("GATE-128")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["src/emel_disk"]', '["src/emel_tape"]', "[tool.hatch] says something else"),
        ('["src/emel_disk"]', '["src/emel_disk"]\nexclude = ["_arm.py"]', "[tool.hatch] says"),
        ("[tool.hatch.build", '[tool.hatch.build]\nexclude = ["*.py"]\n[tool.hatch.build', "[tool"),
        ('"hatchling.build"', '"setuptools.build_meta"', "its wheel is built by something else"),
        ('"hatchling.build"', '"hatchling.build"\nbackend-path = ["."]', "its wheel is built by"),
        ('[build-system]\nbuild-backend = "hatchling.build"\n', "", "its wheel is built by"),
    ],
)
def test_what_may_leave_a_file_out_of_a_wheel_is_found(disk, old, new, said):
    assert PROJECT.count(old) == 1
    (disk.folder / "pyproject.toml").write_text(PROJECT.replace(old, new))
    ((where, what),) = heard(disk)
    assert where == "packages/disk/pyproject.toml"
    assert what.startswith(said)


@pytest.mark.behaviour("GATE-128")
@pytest.mark.parametrize("name", ["hatch.toml", "hatch_build.py"])
def test_what_hatchling_reads_beside_is_found(disk, name):
    (disk.folder / name).touch()
    assert heard(disk) == [(f"packages/disk/{name}", f"{name} has a say in what a wheel holds")]


@pytest.mark.behaviour("GATE-132")
@pytest.mark.parametrize(
    ("published", "found"),
    [
        ({}, []),
        (
            {'name = "emel-disk"\nversion = "1.2"\nr': 'name = "emel-tape"\nversion = "1.3"\nr'},
            [
                (
                    "pyproject.toml",
                    "[tool.towncrier] has the name emel-disk, and [project] emel-tape",
                ),
                ("pyproject.toml", "[tool.towncrier] has the version 1.2, and [project] 1.3"),
                (
                    "src/emel_disk/_arm.py:2",
                    "__version__ is 1.2, and [project] has 1.3",
                ),
            ],
        ),
        (
            {
                'version = "1.2"\nrequires': 'dynamic = ["version"]\nrequires',
                'version = "1.2"\n': "",
            },
            [
                (
                    "src/emel_disk/_arm.py:2",
                    "__version__ is 1.2, and [project] has none",
                )
            ],
        ),
    ],
    ids=["alike", "unlike", "of no version"],
)
def test_a_name_or_a_version_that_is_not_the_published_one_is_found(disk, published, found):
    edit(disk, '"""The arm."""', '"""The arm."""\n__version__ = "1.2"')
    edit(
        disk,
        "from emel_io_loader",
        "from emel_disk._arm import __version__\nfrom emel_io_loader",
        "__init__.py",
    )
    text = PROJECT
    for old, new in published.items():
        text = text.replace(old, new)
    (disk.folder / "pyproject.toml").write_text(text)
    assert heard(disk) == [(f"packages/disk/{where}", what) for where, what in found]


@pytest.mark.behaviour("GATE-132")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('__version__: str = "1.3"', "1.3"),
        ("__version__ = version('emel-disk')", "version('emel-disk')"),
        ("def __version__(): ...", "nothing that can be read"),
    ],
)
def test_a_version_of_the_face_is_read_however_it_is_written(disk, written, said):
    edit(disk, '"""A disk."""', f'"""A disk."""\n{written}', "__init__.py")
    what = f"__version__ is {said}, and [project] has 1.2"
    assert heard(disk) == [("packages/disk/src/emel_disk/__init__.py:2", what)]


@pytest.mark.behaviour("GATE-69")
@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            '"TABLES", "Arm"',
            '"Arm", "TABLES"',
            "__all__ isn't sorted: Arm stands where TABLES belongs",
        ),
        ('"spin"]', '"spin", "twist"]', "__all__ lists twist, which nothing defines"),
        ('"Spans", ', "", "Spans can be had from emel_disk, and __all__ doesn't list it"),
        ('"spin"]', '"spin", "spin"]', "__all__ lists spin twice"),
        ("__all__ = ", "names = ", "it has no __all__ that is a list of strings"),
        (
            ', "spin"]',
            ']\n__all__ += ["spin"]',
            "__all__ is changed after it is made, and counts as it stands in one list",
        ),
        (
            ', "spin"]',
            ']\n__all__.append("spin")',
            "__all__ is changed after it is made, and counts as it stands in one list",
        ),
        (
            "TABLES = ()",
            "def __getattr__(name): ...\nTABLES = ()",
            "the module has a __getattr__, which offers names that nobody can list",
        ),
    ],
)
def test_a_list_that_is_untrue_is_found(disk, old, new, what):
    edit(disk, old, new, "__init__.py")
    assert what in [said for _, said in heard(disk)]


@pytest.mark.behaviour("GATE-69")
def test_a_package_without_a_front_door_has_no_list(disk):
    (disk.source / "__init__.py").unlink()
    where = "packages/disk/src/emel_disk/__init__.py"
    assert (where, "it has no __all__ that is a list of strings") in [
        (path.partition(":")[0], said) for path, said in heard(disk)
    ]


@pytest.mark.behaviour("GATE-69")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it has no __all__ that is a list of strings"),
        ('__all__ = ["turn"]', "__all__ lists turn, which nothing defines"),
        (
            'from emel_disk import spin\n__all__ = []\n__all__ += ["spin"]',
            "__all__ is changed after it is made, and counts as it stands in one list",
        ),
        (
            "from emel_disk import spin\n__all__ = []",
            "spin can be had from emel_disk.testing, and __all__ doesn't list it",
        ),
        (
            "__all__ = []\ndef __getattr__(name): ...",
            "the module has a __getattr__, which offers names that nobody can list",
        ),
    ],
)
def test_a_list_of_what_helps_tests_that_is_untrue_is_found(disk, text, what):
    (disk.source / "testing.py").write_text(f'"""To test with it."""\n{text}\n')
    where = "packages/disk/src/emel_disk/testing.py"
    assert (where, what) in [(path.partition(":")[0], said) for path, said in heard(disk)]


@pytest.mark.behaviour("GATE-69")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("spin = cache(spin)", "spin is bound again below"),
        ("spin: object = 1", "spin is bound again below"),
        ("if sys:\n    Arm = None", "Arm is bound again below"),
        ("def spin(of): ...", "spin is defined more than once, and overloaded by none of them"),
        ("Arm.of = None", "Arm.of is set from outside"),
        ("Arm.of, Arm.more = 1, 2", "Arm.of is set from outside"),
        ("Arm.more: int = 1", "Arm.more is set from outside"),
        ("setattr(Arm, 'more', 1)", "Arm is given a member from outside"),
        ("@overload\ndef turn(a): ...\ndef turn(a): ...\nHIDDEN.of = 1", ""),
    ],
)
def test_what_is_bound_again_is_not_what_was_read(disk, text, what):
    path = disk.source / "_arm.py"
    path.write_text(f"{path.read_text()}\n\n{text}\n")
    lines = [said for _, said in heard(disk)]
    assert (f"{what}: what is read of it isn't what there is" in lines) == bool(what)
    assert what or lines == []


@pytest.mark.behaviour("GATE-67")
def test_what_any_method_gives_its_instances_is_an_attribute(disk):
    assert "Arm.turned" not in measured(disk)
    body = "        self._hidden = sides\n        self._begin()\n\n    def _begin(self) -> None:\n"
    edit(disk, "        self._hidden = sides\n", f"{body}        self.turned: int = 0\n")
    assert measured(disk)["Arm.turned"] == "attribute int (undocumented)"


@pytest.mark.behaviour("GATE-69")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def twist(): ...\ntwist = cache(twist)", True),
        ("@overload\ndef twist(): ...\ntwist = 1", True),
        ("class twist: ...\nclass twist: ...", True),
        ("if A:\n    def twist(): ...\nelse:\n    def twist(n): ...", True),
        (
            "@typing.overload\ndef twist(): ...\n@overload\ndef twist(n): ...\ndef twist(n): ...",
            False,
        ),
        ("class twist: ...", False),
        ("twist = 1\ntwist = 2", False),
    ],
)
def test_a_name_that_is_given_another_meaning_is_found(disk, text, found):
    path = disk.source / "testing" / "__init__.py"
    path.parent.mkdir()
    path.write_text(f'"""For tests."""\n__all__ = ["twist"]\n{text}\n')
    what = "what is read of it isn't what there is"
    assert [said.endswith(what) for _, said in heard(disk) if said.startswith("twist is")] == (
        [True] if found else []
    )


@pytest.mark.behaviour("GATE-67")
def test_what_is_spelled_differently_is_the_same_fact(disk):
    """Line breaks, quotes and annotations as strings are no news."""
    before = measured(disk)
    edit(
        disk,
        'rate: int = 5400, unit: str = "rpm"',
        "\n    rate: 'int' = 5400,\n    unit: str = 'rpm',\n",
    )
    assert measured(disk) == before


@pytest.mark.behaviour("GATE-67")
def test_reading_imports_nothing_of_the_package(disk):
    edit(disk, '"""The arm."""', '"""The arm."""\nraise RuntimeError("imported")')
    assert "Arm" in measured(disk)  # or the error would have been heard


@pytest.mark.behaviour("GATE-118")
def test_a_package_that_is_no_python_leaves_the_others_their_verdicts(disk):
    root = disk.folder.parents[1]
    other = root / "packages" / "tape"
    shutil.copytree(disk.folder, other)
    (other / "src/emel_disk").rename(other / "src/emel_tape")
    edit(disk, "def spin(", "def spin((")
    broke, whole = api.LANE.run(Job(root, ("disk", "tape"), full=False, base="", seed=0))
    (finding,) = broke.findings
    assert finding.where == "packages/disk/src/emel_disk/_arm.py:70"
    assert "SyntaxError: invalid syntax" in finding.what
    assert "nothing" not in whole.checked
    assert [*api.LANE.run(Job(root, ("tape",), full=False, base="", seed=0))] == [whole]
