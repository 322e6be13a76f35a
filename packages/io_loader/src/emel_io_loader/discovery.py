"""Strategies of third parties: offered by entry points, and held to the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from emel_io_loader.outcomes import Leases
from emel_io_loader.spans import Spans
from emel_io_loader.strategy import Mode, Offer, Strategy

GROUP: Final = "emel.strategies"
"""The group of entry points that third parties register their strategies under."""
_MEMBERS: Final = (
    *("name", "mode", "identify", "load", "view", "release", "advise", "usage", "close"),
)


class Point(Protocol):
    """An entry point, as `importlib.metadata` has them."""

    @property
    def name(self) -> str:
        """What the strategy is called."""
        ...

    def load(self) -> Any:  # whatever was registered
        """Import the object that was registered: a callable that makes a strategy."""
        ...


class BrokenStrategyError(Exception):
    """What was registered can't be used: the message says what it broke.

    Raised by `Offer.create`; the router makes the outcome STRATEGY_BROKEN of it.
    """


def discover(points: Iterable[Point]) -> Mapping[str, Offer]:
    """Name the strategies of some entry points, without importing any.

    Parameters
    ----------
    points
        Of `importlib.metadata.entry_points(group=GROUP)`.

    Returns
    -------
    Mapping
        Name to `Offer`. Only `create` imports, makes and holds the strategy to the contract; what
        breaks it raises `BrokenStrategyError`, and so do two points of one name.
    """
    by_name: dict[str, list[Point]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    return {name: Offer(_maker(name, same)) for name, same in by_name.items()}


def _maker(name: str, points: list[Point]) -> Callable[[], Strategy]:
    def make() -> Strategy:
        if len(points) > 1:
            owners = " and ".join(sorted(map(_owner, points)))
            raise BrokenStrategyError(f"more than one is installed: {owners} have it")
        return _make(name, points[0])

    return make


def _owner(point: Point) -> str:
    return getattr(getattr(point, "dist", None), "name", None) or "an unknown distribution"


def _make(name: str, point: Point) -> Strategy:
    try:
        kind = point.load()
    except Exception as error:
        raise BrokenStrategyError(f"it can't be imported: {_told(error)}") from error
    if not callable(kind):
        raise BrokenStrategyError(f"what was registered, {kind!r}, can't be called")
    try:
        made: Any = kind()
    except Exception as error:
        raise BrokenStrategyError(f"it can't be made: {_told(error)}") from error
    fault = fault_of(made, name)
    if fault:
        raise BrokenStrategyError(fault)
    return made


def fault_of(made: Any, name: str) -> str:  # whatever was made
    """Say what `made` lacks to be the strategy `name`; empty if nothing."""
    found: dict[str, Any] = {}
    for member in _MEMBERS:
        try:
            found[member] = getattr(made, member)
        except AttributeError:
            return f"its {type(made).__name__} lacks {member}"
        except Exception as error:
            return f"its {member} can't be had: {_told(error)}"
        if member not in ("name", "mode") and not callable(found[member]):
            return f"its {member} can't be called"
    if not isinstance(found["mode"], Mode):
        return f"its mode is {found['mode']!r}, which is no Mode"
    if found["name"] != name:
        return f"it calls itself {found['name']!r}"
    return _unfit_signature(found)


def _unfit_signature(found: Mapping[str, Any]) -> str:
    import inspect  # noqa: PLC0415 - slow to import, and needed for strangers only

    nothing = Spans((), (), (), ())
    calls: tuple[tuple[str, tuple[object, ...], tuple[str, ...]], ...] = (
        ("load", (nothing, None), ("threads", "progress")),
        ("identify", ((),), ()),
        ("view", (0, 0), ()),
        ("release", (Leases.vacant(),), ()),
        ("advise", (0, 0, 0, 0, None), ()),
    )
    for member, words, keywords in calls:
        try:
            signature = inspect.signature(found[member])
        except (TypeError, ValueError):
            continue  # of a compiled one nothing is known
        try:
            signature.bind(*words, **dict.fromkeys(keywords))
        except TypeError as error:
            return f"its {member} doesn't take what the contract gives it: {error}"
    return ""


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
