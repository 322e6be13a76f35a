"""Each rule over the table itself sees what it is there for, in a small repository."""

import ast
import sys

import pytest

from emel_tools.boundaries import kept, powers, table
from emel_tools.boundaries.__main__ import look, main
from emel_tools.boundaries.check import check, contracts, tree_at
from emel_tools.boundaries.held import held
from emel_tools.boundaries.innocents import IN_PART, INNOCENT
from emel_tools.boundaries.kept import settled
from emel_tools.boundaries.meanings import plain, value
from emel_tools.boundaries.powers import CATALOGUE, NAMES, powers_of
from emel_tools.boundaries.values import Getter, Instance, Items, Namespace, Reference, Text
from emel_tools.gates.boundaries import LANE
from emel_tools.gates.boundaries import TABLE as TABLED
from emel_tools.running import Job

CAPABILITIES = "\n".join(
    f"""
[importlinter:contract:capability-{name}]
name = {name}
type = capability
capability = {name}
broken_contract_guidance = don't
"""
    for name in NAMES
    if name != "files"
)
TABLE = f"""
[importlinter]
top =
    emel_tools
    emel
disks =
    emel_disk
root_packages = %(top)s%(disks)s
include_external_packages = True
contract_types =
    layers: emel_tools.boundaries.house.Layers
    forbidden: emel_tools.boundaries.house.Forbidden
    capability: emel_tools.boundaries.capability.Capability
    interface: emel_tools.boundaries.interface.Interface
    vocabulary: emel_tools.boundaries.vocabulary.Vocabulary

[importlinter:contract:layers]
name = layers
type = layers
layers =
    top
    disks
broken_contract_guidance = look down

[importlinter:contract:system]
name = system
type = forbidden
source_modules =
    disks
forbidden_modules =
    mmap
    socket
broken_contract_guidance = don't

[importlinter:contract:interface]
name = doors
type = interface
broken_contract_guidance = use the door

[importlinter:contract:words]
name = words
type = vocabulary
words =
    SPINNING
owners =
    # it spins
    emel_disk.*
broken_contract_guidance = ask the disk

[importlinter:contract:capability-files]
name = files
type = capability
capability = files
owners =
    # the disk is a file
    emel_disk._platform
broken_contract_guidance = ask the disk
{CAPABILITIES}
"""
PYPROJECT = '[tool.uv.workspace]\nmembers = ["packages/disk", "packages/emel", "tools"]\n'
DISK = '[project]\nname = "emel-disk"\nversion = "1.2"\ndependencies = []\n'
EMEL = """
[project]
name = "emel"
dependencies = ["emel-disk==1.2"]
[tool.uv.sources]
emel-disk = { workspace = true }
"""


@pytest.fixture
def repo(tmp_path):
    files = {
        ".importlinter": TABLE,
        "pyproject.toml": PYPROJECT,
        "packages/emel/pyproject.toml": EMEL,
        "packages/emel/src/emel/__init__.py": "from emel_disk import spin\n",
        "packages/emel/src/emel/face.py": "def open(path):\n    return path\n\n\nopen('x')\n",
        "packages/disk/pyproject.toml": DISK,
        "packages/disk/src/emel_disk/__init__.py": (
            "from emel_disk._platform import spin\n\n__all__ = ['spin']\n"
        ),
        "packages/disk/src/emel_disk/_platform.py": (
            "import os\n\nSPINNING = 1\nspin = open(os.devnull)\n"
        ),
        "tools/pyproject.toml": "[project]\nname = 'emel-tools'\n",
        "tools/constraints.txt": "# Pins.\nml-dtypes==0.6\nXXhash==4.1.0\nyaml==6.0.3\n",
        "tools/src/emel_tools/__init__.py": "",
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
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def heard(root):
    findings = check(tree_at(root))
    assert all(finding.fix for finding in findings)
    return [(finding.where, finding.what) for finding in findings]


def line_of(root, text):
    lines = (root / ".importlinter").read_text("utf-8").splitlines()
    return f".importlinter:{lines.index(text) + 1}"


@pytest.mark.behaviour("BND-01", "BND-02", "BND-03", "BND-04", "BND-05", "BND-06", "BND-07")
def test_a_whole_repository_is_green(repo):
    assert heard(repo) == []


@pytest.mark.behaviour("BND-01", "BND-12")
def test_a_package_without_its_line_is_found_and_the_line_is_all_that_it_takes(repo):
    write(repo, "packages/tape/pyproject.toml", DISK.replace("disk", "tape"))
    write(repo, "packages/tape/src/emel_tape/__init__.py", "__all__ = []\n")
    edit(repo, "pyproject.toml", '"tools"', '"packages/tape", "tools"')
    (finding,) = check(tree_at(repo))
    assert finding.file == "packages/tape"
    assert finding.what == "emel_tape stands in no layer, so nothing holds for it"
    assert finding.fix == "write emel_tape into its layer in .importlinter: that one line is all"

    edit(repo, ".importlinter", "    emel_disk\n", "    emel_disk\n    emel_tape\n")
    assert heard(repo) == []
    write(
        repo, "packages/tape/src/emel_tape/_reel.py", "import emel\nimport emel_disk\nopen('x')\n"
    )
    assert {finding.rule for finding in check(tree_at(repo))} == {
        "layers",
        "dependencies",
        "capability-files",
    }


@pytest.mark.behaviour("BND-01")
def test_a_root_without_a_folder_is_found(repo):
    edit(repo, ".importlinter", "    emel_disk\n", "    emel_disk\n    emel_dsik\n")
    assert (line_of(repo, "    emel_dsik"), "emel_dsik has no folder in packages/") in heard(repo)


@pytest.mark.behaviour("BND-01")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("root_packages = %(top)s%(disks)s", "root_packages =\n    emel_tools\n    emel"),
        ("    top\n    disks\nbroken", "    top\nbroken"),
    ],
)
def test_roots_that_are_not_put_together_from_all_layers_are_found(repo, old, new):
    edit(repo, ".importlinter", old, new)
    what = "emel_disk is in root_packages and in no layer, or the other way round"
    assert what in [what for _, what in heard(repo)]


