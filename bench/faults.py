"""Faults in a generated landscape, in one object of so many: a check that finds nothing has next to nothing to do.

They are made in the collected facts, so that their number grows with the cluster and nothing else changes with them.
What only probes can tell is made here too, as no process runs behind a generated Pod.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from auditor.facts.cloud.ecs import SecurityGroupRule
from auditor.facts.cloud.slb import AccessControlList
from auditor.facts.kubernetes.meta import Condition
from auditor.facts.kubernetes.observations import ApiHealth, ApiStage, ContainerLog, Kubeconfig, LogMatch
from auditor.facts.kubernetes.pods import (
    ContainerState,
    PodSecurityContext,
    PodStatus,
    Resources,
    WaitingState,
)
from auditor.facts.kubernetes.probes import KubeletLogRead, NodeForwarding, PodSockets, TcpProbe
from auditor.facts.kubernetes.rbac import AccessReview
from auditor.facts.kubernetes.services import LoadBalancerStatus, ServiceStatus
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, NAS_FLEX_DRIVER, FlexVolume
from auditor.facts.landscape import ClusterIdentity, Landscape, WantedIdentity, WantedRight
from auditor.facts.table import Table

Row = Any
Change = Callable[[Row], Row | None]
Test = Callable[[Row], bool]
put = msgspec.structs.replace

SINCE = datetime(2026, 11, 22, 22, 20, tzinfo=UTC)
OBSERVED_AT = datetime(2026, 11, 22, 22, 40, tzinfo=UTC)
"""When the recorded cluster was looked at, of which all others are copies."""
OUTSIDER = "i-bp1outside"
API_SERVER = "192.168.0.99:6443"
"""An address of the API server that the cluster does not have any more."""
CLIENTS = ["198.51.100.0/24"]
GROUPS = ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]
"""Those of every ServiceAccount in namespace ``ci``."""
NODES_OF_AN_IDENTITY = 25
"""For every so many nodes, somebody must be able to do something."""
FULL = (
    "0/8 nodes are available: 8 Insufficient cpu. preemption: 0/8 nodes are available: 8 No preemption victims found."
)
REFUSED = "0/8 nodes are available: 8 node(s) didn't match Pod's node affinity/selector."
UNBOUND = "0/8 nodes are available: pod has unbound immediate PersistentVolumeClaims."
ACL = AccessControlList("acl-bench", "bench", ["198.51.100.0/25"])


def spoilt(found: Landscape) -> Landscape:
    """Return the landscape with faults of most kinds."""
    tables = _Tables(found)
    _spoil_volumes(tables)
    _spoil_pods(tables)
    _spoil_services(tables)
    _spoil_ingresses(tables)
    _spoil_network(tables)
    _probe(tables)
    cluster = _wanting(tables, found.cluster)
    return Landscape(cluster, OBSERVED_AT, tables.made, found.collection)


class _Tables:
    """The tables of a landscape, to be changed."""

    def __init__(self, found: Landscape) -> None:
        self.made: dict[str, Table[Any]] = dict(found.tables)

    def rows(self, name: str) -> list[Row]:
        return list(self.made[name].all())

    def set(self, name: str, rows: Iterable[Row]) -> None:
        self.made[name] = Table(name, rows)

    def change(self, name: str, every: int, first: int, change: Change, where: Test | None = None) -> None:
        """Change one row in so many, of those for which ``where`` holds; None takes a row out."""
        table = self.made[name]
        rows: list[Row] = []
        number = 0
        for row in table.all():
            changed = row
            if where is None or where(row):
                changed = change(row) if number % every == first else row
                number += 1
            if changed is not None:
                rows.append(changed)
        asked = None if table.asked is None else set(table.asked)
        self.made[name] = Table(name, rows, gaps=table.gaps, asked=asked)


def _spoil_volumes(tables: _Tables) -> None:
    disk = "disks"
    tables.change(disk, 20, 0, lambda row: put(row, zone="cn-hangzhou-z"))
    tables.change(disk, 20, 1, lambda row: put(row, charge_type="PrePaid", portable=False))
    tables.change(disk, 20, 2, lambda _: None)
    tables.change(disk, 20, 3, lambda row: put(row, instance_id=OUTSIDER, attached_to=[OUTSIDER]))
    volume, claim = "persistent_volumes", "persistent_volume_claims"
    taken = next(row.disk_id for row in tables.rows(volume) if row.disk_id)
    tables.change(volume, 50, 7, lambda row: _with_csi(row, driver="csi.example.com"))
    tables.change(volume, 50, 8, lambda row: _with_csi(row, volume_handle=taken), lambda row: bool(row.disk_id))
    tables.change(volume, 3, 0, _as_flex, lambda row: row.spec.csi.driver == NAS_CSI_DRIVER)
    tables.made["holder_instances"] = Table("holder_instances", asked=[OUTSIDER])

    def waiting(row: Row) -> Row:
        return put(
            row,
            spec=put(row.spec, volume_name="", storage_class_name="nobody"),
            status=put(row.status, phase="Pending"),
        )

    tables.change(claim, 50, 9, waiting)
    tables.change("csi_nodes", 50, 9, lambda row: put(row, spec=put(row.spec, drivers=[])))
    tables.change("nas_access_rules", 1, 0, lambda row: put(row, rules=row.rules[:1]))


def _with_csi(row: Row, **fields: Any) -> Row:
    return put(row, spec=put(row.spec, csi=put(row.spec.csi, **fields)))


def _as_flex(row: Row) -> Row:
    attributes = row.spec.csi.volume_attributes or {}
    options = {"server": attributes.get("server", ""), "path": attributes.get("path", "/")}
    return put(row, spec=put(row.spec, csi=None, flex=FlexVolume(NAS_FLEX_DRIVER, options)))


def _spoil_pods(tables: _Tables) -> None:
    """Let Pods wait for nodes, for volumes, or for themselves."""
    name = "pods"
    is_of_an_application = lambda row: row.namespace != "kube-system" and bool(row.node_name)  # noqa: E731
    for first, message in enumerate((FULL, FULL, REFUSED, UNBOUND)):

        def wait(row: Row, message: str = message, large: bool = first == 0) -> Row:
            containers = row.spec.containers
            if large:
                containers = [put(containers[0], resources=Resources(requests={"cpu": "64"})), *containers[1:]]
            scheduled = Condition("PodScheduled", "False", "Unschedulable", message, SINCE)
            spec = put(row.spec, node_name="", containers=containers)
            return put(row, spec=spec, status=PodStatus(phase="Pending", conditions=[scheduled]))

        tables.change(name, 200, first, wait, is_of_an_application)

    def starting(row: Row) -> Row:
        creating = ContainerState(waiting=WaitingState(reason="ContainerCreating"))
        statuses = [put(one, ready=False, state=creating) for one in row.status.container_statuses or ()]
        conditions = [Condition("PodScheduled", "True", "", "", SINCE), Condition("Ready", "False", "", "", SINCE)]
        spec = put(row.spec, security_context=PodSecurityContext(fs_group=2000))
        return put(
            row, spec=spec, status=put(row.status, phase="Pending", conditions=conditions, container_statuses=statuses)
        )

    has_claim = lambda row: any(one.claim for one in row.spec.volumes or ()) and bool(row.node_name)  # noqa: E731
    tables.change(name, 5, 0, starting, has_claim)

    def unready(row: Row) -> Row:
        conditions = [put(one, status="False") if one.type == "Ready" else one for one in row.status.conditions or ()]
        return put(row, status=put(row.status, conditions=conditions))

    tables.change(name, 50, 11, unready, is_of_an_application)


def _spoil_services(tables: _Tables) -> None:
    service = "services"
    has_selector = lambda row: bool(row.spec.selector)  # noqa: E731
    tables.change(service, 25, 0, lambda row: put(row, spec=put(row.spec, selector={"app": "nobody"})), has_selector)
    tables.change(service, 25, 1, lambda row: put(row, spec=put(row.spec, session_affinity="ClientIP")), has_selector)
    aims = lambda row: put(row, spec=put(row.spec, ports=[put(one, target_port=9) for one in row.ports]))  # noqa: E731
    tables.change(service, 25, 2, aims, has_selector)
    is_exposed = lambda row: row.spec.type == "LoadBalancer"  # noqa: E731
    tables.change(service, 40, 3, lambda row: put(row, status=ServiceStatus(LoadBalancerStatus())), is_exposed)
    empty = {row.key for row in tables.rows(service) if row.spec.selector == {"app": "nobody"}}
    is_of_one = lambda row: row.service_key in empty  # noqa: E731
    tables.change("endpoint_slices", 1, 0, lambda row: put(row, endpoints=None, ports=None), is_of_one)
    heavy = lambda row: put(row, backends=[put(one, weight=100) for one in row.backends])  # noqa: E731
    tables.change("group_backends", 10, 4, heavy)
    on = {"acl_status": "on", "acl_type": "white", "acl_ids": [ACL.id]}
    tables.change("listeners", 10, 5, lambda row: put(row, **on))
    tables.change("listeners", 10, 6, lambda row: put(row, persistence_seconds=1800))
    tables.set("access_control_lists", [*tables.rows("access_control_lists"), ACL])


def _spoil_ingresses(tables: _Tables) -> None:
    def admitting(row: Row) -> Row:
        listed = {"nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/8"}
        return put(row, metadata=put(row.metadata, annotations={**row.annotations, **listed}))

    tables.change("ingresses", 10, 0, admitting)
    tables.change("ingresses", 10, 1, lambda row: put(row, spec=put(row.spec, ingress_class_name="nobody")))


def _spoil_network(tables: _Tables) -> None:
    """Let the nodes' group drop what goes to some load balancers, and take routes away."""
    drop = SecurityGroupRule("sgr-bench", "egress", "Drop", 1, "TCP", "9090/9090", peer_cidr="0.0.0.0/0")
    nas = SecurityGroupRule("sgr-nas", "egress", "Drop", 1, "TCP", "2049/2049", peer_cidr="0.0.0.0/0")
    tables.change("security_group_rules", 1, 0, lambda row: put(row, rules=[drop, nas, *row.rules]))
    fewer = lambda row: put(row, entries=[one for n, one in enumerate(row.entries) if n % 50])  # noqa: E731
    tables.change("route_entries", 1, 0, fewer)
    tables.change("slb_quotas", 1, 0, lambda row: put(row, limit=60.0))
    tables.change("scaling_groups", 1, 0, lambda row: put(row, lifecycle_state="Inactive"))


