"""Compare checkpoints in every way, and say what differs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import emel
from emel_tools.findings import Finding
from emel_tools.parity.expected import Checkpoint, of_gguf, of_safetensors
from emel_tools.parity.vast import VAST_WAYS, vast
from emel_tools.parity.ways import OPENINGS, WAYS, Difference, Opening
from emel_tools.parity.written import all_safetensors, ggufs
from emel_tools.real_models import GGUF, SAFETENSORS, assemble

SHOWN = 20
"""Findings of one shard: what is wrong in one way mostly is in others."""


class Compared(NamedTuple):
    """What came of comparing."""

    findings: list[Finding]
    checked: str


def compare(
    root: Path,
    checkpoints: Iterable[Checkpoint],
    ways: Iterable[str] = WAYS,
    *,
    full: bool = True,
) -> Compared:
    """Open each checkpoint, and compare everything that comes out.

    In full scope everything is opened and read in every way; by default the first checkpoint is,
    which has every type, and the second, whose tensors are large; of the others each pair of
    opening and way meets every fifth.
    """
    findings: list[Finding] = []
    counts = {"checkpoints": 0, "tensors": 0, "comparisons": 0}
    chosen = tuple(ways)
    for number, checkpoint in enumerate(checkpoints):
        counts["checkpoints"] += 1
        counts["tensors"] += len(checkpoint.tensors)
        for turn, opening in enumerate(OPENINGS):
            for more, name in enumerate(chosen):
                if not full and number > 1 and (number + turn + 3 * more) % 5:
                    continue
                differences = _differences(checkpoint, opening, name)
                counts["comparisons"] += max(len(differences), len(checkpoint.tensors))
                found = next((d for d in differences if d is not None), None)
                if found is not None:
                    findings.append(_finding(root, checkpoint, opening, name, found))
    shown = findings[:SHOWN]
    checked = ", ".join(f"{count} {what}" for what, count in counts.items())
    return Compared(shown, f"{checked}, {len(OPENINGS)} openings, {len(chosen)} ways")


def _differences(checkpoint: Checkpoint, opening: Opening, way: str) -> list[Difference | None]:
    """Compare in one way; what is raised is a difference, too."""
    limit = opening.options.get("memory_limit")
    total = sum(tensor.nbytes for tensor in checkpoint.tensors)
    try:
        with emel.open(checkpoint.opened, opening.strategy, **opening.options) as model:
            return list({**WAYS, **VAST_WAYS}[way](model, checkpoint, opening))
    except Exception as error:  # whatever it is, it is a finding
        is_limit = isinstance(error, emel.BusyError) and error.code == "memory-limit"
        if is_limit and limit is not None and total > limit // 4:
            return []  # as promised: more than a limit allows for is refused
        return [Difference("", "an answer", "none raised", f"{type(error).__name__}: {error}")]


def _finding(
    root: Path, checkpoint: Checkpoint, opening: Opening, way: str, found: Difference
) -> Finding:
    file = os.path.relpath(checkpoint.files[0], root)
    tensor = f"tensor {found.tensor}, " if found.tensor else ""
    what = (
        f"{checkpoint.label}, opened with {opening.label}, {way}: {tensor}{found.what}: expected "
        f"{found.expected} as by {checkpoint.format}'s own reader, got {found.got}"
    )
    fix = f"mend emel: independent readers agree on {file}, which is kept to be looked at"
    return Finding("packages/emel/src", 0, 0, way.replace(" ", "-"), what, fix)


def generated(root: Path, folder: Path, kind: str, *, full: bool) -> Compared:
    """Write the checkpoints of a format, and compare them; kept only if something differs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writes = {"gguf": ggufs, "safetensors": all_safetensors}[kind]
    compared = compare(root, writes(folder), full=full)
    if kind == "safetensors":
        compared = _both(compared, compare(root, [vast(folder)], VAST_WAYS))
    if not compared.findings:
        shutil.rmtree(folder)
    return compared


REAL_WAYS = ("described", "loaded whole", "streamed", "digested")
"""What published models of hundreds of MB are compared in: every byte, and no more than that."""


def real(root: Path, models: Path) -> Compared | None:
    """Compare the published models; None if they haven't been downloaded."""
    if not (models / "installed.sha256").exists():
        return None
    assemble(models)
    gguf, safetensors = models / GGUF, models / SAFETENSORS
    one = compare(root, [of_safetensors("MiniLM", safetensors, [safetensors])])
    other = compare(root, [of_gguf("Gemma 3", gguf, [gguf])], REAL_WAYS)
    return _both(one, other)


def _both(one: Compared, other: Compared) -> Compared:
    return Compared([*one.findings, *other.findings], f"{one.checked}; {other.checked}")
