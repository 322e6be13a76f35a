"""Which files have changed, as git says it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

_MAIN = ("main", "master")


_BROKEN = 128
"""What git ends with where it can't do what it is asked for; less says that there is nothing."""


class UnknownBaseError(Exception):
    """What should be compared with is no commit here."""


class BrokenGitError(Exception):
    """Git can't say what there is in this repository."""


class Changes(NamedTuple):
    """The difference between the files here and a commit."""

    base: str
    """The commit; empty if there is nothing to compare with."""
    because: str
    """Why it is that one, or why there is none."""
    files: tuple[str, ...]
    """Changed, added, removed and untracked files from the root, sorted; both names of a rename."""
    moved: frozenset[str]
    """Those of them that were added or removed: what lists their folder sees the change."""


def changes(root: Path, base: str = "", passed: str = "") -> Changes:
    """Compare the files at `root` with a commit: committed, uncommitted and untracked changes.

    Parameters
    ----------
    root
        The repository.
    base
        What to compare with: the merge base with this branch or commit. By default with the main
        branch of the remote it was cloned from, else with the main branch here.
    passed
        A commit that was seen green here: what main is compared with, if nothing else is known.

    Raises
    ------
    UnknownBaseError
        `base` is no commit, or has nothing in common with what is here.
    BrokenGitError
        Git can't say what differs.
    """
    if base:
        found = _merge_base(root, base)
        if not found:
            shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
            why = " (this clone is shallow: git fetch --unshallow)" if shallow else ""
            what = f"{base!r} is no branch or commit that this one comes from{why}"
            raise UnknownBaseError(what)
        return _since(root, found, f"the merge base with {base}")
    if not _git(root, "rev-parse", "--verify", "-q", "HEAD"):
        return Changes("", "there is no commit to compare with", (), frozenset())
    here = branch(root)
    for name in _mains(root):
        if name != here and (found := _merge_base(root, name)):
            return _since(root, found, f"the merge base with {name}")
    if passed and _merge_base(root, passed) == passed:
        return _since(root, passed, "the commit that last passed here")
    return Changes("", "no main branch is known to compare with", (), frozenset())


def branch(root: Path) -> str:
    """Name the branch that is checked out; empty where none is, and where there is no git."""
    return _git(root, "symbolic-ref", "--short", "-q", "HEAD").strip()


def head(root: Path) -> str:
    """Name the commit that is checked out, if no file differs from it; else nothing."""
    if listed(root, "status", "--porcelain", "--untracked-files=normal") or _passed_over(root):
        return ""
    return _git(root, "rev-parse", "-q", "--verify", "HEAD").strip()


def parent(root: Path, commit: str = "HEAD") -> str:
    """Name the commit before one, along the first parents; empty for the first."""
    return _git(root, "rev-parse", "-q", "--verify", f"{commit}^1").strip()


def is_main(root: Path) -> bool:
    """Whether this is the main branch, or, on a machine that tests commits, may be."""
    return branch(root) in (*_MAIN, "")


def under_ci() -> bool:
    """Whether this is a machine that tests commits."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def content(root: Path, commit: str, path: str) -> bytes:
    """Read a file as it is in a commit; nothing where it isn't there."""
    return asked(root, "show", f"{commit}:{path}")


def since(root: Path, commit: str) -> Changes:
    """Compare with just this commit."""
    return _since(root, commit, "")


def known(folder: Path) -> list[str]:
    """List what lies in a folder and isn't ignored, named from there; nothing without git."""
    return listed(folder, "ls-files", "-co", "--exclude-standard", "-z").split("\0")[:-1]


def ignored_folders(root: Path) -> list[str]:
    """List the folders that git ignores, as it finds them from the root; nothing without git."""
    words = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    return [name[:-1] for name in listed(root, *words).split("\0") if name.endswith("/")]


def ignored(folder: Path, below: str) -> list[str]:
    """List the files below a folder in this one that git ignores, sorted, and named from here."""
    words = ("ls-files", "-oi", "--exclude-standard", "-z", "--", below)
    return sorted(listed(folder, *words).split("\0")[:-1])


def _since(root: Path, commit: str, because: str) -> Changes:
    words = listed(root, "diff", "--name-status", "--no-renames", "-z", commit, "--").split("\0")
    status = dict(zip(words[1::2], words[::2], strict=False))
    untracked = listed(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    if unseen := _passed_over(root):
        way = "git update-index --no-assume-unchanged or --no-skip-worktree"
        raise BrokenGitError(f"git was told to pass over {', '.join(unseen[:3])}: {way}")
    moved = {path for path, letter in status.items() if letter != "M"} | {*untracked}
    files = {*status, *untracked} - {""}
    return Changes(commit, because, tuple(sorted(files)), frozenset(moved - {""}))


def _passed_over(root: Path) -> list[str]:
    """List the files that git takes for unchanged, because it was told not to look at them."""
    told = listed(root, "ls-files", "-v", "-z").split("\0")[:-1]
    return [each[2:] for each in told if each[0] == "S" or each[0].islower()]


def _mains(root: Path) -> list[str]:
    default = _git(root, "symbolic-ref", "--short", "-q", "refs/remotes/origin/HEAD").strip()
    return [name for name in (default, *(f"origin/{n}" for n in _MAIN), *_MAIN) if name]


def _merge_base(root: Path, commit: str) -> str:
    return _git(root, "merge-base", "--end-of-options", "HEAD", commit).strip()


def _git(root: Path, *words: str) -> str:
    return _text(asked(root, *words))


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "surrogateescape")


def listed(root: Path, *words: str) -> str:
    """Ask git for what there is; nothing if it isn't there, or this is no repository.

    Raises
    ------
    BrokenGitError
        It is one, and git can't say: that must not look as if there were nothing.
    """
    done = _run(root, *words)
    if done is None or done.returncode == 0:
        return _text(b"" if done is None else done.stdout)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode >= _BROKEN and "not a git repository" not in said:
        raise BrokenGitError(f"git {words[0]} ended with exit code {done.returncode}: {said}")
    return ""


def asked(root: Path, *words: str) -> bytes:
    """Ask git; nothing if it refuses, or isn't there."""
    done = _run(root, *words)
    return done.stdout if done is not None and done.returncode == 0 else b""


def _run(root: Path, *words: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run git; None if it isn't there.

    What a hook that runs the gate has set for git (GIT_DIR, GIT_INDEX_FILE) is left out: it may
    speak of another repository, and the files that count are those in the folder.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"LC_ALL": "C"}
    command = ("git", "-c", "core.quotePath=false", *words)
    try:
        return subprocess.run(command, cwd=root, env=kept, capture_output=True, check=False)
    except FileNotFoundError:
        return None
