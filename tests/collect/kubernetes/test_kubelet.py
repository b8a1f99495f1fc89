"""The probe of the kubelets: one line per node, thrown away; the server's errors are facts, others are gaps."""

from typing import Any

import pytest

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import PODS, collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes.store import Object

NODE = "cn-hangzhou.192.168.0.11"
LOGS = "/api/v1/namespaces/*/log"
TIMED_OUT = (
    b'{"kind":"Status","message":"Get \\"https://192.168.0.11:10250/containerLogs/kube-system/a/b\\": '
    b'dial tcp 192.168.0.11:10250: i/o timeout","code":500}'
)


@pytest.fixture
def client(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"kubelet", "tcp"}))


def pods_on(cluster: FakeKubernetes, node: str) -> list[Object]:
    return [pod for pod in cluster.objects.all(PODS) if pod["spec"].get("nodeName") == node]


def test_it_is_opt_in(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    client = open_to(cluster, probes=frozenset({"tcp"}))
    reads = collect(client, "kubelet_log_reads", nodes=Table("nodes"), pods=Table("pods"))
    why = only_reason(reads)
    assert why.kind is ReasonKind.SWITCHED_OFF
    assert "kubelet" in str(why.message)
    assert cluster.requests == []


def test_one_short_line_of_a_lasting_pod_is_read_from_each_node(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    reads = collect(client, "kubelet_log_reads")
    assert reads.state is State.KNOWN
    assert {(row.status, row.error) for row in reads.all()} == {(200, "")}
    asked = [request for request in cluster.requests if request.subresource == "log"]
    assert len(asked) == 8
    for request in asked:
        assert request.namespace == "kube-system"
        assert (request.query["tailLines"], request.query["limitBytes"]) == ("1", "2048")
        pod = cluster.objects.get(PODS, request.name, request.namespace)
        assert pod is not None
        assert pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"
        assert request.query["container"] in [container["name"] for container in pod["spec"]["containers"]]


def test_what_the_log_says_is_thrown_away(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    for pod in cluster.objects.all(PODS):
        cluster.logs[f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"] = "password=in-the-log"
    assert "in-the-log" not in str([row.error for row in collect(client, "kubelet_log_reads").all()])


def test_an_error_of_the_server_is_a_fact_if_it_comes_twice(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    [pod] = [pod for pod in pods_on(cluster, NODE) if pod["metadata"]["name"].startswith("csi-plugin")]
    others = [other for other in pods_on(cluster, NODE) if other is not pod]
    for other in others:
        cluster.remove(PODS, other["metadata"]["name"], other["metadata"]["namespace"])
    path = f"/api/v1/namespaces/kube-system/pods/{pod['metadata']['name']}/log"
    cluster.fail(path, Fault(500, TIMED_OUT))
    reads = collect(client, "kubelet_log_reads")
    assert reads.state is State.KNOWN
    row = row_of(reads, NODE)
    assert row.status == 500
    assert row.error.endswith("dial tcp 192.168.0.11:10250: i/o timeout")
    assert row.pod == f"kube-system/{pod['metadata']['name']}"
    assert [request.path for request in cluster.requests].count(path) == 2
    assert {other.status for other in reads.all() if other.node != NODE} == {200}

    cluster.faults.clear()
    cluster.fail(path, Fault(500, TIMED_OUT, times=1))
    assert row_of(collect(client, "kubelet_log_reads"), NODE).status == 200


def test_a_denial_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.deny("get pods/log")
    reads = collect(client, "kubelet_log_reads")
    assert reads.state is State.UNAVAILABLE
    assert only_reason(reads).kind is ReasonKind.FORBIDDEN
    assert only_reason(reads).missing == ("get pods/log",)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(502, b"<html>bad gateway</html>", "text/html"), ReasonKind.ERROR),
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
        (Fault(404, b'{"kind":"Status","message":"pods \\"a\\" not found"}'), ReasonKind.UNDECIDABLE),
        (Fault(400, b'{"kind":"Status","message":"container is waiting to start"}'), ReasonKind.UNDECIDABLE),
    ],
    ids=["gateway", "throttled", "closed", "gone", "waiting"],
)
def test_what_says_nothing_of_the_kubelet_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    cluster.fail(LOGS, fault)
    reads = collect(client, "kubelet_log_reads")
    assert {why.kind for why in reads.reasons} == {kind}
    with pytest.raises(NotKnown):
        reads.get(NODE)


def test_another_pod_is_asked_if_one_is_gone(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    collect(client, "kubelet_log_reads")
    first = {request.path for request in cluster.requests if request.subresource == "log"}
    for path in first:
        cluster.fail(path, Fault(404, b'{"kind":"Status","message":"not found"}'))
    reads = collect(client, "kubelet_log_reads")
    assert reads.state is State.KNOWN
    assert {row.status for row in reads.all()} == {200}


def test_a_node_on_which_nothing_runs_is_not_known(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def stop(pod: dict[str, Any]) -> None:
        for status in pod["status"]["containerStatuses"]:
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}

    for pod in pods_on(cluster, NODE):
        cluster.patch(PODS, pod["metadata"]["name"], stop, pod["metadata"]["namespace"])
    reads = collect(client, "kubelet_log_reads")
    assert only_reason(reads).kind is ReasonKind.UNDECIDABLE
    assert len(reads) == 7
    with pytest.raises(NotKnown):
        reads.get(NODE)


def test_a_virtual_node_is_not_asked(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.patch("/api/v1/nodes", NODE, lambda node: node["metadata"]["labels"].update(type="virtual-kubelet"))
    reads = collect(client, "kubelet_log_reads")
    assert len(reads) == 7
    assert reads.state is State.KNOWN
    with pytest.raises(NotKnown):
        reads.get(NODE)


def test_gaps_of_the_pods_are_gaps_of_the_probe(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.TRUNCATED, t("the list ended early"))
    pods = collect(client, "pods")
    known = [pod for pod in pods.all() if pod.node_name != NODE]
    reads = collect(client, "kubelet_log_reads", pods=Table("pods", known, gaps=[Gap(why)]))
    assert only_reason(reads) == why
    assert len(reads) == 7
