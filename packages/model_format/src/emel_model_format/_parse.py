"""The way in: picks the format, and turns every stop into a value."""

from typing import Protocol

from emel_model_format._formats import PREFIX_NBYTES, refuse_unless_safetensors
from emel_model_format._gguf import MAGIC, parse_gguf
from emel_model_format._refuse import StoppedError
from emel_model_format.header import Header
from emel_model_format.outcomes import NeedMore, Refusal


class Buffer(Protocol):
    """Contiguous bytes: bytes, bytearray, mmap, memoryview, a uint8 array."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


def parse(data: Buffer, file_nbytes: int) -> Header | NeedMore | Refusal:
    """Parse the header of a GGUF or safetensors file.

    Time and memory are bounded by the bytes that are given, whatever they claim.

    Parameters
    ----------
    data
        The file's first bytes, as many as there are at hand. They are only looked at: nothing
        refers to them after the call, whatever its outcome, so a mapping can be closed at once.
    file_nbytes
        Size of the whole file. Bytes of `data` that go beyond it are ignored.

    Returns
    -------
    Header
        The header is whole and valid, and every tensor that it lists lies in the file.
    NeedMore
        So far so good, but the header does not end in `data`. Call again with more.
    Refusal
        The file can't be loaded; says which rule it breaks and where.

    Raises
    ------
    ValueError
        If `file_nbytes` is negative.
    TypeError, BufferError
        If `data` is no contiguous buffer.
    """
    if file_nbytes < 0:
        raise ValueError(f"a file has no {file_nbytes} bytes")
    with memoryview(data) as whole, whole.cast("B")[:file_nbytes] as view:
        try:
            return _parse_view(view, file_nbytes)
        except StoppedError as stop:
            # Leaving this block drops the exception, and with it the frames whose arrays look
            # into the view; were one left, releasing the view would raise BufferError.
            return stop.answer


def _parse_view(view: memoryview, file_nbytes: int) -> Header:
    prefix = min(PREFIX_NBYTES, file_nbytes)
    if len(view) < prefix:
        raise StoppedError(NeedMore(prefix))
    start = bytes(view[:prefix])
    if start.startswith(MAGIC):
        return parse_gguf(view, file_nbytes)
    refuse_unless_safetensors(start, file_nbytes)
    # Here, since it imports msgspec, which takes longer than the rest of the package together.
    from emel_model_format._safetensors import parse_safetensors  # noqa: PLC0415

    return parse_safetensors(view, file_nbytes)
