"""How lanes are described and run: shards as processes, side by side, each under a time budget."""

from emel_tools.running.lane import Job, Lane, Outcome, Reads, Shard

__all__ = ["Job", "Lane", "Outcome", "Reads", "Shard"]
