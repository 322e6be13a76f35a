"""Runs of pytest under the witness, in a small repository of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from emel_tools.boundaries.witness import calls, plugin, shards

TABLE = """
[importlinter]
root_packages = emel_disk

[importlinter:contract:capability-files]
name = files
type = capability
capability = files
owners =
    emel_disk._platform
    tests:*
broken_contract_guidance = Ask the port.
"""
PLATFORM = """\
def read(path):
    with open(path, "rb") as file:
        return file.read()
"""
FACE = """\
from emel_disk._platform import read


def size(path):
    return len(read(path))
"""
SLY = """\
import emel_disk.sly


def test_sly():
    assert emel_disk.sly.count(__file__)
"""
TESTS = """\
import pytest

from emel_disk.face import size


@pytest.mark.parametrize("nbytes", [0, 1, 2])
def test_size(tmp_path, nbytes):
    path = tmp_path / "a"
    path.write_bytes(b"x" * nbytes)
    assert size(path) == nbytes
"""


@pytest.fixture
def repo(tmp_path):
    files = {
        ".importlinter": TABLE,
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
        "packages/disk/src/emel_disk/__init__.py": "",
        "packages/disk/src/emel_disk/_platform.py": PLATFORM,
        "packages/disk/src/emel_disk/face.py": FACE,
        "packages/disk/tests/test_face.py": TESTS,
        "tools/pyproject.toml": "",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def command(*options, tests="packages/disk/tests"):
    plugin = ["-p", "emel_tools.boundaries.witness.plugin", "-p", "no:cacheprovider"]
    # Hypothesis takes longer to import than all else here, and has nothing to do.
    return [sys.executable, "-m", "pytest", *plugin, "-p", "no:hypothesispytest", *options, tests]


def environment(repo):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    return {**kept, "PYTHONPATH": str(repo / "packages/disk/src"), "COLUMNS": "300"}


def run(repo, *options, **where):
    return subprocess.run(
        command(*options, **where),
        cwd=repo,
        env=environment(repo),
        capture_output=True,
        text=True,
        check=False,
    )


def kept(repo):
    path = repo / ".nox/witness/disk.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


@pytest.mark.behaviour("BND-25", "BND-22")
def test_a_green_shard_is_written_down_whole(repo):
    ran = run(repo)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ("witness: this Python doesn't show calls" in ran.stdout) is not calls.SEEN
    witnessed = shards.read_all(repo)[0]
    assert witnessed.calls is calls.SEEN
    test = next(test for use, test in witnessed.uses.items() if use.module.startswith("emel_disk"))
    assert test.startswith("packages/disk/tests/test_face.py::test_size[")
    assert {(use.module, use.capability) for use in witnessed.uses} == {
        ("emel_disk._platform", "files"),
        ("tests:emel_disk.test_face", "files"),
    }


@pytest.mark.behaviour("BND-23", "BND-24", "BND-25")
def test_a_use_that_is_not_in_the_table_makes_the_run_red_under_xdist_and_coverage(repo):
    sly = "import mmap\n\n\ndef count(path):\n    return len(mmap.mmap(-1, 10))\n"
    write(repo, "packages/disk/src/emel_disk/sly.py", sly)
    write(repo, "packages/disk/tests/test_sly.py", SLY)
    ran = run(repo, "-n", "2", "--cov=emel_disk", "--cov-fail-under=100")
    assert ran.returncode == 1
    assert "4 passed" in ran.stdout
    assert "Required test coverage of 100% reached" in ran.stdout
    assert (
        "FAIL packages/disk/src/emel_disk/sly.py:5: emel_disk.sly uses mapping (mmap.__new__),"
        " seen in packages/disk/tests/test_sly.py::test_sly; it belongs to nobody\n"
        "     fix: ask an owner to do it, or add the call to the port"
    ) in ran.stdout


@pytest.mark.behaviour("BND-24")
def test_a_use_outside_of_tests_is_judged_too_with_the_owner_and_the_guidance(repo):
    write(repo, "packages/disk/src/emel_disk/__init__.py", "open(__file__).close()\n")
    ran = run(repo, "-n", "1")
    assert ran.returncode == 1
    assert (
        "FAIL packages/disk/src/emel_disk/__init__.py:1: emel_disk uses files (open), seen in"
        " (outside of tests); it belongs to emel_disk._platform, tests:*\n     fix: Ask the port."
    ) in ran.stdout


@pytest.mark.behaviour("BND-23", "BND-25")
@pytest.mark.parametrize(
    ("options", "where"),
    [
        (["-k", "0"], {}),
        (["-k", "0", "-n", "1"], {}),
        (["--collect-only"], {}),
        ([], {"tests": "packages/disk/tests/test_face.py"}),
    ],
)
def test_a_part_of_a_shard_is_judged_and_not_written_down(repo, options, where):
    ran = run(repo, *options, **where)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert kept(repo) is None


@pytest.mark.behaviour("BND-25")
def test_a_red_shard_is_not_written_down(repo):
    write(repo, "packages/disk/tests/test_red.py", "def test_red():\n    assert not 1\n")
    ran = run(repo)
    assert ran.returncode == 1
    assert kept(repo) is None


@pytest.mark.behaviour("BND-23")
def test_an_interrupt_ends_the_run_as_it_always_does(repo):
    code = (
        "import pathlib, signal, time\n\n\ndef test_long():\n"
        # As in a terminal: a job in a shell's background is started with SIGINT ignored.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    pathlib.Path('started').touch()\n    time.sleep(60)\n"
    )
    write(repo, "packages/disk/tests/test_long.py", code)
    with subprocess.Popen(
        command(), cwd=repo, env=environment(repo), stdout=subprocess.PIPE, text=True
    ) as running:
        while not (repo / "started").exists() and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate()  # it would end by itself, and not by an interrupt
    assert running.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert kept(repo) is None


@pytest.mark.behaviour("BND-24")
def test_a_repository_without_a_table_is_refused(repo):
    (repo / ".importlinter").unlink()
    ran = run(repo)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "has no .importlinter, so nothing says who may do what" in ran.stderr


@pytest.mark.behaviour("BND-22", "BND-24")
@pytest.mark.parametrize("seen", [True, False])
def test_the_summary_says_what_is_not_in_the_table_and_what_this_python_does_not_show(
    monkeypatch, tmp_path, seen
):
    monkeypatch.setattr(calls, "SEEN", seen)
    witness = plugin.Witness(tmp_path)
    witness.findings = ["it opens a file"]
    said = []
    reporter = SimpleNamespace(
        config=SimpleNamespace(stash={plugin._KEY: witness}),
        section=lambda title, **_: said.append(title),
        line=said.append,
    )

    plugin.pytest_terminal_summary(reporter)

    assert said[:2] == ["capabilities used and not in the table", "it opens a file"]
    assert [line.partition(":")[0] for line in said[2:]] == ([] if seen else ["witness"])
