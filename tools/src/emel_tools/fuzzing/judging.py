"""Hold `emel_model_format.parse` to the oracles: one file, one verdict."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias, cast

import safetensors

from emel_model_format import DTYPES, Header, NeedMore, Refusal, parse
from emel_tools.fuzzing.facts import BrokenError, Facts, Place, Tensor
from emel_tools.fuzzing.gguf_rules import read_gguf
from emel_tools.fuzzing.safetensors_rules import read_safetensors
from emel_tools.fuzzing.shrinking import cause_of, raised
from emel_tools.fuzzing.values import spelled, unlike_lists

UNSUPPORTED = frozenset(
    {
        "too-many-axes",
        "unknown-tensor-type",
        "unknown-value-type",
        "unsupported-version",
        "wrong-endian-version",
    }
)
"""Rules whose files may well be valid, only that nothing here handles them."""


_EARLY: Final = frozenset({"truncated", "length-beyond-file", "count-beyond-file"})
_THEIR_OWN: Final = ("number out of range", "floating point `-0.0`")
"""Where safetensors' reader is stricter than JSON: endless numbers in fields that mean nothing, and
a zero with a sign."""


_Answer: TypeAlias = Header | NeedMore | Refusal


class Wrong(NamedTuple):
    """The parser and the oracle differ."""

    rule: str
    """What it is about: `accepted`, `refused`, `differs`, `place`, `answer`, `list`, ..."""
    expected: str
    got: str
    cause: str = ""
    """What is still the same of a smaller file that shows the same."""


def expected_of(data: bytes) -> Facts | BrokenError:
    """What the oracle makes of a whole file: facts, or why it is refused."""
    try:
        return read_gguf(data) if data.startswith(b"GGUF") else read_safetensors(data)
    except BrokenError as error:
        return error


def judge(data: bytes, *, alone: bool = False) -> tuple[Wrong | None, str]:
    """Parse a whole file, and hold the answer to the oracle's.

    Parameters
    ----------
    data
        The file.
    alone
        Whether it breaks one rule at most: then it has to be refused at the byte of which the
        oracle knows. Of several rules, either of the two may hear another one first.

    Returns
    -------
    tuple
        What is wrong, if anything is; and the rule that the parser refused by, empty if it
        accepted.
    """
    expected = expected_of(data)
    try:
        answer = parse(data, len(data))
        if isinstance(answer, Header) and isinstance(expected, Facts):
            return _difference(expected, facts_of(answer)) or _unpeered(data, expected), ""
    except Exception as error:  # whatever it is, it is a finding
        return _raised(error), "raised"
    if isinstance(answer, NeedMore):
        return Wrong("answer", "a header or a refusal", f"{answer} of a whole file"), ""
    if isinstance(answer, Refusal):
        if isinstance(expected, Facts):
            told = f"{answer.rule}: {answer.message}"
            return Wrong("refused", "a header", told, answer.rule), answer.rule
        wrong = _flaw(answer, len(data))
        if wrong is None:
            wrong = _misplaced(answer, expected.places if alone else (), len(data))
        named = expected.names.get(answer.offset) if alone else None
        if wrong is None and named is not None and answer.tensor != named:
            wrong = Wrong("tensor", f"the tensor {named!r:.300}", f"{answer.tensor!r:.300}")
        return wrong, answer.rule
    cause = cause_of(str(expected))
    return Wrong("accepted", f"a refusal ({expected})", "a header", cause), ""


def _misplaced(answer: Refusal, places: tuple[Place, ...], file_nbytes: int) -> Wrong | None:
    """Hold the byte of a refusal to the oracle's, or to the rule itself if that says it."""
    fixed = {"truncated": file_nbytes, "bad-header-start": 8}.get(answer.rule)
    told = places if fixed is None else (fixed,)
    if not told or answer.offset in told:
        return None
    wanted = " or ".join(f"{place}" for place in dict.fromkeys(told))
    return Wrong("place", f"{answer.rule} at byte {wanted}", f"byte {answer.offset}")


def _raised(error: Exception) -> Wrong:
    told = raised(error)
    return Wrong("raised", "an answer", told, cause_of(told))


def judge_claimed(data: bytes, file_nbytes: int, place: int) -> tuple[Wrong | None, str]:
    """Parse the beginning of a file, of which no oracle is asked; answers as `judge` does."""
    try:
        answer = parse(data, file_nbytes)
    except Exception as error:  # whatever it is, it is a finding
        return _raised(error), "raised"
    if isinstance(answer, Refusal):
        return _misplaced(answer, (place,), file_nbytes), answer.rule
    return None, "need-more" if isinstance(answer, NeedMore) else ""


def judge_lists(data: bytes, file_nbytes: int) -> Wrong | None:
    """Read each array of the metadata in every way that a list is read."""
    try:
        answer = parse(data, file_nbytes)
        unlike = unlike_lists(answer.metadata) if isinstance(answer, Header) else None
    except Exception as error:  # whatever it is, it is a finding
        return _raised(error)
    if unlike is None:
        return None
    expected, got = _first_apart(unlike[1], unlike[2])
    return Wrong("list", f"{unlike[0]} with {expected!r:.300}", f"{got!r:.300}")


