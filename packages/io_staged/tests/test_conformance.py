import pytest

from emel_io_loader.testing import StrategyConformance
from emel_io_staged import StagedStrategy


@pytest.mark.behaviour("ROUTE-06")
class TestStaged(StrategyConformance):
    def make(self):
        return StagedStrategy()


@pytest.mark.behaviour("ROUTE-06")
class TestStagedInSmallChunks(StrategyConformance):
    threads = 4

    def make(self):
        return StagedStrategy(chunk_nbytes=1 << 16, stages=2)
