"""Headers of both formats, and what is asked of them afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emel_tools.ratios.case import Case, Unit
from emel_tools.ratios.files import gguf_header, safetensors_header


def _header(data: bytes, file_nbytes: int) -> Any:  # of either world
    from emel_model_format import Header, parse

    header = parse(data, file_nbytes)
    if not isinstance(header, Header):
        raise TypeError(f"the header was not taken: {header}")
    return header


def _parsing(data: bytes, file_nbytes: int) -> Unit:
    from emel_model_format import parse

    _header(data, file_nbytes)
    return lambda: parse(data, file_nbytes)


def _safetensors(_folder: Path) -> Unit:
    data = safetensors_header([64] * 1500)
    return _parsing(data, len(data) + 64 * 1500)


def _escaped(_folder: Path) -> Unit:
    data = safetensors_header([64] * 150, about='"pt"')
    return _parsing(data, len(data) + 64 * 150)


def _long_text(_folder: Path) -> Unit:
    # What isn't ASCII takes longest to decode: a text that is decoded twice stands out.
    lines = ("Größe " * 600 + "\n") * 40
    data = safetensors_header([64] * 4, about=lines)
    return _parsing(data, len(data) + 64 * 4)


def _gguf(_folder: Path) -> Unit:
    data = gguf_header([64] * 1000)
    return _parsing(data, len(data) + 64 * 1000)


def _vocabulary(_folder: Path) -> Unit:
    data = gguf_header([64] * 4, vocabulary=20_000)
    return _parsing(data, len(data) + 64 * 4)


def _small(_folder: Path) -> Unit:
    one, other = safetensors_header([64] * 4), gguf_header([64] * 4)
    first = _parsing(one, len(one) + 64 * 4)
    second = _parsing(other, len(other) + 64 * 4)
    return lambda: (first(), second())


def _strings(_folder: Path) -> Unit:
    data = gguf_header([64] * 4, vocabulary=4000)
    metadata = _header(data, len(data) + 64 * 4).metadata

    def unit() -> object:
        words = metadata["tokenizer.ggml.tokens"]
        picked = [words[i] for i in range(0, 4000, 16)]
        return picked, list(words)

    return unit


def _metadata(_folder: Path) -> Unit:
    data = gguf_header([64] * 4)
    metadata = _header(data, len(data) + 64 * 4).metadata
    return lambda: [(key, metadata[key]) for key in metadata]


def _columns(_folder: Path) -> Unit:
    data = safetensors_header([64] * 1000)
    tensors = _header(data, len(data) + 64 * 1000).tensors
    return lambda: [tensors.shape(i) for i in range(1000)]


CASES = (
    Case("parse safetensors: 1500 tensors", "decode", _safetensors),
    # An escape is enough to have a header read key by key, an order of magnitude slower.
    Case("parse safetensors: 150 tensors and an escape", "python", _escaped),
    Case("parse safetensors: 200 kB of metadata with escapes", "decode", _long_text),
    Case("parse gguf: 1000 tensors", "python", _gguf),
    Case("parse gguf: a vocabulary of 20000", "python", _vocabulary),
    Case("parse both: 4 tensors each", "python", _small, 4),
    Case("strings: 250 by index, 4000 in turn", "python", _strings),
    Case("metadata: 32 values", "python", _metadata, 8),
    Case("shapes: 1000", "python", _columns),
)