@pytest.mark.behaviour("BND-01")
def test_a_folder_whose_module_has_another_name_is_found(repo):
    (repo / "packages/disk/src/emel_disk").rename(repo / "packages/disk/src/disk")
    assert ("packages/disk", "it has no src/emel_disk/__init__.py") in heard(repo)


@pytest.mark.behaviour("BND-02")
@pytest.mark.parametrize("module", ["inner/rogue.py", "inner/deeper/rogue.py"])
def test_a_folder_of_modules_without_init_is_found(repo, module):
    write(repo, f"packages/disk/src/emel_disk/{module}", "import socket\n")
    what = "it holds modules and has no __init__.py, so import-linter skips them"
    assert ("packages/disk/src/emel_disk/inner", what) in heard(repo)


@pytest.mark.behaviour("BND-02")
@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("src/rogue.py", "a module beside the package is installed and no part of it"),
        ("rogue.py", "a module outside src and tests belongs to nobody"),
        ("scripts/rogue.py", "a module outside src and tests belongs to nobody"),
    ],
)
def test_a_module_where_nothing_looks_is_found(repo, path, what):
    write(repo, f"packages/disk/{path}", "")
    assert heard(repo) == [(f"packages/disk/{path}", what)]


@pytest.mark.behaviour("BND-03")
@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("    socket", "    sokcet", "forbidden_modules of system names sokcet"),
        ("    emel_disk._platform", "    emel_disk._platfrom", "owners of capability-files names"),
        ("    emel_disk.*", "    emel_dsik.*", "owners of words names emel_dsik.*"),
        ("    disks\nforbidden", "    disk\nforbidden", "source_modules of system names disk"),
        (
            "    emel_disk._platform",
            "    tests:emel_disk",
            "owners of capability-files names tests",
        ),
    ],
)
def test_a_misspelt_name_is_found_with_its_line(repo, old, new, what):
    edit(repo, ".importlinter", old, new)
    where = line_of(repo, new.partition("\n")[0])
    assert any(w == where and t.startswith(what) for w, t in heard(repo))


@pytest.mark.behaviour("BND-03")
def test_a_misspelt_name_on_either_side_of_an_ignored_import_is_found(repo):
    ignored = "ignore_imports =\n    # it did so before\n    emel.fcae -> emel_disk.*\n"
    edit(repo, ".importlinter", "    socket\n", f"    socket\n{ignored}")
    told = [what for _, what in heard(repo)]
    assert "ignore_imports of system names emel.fcae, and there is no such module" in told


@pytest.mark.behaviour("BND-03")
def test_an_ignored_import_that_is_gone_is_found_and_the_other_contracts_still_hold(repo):
    ignored = "ignore_imports =\n    # it did so before\n    emel_disk._platform -> socket\n"
    edit(repo, ".importlinter", "    socket\n", f"    socket\n{ignored}")
    write(repo, "packages/disk/src/emel_disk/sly.py", "open('x')\n")
    rules = {finding.rule: finding.what for finding in check(tree_at(repo))}
    assert rules.keys() == {"system", "capability-files"}
    assert "No matches for ignored import emel_disk._platform -> socket" in rules["system"]


