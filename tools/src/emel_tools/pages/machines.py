"""Every machine is drawn: a table that a package runs and doesn't export is found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import cast

from emel_machine import ColumnTable, Table
from emel_tools.findings import Finding
from emel_tools.workspace import Package


def undrawn(package: Package) -> Iterator[Finding]:
    """Find tables in the modules of an imported package that its `TABLES` doesn't list."""
    tables: tuple[object, ...] = getattr(sys.modules[package.module], "TABLES", ())
    drawn = {id(table) for table in tables}
    # A package has in its front door what a module below it defines: that one comes first.
    for name, module in sorted(sys.modules.items(), key=lambda item: -item[0].count(".")):
        if name.partition(".")[0] != package.module:
            continue
        for key, value in cast("dict[str, object]", vars(module)).items():
            if (
                isinstance(value, Table | ColumnTable)
                and (number := id(cast("object", value))) not in drawn
            ):
                drawn.add(number)
                what = (
                    f"the machine {name}.{key} is not among {package.module}.TABLES, so not drawn"
                )
                file = f"packages/{package.name}/src/{name.replace('.', '/')}.py"
                yield Finding(file, 0, 0, "drawing", what, "add it to TABLES, and run nox -s docs")
