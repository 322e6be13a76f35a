"""For tests of strategies, and of whoever stands above them: fakes, faults, and the contract."""

from emel_io_loader.testing.conformance import StrategyConformance
from emel_io_loader.testing.fake import Advised, FakeStrategy
from emel_io_loader.testing.fake_answers import FakeOutcome
from emel_io_loader.testing.faults import CountingPort, Fault

__all__ = [
    "Advised",
    "CountingPort",
    "FakeOutcome",
    "FakeStrategy",
    "Fault",
    "StrategyConformance",
]
