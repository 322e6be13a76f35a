"""`emel load`: load every tensor, say what it took, and give it all back."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated

import typer

import emel
from emel.cli import render
from emel.cli._platform import resident_nbytes
from emel.cli.progress import bar


def load(
    file: Annotated[str, typer.Argument(help="A GGUF or safetensors file.")],
    *,
    strategy: Annotated[str, typer.Option(help="How bytes get into memory.")] = "mmap",
    touch: Annotated[
        bool, typer.Option("--touch", help="Bring every byte into memory, not only addresses.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load every tensor, show time, bytes and memory, then release and show memory again."""
    before = resident_nbytes()
    start = perf_counter()
    with emel.open(file, strategy=strategy) as model:
        with bar("loading") as progress:
            model.load(touch=touch, progress=progress)
        seconds = perf_counter() - start
        loaded, usage = resident_nbytes(), model.usage()
        totals = model.residency().totals
        nbytes = sum(total.nbytes for total in totals.values())
        model.release()
        released = model.residency().totals
    after = resident_nbytes()
    facts: dict[str, object] = {
        "strategy": strategy,
        "touched": touch,
        "tensors": len(model),
        "nbytes": nbytes,
        "seconds": seconds,
        "gib_per_second": nbytes / 2**30 / seconds,
        "slots_used": usage.slots,
        "slots": usage.capacity,
        "resident_before": before,
        "resident_loaded": loaded,
        "resident_after": after,
        "loaded": {state: total._asdict() for state, total in totals.items()},
        "released": {state: total._asdict() for state, total in released.items()},
    }
    if as_json:
        render.print_json(facts)
        return
    lines = render.table("", "")
    lines.show_header = False
    how = "mapped and touched" if touch else "mapped; bytes are read as they are looked at"
    lines.add_row("loaded", f"{len(model)} tensors, {render.size(nbytes)} ({how})")
    rate = f", {nbytes / 2**30 / seconds:.2f} GiB/s" if touch else ""
    lines.add_row("time", f"{seconds:.4f} s{rate}")
    lines.add_row("slots", f"{usage.slots} of {usage.capacity}")
    if before is not None and loaded is not None and after is not None:
        rise, rest = loaded - before, after - before
        lines.add_row("resident memory", f"{render.size(before)} before")
        lines.add_row("", f"{render.size(loaded)} loaded (+{render.size(max(rise, 0))})")
        lines.add_row("", f"{render.size(after)} after release (+{render.size(max(rest, 0))})")
    for when, states in (("residency", totals), ("after release", released)):
        spelled = (f"{t.tensors} {s} ({render.size(t.nbytes)})" for s, t in states.items())
        lines.add_row(when, ", ".join(spelled))
    render.console().print(lines)
