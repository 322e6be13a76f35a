"""Everything that the gate itself writes, by key; run in a process of its own, as `saying` is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from emel_tools.determinism.disorder import shuffle_listings
from emel_tools.findings import Finding, in_order
from emel_tools.pages import samples, table
from emel_tools.reports.junit import junit_of
from emel_tools.reports.markdown import markdown_of
from emel_tools.reports.sarif import sarif_of
from emel_tools.running import record
from emel_tools.running.registry import lanes
from emel_tools.running.results import Result
from emel_tools.running.run import Run
from emel_tools.scope import Asked, choose
from emel_tools.snapshots import lines


def main() -> None:
    """Write the transcript."""
    folder, root = Path(sys.argv[1]), Path.cwd()
    order = int(sys.argv[3])
    if order:
        shuffle_listings(order)
    said: dict[str, str] = {}
    places = [f"packages/p{i * 7 % 20}/x.py" for i in range(20)]
    found = [
        Finding(f, i % 3, 0, f"rule{i % 4}", "is wrong", "mend it") for i, f in enumerate(places)
    ]
    found += [Finding(places[0], 1, 0, f"rule{i}", f"is {i}", "mend it") for i in range(9)]
    ordered = in_order("made", {*found})
    said["findings"] = "\n".join(map(str, ordered))
    said["snapshot"] = lines.text_of({f"key {p}": "1" for p in {*places}})
    known = lanes(root)
    said["lanes"] = repr([(each.name, list(each.shards(root))) for each in known])
    scope = choose(root, known, Asked(("behaviours",), full=False, base=""))
    results = [Result("behaviours", "promises", "failed", "asked for", "all", tuple(ordered))]
    run = Run.of(scope, results, seed=1, seconds=1.0, stopped="")
    said["junit"], said["sarif"] = junit_of(run), sarif_of(run)
    said["markdown"], said["json"] = markdown_of(run), record.text_of(run)
    folder.mkdir(parents=True)
    samples.write(folder)
    for path, text in table.generated(root, folder).items():
        said[f"page {path}"] = str(text)
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
