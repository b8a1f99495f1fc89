"""The probe ``forwarding``, and the reading of files that it rests on."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes import forwarding, printed_files
from auditor.collect.kubernetes.client import KubernetesClient, Patience
from auditor.collect.kubernetes.forwarding import FILES, WHOLE
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import CLUSTER, PODS, collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes.faults import HTML, Fault

NODE = "cn-hangzhou.192.168.0.11"
CNI0 = "/proc/sys/net/ipv4/conf/cni0/forwarding"
EXECS = "/api/v1/namespaces/kube-system/pods/*/exec"


def on_node(cluster: FakeKubernetes, prefix: str) -> str:
    return next(
        f"kube-system/{row['metadata']['name']}"
        for row in cluster.objects.all(PODS)
        if row["metadata"]["name"].startswith(prefix) and row["spec"].get("nodeName") == NODE
    )


@pytest.fixture
def probing(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"forwarding"}))


def read(client: KubernetesClient, **needs: Table[Any]) -> Table[Any]:
    return collect(client, "node_forwarding", CLUSTER, **needs)


def test_it_is_off_unless_switched_on(client: KubernetesClient, cluster: FakeKubernetes) -> None:
    why = only_reason(collect(client, "node_forwarding"))
    assert why.kind is ReasonKind.SWITCHED_OFF
    assert "forwarding" in str(why.message)
    assert cluster.execs.commands == []


def test_a_healthy_cluster(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    table = read(probing)
    assert len(table.all()) == 8
    row = row_of(table, NODE)
    assert row.ip_forward is True
    assert row.devices == {"all": True, "default": True, "eth0": True, "cni0": True}
    assert {tuple(command) for command in cluster.execs.commands} == {("cat", *FILES)}


def test_what_is_off(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.execs.files[NODE] = {WHOLE: "0\n", CNI0: "0\n"}
    row = row_of(read(probing), NODE)
    assert row.ip_forward is False
    assert row.devices["cni0"] is False


def test_a_device_that_the_node_has_not(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.execs.files[NODE] = {CNI0: None}
    assert row_of(read(probing), NODE).devices == {"all": True, "default": True, "eth0": True}


@pytest.mark.parametrize("text", ["", "yes\n", "1\n1\n", None])
def test_what_can_t_be_read(cluster: FakeKubernetes, probing: KubernetesClient, text: str | None) -> None:
    cluster.execs.files[NODE] = {WHOLE: text}
    table = read(probing)
    assert [gap.keys for gap in table.gaps] == [frozenset({NODE})]
    assert only_reason(table).kind is ReasonKind.MALFORMED


def test_an_image_without_cat(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    cluster.execs.without_cat.add(on_node(cluster, "kube-flannel"))
    assert row_of(read(probing), NODE).ip_forward is True
    cluster.execs.without_cat.add(on_node(cluster, "kube-proxy"))
    assert only_reason(read(probing)).kind is ReasonKind.ERROR


@pytest.mark.parametrize("right", ["create pods/exec", "get pods/exec"])
def test_denied(cluster: FakeKubernetes, probing: KubernetesClient, right: str) -> None:
    cluster.deny(right)
    table = read(probing)
    assert table.is_unavailable
    assert only_reason(table).missing == (right,)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (HTML, ReasonKind.MALFORMED),
        (Fault(status=429, body=b"{}"), ReasonKind.THROTTLED),
        (Fault(status=502, body=b"<html>"), ReasonKind.ERROR),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), ReasonKind.MALFORMED),
        (Fault(cut=True), ReasonKind.MALFORMED),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
        (Fault(close="during"), ReasonKind.TRUNCATED),
        (Fault(delay=0.6), ReasonKind.TIMEOUT),
    ],
    ids=["a page", "throttled", "a proxy", "sent elsewhere", "cut", "closed", "breaks off", "late"],
)
def test_what_goes_wrong_is_never_a_value(
    cluster: FakeKubernetes, open_to: OpenClient, probing: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    nodes, pods = collect(probing, "nodes"), collect(probing, "pods")
    cluster.fail(EXECS, fault)
    hasty = open_to(cluster, probes=frozenset({"forwarding"}), patience=Patience(read_timeout=0.3))
    table = read(hasty, nodes=nodes, pods=pods)
    assert not len(table)
    assert {reason.kind for reason in table.reasons} == {kind}
    assert cluster.token not in " ".join(str(reason.message) for reason in table.reasons)


def test_an_answer_without_end(
    cluster: FakeKubernetes, probing: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printed_files, "PRINTED_BYTES", 5)
    assert {reason.kind for reason in read(probing).reasons} == {ReasonKind.MALFORMED}


def test_the_time_is_over(cluster: FakeKubernetes, probing: KubernetesClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PROBE_SECONDS", 0.0)
    table = read(probing)
    assert {reason.kind for reason in table.reasons} == {ReasonKind.TIMEOUT}
    assert cluster.execs.commands == []


def test_too_many_nodes(cluster: FakeKubernetes, probing: KubernetesClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "MOST_NODES", 3)
    table = read(probing)
    assert len(table) == 3
    assert only_reason(table).kind is ReasonKind.TRUNCATED
    assert len(table.gaps[0].keys or ()) == 5


def test_a_node_without_such_a_pod(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    for prefix in ("kube-flannel", "kube-proxy"):
        namespace, _, name = on_node(cluster, prefix).partition("/")
        cluster.remove(PODS, name, namespace)
    table = read(probing)
    assert [gap.keys for gap in table.gaps] == [frozenset({NODE})]
    assert only_reason(table).kind is ReasonKind.UNDECIDABLE


def test_a_virtual_node_is_not_asked(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    virtual = msgspec.convert({"metadata": {"name": "v", "labels": {"type": "virtual-kubelet"}}}, Node)
    assert not read(probing, nodes=Table("nodes", [virtual])).gaps


def test_pods_that_may_be_missing(cluster: FakeKubernetes, probing: KubernetesClient) -> None:
    real = [node for node in collect(probing, "nodes").all() if node.name == NODE]
    why = Gap(Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), ("list pods",)))
    table = read(probing, nodes=Table("nodes", real), pods=Table("pods", gaps=[why]))
    assert only_reason(table) == why.reason
