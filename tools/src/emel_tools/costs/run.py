"""Runs the workloads of one package, in a process that was made for it."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.running import Outcome
from emel_tools.snapshots import lines as snapshot

LINUX: Final = sys.platform == "linux"
_WORKLOADS: Final = "emel_tools.costs.workloads"


def run(root: Path, package: str) -> Outcome:
    """Take the figures of a package's workloads.

    The process is of no other use afterwards: what calls the system has been replaced in it.
    """
    if not LINUX:
        what = "costs are counted with what Linux says in /proc, and this is another system"
        fix = "run the lane on Linux; CI does"
        found = Finding("tools/src/emel_tools/costs", 0, 0, "platform", what, fix)
        return Outcome(package, "nothing", [found._replace(severity="warning")])
    if importlib.util.find_spec(f"{_WORKLOADS}.{package}") is None:
        what = f"{package} has no workloads: what it costs is held to nothing"
        fix = "write a function for each thing that it does, and list it in WORKLOADS"
        return Outcome(package, "nothing", [Finding(_file(package), 0, 0, "none", what, fix)])
    path = snapshot.path_of(root, "costs", package)
    return _held(package, {line.key: line.value for line in snapshot.read(path)})


def _held(package: str, recorded: Mapping[str, str]) -> Outcome:
    # Here and in this order: what is counted is replaced before any package can take hold of it.
    from emel_tools.costs import watch  # noqa: PLC0415

    watch.install()
    workloads = importlib.import_module(f"{_WORKLOADS}.{package}").WORKLOADS
    from emel_tools.costs.causes import causes  # noqa: PLC0415
    from emel_tools.costs.measure import Figure, Trouble, lines, take  # noqa: PLC0415
    from emel_tools.costs.site import Site  # noqa: PLC0415

    gc.freeze()  # what is imported stays: collections needn't look at it again and again
    with tempfile.TemporaryDirectory(prefix="emel-costs-") as folder:
        here = Path.cwd()
        os.chdir(folder)
        try:
            site, real = Site(Path(folder)), os.path.realpath(folder)
            taken = list(take(workloads, site, real, recorded))
        finally:
            os.chdir(here)
    figures = [each for each in taken if isinstance(each, Figure)]
    trouble = [each for each in taken if isinstance(each, Trouble)]
    return Outcome(
        package,
        f"{len(workloads)} workloads, {len(figures)} figures",
        [Finding(_file(package), 0, 0, each.rule, each.what, each.fix) for each in trouble],
        lines(taken, recorded),
        causes(figures, recorded),
    )


def _file(package: str) -> str:
    return f"tools/src/emel_tools/costs/workloads/{package}.py"
