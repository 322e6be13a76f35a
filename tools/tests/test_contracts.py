"""Every contract of .importlinter breaks when its violation is planted: none holds vacuously.

The violations are made from the contracts themselves, so a contract added later is tried too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emel_tools.boundaries import contracts
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = contracts.read(ROOT)


def violations(contract):
    """List (module that imports, what it imports) that `contract` must refuse."""
    if contract.type == "layers":
        return list(upward(contract))
    if contract.type == "forbidden":
        sources, targets = contract.entries("source_modules"), contract.entries("forbidden_modules")
        return [(source, target) for source in sources for target in targets]
    assert contract.type == "protected", f"teach this test to break a {contract.type} contract"
    allowed = {name.split(".")[0] for name in contract.entries("allowed_importers")} - {"*"}
    offender = next(root for root in CONFIGURATION.roots if root not in allowed)
    targets = [concrete(name) for name in contract.entries("protected_modules")]
    return [(offender, target) for target in targets]


def upward(contract):
    """Each package of a layer imports one of the layer above, and each of its own layer."""
    layers = [
        [name.strip() for name in entry.split("|") if "(" not in name]
        for entry in contract.entries("layers")
    ]
    for above, layer in zip([[], *layers], layers, strict=False):
        for source in layer:
            yield from ((source, target) for target in above)
            yield from ((source, target) for target in layer if target != source)


def concrete(name):
    """Turn a pattern into a module that it matches."""
    if "*" not in name:
        return name
    if name.startswith("*."):
        return next(f"{p.module}{name[1:]}" for p in packages(ROOT) if has(p, name[2:]))
    root = name.removesuffix(".*")
    return next(
        f"{root}.{path.stem}"
        for package in packages(ROOT)
        if package.module == root
        for path in sorted(package.source.glob("*.py"))
        if path.stem != "__init__"
    )


def has(package, module):
    return (package.source / f"{module}.py").exists()


@pytest.fixture
def copy(tmp_path):
    """Copy the sources of all packages into one folder, whence import-linter reads them."""
    for package in packages(ROOT):
        shutil.copytree(package.source, tmp_path / package.module)
    return tmp_path


def lint(folder, contract=None):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    command += ["--config", str(ROOT / ".importlinter"), "--no-cache", "--no-logo"]
    command += ["--contract", contract] if contract else []
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.behaviour("BND-09")
def test_the_packages_keep_every_contract(copy):
    answer = lint(copy)
    assert answer.returncode == 0, answer.stdout
    assert f"{len(CONFIGURATION.contracts)} kept, 0 broken" in answer.stdout


@pytest.mark.behaviour("BND-09")
@pytest.mark.parametrize("contract", CONFIGURATION.contracts, ids=lambda contract: contract.id)
def test_a_contract_breaks_when_its_violation_is_planted(copy, contract):
    planted = violations(contract)
    assert planted
    for source, target in planted:
        with (copy / source / "planted.py").open("a", encoding="utf-8") as module:
            module.write(f"import {target}\n")
    answer = lint(copy, contract.id)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    for source, target in planted:
        assert f"{source}.planted -> {target}" in answer.stdout
    assert contract.entries("broken_contract_guidance")[0] in answer.stdout
