"""Everything that emel says of the samples, by key; run in a process of its own.

`python -m emel_tools.determinism.saying FOLDER THREADS ORDER` writes the samples to FOLDER, loads
with THREADS threads (0: emel's choice), and lets listings of folders come in the order of the seed
ORDER (0: as they come). It prints one JSON object, in which the folder is spelled `<folder>`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final, Self, cast

import numpy as np

import emel
from emel_io_loader import BatchOutcome, Router, Spans, Targets, discover, plan
from emel_io_mmap import MmapStrategy
from emel_io_read import Port, ReadStrategy
from emel_io_staged import StagedStrategy
from emel_tools.determinism import samples

_STRATEGIES: Final = ("mmap", "read", "staged", "auto")
_TIMES: Final = (
    "seconds",
    "gib_per_second",
    "resident_before",
    "resident_loaded",
    "resident_after",
)


class _Scribe:
    """Writes down what is said."""

    def __init__(self, folder: Path, threads: int | None) -> None:
        self.folder, self.threads = folder, threads
        self.lines: dict[str, str] = {}

    def say(self, key: str, value: object) -> None:
        """Write one line."""
        assert key not in self.lines, f"{key} is said twice"  # noqa: S101 - a proof
        text = value if isinstance(value, str) else repr(value)
        self.lines[key] = text.replace(str(self.folder), "<folder>")

    def attempt(self, key: str, call: Callable[[], object]) -> None:
        """Write what a call answers, or how it fails."""
        try:
            self.say(key, call())
        except emel.EmelError as error:
            facts = (
                type(error).__name__,
                error.code,
                str(error),
                error.tensors,
                error.files,
                error.offset,
            )
            self.say(key, facts)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            self.say(key, (type(error).__name__, str(error)))

    def command(self, *words: str) -> None:
        """Run the command line in this process, and write what it prints and how it ends."""
        main = next(iter(entry_points(group="console_scripts", name="emel"))).load()
        out, sys.argv = io.StringIO(), ["emel", *words]
        ended: object = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                main()
            except SystemExit as error:
                ended = error.code
        text = out.getvalue()
        if words[0] == "load":
            document: dict[str, Any] = json.loads(text)
            text = json.dumps(
                {k: v for k, v in document.items() if k not in _TIMES}, ensure_ascii=False
            )
        key = " ".join(("$ emel", *words)).replace(str(self.folder), "<folder>")
        for number, line in enumerate(text.splitlines()):
            self.say(f"{key}, line {number:04}", line.rstrip())  # wide as a path is long
        self.say(f"{key}, exit", ended)


def _model(scribe: _Scribe, label: str, path: Path, strategy: str) -> None:
    key = f"{label}, {strategy}"
    with emel.open(path, strategy) as model:
        scribe.say(f"{key}: names", list(model))
        scribe.say(f"{key}: files", model.files)
        scribe.say(
            f"{key}: metadata",
            [(k, str(v)[:80]) for k, v in model.metadata.items() if not isinstance(v, np.ndarray)],
        )
        scribe.say(f"{key}: infos", [model.info(name) for name in model])
        part, metadata = model.part(samples.NAMES[0]), model.metadata
        scribe.say(f"{key}: repr", [model, part, metadata, model.usage(), *metadata.values()])
        model.load(samples.NAMES[3:9], threads=scribe.threads)
        _residency(scribe, f"{key}: some loaded", model)
        held = {name: model[name] for name in samples.NAMES[4:8]}
        scribe.attempt(f"{key}: release of what is held", model.release)
        _residency(scribe, f"{key}: some held", model)
        scribe.attempt(f"{key}: close of what is held", model.close)
        held.clear()
        scribe.attempt(
            f"{key}: release of what isn't loaded", lambda: model.release([*samples.NAMES[::-1]])
        )
        model.load(threads=scribe.threads)
        _residency(scribe, f"{key}: all loaded", model)
        scribe.say(f"{key}: bytes", [hash_of(model[name].tobytes()) for name in model])
        model.release()
        _residency(scribe, f"{key}: all released", model)
        digest = model.digest()
        scribe.say(f"{key}: digest", (digest.model, list(digest.tensors.items())))
        buffer = np.zeros(model.buffer_nbytes(), np.uint8)
        model.load(into=buffer, threads=scribe.threads)
        scribe.say(f"{key}: one buffer", hash_of(buffer.tobytes()))
        model.release()
        for name in samples.NAMES[:4]:
            part = model.part(name)
            scribe.say(f"{key}: plan of {name}", part.plan(slice(2, None, 3)))
            scribe.say(f"{key}: part of {name}", hash_of(part[1:9].tobytes()))
        chunks: dict[str, int] = {}
        model.stream(lambda name, start, chunk: chunks.__setitem__(name, start + len(chunk)))
        scribe.say(f"{key}: streamed", list(chunks.items()))
        scribe.say(f"{key}: streamed, in any order", sorted(chunks.items()))
        scribe.say(f"{key}: strategy", model.strategy)
        scribe.attempt(f"{key}: no such tensor", lambda: model["nobody"])
        scribe.attempt(f"{key}: no such buffer", lambda: model.load(samples.NAMES, into={}))


def _residency(scribe: _Scribe, key: str, model: emel.Model) -> None:
    said = model.residency()
    scribe.say(
        key, (said.name, said.state.tolist(), said.bytes.tolist(), list(said.totals.items()))
    )


def hash_of(data: bytes) -> str:
    """Name bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def _refusals(scribe: _Scribe) -> None:
    folder = scribe.folder
    for name in ("broken", "twice", "several", "missing", "misplaced", "nobody"):
        for strategy in ("mmap", "read"):
            scribe.attempt(
                f"refusal of {name}, {strategy}",
                lambda name=name, strategy=strategy: emel.open(folder / name, strategy),
            )
    scribe.attempt("no such strategy", lambda: emel.open(folder / "one.gguf", "nobody"))
    with (
        emel.open(folder / "one.safetensors", "read") as one,
        emel.open(folder / "other.safetensors") as other,
    ):
        compared = one.compare(other)
        scribe.say("comparison", (compared.same, compared.tensors, compared.nbytes))
        scribe.say("differences", compared.differences)
    with emel.open(folder / "one.safetensors", "read", memory_limit=1 << 16) as model:
        scribe.attempt("over the limit", model.load)


