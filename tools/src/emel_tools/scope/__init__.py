"""Which shards a change can affect, why, and what was missed."""

from emel_tools.scope.changes import BrokenGitError, UnknownBaseError
from emel_tools.scope.choice import Asked, Choice, Scope, UnknownShardError, choose
from emel_tools.scope.misses import misses

__all__ = [
    "Asked",
    "BrokenGitError",
    "Choice",
    "Scope",
    "UnknownBaseError",
    "UnknownShardError",
    "choose",
    "misses",
]
