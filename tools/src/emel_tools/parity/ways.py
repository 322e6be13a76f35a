"""The ways in which bytes come out of emel, each held to what the independent reader found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

import emel
from emel_tools.parity.expected import Checkpoint, Tensor, fingerprint


class Opening(NamedTuple):
    """One way to open a checkpoint."""

    label: str
    strategy: str
    options: Mapping[str, Any]
    threads: int | None = None


OPENINGS: Final = (
    Opening("mmap", "mmap", {}),
    Opening("mmap, 8 slots", "mmap", {"slots": 8}),
    Opening("read", "read", {}, 1),
    Opening("read, 3 threads", "read", {}, 3),
    Opening("read, direct", "read", {"direct": True}),
    Opening("read, direct, 8 MiB, 2 threads", "read", {"direct": True, "memory_limit": 8 << 20}, 2),
    Opening("staged", "staged", {}),
    Opening("staged, 256 KiB", "staged", {"memory_limit": 256 << 10}),
    Opening("auto", "auto", {}),
    Opening("auto, 4 MiB", "auto", {"memory_limit": 4 << 20}),
)
_SLICES: Final = (
    0, -1, slice(1, None), slice(None, None, 2), slice(None, None, -1), slice(0, 0), slice(1, -1),
    (slice(None), 1), (0, slice(1, 3)), (..., slice(-2, None)),
    (slice(1, None, 2), slice(None, None, -2)), ...,
)  # fmt: skip


class Difference(NamedTuple):
    """Something came out that shouldn't have."""

    tensor: str
    what: str
    expected: str
    got: str


def differing(tensor: Tensor, array: NDArray[Any]) -> Difference | None:
    """Compare an array with what should have come out: dtype, shape and bytes."""
    expected = tensor.array
    for what, wanted, got in (
        ("dtype", expected.dtype, array.dtype),
        ("shape", expected.shape, array.shape),
    ):
        if wanted != got:
            return Difference(tensor.name, what, str(wanted), str(got))
    return _bytes(tensor, array) or _disordered(tensor.name, array)


def _disordered(name: str, array: NDArray[np.generic]) -> Difference | None:
    """Hold an array's memory to that of numpy's copies: elements in C order, and nothing between.

    An axis that is read backwards may be a view of one that isn't.
    """
    forwards = array[tuple(slice(None, None, -1 if s < 0 else 1) for s in array.strides)]
    if forwards.flags.c_contiguous:
        return None
    return Difference(name, "strides", "C order without gaps", str(array.strides))


def _bytes(tensor: Tensor, array: NDArray[Any]) -> Difference | None:
    wanted, got = tensor.array.tobytes(), array.tobytes()
    if wanted == got:
        return None
    if len(wanted) != len(got):
        return Difference(tensor.name, "bytes", f"{len(wanted)} bytes", f"{len(got)} bytes")
    first = int(np.argmax(np.frombuffer(wanted, np.uint8) != np.frombuffer(got, np.uint8)))
    return Difference(
        tensor.name,
        f"byte {first} of {len(wanted)}",
        f"{wanted[first]:#04x} (sha256 {fingerprint(tensor.array)})",
        f"{got[first]:#04x} (sha256 {fingerprint(array)})",
    )


def _described(
    model: emel.Model, checkpoint: Checkpoint, _: Opening
) -> Iterator[Difference | None]:
    names = [tensor.name for tensor in checkpoint.tensors]
    if list(model) != names:
        yield Difference("", "names, in order", str(names)[:200], str(list(model))[:200])
        return
    for tensor in checkpoint.tensors:
        info = model.info(tensor.name)
        told, wanted = info[1:4], (tensor.dtype, tensor.shape, tensor.nbytes)
        if told != wanted:
            yield Difference(tensor.name, "dtype, shape and size", str(wanted), str(told))
    if model.format != checkpoint.format:
        yield Difference("", "format", checkpoint.format, model.format)
    keys = [key for key, _ in checkpoint.metadata]
    if sorted(model.metadata) != sorted(keys) or (
        model.format == "gguf" and list(model.metadata) != keys
    ):
        yield Difference("", "metadata keys", str(keys)[:200], str(list(model.metadata))[:200])
        return
    for key, value in checkpoint.metadata:
        ours = model.metadata[key]
        plain = [*cast("Iterable[object]", ours)] if isinstance(value, list) else ours
        if plain != value or (isinstance(value, bool) != isinstance(ours, bool)):
            yield Difference("", f"metadata {key!r}", f"{value!r:.100}", f"{ours!r:.100}")


def _singly(model: emel.Model, checkpoint: Checkpoint, _: Opening) -> Iterator[Difference | None]:
    for tensor in checkpoint.tensors[::-1]:
        yield differing(tensor, model[tensor.name])
    model.release()


