"""A package in an environment of what it declares: what it imports beyond that is found."""

import subprocess
import sys
import venv
from itertools import pairwise
from pathlib import Path

import pytest

from emel_tools.boundaries.isolation import __main__ as command
from emel_tools.boundaries.isolation import environments, probe
from emel_tools.boundaries.isolation.declared import canonical, declared
from emel_tools.boundaries.isolation.environments import InstallError, ensure

ROOT = Path(__file__).resolve().parents[2]
MISSING = "ModuleNotFoundError: No module named 'numpy'"
# Builds an editable wheel with nothing but the standard library, so that no index is asked.
BACKEND = """
import pathlib, tomllib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["name"]
    name = name.replace("-", "_")
    wheel = f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / wheel, "w") as archive:
        archive.writestr(f"{name}.pth", str(pathlib.Path("src").resolve()) + "\\n")
        info = f"{name}-1.0.dist-info/"
        about = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
        archive.writestr(info + "METADATA", about)
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        archive.writestr(info + "RECORD", "")
    return wheel
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "emel-{name}"
version = "1.0"
dependencies = [{dependencies}]

[dependency-groups]
test = [{test}]
"""


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def add(root, name, dependencies="", test="", code=""):
    folder = f"packages/{name}"
    project = PROJECT.format(name=name, dependencies=dependencies, test=test)
    write(root, f"{folder}/pyproject.toml", project)
    write(root, f"{folder}/backend.py", BACKEND)
    write(root, f"{folder}/src/emel_{name}/__init__.py", code)
    write(root, f"{folder}/tests/test_{name}.py", f"import emel_{name}\n\n\ndef test_it(): ...\n")


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """Three packages: disk needs tape, and its tests need reel."""
    add(tmp_path, "disk", '"emel-tape"', '"emel_reel>=1"', "import emel_tape\n")
    add(tmp_path, "tape")
    add(tmp_path, "reel")
    add(tmp_path, "card")
    write(tmp_path, "pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """An environment that holds pytest and nothing else, made without installing anything."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "env", with_pip=False)
    site = Path(pytest.__file__).parents[1]
    (folder / "pytest").mkdir()
    for name in ("_pytest", "iniconfig", "packaging", "pluggy", "py.py", "pygments", "pytest"):
        (folder / "pytest" / name).symlink_to(site / name)
    return folder


@pytest.fixture
def probed(repo, bare, monkeypatch, capsys):
    """Probe disk, where it, tape and pytest are installed."""
    (site,) = (bare / "env").glob("lib/python*/site-packages")
    paths = [bare / "pytest", *(repo / f"packages/{name}/src" for name in ("disk", "tape"))]
    (site / "declared.pth").write_text("".join(f"{path}\n" for path in paths))
    monkeypatch.setattr(command, "ensure", lambda *_: bare / "env/bin/python")

    def probe(*options):
        code = command.main([sys.executable, "disk", *options])
        heard = capsys.readouterr()
        lines = [line for line in heard.err.splitlines() if line.startswith("FAIL ")]
        assert code == bool(lines)
        assert not lines or "fix: declare it in packages/disk/pyproject.toml" in heard.err
        return {
            line.removeprefix("FAIL ").replace("where only what is declared is installed, it ", "")
            for line in lines
        }

    return probe


@pytest.mark.behaviour("BND-28")
def test_a_package_that_imports_what_it_declares_is_green(repo, probed):
    write(repo, "packages/disk/src/emel_disk/__main__.py", "raise SystemExit(3)\n")
    assert probed() == probed("--full") == set()


@pytest.mark.behaviour("BND-28")
@pytest.mark.parametrize("name", ["emel_card", "numpy", "emel_reel.part"])
def test_an_undeclared_sibling_or_dependency_is_an_import_error(repo, probed, name):
    write(repo, "packages/disk/src/emel_disk/sly.py", f"import {name}\n")
    top = name.partition(".")[0]
    path = "packages/disk/src/emel_disk/sly.py"
    assert probed() == {
        f"{path}:1: imports {top}",
        f"{path}: can't be imported: ModuleNotFoundError: No module named '{top}'",
    }


@pytest.mark.behaviour("BND-28")
def test_modules_that_cannot_be_imported_for_one_reason_are_told_once(repo, probed):
    source = "packages/disk/src/emel_disk"
    for name in ("__init__", "sly"):
        write(repo, f"{source}/{name}.py", "import numpy\n")
    why = "ModuleNotFoundError: No module named 'numpy'"
    assert probed() == {
        f"{source}/__init__.py:1: imports numpy",
        f"{source}/sly.py:1: imports numpy",
        f"{source}/__init__.py: can't be imported, nor can 1 more: {why}",
        f"packages/disk/tests/test_disk.py: can't be collected: {why}",
    }


@pytest.mark.behaviour("BND-28")
def test_each_reason_for_which_modules_cannot_be_imported_is_told(tmp_path, monkeypatch):
    source = tmp_path / "emel_reasons"
    for name, text in {
        "__init__": "",
        "__main__": "raise SystemExit(3)\n",  # which to import is to run it
        "absent": "import nothing_there\n",
        "again": "import nothing_there\n",
        "zero": "1 // 0\n",
    }.items():
        write(tmp_path, f"emel_reasons/{name}.py", text)
    monkeypatch.syspath_prepend(str(tmp_path))
    absent = "ModuleNotFoundError: No module named 'nothing_there'"
    assert list(probe.modules_that_fail(source)) == [
        (f"{source}/absent.py", f"can't be imported, nor can 1 more: {absent}"),
        (
            f"{source}/zero.py",
            "can't be imported: ZeroDivisionError: integer division or modulo by zero",
        ),
    ]


@pytest.mark.behaviour("BND-28")
def test_an_import_inside_a_function_is_found_without_running_it(repo, probed):
    write(repo, "packages/disk/src/emel_disk/sly.py", "def f():\n    from numpy import array\n")
    write(repo, "packages/disk/tests/test_sly.py", "def test_sly():\n    import numpy\n")
    assert probed() == {
        "packages/disk/src/emel_disk/sly.py:2: imports numpy",
        "packages/disk/tests/test_sly.py:2: imports numpy",
    }


@pytest.mark.behaviour("BND-28")
def test_tests_that_cannot_be_collected_are_found(repo, probed):
    write(repo, "packages/disk/tests/test_sly.py", "import numpy\n\n\ndef test_sly(): ...\n")
    assert probed() == {
        "packages/disk/tests/test_sly.py:1: imports numpy",
        f"packages/disk/tests/test_sly.py: can't be collected: {MISSING}",
    }


@pytest.mark.behaviour("BND-28")
def test_an_import_by_a_name_that_is_computed_is_found_when_the_tests_run(repo, probed):
    code = "import importlib\n\n\ndef test_sly():\n    importlib.import_module('num' + 'py')\n"
    write(repo, "packages/disk/tests/test_sly.py", code)
    assert probed() == set()
    assert probed("--full") == {f"packages/disk/tests/test_sly.py::test_sly: fails: {MISSING}"}


@pytest.mark.behaviour("BND-28")
def test_an_import_that_may_fail_may_fail(repo, probed):
    code = "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n"
    write(repo, "packages/disk/src/emel_disk/sly.py", code)
    assert probed() == set()


@pytest.mark.behaviour("BND-28")
def test_a_package_without_tests_or_whose_process_ends_is_found(repo, probed, capsys):
    write(repo, "packages/disk/src/emel_disk/sly.py", "import os\nos._exit(3)\n")
    assert [line.split(":")[1] for line in probed()] == [" ends the process"]
    (repo / "packages/disk/src/emel_disk/sly.py").unlink()
    (repo / "packages/disk/tests/test_disk.py").unlink()
    assert command.main([sys.executable, "disk"]) == 1
    assert "packages/disk: no test was collected" in capsys.readouterr().err


@pytest.mark.behaviour("BND-28")
def test_a_package_that_does_not_say_what_its_tests_need_is_found(repo, probed, capsys):
    path = repo / "packages/disk/pyproject.toml"
    path.write_text(path.read_text().partition("[dependency-groups]")[0])
    assert command.main([sys.executable, "disk"]) == 1
    assert "it doesn't declare what its tests need" in capsys.readouterr().err


@pytest.mark.behaviour("BND-28")
@pytest.mark.parametrize(
    ("named", "gone"),
    [
        ('readme = "README.md"\nlicense-files = ["LICENSE"]', []),
        ('readme = "README.md"\nlicense-files = ["LICEN?E", "LICENSES/*"]', ["LICENSES/*"]),
        ('readme = "docs/README.md"\nlicense-files = ["COPYING"]', ["docs/README.md", "COPYING"]),
        ('readme = { file = "READ.rst", content-type = "text/x-rst" }', ["READ.rst"]),
        ('readme = { text = "It spins", content-type = "text/plain" }', []),
    ],
)
def test_a_file_that_an_installation_reads_and_lacks_is_found(repo, probed, capsys, named, gone):
    """Also where an environment is kept that was made while it was there."""
    path = repo / "packages/tape/pyproject.toml"
    path.write_text(path.read_text().replace('version = "1.0"', f'version = "1.0"\n{named}', 1))
    write(repo, "packages/tape/README.md", "")
    write(repo, "packages/tape/LICENSE", "")
    assert command.main([sys.executable, "disk"]) == bool(gone)
    heard = capsys.readouterr().err
    assert heard.count("FAIL packages/tape/pyproject.toml: it names ") == len(gone)
    assert all(f"packages/tape/{name}, which isn't there" in heard for name in gone)


@pytest.mark.behaviour("BND-28")
def test_an_unknown_package_is_refused(repo, capsys):
    with pytest.raises(SystemExit):
        command.main([sys.executable, "dsik"])
    assert "no package dsik; there are card, disk, reel, tape" in capsys.readouterr().err


@pytest.mark.behaviour("BND-28")
def test_siblings_are_those_declared_and_theirs_and_every_package_says_what_its_tests_need(repo):
    path = repo / "packages/tape/pyproject.toml"
    path.write_text(
        PROJECT.format(name="tape", dependencies='"Emel_Card == 1"', test='"emel-disk"')
    )
    folders = {each.package.name: [f.name for f in each.folders] for each in declared(repo)}
    assert folders["disk"] == ["disk", "tape", "reel", "card"]
    assert folders["reel"] == ["reel"]
    assert canonical("Ml_Dtypes[all] >=0.5; os_name == 'x'") == "ml-dtypes"
    assert all(each.has_group for each in declared(ROOT))


@pytest.mark.behaviour("BND-29")
def test_an_environment_holds_what_is_declared_and_is_made_once(repo, monkeypatch):
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (disk,) = [each for each in declared(repo) if each.package.name == "disk"]
    python = ensure(repo, disk, ())

    def can_import(name):
        words = [python, "-I", "-c", f"import {name}"]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    names = ("emel_disk", "emel_tape", "emel_reel", "emel_card", "numpy")
    assert [can_import(name) for name in names] == [True, True, True, False, False]
    monkeypatch.setattr(environments, "_run", None)  # nothing is run a second time
    assert ensure(repo, disk, ()) == python


@pytest.mark.behaviour("BND-29")
def test_an_environment_that_could_not_be_made_is_tried_again(repo, monkeypatch, capsys):
    def fail(root, *words):
        runs.append(words)
        raise InstallError("no spam to be had")

    runs = []
    monkeypatch.setattr(environments, "_run", fail)
    assert [command.main([sys.executable, "disk"]) for _ in range(2)] == [1, 1]
    assert len(runs) == 2
    assert "what it declares can't be installed: no spam to be had" in capsys.readouterr().err


@pytest.mark.behaviour("BND-29")
def test_uv_makes_the_same_environment_where_it_is_there(repo, monkeypatch):
    runs = []
    monkeypatch.setattr(environments, "_run", lambda _root, *words: runs.append(words))
    add(repo, "disk", '"emel-tape"', '"emel_reel>=1", "spam>=1"')
    (disk,) = [each for each in declared(repo) if each.package.name == "disk"]
    (repo / ".nox/isolation/disk").mkdir(parents=True)
    python = ensure(repo, disk, ("uv",))
    make, install = runs
    python.parent.mkdir()
    python.touch()
    assert ensure(repo, disk, ("uv",)) == python
    assert len(runs) == 2
    assert make[:2] == ("uv", "venv")
    assert install[:5] == ("uv", "pip", "install", "--python", str(python))
    folders = [word.split("/")[-1] for before, word in pairwise(install) if before == "-e"]
    assert folders == ["disk", "tape", "reel"]
    assert install[-1] == "spam>=1"
    add(repo, "tape", '"eggs"')
    ensure(repo, disk, ("uv",))
    assert len(runs) == 4


@pytest.mark.behaviour("BND-29")
@pytest.mark.parametrize(("modules", "has_uv"), [({"uv.py": ""}, True), ({}, False)])
def test_uv_is_found_where_the_python_that_runs_nox_has_it(tmp_path, modules, has_uv, monkeypatch):
    for name, text in modules.items():
        write(tmp_path, name, text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = (sys.executable, "-m", "uv") if has_uv else ()
    assert environments.find_uv(sys.executable) == words
