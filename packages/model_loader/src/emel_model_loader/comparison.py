"""Two checkpoints compared, tensor by tensor and byte by byte; or one with a recorded digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emel_model_format import DTYPES
from emel_model_loader.checkpoint import Checkpoint
from emel_model_loader.digests import Digest, in_little_endian_order
from emel_model_loader.outcomes import Failure
from emel_model_loader.progress import OnProgress, report_bytes
from emel_model_loader.windows import Piece, Windows, allowed, windows


@dataclass(frozen=True, slots=True)
class Difference:
    """One tensor that is not the same."""

    tensor: str
    what: str
    """"only-in-first", "only-in-second", "dtype", "shape", "bytes" or "digest"."""
    first: str = ""
    """What the first has: its dtype, its shape, its digest, or its byte as two hexadecimal digits.
    """
    second: str = ""
    element: tuple[int, ...] | None = None
    """Of differing bytes: the index of the first array element that differs; of blocks, of the
    first byte."""
    offset: int | None = None
    """Of differing bytes: where the first one is in the tensor's data, in little-endian order."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and what is not the same; tensors in the first one's order."""

    tensors: int
    """Tensors that both have."""
    nbytes: int
    """Bytes that were compared."""
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def compare(
    first: Checkpoint, second: Checkpoint, progress: OnProgress | None = None
) -> Comparison | Failure:
    """Compare every tensor of two checkpoints, each read through its own strategy.

    Names, dtypes, shapes and bytes, the latter in little-endian order whatever the files have; not
    metadata, order, padding or sharding. Of each tensor the first difference is told.
    """
    for checkpoint in (first, second):
        if checkpoint.closed:
            return checkpoint.blame.closed()
    found = {d.tensor: d for d in _of_headers(first, second)}
    shared = [name for name in first.names if name in second.position]
    both = [name for name in shared if name not in found]
    differing = _of_bytes(first, second, both, progress)
    if isinstance(differing, Failure):
        return differing
    found |= differing
    order = [*first.names, *(name for name in second.names if name not in first.position)]
    sizes = first.header.tensors.nbytes
    return Comparison(
        tensors=len(shared),
        nbytes=sum(sizes.item(first.position[name]) for name in both),
        differences=tuple(found[name] for name in order if name in found),
    )


def compare_digests(digest: Digest, recorded: Mapping[str, str]) -> Comparison:
    """Hold a digest to one that was recorded: name to hexadecimal digest."""
    differences: list[Difference] = []
    for name, value in digest.tensors.items():
        if name not in recorded:
            differences.append(Difference(name, "only-in-first"))
        elif recorded[name] != value:
            differences.append(Difference(name, "digest", value, recorded[name]))
    missing = [name for name in recorded if name not in digest.tensors]
    differences.extend(Difference(name, "only-in-second") for name in missing)
    return Comparison(len(recorded) - len(missing), 0, tuple(differences))


def _of_headers(first: Checkpoint, second: Checkpoint) -> list[Difference]:
    found: list[Difference] = []
    a, b = first.header.tensors, second.header.tensors
    for i, name in enumerate(first.names):
        j = second.position.get(name)
        if j is None:
            found.append(Difference(name, "only-in-first"))
            continue
        dtypes = DTYPES[a.dtype.item(i)].name, DTYPES[b.dtype.item(j)].name
        shapes = a.shape(i), b.shape(j)
        if dtypes[0] != dtypes[1]:
            found.append(Difference(name, "dtype", *dtypes))
        elif shapes[0] != shapes[1]:
            one, other = ("x".join(map(str, shape)) for shape in shapes)
            found.append(Difference(name, "shape", one, other))
    missing = (name for name in second.names if name not in first.position)
    found.extend(Difference(name, "only-in-second") for name in missing)
    return found


def _of_bytes(
    first: Checkpoint, second: Checkpoint, names: list[str], progress: OnProgress | None
) -> dict[str, Difference] | Failure:
    mine = np.array([first.position[name] for name in names], np.intp)
    theirs = [second.position[name] for name in names]
    sizes = first.header.tensors.nbytes[mine]
    tell, done = report_bytes(sizes, progress), 0
    found: dict[str, Difference] = {}
    window = allowed(first, second)
    with Windows(first, window) as ours, Windows(second, window) as others:
        failure = ours.opened or others.opened
        for pieces in windows(sizes, window) if failure is None else ():
            a = [piece._replace(tensor=mine.item(piece.tensor)) for piece in pieces]
            b = [piece._replace(tensor=theirs[piece.tensor]) for piece in pieces]
            failure = _of_window(first, second, ours, others, a, b, found)
            if failure is not None:
                break
            done += sum(piece.nbytes for piece in pieces)
            if tell is not None:
                tell(done)
    return failure or ours.released or others.released or found


def _of_window(
    first: Checkpoint,
    second: Checkpoint,
    ours: Windows,
    others: Windows,
    mine: list[Piece],
    theirs: list[Piece],
    found: dict[str, Difference],
) -> Failure | None:
    one = ours.read(mine)
    if isinstance(one, Failure):
        return one
    other = others.read(theirs)
    if isinstance(other, Failure):
        return other
    for piece, twin, stored, stored_too in zip(mine, theirs, one, other, strict=True):
        name = first.names[piece.tensor]
        if name in found:
            continue
        _, dtype = first.array_type(piece.tensor)
        _, dtype_too = second.array_type(twin.tensor)
        a = in_little_endian_order(stored, dtype)
        b = in_little_endian_order(stored_too, dtype_too)
        if not np.array_equal(a, b):
            found[name] = _first_difference(first, piece, a, b)
    ours.give_back(mine)
    others.give_back(theirs)
    return None


def _first_difference(
    checkpoint: Checkpoint, piece: Piece, a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> Difference:
    at = int((a != b).argmax())
    shape, dtype = checkpoint.array_type(piece.tensor)
    offset = piece.start + at
    element = tuple(int(i) for i in np.unravel_index(offset // dtype.itemsize, shape))
    hexadecimal = f"{a.item(at):02x}", f"{b.item(at):02x}"
    return Difference(
        checkpoint.names[piece.tensor], "bytes", *hexadecimal, element=element, offset=offset
    )
