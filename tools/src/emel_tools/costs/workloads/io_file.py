"""What opening, reading and looking at files costs."""

from __future__ import annotations

from functools import partial
from itertools import count, islice

from emel_io_file import ReadPort, Sources, Stretch, entries, file_system, identify, read_fully
from emel_tools.costs.site import Site
from emel_tools.costs.workload import MIB, Action, RefusedError, Scaled, Workload, Workloads, fine


def open_and_close(site: Site, items: int = 64) -> Action:
    """Open the files of a batch, and close them."""
    spans = site.spans(items, 64, files=8)

    def act() -> None:
        sources = Sources(ReadPort(), spans)
        if sources.open() or sources.close():
            raise RefusedError("a file can't be opened")

    return act


def open_twice(site: Site) -> Action:
    """Open each file a second time, for direct reads."""
    spans = site.spans(64, 64, files=8)
    port = ReadPort(open_direct=ReadPort().open)  # not every file system opens around its cache

    def act() -> None:
        sources = Sources(port, spans, direct=True)
        if sources.open() or sources.close():
            raise RefusedError("a file can't be opened")

    return act


def read_stretch(site: Site, items: int = 16, nbytes: int = MIB) -> Action:
    """Read one stretch of a file into many buffers."""
    port, path = ReadPort(), site.file(items * nbytes)
    memory = [memoryview(bytearray(nbytes)) for _ in range(items)]

    def act() -> None:
        descriptor = port.open(path)
        outcome = read_fully(Stretch(port, descriptor, 0, list(memory), items * nbytes))
        port.close(descriptor)
        if outcome:
            raise RefusedError(outcome.name)

    return act


def identify_files(site: Site) -> Action:
    """Look at files without opening them."""
    paths = site.spans(8, 64, files=8).files
    return lambda: fine(identify(ReadPort(), paths).result)


def list_folder(site: Site) -> Action:
    """Name what lies in a folder."""
    folder = site.indexed(8, 64, 4)
    return lambda: entries(folder)


def find_file_system(site: Site) -> Action:
    """Say what a path is mounted from."""
    path = site.file(64)
    return lambda: file_system(path)


def among_changing_mounts(site: Site) -> Action:
    """Say what a path is mounted from, while file systems come and go."""
    path, seen = site.file(64), count()

    def act() -> None:
        for number in islice(seen, 32):
            lines = (f"{i} 1 0:{i} / /mnt/{number}-{i} rw - ext4 none rw" for i in range(2, 66))
            table = "\n".join(("1 1 0:1 / / rw - ext4 none rw", *lines))
            file_system(path, mounts=lambda table=table: table)

    return act


WORKLOADS: Workloads = (
    Workload("open-and-close-8-files-of-64-spans", open_and_close, items=64, files=8),
    Workload("open-8-files-twice", open_twice, items=64, files=8),
    Workload("read-16-mib-into-16-buffers", read_stretch, items=16, nbytes=16 * MIB),
    Workload("identify-8-files", identify_files, files=8),
    Workload("list-a-folder", list_folder),
    # How long the table of mounts is, and how deep the path, is the machine's affair.
    Workload("find-the-file-system", find_file_system, without=("reads", "read-bytes", "looks")),
    Workload("find-the-file-system-while-mounts-change", among_changing_mounts, without=("looks",)),
    Scaled("open-spans-of-8-files", open_and_close),
    Scaled("read-into-buffers", partial(read_stretch, nbytes=16)),
)
