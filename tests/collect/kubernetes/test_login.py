"""A token that is refused in the middle of a collection: another one is tried, once, before the refusal is told."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes.config import incluster_config

from auditor.collect.kubernetes.client import KubernetesClient, open_client
from auditor.collect.kubernetes.login import MOST_RENEWALS
from auditor.facts.table import ReasonKind, State
from tests.collect.kubernetes.conftest import QUICK, OpenClient
from tests.collect.kubernetes.kit import PODS, collect, only_reason
from tests.fakes.kubernetes import FakeKubernetes

CERTIFICATE = Path(__file__).parents[2] / "fakes" / "kubernetes" / "tls" / "valid.pem"
PLUGIN = """#!/bin/sh
echo run >> {folder}/runs
printf '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"%s"}}}}' \\
  "$(cat {folder}/token)"
"""


def by_command(cluster: FakeKubernetes, folder: Path) -> KubernetesClient:
    """Open a client whose login command prints what is in a file."""
    (folder / "token").write_text(cluster.token)
    (folder / "login").write_text(PLUGIN.format(folder=folder))
    (folder / "login").chmod(0o755)
    entry = '"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login"}'
    return opened(cluster, folder, entry)


def by_file(cluster: FakeKubernetes, folder: Path) -> KubernetesClient:
    """Open a client whose kubeconfig names a file with the token."""
    (folder / "token").write_text(cluster.token)
    return opened(cluster, folder, f'"tokenFile": "{folder / "token"}"')


def opened(cluster: FakeKubernetes, folder: Path, entry: str) -> KubernetesClient:
    written = cluster.write_kubeconfig(folder / "kubeconfig")
    written.write_text(written.read_text().replace(f'"token": "{cluster.token}"', entry))
    return open_client(kubeconfig=written, patience=QUICK)


def replaced(cluster: FakeKubernetes, folder: Path, token: str) -> None:
    """Let the server accept this token alone, which is from now on the one to be had."""
    cluster.token = token
    (folder / "token").write_text(token)


Way = Callable[[FakeKubernetes, Path], KubernetesClient]


@pytest.mark.parametrize("way", [by_command, by_file])
def test_a_token_that_is_replaced_meanwhile_is_read_again(cluster: FakeKubernetes, tmp_path: Path, way: Way) -> None:
    with way(cluster, tmp_path) as client:
        assert collect(client, "nodes").state is State.KNOWN
        replaced(cluster, tmp_path, "the-next-token")
        assert collect(client, "pods").state is State.KNOWN
        assert client.use("list pods").answered == 1
        assert client.retries == 1
        assert collect(client, "services").state is State.KNOWN
        assert client.retries == 1, "the new token is kept"


def test_the_token_of_a_pod_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKubernetes.recorded(certificate=CERTIFICATE) as cluster:
        host, _, port = cluster.url.removeprefix("https://").partition(":")
        (tmp_path / "token").write_text(cluster.token)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(CERTIFICATE))
        with open_client(in_cluster=True, patience=QUICK) as client:
            assert collect(client, "nodes").state is State.KNOWN
            replaced(cluster, tmp_path, "the-next-token")
            assert collect(client, "pods").state is State.KNOWN
            assert client.retries == 1


def test_many_threads_get_one_new_token(cluster: FakeKubernetes, tmp_path: Path) -> None:
    with by_command(cluster, tmp_path) as client:
        assert collect(client, "nodes").state is State.KNOWN
        replaced(cluster, tmp_path, "the-next-token")
        together = threading.Barrier(6)
        found: list[State] = []

        def read() -> None:
            together.wait(10)
            found.append(collect(client, "services").state)

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert found == [State.KNOWN] * 6
    assert (tmp_path / "runs").read_text().count("run") == 2, "at the start, and once for all six"


@pytest.mark.parametrize("way", [by_command, by_file])
def test_the_same_token_again_is_not_sent_again(cluster: FakeKubernetes, tmp_path: Path, way: Way) -> None:
    with way(cluster, tmp_path) as client:
        cluster.token = "another-than-is-to-be-had"
        why = only_reason(collect(client, "pods"))
        assert why.kind is ReasonKind.FORBIDDEN
        assert "401" in str(why.message)
        assert [request.path for request in cluster.requests] == [PODS]


def test_a_token_that_is_configured_can_not_be_replaced(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster)
    cluster.token = "another"
    assert only_reason(collect(client, "pods")).kind is ReasonKind.FORBIDDEN
    assert client.calls == 1


def test_a_command_that_fails_leaves_the_refusal(cluster: FakeKubernetes, tmp_path: Path) -> None:
    with by_command(cluster, tmp_path) as client:
        cluster.token = "another"
        (tmp_path / "login").write_text("#!/bin/sh\nexit 1\n")
        why = only_reason(collect(client, "pods"))
    assert "does not accept the credentials (401)" in str(why.message)


def test_a_server_that_accepts_no_token_is_not_asked_for_ever(cluster: FakeKubernetes, tmp_path: Path) -> None:
    with by_command(cluster, tmp_path) as client:
        cluster.token = "accepted-from-nobody"
        for number in range(MOST_RENEWALS + 2):
            (tmp_path / "token").write_text(f"token-{number}")
            assert only_reason(collect(client, "pods")).kind is ReasonKind.FORBIDDEN
    assert (tmp_path / "runs").read_text().count("run") == 1 + MOST_RENEWALS
    assert len(cluster.requests) == 2 * MOST_RENEWALS + 2
