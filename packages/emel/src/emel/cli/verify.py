"""`emel verify`: whether two checkpoints, or a checkpoint and a record, hold the same weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

import emel
from emel.cli import render
from emel.cli._platform import small_file
from emel.cli.options import AsJson, Direct, MemoryLimit, Strategy
from emel.cli.progress import bar
from emel.cli.recorded import LIMIT_NBYTES, compare_record, looks_like_record, parse_record


def verify(
    first: Annotated[str, typer.Argument(help="A GGUF or safetensors checkpoint.")],
    second: Annotated[
        str, typer.Argument(help="Another, or what `emel digest` printed, as text or JSON.")
    ],
    *,
    strategy: Strategy = "auto",
    memory_limit: MemoryLimit = None,
    direct: Direct = False,
    as_json: AsJson = False,
) -> None:
    """Say which tensors differ, and where first; exit code 1 if any does."""
    record = parse_record(small_file(second, LIMIT_NBYTES, looks_like_record), second)

    def opened(path: str) -> emel.Model:
        return emel.open(path, strategy, memory_limit=memory_limit, direct=direct)

    with opened(first) as model, bar("verifying") as progress:
        if record is not None:
            found = compare_record(model.digest(progress), record)
        else:
            with opened(second) as other:
                found = model.compare(other, progress)
    if as_json:
        render.print_json(
            {
                "first": first,
                "second": second,
                "same": found.same,
                "tensors": found.tensors,
                "nbytes": found.nbytes,
                "differences": [asdict(difference) for difference in found.differences],
            }
        )
    else:
        _print(found)
    if not found.same:
        raise typer.Exit(1)


def _print(found: emel.Comparison) -> None:
    if found.same:
        nbytes = f", {render.size(found.nbytes)}" if found.nbytes else ""
        typer.echo(f"the same: {render.counted(found.tensors, 'tensor')}{nbytes}")
        return
    rows = [
        # What is second may be from a record, and any text.
        (render.text(d.tensor), d.what, d.first, render.text(d.second), _place(d))
        for d in found.differences
    ]
    header = ("tensor", "differs in", "first", "second", "where first")
    render.print_columns(render.console(), header, rows)
    typer.echo(f"\n{len(rows)} differ; {render.counted(found.tensors, 'tensor')} in both")


def _place(difference: emel.Difference) -> str:
    if difference.element is None or difference.offset is None:
        return ""
    element = ", ".join(map(str, difference.element))
    return f"[{element}], byte {difference.offset} of the tensor"
