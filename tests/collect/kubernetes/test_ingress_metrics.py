"""The probe of the Ingress controllers' metrics: whether nginx takes its configuration, and no other metric."""

from typing import Any

import pytest

from auditor.collect.kubernetes import ingress_metrics
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import PODS, collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault

TABLE = "ingress_reloads"
PAGES = "/api/v1/namespaces/kube-system/pods/*/proxy/metrics"
METRIC = "nginx_ingress_controller_config_last_reload_successful"


@pytest.fixture
def client(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"ingress-metrics"}))


def controllers(cluster: FakeKubernetes) -> list[str]:
    names = (pod["metadata"] for pod in cluster.objects.all(PODS))
    return sorted(f"{m['namespace']}/{m['name']}" for m in names if m["name"].startswith("nginx-ingress-controller-"))


def asked(cluster: FakeKubernetes) -> list[str]:
    return [request.path for request in cluster.requests if request.subresource == "proxy"]


def test_it_is_opt_in(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    reads = collect(open_to(cluster, probes=frozenset({"tcp"})), TABLE, pods=Table("pods"))
    assert only_reason(reads).kind is ReasonKind.SWITCHED_OFF
    assert "ingress-metrics" in str(only_reason(reads).message)
    assert cluster.requests == []


def test_every_controller_is_asked_and_nobody_else(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    reads = collect(client, TABLE)
    assert reads.state is State.KNOWN
    assert [row.key for row in reads.all()] == controllers(cluster)
    assert controllers(cluster)
    assert {row.successful for row in reads.all()} == {True}
    assert all(row.loaded_at.year == 2025 for row in reads.all())
    assert len(asked(cluster)) == len(controllers(cluster))
    assert all(path.endswith(":10254/proxy/metrics") for path in asked(cluster))


@pytest.mark.parametrize(
    ("page", "successful"),
    [
        (f"{METRIC} 0\n", False),
        (f'{METRIC}{{controller_class="a}}b {{1}}"}} 0\n', False),
        (f'{METRIC}{{a="b"}} 1 1763850000000\n{METRIC}_timestamp_seconds{{a="b"}} nonsense\n', True),
        (f"{METRIC}_timestamp_seconds 5\n{METRIC} 0\n", False),
        (f"# TYPE {METRIC} gauge\n{METRIC} 1.0\n", True),
    ],
)
def test_the_metric_is_read(cluster: FakeKubernetes, client: KubernetesClient, page: str, successful: bool) -> None:
    first = controllers(cluster)[0]
    cluster.pod_pages[f"{first}/metrics"] = page
    assert row_of(collect(client, TABLE), first).successful is successful


@pytest.mark.parametrize("page", ["", "<html>login</html>", f"{METRIC}_total 1\n", f"{METRIC} \n", f"x{METRIC} 1\n"])
def test_a_page_without_the_metric_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient, page: str) -> None:
    first = controllers(cluster)[0]
    cluster.pod_pages[f"{first}/metrics"] = page
    reads = collect(client, TABLE)
    assert only_reason(reads).kind is ReasonKind.MALFORMED
    with pytest.raises(NotKnown):
        reads.get(first)
    assert len(reads) == len(controllers(cluster)) - 1


def test_a_denial_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.deny("get pods/proxy")
    reads = collect(client, TABLE)
    assert reads.state is State.UNAVAILABLE
    assert only_reason(reads).missing == ("get pods/proxy",)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(503, b'{"kind":"Status","message":"error trying to reach service"}'), ReasonKind.ERROR),
        (Fault(404, b"404 page not found"), ReasonKind.UNSUPPORTED),
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
    ],
    ids=["refused", "no-metrics", "throttled", "closed"],
)
def test_what_says_nothing_of_nginx_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    cluster.fail(PAGES, fault)
    reads = collect(client, TABLE)
    assert {why.kind for why in reads.reasons} == {kind}
    with pytest.raises(NotKnown):
        reads.get(controllers(cluster)[0])


def test_a_pod_that_has_gone_is_no_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    pods = collect(client, "pods")
    first = controllers(cluster)[0]
    cluster.remove(PODS, first.partition("/")[2], "kube-system")
    reads = collect(client, TABLE, pods=pods)
    assert reads.state is State.KNOWN
    assert reads.get(first) is None


def test_a_controller_that_does_not_run_is_not_asked(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def stop(pod: dict[str, Any]) -> None:
        for status in pod["status"]["containerStatuses"]:
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}

    first = controllers(cluster)[0]
    cluster.patch(PODS, first.partition("/")[2], stop, "kube-system")
    assert first not in [row.key for row in collect(client, TABLE).all()]


def test_jobs_and_backends_with_the_same_labels_are_not_asked(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.add(
        PODS,
        {
            "metadata": {"name": "backend", "namespace": "web", "labels": {"app.kubernetes.io/name": "ingress-nginx"}},
            "spec": {"nodeName": "a", "containers": [{"name": "default-backend"}]},
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": "default-backend", "state": {"running": {}}}],
            },
        },
    )
    collect(client, TABLE)
    assert not [path for path in asked(cluster) if "backend" in path]


def test_only_so_many_are_asked_and_the_others_are_not_known(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingress_metrics, "MOST_PODS", 1)
    reads = collect(client, TABLE)
    assert only_reason(reads).kind is ReasonKind.TRUNCATED
    assert len(asked(cluster)) == 1
    with pytest.raises(NotKnown):
        reads.get(controllers(cluster)[-1])


def test_nobody_is_asked_when_the_time_is_over(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingress_metrics, "PROBE_SECONDS", 0.0)
    reads = collect(client, TABLE)
    assert {why.kind for why in reads.reasons} == {ReasonKind.TIMEOUT}
    assert asked(cluster) == []


def test_gaps_of_the_pods_are_gaps_of_the_probe(client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.TRUNCATED, t("the list ended early"))
    pods = collect(client, "pods")
    reads = collect(client, TABLE, pods=Table("pods", pods.all(), gaps=[Gap(why)]))
    assert only_reason(reads) == why
