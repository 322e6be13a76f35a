"""The verdict over all shards: what is not allowed, not proved, not recorded, not known."""

import pytest

from emel_tools.boundaries.owners import owns
from emel_tools.boundaries.powers import NAMES
from emel_tools.boundaries.witness import __main__ as command
from emel_tools.boundaries.witness import shards, verdict
from emel_tools.boundaries.witness.events import Use
from emel_tools.boundaries.witness.table import read_table

CONTRACT = """
[importlinter:contract:capability-{0}]
name = {0}
type = capability
capability = {0}
owners =
    {1}
"""
OWNERS = {"files": "emel_disk._platform\n    tests:*", "mapping": "emel_disk._platform"}
STALE = "its tests weren't witnessed since it changed, all of them and green"
UNPROVED = "and no test was seen to use it there"
OPEN = Use("emel_disk._platform", "packages/disk/src/emel_disk/_platform.py", 2, "files", "open")
LOOK = OPEN._replace(line=3, operation="os.stat")
MAP = OPEN._replace(line=4, capability="mapping", operation="mmap.__new__")
TEST = Use("tests:emel_disk.test_a", "packages/disk/tests/test_a.py", 1, "files", "open")
FACT, EVERY = "files emel_disk._platform", "on every Python"
USES = {OPEN: "test_a", MAP: "test_a", TEST: "test_a"}


