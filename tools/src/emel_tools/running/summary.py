"""The summary: failures first."""

from __future__ import annotations

from emel_tools.running.run import Run


def summary(run: Run) -> str:
    """Sum up in text."""
    lines: list[str] = []
    for result in sorted(run.results, key=lambda result: result.verdict != "failed"):
        if result.verdict in ("failed", "ok"):
            word = "FAIL" if result.verdict == "failed" else "ok"
            lines.append(f"{word:<4}  {result.key:<28}  {result.seconds:6.1f} s  {result.command}")
        if result.verdict == "failed":
            lines += (f"  {finding}" for finding in result.findings)
    red = sum(result.verdict == "failed" for result in run.results)
    ran = sum(result.verdict in ("failed", "ok") for result in run.results)
    verdict = f"{red} of {ran} shards red" if red else f"all {ran} shards green"
    return "\n".join((*lines, f"quality_gates: {verdict}, {run.seconds:.0f} s, seed {run.seed}"))
