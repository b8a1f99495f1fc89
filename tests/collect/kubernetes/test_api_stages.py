"""How far a call to each address gets: told stage by stage, with credentials for the own server alone."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.kubernetes import api_stages, reach
from auditor.collect.kubernetes.client import KubernetesClient, open_client
from auditor.facts.cloud.cs import Cluster
from auditor.facts.kubernetes.observations import ApiStage
from auditor.facts.table import NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import QUICK, OpenClient
from tests.collect.kubernetes.kit import collect, only_reason, provider, row_of
from tests.collect.kubernetes.test_transport import CERTIFICATES
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import recorded as bodies

VALID = CERTIFICATES / "valid.pem"
EXPIRED = CERTIFICATES / "expired.pem"
NODES = "/api/v1/nodes"


def clusters(**endpoints: str) -> Table[Cluster]:
    return Table("clusters", [Cluster("c1", api_endpoints=endpoints)])


def outcomes(table: Table[ApiStage], server: str) -> dict[str, str]:
    name = server.partition("://")[2]
    return {row.stage: row.outcome for row in table.known_rows() if row.server == name}


def client_of(folder: Path, server: str, *, authority: Path | None = None, more: str = "") -> KubernetesClient:
    path = folder / "kubeconfig"
    trust = f"certificate-authority: {authority}" if authority else "insecure-skip-tls-verify: false"
    path.write_text(
        f"current-context: a\nclusters: [{{name: a, cluster: {{server: '{server}', {trust}{more}}}}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {token: tOkEn-of-the-user}}]\n"
    )
    return open_client(kubeconfig=path, patience=QUICK)


@pytest.fixture
def secure() -> Iterator[FakeKubernetes]:
    with FakeKubernetes.recorded(certificate=VALID) as made:
        yield made


@pytest.fixture
def other() -> Iterator[FakeKubernetes]:
    """Another endpoint of the cluster; nothing may ever be asked of it."""
    with FakeKubernetes(certificate=VALID) as made:
        yield made
        assert made.requests == []


def test_all_goes_well(secure: FakeKubernetes, tmp_path: Path) -> None:
    kubeconfig = secure.write_kubeconfig(tmp_path / "kubeconfig", authority=VALID)
    with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
        stages = collect(client, "api_stages", clusters=clusters())
    assert stages.state is State.KNOWN
    assert outcomes(stages, secure.url) == dict.fromkeys(
        ("name", "tcp", "tls", "authentication", "authorization", "server"), "ok"
    )
    assert all(row.is_own and row.detail == "" for row in stages.all())
    assert [(request.path, request.query) for request in secure.requests] == [(NODES, {"limit": "1"})]
    assert secure.permissions_used <= set(provider("api_stages").permissions)


def test_plain_http_has_no_tls(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    stages = collect(client, "api_stages", clusters=clusters())
    assert list(outcomes(stages, cluster.url)) == ["name", "tcp", "authentication", "authorization", "server"]


def test_the_other_endpoints_are_reached_and_sent_nothing(
    secure: FakeKubernetes, other: FakeKubernetes, tmp_path: Path
) -> None:
    kubeconfig = secure.write_kubeconfig(tmp_path / "kubeconfig", authority=VALID)
    with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
        known = clusters(
            api_server_endpoint=other.url,
            intranet_api_server_endpoint=f"{secure.url}/",
            dashboard_endpoint="https://192.0.2.1",
        )
        stages = collect(client, "api_stages", clusters=known)
    assert stages.state is State.KNOWN
    assert outcomes(stages, other.url) == {"name": "ok", "tcp": "ok", "tls": "ok"}
    assert {row.server for row in stages.all()} == {url.partition("://")[2] for url in (secure.url, other.url)}
    assert {row.server for row in stages.all() if row.is_own} == {secure.url.partition("://")[2]}


def test_a_port_that_nobody_listens_on(tmp_path: Path) -> None:
    with FakeKubernetes() as gone:
        url = gone.url
    with client_of(tmp_path, url) as client:
        stages = collect(client, "api_stages", clusters=clusters())
        assert client.calls == 0
    assert stages.state is State.KNOWN
    assert outcomes(stages, url) == {
        "name": "ok",
        "tcp": "refused",
        "authentication": "",
        "authorization": "",
        "server": "",
    }


def test_a_name_that_does_not_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with client_of(tmp_path, "https://cluster.invalid:6443") as client:
        stages = collect(client, "api_stages", clusters=clusters())
    assert outcomes(stages, "https://cluster.invalid:6443")["name"] == "unresolved"
    assert outcomes(stages, "https://cluster.invalid:6443")["tcp"] == ""
    assert row_of(stages, "cluster.invalid:6443/name").detail == "Name or service not known"


def test_a_resolver_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "STAGE_SECONDS", 0.1)
    asked = threading.Event()

    def wait(*_: object, **__: object) -> list[Any]:
        asked.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    with client_of(tmp_path, "https://cluster.invalid:6443") as client:
        stages = collect(client, "api_stages", clusters=clusters())
    asked.set()
    assert outcomes(stages, "https://cluster.invalid:6443")["name"] == "timeout"


def test_the_errors_of_tcp() -> None:
    def tried(error: OSError) -> str:
        class Failing(socket.socket):
            def connect(self, _address: object) -> None:
                raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "socket", Failing)
            return reach.reach("127.0.0.1", 6443, None)[-1].outcome

    assert tried(TimeoutError()) == "timeout"
    assert tried(ConnectionRefusedError(111, "Connection refused")) == "refused"
    assert tried(OSError(113, "No route to host")) == "unreachable"


@pytest.mark.parametrize(
    ("certificate", "authority", "outcome", "words"),
    [
        (EXPIRED, EXPIRED, "expired", "certificate has expired"),
        (VALID, EXPIRED, "untrusted", "certificate"),
        (VALID, None, "untrusted", "certificate"),
    ],
    ids=["expired", "another authority", "no authority"],
)
def test_a_certificate_that_can_not_be_trusted(
    tmp_path: Path, certificate: Path, authority: Path | None, outcome: str, words: str
) -> None:
    with FakeKubernetes(certificate=certificate) as server:
        with client_of(tmp_path, server.url, authority=authority) as client:
            stages = collect(client, "api_stages", clusters=clusters())
        assert server.requests == []
    assert outcomes(stages, server.url) == {
        "name": "ok",
        "tcp": "ok",
        "tls": outcome,
        "authentication": "",
        "authorization": "",
        "server": "",
    }
    row = next(row for row in stages.all() if row.stage == "tls")
    assert words in row.detail


def test_a_certificate_of_another_name_and_the_name_to_ask_for(secure: FakeKubernetes, tmp_path: Path) -> None:
    url = secure.url.replace("127.0.0.1", "localhost")
    with client_of(tmp_path, url, authority=VALID) as client:
        assert outcomes(collect(client, "api_stages", clusters=clusters()), url)["tls"] == "untrusted"
    with client_of(tmp_path, url, authority=VALID, more=", tls-server-name: '127.0.0.1'") as client:
        assert outcomes(collect(client, "api_stages", clusters=clusters()), url)["tls"] == "ok"


def test_a_port_that_speaks_no_tls(cluster: FakeKubernetes, tmp_path: Path) -> None:
    url = cluster.url.replace("http:", "https:")
    with client_of(tmp_path, url) as client:
        stages = collect(client, "api_stages", clusters=clusters())
    assert outcomes(stages, url)["tls"] == "error"


def test_a_server_that_drips_its_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "STAGE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 100:
                    if done.wait(0.05):
                        return
                    connection.sendall(bytes([byte]))

        thread = threading.Thread(target=drip)
        thread.start()
        reached = reach.reach("127.0.0.1", server.getsockname()[1], ssl.create_default_context())
        done.set()
        thread.join()
    assert reached[-1].outcome == "timeout"


ANSWERS = [
    (Fault(401, bodies.body("errors/401_unauthorized.json")), ("unauthorized", "", "")),
    (Fault(403, bodies.body("errors/403_forbidden_nodes_cluster_scope.json")), ("ok", "forbidden", "")),
    (
        Fault(403, b'{"kind":"Status","message":"nodes is forbidden: User \\"system:anonymous\\" cannot list"}'),
        ("unauthorized", "", ""),
    ),
    (Fault(429, b"{}", headers={"Retry-After": "0"}), ("ok", "", "throttled")),
    (Fault(500, b'{"kind":"Status","message":"etcd"}'), ("", "", "error")),
    (Fault(502, b"<html></html>", "text/html"), ("", "", "error")),
    (Fault(404, b"<html></html>", "text/html"), ("", "", "error")),
    (Fault(close="before"), ("", "", "error")),
]


@pytest.mark.parametrize(("fault", "expected"), ANSWERS)
def test_the_request_tells_the_last_stages(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, expected: tuple[str, str, str]
) -> None:
    cluster.fail(NODES, fault)
    stages = collect(client, "api_stages", clusters=clusters())
    assert stages.state is State.KNOWN
    found = outcomes(stages, cluster.url)
    assert (found["authentication"], found["authorization"], found["server"]) == expected
    assert all(row.detail for row in stages.all() if row.outcome not in ("", "ok"))
    assert cluster.token not in str([row.detail for row in stages.all()])


def test_what_goes_wrong_once_is_not_told(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail(NODES, Fault(503, b"", times=1))
    assert outcomes(collect(client, "api_stages", clusters=clusters()), cluster.url)["server"] == "ok"


def test_a_server_that_does_not_answer(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_stages, "REQUEST_SECONDS", 0.1)
    cluster.fail(NODES, Fault(delay=0.5))
    assert outcomes(collect(client, "api_stages", clusters=clusters()), cluster.url)["server"] == "timeout"


def test_silence_that_the_clients_own_deadline_explains_is_a_gap(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, patience=QUICK.__class__(5, 5, 0.2, 1, 0.001))
    cluster.fail(NODES, Fault(delay=0.5))
    stages = collect(client, "api_stages", clusters=clusters())
    assert only_reason(stages).kind is ReasonKind.TIMEOUT
    assert outcomes(stages, cluster.url) == {"name": "ok", "tcp": "ok"}


def test_endpoints_that_the_cloud_did_not_tell_are_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    why = Reason("cs", ReasonKind.FORBIDDEN, t("denied"), ("cs:DescribeClusterDetail",))
    stages = collect(client, "api_stages", clusters=Table[Cluster].unavailable("clusters", why))
    assert only_reason(stages) == why
    assert outcomes(stages, cluster.url)["server"] == "ok"
    with pytest.raises(NotKnown):
        stages.get("192.0.2.1:6443/tcp")


def test_it_is_asked_though_the_side_does_not_answer() -> None:
    known = provider("api_stages")
    assert known.without_answer
    assert known.tolerates == ("clusters",)


def test_more_endpoints_than_are_tried_are_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_stages, "MOST_SERVERS", 2)
    with FakeKubernetes() as gone:
        url = gone.url
    known = clusters(api_server_endpoint=url, b_api_server_endpoint="https://192.0.2.1:6443")
    stages = collect(client, "api_stages", clusters=known)
    assert {row.server for row in stages.known_rows()} == {one.partition("://")[2] for one in (cluster.url, url)}
    assert only_reason(stages).kind is ReasonKind.TRUNCATED
    with pytest.raises(NotKnown):
        stages.get("192.0.2.1:6443/tls")


@pytest.mark.parametrize("endpoint", ["", "https://", "192.0.2.1:6443", "https://a:port", "ftp://192.0.2.1"])
def test_an_endpoint_that_is_no_address_is_passed_over(client: KubernetesClient, endpoint: str) -> None:
    stages = collect(client, "api_stages", clusters=clusters(api_server_endpoint=endpoint))
    assert {row.is_own for row in stages.all()} == {True}


def test_through_a_proxy_an_answer_tells_that_all_went_well(
    cluster: FakeKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The fake takes whole URLs as a proxy does, and answers them itself.
    with client_of(tmp_path, "http://cluster.invalid:6443", more=f", proxy-url: '{cluster.url}'") as client:
        cluster.token = "tOkEn-of-the-user"
        assert client.access.has_proxy
        known = clusters(api_server_endpoint="https://192.0.2.1:6443")
        stages = collect(client, "api_stages", clusters=known)
    assert outcomes(stages, "http://cluster.invalid:6443") == {
        "name": "ok",
        "tcp": "ok",
        "authentication": "ok",
        "authorization": "ok",
        "server": "ok",
    }
    assert only_reason(stages).kind is ReasonKind.UNDECIDABLE
    with pytest.raises(NotKnown):
        stages.get("192.0.2.1:6443/tcp")


def test_through_a_proxy_a_failure_does_not_tell_its_stage(tmp_path: Path) -> None:
    with FakeKubernetes() as gone:
        proxy = gone.url
    with client_of(tmp_path, "https://cluster.invalid:6443", more=f", proxy-url: '{proxy}'") as client:
        stages = collect(client, "api_stages", clusters=clusters())
    assert only_reason(stages).kind is ReasonKind.UNDECIDABLE
    assert len(stages) == 0


def test_hosts_that_no_proxy_names_are_reached_directly(
    other: FakeKubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with client_of(tmp_path, other.url, authority=VALID) as client:
        assert not client.access.has_proxy
        assert not client.access.goes_through_a_proxy(other.url)
        assert client.access.goes_through_a_proxy("https://192.0.2.1:6443")