@pytest.fixture
def repo(tmp_path, monkeypatch):
    contracts = (CONTRACT.format(name, OWNERS.get(name, "")) for name in NAMES)
    (tmp_path / ".importlinter").write_text("[importlinter]\n" + "".join(contracts))
    for folder in ("packages/disk/src/emel_disk", "tools/tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "packages/disk/src/emel_disk/__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    shards.write(tmp_path, "disk", USES)
    shards.write(tmp_path, "tools", {})
    return tmp_path


@pytest.fixture
def judge(repo, capsys):
    def run(*arguments):
        code = command.main(arguments)
        heard = capsys.readouterr()
        lines = [line for line in heard.err.splitlines() if line.startswith("FAIL ")]
        assert code == bool(lines)
        notes = [line for line in heard.out.splitlines() if line.startswith("note: ")]
        return sorted(line.removeprefix("FAIL ") for line in (*lines, *notes))

    return run


@pytest.mark.behaviour("BND-26", "BND-27")
def test_what_was_witnessed_and_recorded_is_green(repo, judge):
    assert judge("--update") == []
    assert judge() == []
    assert (repo / verdict.SNAPSHOT).read_text().splitlines() == [
        "files emel_disk._platform open  on every Python",
        "mapping emel_disk._platform mmap.__new__  on every Python",
    ]


@pytest.mark.behaviour("BND-24", "BND-26")
def test_a_use_that_is_not_in_the_table_is_found_by_the_verdict_too(repo, judge):
    judge("--update")
    shards.write(repo, "tools", {TEST._replace(capability="pickle"): "test_b"})
    (told,) = judge()
    assert told.startswith(
        "packages/disk/tests/test_a.py:1: tests:emel_disk.test_a uses pickle (open)"
    )


@pytest.mark.behaviour("BND-26")
def test_an_owner_that_no_test_exercised_is_found_and_named_if_it_is_a_test_or_a_tool(repo, judge):
    shards.write(repo, "disk", {OPEN: "test_a"})
    assert judge("--update") == [
        f".importlinter: capability-mapping: emel_disk._platform owns mapping, {UNPROVED}",
        f"note: tests:* owns files, {UNPROVED}",
    ]


@pytest.mark.behaviour("BND-26")
def test_a_capability_without_a_contract_is_found_and_nobodys(repo, judge):
    judge("--update")
    text = (repo / ".importlinter").read_text()
    (repo / ".importlinter").write_text(text.replace(CONTRACT.format("threads", ""), ""))
    assert judge() == [".importlinter: no contract says who owns threads"]
    assert not read_table(repo)["threads"].allows("emel_disk")


@pytest.mark.behaviour("BND-26")
def test_a_shard_that_has_changed_since_is_found_and_owners_are_not_judged(repo, judge):
    judge("--update")
    (repo / "packages/disk/src/emel_disk/__init__.py").write_text("changed = True\n")
    assert judge() == [f"disk: {STALE}"]


@pytest.mark.behaviour("BND-26")
def test_a_change_makes_stale_whatever_runs_it_and_nothing_else(repo, judge):
    judge("--update")
    (repo / "tools/tests/test_disk.py").write_text("import emel_disk\n")
    shards.write(repo, "tools", {})
    assert judge() == []
    (repo / "packages/disk/src/emel_disk/__init__.py").write_text("changed = True\n")
    assert judge() == [f"disk: {STALE}", f"tools: {STALE}"]


@pytest.mark.behaviour("BND-25", "BND-26")
def test_a_shard_that_ran_in_parts_is_known_once_all_have_run(repo, judge):
    judge("--update")
    (repo / "tools/tests/test_new.py").write_text("")
    for part in (1, 2, 3, 4):
        shards.write(repo, "tools", {TEST: "test_a"}, f"-{part}-of-5")
        assert judge() == [f"tools: {STALE}"]
    shards.write(repo, "tools", {TEST._replace(line=2): "test_b"}, "-5-of-5")
    assert judge() == []
    assert {use.line for use in shards.read_all(repo)[1].uses} == {1, 2}


@pytest.mark.behaviour("BND-26")
@pytest.mark.parametrize("part", [slice(0), slice(9)])
def test_what_was_written_down_in_part_is_not_written_down(repo, judge, part):
    judge("--update")
    for path in (repo / ".nox" / "witness").glob("disk.json"):
        path.write_bytes(path.read_bytes()[part])
    (repo / ".nox" / "witness" / "some").mkdir()
    (repo / ".nox" / "witness" / "some" / "disk.json").write_bytes(b"{"[part])
    assert judge() == [f"disk: {STALE}"]


@pytest.mark.behaviour("BND-25")
def test_a_shard_is_written_down_in_one_stroke(repo):
    path = repo / ".nox" / "witness" / "disk.json"
    with path.open("rb") as before:
        shards.write(repo, "disk", {OPEN: "test_b"})
        assert b"test_a" in before.read()
    assert b"test_b" in path.read_bytes()
    assert {each.name for each in path.parent.iterdir()} == {"disk.json", "tools.json"}


@pytest.mark.behaviour("BND-26")
def test_a_test_that_changed_makes_only_its_own_shard_stale(repo, judge):
    judge("--update")
    (repo / "tools/tests/test_new.py").write_text("")
    assert [line.split(":")[0] for line in judge()] == ["tools"]


@pytest.mark.behaviour("BND-27")
def test_a_difference_from_the_snapshot_is_found_in_either_direction(repo, judge):
    judge("--update")
    shards.write(repo, "disk", {OPEN._replace(operation="os.listdir"): "a", MAP: "a", TEST: "a"})
    assert judge() == [
        (
            f"snapshots/boundaries/witness.txt: [new] {FACT} os.listdir:"
            f" nothing recorded, {EVERY} now: not recorded yet"
        ),
        (
            f"snapshots/boundaries/witness.txt:1: [gone] {FACT} open:"
            f" {EVERY} recorded, nothing now: recorded, and no longer there"
        ),
    ]


@pytest.mark.behaviour("BND-22", "BND-27")
def test_what_this_python_cannot_show_is_neither_missed_nor_forgotten(repo, judge, monkeypatch):
    monkeypatch.setattr(shards.calls, "SEEN", True)
    shards.write(repo, "disk", {LOOK: "test_a", **USES})
    shards.write(repo, "tools", {})
    assert judge("--update") == []
    monkeypatch.setattr(shards.calls, "SEEN", False)
    shards.write(repo, "disk", {MAP: "test_a", TEST: "test_a"})
    assert judge() == [
        (
            f"snapshots/boundaries/witness.txt:1: [gone] {FACT} open:"
            f" {EVERY} recorded, nothing now: recorded, and no longer there"
        )
    ]
    assert judge("--update") == []
    assert f"{FACT} os.stat  from 3.12" in (repo / verdict.SNAPSHOT).read_text()


@pytest.mark.behaviour("BND-24")
@pytest.mark.parametrize(
    ("owner", "module", "expected"),
    [
        ("emel_disk", "emel_disk", True),
        ("emel_disk", "emel_disk._platform", False),
        ("emel_disk.*", "emel_disk._platform", True),
        ("emel_disk.*", "emel_disk", True),
        ("emel_disk.*", "emel_disks", False),
        ("emel_disk._platform", "emel_disk_platform", False),
        ("tests:emel_disk", "tests:emel_disk", True),
        ("tests:emel_disk", "tests:emel_disk.test_a", True),
        ("tests:emel_disk.test_a", "tests:emel_disk.test_b", False),
        ("tests:emel_disk", "tests:emel_disks.test_a", False),
        ("tests:*", "tests:emel_tape.test_a", True),
        ("tests:*", "emel_tape", False),
    ],
)
def test_an_owner_means_a_module_or_the_tests_of_a_package(owner, module, expected):
    assert owns(owner, module) is expected


@pytest.mark.behaviour("BND-24", "GATE-112")
def test_what_some_tests_were_seen_to_do_is_judged_while_it_is_of_what_is_here(repo, judge):
    judge("--update")
    shards.write(repo, "disk", {TEST._replace(capability="pickle"): "test_b"}, whole=False)
    (told,) = judge()
    assert "uses pickle (open)" in told
    (repo / "packages/disk/src/emel_disk/__init__.py").write_text("changed = True\n")
    assert not any("pickle" in each for each in judge())
