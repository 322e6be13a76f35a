"""Each rule over the boundaries sees its violation, planted in a small repository."""

import pytest

from emel_tools.boundaries import check

CONTRACTS = """
[importlinter]
root_packages =
    emel
    emel_disk
include_external_packages = True

[importlinter:contract:layers]
name = layers
type = layers
layers =
    emel
    emel_disk | (emel_tape)

[importlinter:contract:door-emel]
name = door
type = protected
protected_modules = emel.*
allowed_importers = emel

[importlinter:contract:door-disk]
name = door
type = protected
protected_modules = emel_disk.*
allowed_importers = emel_disk

[importlinter:contract:os]
name = os
type = protected
protected_modules = os
allowed_importers = emel_disk._platform

[importlinter:contract:system]
name = system
type = forbidden
source_modules =
    emel
    emel_disk
forbidden_modules =
    mmap
    socket
"""
PYPROJECT = '[tool.uv.workspace]\nmembers = ["packages/disk", "packages/emel", "tools"]\n'


@pytest.fixture
def repo(tmp_path):
    files = {
        ".importlinter": CONTRACTS,
        "pyproject.toml": PYPROJECT,
        "packages/emel/pyproject.toml": '[project]\nname = "emel"\ndependencies = ["emel-disk"]\n',
        "packages/emel/src/emel/__init__.py": "from emel_disk import spin\n",
        "packages/emel/src/emel/face.py": "def open(path):\n    return path\n\n\nopen('x')\n",
        "packages/disk/pyproject.toml": '[project]\nname = "emel-disk"\ndependencies = []\n',
        "packages/disk/src/emel_disk/__init__.py": "from emel_disk._platform import spin\n",
        "packages/disk/src/emel_disk/_platform.py": "import os\n\nspin = open(os.devnull)\n",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(root, name, old, new):
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def heard(root):
    findings = check(root)
    assert all(finding.fix for finding in findings)
    return [(finding.where, finding.what) for finding in findings]


@pytest.mark.behaviour("BND-01", "BND-02", "BND-03", "BND-04", "BND-05", "BND-06", "BND-07")
def test_a_whole_repository_is_green(repo):
    assert heard(repo) == []


@pytest.mark.behaviour("BND-01")
def test_a_package_that_is_no_root_is_found(repo):
    edit(repo, ".importlinter", "    emel_disk\ninclude", "include")
    assert ("packages/disk", "emel_disk is no root package, so nothing in it is linted") in heard(
        repo
    )


@pytest.mark.behaviour("BND-01")
def test_a_root_without_a_folder_is_found(repo):
    edit(repo, ".importlinter", "    emel_disk\ninclude", "    emel_disk\n    emel_dsik\ninclude")
    assert (".importlinter", "root package emel_dsik has no folder in packages/") in heard(repo)


@pytest.mark.behaviour("BND-01")
def test_a_folder_whose_module_has_another_name_is_found(repo):
    (repo / "packages/disk/src/emel_disk").rename(repo / "packages/disk/src/disk")
    assert ("packages/disk", "it has no src/emel_disk") in heard(repo)


@pytest.mark.behaviour("BND-02")
@pytest.mark.parametrize("module", ["inner/rogue.py", "inner/deeper/rogue.py"])
def test_a_folder_of_modules_without_init_is_found(repo, module):
    write(repo, f"packages/disk/src/emel_disk/{module}", "import socket\n")
    what = "it holds modules and has no __init__.py, so they aren't linted"
    assert ("packages/disk/src/emel_disk/inner", what) in heard(repo)


@pytest.mark.behaviour("BND-02")
def test_a_module_beside_the_package_is_found(repo):
    write(repo, "packages/disk/src/rogue.py", "")
    what = "a module beside the package is installed and not linted"
    assert heard(repo) == [("packages/disk/src/rogue.py", what)]


@pytest.mark.behaviour("BND-03")
@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("    socket", "    sokcet", "system", "forbidden_modules names sokcet"),
        ("emel_disk._platform", "emel_disk._platfrom", "os", "allowed_importers names"),
        ("emel_disk.*", "emel_dsik.*", "door-disk", "protected_modules names emel_dsik.*"),
        ("    emel\n    emel_disk |", "    emle\n    emel_disk |", "layers", "layers names emle"),
    ],
)
def test_a_misspelt_name_is_found(repo, old, new, where, what):
    edit(repo, ".importlinter", old, new)
    assert any(w == f".importlinter [{where}]" and t.startswith(what) for w, t in heard(repo))


