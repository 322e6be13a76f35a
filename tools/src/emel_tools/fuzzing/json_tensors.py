"""For each rule of safetensors' tensors, files that break just this one, and twins that don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Final

from emel_tools.fuzzing.case import EDGES, Case, accepted, arrangements, refused, wrapped
from emel_tools.fuzzing.json_families import none_at, with_item
from emel_tools.fuzzing.json_files import Item, JSONFile, item
from emel_tools.fuzzing.safetensors_rules import BITS


def types(base: JSONFile) -> Iterator[Case]:
    """Types of tensors, and shapes that fill whole bytes."""
    for name in (
        "F12",
        "f32",
        "",
        "F32 ",
        " F32",
        "Q4_0",
        "I128",
        "F8",
        "float32",
        "U4",
        "F64\\u0000",
    ):
        for file in with_item(base, none_at(base).but("dtype", f'"{name}"')):
            yield refused("unknown-tensor-type", f"the dtype {name!r}", file.data())
    for name, bits in BITS.items():
        together = {4: 2, 6: 4}.get(bits, 1)
        for shape in ((4,), (4, 3), (2, 2, 2), (8, 0), (1, 4)):
            yield accepted(f"{name} of shape {shape}", _alone(item("t", name, shape, 0)))
            for more in (-1, 1):
                wrong = item("t", name, shape, 0)
                nbytes = _end(wrong) + more
                if nbytes >= 0:
                    lying = wrong.but("data_offsets", f"[0,{nbytes}]")
                    label = f"{name} of shape {shape} in {nbytes} bytes"
                    yield refused("shape-mismatch", label, _alone(lying, nbytes))
        for shape in ((1,), (3,), (2, 3, 3), (5, 5)) if together > 1 else ():
            count = 1
            for dim in shape:
                count *= dim
            if count % together:
                ragged = item("t", name, shape, 0)
                yield refused("not-whole-bytes", f"{name} of shape {shape}", _alone(ragged))


def _end(made: Item) -> int:
    return int(made.fields[2][1].strip("[]").split(",")[1])


def _alone(made: Item, room: int | None = None) -> bytes:
    return JSONFile((made.text(),), _end(made) if room is None else room).data()


def shapes(base: JSONFile) -> Iterator[Case]:
    """Axes, and products that pass 2**63."""
    for count in (33, 34, 64, 1000):
        for file in with_item(base, none_at(base).but("shape", _list([0] + [1] * (count - 1)))):
            yield refused("too-many-axes", f"{count} axes", file.data())
    for count in (0, 1, 31, 32):
        yield accepted(f"{count} axes", _alone(item("t", "U8", [1] * count, 0)))
    big: list[Sequence[int]] = [
        (2**32, 2**31), (2**32, 2**32), (0, 2**32, 2**32), (2**63 - 1, 2), (2**62, 2, 1),
        (3, 2**62),
        [2**8] * 8, [4] * 32,
    ]  # fmt: skip
    for shape in big:
        for file in with_item(base, none_at(base).but("shape", _list(shape))):
            yield refused("dimensions-overflow", f"the shape {shape}", file.data())
    for dtype, shape in (
        ("F32", (2**62,)),
        ("F32", (2**61,)),
        ("F64", (2**60,)),
        ("C64", (0, 2**60)),
    ):
        wide = none_at(base).but("dtype", f'"{dtype}"').but("shape", _list(shape))
        for file in with_item(base, wide):
            yield refused("dimensions-overflow", f"{dtype} of {shape}", file.data())
    for (shape, left), (dtype, size) in product(wrapped(), (("U8", 1), ("F32", 4))):
        end = base.room + left * size
        for dims in (shape, shape[::-1]):
            for file in with_item(
                replace(base, room=end), item("bad", dtype, dims, base.room, end)
            ):
                yield refused(
                    "dimensions-overflow", f"{dtype} of {dims}, which comes around", file.data()
                )
    for dtype, shape in (("U8", (0, 2**63 - 1)), ("F32", (2**60, 0)), ("F4", (0, 2**62))):
        fine = none_at(base).but("dtype", f'"{dtype}"').but("shape", _list(shape))
        for file in with_item(base, fine):
            yield accepted(f"nothing, of shape {shape}", file.data())


def _list(numbers: Sequence[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"


def offsets(base: JSONFile) -> Iterator[Case]:
    """Offsets by themselves."""
    room = base.room
    for begin, end in ((room, 0), (room, room - 1), (1, 0), (2**62, 0), (2**63 - 1, 2**63 - 2)):
        for file in with_item(base, item("bad", "U8", (0,), begin, end)):
            yield refused("offsets-reversed", f"the offsets {begin} and {end}", file.data())
    for begin, end in ((room, room + 1), (2**62, 2**62 + 1), (2**63 - 2, 2**63 - 1)):
        for file in with_item(base, item("bad", "U8", (1,), begin, end)):
            yield refused("data-beyond-file", f"the offsets {begin} and {end}", file.data())
    for place in (room + 1, room + 9, 2**62, 2**63 - 1):
        for file in with_item(base, item("bad", "U8", (0,), place)):
            yield refused("data-beyond-file", f"no bytes at {place}", file.data())
    for edge in EDGES:
        for file in with_item(base, item("bad", "U8", (0,), edge)):
            yield refused("number-out-of-range", f"no bytes at {edge}", file.data())
    for nbytes in (1, 8, 1000):
        yield refused("trailing-bytes", f"{nbytes} bytes behind", base.data() + bytes(nbytes))
    for nbytes in (1, 8, base.room):
        yield refused("data-beyond-file", f"{nbytes} bytes short", base.data()[:-nbytes])
    yield refused("trailing-bytes", "bytes, and no tensors", JSONFile((), 1).data())
    yield accepted("no tensors", JSONFile((), 0).data())
    yield accepted("one tensor without bytes", _alone(item("t", "F32", (0,), 0)))


def spans(_: JSONFile) -> Iterator[Case]:
    """Each byte is one tensor's, and each byte is some tensor's."""
    shared = {
        "the same bytes": [(0, 8), (0, 8)],
        "one byte shared": [(0, 8), (7, 15)],
        "one within another": [(0, 32), (8, 12)],
        "one byte within another": [(0, 32), (31, 32)],
        "a third within the first": [(0, 64), (4, 8), (40, 44)],
        "the first byte shared": [(0, 1), (0, 9)],
        "shared in the middle of a chain": [(0, 8), (8, 16), (15, 24), (24, 32)],
    }
    holes = {
        "a hole of one byte": [(0, 8), (9, 16)],
        "a hole at the start": [(1, 8), (8, 16)],
        "a hole at the start of one": [(1, 8)],
        "nothing within something": [(0, 8), (4, 4)],
        "a hole between many": [(0, 4), (4, 8), (8, 12), (13, 20)],
        "nothing in a hole": [(0, 4), (5, 5), (6, 8)],
    }
    fine = {
        "touching": [(0, 8), (8, 16), (16, 17)],
        "nothing between": [(0, 8), (8, 8), (8, 16)],
        "nothing at both ends": [(0, 0), (0, 16), (16, 16)],
        "nothing twice": [(0, 8), (8, 8), (8, 8)],
    }
    for label, placed in (*shared.items(), *holes.items(), *fine.items()):
        room = max(end for _, end in placed)
        for order in list(permutations(placed))[:8]:
            made = [item(f"s{i}", "U8", (b - a,), a) for i, (a, b) in enumerate(order)]
            for extra in (made, [made[0].and_("x", "1"), *made[1:]]):
                data = JSONFile(tuple(each.text() for each in extra), room).data()
                if label in shared:
                    yield refused("overlapping-data", label, data)
                elif label in holes:
                    yield refused("hole-in-data", label, data)
                else:
                    yield accepted(label, data)


def arranged() -> Iterator[Case]:
    """Each byte is one tensor's, and each byte is some tensor's, however they lie."""
    for placed in arrangements():
        room = max(begin + nbytes for begin, nbytes in placed)
        made = (item(f"s{i}", "U8", (n,), begin) for i, (begin, n) in enumerate(placed))
        data = JSONFile(tuple(each.text() for each in made), room).data()
        chain = sorted((begin, begin + nbytes) for begin, nbytes in placed)
        if [begin for begin, _ in chain] == [0, *(end for _, end in chain[:-1])]:
            yield accepted(f"tensors at {placed}", data)
        else:
            yield refused("overlapping-data hole-in-data", f"tensors at {placed}", data)


def many(_: JSONFile) -> Iterator[Case]:
    """Hundreds of tensors, one of which lies."""
    items = [item(f"t{i}", "U8", (3,), 3 * i) for i in range(200)]
    texts = [each.text() for each in items]
    yield accepted("200 tensors", JSONFile(tuple(texts), 600).data())
    yield accepted("200 tensors, backwards", JSONFile(tuple(texts[::-1]), 600).data())
    for at in (0, 100, 199):
        for rule, wrong in (
            ("duplicate-tensor-name", replace(items[at], key=f"t{(at + 7) % 200}")),
            ("shape-mismatch", items[at].but("shape", "[4]")),
            (
                "overlapping-data hole-in-data",
                item(f"t{at}", "U8", (3,), 3 * at + 1 if at < 199 else 3 * at - 1),
            ),
        ):
            lying = (*texts[:at], wrong.text(), *texts[at + 1 :])
            yield refused(rule, f"tensor {at} of 200", JSONFile(lying, 600).data())


FAMILIES: Final[tuple[Callable[[JSONFile], Iterator[Case]], ...]] = (
    types,
    shapes,
    offsets,
    spans,
    many,
)
