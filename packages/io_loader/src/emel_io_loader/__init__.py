"""The I/O contract of emel: spans, outcomes, the strategy protocol, the planner, the router.

Nothing here touches the operating system or imports a concrete strategy.
"""

from emel_io_loader._machine import ROUTING
from emel_io_loader.choice import AUTO, SLOW_KINDS, Reason
from emel_io_loader.discovery import GROUP, BrokenStrategyError, discover
from emel_io_loader.leaseless import Leaseless, LeaseOutcome
from emel_io_loader.outcomes import (
    BatchOutcome,
    Lease,
    Leases,
    Reaction,
    RouteOutcome,
    SpanOutcome,
    StrategyError,
    code_of,
)
from emel_io_loader.planner import Runs, plan
from emel_io_loader.router import Route, Router
from emel_io_loader.spans import FileIdentity, Refusal, Spans, validate
from emel_io_loader.staging import OnChunk, Staging, Transform
from emel_io_loader.strategy import Advice, Identified, Mode, Offer, OnBytes, Strategy, Usage
from emel_io_loader.targets import (
    Buffer,
    Places,
    TargetOutcome,
    TargetRefusal,
    Targets,
    validate_targets,
)

TABLES = (ROUTING,)

__all__ = [
    "AUTO",
    "GROUP",
    "SLOW_KINDS",
    "TABLES",
    "Advice",
    "BatchOutcome",
    "BrokenStrategyError",
    "Buffer",
    "FileIdentity",
    "Identified",
    "Lease",
    "LeaseOutcome",
    "Leaseless",
    "Leases",
    "Mode",
    "Offer",
    "OnBytes",
    "OnChunk",
    "Places",
    "Reaction",
    "Reason",
    "Refusal",
    "Route",
    "RouteOutcome",
    "Router",
    "Runs",
    "SpanOutcome",
    "Spans",
    "Staging",
    "Strategy",
    "StrategyError",
    "TargetOutcome",
    "TargetRefusal",
    "Targets",
    "Transform",
    "Usage",
    "code_of",
    "discover",
    "plan",
    "validate",
    "validate_targets",
]