def _cut(scribe: _Scribe) -> None:
    """Files that are cut short after they were opened: which of them is blamed."""
    folder = scribe.folder / "cut"
    for strategy in ("mmap", "read", "staged"):
        samples.write(folder)
        with emel.open(folder / "indexed", strategy) as model:
            for number in (2, 3, 4):
                file = folder / "indexed" / f"model-{number:05}-of-{samples.SHARDS:05}.safetensors"
                os.truncate(file, file.stat().st_size - 5000)
            scribe.attempt(
                f"files cut short, {strategy}",
                lambda model=model: model.load(threads=scribe.threads),
            )
            _residency(scribe, f"after files were cut short, {strategy}", model)


def _plans(scribe: _Scribe) -> None:
    rng = Random(5)
    for number in range(20):
        rows = [(rng.randrange(3), rng.randrange(4000), rng.randrange(90)) for _ in range(30)]
        file, offset, nbytes = zip(*rows, strict=True)
        spans = Spans(["a", "b", "c"], file, offset, nbytes)
        runs = plan(spans, gap_nbytes=40, over_read=0.5, run_nbytes=600)
        told = (runs.file.tolist(), runs.start.tolist(), runs.stop.tolist(), runs.order.tolist())
        scribe.say(f"plan {number}", told)


def _strategies(scribe: _Scribe) -> None:
    """What strategies say by themselves, of several files at once."""
    folder = str(scribe.folder / "several")
    paths = [f"{folder}/{name}.safetensors" for name in samples.SEVERAL]
    n = len(paths)
    spans = Spans(paths, list(range(n)), [8] * n, [16] * n)
    with MmapStrategy() as strategy:
        leases = strategy.load(spans).leases
        held = [strategy.view(*leases[i]) for i in range(n)]
        _batch(scribe, "mmap: release of what is borrowed", strategy.release(leases))
        _batch(scribe, "mmap: close of what is borrowed", strategy.close())
        held.clear()
    with MmapStrategy(slots=2) as strategy:
        _batch(scribe, "mmap: more files than slots", strategy.load(spans))
    gone = Spans([f"{path}.gone" for path in paths], list(range(n)), [8] * n, [16] * n)
    ended = Spans(paths, list(range(n)), [1 << 30] * n, [16] * n)
    targets = Targets.each([np.zeros(16, np.uint8) for _ in range(n)])
    for name, make in (("mmap", MmapStrategy), ("read", ReadStrategy), ("staged", StagedStrategy)):
        for what, asked in (("missing files", gone), ("files that end before", ended)):
            with make() as strategy:
                into = None if name == "mmap" else targets
                answer = strategy.load(asked, into, threads=scribe.threads)
                _batch(scribe, f"{name}: {what}", answer)


