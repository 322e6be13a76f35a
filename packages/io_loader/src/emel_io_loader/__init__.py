"""The I/O contract of emel: spans, outcomes, the strategy protocol, the planner, the router.

Nothing here touches the operating system or imports a concrete strategy.
"""

from emel_io_loader._machine import ROUTING, Offer
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
from emel_io_loader.strategy import Advice, Identified, Mode, Strategy, Usage

TABLES = (ROUTING,)

__all__ = [
    "TABLES",
    "Advice",
    "BatchOutcome",
    "FileIdentity",
    "Identified",
    "Lease",
    "Leases",
    "Mode",
    "Offer",
    "Reaction",
    "Refusal",
    "Route",
    "RouteOutcome",
    "Router",
    "Runs",
    "SpanOutcome",
    "Spans",
    "Strategy",
    "StrategyError",
    "Usage",
    "code_of",
    "plan",
    "validate",
]
