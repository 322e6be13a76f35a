"""The shard `model_format`: both parsers against the oracles, and each refusal reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from emel_model_format import Header, NeedMore, Refusal, parse
from emel_tools.findings import Finding
from emel_tools.fuzzing import (
    corpus,
    gguf_families,
    gguf_files,
    gguf_tensors,
    gguf_value_families,
    json_families,
    json_files,
    json_tensors,
)
from emel_tools.fuzzing.case import ACCEPTED, NEED_MORE, Case
from emel_tools.fuzzing.covering import Site, Steps, sites
from emel_tools.fuzzing.facts import BrokenError
from emel_tools.fuzzing.games import Found
from emel_tools.fuzzing.judging import (
    Wrong,
    expected_of,
    judge,
    judge_claimed,
    judge_lists,
    judge_windows,
)
from emel_tools.fuzzing.lookalikes import lookalikes
from emel_tools.fuzzing.mutating import mutated
from emel_tools.fuzzing.shrinking import smallest

SOURCES: Final = Path("packages/model_format/src/emel_model_format")
MUTATIONS: Final = 2500
POOL: Final = 80
"""Files that mutations begin with."""
FULL: Final = 12
"""So many times as much in full scope."""
SHOWN: Final = 12
"""Findings of one kind; a parser that is broken altogether needs no thousand."""
SMALL: Final = 4000
"""Larger files are parsed in one window alone, and aren't traced."""
MUTABLE: Final = 900
"""Larger files aren't mutated: most of their bytes say nothing."""

_GGUF: Final = frozenset({"_gguf.py", "_strings.py", "_walk.py"})
_SAFETENSORS: Final = frozenset({"_formats.py", "_json_scan.py", "_safetensors.py"})
"""What one parser alone runs; where a file is neither's, the latter says so."""
_OF_NO_RULE: Final = frozenset({"differs", "list", "raised", "window"})
"""What is wrong with no line that refuses."""

_WHERE: Final = frozenset({"place", "tensor"})
"""What is wrong with where a refusal says that a rule broke: of another rule, that matters more."""


def families(seed: int, orders: str = "<>") -> Iterator[tuple[str, Case]]:
    """Every case of every family, in either byte order and for both readers of JSON."""
    for order in orders:
        file = gguf_files.healthy(Random(seed), order)
        values = gguf_value_families.FAMILIES
        for family in (*gguf_families.FAMILIES, *values, *gguf_tensors.FAMILIES):
            yield from ((family.__name__, case) for case in family(file))
    for careful in (False, True):
        text = json_files.healthy(Random(seed), careful=careful)
        for each in (*json_families.FAMILIES, *json_tensors.FAMILIES):
            yield from ((each.__name__, case) for case in each(text))
    for alone in (gguf_tensors.arranged, json_tensors.arranged, lookalikes):
        yield from ((alone.__name__, case) for case in alone())


_Kind: TypeAlias = tuple[str, tuple[str, ...], str]
"""What one file has in common with others of its family."""


def _kind(family: str, case: Case) -> _Kind:
    # Where a file ends decides which check finds it, so each end is one of a kind; and so is each
    # length of an array, since no slice is right for all of them by chance.
    alone = family in {"truncations", "arrays"}
    label = case.label if alone else re.sub(r"\d+", "", case.label)[:30]
    return family, case.rules, label


def broken_files(seed: int) -> Iterator[bytes]:
    """One file of each kind that is refused, as it lies on a disk."""
    seen: set[_Kind] = set()
    for family, case in families(seed, "<"):
        kind = _kind(family, case)
        if kind not in seen and case.rules not in (ACCEPTED, NEED_MORE) and case.file_nbytes < 0:
            seen.add(kind)
            yield case.data


