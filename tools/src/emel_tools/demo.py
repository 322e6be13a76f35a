"""`nox -s demo`: the main job on small real checkpoints, as a command and as a library."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
from gguf.quants import quantize
from rich.console import Console
from rich.rule import Rule
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

import emel

Kind = gguf.GGMLQuantizationType
WIDTH, ROWS, TOKENS = 512, 1024, 4096


def write_gguf(path: Path) -> Path:
    """Write a checkpoint with the independent `gguf` package: quantised, bf16, f16 and f32."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("emel demo")
    writer.add_block_count(2)
    writer.add_token_list([f"token{i}" for i in range(TOKENS)])
    for block in range(2):
        for name, kind in (("attn_q", Kind.Q8_0), ("ffn_up", Kind.Q4_0), ("ffn_down", Kind.BF16)):
            weights = quantize(rng.standard_normal((ROWS, WIDTH), np.float32), kind)
            writer.add_tensor(f"blk.{block}.{name}.weight", weights, raw_dtype=kind)
        writer.add_tensor(f"blk.{block}.attn_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", rng.standard_normal((ROWS, WIDTH), np.float32).astype("f2"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_safetensors(path: Path) -> Path:
    """Write a checkpoint with the independent `safetensors` package: bf16, fp8 and f32."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((ROWS, WIDTH), np.float32)
    tensors = {
        "embeddings.weight": weights,
        "layer.0.weight": weights.astype(ml_dtypes.bfloat16),
        "layer.1.weight": weights.astype(ml_dtypes.float8_e4m3fn),
    }
    save_file(tensors, path, metadata={"made by": "emel demo"})
    return path


def show(console: Console, *words: str) -> None:
    """Run the `emel` command as a person would."""
    said = " ".join(Path(word).name for word in words)
    console.print(f"[bold green]$[/] [bold]emel {said}[/]")
    subprocess.run([sys.executable, "-m", "emel", *words], check=True)
    console.print()


def load_and_release(console: Console, path: Path) -> None:
    """Do in Python what the README shows, and say after each step where the bytes are."""
    with emel.open(path) as model:
        name = "blk.0.attn_q.weight"

        def where(step: str) -> None:
            totals = model.residency().totals.items()
            states = ", ".join(f"{total.tensors} {state}" for state, total in totals)
            console.print(f"  {step:<46} {states}")

        where("emel.open(...)")
        weight = model[name]
        where(f'weight = model["{name}"]')
        info = model.info(name)
        facts = f"{info.dtype} {info.shape}, {info.nbytes} bytes at {info.offset}"
        console.print(f"    {facts}; the array: {weight.dtype} {weight.shape}", style="dim")
        try:
            model.release([name])
        except emel.BusyError as error:
            where("model.release([...])  BusyError:")
            console.print(f"    {error.code}: {', '.join(error.tensors)}", style="dim")
        del weight
        model.release([name])
        where("del weight; model.release([...])")
        model.load()
        where("model.load()")
        numbers = model.dequantize(name)
        console.print(f"    dequantised: {numbers.dtype} {numbers.shape}", style="dim")
        model.release()
        where("model.release()")


def main() -> None:
    """Make the checkpoints in a temporary folder, look into them, load and release them."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="emel-demo-") as folder:
        first = write_gguf(Path(folder) / "demo.gguf")
        second = write_safetensors(Path(folder) / "demo.safetensors")
        for path in (first, second):
            console.print(Rule(path.name))
            sys.stdout.flush()
            show(console, "inspect", str(path))
            show(console, "load", "--touch", str(path))
        console.print(Rule("other ways into memory"))
        for words in (("--strategy", "read"), ("--memory-limit", "256KiB")):
            sys.stdout.flush()
            show(console, "load", *words, str(second))
        console.print(Rule("one digest a tensor, and one for the model"))
        sys.stdout.flush()
        show(console, "digest", str(second))
        show(console, "verify", "--strategy", "staged", str(second), str(second))
        console.print(Rule("where the bytes are, in Python"))
        load_and_release(console, first)


if __name__ == "__main__":
    main()
