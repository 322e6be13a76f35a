"""What a figure that got worse most likely comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emel_tools.costs.measure import Figure
from emel_tools.costs.workload import MIB, Scaled, Workload

_LARGE: Final = MIB // 8
"""Bytes of a tensor below which a copy of it doesn't stand out."""
_PLAIN: Final[Mapping[str, tuple[str, str]]] = {
    "opens": ("a file is opened once more", "a file isn't opened any more"),
    "closes": ("something more is closed", "something isn't closed any more"),
    "looks": ("a file is looked at (stat, fstat) once more", "a file isn't looked at any more"),
    "listings": ("a folder is listed once more", "a folder isn't listed any more"),
    "maps": ("one more mapping", "something isn't mapped any more"),
    "unmaps": ("something more is unmapped", "a mapping isn't unmapped any more"),
    "advices": ("the kernel is advised once more", "an advice is lost"),
    "advised-bytes": ("more is populated, or given back", "less is populated, or given back"),
    "read-ahead-hints": ("the kernel is told once more what is read", "a hint is lost"),
    "threads": ("a thread more is started", "a thread less is started"),
    "other-calls": ("a call to the system that nothing here made before", "a call less"),
    "dispatches": ("a batch was divided, or handed over twice", "batches were joined"),
    "left-open": ("a lost release: a descriptor stays open", "less is left open"),
    "left-mapped": ("a lost release: a mapping isn't unmapped", "less is left mapped"),
    "left-threads": ("a thread isn't joined", "fewer threads are left"),
    "left-kib": ("something is kept that was let go of before", "less is kept"),
    "held-kib": ("something is kept as long as it is open", "less is kept while it is open"),
    "modules": ("something is imported before it is needed", "something isn't imported any more"),
    "lines": ("a loop where there was none, or one in another: count the turns", "fewer turns"),
    "calls": ("a call for each item, or a loop in another", "fewer calls"),
    "time-power": (
        (
            "time grows faster than the items: quadratic, such as `in` a list, list.index, or += of"
            " bytes for each of them"
        ),
        "time grows no faster than the items any more",
    ),
}


def causes(figures: Sequence[Figure], recorded: Mapping[str, str]) -> dict[str, str]:
    """Say what is likely behind each figure that differs, where that can be told.

    Of a workload of which nothing is recorded yet, nothing differs.
    """
    values = {figure.key: figure.value for figure in figures}
    known = {key.partition(" ")[0] for key in recorded}
    found: dict[str, str] = {}
    for figure in figures:
        if figure.workload.name not in known:
            continue
        before = recorded.get(figure.key, "0")  # what is none isn't always recorded
        if before.isdecimal() and int(before) != figure.value:
            cause = _cause(figure, figure.value - int(before), values, recorded)
            if cause:
                found[figure.key] = cause
    return found


def _cause(
    figure: Figure, more: int, values: Mapping[str, int], recorded: Mapping[str, str]
) -> str:
    name = figure.name.rpartition(" ")[2]
    if name == "peak-kib":
        return _of_memory(figure, more)
    if name in ("reads", "read-bytes"):
        return _of_reads(figure, values, recorded)
    if name in ("lines", "calls") and (grown := _quadratic(figure, name, values)):
        return grown
    worse, better = _PLAIN.get(name, ("", ""))
    return f"{worse}{_for_each(figure, more)}" if more > 0 else better


def _for_each(figure: Figure, more: int) -> str:
    """Tell one more call from one more for each tensor or file."""
    workload = figure.workload
    if not isinstance(workload, Workload) or figure.name.startswith(("left", "advised")):
        return ""
    for count, each in ((workload.items, "tensor or span"), (workload.files, "file")):
        if count > 1 and more >= count:
            return f", for each {each}: {more} for {count}"
    return ""


def _of_memory(figure: Figure, more: int) -> str:
    workload, nbytes = figure.workload, more << 10
    if not isinstance(workload, Workload):
        return "memory for each item, or items times items" if more > 0 else "less memory"
    if more < 0:
        return "a copy less, or a smaller buffer"
    each = workload.nbytes // workload.items
    for size, what in ((workload.nbytes, "the payload"), (each, "one tensor")):
        if size >= _LARGE and nbytes >= 0.8 * size:
            return f"a copy of {what}: the peak grew by {nbytes / size:.1f} times its size"
    return "a buffer that is larger, or one more"


def _of_reads(figure: Figure, values: Mapping[str, int], recorded: Mapping[str, str]) -> str:
    reads, nbytes = (f"{figure.workload.name} {name}" for name in ("reads", "read-bytes"))
    more_reads, more_bytes = (
        values.get(key, 0) - int(recorded.get(key, "0")) for key in (reads, nbytes)
    )
    if more_bytes > 0:
        return "bytes are read that weren't, or read twice"
    if more_bytes < 0:
        return "fewer bytes are read"
    if more_reads > 0:
        return "the same bytes in more calls: a smaller chunk, or runs that aren't joined any more"
    return "the same bytes in fewer calls"


def _quadratic(figure: Figure, name: str, values: Mapping[str, int]) -> str:
    workload = figure.workload
    if not isinstance(workload, Scaled):
        return ""
    few, many = workload.sizes
    small, large = (values[f"{workload.name} of-{size} {name}"] for size in (few, many))
    if large > 2 * small * many / few:
        return (
            f"quadratic: {small / few:.0f} {name} for each of {few} items,"
            f" {large / many:.0f} for each of {many}"
        )
    return ""
