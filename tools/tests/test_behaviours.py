"""The catalogue check, over catalogues and tests written here."""

import json
import os
from pathlib import Path

import pytest

from emel_tools.behaviours import check, proofs, read_catalogues, read_marks
from emel_tools.gates import tests as tests_lane
from emel_tools.gates.behaviours import LANE, NAMED
from emel_tools.running import Job
from emel_tools.running import record as runs
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.running.worker import judged as worked
from emel_tools.snapshots import lines
from emel_tools.workspace import shards

ROOT = Path(__file__).resolve().parents[2]

TESTED = 'import pytest\n\n\n@pytest.mark.behaviour("AB-01")\ndef test_it(): ...\n'


@pytest.fixture
def repo(tmp_path):
    for folder in ("packages/disk", "packages/emel", "tools"):
        (tmp_path / folder / "tests").mkdir(parents=True)
    write(tmp_path, "packages/disk/behaviours.toml", '[AB-01]\npromise = "It spins."\n')
    write(tmp_path, "packages/disk/tests/test_disk.py", TESTED)
    for name in ("packages/emel/behaviours.toml", "tools/behaviours.toml"):
        write(tmp_path, name, "")
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def heard(root):
    findings, _ = check(root)
    assert all(finding.fix for finding in findings)
    return [(finding.where, finding.what) for finding in findings]


@pytest.mark.behaviour("GATE-01", "GATE-02", "GATE-03")
def test_promises_that_are_all_tested_are_green(repo):
    assert heard(repo) == []
    assert check(repo)[1] == "1 promises, 1 marks"


@pytest.mark.behaviour("GATE-01")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("packages/disk/tests/test_disk.py", "def test_it(): ..."),
        ("packages/disk/tests/test_disk.py", TESTED.replace("test_it", "helper")),
        ("packages/disk/tests/test_disk.py", "# " + TESTED.replace("\n", "\n# ")),
        (
            "packages/disk/tests/test_disk.py",
            'import pytest\npytestmark = pytest.mark.behaviour("AB-01")\n',
        ),
    ],
)
def test_a_promise_without_a_test_is_found(repo, name, text):
    write(repo, name, text)
    assert heard(repo) == [("packages/disk/behaviours.toml:1", "no test of the gate names AB-01")]


@pytest.mark.behaviour("GATE-01")
@pytest.mark.parametrize("place", ["conftest.py", "builders.py", "real/test_disk.py"])
def test_a_file_that_the_gate_does_not_run_proves_nothing(repo, place):
    (repo / "packages/disk/tests/test_disk.py").unlink()
    write(repo, f"packages/disk/tests/{place}", TESTED)
    assert heard(repo) == [("packages/disk/behaviours.toml:1", "no test of the gate names AB-01")]


@pytest.mark.behaviour("GATE-76")
def test_a_package_was_changed_when_one_of_its_files_was(repo):
    (disk, _, _) = shards(repo)
    os.utime(repo / "packages/disk/tests/test_disk.py", (1, 5.0))
    (repo / "packages/disk/tests/.#test_disk.py").symlink_to("somebody@host.1:2")
    assert proofs.changed(disk) == 5.0
    write(repo, "packages/disk/src/emel_disk/__init__.py", "")
    assert proofs.changed(disk) > 5.0


@pytest.mark.behaviour("GATE-01")
def test_a_package_without_a_catalogue_is_found(repo):
    (repo / "packages/emel/behaviours.toml").rename(repo / "packages/emel/README.md")
    assert heard(repo) == [("packages/emel/behaviours.toml", "the package promises nothing")]


@pytest.mark.behaviour("GATE-02")
def test_a_test_that_names_an_unknown_id_is_found_once_an_id(repo):
    marks = '@pytest.mark.behaviour("AB-01", "AB-99")\ndef test_{}(): ...\n'
    text = f"import pytest\n\n\n{marks.format('a')}\n\n{marks.format('b')}"
    write(repo, "packages/disk/tests/test_disk.py", text)
    what = "AB-99 is no id of any behaviours.toml (2 times)"
    assert heard(repo) == [("packages/disk/tests/test_disk.py:4", what)]


