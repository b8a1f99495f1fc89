"""Fixtures of the cloud side."""

from collections.abc import Iterator

import pytest
import responses

from tests.fakes.cloud import FakeCloud

SEND = "aliyunsdkcore.vendored.requests.adapters.HTTPAdapter.send"
"""The classic SDK has an HTTP library of its own."""


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded healthy account."""
    return FakeCloud.recorded()


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    """Give the network, to be told what it answers."""
    with responses.RequestsMock(target=SEND, assert_all_requests_are_fired=False) as mock:
        yield mock
