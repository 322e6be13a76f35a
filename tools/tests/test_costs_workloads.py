"""That workloads do for each of many items what they are there to show."""

from __future__ import annotations

import pytest

import emel
from emel_tools.costs import named
from emel_tools.costs.site import Site
from emel_tools.costs.workload import RefusedError
from emel_tools.costs.workloads import io_read, io_staged


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path)


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize("package", [io_read, io_staged])
def test_progress_is_told_for_each_of_many_items(site, monkeypatch, package):
    told = []
    monkeypatch.setattr(package, "sink", told.append)
    package.told_of_each(site, 20)()
    assert set(told) == {64 * i for i in range(1, 21)}


@pytest.mark.behaviour("GATE-42")
@pytest.mark.parametrize(
    ("use", "loaded"),
    [
        (named.look_up, []),
        (named.load, []),
        (named.release, [1, 3]),
        (named.load_into, [0, 2]),
        (named.make_buffers, []),
    ],
)
def test_tensors_that_are_named_are_some_of_many(site, use, loaded):
    with emel.open(site.gguf(4, 64), "mmap") as model:
        use(model)
        states = [model.info(name).residency for name in model]
        assert [i for i, state in enumerate(states) if state.endswith("resident")] == loaded


@pytest.mark.behaviour("GATE-43")
def test_a_name_that_is_found_where_there_is_none_is_refused(monkeypatch):
    class Everything(dict):
        def __contains__(self, _):
            return True

    with pytest.raises(RefusedError, match="in vain"):
        named.look_up(Everything(a=1))