@pytest.mark.behaviour("GATE-02")
def test_an_id_that_is_computed_is_found(repo):
    text = TESTED.replace('"AB-01"', '"AB-01", PREFIX + "01"')
    write(repo, "packages/disk/tests/test_disk.py", text)
    what = "PREFIX + '01' is no id of any behaviours.toml"
    assert heard(repo) == [("packages/disk/tests/test_disk.py:4", what)]


@pytest.mark.behaviour("GATE-02")
@pytest.mark.parametrize(("more", "said"), [('id="AB-99"', "id='AB-99'"), ("", "mark.behaviour()")])
def test_a_mark_that_names_its_id_where_nobody_reads_it_or_none_is_found(repo, more, said):
    text = TESTED.replace("def ", f"@pytest.mark.behaviour({more})\ndef ", 1)
    write(repo, "packages/disk/tests/test_disk.py", text)
    ((_, what),) = heard(repo)
    assert what.endswith(f"{said} is no id of any behaviours.toml")


@pytest.mark.behaviour("GATE-03")
def test_an_id_in_two_catalogues_is_found(repo):
    write(repo, "packages/emel/behaviours.toml", '[AB-01]\npromise = "It spins too."\n')
    what = "AB-01 is promised in packages/disk/behaviours.toml:1 too"
    assert ("packages/emel/behaviours.toml:1", what) in heard(repo)


@pytest.mark.behaviour("GATE-03")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[AB-01]\npromise = "x"\n[AB-01]\npromise = "y"\n', "it is no TOML"),
        ("[AB-01]\n", "[AB-01] promises nothing"),
        ('[AB-01]\npromise = " "\n', "[AB-01] promises nothing"),
        ("AB-01 = 3\n", "[AB-01] promises nothing"),
        ('[AB-01]\npromise = "x"\n[spins]\npromise = "y"\n', "[spins] is no id"),
    ],
)
def test_a_misformed_catalogue_is_found(repo, text, what):
    write(repo, "packages/disk/behaviours.toml", text)
    assert any(said.startswith(what) for _, said in heard(repo))


@pytest.mark.behaviour("GATE-03")
def test_a_catalogue_that_is_no_utf_8_is_found(repo):
    (repo / "packages/disk/behaviours.toml").write_bytes(b"# \xe9\n")
    ((where, what), *_) = heard(repo)
    assert where == "packages/disk/behaviours.toml"
    assert what.startswith("it is no TOML: 'utf-8' codec can't decode byte 0xe9")


@pytest.mark.behaviour("GATE-01")
@pytest.mark.parametrize(
    "text",
    [
        'pytestmark = [m.slow, m.behaviour("AB-01")]\ndef test_it(): ...',
        '@m.behaviour("AB-01")\nclass TestIt:\n    def test_it(self): ...',
        'class TestIt:\n    pytestmark = m.behaviour("AB-01")\n    def test_it(self): ...',
        'class TestIt:\n    @m.behaviour("AB-01")\n    async def test_it(self): ...',
        '@m.behaviour("AB-01")\nclass TestIt(Contract): ...',
        'pytestmark = m.behaviour("AB-01")\nTestIt = Machine.TestCase',
        'TestIt = Machine.TestCase\nTestIt.pytestmark = [m.behaviour("AB-01")]',
        '@m.parametrize("x", [p.param(1, marks=m.behaviour("AB-01"))])\ndef test_it(x): ...',
        'pytestmark = m.behaviour("AB-01")\nclass TestIt:\n    def test_it(self): ...',
        'if sys:\n    pass\nelse:\n    @m.behaviour("AB-01")\n    def test_it(): ...',
        'try:\n    pass\nexcept E:\n    @m.behaviour("AB-01")\n    def test_it(): ...',
        'with it:\n    pytestmark = m.behaviour("AB-01")\ndef test_it(): ...',
        'pytestmark = m.behaviour("AB-01")\nmatch sys:\n    case 1:\n        def test_it(): ...',
        'class TestIt:\n  for _ in it:\n    @m.behaviour("AB-01")\n    def test_it(): ...',
        'pytestmark: Marks\npytestmark = m.behaviour("AB-01")\ndef test_it(): ...',
    ],
)
def test_every_way_to_mark_a_test_is_read(repo, text):
    write(repo, "packages/disk/tests/test_disk.py", text)
    assert [(mark.id, mark.proves) for mark in read_marks(repo)] == [("AB-01", True)]


