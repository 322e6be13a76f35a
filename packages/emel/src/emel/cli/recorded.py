"""Digests that were recorded: what `emel digest` printed, as lines or as JSON, read back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import msgspec

import emel
from emel.cli import render
from emel_model_loader import compare_digests

LIMIT_NBYTES: Final = 256 << 20
"""A record of a million tensors takes less."""
_LINE: Final = re.compile(r"([0-9a-f]{32})  (.*)")


class Record(msgspec.Struct):
    """What `emel digest --json` prints."""

    algorithm: str
    model: str
    tensors: dict[str, str]
    """By name as it is printed: what a terminal can't show is escaped."""
    is_text: bool = False


def looks_like_record(head: bytes) -> bool:
    """Tell from the first bytes whether it is worth reading: models begin with a binary number."""
    return head[:1] == b"{" or re.fullmatch(rb"[0-9a-f]+", head) is not None


def parse_record(data: bytes, path: str) -> Record | None:
    """Read a record; None if these bytes are none (a model, an index, anything else).

    Raises
    ------
    InvalidFileError, UnsupportedError
        It is one, but isn't whole, or is of other digests.
    """
    try:
        if data[:1] == b"{":
            found = msgspec.json.decode(data, type=Record)
            if found.algorithm == "xxh3_128":
                return found
            raise emel.UnsupportedError(
                f"{path}: a record of digests by {found.algorithm}, and not by xxh3_128",
                code="record-unsupported",
                path=path,
            )
        lines = data.decode("utf-8").splitlines()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    while lines and not lines[-1]:
        lines.pop()
    pairs = [pair for line in lines if (pair := _LINE.fullmatch(line)) is not None]
    if not pairs:
        return None
    tensors = {pair[2]: pair[1] for pair in pairs[:-1]}
    if len(tensors) + 1 < len(lines) or pairs[-1][2] != "(model)":
        raise emel.InvalidFileError(
            f"{path}: a record of digests that isn't whole: each line is a digest, two spaces and "
            "a name of its own, and the last is the model's",
            code="record-invalid",
            path=path,
        )
    return Record("xxh3_128", pairs[-1][1], tensors, is_text=True)


def compare_record(digest: emel.Digest, record: Record) -> emel.Comparison:
    """Hold a digest to a record of one; the model's own tells of dtypes and shapes as well."""
    spelled = render.distinct if record.is_text else _plain
    printed = {spelled(name): value for name, value in digest.tensors.items()}
    found = compare_digests(emel.Digest(digest.model, printed), record.tensors)
    if found.same and digest.model != record.model:
        model = emel.Difference("(model)", "digest", digest.model, record.model)
        return replace(found, differences=(model,))
    return found


def _plain(name: str) -> str:
    return str(render.plain(name))
