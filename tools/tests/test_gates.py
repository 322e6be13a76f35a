"""The gate of gates: every lane runs, failures come first, and one red lane makes it red."""

from pathlib import Path

import pytest

from emel_tools import gates

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.behaviour("GATE-04")
def test_every_lane_runs_though_an_earlier_one_is_red():
    seen = []
    todo = [gates.Lane(name, ("-s", name)) for name in ("a", "b", "c")]
    results = gates.run_all(todo, lambda lane: seen.append(lane.name) or lane.name == "b")
    assert seen == ["a", "b", "c"]
    assert [bool(result.exit_code) for result in results] == [False, True, False]


@pytest.mark.behaviour("GATE-04")
def test_the_summary_names_failures_first_with_the_command_that_runs_them_again():
    results = [
        gates.Result(gates.Lane("lint", ("-s", "lint")), 0, 1.0),
        gates.Result(gates.Lane("tests disk", ("-s", "tests", "--", "disk")), 1, 2.0),
        gates.Result(gates.Lane("demo", ("-s", "demo")), -9, 3.0),
    ]
    assert gates.summary(results).splitlines() == [
        "FAIL  tests disk     2.0 s  nox -s tests -- disk",
        "FAIL  demo           3.0 s  nox -s demo",
        "ok    lint           1.0 s  nox -s lint",
        "quality_gates: 2 of 3 lanes red, 6 s",
    ]


@pytest.mark.behaviour("GATE-04")
@pytest.mark.parametrize(("exit_code", "expected"), [(0, 0), (1, 1), (-11, 1)])
def test_one_red_lane_makes_the_gate_red(monkeypatch, capsys, exit_code, expected):
    """The lanes are started as processes of a Python that answers with `exit_code` once."""
    codes = iter([exit_code])

    class Process:
        def __init__(self, *_words, **_options):
            self.returncode = next(codes, 0)

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(gates.subprocess, "run", Process)
    assert gates.main(["python"]) == expected
    assert ("lanes green" in capsys.readouterr().out) is (expected == 0)


@pytest.mark.behaviour("GATE-05")
def test_the_lanes_are_every_session_that_checks_and_one_shard_a_package():
    names = [lane.name for lane in gates.lanes(ROOT, full=False)]
    shards = [path.name for path in sorted((ROOT / "packages").iterdir()) if path.is_dir()]
    assert names == [
        *("lint", "types", "boundaries", "behaviours", "docs"),
        *(f"tests {shard}" for shard in (*shards, "tools")),
        *("witness", "isolation", "demo"),
    ]
    assert [lane.name for lane in gates.lanes(ROOT, full=True)] == [*names, "real_models"]


@pytest.mark.behaviour("GATE-05")
def test_every_lane_is_a_session_of_the_noxfile():
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for lane in gates.lanes(ROOT, full=True):
        assert f"@nox.session\ndef {lane.words[1]}(" in text