@pytest.mark.behaviour("BND-03")
def test_a_word_that_no_owner_defines_is_found(repo):
    edit(repo, ".importlinter", "    SPINNING", "    SPINING")
    what = "words lists SPINING, and no owner defines it"
    assert heard(repo) == [(line_of(repo, "    SPINING"), what)]


@pytest.mark.behaviour("BND-03")
@pytest.mark.parametrize(
    ("old", "new", "rule", "what"),
    [
        ("capability = files", "capability = fiels", "capability-files", "no such capability"),
        ("type = interface", "type = interfaec", "interface", "can't be checked: interfaec"),
        ("words =\n", "wrods =\n", "words", "Did you mean 'words'?"),
    ],
)
def test_a_contract_that_can_not_be_checked_is_found(repo, old, new, rule, what):
    edit(repo, ".importlinter", old, new)
    assert any(f.rule == rule and what in f.what for f in check(tree_at(repo)))


@pytest.mark.behaviour("BND-03")
@pytest.mark.parametrize(
    ("lines", "is_broken"),
    [
        (("type = independence", "modules =", "    emel", "    emel_disk"), True),
        (("type = independence", "modules =", "    emel_disk"), False),
        (("type = acyclic_siblings", "ancestors =", "    emel"), True),
        (("type = acyclic_siblings", "ancestors =", "    emel_disk"), False),
    ],
)
def test_a_contract_of_a_type_that_no_table_of_ours_has_is_held_too(repo, lines, is_broken):
    for name, other in (("here", "there"), ("there", "here")):
        write(repo, f"packages/emel/src/emel/{name}.py", f"from emel import {other}\n")
    text = "\n".join(("name = apart", *lines, "broken_contract_guidance = part them"))
    before = "[importlinter:contract:words]"
    edit(repo, ".importlinter", before, f"[importlinter:contract:apart]\n{text}\n\n{before}")
    found = [(f.what, f.fix) for f in check(tree_at(repo)) if f.rule == "apart"]
    said = "the contract is broken; lint-imports says how"
    assert found == ([(said, "part them")] if is_broken else [])


@pytest.mark.behaviour("BND-04")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[importlinter]\nroot_package = emel\n"),
        ("packages/emel/setup.cfg", "[importlinter]\nroot_package = emel\n"),
        ("packages/emel/.importlinter", "[importlinter]\nroot_package = emel\n"),
        ("pyproject.toml", PYPROJECT + "[tool.importlinter]\nroot_package = 'emel'\n"),
        ("tools/pyproject.toml", "[tool.importlinter]\nroot_package = 'emel'\n"),
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
@pytest.mark.parametrize("kind", ["layers", "interface", "vocabulary"])
def test_a_kind_of_contract_that_has_gone_is_found(repo, kind):
    text = (repo / ".importlinter").read_text("utf-8")
    head, _, rest = text.partition(f"\ntype = {kind}\n")
    start = head.rindex("[importlinter:contract:")
    end = rest.find("[importlinter:contract:")
    write(repo, ".importlinter", head[:start] + rest[end:])
    told = [what for _, what in heard(repo)]
    assert f"there are fewer than 1 contracts of type {kind}" in told


@pytest.mark.behaviour("BND-06")
def test_a_capability_that_no_contract_speaks_of_is_found(repo):
    edit(repo, ".importlinter", "capability = pickle", "capability = native")
    told = [what for _, what in heard(repo)]
    assert "0 contracts say who has the capability pickle" in told
    assert "2 contracts say who has the capability native" in told


@pytest.mark.behaviour("BND-06")
def test_a_contract_that_does_not_say_what_to_do_or_is_softened_is_found(repo):
    edit(repo, ".importlinter", "broken_contract_guidance = look down\n",
         "unmatched_ignore_imports_alerting = none\n")  # fmt: skip
    told = [what for _, what in heard(repo)]
    assert "layers doesn't say what to do instead" in told
    assert "layers doesn't mind ignored imports that are gone" in told


@pytest.mark.behaviour("BND-13")
@pytest.mark.parametrize("new", ["    emel_disk._platform\n", "\n    emel_disk._platform\n"])
def test_an_owner_without_a_reason_right_above_it_is_found(repo, new):
    edit(repo, ".importlinter", "    # the disk is a file\n    emel_disk._platform\n", new)
    what = "owners of capability-files lists emel_disk._platform without a reason"
    assert heard(repo) == [(line_of(repo, "    emel_disk._platform"), what)]


