"""Every way in which the API can fail becomes a reason of its kind, and never a row too few without a gap."""

import itertools
from typing import Any

import pytest

from auditor.collect.kubernetes.client import KubernetesClient, Patience, preflight
from auditor.facts.landscape import ClusterIdentity, WantedIdentity, WantedRight
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import LISTED, PODS, collect, only_reason, provider
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import recorded as bodies
from tests.fakes.kubernetes.cluster import TOKEN
from tests.fakes.kubernetes.faults import HTML


@pytest.mark.parametrize("table", LISTED)
def test_a_denied_list_is_unavailable_and_names_the_right(
    cluster: FakeKubernetes, client: KubernetesClient, table: str
) -> None:
    permission = provider(table).permissions[0]
    cluster.deny(permission)
    read = collect(client, table)
    why = only_reason(read)
    assert read.state is State.UNAVAILABLE
    assert (why.source, why.kind, why.missing) == ("kubernetes", ReasonKind.FORBIDDEN, (permission,))
    assert "cannot list" in str(why.message)
    assert len(cluster.requests) == 1


FAULTS: list[tuple[str, Fault, ReasonKind, int]] = [
    ("401", Fault(401, bodies.body("errors/401_unauthorized.json")), ReasonKind.FORBIDDEN, 1),
    ("403", Fault(403, bodies.body("errors/403_forbidden_pods_namespace.json")), ReasonKind.FORBIDDEN, 1),
    ("403 of a gateway", Fault(403, b"<html>no</html>", "text/html"), ReasonKind.FORBIDDEN, 1),
    ("404 of the type", Fault(404, bodies.body("errors/404_no_such_resource_type.txt")), ReasonKind.UNSUPPORTED, 1),
    ("404 of a web server", Fault(404, b"<html>not here</html>", "text/html"), ReasonKind.MALFORMED, 1),
    ("410 without a token", Fault(410, bodies.body("errors/410_expired_continue.json")), ReasonKind.ERROR, 1),
    ("429", Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED, 3),
    ("400", Fault(400, b'{"kind":"Status","message":"no"}'), ReasonKind.ERROR, 1),
    ("500", Fault(500, b'{"kind":"Status","message":"etcd"}'), ReasonKind.ERROR, 3),
    ("502", Fault(502, b"<html>bad gateway</html>", "text/html"), ReasonKind.ERROR, 3),
    ("503", Fault(503, b""), ReasonKind.ERROR, 3),
    ("504", Fault(504, b""), ReasonKind.TIMEOUT, 3),
    ("599", Fault(599, b""), ReasonKind.ERROR, 3),
    ("redirect", Fault(302, b"", headers={"Location": "https://login.example.com/"}), ReasonKind.MALFORMED, 1),
    ("login page", HTML, ReasonKind.MALFORMED, 1),
    ("cut JSON", Fault(cut=True), ReasonKind.MALFORMED, 1),
    ("no UTF-8", Fault(200, b'{"kind":"\xff","items":[]}'), ReasonKind.MALFORMED, 1),
    ("empty body", Fault(200, b""), ReasonKind.MALFORMED, 1),
    ("a list at the top", Fault(200, b"[]"), ReasonKind.MALFORMED, 1),
    ("an object without items", Fault(200, b"{}"), ReasonKind.MALFORMED, 1),
    ("items null", Fault(rewrite=lambda d: {**d, "items": None}), ReasonKind.MALFORMED, 1),
    ("items absent", Fault(rewrite=lambda d: {"kind": "PodList", "metadata": {}}), ReasonKind.MALFORMED, 1),
    ("items no list", Fault(rewrite=lambda d: {**d, "items": {}}), ReasonKind.MALFORMED, 1),
    ("a Status with 200", Fault(200, bodies.body("errors/404_pod.json")), ReasonKind.MALFORMED, 1),
    ("another kind", Fault(rewrite=lambda d: {**d, "kind": "NodeList", "items": []}), ReasonKind.MALFORMED, 1),
    ("closed without an answer", Fault(close="before"), ReasonKind.UNREACHABLE, 3),
    ("closed in the answer", Fault(close="during"), ReasonKind.TRUNCATED, 3),
]


