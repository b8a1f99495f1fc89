"""The health pages and the timed list: what an API server says of itself is a fact, however bad; all else is a gap."""

import pytest

from auditor.collect.kubernetes import api_health
from auditor.collect.kubernetes.client import KubernetesClient, Patience
from auditor.facts.kubernetes.observations import HealthPoint
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.kubernetes.conftest import QUICK, OpenClient
from tests.collect.kubernetes.kit import collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import recorded as bodies

NODES = "/api/v1/nodes"
NOT_FOUND = Fault(404, b"404 page not found\n", "text/plain")


def test_a_healthy_server_names_its_parts(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    health = collect(client, "api_health")
    assert health.state is State.KNOWN
    assert [(row.path, row.status, row.error) for row in health.all()] == [
        ("/livez", 200, ""),
        ("/readyz", 200, ""),
        (NODES, 200, ""),
    ]
    livez = row_of(health, "/livez")
    assert len(livez.points) == 34
    assert livez.points[3] == HealthPoint("etcd", True)
    assert all(point.ok for point in (*livez.points, *row_of(health, "/readyz").points))
    assert row_of(health, NODES).points == []
    assert all(row.seconds > 0 for row in health.all())


def test_it_makes_three_calls_by_declared_rights(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    collect(client, "api_health")
    assert sorted((request.path, request.query) for request in cluster.requests) == [
        (NODES, {"limit": "1"}),
        ("/livez", {"verbose": ""}),
        ("/readyz", {"verbose": ""}),
    ]
    assert cluster.permissions_used == {"get /livez", "get /readyz", "list nodes"}


def test_a_page_that_says_that_something_is_not_well_is_a_fact(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.unwell["/readyz"] = {"poststarthook/rbac/bootstrap-roles", "informer-sync"}
    health = collect(client, "api_health")
    assert health.state is State.KNOWN
    row = row_of(health, "/readyz")
    assert (row.status, row.error) == (500, "")
    assert {point for point in row.points if not point.ok} == {
        HealthPoint("informer-sync", False, "failed: reason withheld"),
        HealthPoint("poststarthook/rbac/bootstrap-roles", False, "failed: reason withheld"),
    }
    assert [request.path for request in cluster.requests].count("/readyz") == 2
    assert row_of(health, "/livez").status == 200


def test_what_goes_wrong_once_is_not_told(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail("/readyz", Fault(500, b"[-]etcd failed: reason withheld\n", "text/plain", times=1))
    assert row_of(collect(client, "api_health"), "/readyz").status == 200


def test_an_error_in_the_servers_own_words_is_a_fact(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail(NODES, Fault(500, b'{"kind":"Status","message":"etcdserver: request timed out","code":500}'))
    row = row_of(collect(client, "api_health"), NODES)
    assert (row.status, row.error) == (500, "etcdserver: request timed out")


def test_a_page_that_does_not_answer_while_others_do_is_a_fact(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_health, "HEALTH_SECONDS", 0.2)
    cluster.fail("/readyz", Fault(delay=0.6))
    health = collect(client, "api_health")
    assert health.state is State.KNOWN
    row = row_of(health, "/readyz")
    assert (row.status, row.points) == (0, [])
    assert "no answer" in row.error
    assert row.seconds >= 0.2


def test_silence_that_the_clients_own_deadline_explains_is_a_gap(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, patience=Patience(read_timeout=5, deadline=0.3, attempts=1))
    cluster.fail("/readyz", Fault(delay=0.6))
    health = collect(client, "api_health")
    assert only_reason(health).kind is ReasonKind.TIMEOUT
    with pytest.raises(NotKnown):
        health.get("/readyz")


def test_if_nothing_answers_nothing_is_known(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    cluster.fail("*", Fault(close="before"))
    health = collect(open_to(cluster), "api_health")
    assert health.state is State.UNAVAILABLE
    assert {why.kind for why in health.reasons} == {ReasonKind.UNREACHABLE}


def test_a_server_before_1_16_has_no_such_pages(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail("/livez", NOT_FOUND)
    cluster.fail("/readyz", NOT_FOUND)
    health = collect(client, "api_health")
    assert {(gap.keys, gap.reason.kind) for gap in health.gaps} == {
        (frozenset({"/livez"}), ReasonKind.UNSUPPORTED),
        (frozenset({"/readyz"}), ReasonKind.UNSUPPORTED),
    }
    assert row_of(health, NODES).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_denied_page_is_a_gap_that_names_the_right(
    cluster: FakeKubernetes, client: KubernetesClient, path: str
) -> None:
    cluster.deny(f"get {path}")
    health = collect(client, "api_health")
    why = only_reason(health)
    assert (why.kind, why.missing) == (ReasonKind.FORBIDDEN, (f"get {path}",))
    assert health.gaps[0].keys == frozenset({path})
    assert len(health) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(401, bodies.body("errors/401_unauthorized.json")), ReasonKind.FORBIDDEN),
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(502, b"<html>bad gateway</html>", "text/html"), ReasonKind.ERROR),
        (Fault(200, b"<html>sign in</html>", "text/html"), ReasonKind.MALFORMED),
        (Fault(200, b""), ReasonKind.MALFORMED),
        (Fault(302, b"", headers={"Location": "https://login.example.com/"}), ReasonKind.MALFORMED),
        (Fault(close="during"), ReasonKind.TRUNCATED),
    ],
    ids=["401", "429", "gateway", "login", "empty", "redirect", "cut"],
)
def test_what_no_api_server_says_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    cluster.fail("/readyz", fault)
    health = collect(client, "api_health")
    assert only_reason(health).kind is kind
    assert health.gaps[0].keys == frozenset({"/readyz"})
    assert {row.status for row in health.known_rows()} == {200}


def test_odd_lines_of_a_page_are_passed_over(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    page = b"\xff\n[+]ping ok\n[-]etcd\n[x]no\n[+] nothing\n[-]a/b excluded: ok\nlivez check failed\n"
    cluster.fail("/livez", Fault(500, page, "text/plain"))
    assert row_of(collect(client, "api_health"), "/livez").points == [
        HealthPoint("ping", True),
        HealthPoint("etcd", False),
        HealthPoint("a/b", False, "excluded: ok"),
    ]


def test_the_clients_own_patience_is_not_changed(client: KubernetesClient) -> None:
    collect(client, "api_health")
    assert client.patience == QUICK