def _whole(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    model.load(threads=opening.threads)
    for tensor in checkpoint.tensors:
        yield differing(tensor, model[tensor.name])
    model.release()


def _into_one(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    names = [tensor.name for tensor in checkpoint.tensors[::2]]
    nbytes = model.buffer_nbytes(names)
    guarded = np.full(nbytes + 64, 0xA5, np.uint8)
    model.load(names, into=guarded[:nbytes], threads=opening.threads)
    at = 0
    for tensor in checkpoint.tensors[::2]:
        at = -(-at // 64) * 64
        yield _bytes(tensor, guarded[at : at + tensor.nbytes])
        yield differing(tensor, model[tensor.name])
        at += tensor.nbytes
    if (guarded[nbytes:] != 0xA5).any():
        yield Difference("", "bytes behind the buffer", "untouched", "others")
    model.release(names)


def _into_each(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    arrays = {t.name: np.empty(t.array.shape, t.array.dtype) for t in checkpoint.tensors}
    model.load(into=arrays, threads=opening.threads)
    for tensor in checkpoint.tensors:
        yield _bytes(tensor, arrays[tensor.name])
    model.release()


def _read_into(
    model: emel.Model, checkpoint: Checkpoint, opening: Opening
) -> Iterator[Difference | None]:
    for tensor in checkpoint.tensors:
        out = np.empty(tensor.array.shape, tensor.array.dtype)
        model.read_into(tensor.name, out, threads=opening.threads)
        yield _bytes(tensor, out)


def _parts(model: emel.Model, checkpoint: Checkpoint, _: Opening) -> Iterator[Difference | None]:
    for number, tensor in enumerate(checkpoint.tensors):
        part = model.part(tensor.name)
        for index in (
            _SLICES[number % 12],
            _SLICES[(number * 5 + 3) % 12],
            _SLICES[(number * 7 + 5) % 12],
        ):
            try:
                wanted = tensor.array[index]
            except IndexError:
                continue
            got = part[index]
            made = tensor._replace(
                name=f"{tensor.name}[{index}]", array=np.asarray(wanted, tensor.array.dtype)
            )
            yield differing(made, np.asarray(got))


def _as_numpy_asks(
    model: emel.Model, checkpoint: Checkpoint, _: Opening
) -> Iterator[Difference | None]:
    for tensor in checkpoint.tensors:
        wider = np.complex128 if tensor.array.dtype.kind == "c" else np.float64
        for dtype in (None, wider):
            got = np.asarray(model.part(tensor.name), dtype)
            wanted = np.array(tensor.array, dtype)
            yield differing(tensor._replace(name=f"{tensor.name} as {dtype}", array=wanted), got)


def _streamed(model: emel.Model, checkpoint: Checkpoint, _: Opening) -> Iterator[Difference | None]:
    got = {tensor.name: bytearray() for tensor in checkpoint.tensors}
    wrong: list[Difference] = []

    def sink(name: str, start: int, chunk: NDArray[np.uint8]) -> None:
        if start != len(got[name]):
            wrong.append(Difference(name, "start of a chunk", str(len(got[name])), str(start)))
        got[name] += chunk.tobytes()

    model.stream(sink)
    yield from wrong[:3]
    for tensor in checkpoint.tensors:
        yield _bytes(tensor, np.frombuffer(bytes(got[tensor.name]), np.uint8))


def _digested(model: emel.Model, checkpoint: Checkpoint, _: Opening) -> Iterator[Difference | None]:
    whole, each = checkpoint.digest()
    digest = model.digest()
    for name, wanted in each.items():
        if digest.tensors.get(name) != wanted:
            yield Difference(name, "digest", wanted, str(digest.tensors.get(name)))
    if digest.model != whole:
        yield Difference("", "digest of the model", whole, digest.model)


def _numbers(model: emel.Model, checkpoint: Checkpoint, _: Opening) -> Iterator[Difference | None]:
    for tensor in checkpoint.tensors:
        if tensor.numbers is None:
            continue
        with np.errstate(all="ignore"):
            got = model.dequantize(tensor.name)
        if got.shape != tensor.shape:
            yield Difference(tensor.name, "shape of the numbers", str(tensor.shape), str(got.shape))
        elif not np.array_equal(got, tensor.numbers.reshape(tensor.shape), equal_nan=True):
            differ = ~((got == tensor.numbers) | (np.isnan(got) & np.isnan(tensor.numbers)))
            at = tuple(axis.item(0) for axis in np.nonzero(differ)) if got.ndim else ()
            yield Difference(tensor.name, f"number {at}", str(tensor.numbers[at]), str(got[at]))
        else:
            yield _disordered(tensor.name, got)


Way = Callable[[emel.Model, Checkpoint, Opening], Iterator[Difference | None]]
WAYS: Final[dict[str, Way]] = {
    "described": _described,
    "asked for one by one": _singly,
    "loaded whole": _whole,
    "loaded into one buffer": _into_one,
    "loaded into arrays": _into_each,
    "read into arrays": _read_into,
    "read in slices": _parts,
    "as an array of another type": _as_numpy_asks,
    "streamed": _streamed,
    "digested": _digested,
    "as numbers": _numbers,
}
