"""What was made of each file, taken over from an earlier run where it still holds.

It holds for a file whose text is the same, if every module that it asked about still means the
same to others (`Facts.asked`, `Meaning`). Files are looked at in the order of their imports, so
that is known by then; those that import each other are taken over, or made anew, together. So what
is kept is what would be made, and a change is the file's own matter, unless it gives a name another
meaning.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from emel_tools import workspace
from emel_tools.boundaries.check import tree_at
from emel_tools.boundaries.circles import circles
from emel_tools.boundaries.facts import Facts, facts_of, know
from emel_tools.boundaries.tree import Subject, Tree

_OWN: Final = (*sorted(Path(__file__).parent.glob("*.py")), Path(workspace.__file__))
"""Where it stands what is made of a file."""


class _File(msgspec.Struct, frozen=True, array_like=True):
    name: str
    digest: str
    """Of its text."""
    facts: msgspec.Raw


class _Kept(msgspec.Struct):
    settings: str
    files: dict[str, _File] = {}
    """By path from the root."""


def settled(root: Path, folder: Path | None, *, anew: bool) -> Tree:
    """Read a repository, and know of its files all that the rules ask.

    Parameters
    ----------
    root
        The repository.
    folder
        Where it is kept; nothing is if there is none.
    anew
        Whether to look at every file, whatever is kept.
    """
    tree = tree_at(root)
    settings = _settings(tree)
    kept = {} if folder is None or anew else _read(folder / _NAME, settings)
    files = _settle(tree, kept)
    if files is None:
        tree = tree_at(root)
        files = _settle(tree, {}) or {}
    if folder is not None and files != kept:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _NAME).write_bytes(msgspec.json.encode(_Kept(settings, files)))
    return tree


def _settle(tree: Tree, kept: Mapping[str, _File]) -> dict[str, _File] | None:
    """Tell a tree of all its files; None if one was taken over that it turned out it couldn't be.

    That is one which asked for a module that it doesn't import, by a name that is put together, so
    that the module came behind it.
    """
    texts = {
        each.path: _digest(tree.text(each.path).encode(errors="surrogateescape"))
        for each in tree.subjects
    }
    before = {path: _DECODER.decode(file.facts) for path, file in kept.items()}
    same = {path for path in before if texts.get(path) == kept[path].digest}
    for subject in tree.subjects:
        if subject.path in same:
            tree.know(subject, {"imports": before[subject.path].imports}, None)
    changed = {file.name for file in kept.values()} - tree.modules.keys()
    files: dict[str, _File] = {}
    taken: list[Facts] = []
    for circle in circles(tree):
        if all(s.path in same and not before[s.path].asked & changed for s in circle):
            for subject in circle:
                know(tree, subject, before[subject.path])
                taken.append(before[subject.path])
                files[subject.path] = kept[subject.path]
            continue
        for subject, facts in [(each, facts_of(tree, each)) for each in circle]:
            know(tree, subject, facts)
            if subject.path not in before or before[subject.path].meanings != facts.meanings:
                changed.add(subject.name)
            files |= _encoded(subject, texts[subject.path], facts)
    return None if any(facts.asked & changed for facts in taken) else files


def _encoded(subject: Subject, digest: str, facts: Facts) -> dict[str, _File]:
    """Spell a file as it is kept; not if a string of it is no text, which JSON doesn't know."""
    try:
        spelled = msgspec.json.encode(facts, order="deterministic")
    except UnicodeEncodeError:
        return {}
    return {subject.path: _File(subject.name, digest, msgspec.Raw(spelled))}


def _read(path: Path, settings: str) -> dict[str, _File]:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    return kept.files if kept.settings == settings else {}


def _settings(tree: Tree) -> str:
    """Digest what everything hangs on: the rules themselves, Python, and which packages exist."""
    packages = sorted(f"{each.module} {each.folder}" for each in tree.packages)
    digests = [_digest(path.read_bytes()) for path in _OWN]
    return _digest("\n".join((sys.version, *packages, *digests)).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_NAME: Final = "kept.json"
_DECODER: Final = msgspec.json.Decoder(Facts)
