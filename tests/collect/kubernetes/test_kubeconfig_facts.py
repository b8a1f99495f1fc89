"""What is told of the kubeconfig in use: where it leads and when it ends, and never a key."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.kubernetes import connect
from auditor.collect.kubernetes.client import open_client
from auditor.facts.kubernetes.observations import Kubeconfig
from auditor.facts.table import ReasonKind, State
from tests.collect.kubernetes.conftest import QUICK, OpenClient
from tests.collect.kubernetes.kit import collect, only_reason, provider
from tests.collect.kubernetes.test_transport import CERTIFICATES
from tests.fakes.kubernetes import FakeKubernetes

VALID = CERTIFICATES / "valid.pem"
EXPIRED = CERTIFICATES / "expired.pem"
IN_2120 = datetime(2120, 1, 1, tzinfo=UTC)
IN_2021 = datetime(2021, 1, 1, tzinfo=UTC)
SERVER = "https://192.0.2.1:6443"


def write(folder: Path, cluster: str = "", user: str = "token: abc") -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        f"current-context: prod\n"
        f"clusters: [{{name: shop, cluster: {{server: '{SERVER}/', {cluster}}}}}]\n"
        f"contexts: [{{name: prod, context: {{cluster: shop, user: auditor}}}}]\n"
        f"users: [{{name: auditor, user: {{{user}}}}}]\n"
    )
    return path


def row(path: Path) -> Any:
    with open_client(kubeconfig=path, patience=QUICK) as client:
        table = collect(client, "kubeconfigs")
        assert client.calls == 0
    assert table.state is State.KNOWN
    [found] = table.all()
    return found


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_it_needs_no_right_and_no_answer() -> None:
    known = provider("kubeconfigs")
    assert (known.permissions, known.needs, known.without_answer) == ((), (), True)


def test_a_token_has_no_end_that_could_be_read(tmp_path: Path) -> None:
    assert row(write(tmp_path)) == Kubeconfig(SERVER, "file", "prod", "auditor")


def test_the_ends_of_certificates_in_files(tmp_path: Path) -> None:
    found = row(
        write(
            tmp_path,
            f"certificate-authority: {VALID}",
            f"client-certificate: {EXPIRED}, client-key: {EXPIRED}",
        )
    )
    assert (found.certificate_ends_at, found.ca_ends_at, found.renews) == (IN_2021, IN_2120, False)


def test_the_ends_of_certificates_in_the_kubeconfig_itself(tmp_path: Path) -> None:
    found = row(
        write(
            tmp_path,
            f"certificate-authority-data: {data(EXPIRED)}",
            f"client-certificate-data: {data(VALID)}, client-key-data: {data(VALID)}",
        )
    )
    assert (found.certificate_ends_at, found.ca_ends_at) == (IN_2120, IN_2021)


def test_of_several_authorities_the_last_counts_and_of_several_certificates_the_first(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(EXPIRED.read_bytes() + VALID.read_bytes())
    found = row(write(tmp_path, f"certificate-authority: {both}", f"client-certificate: {both}, client-key: {EXPIRED}"))
    assert (found.certificate_ends_at, found.ca_ends_at) == (IN_2021, IN_2120)


def test_no_key_is_held_with_what_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, user=f"client-certificate: {VALID}, client-key: {VALID}")
    with open_client(kubeconfig=path, patience=QUICK) as client:
        assert "BEGIN CERTIFICATE" in client.access.certificate
        assert "KEY" not in repr(client.access)
        assert "KEY" not in str(collect(client, "kubeconfigs").all())


def test_a_login_command_renews_its_certificate(tmp_path: Path) -> None:
    plugin = tmp_path / "login"
    plugin.write_text(
        '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"abc"}}\'\n'
    )
    plugin.chmod(0o755)
    path = write(tmp_path, user="exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login}")
    assert row(path).renews


def test_plain_http_has_no_certificates(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    [found] = collect(open_to(cluster), "kubeconfigs").all()
    assert found == Kubeconfig(cluster.url, "file", "fake", "fake-user")


def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import incluster_config  # noqa: PLC0415 - half a second to import

    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("abc")
    authority.write_bytes(VALID.read_bytes())
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "172.21.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    loader = incluster_config.InClusterConfigLoader

    def load(client_configuration: Any = None, **_: Any) -> None:
        loader(str(token), str(authority), try_refresh_token=True).load_and_set(client_configuration)

    monkeypatch.setattr("kubernetes.config.load_incluster_config", load)
    assert connect.connect(None, "", in_cluster=True).access.origin == "pod"
    with open_client(in_cluster=True, patience=QUICK) as client:
        [found] = collect(client, "kubeconfigs").all()
    assert found == Kubeconfig("https://172.21.0.1:443", "pod", ca_ends_at=IN_2120)


def test_a_certificate_that_python_alone_can_read_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography import x509  # noqa: PLC0415 - needed only here

    def refuse(_: bytes) -> list[x509.Certificate]:
        raise ValueError("the serial number is negative")

    monkeypatch.setattr(x509, "load_pem_x509_certificates", refuse)
    with open_client(kubeconfig=write(tmp_path, f"certificate-authority: {VALID}"), patience=QUICK) as client:
        table = collect(client, "kubeconfigs")
    assert table.state is State.UNAVAILABLE
    assert only_reason(table).kind is ReasonKind.MALFORMED
