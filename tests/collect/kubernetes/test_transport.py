"""What stands between the auditor and the API server: names, TCP, TLS, logins; the stage is told."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.collect.kubernetes.client import KubernetesClient, open_client, preflight
from auditor.facts.table import Reason, ReasonKind, State
from tests.collect.kubernetes.conftest import QUICK, OpenClient
from tests.collect.kubernetes.kit import collect, only_reason
from tests.fakes.kubernetes import FakeKubernetes

CERTIFICATES = Path(__file__).parents[2] / "fakes" / "kubernetes" / "tls"


def stopped_by(client: KubernetesClient) -> Reason:
    """Return what preflight says, which is what every table says too."""
    why = preflight(client)
    assert why is not None
    assert only_reason(collect(client, "pods")) == why
    return why


def kubeconfig_of(cluster: FakeKubernetes, folder: Path, change: tuple[str, str]) -> Path:
    written = cluster.write_kubeconfig(folder / "kubeconfig")
    written.write_text(written.read_text().replace(*change))
    return written


def test_a_port_that_nobody_listens_on(tmp_path: Path) -> None:
    with FakeKubernetes() as gone:
        kubeconfig = gone.write_kubeconfig(tmp_path / "kubeconfig")
    with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
        why = stopped_by(client)
    assert why.kind is ReasonKind.UNREACHABLE
    assert "(TCP): Connection refused" in str(why.message)


def test_a_name_that_does_not_resolve(cluster: FakeKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    kubeconfig = kubeconfig_of(cluster, tmp_path, ("127.0.0.1", "cluster.invalid"))
    with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
        why = stopped_by(client)
    assert why.kind is ReasonKind.UNREACHABLE
    assert "cluster.invalid" in str(why.message)
    assert "(DNS)" in str(why.message)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_is_silent(silent: int, tmp_path: Path, scheme: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        f"current-context: a\nclusters: [{{name: a, cluster: {{server: '{scheme}://127.0.0.1:{silent}'}}}}]\n"
        "contexts: [{name: a, context: {cluster: a}}]\n"
    )
    with open_client(kubeconfig=kubeconfig, patience=QUICK.__class__(0.2, 0.2, 10, 2, 0.001)) as client:
        why = preflight(client)
    assert why is not None
    assert why.kind is ReasonKind.TIMEOUT


def test_https_with_a_trusted_certificate(open_to: OpenClient, tmp_path: Path) -> None:
    certificate = CERTIFICATES / "valid.pem"
    with FakeKubernetes.recorded(certificate=certificate) as cluster:
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", authority=certificate)
        with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
            assert preflight(client) is None
            assert collect(client, "pods").state is State.KNOWN


@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [("expired.pem", True, "certificate has expired"), ("valid.pem", False, "self-signed certificate")],
)
def test_https_with_a_certificate_that_can_not_be_trusted(
    tmp_path: Path, certificate: str, trusted: bool, words: str
) -> None:
    path = CERTIFICATES / certificate
    with FakeKubernetes(certificate=path) as cluster:
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", authority=path if trusted else None)
        with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
            why = preflight(client)
            assert client.calls == 1
            assert cluster.requests == []
    assert why is not None
    assert why.kind is ReasonKind.UNREACHABLE
    assert "TLS" in str(why.message)
    assert words in str(why.message).replace("self signed", "self-signed")


def test_a_certificate_of_another_name(tmp_path: Path) -> None:
    certificate = CERTIFICATES / "valid.pem"
    with FakeKubernetes(certificate=certificate) as cluster:
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig", authority=certificate)
        kubeconfig.write_text(kubeconfig.read_text().replace("127.0.0.1", "localhost"))
        with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
            why = preflight(client)
    assert why is not None
    assert why.kind is ReasonKind.UNREACHABLE
    assert "Hostname mismatch" in str(why.message)


def test_https_to_a_port_that_speaks_http(cluster: FakeKubernetes, tmp_path: Path) -> None:
    with open_client(kubeconfig=kubeconfig_of(cluster, tmp_path, ("http:", "https:")), patience=QUICK) as client:
        why = preflight(client)
    assert why is not None
    assert why.kind is ReasonKind.UNREACHABLE
    assert "TLS" in str(why.message)


def test_a_kubeconfig_that_asks_for_no_verification(tmp_path: Path) -> None:
    with FakeKubernetes.recorded(certificate=CERTIFICATES / "valid.pem") as cluster:
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        kubeconfig.write_text(kubeconfig.read_text().replace('"server"', '"insecure-skip-tls-verify": true, "server"'))
        with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
            assert len(collect(client, "nodes")) == 8


def test_a_login_command_gives_the_token(cluster: FakeKubernetes, tmp_path: Path) -> None:
    plugin = tmp_path / "login"
    plugin.write_text(
        "#!/bin/sh\n"
        f'echo \'{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        f'"status":{{"token":"{cluster.token}"}}}}\'\n'
    )
    plugin.chmod(0o755)
    kubeconfig = kubeconfig_of(
        cluster,
        tmp_path,
        (
            f'"token": "{cluster.token}"',
            '"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login"}',
        ),
    )
    with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
        assert len(collect(client, "nodes")) == 8


def test_calls_of_several_threads_are_all_counted(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    threads = [threading.Thread(target=collect, args=(client, table)) for table in ("pods", "nodes", "events") * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.calls == len(cluster.requests) == 8 * (1 + 1 + 2)
