"""The answers of `parse` other than a header: a wish for more bytes, or a refusal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header goes on after the bytes that were given."""

    nbytes: int
    """Bytes from the start of the file that are needed at least: more than were given, and no more
    than the file has. The header may turn out longer still, so ask for twice of it or more; the
    next call starts over."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why these bytes are not a header that can be used. A value: `parse` never raises it."""

    rule: str
    """Which rule broke: a stable name in kebab-case."""
    offset: int
    """Byte of the file at which it broke."""
    message: str
    """One sentence for people, with the names and numbers that matter."""
    supported: bool = True
    """False: the file may well be valid, but nothing here handles it. True: it breaks its
    format."""
    tensor: str | None = None
    """Name of the tensor concerned, where there is one."""
