"""HTML and SVG in which text can't become markup: elements are made of elements and of text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from emel_tools.running.summary import clean

_VOID: Final = frozenset(("meta", "br", "hr"))


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *inside: str | None, **attributes: str | float | None) -> Markup:
    """Make an element.

    Parameters
    ----------
    name
        Of the element.
    *inside
        Elements, and text, which is escaped; None is nothing.
    **attributes
        Text, which is escaped; None leaves one out. `class_` is `class`, `aria_label`
        `aria-label`.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            text = f"{value:g}" if isinstance(value, float) else str(value)
            words.append(f'{key.rstrip("_").replace("_", "-")}="{escape(clean(text))}"')
    head = f"<{' '.join(words)}>"
    return Markup(head) if name in _VOID else Markup(f"{head}{joined(inside)}</{name}>")


def joined(parts: Iterable[str | None]) -> Markup:
    """Put elements and text one after the other."""
    return Markup("".join(_marked(part) for part in parts if part is not None))


def _marked(part: str) -> str:
    return part if isinstance(part, Markup) else escape(clean(part))
