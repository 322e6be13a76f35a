"""Files that people take for models, and files that are nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emel_tools.fuzzing.case import Case, refused

_BEGINNINGS: Final = {
    "git-lfs-pointer": (b"version https://git-lfs.github.com/spec/v1\n",),
    "byte-swapped-magic": (b"FUGG\3\0\0\0",),
    "zip-archive": (b"PK\3\4\24\0\0\0",),
    "pickle": (b"\x80\2}q\0.", b"\x80\4\x95\0\0", b"\x80\5\x95\0\0"),
    "hdf5-file": (b"\x89HDF\r\n\x1a\n",),
    "npy-file": (b"\x93NUMPY\1\0v\0",),
    "gzip-file": (b"\x1f\x8b\10\0",),
    "old-ggml-file": (b"lmgg\1\0\0\0", b"fmgg\1\0\0\0", b"tjgg\3\0\0\0"),
    "html-page": (b"<!DOCTYPE html><html>", b"<html>", b" \r\n<HTML lang=en>"),
    "xml-file": (b"<?xml version='1.0'?>", b"\xef\xbb\xbf<?xml version='1.0'?>"),
    "json-file": (b'{"weight_map": {}}', b' \n{"a": 1}'),
}


def lookalikes() -> Iterator[Case]:
    """Each has a rule of its own, so that people hear what they have."""
    for rule, beginnings in _BEGINNINGS.items():
        for beginning in beginnings:
            yield refused(rule, f"a file like {beginning!r:.24}", beginning + bytes(60))
    for beginning in (b"GGUX", b"gguf", b"\0" * 8, b"\xff" * 8, b"RIFF", b"GGU\0", b"\x7fELF"):
        data = beginning + b"\xff" * 40
        yield refused("bad-magic", f"a file like {beginning!r}", data)
    yield refused("bad-header-start", "a length, and no JSON", b"\3\0\0\0\0\0\0\0abcdef")