@pytest.mark.behaviour("BND-13")
def test_one_reason_is_not_enough_for_two_owners(repo):
    edit(
        repo,
        ".importlinter",
        "    emel_disk._platform\n",
        "    emel_disk._platform\n    emel.face\n",
    )
    what = "owners of capability-files lists emel.face without a reason"
    assert heard(repo) == [(line_of(repo, "    emel.face"), what)]


@pytest.mark.behaviour("BND-07")
@pytest.mark.parametrize(
    "owner",
    ["emel_disk.sly", "emel_disk.*", "tests:emel_disk", "tests:*", "tests:emel_disk.test_a"],
)
def test_an_owner_may_be_a_module_a_package_or_tests(repo, owner):
    write(repo, "packages/disk/src/emel_disk/sly.py", "open('x')\n")
    write(repo, "packages/disk/tests/test_a.py", "open('x')\n")
    before = {where.partition(":")[0] for where, _ in heard(repo)}
    assert before == {"packages/disk/src/emel_disk/sly.py", "packages/disk/tests/test_a.py"}
    edit(
        repo,
        ".importlinter",
        "    # the disk is a file\n",
        f"    # so be it\n    {owner}\n    # x\n",
    )
    (left,) = before - {where.partition(":")[0] for where, _ in heard(repo)}
    assert ("tests" in left) is owner.startswith("tests:")


# What 3.12 and 3.13 brought, and a Python before them doesn't list.
LATER = """
    _android_support _apple_support _colorize _interpchannels _interpqueues _interpreters
    _ios_support _opcode_metadata _pydatetime _pylong _pyrepl _sha2 _suggestions _sysconfig _wmi
"""


@pytest.mark.behaviour("BND-07")
@pytest.mark.parametrize(
    ("path", "name", "module"),
    [
        ("logging", "os", "os"),
        ("numpy", "ctypes", "ctypes"),
        ("enum", "bltns", "builtins"),
        ("getpass", "getpass", ""),  # a function that is called like its module
        ("numpy", "multiprocessing", ""),  # its own, for all that is known
        ("inspect", "multiprocessing", "multiprocessing"),
        ("logging", "collections", ""),
    ],
)
def test_a_module_that_another_one_holds_is_the_module_itself(path, name, module):
    assert held(path, name) == module


@pytest.mark.behaviour("BND-07")
def test_every_module_of_python_gives_powers_or_was_found_innocent():
    known = {name.partition(".")[0] for name, found in CATALOGUE.items() if found}
    modules = sys.stdlib_module_names | {*LATER.split()}
    assert sorted(modules - known - INNOCENT) == []
    # Of those that are innocent the catalogue names nothing, of those that are in part members.
    assert sorted(INNOCENT & known) == []
    whole = {name for name in modules if CATALOGUE.get(name)}
    assert sorted(modules & known - whole ^ IN_PART) == []


@pytest.mark.behaviour("BND-07")
def test_a_module_of_python_that_nobody_has_judged_may_do_anything(repo, monkeypatch):
    write(repo, "packages/disk/src/emel_disk/_platform.py", "import heapq\n\nspin = heapq.merge\n")
    powers_of.cache_clear()
    monkeypatch.setattr(powers, "INNOCENT", INNOCENT - {"heapq"})
    found = {finding.rule for finding in contracts(tree_at(repo))}
    powers_of.cache_clear()
    assert {f"capability-{name}" for name in NAMES} - found == {"capability-files"}


@pytest.mark.behaviour("BND-07")
@pytest.mark.parametrize(
    ("target", "gives"),
    [
        ("pydoc.locate", {"files", "processes", "network", "imports"}),
        ("pyclbr.readmodule", {"files", "imports"}),
        ("unittest.TestLoader", {"files", "imports"}),
        ("unittest.mock.Mock", set()),
        ("xml.sax.make_parser", {"files", "network", "imports"}),
        ("xml.sax.saxutils.escape", set()),
        ("compileall.compile_dir", {"files", "processes"}),
        ("optparse.Values", {"files", "imports", "evaluate"}),
        ("imghdr.what", {"files"}),
        ("sndhdr.what", {"files"}),
        ("ensurepip.bootstrap", {"processes"}),
        ("heapq.merge", set()),
        # What can be got at through a module that is handed on as a whole.
        ("signal.*", {"threads", "processes", "settings"}),
        ("warnings.*", {"imports", "settings"}),
        ("time.*", {"settings"}),
        ("os.environ", set()),
        ("sys.excepthook =", {"settings"}),
        ("heapq.*", set()),
    ],
)
def test_what_modules_about_modules_files_and_processes_give(target, gives):
    assert {*powers_of(target)} == gives


