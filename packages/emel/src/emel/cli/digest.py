"""`emel digest`: one digest a tensor, and one for the model."""

from __future__ import annotations

from typing import Annotated

import typer

import emel
from emel.cli import render
from emel.cli.options import AsJson, Direct, MemoryLimit, Strategy
from emel.cli.progress import bar


def digest(
    file: Annotated[
        str, typer.Argument(help="A GGUF or safetensors file, an index, or a checkpoint's folder.")
    ],
    *,
    strategy: Strategy = "auto",
    memory_limit: MemoryLimit = None,
    direct: Direct = False,
    as_json: AsJson = False,
) -> None:
    """Print a digest of every tensor and of the model: the same for the same weights."""
    with (
        emel.open(file, strategy, memory_limit=memory_limit, direct=direct) as model,
        bar("digesting") as progress,
    ):
        digests = model.digest(progress)
    if as_json:
        tensors = {str(render.plain(name)): value for name, value in digests.tensors.items()}
        render.print_json({"algorithm": "xxh3_128", "model": digests.model, "tensors": tensors})
        return
    # Plain lines, as of sha256sum: they are compared with diff, not read in a box.
    for name, value in digests.tensors.items():
        typer.echo(f"{value}  {render.distinct(name)}")
    typer.echo(f"{digests.model}  (model)")
