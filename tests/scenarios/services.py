"""What the scenarios about Services plant: Services with their slices, server groups, weights, quotas, versions."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Severity
from tests.scenarios.kit import Report, Scene

Json = dict[str, Any]
Change = Callable[[Json], object]

SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
EVENTS = "/api/v1/events"
DEPLOYMENTS = "/apis/apps/v1/deployments"
DAEMONSETS = "/apis/apps/v1/daemonsets"
REPLICASETS = "/apis/apps/v1/replicasets"

PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
ID_LABEL = "service.k8s.alibaba/loadbalancer-id"
SHARED = "lb-bp1bhizbam3l7pwunzwwr"
"""Holds 16 entries: two Services of eight nodes each."""
INGRESS = "lb-bp1qivht16qrbpfnz1a1c"
"""Holds 16 entries: two ports of one Service on eight nodes."""
SYSLOG = "lb-bp12p67oqr0hch6oyi1oh"
"""Holds 16 entries: two ports of one Service, policy Local, a Pod on each of eight nodes."""
GATEWAY = "lb-bp1gtkt6e00p48o14l325"
"""Holds 3 entries: one Service, policy Local, on three nodes."""
GATEWAY_GROUP = "rsp-bp1pvz4cojk3p"
GATEWAY_NODES = ("i-bp1xq0k2m2de6wal479z", "i-bp1qvyyjpee2hog5u7n8", "i-bp1f7vgjfyi0dlurzy67")
"""They host 1, 1 and 2 of the gateway's Pods."""
BACKEND_QUOTA = "slb/slb_quota_backendservers_num"
CCM = "cloud-controller-manager"


def ago(**span: float) -> str:
    """Return the time so long before now, as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def limit(scene: Scene, entries: float) -> None:
    """Set the quota of backend servers per CLB."""
    scene.cloud.state.quotas.quotas[BACKEND_QUOTA]["TotalQuota"] = entries


def fill(scene: Scene, balancer: str, entries: int) -> None:
    """Put so many entries of machines outside the cluster into a group of their own."""
    servers = [{"ServerId": f"i-bp1outside{number:08d}"} for number in range(entries)]
    scene.cloud.state.slb.add_vserver_group(f"rsp-filled{balancer[-6:]}", balancer, "legacy", servers)


def waiting(
    scene: Scene, name: str, balancer: str = SHARED, *, age: str = "", slices: bool = True, **spec: Any
) -> None:
    """Add a Service ``shop/<name>`` like ``catalog-grpc`` that waits for a load balancer."""

    def change(service: Json) -> None:
        meta = service["metadata"]
        meta["uid"] = f"uid-of-{name}"
        meta["creationTimestamp"] = age or ago(minutes=10)
        meta["labels"].pop(ID_LABEL)
        if balancer:
            meta["annotations"][PREFIX + "id"] = balancer
        else:
            del meta["annotations"][PREFIX + "id"]
        service["spec"].update(spec)
        service["status"] = {"loadBalancer": {}}

    copy(scene, SERVICES, "catalog-grpc", "shop", name, change)
    if slices:
        copy_slices(scene, "shop", "catalog-grpc", name)


def copy(scene: Scene, path: str, name: str, namespace: str, new_name: str, change: Change) -> None:
    """Add a changed copy of an object."""
    made = deepcopy(scene.kubernetes.objects.get(path, name, namespace))
    assert made is not None, (path, namespace, name)
    made["metadata"]["name"] = new_name
    change(made)
    scene.kubernetes.add(path, made)


def copy_slices(scene: Scene, namespace: str, service: str, new_service: str) -> None:
    """Give a new Service the slices of another."""
    for number, name in enumerate(slices_of(scene, namespace, service)):

        def change(piece: Json) -> None:
            piece["metadata"]["labels"]["kubernetes.io/service-name"] = new_service

        copy(scene, SLICES, name, namespace, f"{new_service}-{number}", change)


def slices_of(scene: Scene, namespace: str, service: str) -> list[str]:
    """Return the names of a Service's slices."""
    return [
        piece["metadata"]["name"]
        for piece in scene.kubernetes.objects.all(SLICES)
        if piece["metadata"]["namespace"] == namespace
        and piece["metadata"]["labels"].get("kubernetes.io/service-name") == service
    ]


def edit_slices(scene: Scene, namespace: str, service: str, change: Change) -> None:
    """Change every slice of a Service."""
    for name in slices_of(scene, namespace, service):
        scene.kubernetes.patch(SLICES, name, change, namespace)


def empty_slices(scene: Scene, namespace: str, service: str, endpoints: Sequence[Json] | None = None) -> None:
    """Take all endpoints, and so the ports, from the slices of a Service, as the controller writes them."""
    edit_slices(scene, namespace, service, lambda piece: piece.update(endpoints=endpoints, ports=None))


def edit_service(scene: Scene, namespace: str, name: str, change: Change) -> None:
    """Change a Service."""
    scene.kubernetes.patch(SERVICES, name, change, namespace)


