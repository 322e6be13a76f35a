"""What `auto` knows: which strategy suits which kind of file system, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

AUTO: Final = "auto"
"""The request that leaves the choice to the router."""


class Reason(IntEnum):
    """Why a strategy was chosen; the code of each is its name in kebab-case."""

    ASKED_FOR = 0
    MEMORY_LIMIT = 1
    LOCAL_FILE_SYSTEM = 2
    UNKNOWN_FILE_SYSTEM = 3
    REMOTE_FILE_SYSTEM = 4
    FUSE_FILE_SYSTEM = 5
    OVERLAY_FILE_SYSTEM = 6
    ONLY_AVAILABLE = 7


class Choice(NamedTuple):
    """What suits best, and what next."""

    names: tuple[str, ...]
    reason: Reason
    sentence: str


UNDECIDED: Final = Choice((), Reason.ASKED_FOR, "")
_R = Reason
SLOW_KINDS: Final[Mapping[str, Reason]] = MappingProxyType(
    {
        # Another machine has the bytes: a mapping asks it for a page at a time, and a connection
        # that breaks is a SIGBUS, where a read is an error.
        **dict.fromkeys(
            (
                *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "gpfs"),
                *("ibrix", "lustre", "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs"),
                *("pvfs2", "smb2", "smb3", "smbfs", "snfs"),
                # The host of a virtual machine counts as another.
                *("prl_fs", "vboxsf", "virtiofs", "vmhgfs"),
            ),
            _R.REMOTE_FILE_SYSTEM,
        ),
        # A page fault goes up to a program and back.
        **dict.fromkeys(("fuse", "fuseblk"), _R.FUSE_FILE_SYSTEM),
        # A fault goes through the upper layer to the lower.
        **dict.fromkeys(("aufs", "overlay", "overlayfs", "unionfs"), _R.OVERLAY_FILE_SYSTEM),
    }
)
"""Kinds of file system, as mountinfo names them (proc(5)), on which pages should not be faulted in
one at a time. From the kinds that `stat -f` of GNU coreutils (src/stat.c) calls remote, and the
names of fs/ of Linux. "fuse.sshfs" and the like are "fuse"."""

_WORDS: Final[Mapping[Reason, str]] = {
    _R.LOCAL_FILE_SYSTEM: "{where} lies on {kind}, which is local: mapping copies nothing",
    _R.UNKNOWN_FILE_SYSTEM: "nothing says what {where} lies on: mapping copies nothing",
    _R.REMOTE_FILE_SYSTEM: "{where} lies on {kind}, where a mapping asks for each page alone",
    _R.FUSE_FILE_SYSTEM: "{where} lies on {kind}, where a program serves each page of a mapping",
    _R.OVERLAY_FILE_SYSTEM: "{where} lies on {kind}, whose layers each page of a mapping passes",
}


def unseen(path: str) -> str:  # noqa: ARG001 - stands for a look at the file system
    """Answer where nobody can look."""
    return ""


def reason_of(kind: str) -> Reason:
    """Say what a kind of file system ("ext4", "fuse.sshfs", "" if unknown) speaks for."""
    if not kind:
        return Reason.UNKNOWN_FILE_SYSTEM
    family = "fuse" if kind.startswith("fuse.") else kind
    return SLOW_KINDS.get(family, Reason.LOCAL_FILE_SYSTEM)


def by_kind(kind: str, path: str | None) -> Choice:
    """Choose for a file on this kind of file system."""
    reason = reason_of(kind)
    fast = reason in (Reason.LOCAL_FILE_SYSTEM, Reason.UNKNOWN_FILE_SYSTEM)
    sentence = _WORDS[reason].format(where=path or "the source", kind=kind)
    return Choice(("mmap", "read") if fast else ("read", "mmap"), reason, sentence)


def by_limit(memory_limit: int) -> Choice:
    """Choose for a caller who has set a limit: nothing but a stage keeps it."""
    sentence = f"memory is limited to {memory_limit} bytes, and only a stage keeps to a limit"
    return Choice(("staged",), Reason.MEMORY_LIMIT, sentence)


def as_asked(name: str) -> Choice:
    """Take the one that was asked for."""
    return Choice((name,), Reason.ASKED_FOR, f"{name} was asked for")
