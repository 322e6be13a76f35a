"""What the gate makes of this repository itself: these read its packages, and change with them."""

import ast
import re
import textwrap
from pathlib import Path

import pytest

from emel_tools.gates import api, docs
from emel_tools.pages import table
from emel_tools.ratchets import sources
from emel_tools.ratchets.settings import TYPES
from emel_tools.running import Job
from emel_tools.running.registry import lanes
from emel_tools.scope import affected
from emel_tools.scope.changes import Changes
from emel_tools.scope.depth import Depth
from emel_tools.scope.observed import Seen
from emel_tools.surface import public
from emel_tools.surface.broken import about, broken
from emel_tools.surface.facts import facts
from emel_tools.surface.modules import Modules
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.behaviour("GATE-67")
def test_the_command_of_the_face_is_read_from_its_parser():
    (face,) = (package for package in packages(ROOT) if package.module == "emel")
    modules = Modules(face)
    found = facts(face, public(face, modules), modules)
    assert found["$ emel load"] == "command FILE"
    assert found["$ emel load --strategy"] == "TEXT = auto"
    assert found["$ emel load --touch"] == "flag"


@pytest.mark.behaviour("GATE-67")
def test_every_fact_of_ours_can_be_read_back_and_every_signature_is_python():
    for package in packages(ROOT):
        for name in public(package):
            assert "  " not in f"{name.key}|{name.what}"
            if name.kind in ("function", "call"):
                for told in name.what.removeprefix("async ").split("; "):
                    ast.parse(textwrap.dedent(f"def f{told}: ..."))


@pytest.mark.behaviour("GATE-118")
@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import nonesuch", "ModuleNotFoundError: No module named 'nonesuch'"),
        ("import json; json.loads('{')", "JSONDecodeError: Expecting property name"),
    ],
    ids=["here", "further in"],
)
def test_an_import_that_fails_is_found_at_its_line_and_other_errors_are_raised(
    tmp_path, monkeypatch, code, what
):
    source = tmp_path / "packages/disk/src/emel_disk/__init__.py"
    source.parent.mkdir(parents=True)
    source.write_text(f"\n\n{code}\n")
    monkeypatch.syspath_prepend(source.parents[1])

    def load(*_):
        import emel_disk

        return emel_disk

    monkeypatch.setattr(docs, "_outcome", load)
    (outcome,) = docs.LANE.run(Job(tmp_path, ("examples",), full=False, base="", seed=0))
    (finding,) = outcome.findings
    assert finding.where == "packages/disk/src/emel_disk/__init__.py:3"
    assert what in finding.what
    with pytest.raises(KeyError):
        broken(tmp_path, KeyError("of the tools"))


@pytest.mark.behaviour("GATE-137")
def test_what_the_tools_raise_about_a_package_is_told_of_that(tmp_path, monkeypatch):
    source = tmp_path / "packages/drum/src/emel_drum"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text('"""A drum."""\n\nTABLES = 5\n')
    monkeypatch.syspath_prepend(source.parent)
    monkeypatch.setattr(docs, "_outcome", lambda root, _: table.generated(root, root))
    (outcome,) = docs.LANE.run(Job(tmp_path, ("generated",), full=False, base="", seed=0))
    (finding,) = outcome.findings
    assert finding.where == "packages/drum/src/emel_drum/__init__.py"
    what = r"nothing can be made of it: TypeError: 'int' object is not iterable \(in pages/table"
    assert re.match(rf"{what}\.py:\d+\)$", finding.what)


@pytest.mark.behaviour("GATE-137")
def test_what_is_raised_about_a_package_keeps_other_notes(tmp_path):
    (tmp_path / "packages/disk").mkdir(parents=True)
    (tmp_path / "packages/disk/README.md").touch()
    (disk,) = packages(tmp_path)
    other = KeyError("of the tools")
    other.add_note("while it rained")
    with pytest.raises(KeyError):
        broken(tmp_path, other)
    with pytest.raises(KeyError) as raised, about(tmp_path, disk):
        raise other
    assert broken(tmp_path, raised.value).file == "packages/disk/src/emel_disk/__init__.py"


@pytest.mark.behaviour("GATE-118")
def test_a_source_that_is_no_utf_8_is_found(tmp_path):
    source = tmp_path / "packages/disk/src/emel_disk"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text('"""A disk."""\n\n__all__ = []\n')
    (source / "_odd.py").write_bytes(b"# \xe9\n")
    tests = source.parents[1] / "tests"
    tests.mkdir()
    (tests / "test_odd.py").write_bytes(b"# \xe9\n")
    (outcome,) = api.LANE.run(Job(tmp_path, ("disk",), full=False, base="", seed=0))
    (finding,) = outcome.findings
    assert finding.where == "packages/disk/src/emel_disk/_odd.py"
    assert finding.what.startswith("it can't be read or imported: UnicodeDecodeError: 'utf-8'")


def judged():
    """Say of each shard of lint and types which files of this repository it judges."""
    for shard in sources.shards(ROOT):
        settings = sources.configurations(ROOT, shard, TYPES.files)
        files = {*sources.python_files(ROOT, shard), *settings}
        yield f"lint/{shard}", files
        yield f"types/{shard}", {each for each in files if not sources.is_test(ROOT, shard, each)}


@pytest.mark.behaviour("GATE-123")
def test_each_file_that_lint_and_types_judge_here_chooses_them(monkeypatch):
    monkeypatch.setattr(affected, "depth", lambda *_: Depth.LAYOUT)
    shards = {shard.key: shard for lane in lanes(ROOT) for shard in lane.shards(ROOT)}
    repository = affected.Repository(ROOT, {}, list(shards.values()))
    looked = 0
    for key, files in judged():
        for file in files:
            changed = Changes("", "", (file.relative_to(ROOT).as_posix(),), frozenset())
            chosen = repository.affects(shards[key], Seen(green=True), changed)
            assert chosen or repository.concerns_all(changed), (key, file)
            looked += 1
    assert looked > 2 * len(shards)
