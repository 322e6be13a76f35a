"""The findings of one gate, written for people, scripts, code scanning and pull requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from emel_tools.findings import Finding, in_order

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def verdict(gate: str, findings: Sequence[Finding], checked: str) -> str:
    """Sum up in one line."""
    return f"{gate}: {f'{len(findings)} to fix' if findings else 'ok'} ({checked})"


def as_json(gate: str, findings: Sequence[Finding], checked: str) -> str:
    """Write one object: the gate, whether it is green, what it looked at, and its findings."""
    document = {
        "gate": gate,
        "ok": not any(finding.severity == "error" for finding in findings),
        "checked": checked,
        "findings": [finding._asdict() for finding in findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_sarif(gate: str, findings: Sequence[Finding], checked: str) -> str:
    """Write a SARIF 2.1.0 log with one run, for code scanning."""
    rules = sorted({finding.rule or gate for finding in findings})
    run: dict[str, Any] = {
        "tool": {"driver": {"name": f"emel {gate}", "rules": [{"id": rule} for rule in rules]}},
        "invocations": [{"executionSuccessful": True}],
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The root of the repository."}}},
        "properties": {"checked": checked},
        "results": [_result(gate, rules, finding) for finding in findings],
    }
    return json.dumps(
        {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False
    )


def _result(gate: str, rules: Sequence[str], finding: Finding) -> dict[str, Any]:
    rule = finding.rule or gate
    owner = f" Owner: {finding.owner}." if finding.owner else ""
    return {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": finding.severity,
        "message": {"text": f"{finding.what}.{owner} Fix: {finding.fix}"},
        "locations": [{"physicalLocation": location(finding)}],
    }


def location(finding: Finding) -> dict[str, Any]:
    """Say where a finding is, as SARIF has it: a region needs a line, which counts from 1."""
    uri = quote(finding.file)
    found: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "ROOT"}}
    if finding.line:
        found["region"] = {"startLine": finding.line}
        if finding.column:
            found["region"]["startColumn"] = finding.column
    return found


def as_github(gate: str, findings: Sequence[Finding], checked: str) -> str:
    """Write workflow commands, which GitHub shows beside the lines of a pull request."""
    lines = [annotation(gate, finding) for finding in findings]
    return "\n".join((*lines, verdict(gate, findings, checked)))


def annotation(gate: str, finding: Finding) -> str:
    """Write one workflow command."""
    places = (("file", finding.file), ("line", finding.line), ("col", finding.column))
    title = f"{gate} {finding.rule}".strip()
    options = ",".join(
        f"{key}={_escaped(str(value), ':,')}" for key, value in (*places, ("title", title)) if value
    )
    owner = f"\nowner: {finding.owner}" if finding.owner else ""
    message = _escaped(f"{finding.what}{owner}\nfix: {finding.fix}")
    return f"::{finding.severity} {options}::{message}"


def _escaped(text: str, also: str = "") -> str:
    for mark in ("%", "\r", "\n", *also):  # the per cent sign first: the others bring it along
        text = text.replace(mark, f"%{ord(mark):02X}")
    return text


FORMS: Final[Mapping[str, Callable[[str, Sequence[Finding], str], str]]] = {
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
"""What `--json`, `--sarif` and `--github` print."""


def report(gate: str, findings: Sequence[Finding], checked: str, form: str = "console") -> int:
    """Print what a gate found.

    Parameters
    ----------
    gate
        Its name, as `nox -s` knows it.
    findings
        What is wrong; empty if the gate is green.
    checked
        What was looked at, with its count, so that a gate that looked at nothing shows.
    form
        `console` (findings on stderr, the verdict on stdout), `json`, `sarif` or `github`.

    Returns
    -------
    int
        The exit code: 1 if there is an error among the findings.
    """
    ordered = in_order(gate, findings)
    if form == "console":
        for finding in ordered:
            print(finding, file=sys.stderr)
        print(verdict(gate, ordered, checked), flush=True)
    else:
        print(FORMS[form](gate, ordered, checked), flush=True)
    return int(any(finding.severity == "error" for finding in ordered))