@pytest.mark.behaviour("BND-08")
def test_an_import_that_is_not_declared_is_found(repo):
    write(
        repo, "packages/disk/src/emel_disk/sly.py", "def f():\n    import emel\n    import yaml\n"
    )
    told = heard(repo)
    assert ("packages/disk/src/emel_disk/sly.py:2", "emel is imported and not declared") in told
    assert ("packages/disk/src/emel_disk/sly.py:3", "yaml is imported and not declared") in told


@pytest.mark.behaviour("BND-08")
def test_a_sibling_that_only_a_test_imports_has_to_be_declared_too(repo):
    write(repo, "packages/disk/tests/test_a.py", "import pytest\nimport emel\n")
    told = [what for _, what in heard(repo)]
    assert "emel is imported and not declared" in told
    assert "pytest is imported and not declared" not in told


@pytest.mark.behaviour("BND-08")
def test_an_extra_is_declared_like_any_dependency(repo):
    extras = '[]\noptional-dependencies = { big = ["yaml>=1", "xxhash>=3"] }'
    edit(repo, "packages/disk/pyproject.toml", "[]", extras)
    write(repo, "packages/disk/src/emel_disk/sly.py", "def f():\n    import yaml\n")
    what = "xxhash is declared and never imported"
    assert heard(repo) == [("packages/disk/pyproject.toml", what)]


@pytest.mark.behaviour("BND-08")
@pytest.mark.parametrize(
    "loose", ["emel-disk", "Emel_Disk >= 1.2", "emel-disk==1.*", "emel.disk==1"]
)
def test_a_sibling_of_another_version_is_found(repo, loose):
    edit(repo, "packages/emel/pyproject.toml", "emel-disk==1.2", loose)
    what = f"the sibling {loose} is declared so that another version than ours will do"
    assert heard(repo) == [("packages/emel/pyproject.toml", what)]
    extra = '["emel-disk==1.2"]\noptional-dependencies = { big = [ "Emel-Disk[big] == 1.2" ] }'
    write(repo, "packages/emel/pyproject.toml", EMEL.replace('["emel-disk==1.2"]', extra))
    assert heard(repo) == []


@pytest.mark.behaviour("BND-08")
@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("import yaml\n", True),
        ("from yaml.nodes import Node\n", True),
        ("class Kind:\n    import yaml\n", True),
        ("if not __debug__:\n    pass\nelse:\n    import yaml\n", True),
        ("try:\n    pass\nfinally:\n    import yaml\n", True),
        ("def load():\n    import yaml\n", False),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None\n", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml\n", False),
    ],
)
def test_what_only_an_extra_brings_is_not_imported_with_a_module(repo, text, is_found):
    extras = '[]\noptional-dependencies = { big = ["yaml>=1"] }'
    edit(repo, "packages/disk/pyproject.toml", "[]", extras)
    write(repo, "packages/disk/src/emel_disk/sly.py", text)
    write(repo, "packages/disk/tests/test_sly.py", "import yaml\n")
    line = 1 + text[: text.index("yaml")].count("\n")
    what = "yaml, which only an extra brings, is imported with the module"
    found = [(f"packages/disk/src/emel_disk/sly.py:{line}", what)]
    assert heard(repo) == (found if is_found else [])


@pytest.mark.behaviour("GATE-125")
@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("packages/emel/pyproject.toml", "workspace = true", "workspace = false"),
        ("packages/emel/pyproject.toml", "workspace = true", "path = '../disk'"),
        ("packages/emel/pyproject.toml", "emel-disk = {", "emel-tape = {"),
        ("packages/emel/pyproject.toml", "[tool.uv.sources]", "[tool.uv.source]"),
        ("packages/emel/pyproject.toml", "{ workspace = true }", "[{ index = 'a' }]"),
        (
            "tools/pyproject.toml",
            "'emel-tools'\n",
            "'emel-tools'\n[dependency-groups]\na = ['Emel.Disk']\n",
        ),
    ],
)
def test_a_sibling_that_is_not_taken_from_the_workspace_is_found(repo, path, old, new):
    edit(repo, path, old, new)
    assert heard(repo) == [(path, "the sibling emel-disk isn't taken from the workspace")]
    write(repo, "packages/emel/pyproject.toml", EMEL.partition("[tool")[0])
    assert [told for told in heard(repo) if told[0] == "packages/emel/pyproject.toml"]
    sources = "[tool.uv.sources]\nEmel_Disk = { workspace = true }\n"
    write(repo, "pyproject.toml", f"{PYPROJECT}{sources}")  # which holds for all of them
    edit(
        repo, "packages/disk/pyproject.toml", "[]", "[]\n[dependency-groups]\na = ['emel-disk[b]']"
    )
    assert heard(repo) == []


