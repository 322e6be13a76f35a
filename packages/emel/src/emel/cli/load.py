"""`emel load`: load every tensor, say what it took, and give it all back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import emel
from emel.cli import render
from emel.cli._platform import resident_nbytes
from emel.cli.options import AsJson, Direct, MemoryLimit, Strategy, Threads
from emel.cli.progress import bar


def load(
    file: Annotated[
        str, typer.Argument(help="A GGUF or safetensors file, an index, or a checkpoint's folder.")
    ],
    *,
    strategy: Strategy = "auto",
    threads: Threads = None,
    memory_limit: MemoryLimit = None,
    direct: Direct = False,
    touch: Annotated[
        bool, typer.Option("--touch", help="Bring mapped bytes into memory, not only addresses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load every tensor, show time, bytes and memory, then release and show memory again.

    A model that a memory limit doesn't hold is streamed through the stages instead, and nothing of
    it is kept.
    """
    before = resident_nbytes()
    start = perf_counter()
    with emel.open(file, strategy, memory_limit=memory_limit, direct=direct) as model:
        with bar("loading") as progress:
            how = _load(model, memory_limit, threads=threads, touch=touch, progress=progress)
        seconds = perf_counter() - start
        loaded, usage, use = resident_nbytes(), model.usage(), model.strategy
        totals = model.residency().totals
        model.release()
        released = model.residency().totals
        tensors, nbytes = len(model), sum(total.nbytes for total in totals.values())
    facts = _Facts(
        strategy=use._asdict(),
        how=how,
        touched=touch,
        tensors=tensors,
        nbytes=nbytes,
        seconds=seconds,
        gib_per_second=nbytes / 2**30 / seconds,
        slots_used=usage.slots,
        slots=usage.capacity,
        resident_before=before,
        resident_loaded=loaded,
        resident_after=resident_nbytes(),
        loaded={state: total._asdict() for state, total in totals.items()},
        released={state: total._asdict() for state, total in released.items()},
    )
    if as_json:
        render.print_json(asdict(facts))
    else:
        _print(facts)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a load took; times in seconds, sizes in bytes."""

    strategy: dict[str, object]
    how: str
    """"mapped", "copied" or "streamed"."""
    touched: bool
    tensors: int
    nbytes: int
    seconds: float
    gib_per_second: float
    slots_used: int
    slots: int
    resident_before: int | None
    resident_loaded: int | None
    resident_after: int | None
    loaded: dict[str, dict[str, int]]
    released: dict[str, dict[str, int]]


def _load(
    model: emel.Model,
    memory_limit: int | None,
    *,
    threads: int | None,
    touch: bool,
    progress: emel.OnProgress,
) -> str:
    try:
        model.load(threads=threads, touch=touch, progress=progress)
    except emel.BusyError as error:
        if error.code != "memory-limit" or memory_limit is None:
            raise
        model.stream(_let_pass, progress=progress)
        return "streamed"
    return "mapped" if model.usage().leases else "copied"


def _let_pass(name: str, start: int, chunk: NDArray[np.uint8]) -> None:
    """Keep nothing."""


def _print(facts: _Facts) -> None:
    lines = render.table("", "")
    lines.show_header = False
    hows = {
        "mapped": "mapped and touched"
        if facts.touched
        else "mapped; bytes are read as they are looked at",
        "copied": "copied",
        "streamed": "streamed through the stages, and not kept",
    }
    size = render.size(facts.nbytes)
    tensors = render.counted(facts.tensors, "tensor")
    lines.add_row("loaded", f"{tensors}, {size} ({hows[facts.how]})")
    lines.add_row("strategy", f"{facts.strategy['used']}: {facts.strategy['reason']}")
    moved = facts.touched or facts.how != "mapped"
    rate = f", {facts.gib_per_second:.2f} GiB/s" if moved else ""
    lines.add_row("time", f"{facts.seconds:.4f} s{rate}")
    if facts.slots:
        lines.add_row("slots", f"{facts.slots_used} of {facts.slots}")
    before, loaded, after = facts.resident_before, facts.resident_loaded, facts.resident_after
    if before is not None and loaded is not None and after is not None:
        rise, rest = loaded - before, after - before
        lines.add_row("resident memory", f"{render.size(before)} before")
        lines.add_row("", f"{render.size(loaded)} loaded (+{render.size(max(rise, 0))})")
        lines.add_row("", f"{render.size(after)} after release (+{render.size(max(rest, 0))})")
    for when, states in (("residency", facts.loaded), ("after release", facts.released)):
        spelled = (f"{t['tensors']} {s} ({render.size(t['nbytes'])})" for s, t in states.items())
        lines.add_row(when, ", ".join(spelled))
    render.console().print(lines)
