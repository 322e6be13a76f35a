"""The router, against a few sentences of its README."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from emel_io_loader import (
    SLOW_KINDS,
    BatchOutcome,
    BrokenStrategyError,
    Offer,
    Reaction,
    Reason,
    Route,
    RouteOutcome,
    Router,
    Spans,
    code_of,
)
from emel_tools.fuzzing.games import Game, Move

_LOCAL: Final = ("ext4", "xfs", "tmpfs", "btrfs", "zfs", "apfs", "fused", "nfs5")
_KINDS: Final = (*_LOCAL, *sorted(SLOW_KINDS), "fuse.sshfs", "fuse.", "", "OSError", "ValueError")
_NAMES: Final = ("mmap", "read", "staged")


def _draw(rng: Random) -> list[Move]:
    state = [rng.choice(("has", "has", "has", "lacks", "absent")) for _ in _NAMES]
    requested = rng.choice(("auto", "auto", "auto", *_NAMES, "other", "broken", "nobody", "", None))
    limit = rng.choice((None, None, 0, 1 << 20))
    path = rng.choice(("model.gguf", "model.gguf", None))
    answers = [rng.choice(("ok", "failed", "nonsense", "none")) for _ in range(rng.randrange(4))]
    return [
        ["route", requested, path, limit, rng.choice(_KINDS), state],
        *(["load", a] for a in answers),
    ]


class _Strategy:
    """Answers as it is told to."""

    def __init__(self, name: str) -> None:
        self.name, self.answer, self.loads = name, "ok", 0
        self.view = len

    def load(self, spans: Spans, *_: object, **__: object) -> Any:  # it may be none
        """Answer."""
        self.loads += 1
        reaction = Reaction.NONE if self.answer == "ok" else Reaction.SOURCE
        outcome = RouteOutcome.OK if self.answer == "ok" else RouteOutcome.STRATEGY_FAILED
        answers = {"nonsense": "nonsense", "none": None}
        return answers.get(
            self.answer, BatchOutcome(outcome=outcome, reaction=reaction, nspans=len(spans))
        )


def _broken() -> Any:  # it never answers
    raise BrokenStrategyError("it is broken")


class _World:
    """What the router may ask, and what it has asked."""

    def __init__(self, kind: str, state: list[str]) -> None:
        self.kind, self.looked, self.searched = kind, 0, 0
        self.made: list[_Strategy] = []
        self.offers = {
            name: self._offer(name, "" if has == "has" else f"{name} can't be had")
            for name, has in zip(_NAMES, state, strict=True)
            if has != "absent"
        }

    def _offer(self, name: str, why: str = "") -> Offer:
        def create() -> Any:  # a strategy as far as a router looks
            self.made.append(_Strategy(name))
            return self.made[-1]

        return Offer(create, lambda: why)

    def file_system(self, path: str) -> str:  # noqa: ARG002 - the signature of a port
        """Say what the path is on."""
        self.looked += 1
        if self.kind == "OSError":
            raise OSError("nobody knows")
        if self.kind == "ValueError":
            raise ValueError("nobody knows")
        return self.kind

    def found(self) -> Mapping[str, Offer]:
        """Offer what others offer, a built-in name too, which must not win."""
        self.searched += 1
        return {
            "other": self._offer("other"),
            "mmap": self._offer("impostor"),
            "broken": Offer(_broken),
        }


def _expected(move: Move) -> tuple[str, str, str]:
    """Outcome, strategy and reason."""
    _, requested, path, limit, kind, state = move
    has: dict[str, str] = dict(zip(_NAMES, state, strict=True))
    if not requested:
        return "strategy-missing", "", ""
    if requested != "auto":
        if requested == "broken":
            return "strategy-broken", "", ""
        if requested == "mmap" and has["mmap"] == "absent":
            return "ok", "impostor", "asked-for"  # nobody's place is taken: it was free
        if requested != "other" and has.get(requested, "absent") == "absent":
            return "strategy-unknown", "", ""
        if has.get(requested) == "lacks":
            return "strategy-unavailable", "", ""
        return "ok", requested, "asked-for"
    if limit is not None:
        names, reason = ["staged"], "memory-limit"
    else:
        known = "" if path is None or kind in ("OSError", "ValueError") else kind
        family = "fuse" if known.startswith("fuse.") else known
        slow = SLOW_KINDS.get(family)
        names = ["mmap", "read"] if slow is None else ["read", "mmap"]
        plain = "local-file-system" if known else "unknown-file-system"
        reason = plain if slow is None else code_of(slow)
    usable = [name for name in names if has[name] == "has"]
    if not usable:
        return "strategy-unavailable", "", ""
    return "ok", usable[0], reason if usable[0] == names[0] else "only-available"


def _play(moves: list[Move], reached: set[str]) -> str:
    if not moves or moves[0][0] != "route":
        return ""
    _, requested, path, limit, kind, state = moves[0]
    world = _World(kind, state)
    router = Router(world.offers, file_system=world.file_system, found=world.found)
    answer = router.route(requested, path=path, memory_limit=limit)
    expected = _expected(moves[0])
    if not isinstance(answer, Route):
        got = (answer.code, "", "")
        reached.add(answer.code)
        if answer.ok or not answer.message or world.made:
            return f"a refusal in words, and no strategy made, expected; got {answer}"
        return "" if got == expected else f"{expected} expected, got {got}"
    got = ("ok", answer.name, answer.reason_code)
    reached |= {"ok", answer.reason_code}
    if got != expected:
        return f"{expected} expected, got {got}"
    if world.looked > 1 or (world.looked and (requested != "auto" or limit is not None)):
        return f"one look at the file system at most expected, and for auto; got {world.looked}"
    if world.searched and requested in world.offers:
        return "no search for others expected where the strategy is built in"
    return _loads(moves[1:], answer, world.made[-1], reached)


def _loads(moves: list[Move], route: Route, strategy: _Strategy, reached: set[str]) -> str:
    served = False
    for count, (_, word) in enumerate(moves, 1):
        strategy.answer = word
        answer = route.load(Spans((), (), (), ()))
        wanted = {"ok": "ok", "failed": "strategy-failed"}.get(word, "strategy-broken")
        reached.add(answer.code)
        served = served or word == "ok"
        told = (answer.code, answer.ok, route.used, strategy.loads)
        expected = (wanted, word == "ok", strategy.name if served else None, count)
        if told != expected:
            return f"(code, ok, used, dispatches) {expected} expected, got {told}"
    return ""


ROUTE: Final = Game(
    "route",
    _draw,
    _play,
    3000,
    frozenset(code_of(outcome) for outcome in RouteOutcome) | {code_of(r) for r in Reason},
)