@pytest.mark.behaviour("GATE-01")
def test_a_file_that_is_no_utf_8_hides_no_mark(repo):
    path = repo / "packages/disk/tests/test_disk.py"
    path.write_bytes(b"# coding: latin-1, \xe9\n" + TESTED.encode())
    assert [(mark.id, mark.proves) for mark in read_marks(repo)] == [("AB-01", True)]


@pytest.mark.behaviour("GATE-02")
@pytest.mark.parametrize(
    ("line", "text"),
    [
        (1, 'proves = m.behaviour\n@proves("AB-99")\ndef test_it(): ...'),
        (1, 'proved = m.behaviour("AB-99")\n@proved\ndef test_it(): ...'),
        (1, 'marks = [m.behaviour("AB-99")]\npytestmark = marks'),
        (1, 'IT = p.param(1, marks=m.behaviour("AB-99"))'),
        (2, 'pytestmark = []\npytestmark += [m.behaviour("AB-99")]'),
        (1, '@m.behaviour.with_args("AB-99")\ndef test_it(): ...'),
        (
            2,
            'def proves(name):\n    return m.behaviour(name)\n@proves("AB-99")\ndef test_it(): ...',
        ),
        (2, 'def test_it():\n    @m.behaviour("AB-99")\n    def inside(): ...'),
    ],
)
@pytest.mark.parametrize("name", ["test_hiding.py", "conftest.py"])
def test_a_mark_that_hides_its_ids_is_found(repo, name, line, text):
    write(repo, f"packages/disk/tests/{name}", text)
    said = [(where, what) for where, what in heard(repo) if what.startswith("`m.behaviour`")]
    assert said == [(f"packages/disk/tests/{name}:{line}", "`m.behaviour` is read by nobody here")]


@pytest.mark.behaviour("GATE-01")
def test_a_promise_that_only_another_package_proves_is_found(repo):
    (repo / "packages/disk/tests/test_disk.py").unlink()
    write(repo, "packages/emel/tests/test_disk.py", TESTED)
    what = "no test of the package itself names AB-01"
    assert heard(repo) == [("packages/disk/behaviours.toml:1", what)]


@pytest.mark.behaviour("GATE-76")
@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ('@m.behaviour("AB-01")\ndef test_it(): ...', "::test_it"),
        (
            'class TestIt:\n    @m.behaviour("AB-01")\n    def test_it(self): ...',
            "::TestIt::test_it",
        ),
        ('@m.behaviour("AB-01")\nclass TestIt(Contract): ...', "::TestIt"),
        ('pytestmark = m.behaviour("AB-01")\nTestIt = Machine.TestCase', ""),
        ('TestIt = Machine.TestCase\nTestIt.pytestmark = [m.behaviour("AB-01")]', "::TestIt"),
    ],
)
def test_a_mark_knows_which_tests_it_marks(repo, text, scope):
    write(repo, "packages/disk/tests/test_disk.py", text)
    (mark,) = read_marks(repo)
    assert mark.scope == f"packages/disk/tests/test_disk.py{scope}"
    assert mark.package == "disk"


TEST = "packages/disk/tests/test_disk.py::test_it"


def record(repo, cases=(TEST,), ended=None, troubles=(), kept=()):
    """Write down what the lane of the tests writes of a run."""
    document = {
        "seed": 1,
        "cases": [{"node_id": case, "function": case} for case in cases],
        "ended": list(cases if ended is None else ended),
        "troubles": [{"kind": kind, "node_id": case, "what": ""} for kind, case in troubles],
        "kept": list(kept),
    }
    write(repo, "gate/disk.json", json.dumps(document))


def judged(repo, since=0.0):
    promises, _ = read_catalogues(repo)
    known = proofs.ran(repo / "gate", ["disk"], since)
    found = proofs.judge(promises, read_marks(repo), known)
    return [(finding.where, finding.rule) for finding in found], known


