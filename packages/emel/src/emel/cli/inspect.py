"""`emel inspect`: what a file holds, from its header alone."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from rich.console import Console

import emel
from emel.cli import render

LARGEST: int = 5
"""So many of the largest tensors are shown, unless all are asked for."""


def inspect(
    file: Annotated[str, typer.Argument(help="A GGUF or safetensors file.")],
    *,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    metadata: Annotated[bool, typer.Option("--metadata", help="List the metadata.")] = False,
    grep: Annotated[
        str | None, typer.Option(help="Only tensors and metadata keys that match this RE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a file holds: format, metadata, tensors by type, the largest ones."""
    pattern = _compile(grep)
    with emel.open(file) as model:
        infos = [model.info(name) for name in model if pattern.search(name)]
        keys = [key for key in model.metadata if pattern.search(key)]
        if as_json:
            render.print_json(_document(model, infos, keys))
            return
        out = render.console()
        _print_summary(out, model, infos, filtered=grep is not None)
        if metadata or (grep is not None and keys):
            _print_metadata(out, model, keys)
        _print_tensors(out, infos, everything=tensors or grep is not None)


def _compile(grep: str | None) -> re.Pattern[str]:
    try:
        return re.compile(grep or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise typer.BadParameter(
            f"not a regular expression: {error}", param_hint="--grep"
        ) from None


def _by_dtype(infos: list[emel.TensorInfo]) -> dict[str, tuple[int, int]]:
    """Count tensors and bytes by type, the most bytes first."""
    sums: dict[str, tuple[int, int]] = {}
    for info in infos:
        count, nbytes = sums.get(info.dtype, (0, 0))
        sums[info.dtype] = count + 1, nbytes + info.nbytes
    return dict(sorted(sums.items(), key=lambda item: -item[1][1]))


def _document(
    model: emel.Model, infos: list[emel.TensorInfo], keys: list[str]
) -> dict[str, object]:
    return {
        "format": model.format,
        "version": model.version or None,
        "byteorder": model.byteorder,
        "files": list(model.files),
        "architecture": render.plain(model.metadata.get("general.architecture")),
        "tensor_count": len(infos),
        "nbytes": sum(info.nbytes for info in infos),
        "dtypes": {
            name: {"tensors": count, "nbytes": nbytes}
            for name, (count, nbytes) in _by_dtype(infos).items()
        },
        "metadata": {str(render.plain(key)): render.plain(model.metadata[key]) for key in keys},
        "tensors": [
            {
                "name": render.plain(info.name),
                "dtype": info.dtype,
                "shape": info.shape,
                "nbytes": info.nbytes,
                "file": info.file,
                "offset": info.offset,
            }
            for info in infos
        ],
    }


def _print_summary(
    out: Console, model: emel.Model, infos: list[emel.TensorInfo], *, filtered: bool
) -> None:
    version = f" v{model.version}" if model.version else ""
    facts = render.table("", "")
    facts.show_header = False
    facts.add_row("file", "\n".join(render.text(path) for path in model.files))
    facts.add_row("format", f"{model.format}{version}, {model.byteorder}-endian")
    architecture = model.metadata.get("general.architecture")
    if architecture is not None:
        facts.add_row("architecture", render.summary(architecture))
    facts.add_row("metadata", render.counted(len(model.metadata), "key"))
    matching = f" of {len(model)} match" if filtered else ""
    total = render.size(sum(info.nbytes for info in infos))
    facts.add_row("tensors", f"{len(infos)}{matching}, {total}")
    out.print(facts)
    if infos:
        out.print()
        types = render.table("dtype", ">tensors", ">bytes")
        for name, (count, nbytes) in _by_dtype(infos).items():
            types.add_row(name, str(count), render.size(nbytes))
        out.print(types)


def _print_metadata(out: Console, model: emel.Model, keys: list[str]) -> None:
    out.print()
    listed = render.table("metadata", "value")
    for key in keys:
        listed.add_row(render.text(key), render.summary(model.metadata[key]))
    out.print(listed)


def _print_tensors(out: Console, infos: list[emel.TensorInfo], *, everything: bool) -> None:
    if not infos:
        return
    shown = infos
    if not everything:
        shown = sorted(infos, key=lambda info: -info.nbytes)[:LARGEST]
    out.print()
    title = "tensor" if everything or len(infos) <= LARGEST else "largest tensors"
    rows = [
        (
            render.text(info.name),
            info.dtype,
            render.shape(info.shape),
            render.size(info.nbytes),
            str(info.offset),
        )
        for info in shown
    ]
    render.print_columns(out, (title, "dtype", "shape", ">bytes", ">offset"), rows)
