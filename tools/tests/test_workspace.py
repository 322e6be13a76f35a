"""What lies in a folder and is no file of the repository, no lane reads."""

import subprocess

import pytest

from emel_tools.boundaries.rules import configuration_is_single
from emel_tools.boundaries.tree import Tree
from emel_tools.pages.table import markdown_files
from emel_tools.ratchets import sources
from emel_tools.scope import altered, ours
from emel_tools.scope.closure import closures
from emel_tools.suites import written
from emel_tools.workspace import packages, python_files

HIDDEN = "packages/one/src/emel_one/hidden/late.py"
MODULE = "packages/one/src/emel_one/__init__.py"
FOREIGN = "venv/lib/site-packages/pkg"
FILES = {
    ".gitignore": "venv/\n__pycache__/\nhidden/\n",
    ".importlinter": "[importlinter]\n",
    "README.md": "# One\n",
    MODULE: "import emel_two\n",
    "packages/one/tests/test_one.py": "def test_one():\n    assert len([]) == 0\n",
    "packages/two/src/emel_two/__init__.py": "",
    HIDDEN: "",
    "packages/gone/src/emel_gone/__pycache__/late.cpython-311.pyc": "",
    f"{FOREIGN}/test_pkg.py": "def test_pkg():\n    assert len([]) == 0\n",
    f"{FOREIGN}/README.md": "[gone](gone.md)\n",
    f"{FOREIGN}/.importlinter": "[importlinter]\n",
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for folder in ("packages/one/src/emel_one", "packages/one/tests"):
        (tmp_path / folder / ".#one.py").symlink_to("somebody@host.1234:567")
        (tmp_path / folder / "folder.py").mkdir()
    subprocess.run(("git", "init", "-q", tmp_path), check=True)
    return tmp_path


@pytest.mark.behaviour("GATE-127")
def test_a_folder_that_holds_only_what_was_compiled_is_no_package(root):
    assert [package.name for package in packages(root)] == ["one", "two"]


@pytest.mark.behaviour("GATE-127")
@pytest.mark.parametrize(
    "name",
    ["build/lib/late.py", "dist/late.whl", "src/emel_late.egg-info/PKG-INFO", ".ruff_cache/0/1"],
)
def test_a_folder_that_holds_only_what_was_built_or_cached_is_no_package(root, name):
    path = root / "packages/late" / name
    path.parent.mkdir(parents=True)
    path.write_text("", encoding="utf-8")
    assert [package.name for package in packages(root)] == ["one", "two"]
    (root / "packages/late/README.md").write_text("", encoding="utf-8")
    assert [package.name for package in packages(root)] == ["late", "one", "two"]


@pytest.mark.behaviour("GATE-127")
def test_a_link_that_leads_nowhere_and_a_folder_are_no_python_files(root):
    (package, _) = packages(root)
    files = [path.relative_to(root).as_posix() for path in python_files(package.folder)]
    assert files == [MODULE, HIDDEN, "packages/one/tests/test_one.py"]
    assert sources.python_files(root, "one") == python_files(package.folder)
    assert closures(root)["one"] >= {"one", "two"}
    assert sorted(altered.sources(root)) == [
        MODULE,
        HIDDEN,
        "packages/two/src/emel_two/__init__.py",
    ]


@pytest.mark.behaviour("GATE-127")
def test_what_git_ignores_at_the_root_is_read_by_nobody(root):
    assert {root / "venv", root / "packages/gone"} <= ours.not_ours(root)
    assert markdown_files(root) == [root / "README.md"]
    assert list(configuration_is_single(Tree(root))) == []
    assert [found.rule for found in written.check(root).findings if found.file[0] == "v"] == []


@pytest.mark.behaviour("GATE-127")
def test_what_nobody_ignores_is_read_wherever_it_lies(root):
    (root / ".gitignore").write_text("", encoding="utf-8")
    assert root / "venv" not in ours.not_ours(root)
    assert markdown_files(root) == [root / "README.md", root / FOREIGN / "README.md"]
    (second,) = configuration_is_single(Tree(root))
    (stray,) = (found for found in written.check(root).findings if found.rule == "uncollected")
    assert (second.file, stray.file) == (f"{FOREIGN}/.importlinter", f"{FOREIGN}/test_pkg.py")