@pytest.mark.behaviour("GATE-76")
def test_a_promise_whose_test_passed_is_proved(repo):
    record(repo)
    found, known = judged(repo)
    assert found == []
    promises, _ = read_catalogues(repo)
    assert proofs.matrix(promises, read_marks(repo), known) == {
        "promises": [
            {
                "id": "AB-01",
                "promise": "It spins.",
                "package": "disk",
                "tests": [{"nodeid": TEST, "outcome": "passed"}],
            }
        ]
    }


@pytest.mark.behaviour("GATE-76", "GATE-112")
def test_a_test_that_is_left_out_because_nothing_it_calls_has_changed_proves_what_it_proved(repo):
    record(repo, ended=[], kept=[TEST])
    assert judged(repo)[0] == []


@pytest.mark.behaviour("GATE-76")
@pytest.mark.parametrize("kind", ["failed", "error", "swallowed"])
def test_a_promise_whose_test_failed_is_broken_whatever_else_passed(repo, kind):
    record(repo, [f"{TEST}[1]", f"{TEST}[2]"], troubles=[(kind, f"{TEST}[2]")])
    assert judged(repo)[0] == [("packages/disk/tests/test_disk.py", "broken")]


@pytest.mark.behaviour("GATE-76")
@pytest.mark.parametrize("kind", ["skipped", "xfailed"])
def test_a_promise_whose_tests_were_all_left_out_is_unproved(repo, kind):
    record(repo, troubles=[(kind, TEST)])
    assert judged(repo)[0] == [("packages/disk/behaviours.toml:1", "unproved")]


@pytest.mark.behaviour("GATE-76")
def test_a_promise_whose_test_was_not_reached_or_collected_is_unproved(repo):
    for cases, ended in (((TEST,), ()), (("packages/disk/tests/test_disk.py::test_other",), None)):
        record(repo, cases, ended)
        assert judged(repo)[0] == [("packages/disk/behaviours.toml:1", "unproved")]


@pytest.mark.behaviour("GATE-76")
def test_what_did_not_run_since_something_changed_is_not_judged(repo):
    assert judged(repo)[0] == []
    record(repo, troubles=[("failed", TEST)])
    found, known = judged(repo, since=9e9)
    assert (found, known.unknown) == ([], ("disk",))


@pytest.mark.behaviour("GATE-76")
@pytest.mark.parametrize(
    ("lane", "beside", "counted", "told"),
    [
        ("tests", ("tests/disk",), {"test_disk.py::test_it": "1"}, ["unproved"]),
        ("tests", ("tests/disk",), None, []),  # it didn't come to its end
        ("tests", (), {"test_disk.py::test_it": "1"}, []),  # it did, in another run
        ("costs", ("tests/disk",), {"a": "1"}, []),
    ],
)
def test_what_ran_just_now_is_judged_though_a_file_is_dated_ahead(
    repo, lane, beside, counted, told
):
    record(repo, troubles=[("skipped", TEST)])
    (repo / ".nox/gate/tests").mkdir(parents=True)
    (repo / "gate/disk.json").rename(repo / ".nox/gate/tests/disk.json")
    os.utime(repo / "packages/disk/tests/test_disk.py", (9e9, 9e9))
    result = Result(lane, "disk", "failed", "it changed", measured=counted)
    runs.write(repo / runs.CURRENT, Run((result,), seed=1, seconds=1.0))
    job = Job(repo, ("disk",), full=False, base="", seed=1, beside=beside)
    (found,) = LANE.run(job)
    assert [finding.rule for finding in found.findings] == told
    assert found.checked.endswith("" if told else " (disk didn't run)")


@pytest.mark.behaviour("GATE-76")
def test_the_promises_of_a_package_are_judged_behind_its_suites():
    tests = {shard.key: shard.reads for shard in tests_lane.LANE.shards(ROOT)}
    found = {shard.name: shard for shard in LANE.shards(ROOT)}
    assert found.keys() == {NAMED, *(package.name for package in shards(ROOT))}
    for package in shards(ROOT):
        shard = found[package.name]
        assert shard.behind
        assert {*shard.behind} <= tests.keys()
        assert {tests[key]._replace(calls=()) for key in shard.behind} == {shard.reads}
    judged_behind = {key for shard in found.values() for key in shard.behind}
    assert tests.keys() - judged_behind == {"tests/written", "tests/collection"}


