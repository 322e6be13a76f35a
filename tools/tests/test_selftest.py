"""Regressions are planted as they are written, fit the tree, and are missed aloud."""

import shutil
import subprocess
from pathlib import Path

import pytest

from emel_tools.gates.selftest import LANE
from emel_tools.running import Job
from emel_tools.running.registry import NAMES
from emel_tools.selftest import plants, trial

ROOT = Path(__file__).resolve().parents[2]
PLANTS = plants.read_plants(ROOT)
TEXT = """\
shard: costs/disk
says: open
file: packages/disk/code.py
--- old
    opened = 1
--- new
    opened = 2
--- end
file: new.py
--- new
more = 1
--- end
delete: gone.py
"""


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def tree(tmp_path):
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    write(tmp_path, "packages/disk/code.py", "def f():\n    opened = 1\n")
    write(tmp_path, "gone.py", "")
    write(tmp_path, "tools/regressions/costs/one-more-open.txt", TEXT)
    return tmp_path


@pytest.mark.behaviour("GATE-102")
def test_a_regression_edits_adds_and_removes(tree):
    (plant,) = plants.read_plants(tree)
    assert (plant.name, plant.lane, plant.shard) == ("costs/one-more-open", "costs", "costs/disk")
    for edit in plant.edits:
        edit.apply(tree)
    assert (tree / "packages/disk/code.py").read_text() == "def f():\n    opened = 2\n"
    assert (tree / "new.py").read_text() == "more = 1\n"
    assert not (tree / "gone.py").exists()


@pytest.mark.behaviour("GATE-102")
@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("shard: costs/disk\n", ""),
        ("says: open\n", ""),
        ("shard: costs/", "shard: bench/"),
        (TEXT.partition("file:")[1] + TEXT.partition("file:")[2], ""),
    ],
)
def test_a_regression_that_is_written_wrongly_is_refused(tree, was, now):
    assert was in TEXT
    write(tree, "tools/regressions/costs/one-more-open.txt", TEXT.replace(was, now))
    with pytest.raises(plants.UnfitError, match="costs/one-more-open"):
        plants.read_plants(tree)


@pytest.mark.behaviour("GATE-102")
@pytest.mark.parametrize("code", ["", "    opened = 1\n    opened = 1\n"])
def test_a_regression_that_does_not_fit_just_once_is_refused(tree, code):
    write(tree, "packages/disk/code.py", code)
    (plant,) = plants.read_plants(tree)
    with pytest.raises(plants.UnfitError, match=r"packages/disk/code\.py.*times"):
        plant.edits[0].apply(tree)


@pytest.mark.behaviour("GATE-102")
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_every_regression_fits_the_tree(tmp_path, plant):
    for edit in plant.edits:
        if (ROOT / edit.path).exists():
            (tmp_path / edit.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / edit.path, tmp_path / edit.path)
        edit.apply(tmp_path)
        assert edit.new is None or (tmp_path / edit.path).read_text("utf-8")


@pytest.mark.behaviour("GATE-102")
def test_every_lane_has_a_regression():
    # timing is judged from the times of a whole run, and the self-test by what follows here.
    assert {plant.lane for plant in PLANTS} == {*NAMES} - {"timing", "selftest"}


@pytest.fixture
def copied(tree, tmp_path_factory):
    return trial.copy(tree, tmp_path_factory.mktemp("copied"))


def red(answers):
    return lambda _copied, keys: {key: answers[key] for key in keys if key in answers}


@pytest.mark.behaviour("GATE-103")
@pytest.mark.parametrize(
    ("answers", "rules"),
    [
        ({"costs/disk": "1 open more"}, []),
        ({}, ["missed"]),
        ({"costs/disk": "something else"}, ["unclear"]),
        ({"lint/disk": "1 open more"}, ["missed"]),
        ({"costs/disk": "1 open more", "lint/disk": "unformatted"}, ["elsewhere"]),
    ],
)
def test_a_regression_has_to_turn_its_own_shard_red_which_says_why(
    tree, copied, monkeypatch, answers, rules
):
    monkeypatch.setattr(trial, "_red", red(answers))
    (plant,) = plants.read_plants(tree)
    assert [finding.rule for finding in trial.try_out(copied, plant)] == rules
    assert (copied / "packages/disk/code.py").read_text() == "def f():\n    opened = 1\n"
    assert (copied / "gone.py").exists()
    assert not (copied / "new.py").exists()


@pytest.mark.behaviour("GATE-103")
def test_only_what_is_planted_for_lint_may_turn_lint_red(tree):
    (plant,) = plants.read_plants(tree)
    beside = (*plant.edits, plants.Edit("packages/card/a.py", "", ""))
    assert plant._replace(edits=beside).bystanders == ("lint/card", "lint/disk")
    assert plant._replace(shard="lint/disk").bystanders == ()


@pytest.mark.behaviour("GATE-103")
def test_a_regression_that_does_not_fit_is_a_finding_and_leaves_the_copy_as_it_was(
    tree, copied, monkeypatch
):
    monkeypatch.setattr(trial, "_red", red({"costs/disk": "1 open more"}))
    (plant,) = plants.read_plants(tree)
    late = plant._replace(edits=(*plant.edits, plants.Edit("nowhere.py", "x", "y")))
    assert [finding.rule for finding in trial.try_out(copied, late)] == ["unfit"]
    assert not (copied / "new.py").exists()


@pytest.mark.behaviour("GATE-103")
def test_what_lint_finds_without_a_regression_is_not_held_against_one():
    waits = {
        shard.name: [each.partition("/")[0] for each in shard.after] for shard in LANE.shards(ROOT)
    }
    for lane, lanes in waits.items():
        assert {*lanes} == ({"lint"} if lane != "lint" else set()), lane
    bystanders = {each for plant in PLANTS for each in plant.bystanders}
    assert bystanders <= {each for shard in LANE.shards(ROOT) for each in shard.after}


@pytest.mark.behaviour("GATE-103")
def test_a_shard_that_is_red_without_a_regression_is_found(copied, monkeypatch):
    monkeypatch.setattr(trial, "_red", red({"costs/disk": "1 open more"}))
    found = trial.green(copied, ["costs/disk", "lint/disk"])
    assert [finding.file for finding in found] == ["costs/disk"]


@pytest.mark.behaviour("GATE-103")
@pytest.mark.parametrize(("beside", "tried"), [((), ["costs/disk"]), (("costs/disk",), [])])
def test_without_a_regression_only_what_the_run_leaves_out_is_tried(
    tree, monkeypatch, beside, tried
):
    asked = []
    monkeypatch.setattr(trial, "_red", lambda _copied, keys: asked.append([*keys]) or {})
    job = Job(tree, ("costs",), full=True, base="", seed=1, beside=beside)
    (found,) = LANE.run(job)
    assert asked == [*([tried] if tried else []), ["costs/disk", "lint/disk"]]
    assert [finding.rule for finding in found.findings] == ["missed"]
