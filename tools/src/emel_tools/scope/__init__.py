"""Which shards a change can affect."""

from emel_tools.scope.choice import Asked, Choice, Scope, choose

__all__ = ["Asked", "Choice", "Scope", "choose"]