def judge_windows(data: bytes, file_nbytes: int) -> Wrong | None:
    """Parse from the first byte on in windows as large as was asked for: the answer is the same.

    There are few of them, one for eight bytes at the most; and a byte less isn't enough.
    """
    try:
        return _windows_wrong(data, file_nbytes)
    except Exception as error:  # whatever it is, it is a finding
        return _raised(error)


def _windows_wrong(data: bytes, file_nbytes: int) -> Wrong | None:
    whole, window, most = parse(data, file_nbytes), 0, 4 + len(data) // 8
    for _ in range(most):
        answer = parse(data[:window], file_nbytes)
        if not isinstance(answer, NeedMore):
            return _window_wrong(answer, whole)
        asked = answer.nbytes
        if not window < asked <= file_nbytes:
            wanted = f"more than {window} bytes, and no more than the file"
            return Wrong("window", wanted, f"{answer}")
        if asked > len(data):
            return _window_wrong(answer, whole)
        if wrong := _short_wrong(parse(data[: asked - 1], file_nbytes), asked, whole):
            return wrong
        window = asked
    return Wrong("window", f"a header within {most} windows", f"{window} bytes after so many")


def _window_wrong(answer: _Answer, whole: _Answer) -> Wrong | None:
    expected, got = _told(whole), _told(answer)
    return None if got == expected else Wrong("window", f"{expected}", f"{got}")


def _short_wrong(answer: _Answer, asked: int, whole: _Answer) -> Wrong | None:
    """Hold the answer to one byte less than was asked for: so many were needed at least."""
    if isinstance(answer, NeedMore) and answer.nbytes >= asked:
        return None
    if isinstance(answer, Refusal) and _told(answer) == _told(whole):
        return None
    return Wrong("window", f"{asked} bytes asked for at {asked - 1}, too", f"{_told(answer)}")


def _told(answer: _Answer) -> object:
    """What an answer comes to, whatever was given."""
    if isinstance(answer, Header):
        return facts_of(answer)
    if isinstance(answer, NeedMore):
        return "need-more"
    # How a file that ends early is refused depends on how far one had looked.
    return "ends-early" if answer.rule in _EARLY else (answer.rule, answer.offset)


def _flaw(answer: Refusal, file_nbytes: int) -> Wrong | None:
    """What is wrong with a refusal itself."""
    if not 0 <= answer.offset <= file_nbytes:
        return Wrong("answer", f"an offset within {file_nbytes} bytes", str(answer.offset))
    if len(answer.message) > 400 or not answer.message.isprintable():
        return Wrong("answer", "a short message of printable characters", ascii(answer.message))
    if answer.supported == (answer.rule in UNSUPPORTED):
        return Wrong("answer", f"supported={not answer.supported}", f"{answer}")
    return None


def facts_of(header: Header) -> Facts:
    """Spell a header in the oracle's words."""
    tensors = header.tensors
    shapes, offset, nbytes = tensors.shapes(), tensors.offset.tolist(), tensors.nbytes.tolist()
    return Facts(
        header.format,
        header.version,
        header.byteorder,
        header.alignment,
        header.nbytes,
        tuple((key, spelled(header.metadata[key])) for key in header.metadata),
        tuple(
            Tensor(name, DTYPES[tensors.dtype.item(i)].name, shapes[i], offset[i], nbytes[i])
            for i, name in enumerate(tensors.names)
        ),
    )


def _difference(expected: Facts, got: Facts) -> Wrong | None:
    for field, wanted, found in zip(Facts._fields, expected, got, strict=True):
        if wanted != found:
            first = _first_apart(wanted, found)
            return Wrong("differs", f"{field} {first[0]!r:.300}", f"{first[1]!r:.300}", field)
    return None


def _first_apart(wanted: object, found: object) -> tuple[object, object]:
    if not isinstance(wanted, tuple):
        return wanted, found
    ours, theirs = cast("tuple[object, ...]", wanted), cast("tuple[object, ...]", found)
    pairs = zip(ours, theirs, strict=False)
    return next((pair for pair in pairs if pair[0] != pair[1]), (len(ours), len(theirs)))


def _unpeered(data: bytes, expected: Facts) -> Wrong | None:
    """Hold what is accepted to what safetensors' own reader accepts."""
    if expected.format != "safetensors":
        return None
    try:
        theirs: list[tuple[str, Any]] = cast("Any", safetensors).deserialize(data)
    except Exception as error:  # a SafetensorError, of whatever kind
        if any(words in str(error) for words in _THEIR_OWN):
            return None
        return Wrong("accepted", f"a refusal, as by safetensors ({error})", "a header")
    names = {name for name, _ in theirs}
    ours = {tensor.name for tensor in expected.tensors}
    return None if names == ours else Wrong("differs", f"names {names}", f"{ours}")
