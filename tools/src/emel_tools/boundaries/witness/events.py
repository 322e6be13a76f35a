"""Which capability an event or a call is the use of.

Audit events are those of Python's own list ("Audit events table" in the library reference). The
calls are functions that raise none, and that only `sys.monitoring` shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Final, NamedTuple

IMPORT: Final = "import"
"""The event of the import system itself, raised for statements and calls alike."""
THREAD: Final = "_thread.start_new_thread"
"""The event of a thread that starts: raised from 3.12."""
JOINABLE: Final = "_thread.start_joinable_thread"
"""Its other name, from 3.13."""

_EVENTS: Final = {
    "files": (
        "open", "os.chflags", "os.chmod", "os.chown", "os.getxattr", "os.link", "os.listdir",
        "os.listdrives", "os.listmounts", "os.listvolumes", "os.listxattr", "os.lockf", "os.mkdir",
        "os.remove", "os.removexattr", "os.rename", "os.rmdir", "os.scandir", "os.setxattr",
        "os.symlink", "os.truncate", "os.utime", "os.walk", "os.fwalk",
    ),
    "mapping": ("mmap.__new__",),
    "threads": (THREAD, JOINABLE, "signal.pthread_kill"),
    "processes": (
        "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.spawn",
        "os.startfile", "os.startfile/2", "os.system", "pty.spawn", "subprocess.Popen",
        "_winapi.CreateProcess",
    ),
    "imports": (IMPORT,),
    "native": ("os.add_dll_directory",),
    "pickle": ("pickle.find_class", "marshal.load", "marshal.loads"),
    "evaluate": ("compile", "exec"),
    # Not `os.putenv`: typer sets a variable while it makes a command, once in a process.
    "settings": ("os.chdir", "resource.prlimit", "resource.setrlimit"),
}  # fmt: skip
_FAMILIES: Final = {
    "fcntl": "files", "glob": "files", "pathlib": "files", "shutil": "files", "sqlite3": "files",
    "tempfile": "files",
    "ctypes": "native",
    "ftplib": "network", "http": "network", "imaplib": "network", "nntplib": "network",
    "poplib": "network", "smtplib": "network", "socket": "network", "telnetlib": "network",
    "urllib": "network",
}  # fmt: skip
_CALLS: Final = {
    "files": (
        "os._path_exists", "os._path_isdir", "os._path_isfile", "os._path_islink",
        "os._path_lexists", "os.access", "os.copy_file_range", "os.fstat", "os.fstatvfs",
        "os.lstat", "os.pread", "os.preadv", "os.pwrite", "os.pwritev", "os.read", "os.readlink",
        "os.readv", "os.sendfile", "os.splice", "os.stat", "os.statvfs", "os.write", "os.writev",
    ),
    "processes": ("_posixsubprocess.fork_exec",),
    "imports": (
        "builtins.__import__", "importlib.__import__", "importlib.import_module",
        "importlib.reload", "importlib.util.find_spec", "pkgutil.resolve_name",
    ),
    "pickle": ("_pickle.Unpickler", "_pickle.load", "_pickle.loads"),
}  # fmt: skip


class Use(NamedTuple):
    """That one line uses a capability."""

    module: str
    """A dotted name; for a test `tests:`, the package that it tests, and its own name."""
    path: str
    """From the root of the repository."""
    line: int
    capability: str
    operation: str
    """The audit event or the function."""


class Capabilities(dict[str, str]):
    """The capability of every audit event, empty for one that is none; filled as they come."""

    def __missing__(self, event: str) -> str:
        """Judge an event when it is first seen."""
        self[event] = next(
            (capability for capability, events in _EVENTS.items() if event in events),
            _FAMILIES.get(event.partition(".")[0], ""),
        )
        return self[event]


def silent_calls() -> Iterator[tuple[object, str, str]]:
    """List the functions of this platform that raise no audit event, with capability and name."""
    for capability, names in _CALLS.items():
        for name in names:
            module, _, attribute = name.rpartition(".")
            try:
                function = getattr(import_module(module), attribute, None)
            except ImportError:
                continue
            if function is not None:
                yield function, capability, name


def is_seen_everywhere(operation: str) -> bool:
    """Whether an operation is seen on every version of Python, from 3.11.

    An import is an event only where the module isn't loaded yet.
    """
    imports = (name.rpartition(".")[2] for name in _CALLS["imports"])
    silent = (THREAD, *(name for names in _CALLS.values() for name in names), *imports)
    return operation not in silent
