"""That workloads do for each of many items what they are there to show."""

from __future__ import annotations

import pytest

from emel_tools.costs.site import Site
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