@pytest.mark.behaviour("BND-03")
def test_a_misspelt_name_on_either_side_of_an_ignored_import_is_found(repo):
    edit(repo, ".importlinter", "    mmap", "    mmap\nignore_imports = emel.fcae -> emel_disk.*")
    what = "ignore_imports names emel.fcae, and there is no such module"
    assert heard(repo) == [(".importlinter [system]", what)]


@pytest.mark.behaviour("BND-03")
def test_a_protected_module_that_nobody_imports_is_found(repo):
    write(repo, "packages/disk/src/emel_disk/_platform.py", "spin = 0\n")
    assert heard(repo) == [(".importlinter [os]", "os is protected, and no package imports it")]


@pytest.mark.behaviour("BND-04")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[importlinter]\nroot_package = emel\n"),
        ("pyproject.toml", PYPROJECT + "[tool.importlinter]\nroot_package = 'emel'\n"),
        ("packages/emel/pyproject.toml", "[tool.importlinter]\nroot_package = 'emel'\n"),
    ],
)
def test_a_second_configuration_is_found(repo, name, text):
    write(repo, name, text)
    assert (name, "it holds a second configuration of import-linter") in heard(repo)


@pytest.mark.behaviour("BND-04")
def test_a_setup_cfg_about_something_else_is_none(repo):
    write(repo, "setup.cfg", "[metadata]\nname = x%y\n")
    assert heard(repo) == []


@pytest.mark.behaviour("BND-05")
def test_a_wildcard_among_the_members_is_found(repo):
    edit(repo, "pyproject.toml", '"packages/disk"', '"packages/*"')
    assert heard(repo) == [
        ("pyproject.toml", "workspace member 'packages/*' is no folder in packages/"),
        ("pyproject.toml", "packages/disk is no member of the workspace"),
    ]


@pytest.mark.behaviour("BND-06")
def test_a_package_outside_the_layers_is_found(repo):
    edit(repo, ".importlinter", "    emel_disk | (emel_tape)", "    (emel_tape)")
    assert heard(repo) == [(".importlinter [layers]", "emel_disk is absent in the layers")]


@pytest.mark.behaviour("BND-06")
def test_a_package_that_exists_and_is_optional_is_found(repo):
    edit(repo, ".importlinter", "emel_disk | (emel_tape)", "(emel_disk)")
    assert heard(repo) == [(".importlinter [layers]", "emel_disk is optional in the layers")]


@pytest.mark.behaviour("BND-06")
@pytest.mark.parametrize(
    ("old", "new"),
    [("emel_disk.*", "emel_disk._platform"), ("importers = emel_disk\n", "importers = emel\n")],
)
def test_a_package_whose_modules_others_may_import_is_found(repo, old, new):
    edit(repo, ".importlinter", old, new)
    what = "others may import its private modules: nothing protects emel_disk.*"
    assert heard(repo) == [("packages/disk", what)]


@pytest.mark.behaviour("BND-07")
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("open('x')", "open"),
        ("def f(how=open): ...", "open"),
        ("import numpy as np\nnp.memmap('x')", "memmap"),
        ("__import__('os')", "__import__"),
        ("exec('import os')", "exec"),
        ("import emel_disk\nemel_disk.spin.__globals__", "__globals__"),
    ],
)
def test_a_way_around_the_ports_is_found(repo, code, name):
    write(repo, "packages/disk/src/emel_disk/sly.py", code)
    assert name in [what.split()[0] for _, what in heard(repo) if "reaches around" in what]


@pytest.mark.behaviour("BND-08")
def test_an_import_that_is_not_declared_is_found(repo):
    write(
        repo, "packages/disk/src/emel_disk/sly.py", "def f():\n    import emel\n    import yaml\n"
    )
    assert heard(repo) == [
        ("packages/disk/src/emel_disk/sly.py:2", "emel is imported and not declared"),
        ("packages/disk/src/emel_disk/sly.py:3", "yaml is imported and not declared"),
    ]


@pytest.mark.behaviour("BND-08")
def test_an_extra_is_declared_like_any_dependency(repo):
    extras = '[]\noptional-dependencies = { big = ["yaml>=1", "xxhash>=3"] }'
    edit(repo, "packages/disk/pyproject.toml", "[]", extras)
    write(repo, "packages/disk/src/emel_disk/sly.py", "def f():\n    import yaml\n")
    what = "xxhash is declared and never imported"
    assert heard(repo) == [("packages/disk/pyproject.toml", what)]


@pytest.mark.behaviour("BND-08")
def test_a_dependency_that_nothing_imports_is_found(repo):
    edit(repo, "packages/disk/pyproject.toml", "[]", "[\"Ml-Dtypes[all] >=0.5; os_name == 'x'\"]")
    what = "ml_dtypes is declared and never imported"
    assert heard(repo) == [("packages/disk/pyproject.toml", what)]