def _calls(scribe: _Scribe) -> None:
    """Calls that fail in several threads: which of them is told of."""
    nbytes = 1 << 16
    path = str(scribe.folder / "long.bin")
    Path(path).write_bytes(bytes(16 * nbytes))

    def failing(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        got = os.preadv(descriptor, buffers, offset)
        if offset >= 4 * nbytes:
            number = (errno.EIO, errno.ENXIO, errno.ENODEV)[offset // nbytes % 3]
            raise OSError(number, os.strerror(number))
        return got

    spans = Spans([path], [0], [0], [16 * nbytes])
    targets = Targets.each([np.zeros(16 * nbytes, np.uint8)])
    port = Port(preadv=failing)
    with ReadStrategy(call_nbytes=nbytes, port=port) as strategy:
        answer = strategy.load(spans, targets, threads=scribe.threads or 3)
    _batch(scribe, "calls that fail", answer)


class _Point:
    """An entry point of some distribution."""

    name = "mine"

    def __init__(self, owner: str) -> None:
        self.dist = SimpleNamespace(name=owner)

    def load(self) -> object:
        """Nobody gets here."""
        raise NotImplementedError


def _owners(scribe: _Scribe) -> None:
    """Who offers a strategy twice, in whatever order they are found."""
    points = [_Point(owner) for owner in {f"dist-{letter}" for letter in "abcdefgh"}]
    found = Router({}, found=lambda: discover(points)).route("mine")
    scribe.say("a strategy that several have", getattr(found, "message", ""))


def _batch(scribe: _Scribe, key: str, answer: BatchOutcome) -> None:
    told = (answer.code, answer.message, answer.index, answer.offset, answer.nspans, answer.nbytes)
    held = answer.leases.slot.tolist(), answer.leases.generation.tolist()
    scribe.say(key, (*told, *held))


class _Entries:
    """What `os.scandir` answers with: an iterator that can be closed."""

    def __init__(self, entries: list[os.DirEntry[str]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries

    def __next__(self) -> os.DirEntry[str]:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""


def shuffle_listings(order: int) -> None:
    """Let folders be listed in another order: a file system may do as it likes."""
    listdir, scandir = os.listdir, os.scandir

    def names(path: Any = ".") -> list[str]:  # noqa: ANN401 - os.listdir's
        found = [str(name) for name in sorted(cast("list[str]", listdir(path)))]
        Random(order).shuffle(found)
        return found

    def entries(path: Any = ".") -> _Entries:  # noqa: ANN401 - the same
        with scandir(path) as them:
            found = sorted(them, key=lambda entry: entry.name)
        Random(order).shuffle(found)
        return _Entries(found)

    os.listdir, os.scandir = names, entries  # pyright: ignore[reportAttributeAccessIssue]


def _delayed(order: int) -> None:
    """Let reads end in another order than they began in."""
    preadv = os.preadv

    def late(descriptor: int, buffers: Any, offset: int) -> int:  # noqa: ANN401 - os.preadv's
        time.sleep(Random(f"{order} {offset} {descriptor}").random() / 2000)
        return preadv(descriptor, buffers, offset)

    os.preadv = late  # pyright: ignore[reportAttributeAccessIssue]


def main() -> None:
    """Write the transcript."""
    folder, threads, order = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    scribe = _Scribe(folder, threads or None)
    samples.write(folder)
    if order:
        shuffle_listings(order)
        _delayed(order)
    for strategy in _STRATEGIES:
        for name in ("indexed", "one.gguf"):
            _model(scribe, name, folder / name, strategy)
    for work in (_refusals, _strategies, _calls, _owners, _plans, _cut):
        work(scribe)
    for name in ("indexed", "one.gguf", "alike.safetensors"):
        for words in (
            ("inspect",),
            ("inspect", "--json"),
            ("inspect", "--tensors", "--metadata"),
            ("digest", "--json"),
            ("load", "--json"),
            ("load", "--json", "--strategy", "read"),
        ):
            scribe.command(words[0], str(folder / name), *words[1:])
    both = [str(folder / name) for name in ("one.safetensors", "other.safetensors")]
    scribe.command("verify", *both, "--json")
    scribe.command("verify", *both)
    json.dump(scribe.lines, sys.stdout)


if __name__ == "__main__":
    main()