@pytest.mark.behaviour("GATE-125")
def test_what_a_package_says_of_a_sibling_holds_more_than_what_the_root_does(repo):
    sources = "[tool.uv.sources]\nEmel_Disk = { workspace = true }\n"
    write(repo, "pyproject.toml", f"{PYPROJECT}{sources}")
    edit(repo, "packages/emel/pyproject.toml", "workspace = true", "path = '../disk'")
    what = "the sibling emel-disk isn't taken from the workspace"
    assert heard(repo) == [("packages/emel/pyproject.toml", what)]


@pytest.mark.behaviour("GATE-125")
@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("pyproject.toml", "[dependency-groups]\ndev = ['ruff>=0.12']\n"),
        ("tools/pyproject.toml", "dependencies = ['Ruff']\n"),
        ("tools/pyproject.toml", "optional-dependencies = { fast = ['ruff[a]; os_name'] }\n"),
        (
            "packages/disk/pyproject.toml",
            "[dependency-groups]\ntest = ['ruff', 'yaml', { include-group = 'a' }]\na = []\n",
        ),
    ],
)
@pytest.mark.parametrize("pin", ["", "# ruff==0.12\n", "ruff>=0.12\n", "ruff-lsp==1\n"])
def test_a_requirement_without_a_pin_is_found(repo, path, group, pin):
    edit(repo, "tools/constraints.txt", "# Pins.\n", pin)
    write(repo, path, f"{(repo / path).read_text('utf-8')}{group}")
    what = "ruff is required, and tools/constraints.txt has no version of it"
    assert heard(repo) == [(path, what)]
    write(repo, "tools/constraints.txt", "ruff == 0.17.6 ; os_name == 'x'  # why\nyaml==1\n")
    assert heard(repo) == []


@pytest.mark.behaviour("BND-08")
def test_a_dependency_that_nothing_imports_is_found(repo):
    edit(repo, "packages/disk/pyproject.toml", "[]", "[\"Ml-Dtypes[all] >=0.5; os_name == 'x'\"]")
    what = "ml_dtypes is declared and never imported"
    assert heard(repo) == [("packages/disk/pyproject.toml", what)]


@pytest.mark.behaviour("BND-11")
def test_a_file_that_is_no_python_is_found(repo):
    write(repo, "packages/disk/src/emel_disk/broken.py", "def f(:\n")
    (finding,) = check(tree_at(repo))
    assert (finding.where, finding.rule) == ("packages/disk/src/emel_disk/broken.py:1:7", "syntax")


@pytest.mark.behaviour("BND-11")
@pytest.mark.parametrize("declared", [b"", b"# coding: latin-1\n"])
def test_a_file_that_is_no_utf_8_is_found_whatever_it_declares(repo, declared):
    path = repo / "packages/disk/src/emel_disk/broken.py"
    path.write_bytes(declared + b"import os\nNAME = '\xe9'\n")
    for _ in range(2):  # as it is, and taken over
        (finding,) = check(settled(repo, repo / ".nox", anew=False))
        line = 2 + declared.count(b"\n")
        assert finding.where == f"packages/disk/src/emel_disk/broken.py:{line}"
        assert (finding.rule, finding.what) == ("syntax", "it is no Python: it isn't UTF-8")


@pytest.mark.behaviour("BND-03")
@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        (".importlinter", b"", "it sets nothing in [importlinter], so nothing holds"),
        (".importlinter", b"a = 1\n", "it can't be read: File contains no section headers"),
        (".importlinter", b"[\xe9]\n", "it can't be read: 'utf-8' codec"),
        (".importlinter", None, "it can't be read: [Errno 2] No such file"),
        ("pyproject.toml", b"[tool\n", "it can't be read: "),
        ("tools/pyproject.toml", b"# \xe9\n", "it can't be read: 'utf-8' codec"),
        ("packages/disk/pyproject.toml", b"project = 1\n", "it can't be read: Expected `object`"),
    ],
)
def test_what_the_rules_are_read_from_and_can_not_be_is_found(repo, path, text, what):
    (repo / path).unlink()
    if text is not None:
        (repo / path).write_bytes(text)
    ((finding,), checked) = look(repo)
    assert (finding.file, finding.rule, checked) == (path, "table", "nothing")
    assert finding.what.startswith(what)
    assert str(repo) not in finding.what


