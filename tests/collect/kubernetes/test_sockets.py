"""The probe ``loopback``."""

from typing import Any

import pytest

from auditor.collect.kubernetes import sockets
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.table import NotKnown, ReasonKind, Table
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import CLUSTER, PODS, collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes.faults import HTML

CATALOG = "shop/catalog-d46dc465-dx8qv"
CART = "cart-5cdffc7cb4-2hr7r"


@pytest.fixture
def probing(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"loopback"}))


def read(client: KubernetesClient, **needs: Table[Any]) -> Table[Any]:
    return collect(client, "pod_sockets", CLUSTER, **needs)


def test_it_is_off_unless_switched_on(client: KubernetesClient, cluster: FakeKubernetes) -> None:
    assert only_reason(collect(client, "pod_sockets")).kind is ReasonKind.SWITCHED_OFF
    assert cluster.execs.commands == []


def test_one_pod_of_each_workload_with_a_port_that_no_probe_reaches(
    cluster: FakeKubernetes, probing: KubernetesClient
) -> None:
    table = read(probing)
    names = [row.pod for row in table.all()]
    assert [name for name in names if "catalog" in name] == [CATALOG]
    assert not [name for name in names if "cart" in name]
    assert row_of(table, CATALOG).listening == ["0.0.0.0:8080", "0.0.0.0:9090"]
    assert {tuple(command) for command in cluster.execs.commands} == {("cat", "/proc/net/tcp", "/proc/net/tcp6")}


def test_of_the_others_it_says_nothing(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    with pytest.raises(NotKnown):
        read(probing).get(f"shop/{CART}")


def test_addresses_of_both_families(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.execs.listening[CATALOG] = ["127.0.0.1:9090", "[::1]:9090", "[::]:8080", "[fd00::12:7]:53"]
    assert row_of(read(probing), CATALOG).listening == cluster.execs.listening[CATALOG]


def test_a_pod_that_is_not_ready_comes_first(
    cluster: FakeKubernetes, probing: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unready(found: dict[str, Any]) -> None:
        found["status"]["containerStatuses"][0]["ready"] = False
        found["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

    cluster.patch(PODS, CART, unready, "shop")
    monkeypatch.setattr(sockets, "MOST_PODS", 1)
    table = read(probing)
    assert [row.pod for row in table.known_rows()] == [f"shop/{CART}"]
    assert only_reason(table).kind is ReasonKind.TRUNCATED


def test_an_image_without_cat(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.execs.without_cat.add(CATALOG)
    table = read(probing)
    assert only_reason(table).kind is ReasonKind.UNDECIDABLE
    assert table.gaps[0].keys == frozenset({CATALOG})


def test_denied(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.deny("create pods/exec")
    table = read(probing)
    assert table.is_unavailable
    assert only_reason(table).missing == ("create pods/exec",)


def test_an_answer_of_another_kind(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.fail("/api/v1/namespaces/*/pods/*/exec", HTML)
    assert {reason.kind for reason in read(probing).reasons} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize("text", ["", "0: 0100007F:1F90", "  sl  local_address\n   0: nonsense", "  sl\n 0: zz:1 x 0A"])
def test_what_is_no_list_of_sockets(text: str) -> None:
    assert sockets._listening(text) is None


def test_the_time_is_over(cluster: FakeKubernetes, probing: KubernetesClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PROBE_SECONDS", 0.0)
    assert {reason.kind for reason in read(probing).reasons} == {ReasonKind.TIMEOUT}
    assert cluster.execs.commands == []