class _Run:
    def __init__(self, root: Path, folder: Path, seed: int, *, full: bool) -> None:
        self.root, self.folder, self.full = root, folder, full
        self.seed = seed
        self.rng = Random(seed)
        self.steps = Steps(root / SOURCES)
        self.sites = sites(
            sorted((root / SOURCES).glob("*.py")),
            frozenset({"refuse", "wrong_type"}),
            frozenset({"Rule"}),
        )
        self.rules: set[str] = set()
        self.kinds: set[_Kind] = set()
        self.files: dict[_Kind, bytes] = {}
        """The first of each kind, for mutations to begin with."""
        self.found: dict[tuple[str, str], Finding] = {}
        self.counts = {"corpus": 0, "cases": 0, "mutations": 0}

    def report(self, data: bytes, wrong: Wrong, label: str, expects: str, key: str = "") -> None:
        """Say what is wrong with the answer to a file, and keep the file."""
        key = key or expects
        if (wrong.rule, key) in self.found or len(self.found) >= SHOWN:
            return
        kept = corpus.keep(self.folder, expects, corpus.hexadecimal(data))
        site = self.site_of(data, wrong, {*expects.split()})
        place = SOURCES.as_posix() if site is None else self.spell(site.file)
        name = kept.relative_to(self.root).as_posix()
        what = (
            f"{label}: expected {wrong.expected}, got {wrong.got} (the file: {name}, "
            f"{len(data)} bytes, seed {self.seed})"
        )
        fix = (
            f"mend the parser (or the oracle, if the format says so), then keep the file: "
            f"cp {name} {corpus.FOLDER.as_posix()}/model_format/ and say why in it"
        )
        self.found[wrong.rule, key] = Finding(
            place, site.first if site else 0, 0, wrong.rule, what, fix
        )

    def site_of(self, data: bytes, wrong: Wrong, rules: set[str]) -> Site | None:
        """Find the line that is to blame: one that has the rule, of the parser of this file."""
        if wrong.rule in _OF_NO_RULE:
            return None
        own, others = _GGUF, _SAFETENSORS
        if not data.startswith(b"GGUF"):
            own, others = others, own
        known = [s for s in self.sites if s.rule in {*rules, wrong.cause} - {""}]
        mine = [s for s in known if s.file.name not in others]
        # A table that both share has lines for one alone, too.
        return min(mine, key=lambda s: (s.file.name not in own, s), default=None)

    def spell(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def replay(self) -> None:
        """Hold each file of the corpus to the answer that is written in it."""
        for entry in corpus.entries(self.root, "model_format"):
            self.counts["corpus"] += 1
            case = Case(tuple(entry.expects.split()), entry.reason, entry.data)
            self.case(case, f"{self.spell(entry.path)}: {entry.reason}", "corpus")

    def case(self, case: Case, label: str, key: str) -> None:
        """Hold one file to what must come of it."""
        data, expects = case.data, " ".join(case.rules)
        if case.file_nbytes < 0:
            alone = len(case.rules) == 1 and case.rules != ("refused",)
            wrong, rule = judge(data, alone=alone)
        else:
            wrong, rule = judge_claimed(data, case.file_nbytes, case.place)
        self.rules.add(rule)
        told = {rule or "accepted", *(("refused",) if rule else ())}
        if (wrong is None or wrong.rule in _WHERE) and not told & {*case.rules}:
            where = "" if wrong is None else f" at {wrong.got}"
            wrong = Wrong("rule", " or ".join(case.rules), (rule or "a header") + where)
        if wrong is None and self.is_new(key, case):
            wrong = None if rule else judge_lists(data, case.claimed_nbytes)
            if wrong is None and len(data) <= SMALL:
                wrong = judge_windows(data, case.claimed_nbytes)
                self.steps.watch(_parse, data, case.claimed_nbytes)
        if wrong is not None:
            self.report(data, wrong, label, expects, f"{key} {expects}")

    def is_new(self, key: str, case: Case) -> bool:
        """Whether it is the first of its kind, which is looked at more closely than its copies."""
        kind = _kind(key, case)
        if kind in self.kinds:
            return False
        self.kinds.add(kind)
        return True

    def families(self) -> None:
        """Judge every case."""
        for family, case in families(self.seed):
            self.counts["cases"] += 1
            self.case(case, case.label, family)
            if len(case.data) < MUTABLE:
                self.files.setdefault(_kind(family, case), case.data)

    def unreached(self) -> Iterator[Finding]:
        """Name the refusals that no case has reached."""
        lines = self.steps.lines()
        for site in self.sites:
            numbers = range(site.first, site.last + 1)
            by_line = any((str(site.file), number) in lines for number in numbers)
            if site.rule in self.rules if site.is_table else by_line:
                continue
            rule = site.rule or "a refusal"
            yield Finding(
                self.spell(site.file),
                site.first,
                0,
                "unexercised",
                f"no case reaches {rule} here, so nobody would notice if it were gone",
                "add a family that breaks just this rule (emel_tools.fuzzing, *_families.py or "
                "*_tensors.py) and let the oracle know it, or take the refusal out",
            )

    def mutate(self) -> None:
        """Mutate files; those that take new steps are mutated further."""
        pool = self.rng.sample([*self.files.values()], POOL)
        for _ in range(MUTATIONS * (FULL if self.full else 1)):
            data = mutated(self.rng, self.rng.choice(pool), pool)
            self.counts["mutations"] += 1
            wrong, _ = judge(data)
            if wrong is not None:
                self.shrink(data, wrong)
            elif self.counts["mutations"] % 3 == 0:
                _, is_new = self.steps.watch(_parse, data, len(data))
                if is_new:
                    pool.append(data)

    def shrink(self, data: bytes, wrong: Wrong) -> None:
        """Tell of a mutated file, once it is as small as the same finding allows."""
        key = f"{wrong.rule} {wrong.cause}"
        if (wrong.rule, key) in self.found or len(self.found) >= SHOWN:
            return
        small = smallest(data, lambda some: _fails_alike(some, wrong))
        wrong = judge(small)[0] or wrong
        expects = "refused" if isinstance(expected_of(small), BrokenError) else "accepted"
        self.report(small, wrong, "a mutated file", expects, key)


def _fails_alike(data: bytes, wrong: Wrong) -> bool:
    now = judge(data)[0]
    return now is not None and (now.rule, now.cause) == (wrong.rule, wrong.cause)


def _parse(data: bytes, file_nbytes: int) -> Header | NeedMore | Refusal | Exception:
    try:
        return parse(data, file_nbytes)
    except Exception as error:  # `judge` has told of it
        return error


def check(root: Path, folder: Path, seed: int, *, full: bool) -> Found:
    """Judge the corpus, the families and the mutations."""
    run = _Run(root, folder, seed, full=full)
    for work in (run.replay, run.families, run.mutate):
        work()
    findings = [*run.found.values(), *run.unreached()]
    counts = run.counts
    checked = (
        f"{counts['corpus']} files of the corpus, {counts['cases']} files that break one rule or "
        f"just don't, {counts['mutations']} mutations, {len(run.sites)} refusals, "
        f"{len(run.steps.seen)} steps"
    )
    return Found(findings, checked)
