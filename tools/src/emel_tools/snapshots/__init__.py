"""Facts that people review: `snapshots/<lane>/<shard>.txt`, one a line, held in both directions."""

from emel_tools.snapshots.kind import Kind
from emel_tools.snapshots.stale import stale

__all__ = ["Kind", "stale"]
