"""How the parser stops half-way: one private exception that carries the answer to a value."""

from typing import NoReturn

from emel_model_format.outcomes import NeedMore, Refusal


class StoppedError(Exception):
    """Parsing ended before a header was whole; `parse` returns `answer` and drops this."""

    def __init__(self, answer: NeedMore | Refusal) -> None:
        super().__init__(answer)
        self.answer: NeedMore | Refusal = answer


def refuse(
    rule: str, offset: int, message: str, *, supported: bool = True, tensor: str | None = None
) -> NoReturn:
    """Stop with a refusal."""
    raise StoppedError(Refusal(rule, offset, message, supported, tensor)) from None


def show(name: str) -> str:
    """Return a name from a file as text that is safe and short enough for a message."""
    return ascii(name) if len(name) <= 80 else f"{name[:60]!a}... ({len(name)} characters)"
