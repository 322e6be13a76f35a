"""Which files are checked for their types again, and which results are taken over."""

import json
import re
import sys

import pytest

from emel_tools.ratchets import kept, types
from emel_tools.ratchets.broken import BrokenToolError
from emel_tools.ratchets.kept import check
from emel_tools.ratchets.pyright import Checked
from emel_tools.ratchets.tally import Place
from emel_tools.running import Job

LOW = '''"""The lowest."""

LIMIT: int = 3


class Low:
    def __init__(self) -> None:
        self.size = 1

    def double(self) -> int:
        """Twice."""
        return 2 * self.size


def bare(value):
    return value


def raise_limit() -> None:
    global LIMIT
    LIMIT = 5


def effect_raise(low: Low) -> None:
    low.size = 5
'''
FILES = {
    "pyproject.toml": "[tool.basedpyright]\n",
    "tools/pyproject.toml": '[project]\nname = "emel-tools"\n',
    "packages/low/pyproject.toml": '[project]\nname = "emel-low"\n',
    "packages/low/src/emel_low/__init__.py": "from emel_low.low import Low as Low\n",
    "packages/low/src/emel_low/low.py": LOW,
    "packages/low/src/emel_low/alone.py": "ALONE = 1\n",
    "packages/high/pyproject.toml": '[project]\nname = "emel-high"\n',
    "packages/high/src/emel_high/__init__.py": "",
    "packages/high/src/emel_high/middle.py": "def late() -> None:\n    from emel_low import Low\n",
    "packages/high/src/emel_high/top.py": "from . import middle\n",
}
USES_LOW = {"low/__init__", "low/low", "high/middle", "high/top"}


class Looks:
    """Says one thing of each file, and which it was asked for."""

    def __init__(self):
        self.asked = set()

    def __call__(self, _root, _folder, files):
        self.asked = {"/".join(path.with_suffix("").parts[-2:])[5:] for path in files}
        return Checked([Place(path, 1, 2, "rule", path.name) for path in files], len(files))


@pytest.fixture
def root(tmp_path):
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return tmp_path


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, "utf-8")


def low(root, old, new):
    assert old in LOW
    write(root, "packages/low/src/emel_low/low.py", LOW.replace(old, new))


def checked(root, *, anew=False, look=None):
    files = sorted((root / "packages").rglob("*.py"))
    look = look or Looks()
    answer = check(root, root / "kept", files, anew=anew, look=look)
    assert answer.files == len(files)
    assert sorted(answer.places) == [Place(path, 1, 2, "rule", path.name) for path in files]
    return getattr(look, "asked", None)


@pytest.mark.behaviour("GATE-104")
def test_what_has_not_changed_is_not_looked_at_again(root):
    assert len(checked(root)) == 6
    assert checked(root) == set()


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 2 * self.size", "return self.size + self.size"),
        ("Twice.", "Two times."),
        ("The lowest.", "The last."),
        ("return 2 *", "other.size = 2.5\n        return 2 *"),
        ("LIMIT: int", "# The most.\nLIMIT: int"),
        ("return 2 * self.size", "twice: int = 2 * self.size\n        return twice"),
        ("global LIMIT\n    LIMIT = 5", "global LIMIT\n    LIMIT = 5  # the most"),
        ("low.size = 5", "low.size = 6"),
        ("low.size = 5", "low._hidden = 6"),
        ("low.size = 5", "..."),
        ("low.size = 5", "def more() -> None:\n        nonlocal low\n        low = Low()"),
        ("return 2 * self.size", "print(self.size)"),
    ],
)
def test_what_only_a_file_itself_sees_concerns_no_other(root, old, new):
    checked(root)
    low(root, old, new)
    assert checked(root) == {"low/low"}


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-> int:", "-> float:"),
        ("self.size = 1", "self.size = 1.5"),
        ("return value", "return [value]"),
        ("LIMIT: int = 3", "LIMIT: int = 4"),
        ("class Low:", "class Low(int):"),
        ("return 2 * self.size", "..."),
        ("LIMIT = 5", "LIMIT = 5.5"),
    ],
)
def test_what_others_see_concerns_all_that_import_it_however_far(root, old, new):
    checked(root)
    low(root, old, new)
    assert checked(root) == USES_LOW


