"""What users of the face do, and what the command line shows them."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import gguf_file, quantised_file, safetensors_file
from emel_tools.ratios.worlds import again, command


def _model(path: Path, strategy: str = "mmap", **options: Any) -> Any:  # of either world
    import emel

    return emel.open(path, strategy, **options)


def _import(_folder: Path) -> Unit:
    return again("emel")


def _open(folder: Path) -> Unit:
    import emel

    path = safetensors_file(folder / "model.safetensors", [256] * 1000)

    def unit() -> None:
        emel.open(path).close()

    return unit


def _open_gguf(folder: Path) -> Unit:
    import emel

    path = gguf_file(folder / "model.gguf", [256] * 300, vocabulary=5000)

    def unit() -> None:
        emel.open(path).close()

    return unit


def _arrays(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [256] * 400))

    def unit() -> None:
        kept = [model[name] for name in model]
        kept.clear()
        model.release()

    return unit


def _again(folder: Path) -> Unit:
    model = _model(gguf_file(folder / "model.gguf", [256] * 400))
    model.load()
    return lambda: [model[name] for name in model]


def _described(folder: Path) -> Unit:
    model = _model(gguf_file(folder / "model.gguf", [256] * 200))

    def unit() -> None:
        for name in model:
            model.info(name)
        for _ in range(5):
            model.residency()

    return unit


def _reused(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [8192] * 200), "read")
    buffer = model.empty_buffer()
    buffer.fill(1)
    return lambda: model.load(into=buffer, threads=1)


def _copies(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [1024] * 150), "read")

    def unit() -> None:
        model.load(threads=1)
        model.release()

    return unit


def _read_into(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [4096] * 40))
    out = np.ones(4096, np.uint8)

    def unit() -> None:
        for name in list(model)[:12]:
            model.read_into(name, out)

    return unit


def _staged(folder: Path) -> Unit:
    path = safetensors_file(folder / "model.safetensors", [4096] * 400)
    model = _model(path, "staged", memory_limit=1 << 20)

    def look(_name: str, _start: int, _chunk: object) -> None:
        return

    return lambda: model.stream(look)


def _digest(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [2048] * 80))
    return model.digest


def _dequantise(folder: Path) -> Unit:
    model = _model(quantised_file(folder / "model.gguf", 2, 1024))
    names = list(model)
    out = np.ones(1024 * 32, np.float32)
    return lambda: [model.dequantize(name, out) for name in names]


def _slices(folder: Path) -> Unit:
    model = _model(safetensors_file(folder / "model.safetensors", [64 << 10] * 2), "read")

    def unit() -> None:
        for name in model:
            part = model.part(name)
            for index in (np.s_[:8], np.s_[16:48, 3], np.s_[-1]):
                part[index]

    return unit


def _command(*words: str) -> Unit:
    main = command("emel")

    def unit() -> None:
        kept, sys.argv = sys.argv, ["emel", *words]
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()) as shown,
                contextlib.suppress(SystemExit),
            ):
                main()
        finally:
            sys.argv = kept
        if "llama" not in shown.getvalue():
            raise RuntimeError("nothing was shown")

    return unit


def _inspect(folder: Path) -> Unit:
    return _command("inspect", str(gguf_file(folder / "model.gguf", [256] * 30)))


def _inspect_json(folder: Path) -> Unit:
    path = gguf_file(folder / "model.gguf", [256] * 60)
    return _command("inspect", "--json", "--tensors", "--metadata", str(path))


CASES = (
    Case("import, numpy and the rest being there", "python", _import),
    Case("open and close: 1000 tensors of safetensors", "decode", _open),
    Case("open and close: gguf with a vocabulary of 5000", "python", _open_gguf),
    Case("400 arrays and release", "python", _arrays),
    Case("400 arrays of what is mapped", "python", _again),
    Case("describe 200 tensors, and residency", "python", _described),
    Case("read into a reused buffer: 200 tensors", "copy", _reused),
    Case("load and release 150 copies", "python", _copies),
    Case("read 12 tensors one by one", "calls", _read_into),
    Case("stream 400 tensors through 1 MiB", "python", _staged),
    Case("digest 80 tensors", "python", _digest),
    Case("dequantise 2 tensors", "convert", _dequantise),
    Case("6 slices, read", "python", _slices),
    Case("emel inspect", "python", _inspect),
    Case("emel inspect --json", "python", _inspect_json),
)
