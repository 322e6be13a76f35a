"""Say for each shard why it runs or not: `--explain`."""

from __future__ import annotations

from collections.abc import Iterator

from emel_tools.running.results import writable
from emel_tools.scope.choice import Scope

_SHOWN = 20


def explain(scope: Scope) -> Iterator[str]:
    """Say what was compared, what has changed, and what follows for each shard, a line each."""
    changed = scope.changed
    if changed.base:
        yield writable(f"compared with {changed.base[:12]}, {changed.because}:")
        yield from (writable(f"  {path}") for path in changed.files[:_SHOWN])
        if len(changed.files) > _SHOWN:
            yield f"  and {len(changed.files) - _SHOWN} more"
        if not changed.files:
            yield "  no file differs"
    else:
        yield f"compared with nothing: {changed.because}"
    width = max((len(choice.shard.key) for choice in scope.choices), default=0)
    for choice in scope.choices:
        word = "runs" if choice.runs else "-"
        yield f"{word:<4}  {choice.shard.key:<{width}}  {choice.why}"
    runs = sum(choice.runs for choice in scope.choices)
    yield f"{runs} of {len(scope.choices)} shards run"
