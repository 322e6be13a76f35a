"""Counts what a first use imports, in a process of its own: in this one everything is imported.

Our modules are counted, and packages that others made are named, so that one of them that comes
in is told. How many modules the standard library makes of itself differs between Pythons.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import msgspec

from emel_tools.costs.site import Site
from emel_tools.costs.workload import RefusedError

MODULES: Final = "modules"
_SCRIPT: Final = """
import json, sys
before, told, names = {*sys.modules}, {}, {}
for name, step in json.loads(sys.argv[1]).items():
    exec(step, names)
    told[name] = [each for each in sys.modules if each not in before]
print(json.dumps(told))
"""


def imported(steps: Mapping[str, str]) -> dict[str, int]:
    """Take steps one after another in a fresh process, and count what is there after each.

    Parameters
    ----------
    steps
        Python's words, by what was done after them.
    """
    words = [sys.executable, "-c", _SCRIPT, json.dumps(steps)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode:
        raise RefusedError(ended.stderr)
    told = msgspec.json.decode(ended.stdout, type=dict[str, list[str]])
    return {
        f"{step} {figure}": count
        for step, modules in told.items()
        for figure, count in _counted(modules).items()
    }


def _counted(modules: list[str]) -> dict[str, int]:
    packages = [module.partition(".")[0] for module in modules]
    ours = [package for package in packages if package == "emel" or package.startswith("emel_")]
    others = {*packages}.difference(ours, sys.stdlib_module_names)
    return {MODULES: len(ours)} | dict.fromkeys(sorted(others), 1)


def mapped(site: Site) -> dict[str, str]:
    """Open a model that is mapped, and look at a tensor of it."""
    return {
        "imported": "import emel",
        "opened": f"model = emel.open({site.gguf(4, 64)!r}, 'mmap')",
        "looked-at": "model[next(iter(model))]",
    }
