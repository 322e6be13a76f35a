"""A memory limit, parted so that whatever follows whatever stays within it."""

import itertools
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import emel
from emel.budget import LEAST_LIMIT, THREADS, part


@pytest.mark.behaviour("FACE-08")
@given(limit=st.integers(LEAST_LIMIT, 1 << 40), direct=st.booleans())
def test_the_parts_together_are_within_the_limit(limit, direct):
    budget = part(limit, direct=direct)
    bounces = THREADS * (budget.call + 8192) if budget.direct else 0
    pages = budget.copies // 16 if budget.direct else 0
    assert budget.staging + budget.window + bounces + budget.copies + pages <= limit
    assert min(budget.staging, budget.window, budget.copies) >= LEAST_LIMIT // 8
    assert budget.direct == (direct and limit >= 4 << 20)


@pytest.mark.behaviour("FACE-08")
def test_without_a_limit_nothing_is_parted():
    assert part(None, direct=True).copies is None


SEQUENCE = """
import os, sys
import numpy as np
import emel, emel.copying
def peak():
    text = open("/proc/self/status").read()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024
def grown(path, strategy, direct):
    out = np.ones((1 << 20,), np.float32)
    with emel.open(path, strategy) as model:  # what is imported and made once is not the limit's
        model.dequantize("t0", out)
        model.digest()
    open("/proc/self/clear_refs", "w").write("5")
    before = peak()
    with emel.open(path, strategy, memory_limit=16 << 20, direct=direct) as model:
        for _ in range(2):
            model.dequantize("t0", out)
            model.stream(lambda name, start, chunk: None)
            array = model["t1"]
            model.digest()
            model.part("t2")[::2]
            del array
            model.release()
    return peak() - before
for case in sys.argv[2:]:  # each in a process of its own, and what they import in this one
    if os.fork() == 0:
        strategy, direct = case.split()
        print(case, grown(sys.argv[1], strategy, direct == "direct"))
        break
    assert os.wait()[1] == 0, case
"""
USES = ("read", "staged"), ("direct", "cached")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """By strategy and way, by how much the peak of memory grows in a process of its own."""
    path = tmp_path_factory.mktemp("large") / "m"
    save_file({f"t{i}": np.ones(1 << 20, np.float32) for i in range(6)}, path)
    cases = [f"{strategy} {direct}" for strategy, direct in itertools.product(*USES)]
    command = [sys.executable, "-c", SEQUENCE, str(path), *cases]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {(strategy, direct): int(nbytes) for strategy, direct, nbytes in lines}


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize("direct", USES[1])
@pytest.mark.parametrize("strategy", USES[0])
def test_one_thing_after_another_stays_within_the_limit(grown, strategy, direct):
    part_of_t2 = 2 << 20  # the caller's
    assert grown[strategy, direct] <= (16 << 20) + part_of_t2 + (2 << 20)


NUMPYS = tracemalloc.DomainFilter(inclusive=True, domain=389047)
"""The memory of arrays, as numpy tells it."""


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize(
    ("direct", "limit", "nbytes"),
    [
        (False, 1 << 20, 64),
        (True, 4 << 20, 64),
        (True, 4 << 20, 48 << 10),
        (False, 4 << 20, 1 << 16),
        (True, 8 << 20, 64 << 10),
    ],
)
def test_many_tensors_take_no_more_than_the_limit(tmp_path, direct, limit, nbytes):
    budget = part(limit, direct=direct)
    count = min(budget.copies // nbytes, 2000)
    tensors = {f"t{i}": np.ones(nbytes, np.uint8) for i in range(count)}
    save_file(tensors, tmp_path / "m")
    with emel.open(tmp_path / "m", "read", memory_limit=limit, direct=direct) as model:
        tracemalloc.start()
        try:
            model.load()
            taken = tracemalloc.take_snapshot().filter_traces([NUMPYS])
        finally:
            tracemalloc.stop()
    held = sum(trace.size for trace in taken.traces)
    assert count * nbytes <= held <= limit - budget.staging - budget.window


@pytest.mark.behaviour("FACE-08")
def test_what_a_refused_release_gave_back_is_there_for_others(tmp_path):
    nbytes = part(LEAST_LIMIT, direct=False).copies // 2
    save_file({name: np.ones(nbytes, np.uint8) for name in "ab"}, tmp_path / "m")
    with emel.open(tmp_path / "m", "read", memory_limit=LEAST_LIMIT) as model:
        model.load()
        borrowed = model["a"]
        with pytest.raises(emel.BusyError):
            model.release()
        model.load(["b"])
        del borrowed


@pytest.mark.behaviour("FACE-08")
def test_under_direct_reads_large_copies_lie_where_one_lands(tmp_path):
    save_file({f"t{i}": np.ones(1 << 16, np.uint8) for i in range(9)}, tmp_path / "m")
    with emel.open(tmp_path / "m", "read", direct=True) as model:
        model.load()
        away = {(model[name].ctypes.data - model.info(name).offset) % 4096 for name in model}
    assert away == {0}
