"""Whatever is done with a model, and however it fails, doing it again leaves nothing behind."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

ACTIONS = """
import gc, json, os, sys
import numpy as np
import emel

TIMES = 16
MOST = 8
EXPECTED = (emel.EmelError, KeyError, ValueError, ZeroDivisionError)

def opening(name):
    return lambda nth: emel.open(name.format(nth))

def using(strategy, use):
    def act(nth):
        with emel.open("whole.safetensors", strategy) as model:
            use(model, nth)
    return act

def ask_too_late(model, nth):
    model.close()
    model["a"]

def look_and_release(model, nth):
    model.load()
    assert model["a"][nth] == nth
    model.release()

def release_what_is_borrowed(model, nth):
    array = model["a"]
    try:
        model.release()
    finally:
        assert array[nth] == nth

def read_what_is_cut(model, nth):
    whole = os.stat(model.path).st_size
    os.truncate(model.path, whole - 100)
    try:
        model.load(into=model.empty())
    finally:
        os.truncate(model.path, whole)

def sink_that_raises(*chunk):
    raise ZeroDivisionError

for_all = {
    "look and release": look_and_release,
    "load into": lambda model, nth: model.load(into=model.empty()),
    "read what is cut !": read_what_is_cut,
    "stream to who raises !": lambda model, nth: model.stream(sink_that_raises),
    "digest": lambda model, nth: model.digest(),
}
strategies = "mmap", "read", "staged"
actions = {
    "open what is absent !": opening("absent-{}.gguf"),
    "open what is cut !": opening("cut.safetensors"),
    "open what is no JSON !": opening("odd.safetensors"),
    "open a pointer !": opening("pointer.gguf"),
    "open what is empty !": opening("empty.gguf"),
    "ask for none !": using("mmap", lambda model, nth: model[f"none-{nth}"]),
    "ask too late !": using("mmap", ask_too_late),
    "release what is borrowed !": using("mmap", release_what_is_borrowed),
    "read into another shape !": using(
        "mmap", lambda model, nth: model.read_into("a", np.empty(3, "f4"))
    ),
    "part": using("mmap", lambda model, nth: model.part("a")[nth::2]),
    "dequantize": using("mmap", lambda model, nth: model.dequantize("b", dtype="f2")),
    "compare": using("mmap", lambda model, nth: model.compare(model)),
    **{f"{n}: {how}": using(n, for_all[how]) for n in strategies for how in for_all},
}

# Python's own, of up to 4,096 names, some of which are made anew for each lookup.
forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache

def blocks():
    gc.collect()
    forget()
    return sys.getallocatedblocks()

def grown(act, fails, rounds):
    before, failed = blocks(), 0
    for nth in rounds:
        try:
            act(nth)
        except EXPECTED:
            failed += 1
    assert failed == (TIMES if fails else 0)
    return blocks() - before

gc.collect()
gc.freeze()
answers = {}
for name, act in actions.items():
    # What is made once for all shows in the first rounds alone.
    answers[name] = []
    while len(answers[name]) < 16 and min(answers[name], default=TIMES) >= MOST:
        begin = len(answers[name]) * TIMES
        answers[name].append(grown(act, "!" in name, range(begin, begin + TIMES)))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """How many objects more there are after each 16 times of each action, in a fresh process."""
    folder = tmp_path_factory.mktemp("repeated")
    arrays = {"a": np.arange(4096, dtype=np.float32), "b": np.ones(64, np.float32)}
    save_file(arrays, folder / "whole.safetensors")
    content = (folder / "whole.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(content[:-1])
    (folder / "odd.safetensors").write_bytes(content[:8] + b"[" + content[9:])
    (folder / "pointer.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    (folder / "empty.gguf").write_bytes(b"")
    words = [sys.executable, "-c", ACTIONS]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.behaviour("FACE-02", "FACE-10")
def test_whatever_is_done_again_leaves_no_object_behind(grown):
    assert len(grown) == 27
    assert {name: counts for name, counts in grown.items() if min(counts) >= 8} == {}
