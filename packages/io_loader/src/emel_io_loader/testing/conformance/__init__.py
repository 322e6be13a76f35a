"""The conformance suite: the contract as tests, for whoever writes a strategy."""

from emel_io_loader.testing.conformance.buffers import BufferRules
from emel_io_loader.testing.conformance.contents import ContentRules
from emel_io_loader.testing.conformance.files import FileRules
from emel_io_loader.testing.conformance.leasing import LeaseRules
from emel_io_loader.testing.conformance.leftovers import LeftoverRules
from emel_io_loader.testing.conformance.refusals import RefusalRules

__all__ = ["StrategyConformance"]


class StrategyConformance(
    RefusalRules, ContentRules, FileRules, BufferRules, LeaseRules, LeftoverRules
):
    """The contract of `Strategy`, one test a rule, over real files.

    Subclass it in a test file, under a name that pytest collects:

        class TestMine(StrategyConformance):
            def make(self):
                return Mine()

    Each test makes a strategy of its own and closes it. Rules of the other mode hold by themselves.
    The only fixture is `tmp_path`; pytest itself isn't needed.

    Attributes
    ----------
    threads : int or None
        Handed to every load; a subclass sets it to prove a strategy with that many threads.
    patience_seconds : float
        After how long a strategy that waits for a FIFO is let go, and has broken the rule; and how
        long a thread may take to be gone.
    """
