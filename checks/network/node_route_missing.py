"""The VPC has no route to a node's Pods.

With ACK's Flannel each node has a range of addresses for its Pods, and the cloud controller manager writes a route for
it into the VPC's route table, with the node's instance as next hop. If that route is missing, not in force or leads to
another machine, Pods of this node are reached from no other node and from nowhere else in the VPC, while traffic on
the node itself works. It is lost when somebody tidies up routes, when the table is full, when the cloud controller
manager is not well, and when a vSwitch is bound to a route table of its own that nobody told it of.
"""

import ipaddress
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.vpc import RouteEntry
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.joins.pod_routes import PodRoute, PodRoutes
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    NotApplicable,
    Passed,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    ok,
    said,
    step,
    t,
)

check = Check(
    severity=Severity.HIGH,
    causes=("N12",),
    since="0.1.0",
    symptoms=("pod-unreachable",),
    limits=(
        (
            "Only IPv4 ranges are looked at, in the route table of the node's own vSwitch; a narrower route that takes "
            "away a part of a range is not."
        ),
        "Whether the node passes packets on to its Pods is told by network/node-forwarding-disabled.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/use-the-flannel-plug-in",
    ),
)

FLANNEL_CONFIG = "kube-system/kube-flannel-cfg"
BY_ROUTES = ("alloc", "ali-vpc", "")
"""The ways of Flannel in which the VPC's routes carry the Pods' traffic; in others, tunnels between the nodes do."""
SETTLED = timedelta(minutes=5)
"""How long a new node may be without its route."""
INSTANCE, INTERFACE = "Instance", "NetworkInterface"
AVAILABLE = "Available"
CHANGING = ("Pending", "Modifying")
"""States of a route that is being written, which pass by themselves unless they stay."""


def subjects(nodes: Table[Node]) -> Iterable[Node]:
    return [node for node in nodes.known_rows() if not node.is_virtual]


