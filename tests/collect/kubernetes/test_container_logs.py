"""The logs of components: bounded reads, the lines of known patterns alone, and no secret in them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.collect.kubernetes import container_logs
from auditor.collect.kubernetes.blot import blotted
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.kubernetes.observations import ContainerLog
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import PODS, collect, only_reason, provider, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes.requests import Request
from tests.fakes.kubernetes.store import Object

NODE = "cn-hangzhou.192.168.0.11"
PROVISIONER = "kube-system/csi-provisioner-5d986f6df4-jjg5n"
AUTOSCALER = "kube-system/cluster-autoscaler-56b5cd65b5-whvg7"
DENIED = "E1122 scaling failed: ErrorCode: Forbidden.RAM, AccessKeyId=STS.NSxyzxyzxyz123"


@pytest.fixture
def client(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"component-logs"}))


def asked(cluster: FakeKubernetes) -> list[Request]:
    return [request for request in cluster.requests if request.subresource == "log"]


def key_of(name: str) -> tuple[str, str]:
    namespace, _, pod = name.partition("/")
    return pod, namespace


def crash(cluster: FakeKubernetes, name: str, container: str) -> None:
    def change(pod: Object) -> None:
        for status in pod["status"]["containerStatuses"]:
            if status["name"] == container:
                status.update(
                    ready=False,
                    restartCount=7,
                    state={"waiting": {"reason": "CrashLoopBackOff"}},
                    lastState={"terminated": {"exitCode": 1}},
                )

    cluster.patch(PODS, *key_of(name)[:1], change, key_of(name)[1])


def stuck(cluster: FakeKubernetes, node: str, **volume: Any) -> None:
    """Add a Pod with a volume that does not start on a node."""
    cluster.add(
        PODS,
        {
            "metadata": {"name": f"stuck-{node}", "namespace": "shop"},
            "spec": {
                "nodeName": node,
                "containers": [{"name": "app"}],
                "volumes": [volume or {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
            "status": {"phase": "Pending", "containerStatuses": []},
        },
    )


def test_it_is_opt_in(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    logs = collect(open_to(cluster, probes=frozenset({"kubelet"})), "container_logs", pods=Table[Any]("pods"))
    why = only_reason(logs)
    assert why.kind is ReasonKind.SWITCHED_OFF
    assert "component-logs" in str(why.message)
    assert cluster.requests == []
    assert provider("container_logs").probe == "component-logs"


def test_the_healthy_components_say_nothing_of_note(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    logs = collect(client, "container_logs")
    assert logs.state is State.KNOWN
    assert {row.component for row in logs.all()} == {
        "csi-provisioner",
        "cluster-autoscaler",
        "nginx-ingress-controller",
    }
    assert [match for row in logs.all() for match in row.matches] == []
    assert cluster.permissions_used == {"list pods", "get pods/log"}


def test_each_read_is_bounded_and_asks_for_times(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    collect(client, "container_logs")
    for request in asked(cluster):
        assert {key: value for key, value in request.query.items() if key != "container"} == {
            "tailLines": "5000",
            "limitBytes": str(2 * 2**20),
            "sinceSeconds": "3600",
            "timestamps": "true",
        }
    assert len(asked(cluster)) == 2 * 6 + 1 + 2


def test_only_lines_that_match_are_kept_with_their_time_and_without_secrets(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.logs[f"{AUTOSCALER}/cluster-autoscaler"] = f"I1122 all is well, password=hunter22\n{DENIED}\nI1122 bye\n"
    row = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    [match] = row.matches
    assert match.pattern == "autoscaler-denied"
    assert match.line == "E1122 scaling failed: ErrorCode: Forbidden.RAM, AccessKeyId=***"
    assert match.time == datetime(2026, 11, 22, 22, 40, 34, tzinfo=UTC)
    assert not match.previous
    assert (row.lines, row.is_cut) == (3, False)
    assert (row.first_at, row.last_at) == (
        datetime(2026, 11, 22, 22, 40, 33, tzinfo=UTC),
        datetime(2026, 11, 22, 22, 40, 35, tzinfo=UTC),
    )
    assert "hunter22" not in repr(row)


def test_a_pattern_of_another_component_means_nothing(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.logs[f"{AUTOSCALER}/cluster-autoscaler"] = "Multi-Attach error for volume\n"
    assert row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler").matches == []


def test_the_newest_lines_of_each_pattern_oldest_first(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    lines = [f"{number} Forbidden.RAM" for number in range(8)] + ["8 in backoff", "9 Forbidden.RAM"]
    cluster.logs[AUTOSCALER] = "\n".join(lines)
    row = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    assert [match.line.partition(" ")[0] for match in row.matches] == ["4", "5", "6", "7", "8", "9"]


def test_a_long_line_is_cut_around_what_matched(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.logs[AUTOSCALER] = f"{'x ' * 600}Forbidden.RAM{' y' * 600}\nForbidden.RAM {'z' * 900}\na\x1b[31mNoStock\n"
    row = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    lines = [match.line for match in row.matches]
    assert [len(line) for line in lines[:2]] == [500, 500]
    assert all("Forbidden.RAM" in line for line in lines[:2])
    assert lines[2] == "a [31mNoStock"


def test_older_lines_than_the_window_are_not_asked_for(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.logs[AUTOSCALER] = "2026-11-22T20:00:00.5Z old NoStock\n2026-11-22T22:40:00.5Z new NoStock\n"
    row = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    assert [match.line for match in row.matches] == ["new NoStock"]


@pytest.mark.parametrize(("name", "bound"), [("TAIL_LINES", 3), ("LIMIT_BYTES", 60)])
def test_a_bound_that_is_met_is_told(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch, name: str, bound: int
) -> None:
    monkeypatch.setattr(container_logs, name, bound)
    cluster.logs[AUTOSCALER] = "one\ntwo\nthree\nfour\n"
    assert row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler").is_cut


def test_a_drivers_log_is_read_where_a_pod_waits_for_a_volume(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    stuck(cluster, NODE)
    logs = collect(client, "container_logs")
    [row] = [row for row in logs.all() if row.component == "csi-plugin"]
    assert row.container == "csi-plugin"
    pod = cluster.objects.get(PODS, row.ref.name, row.ref.namespace)
    assert pod is not None
    assert pod["spec"]["nodeName"] == NODE


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "a", "csi": {"driver": "nasplugin.csi.alibabacloud.com"}},
        {"name": "a", "flexVolume": {"driver": "alicloud/disk"}},
        {"name": "a", "ephemeral": {"volumeClaimTemplate": {}}},
    ],
)
def test_volumes_of_drivers_count(cluster: FakeKubernetes, client: KubernetesClient, volume: dict[str, Any]) -> None:
    stuck(cluster, NODE, **volume)
    assert [row.component for row in collect(client, "container_logs").all()].count("csi-plugin") == 1


def test_a_pod_without_such_a_volume_does_not_count(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    stuck(cluster, NODE, name="a", configMap={"name": "settings"})
    assert "csi-plugin" not in [row.component for row in collect(client, "container_logs").all()]


def test_of_a_crashing_container_the_log_before_is_read_too(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    crash(cluster, AUTOSCALER, "cluster-autoscaler")
    cluster.previous_logs[AUTOSCALER] = "before: Forbidden.RAM\n"
    cluster.logs[AUTOSCALER] = "now: Forbidden.RAM\n"
    row = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    assert [(match.line, match.previous) for match in row.matches] == [
        ("before: Forbidden.RAM", True),
        ("now: Forbidden.RAM", False),
    ]
    assert row.lines == 2


def test_that_there_is_no_log_before_is_no_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    crash(cluster, AUTOSCALER, "cluster-autoscaler")
    logs = collect(client, "container_logs")
    assert logs.state is State.KNOWN
    assert [request.query.get("previous") for request in asked(cluster) if request.name in AUTOSCALER] == ["true", None]


def test_a_crashing_driver_is_read_on_a_quiet_node(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    [name] = [
        pod["metadata"]["name"]
        for pod in cluster.objects.all(PODS)
        if pod["metadata"]["name"].startswith("csi-plugin") and pod["spec"]["nodeName"] == NODE
    ]
    crash(cluster, f"kube-system/{name}", "csi-plugin")
    assert row_of(collect(client, "container_logs"), f"kube-system/{name}/csi-plugin").component == "csi-plugin"


def test_a_container_that_never_ran_has_no_log(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def change(pod: Object) -> None:
        pod["status"]["containerStatuses"][0].update(
            ready=False, state={"waiting": {"reason": "ContainerCreating"}}, lastState={}
        )

    cluster.patch(PODS, *key_of(AUTOSCALER)[:1], change, "kube-system")
    logs = collect(client, "container_logs")
    assert logs.state is State.KNOWN
    assert AUTOSCALER.partition("/")[2] not in [request.name for request in asked(cluster)]


def component_pod(name: str, namespace: str, labels: dict[str, str], containers: list[str]) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": NODE, "containers": [{"name": one} for one in containers]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": one, "ready": True, "state": {"running": {}}} for one in containers],
        },
    }


@pytest.mark.parametrize(
    ("name", "namespace", "labels", "component"),
    [
        ("alicloud-disk-controller-5d-x", "kube-system", {}, "alicloud-disk-controller"),
        ("alicloud-nas-controller-5d-x", "kube-system", {"app": "alicloud-nas-controller"}, "alicloud-nas-controller"),
        ("ack-goatscaler-5d-x", "kube-system", {}, "ack-goatscaler"),
        ("goat", "kube-system", {"app": "ack-goatscaler"}, "ack-goatscaler"),
        ("edge-5d-x", "edge", {"app.kubernetes.io/name": "ingress-nginx"}, "nginx-ingress-controller"),
        ("edge-5d-x", "edge", {"app": "ingress-nginx"}, "nginx-ingress-controller"),
        ("cluster-autoscaler-5d-x", "shop", {"app": "cluster-autoscaler"}, None),
        ("nginx-ingress-controller-x", "shop", {}, None),
        ("my-app", "kube-system", {"app": "my-app"}, None),
    ],
)
def test_how_components_are_known(
    cluster: FakeKubernetes,
    client: KubernetesClient,
    name: str,
    namespace: str,
    labels: dict[str, str],
    component: str | None,
) -> None:
    cluster.add(PODS, component_pod(name, namespace, labels, ["main", "side"]))
    found = {row.component for row in collect(client, "container_logs").all() if row.pod == f"{namespace}/{name}"}
    assert found == ({component} if component else set())


def test_a_denial_is_told_with_its_right(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.deny("get pods/log")
    logs = collect(client, "container_logs")
    assert logs.state is State.UNAVAILABLE
    assert (only_reason(logs).kind, only_reason(logs).missing) == (ReasonKind.FORBIDDEN, ("get pods/log",))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(500, b'{"kind":"Status","message":"dial tcp 192.168.0.11:10250: i/o timeout"}'), ReasonKind.ERROR),
        (Fault(400, b'{"kind":"Status","message":"no"}'), ReasonKind.ERROR),
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
        (Fault(close="during"), ReasonKind.TRUNCATED),
    ],
    ids=["500", "400", "429", "closed", "cut off"],
)
def test_a_log_that_can_not_be_read_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    name, namespace = key_of(AUTOSCALER)
    cluster.fail(f"/api/v1/namespaces/{namespace}/pods/{name}/log", fault)
    logs = collect(client, "container_logs")
    assert only_reason(logs).kind is kind
    with pytest.raises(NotKnown):
        logs.get(f"{AUTOSCALER}/cluster-autoscaler")
    assert len(logs) == 14


def test_a_pod_that_has_gone_since_has_no_log(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    name, namespace = key_of(AUTOSCALER)
    pods = collect(client, "pods")
    cluster.remove(PODS, name, namespace)
    logs = collect(client, "container_logs", pods=pods)
    assert logs.state is State.KNOWN
    assert logs.get(f"{AUTOSCALER}/cluster-autoscaler") is None


def test_more_containers_than_are_read_are_a_gap_and_those_that_fail_come_first(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_logs, "MOST_CONTAINERS", 1)
    crash(cluster, PROVISIONER, "external-nas-resizer")
    logs = collect(client, "container_logs")
    assert [row.key for row in logs.known_rows()] == [f"{PROVISIONER}/external-nas-resizer"]
    assert str(only_reason(logs).message) == "only 1 of 15 containers' logs were read"
    assert only_reason(logs).kind is ReasonKind.TRUNCATED
    assert len(logs.gaps[0].keys or ()) == 14


def test_more_nodes_than_are_read_are_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_logs, "MOST_NODES", 2)
    for node in cluster.objects.all("/api/v1/nodes"):
        stuck(cluster, node["metadata"]["name"])
    logs = collect(client, "container_logs")
    assert [row.component for row in logs.known_rows()].count("csi-plugin") == 2
    assert len(logs.gaps[0].keys or ()) == 6


def test_when_the_time_is_over_the_rest_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_logs, "PROBE_SECONDS", 0.0)
    logs = collect(client, "container_logs")
    assert {why.kind for why in logs.reasons} == {ReasonKind.TIMEOUT}
    assert asked(cluster) == []


def test_gaps_of_the_pods_are_gaps_of_the_logs(client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.TRUNCATED, t("the list ended early"))
    logs = collect(client, "container_logs", pods=Table[Pod]("pods", gaps=[Gap(why)]))
    assert only_reason(logs) == why


def test_lines_without_times_are_read_too(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    name, namespace = key_of(AUTOSCALER)
    cluster.fail(
        f"/api/v1/namespaces/{namespace}/pods/{name}/log", Fault(200, b"\xff NoStock\n2026 NoStock\n", "text/plain")
    )
    row: ContainerLog = row_of(collect(client, "container_logs"), f"{AUTOSCALER}/cluster-autoscaler")
    assert [match.time for match in row.matches] == [None, None]
    assert (row.lines, row.first_at) == (2, None)


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("AccessKeyId=LTAI5tAbCdEfGhIj&Signature=abc%2Bdef%3D&Action=x", "AccessKeyId=***&Signature=***&Action=x"),
        ('{"AccessKeySecret": "abcdef", "Code": "NoStock"}', '{"AccessKeySecret": "***", "Code": "NoStock"}'),
        ("SecurityToken: CAISabcdef next", "SecurityToken: *** next"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("got Bearer abcdefghij end", "got Bearer *** end"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln used", "*** used"),
        ("key LTAI5tAbCdEfGhIjKl used", "key *** used"),
        ("token STS.NUabcdefgh12345 used", "token *** used"),
        ("mysql://root:hunter22@10.0.0.1/db", "mysql://***@10.0.0.1/db"),
        ("--password=hunter22 --x=1", "--password=*** --x=1"),
        ("x-acs-security-token=abc; y", "x-acs-security-token=***; y"),
        ("disk d-bp1abc is already attached", "disk d-bp1abc is already attached"),
        ("secret shop/tls not found", "secret shop/tls not found"),
    ],
)
def test_what_gives_access_is_blotted_out(line: str, clean: str) -> None:
    assert blotted(line) == clean
