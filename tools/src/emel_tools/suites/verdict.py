"""What the run of one part of a suite comes to."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from emel_tools.findings import Finding
from emel_tools.scope.observed import Seen
from emel_tools.suites.command import Ran, again
from emel_tools.suites.parts import CALLS, TOOLS, Part
from emel_tools.suites.record import LEAST, Case, Record, Trouble
from emel_tools.suites.skips import ALLOWED, Skip

_INTERRUPTED: Final = 2
"""How pytest ends where it can't collect a file, among other things."""
_FIXES: Final[Mapping[str, str]] = {
    "skipped": "let it run here; or allow it, with its reason, in emel_tools.suites.skips",
    "xfailed": "mend what it waits for, or delete it: a promise that isn't kept is no test",
    "swallowed": "let the assertion reach pytest; a check that has to fail is called under"
    " pytest.raises(AssertionError)",
    "weak": f"let it draw {LEAST} examples or more; of fewer, make each a case of its own",
    "uncollectable": "mend the file: none of its tests has run",
}


def findings(root: Path, part: Part, ran: Ran, seed: int) -> Iterator[Finding]:
    """Find what is wrong with a run."""
    if ran.record is None:
        yield _broken_off(root, part, ran, seed)
        return
    yield from _troubles(ran.record, seed)
    yield from _left_out(root, part, ran.record)
    known = (0, 1, _INTERRUPTED) if ran.record.torn else (0, 1)
    if ran.record.exit_code not in known or ran.exit_code != ran.record.exit_code:
        name = part.package.folder.relative_to(root).as_posix()
        what = f"pytest ended with exit code {ran.record.exit_code}"
        if ran.exit_code != ran.record.exit_code:
            what += f", and its process with {ran.exit_code}"
        yield Finding(name, 0, 0, "ended", what, "see the log of this shard")


def _broken_off(root: Path, part: Part, ran: Ran, seed: int) -> Finding:
    """Say of a run that didn't come to its end which test it was in."""
    how = f"ended with exit code {ran.exit_code} before all tests had run"
    if ran.too_long:
        how = "took longer than its budget and was ended; where it was stands in the log"
    elif ran.exit_code < 0:
        how = f"was ended by {signal.Signals(-ran.exit_code).name}; where stands in the log"
    path = ran.running.partition("::")[0]
    if not path:
        path = (part.package.folder / "tests").relative_to(root).as_posix()
    said = "".join(f"\n     | {line}" for line in ran.said.splitlines())
    what = f"the process {how}, in {ran.running or 'no test yet'}{said}"
    rule = "budget" if ran.too_long else "crash"
    return Finding(path, 0, 0, rule, what, again(ran.running or path, seed))


def _troubles(record: Record, seed: int) -> Iterator[Finding]:
    for each in record.troubles:
        name = each.node_id
        match each.kind:
            case "failed" | "error":
                what, fix = f"{name}: {each.what}", again(name, seed)
            case "swallowed":
                what = f"{name} passes although an assertion failed here: {each.what}"
                fix = _FIXES["swallowed"]
            case "weak":
                what = f"{name} is a property, and was tried on {each.what}"
                fix = _FIXES["weak"]
            case _:
                if each.kind == "skipped" and is_allowed(each, ALLOWED):
                    continue
                what, fix = f"{name} is {each.kind}: {each.what}", _FIXES[each.kind]
        yield Finding(each.file, each.line, 0, each.kind, what, fix)


def is_allowed(trouble: Trouble, allowed: Sequence[Skip]) -> bool:
    """Whether a test may be skipped, for the reason that it gives."""
    function = trouble.node_id.partition("[")[0]
    return any(
        function == skip.function and re.fullmatch(skip.reason, trouble.what) for skip in allowed
    )


def _left_out(root: Path, part: Part, record: Record) -> Iterator[Finding]:
    """Find tests that were collected and not run, and a suite that is empty.

    Beside a file that can't be collected pytest runs nothing.
    """
    for node_id in record.deselected:
        what = f"{node_id} is deselected"
        yield Finding(_file(node_id), 0, 0, "deselected", what, "let it run")
    times = Counter(case.node_id for case in record.cases)
    lost = sorted(times - Counter(record.ended) - Counter(record.kept))
    if lost and not record.torn:
        more = f" and {len(lost) - 1} more" if lost[1:] else ""
        what = f"{lost[0]}{more} didn't run to the end, though collected"
        yield Finding(_file(lost[0]), 0, 0, "not run", what, "look what ended the run before it")
    for node_id in sorted(name for name, count in times.items() if count > 1):
        what = f"{node_id} is the name of two tests"
        yield Finding(_file(node_id), 0, 0, "twice", what, "give each a name of its own")
    if not record.cases:
        name = part.package.folder.relative_to(root).as_posix()
        yield Finding(name, 0, 0, "empty", "no test was collected", "write its tests")


def strays(root: Path, part: Part, seen: Seen) -> Iterator[Finding]:
    """Find what the parts that try the gate itself were seen to read of a package.

    It takes longer than all tests of some packages, and would run whenever such a file changes.
    """
    if part.package.name != TOOLS or part.number <= CALLS:
        return
    read = {path for path in seen.files | seen.imported if path.startswith("packages/")}
    for path in sorted(path for path in read if (root / path).is_file()):
        if not path.endswith("/pyproject.toml"):  # which runs everything, anyway
            what = f"{part.name} reads {path}, so that each change there runs all of it"
            fix = "let another part have the tests that do: emel_tools/suites/parts.py"
            yield Finding("tools/tests", 0, 0, "stray", what, fix)


def _file(node_id: str) -> str:
    return node_id.partition("::")[0]


def measured(root: Path, part: Part, record: Record) -> dict[str, str] | None:
    """Count the cases of each test function, and say how many examples each draws, by what.

    None where a file couldn't be collected, whose cases nobody knows.
    """
    if record.torn:
        return None
    tests = f"{(part.package.folder / 'tests').relative_to(root).as_posix()}/"
    counts = Counter(case.function.removeprefix(tests) for case in record.cases)
    drawn = {case.function.removeprefix(tests): _drawn(case) for case in record.cases}
    return {function: f"{count}{drawn[function]}" for function, count in counts.items()}


def _drawn(case: Case) -> str:
    examples = f" of {case.examples} examples" if case.examples else ""
    given = f", {case.given} given" if case.given else ""
    rules = f", {case.rules} rules, {case.invariants} invariants" if case.rules else ""
    steps = f", {case.steps} steps" if case.rules and case.steps else ""
    return examples + given + rules + steps