CATALOGUE = "packages/disk/behaviours.toml"
BOTH = '[AB-01]\npromise = "It spins."\n[AB-02]\npromise = "It stops."\n'
MORE = """import pytest

pytestmark = pytest.mark.behaviour("AB-02")


@pytest.mark.behaviour("AB-01", "AB-02")
def test_it(): ...


def test_that(): ...


class TestIt:
    @pytest.mark.parametrize("n", [1, 2])
    def test_it(self, n): ...

    class TestInside(Contract): ...


TestPool = Machine.TestCase
"""


def named(repo):
    """Say what the shard that runs nothing comes to, with what the snapshot says."""
    (outcome,) = LANE.run(Job(repo, (NAMED,), full=False, base="", seed=1))
    return worked(repo, LANE, outcome)


def recorded(repo):
    """Record what there is."""
    path = lines.path_of(repo, "behaviours", NAMED)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines.text_of(named(repo).measured), encoding="utf-8")


@pytest.mark.behaviour("GATE-129")
def test_a_promise_is_recorded_with_how_many_tests_name_it(repo):
    write(repo, CATALOGUE, BOTH)
    write(repo, "packages/disk/tests/test_disk.py", MORE)
    assert named(repo).measured == {"AB-01 disk": "1", "AB-02 disk": "5"}


@pytest.mark.behaviour("GATE-129")
@pytest.mark.parametrize("name", ["packages/emel/tests/test_more.py", "packages/disk/tests/it.py"])
def test_what_another_package_runs_or_nobody_is_none_of_a_promise(repo, name):
    write(repo, name, TESTED)
    assert named(repo).measured == {"AB-01 disk": "1"}


@pytest.mark.behaviour("GATE-129")
def test_a_promise_that_goes_with_its_marks_while_its_tests_stay_is_found(repo):
    write(repo, CATALOGUE, BOTH)
    write(repo, "packages/disk/tests/test_disk.py", TESTED.replace('"AB-01"', '"AB-01", "AB-02"'))
    recorded(repo)
    assert named(repo).findings == []
    write(repo, CATALOGUE, BOTH.partition("[AB-02]")[0])
    write(repo, "packages/disk/tests/test_disk.py", TESTED)
    (found,) = named(repo).findings
    assert (found.file, found.line) == ("snapshots/behaviours/named.txt", 2)
    what = "AB-02 disk: 1 recorded, nothing now: recorded, and no longer there"
    assert (found.what, found.fix) == (what, "nox -s accept -- behaviours named")


@pytest.mark.behaviour("GATE-129")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MORE.replace('"AB-01", ', ""), ["AB-01 disk: 1 recorded, 0 now: changed"]),
        (MORE.replace("def test_that", "def that"), ["AB-02 disk: 5 recorded, 4 now: changed"]),
        (f"{MORE}TestTwo = Machine.TestCase\n", ["AB-02 disk: 5 recorded, 6 now: changed"]),
        (MORE, []),
    ],
)
def test_fewer_and_more_tests_of_a_promise_are_found(repo, text, told):
    write(repo, CATALOGUE, BOTH)
    write(repo, "packages/disk/tests/test_disk.py", MORE)
    recorded(repo)
    write(repo, "packages/disk/tests/test_disk.py", text)
    assert [found.what for found in named(repo).findings if "recorded" in found.what] == told


@pytest.mark.behaviour("GATE-129")
def test_of_a_catalogue_that_cannot_be_read_no_promise_is_said_to_be_gone(repo):
    recorded(repo)
    write(repo, CATALOGUE, "AB-01 = \n")
    found = named(repo)
    assert found.measured is None
    assert {each.file for each in found.findings} == {
        CATALOGUE,
        "packages/disk/tests/test_disk.py",
    }
