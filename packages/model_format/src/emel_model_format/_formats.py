"""Tells GGUF and safetensors from each other, and from what people mistake for them."""

from typing import Final

from emel_model_format._refuse import refuse

PREFIX_NBYTES: Final = 32
"""Enough of a file to tell its format."""

# How files begin that end up where a model is expected.
LOOKALIKES: Final = (
    (
        b"version https://git-lfs",
        "git-lfs-pointer",
        "this is a Git LFS pointer, not the file it stands for: fetch that with `git lfs pull`",
    ),
    (b"FUGG", "byte-swapped-magic", "the magic of GGUF has its bytes in the wrong order"),
    (b"PK\x03\x04", "zip-archive", "this is a zip archive, perhaps a PyTorch checkpoint"),
    (b"\x80\x02", "pickle", "this is a Python pickle, perhaps an old PyTorch checkpoint"),
    (b"\x80\x04", "pickle", "this is a Python pickle"),
    (b"\x80\x05", "pickle", "this is a Python pickle"),
    (b"\x89HDF\r\n", "hdf5-file", "this is an HDF5 file, perhaps Keras weights"),
    (b"\x93NUMPY", "npy-file", "this is a numpy .npy file"),
    (b"\x1f\x8b", "gzip-file", "this is compressed with gzip: unpack it first"),
    (b"lmgg", "old-ggml-file", "this is a GGML file from before GGUF: convert it"),
    (b"fmgg", "old-ggml-file", "this is a GGML file from before GGUF: convert it"),
    (b"tjgg", "old-ggml-file", "this is a GGJT file from before GGUF: convert it"),
    (b"<!doctype", "html-page", "this is an HTML page, perhaps the error message of a download"),
    (b"<html", "html-page", "this is an HTML page, perhaps the error message of a download"),
    (b"<?xml", "xml-file", "this is XML, perhaps the error message of a download"),
    (b"{", "json-file", "this is JSON without weights, perhaps a checkpoint's index"),
)


def refuse_unless_safetensors(prefix: bytes, file_nbytes: int) -> None:
    """Stop unless a file that begins with `prefix`, and not with GGUF's magic, is safetensors.

    Its only mark is the "{" behind the eight bytes of the header's length, of which the upper ones
    are zero for any header within the limit. Looked at first, for these bytes can be any number.
    """
    brace = prefix[8:9] == b"{"
    if brace and prefix[4:8] == bytes(4):
        return
    start = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, rule, message in LOOKALIKES:
        if prefix.startswith(magic) or start.startswith(magic):
            refuse(rule, 0, message)
    if not prefix:
        refuse("empty-file", 0, "the file is empty")
    if brace:
        return
    length = int.from_bytes(prefix[:8], "little")
    if b"GGUF".startswith(prefix) or len(prefix) < 9:
        refuse("truncated", file_nbytes, f"a file of {file_nbytes} bytes is too short for a header")
    if 2 <= length <= file_nbytes - 8:
        message = 'this is not GGUF, and as safetensors its header does not begin with "{"'
        refuse("bad-header-start", 8, message)
    refuse("bad-magic", 0, f"this is neither GGUF nor safetensors: it begins with {prefix[:8]!r}")
