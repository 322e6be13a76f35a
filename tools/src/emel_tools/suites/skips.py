"""What tests may do that others must not, each with its reason: skip, let warnings pass, hook."""

from __future__ import annotations

from typing import Final, NamedTuple


class Skip(NamedTuple):
    """That a test may be skipped."""

    function: str
    """Its node id, without parameters."""
    reason: str
    """A pattern for all that pytest says of it."""


class Silence(NamedTuple):
    """That warnings may pass."""

    where: str
    """The file, and the functions around it, as in a node id."""
    reason: str


class Mark(NamedTuple):
    """That it may be written what skips a test; where it does, that is another matter."""

    where: str
    """The file, and what it stands in or above, as in a node id."""
    condition: str
    """When it skips, as it is written."""
    reason: str


class Hook(NamedTuple):
    """That a hook of pytest may be written."""

    where: str
    """The file, the functions around it, and its name, as in a node id."""
    reason: str


ALLOWED: Final[tuple[Skip, ...]] = ()
_TRANSFORMS: Final = "packages/io_staged/tests/test_transforms.py"
_ANY_BITS: Final = "what others make of any bits is expected: they overflow, and may be no numbers"
SILENCED: Final[tuple[Silence, ...]] = (
    Silence(f"{_TRANSFORMS}::test_conversion_is_numpys", _ANY_BITS),
    Silence(f"{_TRANSFORMS}::test_dequantisation_is_ggufs", _ANY_BITS),
)
HOOKS: Final[tuple[Hook, ...]] = ()
_LINUX: Final = "sys.platform != 'linux'"
_FILE: Final = "packages/io_file/tests/test_platform.py"
_MMAP: Final = "packages/io_mmap/tests"
_MEMORY: Final = "packages/io_staged/tests/test_memory.py"
_READ: Final = "packages/io_read/tests"
_ON_LINUX: Final = (
    f"{_FILE}::test_the_kernel_is_told_that_a_whole_file_is_read_front_to_back",
    f"{_MMAP}/test_advise.py::test_the_kernel_is_told_what_was_advised",
    f"{_MMAP}/test_leaks.py::linux",
    f"{_MMAP}/test_leaks.py::test_abandoned_strategies_hand_back_their_descriptors",
    f"{_MMAP}/test_leaks.py::test_thousands_of_cycles_leave_the_process_as_it_was",
    f"{_MMAP}/test_platform.py::linux",
    f"{_MMAP}/test_platform.py::test_a_name_of_bytes_beyond_utf8_and_a_link_are_followed",
    f"{_MMAP}/test_platform.py::test_a_process_without_descriptors_hears_emfile_and_can_try_again",
    f"{_MMAP}/test_platform.py::test_linux_has_every_advice",
    f"{_MEMORY}::linux",
    f"{_MEMORY}::test_memory_stays_within_the_ring_and_little_more",
    f"{_MEMORY}::test_the_measure_sees_a_sink_that_keeps_what_it_was_shown",
)
MARKED: Final[tuple[Mark, ...]] = (
    *(Mark(where, _LINUX, "it looks in /proc, or expects what Linux does") for where in _ON_LINUX),
    Mark(f"{_READ}/test_direct.py::path", "except OSError", "not all files can be read directly"),
    Mark(
        f"{_READ}/test_direct.py::memory_folder",
        "not folder.is_dir() or file_system(str(folder)) != 'tmpfs'",
        "it is about tmpfs",
    ),
    Mark(
        f"{_READ}/test_plan.py::test_what_the_port_counts_is_what_the_kernel_counts",
        "not Path('/proc/self/io').is_file()",
        "not every kernel counts what a process reads",
    ),
)
