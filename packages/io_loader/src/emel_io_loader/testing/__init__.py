"""For tests of strategies, and of whoever stands above them: a fake strategy, and failing ports."""

from emel_io_loader.testing.fake import Advised, FakeOutcome, FakeStrategy
from emel_io_loader.testing.faults import CountingPort, Fault

__all__ = ["Advised", "CountingPort", "FakeOutcome", "FakeStrategy", "Fault"]
