"""Which cases of the bench run code that differs from the recorded code."""

import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from emel_io_mmap import TABLES
from emel_machine import mermaid
from emel_tools.ratios.cases import cases_of
from emel_tools.ratios.executed import Watch, altered_of, digest, sources
from emel_tools.ratios.judging import in_process
from emel_tools.ratios.sampling import Order, Seen

ROOT = Path(__file__).resolve().parents[2]
PATH = "packages/a/src/emel_a/work.py"
CODE = '''"""What is worked at."""

LIMIT = 3


class Work:
    """It is done once."""

    def once(self, times=2):
        """Do it."""
        return [each for each in range(times) if each in {1, LIMIT}]

    def never(self):
        return 1


def by_thread():
    return 2
'''
NAMES = ("<module>", "Work", "Work.once", "Work.once.<locals>.<listcomp>")


def altered(tmp_path, code, names=NAMES):
    for state, text in (("now", code), ("before", CODE)):
        path = tmp_path / state / PATH
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    executed = [f"{PATH}:{name}" for name in names]
    found = is_altered(tmp_path, executed)
    digests = {digest(executed, sources(tmp_path / state)) for state in ("now", "before")}
    assert not found or len(digests) == 2 or not executed
    return found


def is_altered(tmp_path, executed):
    now, before = (sources(tmp_path / state) for state in ("now", "before"))
    return bool(altered_of({"case": executed}, now, before, tmp_path / "now"))


@pytest.mark.behaviour("GATE-105")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1, LIMIT", "2, LIMIT"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("times=2", "times=3"),
        ("each in {", "each not in {"),
    ],
)
def test_what_runs_and_differs_is_seen(tmp_path, old, new):
    assert altered(tmp_path, CODE.replace(old, new))


@pytest.mark.behaviour("GATE-105")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 1", "return 2"),
        ("Do it.", "Do this."),
        ('        """Do it."""\n', ""),
        ("\nLIMIT", "# The most.\n\nLIMIT"),
        ("return 2", "return 3"),
        ("LIMIT = 3", "MORE = 1\n\nLIMIT = 3"),
    ],
)
def test_what_does_not_run_or_says_something_is_no_difference(tmp_path, old, new):
    assert not altered(tmp_path, CODE.replace(old, new))


@pytest.mark.behaviour("GATE-105")
@pytest.mark.parametrize(("speaks", "is_seen"), [("Work", True), ("by_thread", False)])
def test_what_a_case_speaks_of_itself_is_seen(tmp_path, speaks, is_seen):
    case = tmp_path / "now/tools/src/emel_tools/ratios/cases/a.py"
    case.parent.mkdir(parents=True)
    case.write_text(f"from emel_a.work import {speaks}\n\n\ndef run():\n    {speaks}()\n")
    assert altered(tmp_path, CODE.replace("class Work:", "class Work(list):")) == is_seen


@pytest.mark.behaviour("GATE-105")
def test_what_a_handler_covers_is_code_as_well(tmp_path):
    """The instructions are the same, and only the table of handlers differs."""
    body = "def work():\n    try:\n        a()\n{}    except OSError:\n        c()\n{}"
    for state, inside, after in (
        ("now", "        b()\n", ""),
        ("before", "", "    else:\n        b()\n"),
    ):
        path = tmp_path / state / PATH
        path.parent.mkdir(parents=True)
        path.write_text(body.format(inside, after))
    assert is_altered(tmp_path, [f"{PATH}:work"])


@pytest.mark.behaviour("GATE-105")
def test_code_that_is_new_differs(tmp_path):
    assert altered(tmp_path, CODE, ("Work.twice",)) is False  # in no state, of the same text
    assert altered(tmp_path, CODE + "\n\ndef late():\n    return 1\n", ("late",))
    (tmp_path / "before" / PATH).unlink()
    assert is_altered(tmp_path, [f"{PATH}:Work"])


@pytest.mark.behaviour("GATE-105")
def test_a_case_of_which_nothing_was_seen_is_timed(tmp_path):
    assert altered(tmp_path, CODE, ())


