"""Where the real models lie: `--real-models DIR`, given by the session that installed them."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--real-models", type=Path, required=False)


@pytest.fixture(scope="session")
def models(request):
    folder = request.config.getoption("--real-models")
    if folder is None:
        pytest.fail("these tests run in `nox -s real_models`, which says where the models lie")
    return folder