STATED = """
class Low:
    count: int

    def __init__(self) -> None:
        self.size: int = 1
        self.count = 2

    def grow(self) -> None:
        self.size = 3
"""


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [("= 1", "= 2"), ("self.count = 2", "self.count = 4"), ("self.size = 3", "self.size = 5")],
)
def test_what_an_attribute_is_given_concerns_no_other_file_if_its_type_is_stated(root, old, new):
    write(root, "packages/low/src/emel_low/low.py", STATED)
    checked(root)
    write(root, "packages/low/src/emel_low/low.py", STATED.replace(old, new))
    assert checked(root) == {"low/low"}


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: int =", "size: float ="),
        ("    count: int", "    count: float"),
        ("self.size: int = 1", "self.size = 1"),
        ("self.size = 3", "self.other = 3"),
    ],
)
def test_what_is_stated_of_an_attribute_concerns_all_that_import_it(root, old, new):
    write(root, "packages/low/src/emel_low/low.py", STATED)
    checked(root)
    write(root, "packages/low/src/emel_low/low.py", STATED.replace(old, new))
    assert checked(root) == USES_LOW


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize("said", ["Final", "typing.Final", "ClassVar", '"Final"'])
@pytest.mark.parametrize(
    ("stated", "value"), [("self.size: int", "= 1"), ("    count: int", "= 2")]
)
def test_an_attribute_whose_type_is_left_to_its_value_is_not_stated(root, said, stated, value):
    text = STATED.replace(stated, stated.replace("int", said))
    write(root, "packages/low/src/emel_low/low.py", text)
    checked(root)
    write(root, "packages/low/src/emel_low/low.py", text.replace(value, f"{value}.5"))
    assert checked(root) == USES_LOW


PRIVATE = """
class Low:
    def __init__(self) -> None:
        self._size = 1
        self._rest()

    def _rest(self) -> None:
        self._more = 2
        {shown} = self._size
"""


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("shown", "top", "expected"),
    [
        ("_", "", {"low/low"}),
        ("_", "print(middle.low()._size)\n", {"low/low", "high/top"}),
        ("self.size", "", USES_LOW),
        ("self._same", "", {"low/low"}),
        ("self._same", "class _More:\n    _more = 1\n", {"low/low", "high/top"}),
    ],
)
def test_a_private_attribute_concerns_who_speaks_of_it_or_of_what_hangs_on_it(
    root, shown, top, expected
):
    write(root, "packages/high/src/emel_high/top.py", f"from . import middle\n{top}")
    path, text = "packages/low/src/emel_low/low.py", PRIVATE.format(shown=shown)
    write(root, path, text)
    checked(root)
    write(root, path, text.replace("self._size = 1", "self._size = 1.5"))
    assert checked(root) == expected


OWN = """
_MOST = 3


def _least() -> int:
    return 1


class _Room:
    size: int = 1


class Low(_Base):
    def _rest(self) -> int:
        return 2

    def _begin(self) -> None:
        self.width = _wide()


def _wide() -> int:
    return 1


{more}
"""


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_MOST = 3", "_MOST = 3.5"),
        ("_MOST = 3", "_MOST: float = 3\n_MORE = 1"),
        ("_least() -> int", "_least() -> float"),
        ("size: int", "size: float"),
        ("_rest(self) -> int", "_rest(self, of: int = 1) -> int"),
        ("_least() -> int:\n    return 1", "_least() -> int:\n    return 2"),
    ],
)
@pytest.mark.parametrize(
    ("more", "top", "expected"),
    [
        ("", "", {"low/low"}),
        ("", "Low()._rest\n", {"low/low", "high/top"}),
        (
            "",
            "class Other:\n    def _rest(self) -> int:\n        return 1\n",
            {"low/low", "high/top"},
        ),
        ("", "from emel_low.low import _rest\n", {"low/low", "high/top"}),
        ("LIMIT = _MOST, _least(), _Room(), Low._rest\n", "", USES_LOW),
        ("LIMIT: _Some\n_Some = _MOST, _least(), _Room(), Low._rest\n", "", USES_LOW),
        ("_Some = _MOST, _least(), _Room(), Low._rest\n", "", {"low/low"}),
        ('LIMIT: "_MOST | _least | _Room | _rest | None" = None\n', "", USES_LOW),
    ],
)
def test_what_is_private_concerns_who_speaks_of_it_or_of_what_hangs_on_it(
    root, old, new, more, top, expected
):
    name = re.match(r"\w+", old).group().replace("size", "_Room")
    top = f"from . import middle\n{top}".replace("_rest", name)
    write(root, "packages/high/src/emel_high/top.py", top)
    path, text = "packages/low/src/emel_low/low.py", OWN.format(more=more)
    assert old in text
    write(root, path, text)
    checked(root)
    write(root, path, text.replace(old, new))
    assert checked(root) == ({"low/low"} if "return" in old else expected)


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(("speaks", "expected"), [("_more", {"high/top"}), ("_some", set())])
def test_a_private_method_that_gives_an_attribute_concerns_who_speaks_of_that(
    root, speaks, expected
):
    write(root, "packages/high/src/emel_high/top.py", f"from . import middle\nmiddle.{speaks}\n")
    path, text = "packages/low/src/emel_low/low.py", PRIVATE.format(shown="_")
    write(root, path, text)
    checked(root)
    write(root, path, text.replace("self._more = 2", "self._more = 2.5"))
    assert checked(root) == expected | {"low/low"}


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.width = _wide()", "self.width = 2.5"),
        ("class Low(_Base):", "class Low(_Base, Protocol):"),
    ],
)
def test_what_is_private_and_seen_by_others_is_shown_to_all(root, old, new):
    path, text = "packages/low/src/emel_low/low.py", OWN.format(more="")
    write(root, path, text)
    checked(root)
    write(root, path, text.replace(old, new))
    assert checked(root) == USES_LOW
    write(root, path, text.replace(old, new).replace("_rest(self) -> int", "_rest(self) -> str"))
    assert checked(root) == (USES_LOW if "Protocol" in new else {"low/low"})


