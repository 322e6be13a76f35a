"""Slices of tensors, read without the rest."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import emel

STRATEGIES = pytest.mark.parametrize("strategy", ["mmap", "read", "staged"])
INDICES = (
    0,
    -1,
    slice(None),
    slice(1, 3),
    slice(None, None, -2),
    slice(2, 2),
    ...,
    (..., 1),
    (..., slice(None, None, -1)),
    (slice(0, 2), ..., slice(1, 3)),
    (0, 0),
)


@pytest.mark.behaviour("LOAD-05")
@STRATEGIES
@pytest.mark.parametrize("direct", [False, True])
def test_parts_equal_slices_of_the_whole_array(checkpoint, strategy, direct):
    path, contents = checkpoint
    with emel.open(path, strategy, direct=direct) as model:
        for name in model:
            part = model.part(name)
            whole = np.frombuffer(contents[name], np.uint8).view(part.dtype).reshape(part.shape)
            tried = 0
            for index in INDICES:
                try:
                    expected = whole[index]
                except IndexError:
                    with pytest.raises(IndexError):
                        part[index]
                    continue
                found = part[index]
                tried += 1
                assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                assert found.tobytes() == expected.tobytes()
                # One element is a scalar, as numpy has it.
                assert found.flags.writeable or isinstance(found, np.generic)
            assert tried >= 1 + 3 * bool(whole.ndim)
        assert not {"mmap-resident", "resident"} & set(model.residency().totals)


@st.composite
def slices(draw):
    def entry(n):
        bound = st.none() | st.integers(-2 * n, 2 * n)
        step = st.none() | st.integers(1, 5) | st.integers(-5, -1)
        return st.builds(slice, bound, bound, step) | st.integers(-n, n - 1)

    return tuple(draw(entry(n)) for n in (8, 7, 6)[: draw(st.integers(0, 3))])


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    from safetensors.numpy import save_file

    array = np.arange(8 * 7 * 6, dtype=np.int16).reshape(8, 7, 6)
    path = tmp_path_factory.mktemp("cube") / "cube.safetensors"
    save_file({"cube": array}, path)
    models = [emel.open(path, strategy) for strategy in ("mmap", "read", "staged")]
    yield array, models
    for model in models:
        model.close()


@pytest.mark.behaviour("LOAD-05")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(index=slices())
def test_any_slice_is_numpys(cube, index):
    array, models = cube
    for model in models:
        part = model.part("cube")
        np.testing.assert_array_equal(part[index], array[index])
        plan = part.plan(index)
        assert plan.nbytes_wanted == array[index].nbytes
        assert plan.nbytes_wanted <= plan.nbytes_read <= array.nbytes
        assert plan.why in {"exact", "wider", "whole"}


@pytest.mark.behaviour("LOAD-05")
@STRATEGIES
@pytest.mark.parametrize(
    ("index", "kind"),
    [
        (8, IndexError),
        (-9, IndexError),
        ((0, 0, 0, 0), IndexError),
        ((..., ...), IndexError),
        (None, TypeError),
        ([1, 2], TypeError),
        (True, TypeError),
        ("cube", TypeError),
        (1.0, TypeError),
        (np.ones(8, bool), TypeError),
    ],
)
def test_an_index_that_is_none_is_refused(cube, strategy, index, kind):
    _, models = cube
    part = models[("mmap", "read", "staged").index(strategy)].part("cube")
    for request in (part.plan, part.__getitem__):
        with pytest.raises(kind):
            request(index)


@pytest.mark.behaviour("LOAD-05")
def test_a_part_describes_its_tensor(gguf_file):
    with emel.open(gguf_file) as model:
        raw, plain = model.part("blk.0.q8_0"), model.part("plain.int16")
        assert (raw.name, raw.shape, raw.dtype) == ("blk.0.q8_0", (6, 2 * 34), np.uint8)
        assert (plain.shape, plain.dtype) == ((3, 5, 2), np.int16)
        assert "blk.0.q8_0" in repr(raw)
        with pytest.raises(KeyError, match="no such tensor"):
            model.part("no such tensor")
    with pytest.raises(emel.ClosedError):
        raw[0]


COUNTED = """
import json, sys
import emel

def read():
    with open("/proc/self/io") as file:
        return int(file.readline().split()[1])

def count(strategy):
    with emel.open(sys.argv[1], strategy) as model:
        part = model.part("large")
        part[:1, :1]  # imports, and what else is done once
        counts, between = {}, read()
        overhead = read() - between
        indices = {"column": (slice(None), slice(1024, 2048)), "rows": slice(100, 148)}
        for name, index in indices.items():
            before = read()
            found = part[index]
            counts[name] = read() - before - overhead, part.plan(index).nbytes_read, found.nbytes
            assert found[0, 0] == found[-1, -1] == 0
    return counts

print(json.dumps({strategy: count(strategy) for strategy in ("mmap", "read", "staged")}))
"""
LARGE = 24 << 20


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """By strategy, how many bytes are read, planned and wanted of parts of a large tensor."""
    header = {"large": {"dtype": "F32", "shape": [768, 8192], "data_offsets": [0, LARGE]}}
    head = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("large") / "sparse.safetensors"
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + LARGE)
    words = [sys.executable, "-c", COUNTED, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.behaviour("LOAD-05")
@STRATEGIES
def test_an_eighth_of_a_large_tensor_costs_an_eighth_and_a_quarter_more_at_most(counted, strategy):
    counts = counted[strategy]
    assert counts["column"][2] == LARGE // 8
    assert counts["rows"][2] == LARGE // 16
    for read, planned, wanted in counts.values():
        assert wanted <= planned <= 1.25 * wanted
        # A mapping is not read by calls; whoever copies reads what was planned and nothing else.
        # The counter's own text may be a few digits longer than before.
        assert 0 <= read - (0 if strategy == "mmap" else planned) < 64


@pytest.mark.behaviour("LOAD-05")
@STRATEGIES
def test_numpy_takes_a_part_whole_and_as_a_copy(cube, strategy):
    array, models = cube
    part = models[("mmap", "read", "staged").index(strategy)].part("cube")
    whole = np.asarray(part)
    assert (whole.dtype, whole.tolist()) == (np.int16, array.tolist())
    assert whole.flags.writeable
    assert np.asarray(part, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="always a copy"):
        part.__array__(copy=False)