def judge(
    node: Node,
    cluster_networks: ClusterNetworks,
    node_instances: NodeInstances,
    pod_routes: PodRoutes,
    config_maps: Table[ConfigMap],
    clusters: Table[Cluster],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Verdict:
    if node.instance_id is None:
        return NotApplicable(t("node {node} is no ECS instance", node=node.name))
    if cluster_networks.is_terway():
        return NotApplicable(t("with Terway Pods have addresses of vSwitches, which need no route"))
    pod_range = _pod_range(node)
    if not pod_range:
        return NotApplicable(t("node {node} has no IPv4 range for Pods", node=node.name))
    instance = node_instances.of(node)
    if instance is None:
        return NotApplicable(t("the instance of node {node} no longer exists", node=node.name))
    route = pod_routes.of(instance, pod_range)
    fault = _fault(route, instance, pod_range)
    if fault is None:
        return Passed()
    created = node.metadata.creation_timestamp
    if created is not None and observed_at - created < SETTLED:
        return NotApplicable(t("node {node} joined a moment ago; its route may be on the way", node=node.name))
    backend = _backend(clusters, config_maps, cluster)
    if backend is None:
        return NotApplicable(t("nothing says that the Pods' traffic goes by the VPC's routes"))
    if backend not in BY_ROUTES:
        return NotApplicable(t("Flannel carries the Pods' traffic by {backend}, not by routes", backend=backend))
    return _finding(node, instance, pod_range, route, fault, cluster.region)


def _pod_range(node: Node) -> str:
    ranges = [node.spec.pod_cidr, *(node.spec.pod_cidrs or ())]
    return next((one for one in ranges if one and ":" not in one), "")


def _backend(clusters: Table[Cluster], config_maps: Table[ConfigMap], cluster: ClusterIdentity) -> str | None:
    """Return how Flannel carries the Pods' traffic; None if nothing says that there is Flannel. Raises NotKnown."""
    row = config_maps.get(FLANNEL_CONFIG)
    if row is None:
        described = clusters.get(cluster.cluster_id)
        is_flannel = described is not None and "flannel" in (described.network or "").lower()
        return "" if is_flannel else None
    try:
        config = json.loads((row.data or {}).get("net-conf.json", "{}"))
        kind = config.get("Backend", {}).get("Type", "")
    except (ValueError, AttributeError):
        return ""  # ACK's own default is routes
    return str(kind).lower()


def _fault(route: PodRoute, instance: Instance, pod_range: str) -> str | None:
    """Return what is wrong with the route; None if it leads to the node and is in force."""
    entry = route.entry
    if entry is None:
        return "missing"
    if not _leads_to(entry, instance):
        # A wider route that leads elsewhere is another one: the node's own is missing.
        is_own = ipaddress.ip_network(entry.destination, strict=False) == ipaddress.ip_network(pod_range, strict=False)
        return "wrong-next-hop" if is_own else "missing"
    return None if (entry.status or AVAILABLE) == AVAILABLE else "not-available"


def _leads_to(entry: RouteEntry, instance: Instance) -> bool:
    return any(
        (hop.type == INSTANCE and hop.id == instance.id)
        or (hop.type == INTERFACE and hop.id in _interfaces_of(instance))
        for hop in entry.next_hops
    )


def _interfaces_of(instance: Instance) -> list[str]:
    what = t("the network interfaces of instance {instance}", instance=instance.id)
    return said(instance.network_interface_ids, "ecs", what)


def _finding(node: Node, instance: Instance, pod_range: str, route: PodRoute, fault: str, region: str) -> Finding:
    entry = route.entry
    hops = [f"{hop.type} {hop.id}".strip() for hop in entry.next_hops] if entry else []
    evidence: dict[str, Evidence] = {
        "pod_range": pod_range,
        "instance": instance.id,
        "vswitch": instance.vswitch_id,
        "route_table": route.table.id,
        "route": entry.destination if entry else None,
        "route_status": entry.status if entry else None,
        "next_hops": hops,
    }
    is_changing = fault == "not-available" and entry is not None and entry.status in CHANGING
    message, detail = _words(node, instance, pod_range, route, fault, hops)
    return Finding(
        subject=node.ref,
        fault=fault,
        certainty=Certainty.LIKELY if is_changing else Certainty.CONFIRMED,
        message=message,
        trail=(
            ok(node.ref, t("Pods have addresses of {range}", range=pod_range)),
            ok(instance.ref, t("vSwitch {vswitch}", vswitch=instance.vswitch_id or "")),
            broken(route.table.ref, detail),
        ),
        evidence=evidence,
        remedy=_remedy(instance, pod_range, route, fault, region),
    )


def _words(
    node: Node, instance: Instance, pod_range: str, route: PodRoute, fault: str, hops: list[str]
) -> tuple[Text, Text]:
    match fault:
        case "wrong-next-hop":
            return (
                t(
                    "route table {table} sends {range}, the Pods of node {node}, to {hops} and not to its instance "
                    "{instance}",
                    table=route.table.id,
                    range=pod_range,
                    node=node.name,
                    hops=hops,
                    instance=instance.id,
                ),
                t("the next hop of {range} is {hops}", range=pod_range, hops=hops),
            )
        case "not-available":
            status = (route.entry.status if route.entry else None) or ""
            return (
                t(
                    "the route of {range}, the Pods of node {node}, in route table {table} is not in force: {status}",
                    range=pod_range,
                    node=node.name,
                    table=route.table.id,
                    status=status,
                ),
                t("the route of {range} is {status}", range=pod_range, status=status),
            )
    return (
        t(
            "route table {table} has no route of {range}, the Pods of node {node}: other nodes can't reach them",
            table=route.table.id,
            range=pod_range,
            node=node.name,
        ),
        t("no route of {range}", range=pod_range),
    )


def _remedy(instance: Instance, pod_range: str, route: PodRoute, fault: str, region: str) -> tuple[Step, ...]:
    table = ("--RegionId", region, "--RouteTableId", route.table.id)
    confirm = step(
        t("Confirm: see the routes of the table."),
        *("aliyun", "vpc", "DescribeRouteEntryList", *table, "--DestinationCidrBlock", pod_range),
    )
    events = step(
        t("See why the cloud controller manager did not write it: quota, permission, a conflicting route."),
        *("kubectl", "get", "events", "-A", "--field-selector", "reason=CreateRouteFailed"),
    )
    create = ("aliyun", "vpc", "CreateRouteEntry", *table, "--DestinationCidrBlock", pod_range)
    to_instance = ("--NextHopType", INSTANCE, "--NextHopId", instance.id)
    if fault == "wrong-next-hop":
        return (
            confirm,
            step(
                t(
                    "Find out what the other machine is: if it is gone or is no node of this range, delete the route; "
                    "its traffic stops at that moment. The cloud controller manager then writes the right one."
                ),
                *("aliyun", "vpc", "DeleteRouteEntry", *table, "--DestinationCidrBlock", pod_range),
                *("--NextHopId", route.entry.next_hops[0].id if route.entry and route.entry.next_hops else "<hop>"),
            ),
            events,
        )
    return (
        confirm,
        events,
        step(
            t(
                "If it is not written by itself within minutes, make it: it breaks nothing, for the range is this "
                "node's alone. Where the vSwitch has a route table of its own, tell the cloud controller manager of "
                "that table too."
            ),
            *(*create, *to_instance),
        ),
    )