@pytest.mark.behaviour("GATE-104")
def test_what_is_taken_back_is_not_looked_at_again_as_long_as_it_is_among_the_last(root):
    checked(root)
    for answer in ("float", "str"):
        low(root, "-> int:", f"-> {answer}:")
        assert checked(root) == USES_LOW
    for answer in ("float", "int", "str", "int"):
        low(root, "-> int:", f"-> {answer}:")
        assert checked(root) == set()
    low(root, "-> int:", "-> bool:")
    assert checked(root) == USES_LOW
    for answer in ("int", "str"):
        low(root, "-> int:", f"-> {answer}:")
        assert checked(root) == set()
    low(root, "-> int:", "-> float:")
    assert checked(root) == USES_LOW


@pytest.mark.behaviour("GATE-104")
def test_a_module_that_comes_concerns_who_would_import_it(root):
    write(root, "packages/high/src/emel_high/top.py", "from emel_low import later\n")
    checked(root)
    write(root, "packages/low/src/emel_low/later.py", "LATER = 1\n")
    assert checked(root) == {"low/later", "high/top"}


@pytest.mark.behaviour("GATE-104")
def test_a_module_is_imported_with_the_packages_that_it_lies_in(root):
    write(root, "packages/high/src/emel_high/top.py", "import emel_low.alone\n")
    checked(root)
    low(root, "-> int:", "-> float:")
    assert checked(root) == USES_LOW


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize(
    "path", ["pyproject.toml", "tools/constraints.txt", "typings/gguf/__init__.pyi"]
)
def test_other_settings_concern_every_file(root, path):
    checked(root)
    write(root, path, "# news\n")
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_a_stub_without_a_line_is_news_as_well(root):
    checked(root)
    write(root, "typings/gguf/__init__.pyi", "")
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_another_python_concerns_every_file(root, monkeypatch):
    checked(root)
    monkeypatch.setattr(sys, "version", "3.99")
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_another_way_of_checking_concerns_every_file(root, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_OWN", tmp_path / "own")
    checked(root)
    write(tmp_path, "own/pyright.py", "SHOWN = True\n")
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_the_full_scope_takes_nothing_over(root):
    checked(root)
    assert len(checked(root, anew=True)) == 6
    assert checked(root) == set()


@pytest.mark.behaviour("GATE-104")
def test_what_was_kept_and_cannot_be_read_is_looked_at_again(root):
    checked(root)
    (root / "kept" / "kept.json").write_text("{")
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_a_check_that_fails_or_leaves_files_out_is_not_kept(root):
    def broken(*_):
        raise BrokenToolError("basedpyright", 3, "no")

    files = sorted((root / "packages").rglob("*.py"))
    with pytest.raises(BrokenToolError):
        check(root, root / "kept", files, anew=False, look=broken)
    answer = check(root, root / "kept", files, anew=False, look=lambda *_: Checked([], 3))
    assert answer.files == 3
    # One that spells a file otherwise has said something of one that would then be kept as clean.
    other = Checked([Place(root / "elsewhere.py", 1, 2, "rule", "what")], len(files))
    assert check(root, root / "kept", files, anew=False, look=lambda *_: other) == other
    assert len(checked(root)) == 6


@pytest.mark.behaviour("GATE-104")
def test_a_file_that_is_no_python_is_looked_at_as_it_is(root):
    write(root, "packages/low/src/emel_low/low.py", "def (:\n")
    checked(root)
    write(root, "packages/low/src/emel_low/low.py", "def ((:\n")
    assert checked(root) == USES_LOW


@pytest.mark.behaviour("GATE-104")
def test_nothing_is_kept_of_what_is_no_more(root):
    checked(root)
    low(root, "-> int:", "-> float:")
    (root / "packages/low/src/emel_low/alone.py").unlink()
    checked(root)
    low(root, "-> int:", "-> str:")
    checked(root)
    held = json.loads((root / "kept" / "kept.json").read_text())
    assert len(held["results"]) == len(held["faces"]) == 5


@pytest.mark.behaviour("GATE-104")
@pytest.mark.parametrize("full", [False, True])
def test_the_lane_takes_results_over_unless_everything_was_asked_for(root, monkeypatch, full):
    asked = []

    def check(_root, _folder, files, *, anew, **_look):
        asked.append(anew)
        return Checked([], len(files))

    monkeypatch.setattr(kept, "check", check)
    assert list(types.outcomes(Job(root, ("low",), full, "", 0)))
    assert asked == [full]


@pytest.mark.behaviour("GATE-104")
def test_a_marker_of_types_that_goes_or_comes_concerns_every_file(root):
    marker = "packages/low/src/emel_low/py.typed"
    write(root, marker, "")
    checked(root)
    (root / marker).unlink()
    assert len(checked(root)) == 6
    write(root, marker, "")
    assert len(checked(root)) == 6
    assert checked(root) == set()
