"""The cases of each package: one module a package, which hands out its `CASES`."""

from __future__ import annotations

import importlib
import importlib.util

from emel_tools.ratios.case import Case


def cases_of(package: str) -> tuple[Case, ...]:
    """List the cases of a package; none if there is no module for it."""
    module = f"{__name__}.{package}"
    if importlib.util.find_spec(module) is None:
        return ()
    return importlib.import_module(module).CASES