@pytest.fixture(scope="module")
def seen():
    """What each case of a shard runs, as one process has watched them."""
    cases = tuple(case.name for case in cases_of("io_staged"))
    order = Order(str(ROOT), "", "io_staged", cases, 0, watch=True, passes=0)
    return msgspec.json.decode(in_process(order), type=Seen).functions


@pytest.mark.behaviour("GATE-105")
def test_functions_of_a_case_are_seen_in_every_thread(seen):
    case = next(case for case in cases_of("io_staged"))
    names = {name.rpartition("/")[2] for name in seen[case.name]}
    assert {"strategy.py:<module>", "_ring.py:Ring.move", "_ring.py:Reader._work"} <= names


@pytest.mark.behaviour("GATE-105")
def test_whoever_watched_before_the_case_is_gone_afterwards():
    watch = Watch(ROOT)
    with watch.watching() as called:
        mermaid(TABLES[0])
    assert sys.getprofile() is None
    assert any(name.endswith(":mermaid") for name in called)


@pytest.mark.behaviour("GATE-105")
def test_a_thread_that_lives_on_is_no_longer_watched():
    watch = Watch(ROOT)
    with watch.watching() as called:
        begun = sys.getprofile()
    sys.setprofile(begun)  # what a thread that began meanwhile still has
    mermaid(TABLES[0])
    assert sys.getprofile() is None
    begun(Frame("a.py", "b"), "call", None)  # as coverage sees it, too
    assert not any(name.endswith(":mermaid") for name in called)


@pytest.mark.behaviour("GATE-105")
def test_what_is_imported_or_cached_by_the_first_case_is_run_by_all(tmp_path, monkeypatch):
    folder = tmp_path / "packages/a/src/emel_a_watched"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from functools import cache\n\n\n"
        "def made():\n    return 1\n\n\nONE = made()\n\n\n"
        "@cache\ndef once():\n    return made()\n\n\n"
        "def own():\n    return once()\n\n\ndef other():\n    return once()\n"
    )
    monkeypatch.syspath_prepend(folder.parent)
    watch = Watch(tmp_path)
    with watch.watching() as first:
        import emel_a_watched

        emel_a_watched.own()
    with watch.watching() as second:
        emel_a_watched.other()
    names = [{name.partition(":")[2] for name in each} for each in (watch.shared, first, second)]
    assert names == [{"<module>", "made", "once"}, {"own"}, {"other"}]


@pytest.mark.behaviour("GATE-105")
def test_cases_of_one_shard_are_watched_one_by_one(seen):
    assert set(seen) == {case.name for case in cases_of("io_staged")}
    everywhere = set.intersection(*map(set, seen.values()))
    assert any(name.endswith("strategy.py:<module>") for name in everywhere)
    assert len({frozenset(names) for names in seen.values()}) > 1


class Frame:
    """A frame, of a function of some file."""

    def __init__(self, path, name):
        named = {"co_name": name, "co_qualname": name}
        self.f_code = SimpleNamespace(co_filename=str(path), co_firstlineno=1, **named)


@pytest.mark.behaviour("GATE-105")
def test_what_runs_inside_an_import_counts_for_all_until_that_ends(tmp_path):
    watch = Watch(tmp_path)
    path = tmp_path / "packages/a/src/emel_a/b.py"
    body, outside, inside, after = (
        *(Frame(path, "<module>"), Frame(tmp_path / "c.py", "foreign")),
        *(Frame(path, "inside"), Frame(path, "after")),
    )
    with watch.watching() as called:
        for frame, event in (
            *((outside, "call"), (body, "call"), (inside, "call"), (inside, "return")),
            *((body, "return"), (after, "c_call"), (after, "call"), (after, "return")),
        ):
            watch._note(frame, event, None)
    named = [{name.partition(":")[2] for name in names} for names in (watch.shared, called)]
    assert named == [{"<module>", "inside"}, {"after"}]
