"""A tensor of more than 4 GiB in a file that takes some KiB: what lies past 2**31 and 2**32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

import emel
from emel_model_loader import Index
from emel_tools.fuzzing.json_files import JSONFile, item
from emel_tools.parity.expected import Checkpoint, Tensor
from emel_tools.parity.ways import Difference, Opening, Way, differing

ROWS: Final = 70
COLUMNS: Final = 1 << 26
"""Bytes of a row: row 32 begins at 2**31, and row 64 at 2**32."""
_MARKED: Final = tuple(
    (row, column)
    for row in (0, 1, 16, 31, 32, 33, 48, 63, 64, 65, ROWS - 1)
    for column in (0, 5, COLUMNS // 2, COLUMNS - 1)
)
_BEHIND: Final = 12
"""Bytes of the tensor behind it."""
_LOOKED_AT: Final[tuple[Index, ...]] = (
    (slice(None), 5),
    (slice(None, None, -16), slice(3, 7)),
    (slice(None, None, 16), slice(None, None, COLUMNS - 1)),
    (slice(31, 66), slice(-2, None)),
    (slice(63, 66), slice(0, 1)),
    (64, slice(0, 9)),
    (-1, -1),
)


def vast(folder: Path) -> Checkpoint:
    """Write the file, all holes but for some bytes; numpy maps it, and says what is there."""
    made = item("vast", "U8", (ROWS, COLUMNS), 0), item("behind", "I32", (3,), ROWS * COLUMNS)
    header = JSONFile(tuple(each.text() for each in made), 0).data()
    begins, path = len(header), folder / "vast.safetensors"
    with path.open("wb") as file:
        file.write(header)
        for number, (row, column) in enumerate(_MARKED, 1):
            file.seek(begins + row * COLUMNS + column)
            file.write(bytes([number]))
        file.seek(begins + ROWS * COLUMNS)
        file.write(bytes(range(100, 100 + _BEHIND)))
    whole = np.memmap(path, np.uint8, "r", begins, (ROWS, COLUMNS))
    behind = np.arange(100, 100 + _BEHIND, dtype=np.uint8).view("<i4")
    tensors = (
        Tensor("vast", "U8", (ROWS, COLUMNS), whole, None, whole.nbytes),
        Tensor("behind", "I32", (3,), behind, None, _BEHIND),
    )
    return Checkpoint("a vast tensor", path, (path,), "safetensors", tensors, ())


def _looked_at(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    """Look at what is marked, in slices, and in an array of all where that takes no memory."""
    tensor = checkpoint.tensors[0]
    part = model.part(tensor.name)
    for index in _LOOKED_AT:
        wanted = np.array(tensor.array[index])
        made = tensor._replace(name=f"{tensor.name}[{index}]", array=wanted)
        yield differing(made, part[index])
        if opening.strategy == "mmap":
            yield differing(made, np.array(model[tensor.name][index]))
    model.release()


def _behind(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    """Read what lies behind 4 GiB."""
    tensor = checkpoint.tensors[1]
    out = np.empty(tensor.array.shape, tensor.array.dtype)
    model.read_into(tensor.name, out, threads=opening.threads)
    yield differing(tensor, out)
    yield differing(tensor, model.part(tensor.name)[...])
    yield differing(tensor, model[tensor.name])
    model.release()


VAST_WAYS: Final[Mapping[str, Way]] = {
    "looked at past 4 GiB": _looked_at,
    "read behind 4 GiB": _behind,
}
