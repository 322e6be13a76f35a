"""Write what is generated of the documents, or check it: `python -m emel_tools.pages [--check]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emel_tools.pages import samples, table
from emel_tools.reports import report


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the documents of the repository in the current directory."""
    parser = argparse.ArgumentParser(prog="nox -s docs --")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    check_only: bool = parser.parse_args(arguments).check
    root = Path.cwd()
    if absent := [*table.absent(root)]:
        return report("docs", absent, "nothing")
    with tempfile.TemporaryDirectory(prefix="emel-docs-") as folder:
        samples.write(Path(folder))
        texts = table.generated(root, Path(folder))
    if not check_only:
        table.write(root, texts)
    return report("docs", [*table.compare(root, texts)], f"{len(texts)} generated files")


if __name__ == "__main__":
    sys.exit(main())
