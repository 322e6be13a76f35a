"""The shard `model_loader`: folders of shards that don't make one checkpoint, and ones that do."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import emel
from emel_tools.findings import Finding
from emel_tools.fuzzing.covering import Steps, sites
from emel_tools.fuzzing.games import Found
from emel_tools.fuzzing.gguf_files import TEXT, Entry, GGUFFile
from emel_tools.fuzzing.json_files import JSONFile, item, metadata

SOURCES: Final = Path("packages/model_loader/src/emel_model_loader")
INDEX: Final = "model.safetensors.index.json"


class FolderCase(NamedTuple):
    """A folder, what of it is opened, and what must come of it."""

    code: str
    """Empty if it opens."""
    label: str
    files: Mapping[str, bytes]
    opened: str = "."
    names: tuple[str, ...] = ()
    """The tensors, in order, if it opens."""
    blamed: str = ""
    """The file that the refusal is about; empty where that isn't asked."""
    tensors: tuple[str, ...] = ()
    """The tensors that it is about; the same."""


def _safetensors(*names: str, words: Mapping[str, str] | None = None) -> bytes:
    items = [item(name, "U8", (3,), 3 * i).text() for i, name in enumerate(names)]
    if words:
        items.insert(0, metadata(words))
    return JSONFile(tuple(items), 3 * len(names), seed=len(names)).data()


def _gguf(*names: str, split: tuple[int, int, int] | None = None, order: str = "<") -> bytes:
    plain = GGUFFile(order)
    keys = [(b"general.name", TEXT, plain.text(b"m"))]
    for key, code, kind, number in zip(
        (b"split.no", b"split.count", b"split.tensors.count"),
        "HHi",
        (2, 2, 5),
        split or (),
        strict=False,
    ):
        keys.append((key, kind, plain.number(code, number)))
    entries = tuple(Entry(name.encode(), (3,), 24, nbytes=3) for name in names)
    return GGUFFile(order, keys=tuple(keys), entries=entries).data()


def _index(weights: object, **more: object) -> bytes:
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": weights, **more}).encode()


def _shard(number: int, of: int = 2, suffix: str = "safetensors") -> str:
    return f"model-{number:05}-of-{of:05}.{suffix}"


A, B = _shard(1), _shard(2)
_GOOD: Final = {A: _safetensors("a", "b"), B: _safetensors("c")}
_MAP: Final = {"a": A, "b": A, "c": B}


