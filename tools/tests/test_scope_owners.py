"""Whoever judges a file is chosen when it changes, wherever it lies."""

from pathlib import Path, PurePosixPath

import pytest

from emel_tools.ratchets import sources
from emel_tools.ratchets.settings import TYPES
from emel_tools.running.registry import lanes
from emel_tools.scope import affected, choice
from emel_tools.scope.changes import Changes
from emel_tools.scope.depth import Depth
from emel_tools.scope.observed import Seen

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "pyproject.toml": "",
    "docs/page.md": "",
    "tools/pyproject.toml": '[project]\nname = "emel-tools"\n',
    "tools/src/emel_tools/__init__.py": "",
    "packages/disk/pyproject.toml": '[project]\nname = "emel-disk"\n',
    "packages/disk/src/emel_disk/__init__.py": "",
    "packages/disk/tests/test_disk.py": "",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    # Whoever judges a file looks at it, comments included, and not only runs it.
    monkeypatch.setattr(affected, "depth", lambda *_: Depth.LAYOUT)
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return tmp_path


def write(root, path, text=""):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def files_of(root):
    """Say of each shard of lint and types which files it judges, besides what git is asked for."""
    for shard in sources.shards(root):
        files = sources.python_files(root, shard)
        others = sources.configurations(root, shard, TYPES.files)
        yield f"lint/{shard}", {*files, *others}
        yield (
            f"types/{shard}",
            {f for f in files if not sources.is_test(root, shard, f)} | {*others},
        )


def chosen(root, path):
    everything = [(lane, shard) for lane in lanes(root) for shard in lane.shards(root)]
    changed = Changes("base", "", (path,), frozenset())
    seen = {shard.key: Seen(green=True) for _, shard in everything}
    found = choice.affected(root, everything, changed, seen)
    return {each.shard.key for each in found if each.runs}


@pytest.mark.behaviour("GATE-123")
@pytest.mark.parametrize(
    ("path", "judges"),
    [
        ("scripts/release.py", "lint/root types/root"),
        ("scripts/build/deep/a.pyi", "lint/root types/root"),
        ("scripts/tests/test_a.py", "lint/root types/root tests/written"),
        ("scripts/notes.md", "lint/root"),
        ("scripts/settings.toml", "lint/root"),
        ("docs/gen.py", "lint/root types/root"),
        ("docs/deep/gen.pyi", "lint/root types/root"),
        ("docs/setup.cfg", "lint/root"),
        ("docs/pyrightconfig.json", "lint/root types/root"),
        ("setup.py", "lint/root types/root"),
        ("tox.ini", "lint/root"),
        ("packages/stray.py", "lint/root types/root"),
        ("packages/pyrightconfig.json", "lint/root types/root types/disk"),
        ("typings/numpy/__init__.pyi", "lint/root types/root types/disk types/tools"),
        ("tools/deploy.py", "lint/tools types/tools"),
        ("tools/parity/a.py", "lint/tools"),
        ("packages/disk/examples/a.py", "lint/disk types/disk"),
        ("packages/disk/.ci/a.pyi", "lint/disk types/disk"),
        ("packages/disk/examples/tests/test_a.py", "lint/disk types/disk tests/written"),
        ("packages/disk/tests/helping.py", "lint/disk tests/written"),
        ("packages/disk/tests/baseline.json", "lint/disk types/disk"),
        ("packages/disk/tox.ini", "lint/disk"),
    ],
)
def test_a_file_chooses_those_that_judge_it_in_whatever_folder_it_lies(tree, path, judges):
    write(tree, path)
    asked = {"docs/references", *judges.split()}
    if PurePosixPath(path).suffix in (".py", ".toml", ".cfg", ".ini"):
        asked |= {"boundaries/table", "boundaries/witness"}
    assert asked <= chosen(tree, path)
    assert {key for key, files in files_of(tree) if tree / path in files} <= asked


@pytest.mark.behaviour("GATE-123")
@pytest.mark.parametrize("path", ["docs/gen.py", "setup.py", "docs/page.md", "README.md"])
def test_a_file_of_which_it_is_known_who_looks_at_it_runs_nobody_else(tree, path):
    write(tree, path)
    assert chosen(tree, path).isdisjoint({"tests/disk", "lint/disk", "types/disk", "api/disk"})


@pytest.mark.behaviour("GATE-123")
def test_a_test_of_a_package_is_no_matter_of_its_types(tree):
    assert "types/disk" not in chosen(tree, "packages/disk/tests/test_disk.py")
    assert "types/disk" not in chosen(tree, "packages/disk/README.md")
