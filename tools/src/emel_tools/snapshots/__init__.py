"""Facts that people review: `snapshots/<lane>/<shard>.txt`, one a line, held in both directions."""

from emel_tools.snapshots.kind import Kind

__all__ = ["Kind"]