def indexed() -> Iterator[FolderCase]:
    """An index, and what it names."""
    good = {**_GOOD, INDEX: _index(_MAP)}
    for opened in (".", INDEX, A, B):
        yield FolderCase("", f"an index, by {opened}", good, opened, ("a", "b", "c"))
    outside = (
        "../x.safetensors",
        "/x.safetensors",
        "a/b.safetensors",
        "..",
        ".",
        "",
        " ",
        "a\\b",
        "c:d",
        "a\0b",
        "a\nb",
    )
    for name in outside:
        lying = {**_GOOD, INDEX: _index({**_MAP, "x": name})}
        yield FolderCase("name-escapes", f"an index that names {name!r}", lying)
    lies: tuple[tuple[Any, str, str, str], ...] = (
        ({**_MAP, "d": A}, "tensors-missing", A, "d"),
        ({"a": A, "c": B}, "tensors-unindexed", A, "b"),
        ({**_MAP, "b": B}, "tensors-misplaced", A, "b"),
        ({"a": A, "b": A}, "tensors-unindexed", B, "c"),
        ({**_MAP, "d": "gone.safetensors"}, "shards-missing", "", ""),
        ({}, "index-empty", INDEX, ""),
        ([], "index-invalid", INDEX, ""),
        ({"a": 1}, "index-invalid", INDEX, ""),
        (None, "index-invalid", INDEX, ""),
    )
    for weights, code, blamed, named in lies:
        label, files = f"an index of {weights!r:.60}", {**_GOOD, INDEX: _index(weights)}
        yield FolderCase(code, label, files, blamed=blamed, tensors=tuple(named))
    yield FolderCase(
        "",
        "an index that says more",
        {**_GOOD, INDEX: _index(_MAP, more=[1])},
        ".",
        ("a", "b", "c"),
    )
    for text, code in (
        (b"{}", "index-invalid"),
        (b'{"weight_map":', "index-invalid"),
        (b"[]", "index-invalid"),
        (b'{"weight_map":' + b"[" * 5000, "index-invalid"),
        (b'{"weight_map":{"a":"x"},"weight_map":{"b":"x"}}', "index-duplicate-fields"),
        (b'{"weight_map":{"a":"x","a":"y"}}', "index-duplicate-tensors"),
        (b'{"weight_map":{"a":"x","\\u0061":"y"}}', "index-duplicate-tensors"),
        (b'{"metadata":[1],"weight_map":{"a":"x"}}', "index-invalid"),
        (b'{"weight_map":{"a":"\xff"}}', "index-invalid"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs-pointer"),
        (b"<!DOCTYPE html><html>", "html-page"),
        (b"", "empty-file"),
    ):
        yield FolderCase(code, f"the index {text!r:.60}", {**_GOOD, INDEX: text})
    yield FolderCase(
        "duplicate-tensors",
        "a tensor in both shards",
        {A: _safetensors("a"), B: _safetensors("a"), INDEX: _index({"a": A})},
        blamed=B,
        tensors=("a",),
    )
    stray = {
        **_GOOD,
        "other-00001-of-00002.safetensors": _safetensors("z"),
        "other.safetensors.index.json": b"",
    }
    yield FolderCase(
        "shard-unindexed",
        "a shard that its index doesn't name",
        {
            "m-00001-of-00002.safetensors": _safetensors("a"),
            "x.safetensors": _safetensors("b"),
            "m.safetensors.index.json": _index({"b": "x.safetensors"}),
        },
        "m-00001-of-00002.safetensors",
    )
    yield FolderCase(
        "", "another index beside the model's", {**good, **stray}, ".", ("a", "b", "c")
    )
    two = {
        "a.safetensors.index.json": _index(_MAP),
        "b.safetensors.index.json": _index(_MAP),
        **_GOOD,
    }
    yield FolderCase("checkpoint-ambiguous", "two indexes", two)
    yield FolderCase(
        "shards-differ",
        "an index that names a GGUF",
        {"m.gguf": _gguf("a"), INDEX: _index({"a": "m.gguf"})},
    )


def counted() -> Iterator[FolderCase]:
    """Shards that their names count."""
    for opened in (".", A, B):
        yield FolderCase("", f"numbered shards, by {opened}", _GOOD, opened, ("a", "b", "c"))
    yield FolderCase("shards-missing", "the first of two", {A: _GOOD[A]}, A)
    yield FolderCase("shards-missing", "the second of two", {B: _GOOD[B]})
    yield FolderCase(
        "duplicate-tensors", "a tensor twice", {A: _safetensors("a"), B: _safetensors("a")}
    )
    yield FolderCase("checkpoint-missing", "nothing", {"readme": b""})
    yield FolderCase(
        "checkpoint-ambiguous", "two files", {"a.gguf": _gguf("a"), "b.gguf": _gguf("b")}
    )
    for number, of in ((0, 2), (3, 2)):
        name = _shard(number, of)
        yield FolderCase(
            "shard-number-invalid", f"the shard {name}", {name: _safetensors("a")}, name
        )
    name = "model-000001-of-100000.safetensors"
    yield FolderCase("shard-number-invalid", f"the shard {name}", {name: _safetensors("a")}, name)
    yield FolderCase(
        "", "one file", {"m.safetensors": _safetensors("a", words={"k": "v"})}, ".", ("a",)
    )
    yield FolderCase(
        "",
        "one file among others",
        {"m.gguf": _gguf("a"), ".b.gguf": b"", "x.txt": b""},
        ".",
        ("a",),
    )


def splits() -> Iterator[FolderCase]:
    """GGUF splits, which say of themselves what they are."""
    first, second = _shard(1, suffix="gguf"), _shard(2, suffix="gguf")

    def both(a: tuple[int, int, int] | None, b: tuple[int, int, int] | None) -> dict[str, bytes]:
        return {first: _gguf("a", "b", split=a), second: _gguf("c", split=b)}

    fine = both((0, 2, 3), (1, 2, 3))
    for opened in (".", first, second):
        yield FolderCase("", f"a split, by {opened}", fine, opened, ("a", "b", "c"))
    for a, b, code, blamed in (
        ((1, 2, 3), (0, 2, 3), "split-number-differs", first),
        ((0, 2, 3), (0, 2, 3), "split-number-differs", second),
        ((0, 2, 3), None, "split-number-differs", second),
        ((0, 3, 3), (1, 2, 3), "split-count-differs", first),
        ((0, 2, 3), (1, 1, 3), "split-count-differs", second),
        ((0, 2, 4), (1, 2, 3), "split-total-differs", first),
        ((0, 2, 3), (1, 2, 2), "split-total-differs", second),
        ((0, 2, -1), (1, 2, 3), "split-total-differs", first),
    ):
        yield FolderCase(code, f"a split that says {a} and {b}", both(a, b), blamed=blamed)
    shards = [_shard(i, 4, suffix="gguf") for i in (1, 2, 3, 4)]
    for lies in range(4):
        for at, said in enumerate(((9, 4, 4), (lies, 9, 4), (lies, 4, 9))):
            four = {name: _gguf(f"t{i}", split=(i, 4, 4)) for i, name in enumerate(shards)}
            four[shards[lies]] = _gguf(f"t{lies}", split=said)
            code = ("split-number-differs", "split-count-differs", "split-total-differs")[at]
            label = f"shard {lies} of four, which says {said}"
            yield FolderCase(code, label, four, blamed=shards[lies])
    alone = {"renamed.gguf": _gguf("a", split=(1, 2, 3))}
    yield FolderCase("shard-renamed", "a shard under another name", alone)
    yield FolderCase("shards-missing", "half a split", {second: fine[second]}, second)
    yield FolderCase(
        "shards-differ",
        "two byte orders",
        {first: fine[first], second: _gguf("c", split=(1, 2, 3), order=">")},
        blamed=second,
    )
    yield FolderCase(
        "duplicate-tensors",
        "a tensor twice",
        {first: _gguf("a", split=(0, 2, 2)), second: _gguf("a", split=(1, 2, 2))},
    )
    short = {**fine, second: fine[second][:-1]}
    yield FolderCase("data-beyond-file", "a shard cut short", short, blamed=second, tensors=("c",))


def opened(folder: Path, case: FolderCase) -> tuple[str, tuple[str, ...]]:
    """Open it: the code of the refusal, or the names."""
    path = folder if case.opened == "." else folder / case.opened
    try:
        with emel.open(path, "read") as model:
            return "", tuple(model)
    except emel.EmelError as error:
        return told(error, case), ()


def told(error: emel.EmelError, case: FolderCase) -> str:
    """Tell a refusal's code; and what it is about, unless that is what it has to be about."""
    blamed = Path(error.path or "").name
    is_named = blamed == case.blamed and (not error.files or blamed in error.files)
    if (is_named or not case.blamed) and error.tensors == (case.tensors or error.tensors):
        return error.code
    return f"{error.code} of {blamed}, {error.files} and {error.tensors}"


def check(root: Path, folder: Path, seed: int, *, full: bool) -> Found:  # noqa: ARG001 - a shard's
    """Open every folder."""
    findings: list[Finding] = []
    steps = Steps(root / SOURCES)
    every = [*indexed(), *counted(), *splits()]
    Random(seed).shuffle(every)
    with tempfile.TemporaryDirectory(prefix="emel-fuzz-") as place:
        for number, case in enumerate(every):
            home = Path(place) / str(number)
            home.mkdir()
            for name, data in case.files.items():
                (home / name).write_bytes(data)
            got, _ = steps.watch(opened, home, case)
            if got != (case.code, case.names):
                about = f" of {case.blamed} and {case.tensors}" if case.blamed else ""
                words = f"expected {case.code or case.names}{about}, got {got[0] or got[1]}"
                fix = f"mend it, or say otherwise in emel_tools.fuzzing.folders ({case.opened})"
                findings.append(
                    Finding(SOURCES.as_posix(), 0, 0, "folder", f"{case.label}: {words}", fix)
                )
    lines = steps.lines()
    places = sites(sorted((root / SOURCES).glob("*.py")), frozenset({"of_shards"}), frozenset())
    for site in places:
        if any((str(site.file), n) in lines for n in range(site.first, site.last + 1)):
            continue
        if site.rule == "index-over-limit":
            continue  # takes a file of 256 MiB; the package's own tests have one, sparse
        what = (
            f"no folder reaches {site.rule or 'a refusal'} here: nobody would notice were it gone"
        )
        where = site.file.relative_to(root).as_posix()
        fix = "add a folder that breaks just this rule (emel_tools.fuzzing.folders)"
        findings.append(Finding(where, site.first, 0, "unexercised", what, fix))
    return Found(findings, f"{len(every)} folders, {len(places)} refusals")
