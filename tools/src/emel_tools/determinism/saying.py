"""Everything that emel says of the samples, by key; run in a process of its own.

`python -m emel_tools.determinism.saying FOLDER THREADS ORDER` writes the samples to FOLDER, loads
with THREADS threads (0: emel's choice), and lets listings of folders come in the order of the seed
ORDER (0: as they come). It prints one JSON object, in which the folder is spelled `<folder>`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Final

import numpy as np

import emel
from emel_tools.determinism import samples
from emel_tools.determinism.alone import calls, owners, plans, strategies, targets
from emel_tools.determinism.disorder import age, delay_reads, shuffle_listings
from emel_tools.determinism.scribe import Scribe

_STRATEGIES: Final = ("mmap", "read", "staged", "auto")
_REFUSED: Final = (
    *("broken", "twice", "several", "missing", "misplaced"),
    *("tensors-twice", "fields-twice", "unlike"),
)


def _model(scribe: Scribe, label: str, path: Path, strategy: str) -> None:
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
        some = samples.NAMES[17:2:-2]
        buffer = np.zeros(model.buffer_nbytes(some), np.uint8)
        model.load(some, into=buffer, threads=scribe.threads)
        scribe.say(f"{key}: some in one buffer", hash_of(buffer.tobytes()))
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
        _unfit(scribe, key, model)


def _unfit(scribe: Scribe, key: str, model: emel.Model) -> None:
    """Ask for what can't be for several reasons of the same kind: which of them is told."""
    unknown = [f"nobody.{i * 7 % 9}" for i in range(9)]
    for ask in (model.load, model.release, model.buffer_nbytes, model.empty_buffer, model.empty):
        scribe.attempt(f"{key}: {ask.__name__} of unknown names", partial(ask, unknown))
    pairs = list(zip(samples.NAMES[1::2], samples.NAMES[::2], strict=True))
    begins, end = dict[str, int](), 0
    for pair in {*pairs}:  # in memory they lie otherwise in each process
        begins |= dict.fromkeys(pair, end)
        end += max(model.info(name).nbytes for name in pair)
    memory = np.zeros(end, np.uint8)
    into = {n: memory[begins[n] : begins[n] + model.info(n).nbytes] for n in samples.NAMES}
    scribe.attempt(f"{key}: arrays that share memory", lambda: model.load(into=into))


def _residency(scribe: Scribe, key: str, model: emel.Model) -> None:
    said = model.residency()
    scribe.say(
        key, (said.name, said.state.tolist(), said.bytes.tolist(), list(said.totals.items()))
    )


def hash_of(data: bytes) -> str:
    """Name bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def _refusals(scribe: Scribe) -> None:
    folder = scribe.folder
    for name in (*_REFUSED, "nobody"):
        for strategy in ("mmap", "read"):
            scribe.attempt(
                f"refusal of {name}, {strategy}",
                lambda name=name, strategy=strategy: emel.open(folder / name, strategy),
            )
    scribe.attempt("no such strategy", lambda: emel.open(folder / "one.gguf", "nobody"))
    with emel.open(folder / "one.safetensors", "read", memory_limit=1 << 16) as model:
        scribe.attempt("over the limit", model.load)


def _comparisons(scribe: Scribe) -> None:
    """Each of three with each other: the second has tensors of its own, too."""
    paths = [scribe.folder / f"{name}.safetensors" for name in ("one", "other", "alike")]
    for first, second in permutations(paths, 2):
        with emel.open(first, "read") as one, emel.open(second) as other:
            found = one.compare(other)
        key = f"{first.stem} and {second.stem}"
        scribe.say(f"comparison of {key}", (found.same, found.tensors, found.nbytes))
        scribe.say(f"differences of {key}", found.differences)


def _cut(scribe: Scribe) -> None:
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


def main() -> None:
    """Write the transcript."""
    folder, threads, order = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    scribe = Scribe(folder, threads or None)
    samples.write(folder)
    age(folder, order)
    if order:
        shuffle_listings(order)
        delay_reads(order)
    for strategy in _STRATEGIES:
        for name in ("indexed", "one.gguf"):
            _model(scribe, name, folder / name, strategy)
    for work in (_refusals, _comparisons, strategies, targets, calls, owners, plans, _cut):
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
    one, other, record = (
        str(folder / name) for name in ("one.safetensors", "other.safetensors", "record.txt")
    )
    for both in ((one, other), (other, one), (one, record)):
        scribe.command("verify", *both, "--json")
        scribe.command("verify", *both)
    json.dump(scribe.lines, sys.stdout)


if __name__ == "__main__":
    main()
