import pytest

from emel_io_loader.testing import StrategyConformance
from emel_io_mmap import MmapStrategy


@pytest.mark.behaviour("MAP-16")
class TestMmap(StrategyConformance):
    def make(self):
        return MmapStrategy()


@pytest.mark.behaviour("MAP-16")
class TestMmapWithFourThreads(TestMmap):
    threads = 4
