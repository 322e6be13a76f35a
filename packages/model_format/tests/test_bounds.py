"""FMT-05: memory and time follow the bytes given, whatever they claim."""

import json
import time
import tracemalloc

import pytest

from emel_model_format import Header, NeedMore, Refusal, parse
from emel_model_format.testing import ARRAY, STRING, Encoded, GGUFTensor, gguf_bytes

TERA = 1 << 40


def claim(count):
    return Encoded(b"\x08\0\0\0" + count.to_bytes(8, "little"))


HUGE_CLAIMS = {
    "tensors": gguf_bytes(tensor_count=TERA // 64),
    "keys": gguf_bytes(key_count=TERA // 64),
    "strings": gguf_bytes([("k", ARRAY, claim(TERA // 64))]),
    "numbers": gguf_bytes([("k", ARRAY, Encoded(bytes(4) + (TERA // 2).to_bytes(8, "little")))]),
    "arrays": gguf_bytes(
        [("k", ARRAY, Encoded(b"\x09\0\0\0" + (TERA // 64).to_bytes(8, "little")))]
    ),
    "name": gguf_bytes(tensors=[GGUFTensor(name="n" * 77)]).replace(b"\x4d", b"\x4d\0\0\0\x7f", 1),
    "string": gguf_bytes([("k", STRING, Encoded((TERA // 2).to_bytes(8, "little")))]),
    "header": (99_999_999).to_bytes(8, "little") + b"{" + b" " * 100,
}


@pytest.mark.behaviour("FMT-05")
@pytest.mark.parametrize("data", HUGE_CLAIMS.values(), ids=HUGE_CLAIMS)
def test_huge_claims_in_a_huge_file_allocate_nothing(data):
    parse(data, TERA)
    tracemalloc.start()
    try:
        answer = parse(data, TERA)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(answer, NeedMore | Refusal)
    assert peak < 100_000


@pytest.mark.behaviour("FMT-05")
@pytest.mark.parametrize("count", [TERA, 2**63, 2**64 - 1])
def test_a_count_that_the_file_cannot_hold_is_refused_at_once(count):
    for data in (
        gguf_bytes(tensor_count=count),
        gguf_bytes(key_count=count),
        gguf_bytes([("k", ARRAY, claim(count))]),
    ):
        assert isinstance(parse(data, TERA), Refusal)


def nul_strings(n):
    return gguf_bytes([("k", ARRAY, (STRING, [b"\0" * (i % 9) for i in range(n)]))])


def small_arrays(n):
    return gguf_bytes([("k", ARRAY, (ARRAY, [(STRING, [])] * n))])


def tensors(n):
    return gguf_bytes(tensors=[GGUFTensor(name=f"t{i}", dims=(0,), data=b"") for i in range(n)])


def repeated(n):
    entry = b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":[]},'
    header = b"{" + entry * n + entry.replace(b'"a"', b'"b"')[:-1] + b"}"
    return len(header).to_bytes(8, "little") + header


def careful(n):
    entry = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0], "x": [1]}
    header = json.dumps({f"t{i}": entry for i in range(n)}).encode()
    return len(header).to_bytes(8, "little") + header


def open_brackets(n):
    header = b'{"a":' + b'[{"":' * (20 * n)
    return len(header).to_bytes(8, "little") + header


@pytest.mark.behaviour("FMT-05")
@pytest.mark.parametrize(
    "build", [nul_strings, small_arrays, tensors, repeated, careful, open_brackets]
)
def test_time_and_memory_are_linear(build):
    def cost(n, times):
        data = build(n)
        took = []
        for _ in range(times):
            begin = time.thread_time()
            answer = parse(data, len(data))
            took.append(time.thread_time() - begin)
        assert isinstance(answer, Header | Refusal)
        return min(took)

    for n in (500, 2000):
        data = build(n)
        tracemalloc.start()
        try:
            parse(data, len(data))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 100_000 + 40 * len(data)

    # 8 times the bytes: quadratic work would take 64 times as long, and this machine swings by 2.
    least = max(cost(500, 3), 1e-4)
    assert cost(4000, 1) < 32 * least or cost(4000, 3) < 32 * least
