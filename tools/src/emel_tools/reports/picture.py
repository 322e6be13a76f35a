"""The house: packages as rooms in layers, with an arrow for each import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emel_tools.reports.markup import Markup, joined, tag
from emel_tools.running.results import writable
from emel_tools.running.run import Run
from emel_tools.workspace import packages

_WIDTH: Final = 1000
_LAYER: Final = 96
_ROOM: Final = 38
_CHARACTER: Final = 8.5
_LEFT: Final = 110
"""Where rooms begin, right of the names of the layers."""


class House(NamedTuple):
    """What is drawn."""

    layers: Mapping[str, tuple[str, ...]]
    """The packages of each layer, as they are imported, from the top down."""
    arrows: tuple[tuple[str, str], ...]
    """Who imports whom, sorted."""
    trouble: str = ""
    """Why nobody knows who imports whom, or which layers there are."""


def house_of(root: Path) -> House | None:
    """Read layers from `.importlinter` and arrows from the sources; None without a table."""
    from emel_tools.boundaries import page, table  # noqa: PLC0415  grimp, which only this needs

    if not (root / table.FILE).exists():
        return None
    layers: Mapping[str, tuple[str, ...]] = {}
    try:
        layers = table.read(root).layers
        roots = [package.module for package in packages(root) if package.source.is_dir()]
        return House(layers, tuple(sorted(page.house(roots))))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # grimp's panics are no Exception; the page is to show the rest
        said = writable(str(error)).replace(f"{root}/", "")
        return House(layers, (), said or type(error).__name__)


def picture(house: House | None, run: Run) -> Markup:
    """Draw the house; a room whose package has a red shard is marked."""
    if house is None or not house.layers:
        wrong = house and house.trouble and f"The house can't be drawn: {house.trouble}"
        return tag("p", wrong or "There is no table of layers here.", class_="quiet")
    red = {f"emel_{r.shard}" for r in run.results if r.verdict == "failed"}
    red |= {"emel"} & {r.shard for r in run.results if r.verdict == "failed"}
    places = dict(_places(house.layers))
    height = _LAYER * len(house.layers)
    names = [
        tag("text", layer, x=0, y=i * _LAYER + 42, class_="layer")
        for i, layer in enumerate(house.layers)
    ]
    drawn = [(a, b) for a, b in house.arrows if a in places and b in places]
    arrows = [_arrow(a, b, places, -1 if i % 2 else 1) for i, (a, b) in enumerate(drawn)]
    rooms = [_room(name, *place, is_red=name in red) for name, place in places.items()]
    svg = tag(
        "svg",
        tag("defs", _arrowhead()),
        *names,
        *arrows,
        *rooms,
        class_="house",
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        aria_label=f"{len(places)} packages in {len(house.layers)} layers; imports: see the list",
    )
    told = [
        tag("li", f"{name} imports {', '.join(b for a, b in house.arrows if a == name) or 'none'}")
        for name in places
    ]
    words = tag("details", tag("summary", "The imports in words"), tag("ul", *told))
    if house.trouble:
        words = tag("p", f"The imports can't be read: {house.trouble}", class_="quiet")
    region = tag("div", svg, class_="wide", tabindex="0", role="region", aria_label="The house")
    return joined((region, words))


def _arrowhead() -> Markup:
    return tag(
        "marker",
        tag("path", d="M0,0 L8,4 L0,8 z", class_="head"),
        id="arrowhead",
        viewBox="0 0 8 8",
        refX=8,
        refY=4,
        markerWidth=7,
        markerHeight=7,
        orient="auto-start-reverse",
    )


def _places(
    layers: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Give each room its left edge, its top and its width."""
    for i, rooms in enumerate(layers.values()):
        widths = [len(room) * _CHARACTER + 24 for room in rooms]
        gap = (_WIDTH - _LEFT - sum(widths)) / (len(rooms) + 1)
        x = _LEFT + gap
        for room, width in zip(rooms, widths, strict=True):
            yield room, (x, i * _LAYER + 18, width)
            x += width + gap


def _room(name: str, x: float, y: float, width: float, *, is_red: bool) -> Markup:
    told = f"{name}: {'something is red' if is_red else 'nothing is red'}"
    return tag(
        "g",
        tag("title", told),
        tag("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=_ROOM, rx=5),
        tag("text", ("✗ " * is_red) + name, x=f"{x + width / 2:.1f}", y=f"{y + 24:.1f}"),
        class_="room failed" if is_red else "room",
    )


def _arrow(
    importer: str, imported: str, places: Mapping[str, tuple[float, float, float]], side: int
) -> Markup:
    """Draw an arrow down; one that passes layers by goes around what stands in between."""
    x1, y1, width1 = places[importer]
    x2, y2, width2 = places[imported]
    start, end = (x1 + width1 / 2, y1 + _ROOM), (x2 + width2 / 2, y2)
    passed = round((y2 - y1) / _LAYER) - 1
    aside = side * (120 + 60 * passed) if passed else 0
    if not _LEFT < (start[0] + end[0]) / 2 + 0.75 * aside < _WIDTH:
        aside = -aside
    bend = max(30.0, (end[1] - start[1]) / 2)
    path = (
        f"M{start[0]:.1f},{start[1]:.1f} C{start[0] + aside:.1f},{start[1] + bend:.1f}"
        f" {end[0] + aside:.1f},{end[1] - bend:.1f} {end[0]:.1f},{end[1]:.1f}"
    )
    told = f"{importer} imports {imported}"
    return tag("path", tag("title", told), d=path, marker_end="url(#arrowhead)", class_="arrow")