@pytest.mark.behaviour("BND-11")
@pytest.mark.parametrize("form", ["--json", "--sarif", "--github", None])
def test_the_command_answers_in_every_form(repo, capsys, form):
    write(repo, "packages/disk/src/emel_disk/sly.py", "open('x')\n")
    words = [form] if form else []
    assert main([*words, str(repo)]) == 1
    printed = capsys.readouterr()
    assert "packages/disk/src/emel_disk/sly.py" in printed.out + printed.err
    assert "capability-files" in printed.out + printed.err
    (repo / "packages/disk/src/emel_disk/sly.py").unlink()
    assert main([*words, str(repo)]) == 0


@pytest.mark.behaviour("BND-01")
def test_the_layers_are_read_from_the_top_down(repo):
    assert table.read(repo).layers == {"top": ("emel_tools", "emel"), "disks": ("emel_disk",)}


@pytest.mark.behaviour("BND-09")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("__init__.py", "from emel_disk._platform import spin\n\n__all__ = []\n"),
        ("__init__.py", "from os import open as spin\n\n__all__ = []\n"),
        ("_drive.py", "from os import fdopen as turn, open as spin\n"),
        ("_drive.py", "def spin():\n    import os\n\n    return os\n"),
        ("_drive.py", "import os as spin\n"),
        ("_drive.py", "from os import *\n"),
        ("_drive.py", "turn = 1\n"),
        ("open.py", ""),
    ],
)
def test_a_tree_over_another_finds_what_a_tree_of_its_own_finds(repo, path, text):
    write(repo, "packages/disk/src/emel_disk/_drive.py", "def spin():\n    return 1\n")
    write(
        repo,
        "packages/disk/src/emel_disk/use.py",
        "from emel_disk import _drive, spin\n\nspin(1)\n_drive.spin(1)\n_drive.spin().open(1)\n",
    )
    write(
        repo,
        "packages/disk/src/emel_disk/all.py",
        "from emel_disk._drive import *\n\nopen('x', 0)\n",
    )
    below = tree_at(repo)
    assert {finding.file for finding in contracts(below)} == {"packages/disk/src/emel_disk/all.py"}
    path = f"packages/disk/src/emel_disk/{path}"
    over = sorted(map(str, contracts(below.over({path: text}))))
    write(repo, path, text)
    assert over == sorted(map(str, contracts(tree_at(repo))))


DRIVE, USE, LATE = (
    f"packages/{path}.py"
    for path in ("disk/src/emel_disk/_drive", "emel/src/emel/use", "emel/src/emel/late")
)
ZOO = "packages/emel/src/emel/zoo.py"
USING = "from emel_disk import _drive, spin\n\nspin(1)\n_drive.spin(1)\n_drive.turn(1).open(1)\n"
STAR = "from emel_disk._drive import *\n\nturn('x', 0)\n"
CHANGES = [  # each after those above it; None removes the file
    (USE, USING),
    (DRIVE, "def spin():\n    return 1\n"),
    (USE, "import os\n\nos.open('x', 0)\n"),
    (USE, USING),
    (DRIVE, "from os import open as spin\n"),
    (DRIVE, "def turn(at):\n    import os\n\n    return os\n"),
    (DRIVE, "def turn(at) -> int:\n    return at\n\n\nSPINNING = 2\n"),
    ("packages/emel/src/emel/all.py", STAR),
    (DRIVE, "from os import open as turn\n"),
    (DRIVE, "from os import open as turn\n\n__all__ = ['spin']\n"),
    (DRIVE, "from os import open as turn\n\n__all__ = ['turn']\n"),
    (LATE, "import importlib\n\nimportlib.import_module('emel' + '.zoo').feed().unlink()\n"),
    (ZOO, "import pathlib\n\n\ndef feed():\n    return pathlib.Path('x')\n"),
    (ZOO, "def feed():\n    return 1\n"),
    (ZOO, "from emel.late import name\n\n\ndef feed():\n    return name\n"),
    ("packages/emel/src/emel/all.py", "import emel.zoo\n"),
    (LATE, "import os\nfrom emel.zoo import feed\n\nname = os\n"),
    (LATE, "import os\nfrom emel.zoo import feed\n\nname = feed()\nname.open('x', 0)\n"),
    (ZOO, "from emel.late import *\n\n\ndef feed():\n    return name\n"),
    (DRIVE, "def turn():\n    return 'os', 'posix'\n"),
    (USE, "from emel_disk._drive import turn\n\n__import__(turn()[0]).open('x', 0)\n"),
    (USE, "from emel_disk._drive import turn\n\n__import__(turn()[1]).close(0)\n"),
    ("packages/emel/src/emel/all.py", "from emel_disk._drive import turn\n\nturn('x', 0)\n"),
    (DRIVE, None),
    ("packages/disk/src/emel_disk/_drive/__init__.py", "from os import open as turn\n"),
    ("packages/disk/src/emel_disk/__init__.py", "from os import open as spin\n\n__all__ = []\n"),
    ("packages/emel/tests/test_use.py", "import emel_disk\n\nemel_disk.spin('x')\nx._vault = 1\n"),
    ("packages/disk/src/emel_disk/_vault.py", "_vault = 'SPINNING'\n"),
    (USE, "def use(:\n"),
    (USE, "name = '\\udc80'\ngetattr(open, '\\udc80')\n"),
    (".importlinter", TABLE.replace("    emel_disk._platform\n", "    emel_disk.*\n    emel.*\n")),
    ("packages/tape/src/emel_tape/__init__.py", "from emel_disk import _drive\n"),
]


