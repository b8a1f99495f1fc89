"""Whose certificates are trusted, and the way through a proxy: over real sockets."""

from pathlib import Path

import pytest

from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.sts import caller, preflight
from auditor.collect.alibaba.transport import Trust
from auditor.collect.errors import ConfigError
from auditor.facts.table import ReasonKind
from tests.collect.alibaba.kit import CLUSTER, DISKS, KEY, make_client
from tests.fakes.cloud import FakeCloud

CERTIFICATES = Path(__file__).parents[2] / "fakes" / "kubernetes" / "tls"
VALID, EXPIRED = CERTIFICATES / "valid.pem", CERTIFICATES / "expired.pem"
ROLE = "acs:ram::1098765432101234:role/ack-auditor"


def test_a_private_certificate_is_trusted_with_its_authority_for_calls_and_roles(cloud: FakeCloud) -> None:
    role = CredentialSettings("ram_role", role_arn=ROLE, source=KEY)
    with cloud.serve(certificate=VALID) as base_url:
        assert base_url.startswith("https://")
        client = make_client(endpoint=base_url, ca_file=VALID, credentials=role)
        assert caller(client).kind == "AssumedRoleUser"
        assert client.call(DISKS)
        assert client.call(CLUSTER)
        client.close()


def test_rrsa_trusts_it_too(cloud: FakeCloud, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("oidc-token")
    rrsa = CredentialSettings("rrsa", role_arn=ROLE, oidc_provider_arn=f"{ROLE}-oidc", oidc_token_file=str(token))
    with cloud.serve(certificate=VALID) as base_url:
        client = make_client(endpoint=base_url, ca_file=VALID, credentials=rrsa)
        assert preflight(client) is None
        client.close()


@pytest.mark.parametrize("credentials", [KEY, CredentialSettings("ram_role", role_arn=ROLE, source=KEY)])
def test_without_its_authority_it_is_refused(cloud: FakeCloud, credentials: CredentialSettings) -> None:
    with cloud.serve(certificate=VALID) as base_url:
        client = make_client(endpoint=base_url, credentials=credentials, deadline_seconds=5)
        reason = preflight(client)
        client.close()
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE
    assert "TLS with the endpoint failed" in str(reason.message)
    assert cloud.calls == []


def test_an_expired_or_another_name_is_refused_though_its_authority_is_trusted(cloud: FakeCloud) -> None:
    with cloud.serve(certificate=EXPIRED) as base_url:
        expired = make_client(endpoint=base_url, ca_file=EXPIRED, deadline_seconds=5)
        reason = preflight(expired)
        expired.close()
    assert "certificate has expired" in str(reason)
    with cloud.serve(certificate=VALID) as base_url:
        other = make_client(endpoint=base_url.replace("127.0.0.1", "localhost"), ca_file=VALID, deadline_seconds=5)
        reason = preflight(other)
        other.close()
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE
    assert cloud.calls == []


def test_the_public_authorities_stay_trusted_beside_it(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # The SDK takes its bundle of public authorities from this variable, if it is set.
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(VALID))
    with cloud.serve(certificate=VALID) as base_url:
        client = make_client(endpoint=base_url, ca_file=EXPIRED, deadline_seconds=5)
        assert client.call(DISKS)
        client.close()


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\xff\xfe\x00"])
def test_a_file_that_can_not_be_used_is_named_with_its_key(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "gateway-ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca_file: .*gateway-ca\.pem can't be used: .*PEM"):
        Trust(file)
    with pytest.raises(ConfigError, match="ca_file"):
        make_client(ca_file=file)


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_a_bundle_of_the_environment_that_can_not_be_used_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(file))
    with pytest.raises(ConfigError, match=r"ALIBABA_CLOUD_CA_BUNDLE: .*bundle\.pem can't be used: .*PEM"):
        make_client()


def test_an_empty_bundle_of_the_environment_switches_nothing_off(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", "")
    with cloud.serve(certificate=VALID) as base_url:
        client = make_client(endpoint=base_url, deadline_seconds=5)
        reason = preflight(client)
        client.close()
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE
    assert cloud.calls == []


def test_a_folder_of_certificates_may_be_the_bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(tmp_path))
    make_client().close()


def test_calls_go_through_the_proxy_of_the_environment_but_for_no_proxy(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with cloud.serve() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        client = make_client(endpoint="http://gateway.invalid", allow_plain_http=True, deadline_seconds=5)
        assert client.call(DISKS), "the name does not resolve here, so the proxy was asked"
        client.close()
        monkeypatch.setenv("NO_PROXY", ".invalid")
        direct = make_client(endpoint="http://gateway.invalid", allow_plain_http=True, deadline_seconds=1)
        reason = preflight(direct)
        direct.close()
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE
    assert cloud.actions() == ["ecs:DescribeDisks"]
