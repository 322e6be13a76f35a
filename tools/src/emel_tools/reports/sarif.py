"""A run as SARIF 2.1.0, for code scanning: one run, whose rules are named `lane/rule`."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from emel_tools.findings import Finding
from emel_tools.reports.forms import SCHEMA, location
from emel_tools.running.run import Run

_MOST: Final = 5000
"""Results in one run, of which code scanning takes no more."""


def sarif_of(run: Run) -> str:
    """Write the log; errors first, so that what is left out beyond 5000 are warnings."""
    found = [(result.lane, finding) for result in run.results for finding in result.findings]
    found.sort(key=lambda each: each[1].severity != "error")
    found = found[:_MOST]
    rules = sorted({(_rule(lane, finding), lane) for lane, finding in found})
    places = {rule: i for i, (rule, _) in enumerate(rules)}
    log: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "emel quality gates",
                "rules": [
                    {
                        "id": rule,
                        "shortDescription": {"text": run.demands.get(lane) or lane},
                        "help": {"text": f"nox -s quality_gates -- --only {lane}"},
                        "properties": {"tags": [lane]},
                    }
                    for rule, lane in rules
                ],
            }
        },
        "automationDetails": {"id": "quality_gates/"},
        "invocations": [{"executionSuccessful": not run.stopped}],
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "properties": {"seed": run.seed, "base": run.base},
        "results": [_result(places, lane, finding) for lane, finding in found],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [log]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(lane: str, finding: Finding) -> str:
    return f"{lane}/{finding.rule}" if finding.rule else lane


def _result(places: dict[str, int], lane: str, finding: Finding) -> dict[str, Any]:
    rule = _rule(lane, finding)
    owner = f" Owner: {finding.owner}." if finding.owner else ""
    # A line number isn't part of it: what was known stays known when a line is added above it.
    told = "\0".join((rule, finding.file, finding.what))
    return {
        "ruleId": rule,
        "ruleIndex": places[rule],
        "level": finding.severity,
        "message": {"text": f"{finding.what}.{owner} Fix: {finding.fix}"},
        "locations": [{"physicalLocation": location(finding)}],
        "partialFingerprints": {"whatIsWrong/v1": hashlib.sha256(told.encode()).hexdigest()},
    }