def _probe(tables: _Tables) -> None:
    """Let the probes have been there."""
    nodes = [row.name for row in tables.rows("nodes")]
    pods = [row for row in tables.rows("pods") if row.status.pod_ip and not row.spec.host_network]
    off = {name: number % 50 == 0 for number, name in enumerate(nodes)}
    tables.set("node_forwarding", [NodeForwarding(name, not off[name], {}, "ACCEPT", True) for name in nodes])
    timeout = "Get https://192.168.0.11:10250/containerLogs: dial tcp 192.168.0.11:10250: i/o timeout"
    reads = [
        KubeletLogRead(name, "kube-system/csi-plugin", timeout if off[name] else "", 500 if off[name] else 200)
        for name in nodes
    ]
    tables.set("kubelet_log_reads", reads)
    asked = [(pod, number % 10 == 0) for number, pod in enumerate(pods[::10])]
    of_loopback = {True: ("127.0.0.1", "refused"), False: ("0.0.0.0", "ok")}
    sockets = [
        PodSockets(pod.key, pod.spec.containers[0].name, [f"{of_loopback[own][0]}:{port}" for port in _ports(pod)])
        for pod, own in asked
    ]
    tables.set("pod_sockets", sockets)
    probes = [
        TcpProbe(pod.status.pod_ip, port, of_loopback[own][1], "vpc") for pod, own in asked for port in _ports(pod)
    ]
    tables.set("tcp_probes", {probe.key: probe for probe in probes}.values())
    match = LogMatch("disk-attached-elsewhere", "AttachDisk: is already attached to instance", SINCE)
    logs = [
        ContainerLog(pod.key, "csi-plugin", "csi-plugin", [match] if number % 10 == 0 else [], 100)
        for number, pod in enumerate(pod for pod in tables.rows("pods") if pod.name.startswith("csi-plugin-"))
    ]
    names = (pod.key for pod in tables.rows("pods") if pod.name.startswith("cluster-autoscaler-"))
    logs += [ContainerLog(name, "cluster-autoscaler", "cluster-autoscaler", [], 100) for name in names]
    tables.set("container_logs", logs)
    tables.set("kubeconfigs", [Kubeconfig(f"https://{API_SERVER}", "file")])
    stages = {"name": "ok", "tcp": "ok", "tls": "ok", "authentication": "ok", "authorization": "ok", "server": "ok"}
    tables.set("api_stages", [ApiStage(API_SERVER, name, outcome, is_own=True) for name, outcome in stages.items()])
    tables.set("api_health", [ApiHealth(path, 200, 0.002, []) for path in ("/livez", "/readyz")])


def _ports(pod: Row) -> list[int]:
    return [port.container_port for container in pod.spec.containers for port in container.ports or ()]


def _wanting(tables: _Tables, cluster: ClusterIdentity) -> ClusterIdentity:
    """Return the cluster with people who must be able to do something; some of them may not."""
    right = WantedRight(["create", "patch"], "deployments", "apps", "shop")
    users = [f"system:serviceaccount:ci:deployer-{n}" for n in range(len(tables.rows("nodes")) // NODES_OF_AN_IDENTITY)]
    reviews = [
        AccessReview(user, GROUPS, verb, right.group, right.resource, right.namespace, allowed=number % 2 == 0)
        for number, user in enumerate(users)
        for verb in right.verbs
    ]
    tables.set("access_reviews", reviews)
    return put(cluster, client_cidrs=CLIENTS, identities=[WantedIdentity([right], user) for user in users])
