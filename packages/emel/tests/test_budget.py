"""A memory limit, parted so that whatever follows whatever stays within it."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from emel.budget import LEAST_LIMIT, THREADS, part


@pytest.mark.behaviour("FACE-08")
@given(limit=st.integers(LEAST_LIMIT, 1 << 40), direct=st.booleans())
def test_the_parts_together_are_within_the_limit(limit, direct):
    budget = part(limit, direct=direct)
    bounces = THREADS * (budget.call + 8192) if budget.direct else 0
    assert budget.staging + budget.window + bounces + budget.copies <= limit
    assert min(budget.staging, budget.window, budget.copies) >= LEAST_LIMIT // 8
    assert budget.direct == (direct and limit >= 4 << 20)


@pytest.mark.behaviour("FACE-08")
def test_without_a_limit_nothing_is_parted():
    assert part(None, direct=True).copies is None


SEQUENCE = """
import sys
import numpy as np
import emel, emel.copying
def peak():
    text = open("/proc/self/status").read()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024
path, strategy, direct = sys.argv[1], sys.argv[2], sys.argv[3] == "direct"
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
print(peak() - before)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "m"
    save_file({f"t{i}": np.ones(1 << 20, np.float32) for i in range(10)}, path)
    return path


@pytest.mark.behaviour("FACE-08")
@pytest.mark.parametrize("direct", ["direct", "cached"])
@pytest.mark.parametrize("strategy", ["read", "staged"])
def test_one_thing_after_another_stays_within_the_limit(large, strategy, direct):
    command = [sys.executable, "-c", SEQUENCE, str(large), strategy, direct]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    part_of_t2 = 2 << 20  # the caller's
    assert int(done.stdout) <= (16 << 20) + part_of_t2 + (2 << 20)
