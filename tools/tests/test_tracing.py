"""Threads that begin together are all traced, though an audit hook lets them meet in the middle."""

import subprocess
import sys
import threading

import pytest

from emel_tools.suites import tracing

MEETING = """
import sys, threading, time
from emel_tools.suites import tracing

def hook(event, _):
    if event == "sys.settrace":
        time.sleep(0.02)  # as any Python may do in an audit hook, it lets other threads run

traced, ran = [], []
threading.settrace(lambda frame, event, argument: traced.append(frame.f_code.co_name))
if "one-by-one" in sys.argv:
    tracing.begin()
    tracing.begin()  # of a run inside a run: nothing is added
sys.addaudithook(hook)
threads = [threading.Thread(target=ran.append, args=(i,)) for i in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(ran), traced.count("run"))
"""


def ran(*words):
    command = [sys.executable, "-c", MEETING, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.behaviour("GATE-110")
def test_threads_that_begin_together_all_run_and_are_traced():
    done = ran("one-by-one")
    assert (done.stdout, done.stderr) == ("[0, 1, 2, 3, 4, 5] 6\n", "")


@pytest.mark.behaviour("GATE-110")
def test_the_next_thread_waits_until_the_first_has_been_traced():
    seen = []
    trace = tracing.OneByOne(lambda *event: seen.append(event))
    assert trace
    waiting = threading.Thread(target=lambda: seen.append(bool(trace)))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    trace(None, "call", None)
    waiting.join()
    assert [each if each is True else each[1] for each in seen] == ["call", True]
    trace(None, "call", None)
    trace(None, "call", None)  # nobody waits any more, and nothing breaks
    assert len(seen) == 4


@pytest.mark.behaviour("GATE-110")
def test_a_run_inside_a_run_adds_nothing():
    tracing.begin()
    trace = threading.gettrace()
    tracing.begin()
    assert threading.gettrace() is trace
