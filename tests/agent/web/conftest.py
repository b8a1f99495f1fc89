"""Sites that several tests only look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.web import sites


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Running]:
    """A site on a loopback address with a history. Tests that change it take one of their own."""
    with sites.running(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[sites.Running]:
    """A site of the test's own."""
    with sites.running(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Running]:
    """A site that can be reached from elsewhere, and takes a token."""
    folder = tmp_path_factory.mktemp("guarded")
    with sites.running(folder, host="0.0.0.0", token=sites.TOKEN) as running:
        yield running
