"""A fake cluster and a client that does not wait long."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.kubernetes.client import KubernetesClient, Patience, open_client
from tests.fakes.kubernetes import FakeKubernetes

QUICK = Patience(connect_timeout=5, read_timeout=5, deadline=60, attempts=3, first_wait=0.001, longest_wait=0.01)

OpenClient = Callable[..., KubernetesClient]


@pytest.fixture
def cluster() -> Iterator[FakeKubernetes]:
    with FakeKubernetes.recorded() as made:
        yield made


@pytest.fixture
def open_to(tmp_path: Path) -> Iterator[OpenClient]:
    """Open clients of a fake cluster; they are closed after the test."""
    with ExitStack() as opened:

        def open_one(cluster: FakeKubernetes, *, token: str | None = None, **settings: Any) -> KubernetesClient:
            kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", token=token)
            return opened.enter_context(open_client(kubeconfig=kubeconfig, **{"patience": QUICK, **settings}))

        yield open_one


@pytest.fixture
def client(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster)
