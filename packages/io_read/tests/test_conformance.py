import pytest

from emel_io_loader.testing import StrategyConformance
from emel_io_read import ReadStrategy


@pytest.mark.behaviour("ROUTE-06")
class TestRead(StrategyConformance):
    def make(self):
        return ReadStrategy()


@pytest.mark.behaviour("ROUTE-06")
class TestReadWithFourThreads(TestRead):
    threads = 4


@pytest.mark.behaviour("ROUTE-06")
class TestReadAroundThePageCache(TestRead):
    def make(self):
        return ReadStrategy(direct=True)


@pytest.mark.behaviour("ROUTE-06")
class TestReadAroundThePageCacheWithFourThreads(TestReadAroundThePageCache):
    threads = 4