def settled_findings(repo, folder, *, anew):
    found = check(settled(repo, folder, anew=anew))
    return sorted(map(str, found)), (folder / "kept.json").read_bytes()


@pytest.mark.behaviour("GATE-115")
def test_over_any_changes_what_is_kept_is_what_would_be_made(repo):
    fresh, warm = repo / ".nox" / "fresh", repo / ".nox" / "warm"
    heard = []
    for path, text in CHANGES:
        if text is None:
            (repo / path).unlink()
        else:
            write(repo, path, text)
        anew = settled_findings(repo, fresh, anew=True)
        assert settled_findings(repo, warm, anew=False) == anew, (path, text)
        heard.append(anew[0])
    assert len(set(map(tuple, heard))) > len(CHANGES) / 2


@pytest.mark.behaviour("GATE-115")
def test_what_a_name_means_can_be_kept_but_for_what_is_of_its_own_file():
    means = frozenset({Reference("os.open"), Instance("io.FileIO"), Text("a")})
    nested = frozenset({Items(means), *means})
    spelled = plain(frozenset({*nested, Getter(("open",)), Namespace("os")}))
    assert value(spelled) == nested
    assert spelled == plain(nested)


@pytest.mark.behaviour("GATE-115")
def test_a_file_is_read_again_where_it_or_what_it_asked_for_means_something_else(repo, monkeypatch):
    parsed, parse = [], ast.parse

    def note(text, path="", **options):
        parsed.append(path.rpartition("/")[2])
        return parse(text, path, **options)

    def read_again(**options):
        parsed.clear()
        with monkeypatch.context() as patched:
            patched.setattr(ast, "parse", note)
            settled(repo, repo / ".nox", **options)
        return sorted(parsed)

    write(repo, DRIVE, "def spin():\n    return 1\n")
    write(repo, USE, "from emel_disk._drive import spin\n\nspin(1).real\n")
    everything = read_again(anew=False)
    assert len(everything) == 7
    assert read_again(anew=False) == []
    write(repo, DRIVE, "def spin():\n    # once\n    print()\n    return 1\n")
    assert read_again(anew=False) == ["_drive.py"]
    write(repo, DRIVE, "def spin():\n    return 'once'\n")
    assert read_again(anew=False) == ["_drive.py", "use.py"]
    assert read_again(anew=True) == everything
    (repo / ".nox" / "kept.json").write_text("{", encoding="utf-8")
    assert read_again(anew=False) == everything
    monkeypatch.setattr(kept, "_OWN", ())
    assert read_again(anew=False) == everything


@pytest.mark.behaviour("GATE-115")
def test_the_full_scope_believes_nothing_that_is_kept(repo):
    def judged(*, full):
        (outcome,) = LANE.run(Job(repo, (TABLED,), full=full, base="", seed=0))
        return [finding.what for finding in outcome.findings]

    write(repo, USE, "import os\n\nos.open('x', 0)\n")
    (found,) = judged(full=False)
    path = repo / ".nox" / "gate" / "boundaries" / "kept.json"
    path.write_bytes(path.read_bytes().replace(b'"os.open', b'"os.sep'))
    assert judged(full=False) == []
    assert judged(full=True) == [found] == judged(full=False)