def annotate(scene: Scene, namespace: str, name: str, **settings: str) -> None:
    """Set annotations of the CCM: underscores stand for dashes."""
    settings = {PREFIX + key.replace("_", "-"): value for key, value in settings.items()}
    edit_service(scene, namespace, name, lambda service: service["metadata"]["annotations"].update(settings))


def refuse(scene: Scene, name: str, message: str, namespace: str = "shop", *, minutes_ago: float = 5) -> None:
    """Add the event of a refused synchronisation."""
    add_event(scene, name, "SyncLoadBalancerFailed", message, namespace, minutes_ago)


def add_event(
    scene: Scene, name: str, reason: str, message: str, namespace: str = "shop", minutes_ago: float = 5
) -> None:
    """Add an event about a Service."""
    at = ago(minutes=minutes_ago)
    scene.kubernetes.add(
        EVENTS,
        {
            "metadata": {
                "name": f"{name}.{reason}.{minutes_ago}",
                "namespace": namespace,
                "uid": f"e-{name}-{reason}",
                "creationTimestamp": at,
            },
            "involvedObject": {"kind": "Service", "namespace": namespace, "name": name, "apiVersion": "v1"},
            "reason": reason,
            "message": message,
            "type": "Warning",
            "source": {"component": "service-controller"},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 3,
        },
    )


def weigh(scene: Scene, group: str, weights: Mapping[str, int]) -> None:
    """Set the weights of some servers of a group, by id."""
    for server in scene.cloud.state.slb.backends(group):
        server["Weight"] = weights.get(server["ServerId"], server["Weight"])


def gateway_weights(scene: Scene, *weights: int) -> None:
    """Set the weights of the gateway's three nodes, which host 1, 1 and 2 Pods."""
    weigh(scene, GATEWAY_GROUP, dict(zip(GATEWAY_NODES, weights, strict=True)))


def ccm(scene: Scene, version: str) -> None:
    """Set the version of the CCM wherever the cloud tells it."""
    scene.cloud.state.cs.set_addon_version(CCM, version)


def pods_of(scene: Scene, namespace: str, **labels: str) -> list[str]:
    """Return the names of the Pods with these labels."""
    return [
        pod["metadata"]["name"]
        for pod in scene.kubernetes.objects.all(PODS)
        if pod["metadata"]["namespace"] == namespace and labels.items() <= pod["metadata"].get("labels", {}).items()
    ]


def edit_pods(scene: Scene, namespace: str, change: Change, **labels: str) -> None:
    """Change every Pod with these labels."""
    for name in pods_of(scene, namespace, **labels):
        scene.kubernetes.patch(PODS, name, change, namespace)


def remove_pods(scene: Scene, namespace: str, **labels: str) -> None:
    """Remove every Pod with these labels."""
    for name in pods_of(scene, namespace, **labels):
        scene.kubernetes.remove(PODS, name, namespace)


def scale(scene: Scene, path: str, namespace: str, name: str, replicas: int) -> None:
    """Set the wanted number of Pods of a workload."""

    def change(workload: Json) -> None:
        workload["spec"]["replicas"] = replicas
        workload["status"] = {"replicas": replicas}

    scene.kubernetes.patch(path, name, change, namespace)


def place_endpoints(scene: Scene, namespace: str, service: str, nodes: Sequence[str]) -> None:
    """Give a Service one ready endpoint for each node named, as many times as it is named."""

    def change(piece: Json) -> None:
        piece["endpoints"] = [
            {
                "addresses": [f"172.20.9.{number}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": node,
                "targetRef": {"kind": "Pod", "namespace": namespace, "name": f"{service}-{number}"},
            }
            for number, node in enumerate(nodes)
        ]

    edit_slices(scene, namespace, service, change)


def dedicated_ccm(scene: Scene, image: str) -> None:
    """Run the CCM as a DaemonSet of the cluster, as on a dedicated one."""

    def change(daemonset: Json) -> None:
        daemonset["spec"]["template"]["spec"]["containers"] = [{"name": CCM, "image": image}]

    copy(scene, DAEMONSETS, "kube-flannel-ds", "kube-system", CCM, change)


def unready(piece: Json) -> None:
    """Mark all endpoints of a slice as not ready."""
    for endpoint in piece["endpoints"]:
        endpoint["conditions"] = {"ready": False, "serving": False, "terminating": False}


def crashing(pod: Json) -> None:
    """Let a Pod's containers crash."""
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition.update(status="False", reason="ContainersNotReady")
    for status in pod["status"]["containerStatuses"]:
        status.update(ready=False, state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}})


def going(pod: Json) -> None:
    """Let a Pod be deleted."""
    pod["metadata"]["deletionTimestamp"] = ago(minutes=10)


def gone(namespace: str, service: str, **labels: str) -> Scene:
    """Return a scene in which the Pods of a Service do not exist."""
    scene = Scene()
    remove_pods(scene, namespace, **labels)
    empty_slices(scene, namespace, service)
    return scene


def is_empty(report: Report, name: str, *words: str) -> ReportedFinding:
    """Assert one confirmed finding of high severity on the Service, whose message has these words."""
    finding = report.is_confirmed("Service", name)
    assert finding.severity is Severity.HIGH
    assert not report.reasons
    for word in words:
        assert word in str(finding.message), str(finding.message)
    return finding
