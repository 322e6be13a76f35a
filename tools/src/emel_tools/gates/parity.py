"""Every tensor equals gguf-py's and safetensors', through every strategy and way of reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.running import Job, Lane, Outcome, Reads, Shard

_BUDGET: Final = 120.0
"""Seconds; a shard takes 2 of processor time."""
_REAL: Final = 900.0
"""Seconds for the real models: 300 MB, in ten openings."""
_DOWNLOAD: Final = "nox -s quality_gates -- --full --real-models"


def _shards(_root: Path) -> Sequence[Shard]:
    reads = Reads(calls=("emel",))
    real = Reads(calls=("emel",), paths=("tools/real-models.txt",))
    return [
        Shard("parity", "gguf", reads, _BUDGET),
        Shard("parity", "safetensors", reads, _BUDGET),
        Shard("parity", "real", real, _REAL, only_full=True),
    ]


def _run(job: Job) -> Iterator[Outcome]:
    from emel_tools.parity.run import generated, real

    for name in job.shards:
        if name != "real":
            found = generated(job.root, job.folder / "parity" / name, name, full=job.full)
            yield Outcome(name, found.checked, found.findings)
            continue
        compared = real(job.root, job.root / ".nox" / "models")
        if compared is None:
            what = "the real models haven't been downloaded: nothing was compared"
            absent = Finding("tools/real-models.txt", 0, 0, "absent", what, _DOWNLOAD)
            yield Outcome(name, "nothing", [absent._replace(severity="warning")])
        else:
            yield Outcome(name, compared.checked, compared.findings)


LANE = Lane(
    "parity",
    "every tensor equals what independent readers find, through every way of reading it",
    _shards,
    _run,
    varies=True,  # it compares a third of what it does in full scope
)
