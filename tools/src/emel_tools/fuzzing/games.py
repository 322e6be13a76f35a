"""Sequences of moves, drawn from a seed, and played against a model that one can believe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeAlias

from emel_tools.findings import Finding
from emel_tools.fuzzing import corpus
from emel_tools.fuzzing.shrinking import cause_of, raised, smallest

Move: TypeAlias = list[Any]
"""What JSON has: the name of the move, and its words."""


class Game(NamedTuple):
    """One kind of sequence."""

    name: str
    draw: Callable[[Random], list[Move]]
    """Draw the moves of one round. Any part of them can be played, too."""
    play: Callable[[list[Move], set[str]], str]
    """Play one round: what is wrong, or nothing. What it has exercised goes into the set."""
    rounds: int
    """How many rounds are played by default."""
    exercises: frozenset[str] = frozenset()
    """What has to be exercised, in all rounds together."""


class Found(NamedTuple):
    """What came of a run."""

    findings: list[Finding]
    checked: str


FULL = 6
"""So many times as much in full scope."""


def check(
    root: Path, folder: Path, package: str, games: Sequence[Game], seed: int, *, full: bool
) -> Found:
    """Replay the corpus of a package, then play rounds of each game until one is lost."""
    findings: list[Finding] = []
    counts: list[str] = []
    for game in games:
        reached: set[str] = set()
        known = corpus.entries(root, f"{package}/{game.name}")
        for entry in known:
            if problem := _played(game, entry.moves, reached):
                where = entry.path.relative_to(root).as_posix()
                what = f"{entry.reason}: expected {entry.expects}, got {problem}"
                findings.append(Finding(where, 0, 0, game.name, what, "mend it: it was, once"))
        rng, rounds = Random(f"{seed} {game.name}"), game.rounds * (FULL if full else 1)
        moves_made = 0
        for number in range(rounds):
            moves = game.draw(rng)
            moves_made += len(moves)
            if problem := _played(game, moves, reached):
                lost = _Lost(moves, problem, f"{seed}, round {number}")
                findings.append(_told(root, folder, package, game, lost))
                break
        else:
            findings += _unexercised(package, game, reached)
        counts.append(f"{game.name} {len(known)} known, {rounds} rounds, {moves_made} moves")
    return Found(findings, "; ".join(counts))


def _played(game: Game, moves: list[Move], reached: set[str]) -> str:
    try:
        return game.play(moves, reached)
    except Exception as error:  # whatever it is, it is a finding
        return f"an answer expected, and {raised(error)}"


class _Lost(NamedTuple):
    """A round that was lost."""

    moves: list[Move]
    problem: str
    seed: str


def _told(root: Path, folder: Path, package: str, game: Game, lost: _Lost) -> Finding:
    cause = cause_of(lost.problem)
    small = smallest(lost.moves, lambda some: cause_of(_played(game, some, set())) == cause)
    kept = corpus.keep(folder / game.name, "nothing wrong", corpus.spelled(small))
    name = kept.relative_to(root).as_posix()
    shown = " ".join(corpus.spelled(small[-6:]).splitlines())
    problem = _played(game, small, set()) or lost.problem
    what = f"{problem} (seed {lost.seed}; {len(small)} moves: {shown:.400}; all of them: {name})"
    fix = (
        f"mend the package (or the model, if the promise is another), then keep the moves: cp "
        f"{name} {corpus.FOLDER.as_posix()}/{package}/{game.name}/ and say why in it"
    )
    return Finding(f"packages/{package}/src", 0, 0, game.name, what, fix)


def _unexercised(package: str, game: Game, reached: set[str]) -> list[Finding]:
    return [
        Finding(
            f"packages/{package}/src",
            0,
            0,
            "unexercised",
            f"no round of {game.name} comes to {name}, so nobody would notice if it were gone",
            f"let the game draw what leads there (emel_tools.fuzzing, {game.name})",
        )
        for name in sorted(game.exercises - reached)
    ]
