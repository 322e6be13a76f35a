"""The memory that the process takes while it runs, as the kernel counts it."""

import subprocess
import sys

import pytest

MiB = 1 << 20
PROGRAM = """
import sys
import numpy as np
from emel_io_loader import Spans, Targets
from emel_io_staged import Conversion, Dequantisation, Digest, StagedStrategy
import hashlib

path, what = sys.argv[1:]
NBYTES = (12 if what == "dequantise" else 64) << 20  # what it makes is 29 MiB

def memory():
    status = open("/proc/self/status").read()
    return int(status.partition("RssAnon:")[2].split()[0]) << 10

def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) << 10

spans = Spans([path], [0], [0], [NBYTES // 210 * 210])
kept, seen = [], []
out = np.ones(256 * spans.nbytes.item() // 210, np.float16) if what == "dequantise" else None
look = lambda *_: seen.append(memory())
runs = {
    "stream": lambda s: s.stream(spans, look),
    "hoard": lambda s: s.stream(spans, lambda *w: (kept.append(w[2].copy()), look())),
    "digest": lambda s: s.load_through(spans, None, [Digest(hashlib.sha256())], progress=look),
    "dequantise": lambda s: s.load_through(
        spans, Targets.each([out]), [Dequantisation("Q6_K", np.float16)], progress=look
    ),
}
if what == "dequantise":
    Dequantisation("Q6_K")
strategy = StagedStrategy(chunk_nbytes=1 << 20, stages=4)
base, before = memory(), peak()
assert runs[what](strategy).ok
most = max(seen)
high = peak() - before
strategy.close()
print(most - base, high, memory() - base)
"""


@pytest.fixture(scope="module")
def measure(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "64MiB"
    with path.open("wb") as file:
        file.truncate(64 * MiB)

    def run(what):
        """Most memory, highest peak, and memory after closing, in bytes beyond those before."""
        command = [sys.executable, "-c", PROGRAM, str(path), what]
        return map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())

    return run


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")


@linux
@pytest.mark.behaviour("STG-01")
@pytest.mark.parametrize("what", ["stream", "digest", "dequantise"])
def test_memory_stays_within_the_ring_and_little_more(measure, what):
    most, high, after = measure(what)
    extra = {"dequantise": 3 * MiB}.get(what, 2 * MiB)
    assert most <= 4 * MiB + extra
    assert high <= 4 * MiB + extra
    assert after <= extra


@linux
@pytest.mark.behaviour("STG-01")
def test_the_measure_sees_a_sink_that_keeps_what_it_was_shown(measure):
    most, high, _ = measure("hoard")
    assert min(most, high) >= 64 * MiB
