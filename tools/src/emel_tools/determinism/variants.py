"""Processes that differ in what must not matter, and what differs in what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.findings import Finding


class Variant(NamedTuple):
    """One process."""

    label: str
    hash_seed: int = 0
    folder: str = "a"
    """Below the lane's own folder: where samples lie."""
    threads: int = 0
    order: int = 0
    """The seed of the order of listings and reads; 0: as they come."""
    environment: Mapping[str, str] = {}


_ELSEWHERE: Final = {
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "TZ": "Asia/Kathmandu",
    "PYTHONMALLOC": "malloc",
    "COLUMNS": "50",
    "NO_COLOR": "1",
}
BASE: Final = Variant("the first run")
VARIANTS: Final = (
    Variant("another hash seed, and 1 thread", 1, threads=1),
    Variant(
        "a third hash seed, 4 threads, listings and reads in another order", 2, threads=4, order=1
    ),
    Variant(
        "a fourth hash seed, another folder, time zone, locale and allocator",
        3,
        "another folder/bé",
        environment=_ELSEWHERE,
    ),
)
MORE: Final = (
    Variant("nothing else"),
    Variant(
        "a fifth hash seed, 2 threads, listings and reads in a third order", 5, threads=2, order=2
    ),
)
"""In full scope, beside those."""
_OF_A_STRATEGY: Final = re.compile(r"(?P<model>.*), (mmap|read|staged|auto): (?P<what>.*)")
AGREED: Final = (
    "bytes",
    "digest",
    "files",
    "infos",
    "metadata",
    "names",
    "one buffer",
    "some in one buffer",
    "streamed, in any order",
)
"""What is the same through every strategy."""
SHOWN: Final = 6
"""Differing lines that are shown of one variant, each of them once."""


class Said(NamedTuple):
    """What one process said."""

    lines: dict[str, str]
    trouble: str


def run(root: Path, folder: Path, module: str, variant: Variant) -> Said:
    """Let one variant write its transcript."""
    place = folder / variant.folder
    shutil.rmtree(place, ignore_errors=True)
    temporary = place / "tmp"
    temporary.mkdir(parents=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not _changes(name)},
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(temporary),
        "PYTHONHASHSEED": str(variant.hash_seed),
        **variant.environment,
    }
    words = (str(place / "samples"), str(variant.threads), str(variant.order))
    done = subprocess.run(
        (sys.executable, "-m", module, *words),
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        return Said({}, f"exit code {done.returncode}: {done.stderr[-800:]}")
    return Said(json.loads(done.stdout), "")


def _changes(name: str) -> bool:
    """Whether a variable may change what is said; where modules lie may not."""
    return name.startswith(("LC_", "PYTHON")) and name != "PYTHONPATH"


def compare(
    root: Path, folder: Path, module: str, variants: Sequence[Variant]
) -> tuple[list[Finding], str]:
    """Hold what each variant says to what the first run said."""
    base = run(root, folder, module, BASE)
    findings = [_failed(module, BASE, base.trouble)] if base.trouble else []
    findings += _disagreements(module, base.lines)
    told = set[str]()
    for variant in () if base.trouble else variants:
        said = run(root, folder, module, variant)
        if said.trouble:
            findings.append(_failed(module, variant, said.trouble))
        else:
            findings += _differences(module, variant, base.lines, said.lines, told)
    shutil.rmtree(folder, ignore_errors=True)
    return findings, f"{len(base.lines)} lines, {len(variants) + 1} processes"


def _failed(module: str, variant: Variant, trouble: str) -> Finding:
    what = f"{variant.label}: the transcript can't be written: {trouble}"
    return Finding(_place(module), 0, 0, "transcript", what, f"python -m {module} FOLDER 0 0")


def _differences(
    module: str,
    variant: Variant,
    base: Mapping[str, str],
    said: Mapping[str, str],
    told: set[str],
) -> list[Finding]:
    """Show some lines that differ, of those that no variant before has `told` of."""
    differing = [key for key in {**base, **said} if base.get(key) != said.get(key)]
    found: list[Finding] = []
    for key in [key for key in differing if key not in told][:SHOWN]:
        told.add(key)
        first, second = _apart(base.get(key, "nothing"), said.get(key, "nothing"))
        more = f" ({len(differing)} lines differ)" if len(differing) > 1 else ""
        what = f"{key}: with {variant.label}: {first!r} expected, got {second!r}{more}"
        fix = (
            "sort, or keep to the order of the file: iterate over no set, no listing as it comes, "
            "no ids, and nothing in the order in which threads end"
        )
        found.append(Finding(_place(module), 0, 0, "differs", what, fix))
    return found


def _disagreements(module: str, lines: Mapping[str, str]) -> Iterator[Finding]:
    """Find what a model is said to be by one strategy, and not by another."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for key, text in lines.items():
        match = _OF_A_STRATEGY.fullmatch(key)
        if match is None or match["what"] not in AGREED:
            continue
        strategy, expected = first.setdefault((match["model"], match["what"]), (key, text))
        if text != expected:
            one, other = _apart(expected, text)
            what = f"{key}: {one!r} expected, as {strategy} has it, got {other!r}"
            fix = "whatever gets the bytes: keep to the order of the file"
            yield Finding(_place(module), 0, 0, "differs", what, fix)


def _apart(first: str, second: str) -> tuple[str, str]:
    """Show two texts from shortly before where they part."""
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    start = max(0, at - 30)
    dots = "..." if start else ""
    return dots + first[start : at + 120], dots + second[start : at + 120]


def _place(module: str) -> str:
    return "packages" if module.endswith("saying") else "tools/src/emel_tools"