@pytest.mark.parametrize(("fault", "kind", "calls"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_failure_is_a_reason_and_nothing_is_taken_for_absent(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind, calls: int
) -> None:
    cluster.fail(PODS, fault)
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert (why.source, why.kind) == ("kubernetes", kind), why.message
    assert why.missing == (("list pods",) if kind is ReasonKind.FORBIDDEN and "(401)" not in str(why.message) else ())
    assert pods.state is State.UNAVAILABLE
    for ask in (pods.all, pods.known_rows, lambda: pods.get("data/mysql-0")):
        with pytest.raises(NotKnown):
            ask()
    assert (client.calls, client.retries) == (calls, calls - 1)
    assert len(cluster.requests) == calls
    assert TOKEN not in str(why.message)
    # The other tables are read as if nothing had happened.
    assert collect(client, "nodes").state is State.KNOWN


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, b"{}", headers={"Retry-After": "0"}, times=2),
        Fault(429, b"{}", headers={"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}, times=2),
        Fault(429, b"{}", headers={"Retry-After": "soon"}, times=2),
        Fault(500, b"", times=2),
        Fault(503, b"", times=1),
        Fault(close="before", times=2),
        Fault(close="during", times=1),
    ],
    ids=["429", "429 with a date", "429 with nonsense", "500", "503", "closed", "broken off"],
)
def test_what_passes_is_tried_again(cluster: FakeKubernetes, client: KubernetesClient, fault: Fault) -> None:
    cluster.fail(PODS, fault)
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 87
    assert client.retries == fault.times


def test_a_wait_longer_than_the_deadline_is_not_begun(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail(PODS, Fault(429, b"{}", headers={"Retry-After": "3600"}))
    assert only_reason(collect(client, "pods")).kind is ReasonKind.THROTTLED
    assert client.calls == 1


def test_a_server_that_does_not_answer_in_time(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, patience=Patience(read_timeout=0.05, attempts=2, first_wait=0.001))
    cluster.fail(PODS, Fault(delay=0.5))
    why = only_reason(collect(client, "pods"))
    assert why.kind is ReasonKind.TIMEOUT
    assert client.calls == 2


def test_an_answer_that_drips_ends_with_the_deadline(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, patience=Patience(read_timeout=5, deadline=0.3, attempts=2))
    cluster.fail(PODS, Fault(200, b" " * 2000, drip=0.01))
    why = only_reason(collect(client, "pods"))
    assert why.kind is ReasonKind.TIMEOUT
    assert client.calls == 1


def test_after_the_deadline_nothing_more_is_asked(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, patience=Patience(deadline=0.2))
    cluster.fail(PODS, Fault(delay=0.4))
    collect(client, "pods")
    asked = len(cluster.requests)
    why = only_reason(collect(client, "nodes"))
    assert why.kind is ReasonKind.TIMEOUT
    assert len(cluster.requests) == asked


def test_one_bad_item_hides_only_itself(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def break_one(pod: dict[str, Any]) -> None:
        pod["spec"]["containers"] = "none"

    cluster.patch(PODS, "mysql-0", break_one, namespace="data")
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert pods.state is State.PARTIAL
    assert len(pods) == 86
    assert why.kind is ReasonKind.MALFORMED
    assert "data/mysql-0" in str(why.message)
    assert pods.get("data/mysql-1") is not None
    assert pods.get("data/no-such-pod") is None
    with pytest.raises(NotKnown):
        pods.get("data/mysql-0")


@pytest.mark.parametrize("item", [None, 7, {}, {"metadata": {}}, {"metadata": {"name": None}}])
def test_a_bad_item_without_a_name_may_hide_any(
    cluster: FakeKubernetes, client: KubernetesClient, item: object
) -> None:
    def break_one(document: dict[str, Any]) -> None:
        document["items"][3] = item

    cluster.fail(PODS, Fault(rewrite=break_one))
    pods = collect(client, "pods")
    assert only_reason(pods).kind is ReasonKind.MALFORMED
    assert len(pods) == 86
    with pytest.raises(NotKnown):
        pods.get("data/no-such-pod")


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("pods", "spec"),
        ("services", "spec"),
        ("persistent_volumes", "spec"),
        ("persistent_volume_claims", "spec"),
        ("volume_attachments", "spec"),
        ("deployments", "spec"),
        ("daemonsets", "spec"),
        ("storage_classes", "provisioner"),
    ],
)
def test_an_item_without_what_every_server_sends_is_not_taken_for_an_empty_one(
    cluster: FakeKubernetes, client: KubernetesClient, table: str, part: str
) -> None:
    whole = collect(client, table)
    cluster.fail("/*", Fault(rewrite=lambda document: document["items"][0].pop(part) and None))
    partial = collect(client, table)
    assert only_reason(partial).kind is ReasonKind.MALFORMED
    (lost,) = {row.key for row in whole.all()} - {row.key for row in partial.known_rows()}
    with pytest.raises(NotKnown, match=part):
        partial.get(lost)


def test_items_that_are_all_bad_do_not_flood_the_reasons(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def break_all(document: dict[str, Any]) -> None:
        for item in document["items"]:
            item["spec"] = []

    cluster.fail(PODS, Fault(rewrite=break_all))
    pods = collect(client, "pods")
    hidden = set(itertools.chain.from_iterable(gap.keys or () for gap in pods.gaps))
    assert len(hidden) == 87
    assert len(pods.gaps) == 51
    assert len(pods.known_rows()) == 0
    with pytest.raises(NotKnown):
        pods.get("data/mysql-0")


DEPLOYED = ClusterIdentity("shop", identities=[WantedIdentity([WantedRight(["create"], "pods")], "ci")])
DEEP = (b"[" * 200_000, b'{"y":' * 200_000, b'{"items":[{"y":' + b"[" * 200_000)


@pytest.mark.parametrize("body", DEEP, ids=["lists", "objects", "item"])
@pytest.mark.parametrize("table", ["pods", "ingresses", "access_reviews", "secret_names"])
def test_an_answer_of_objects_in_objects_without_end_is_malformed(
    cluster: FakeKubernetes, open_to: OpenClient, table: str, body: bytes
) -> None:
    client = open_to(cluster, secret_metadata=True)
    cluster.fail("/*", Fault(200, body))
    assert {why.kind for why in collect(client, table, DEPLOYED).reasons} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize("body", DEEP, ids=["lists", "objects", "item"])
def test_a_refusal_may_be_of_objects_in_objects_without_end(
    cluster: FakeKubernetes, client: KubernetesClient, body: bytes
) -> None:
    cluster.fail(PODS, Fault(403, body))
    why = only_reason(collect(client, "pods"))
    assert (why.kind, why.missing) == (ReasonKind.FORBIDDEN, ("list pods",))


def test_unknown_credentials_are_told_at_once(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, token="another-token")
    why = preflight(client)
    assert why is not None
    assert why.kind is ReasonKind.FORBIDDEN
    assert client.calls == 1
    assert "another-token" not in str(why.message)


def test_another_service_at_the_address_is_told_at_once(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail("/*", Fault(404, b"<html>not here</html>", "text/html"))
    why = preflight(client)
    assert why is not None
    assert why.kind is ReasonKind.MALFORMED


def test_the_words_of_the_server_are_shown_without_the_token(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    body = f'{{"kind":"Status","message":"token {TOKEN} of\\n  user is out of date{"!" * 900}"}}'
    cluster.fail(PODS, Fault(403, body.encode()))
    message = str(only_reason(collect(client, "pods")).message)
    assert TOKEN not in message
    assert "token *** of user is out of date!" in message
    assert len(message) < 700
