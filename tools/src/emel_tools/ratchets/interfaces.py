"""Which files a change can concern by its types: what each imports, however far, shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from emel_tools.ratchets.faces import Face, digested, face
from emel_tools.workspace import python_files, shards


def digests(root: Path, read: Mapping[Path, bytes], faces: dict[str, Face]) -> dict[Path, str]:
    """Digest of each file what its types hang on: its text, and what it imports, however far.

    Parameters
    ----------
    root
        The repository.
    read
        The files, with their text.
    faces
        What is known of files by the digest of their text and home; what is missing is added, and
        what no file needs any more is dropped.
    """
    modules = {name: path for path, name in _modules(root)}
    homes = {path: _home(path, name) for name, path in modules.items()}
    known: dict[str, Face] = {}

    @cache
    def of(path: Path) -> Face:
        text = read[path] if path in read else path.read_bytes()
        key = digested(text + b"\0" + homes.get(path, "").encode())
        known[key] = faces.get(key) or face(text, homes.get(path, ""))
        return known[key]

    @cache
    def imported(path: Path) -> frozenset[Path]:
        return frozenset(modules[name] for name in of(path).imports if name in modules)

    def digest(path: Path) -> str:
        reached, todo = {path}, [path]
        for each in todo:  # grows while it is read
            todo += imported(each) - reached
            reached |= imported(each)
        said = _heard(of(path), [of(p) for p in reached])
        shown = sorted(
            f"{p.relative_to(root).as_posix()} {f.within if f.hides & said else f.interface}"
            f" {sorted(f.own[name][0] for name in f.own.keys() & said)}"
            for p in reached
            for f in (of(p),)
        )
        return digested(read[path] + "\n".join(shown).encode())

    found = {path: digest(path) for path in read}
    faces.clear()
    faces.update(known)
    return found


def _heard(one: Face, reached: list[Face]) -> frozenset[str]:
    """Name what is private and one file's types may hang on, by way of what others show to it."""
    said, more = frozenset[str](), one.says.union(*(each.shows for each in reached))
    while more - said:
        said |= more
        found = (each.own[name][1] for each in reached for name in each.own.keys() & said)
        more = frozenset[str]().union(*found)
    return said


def _modules(root: Path) -> Iterator[tuple[Path, str]]:
    for package in shards(root):
        for path in python_files(package.source):
            parts = path.relative_to(package.source.parent).with_suffix("").parts
            yield path, ".".join(parts).removesuffix(".__init__")


def _home(path: Path, name: str) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]
