"""A large cluster, made of copies of the recorded healthy one.

Nodes come in groups of eight: a copy of each recorded node, with the DaemonSets' Pods on it. Applications come in
copies of the recorded namespaces, with their workloads, Pods, Services and endpoints; each runs on one group of
nodes. Some copies have volumes, and some have load balancers, with all that belongs to them on the cloud side.
What the recorded cluster has once (``kube-system``, the API server, the network) stays there once.
"""

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from itertools import chain
from typing import Any

from bench.template import NAMESPACES, Copy, Template
from tests.fakes.cloud import CloudState
from tests.fakes.kubernetes import recorded

Json = dict[str, Any]

PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
SERVICES = "/api/v1/services"
VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
EVENTS = "/api/v1/events"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"

EVERY_EVENT = 10
"""The recorded cluster is young: of its events, each tenth is copied, which makes about one for each Pod."""
ON_EVERY_NODE = ("syslog-gateway",)
"""DaemonSets with a Service: both are there once, with endpoints on all nodes."""
LABEL = "service.k8s.alibaba/loadbalancer-id"


class Scope(Enum):
    """How often a recorded object is there."""

    GROUP = auto()
    COPY = auto()
    ONCE = auto()


@dataclass(frozen=True)
class Size:
    """How large a cluster is wanted. What is made differs a little, as groups and copies are whole."""

    nodes: int
    pods: int
    services: int
    """Those with a load balancer."""
    volumes: int

    def of_half(self) -> "Size":
        """Return half the size."""
        return Size(self.nodes // 2, self.pods // 2, self.services // 2, self.volumes // 2)


class Cluster:
    """A generated cluster."""

    def __init__(self, size: Size, *, brief: bool = False) -> None:
        """Take the size; objects are made when they are asked for.

        ``brief`` leaves out ``managedFields``, a third of most objects, which nobody reads.
        """
        self._lists = recorded.lists()
        for thing in chain.from_iterable(loaded["items"] for loaded in self._lists.values()) if brief else ():
            thing["metadata"].pop("managedFields", None)
        self._addresses = _addresses(self._items(NODES))
        self.groups = math.ceil(size.nodes / len(self._addresses))
        for_group, for_copy, once = (
            len([pod for pod in self._items(PODS) if _scope(PODS, pod) is scope]) for scope in Scope
        )
        self.copies = max(1, round((size.pods - self.groups * for_group - once) / for_copy))
        exposed_once = sum(
            _is_exposed(thing) and _scope(SERVICES, thing) is Scope.ONCE for thing in self._items(SERVICES)
        )
        exposed = sum(_is_exposed(thing) for thing in self._items(SERVICES)) - exposed_once
        self._exposed = min(self.copies, max(0, math.ceil((size.services - exposed_once) / exposed)))
        self._with_volumes = min(self.copies, math.ceil(size.volumes / len(self._items(VOLUMES))))

    def lists(self) -> dict[str, tuple[str, str, Iterator[str]]]:
        """Return the Kubernetes lists by path: kind and version of the list, and the JSON text of each item."""
        return {path: self.list_of(path) for path in self._lists}

    def list_of(self, path: str) -> tuple[str, str, Iterator[str]]:
        """Return one of them, from its beginning."""
        loaded = self._lists[path]
        return str(loaded["kind"]), str(loaded["apiVersion"]), self._texts(path)

    def kind_of(self, path: str) -> tuple[str, str]:
        """Return kind and version of one of them."""
        loaded = self._lists[path]
        return str(loaded["kind"]), str(loaded["apiVersion"])

    @cached_property
    def cloud(self) -> CloudState:
        """The cloud account."""
        state = CloudState.recorded()
        clone = self._clone
        ecs, slb, nas = state.ecs, state.slb, state.nas
        roles = ecs.instance_roles
        ecs.instances = clone(ecs.instances, "InstanceId", lambda _: self._group_copies)
        ecs.instance_roles = {
            copied.renamed("machine", name): role for copied in self._group_copies for name, role in roles.items()
        }
        ecs.network_interfaces = clone(
            ecs.network_interfaces, "NetworkInterfaceId", lambda row: self._groups_if(row["InstanceId"])
        )
        handles = {volume["spec"]["csi"]["volumeHandle"] for volume in self._items(VOLUMES)}
        ecs.disks = clone(
            {key: disk for key, disk in ecs.disks.items() if key in handles},
            "DiskId",
            lambda _: self._app_copies[: self._with_volumes],
        )
        ecs.security_groups = Template.of(ecs.security_groups).load(self._once)
        state.vpc.vswitches = Template.of(state.vpc.vswitches).load(self._once)
        for table, routes in state.vpc.route_entries.items():
            copied_routes = (
                Template.of(route).load(one) for route in routes for one in self._groups_if(_leads_to_a_node(route))
            )
            state.vpc.route_entries[table] = list(copied_routes)
        state.cs.clusters = Template.of(state.cs.clusters).load(self._once)
        nas.access_rules = Template.of(nas.access_rules).load(self._once)
        for listener in slb.listeners.values():
            listener["Scheduler"] = "wrr"
        copied = {
            service["metadata"]["labels"][LABEL]
            for service in self._items(SERVICES)
            if _is_exposed(service) and _scope(SERVICES, service) is Scope.COPY
        }

        def of_balancer(row: Json) -> list[Copy]:
            return self._app_copies[: self._exposed] if row["LoadBalancerId"] in copied else [self._once]

        slb.acls = Template.of(slb.acls).load(self._once)
        for points in state.cms.points.values():
            rows = [({"LoadBalancerId": key}, series) for key, series in points.items()]
            names = {one.renamed("resource", row["LoadBalancerId"]): s for row, s in rows for one in of_balancer(row)}
            points.update(names)
        slb.load_balancers = clone(slb.load_balancers, "LoadBalancerId", of_balancer)
        everywhere = {
            key: Template.of(group["BackendServers"]["BackendServer"])
            for key, group in slb.vserver_groups.items()
            if _service_of(group) in ON_EVERY_NODE
        }
        weighted = {key: self._weighted(group) for key, group in slb.vserver_groups.items()}
        slb.vserver_groups = clone(weighted, "VServerGroupId", of_balancer)
        for key, entries in everywhere.items():
            slb.set_backends(key, [entry for group in self._group_copies for entry in entries.load(group)])
        listeners = (Template.of(row).load(c) for row in slb.listeners.values() for c in of_balancer(row))
        slb.listeners = {f"{r['LoadBalancerId']}/{r['ListenerPort']}/{r['ListenerProtocol']}": r for r in listeners}
        for key, quota in state.quotas.quotas.items():
            if key.startswith("slb/"):
                quota["TotalQuota"] = 1_000_000.0  # a DaemonSet's Service has an entry for each node
        return state

    def recorded(self, path: str) -> list[Json]:
        """Return the items of one of them as they were recorded: what is there once is so in the large cluster too."""
        return self._items(path)

    def _items(self, path: str) -> list[Json]:
        items: list[Json] = self._lists[path]["items"]
        return items

    @cached_property
    def _once(self) -> Copy:
        return Copy(0, 0, self._addresses)

    @cached_property
    def _group_copies(self) -> list[Copy]:
        return [Copy(number, number, self._addresses, is_of_nodes=True) for number in range(self.groups)]

    @cached_property
    def _app_copies(self) -> list[Copy]:
        return [Copy(number, number % self.groups, self._addresses) for number in range(self.copies)]

    def _groups_if(self, is_of_node: object) -> list[Copy]:
        return self._group_copies if is_of_node else [self._once]

    def _texts(self, path: str) -> Iterator[str]:
        # In the order of the copies, so that neighbours in a list are of one namespace, as in a real one.
        things = self._items(path)
        if path == EVENTS:
            things = things[::EVERY_EVENT]
        scoped = [(_scope(path, thing), thing) for thing in things]
        once = [Template.of(_edited(path, thing)) for scope, thing in scoped if scope is Scope.ONCE]
        of_groups = [Template.of(_edited(path, thing)) for scope, thing in scoped if scope is Scope.GROUP]
        of_copies = [
            (Template.of(_edited(path, t)), Template.of(_reduced(path, t))) for s, t in scoped if s is Scope.COPY
        ]
        full = {SERVICES: self._exposed, PODS: self._with_volumes}.get(path, self.copies)
        last = self._with_volumes if path in (VOLUMES, CLAIMS, ATTACHMENTS) else self.copies
        return chain(
            (template.text(self._once) for template in once),
            (template.text(group) for group in self._group_copies for template in of_groups),
            (
                (whole if app.number < full else reduced).text(app)
                for app in self._app_copies[:last]
                for whole, reduced in of_copies
            ),
        )

    def _clone(self, rows: dict[str, Json], key: str, copies: Callable[[Json], list[Copy]]) -> dict[str, Json]:
        made = (Template.of(row).load(copied) for row in rows.values() for copied in copies(row))
        return {row[key]: row for row in made}

    def _weighted(self, group: Json) -> Json:
        """Return a server group with one entry for each node that hosts a Pod of its Service, weighted by Pods."""
        service = _service_of(group)
        if not service:
            return group
        pods = self._pods_by_address(service)
        entries = group["BackendServers"]["BackendServer"]
        kept = [{**entry, "Weight": pods[entry["ServerIp"]]} for entry in entries if entry["ServerIp"] in pods]
        return {**group, "BackendServers": {"BackendServer": kept}}

    def _pods_by_address(self, service: str) -> Counter[str]:
        addresses = {node["metadata"]["name"]: _address(node) for node in self._items(NODES)}
        return Counter(
            addresses[endpoint["nodeName"]]
            for piece in self._items(SLICES)
            if piece["metadata"]["labels"]["kubernetes.io/service-name"] == service
            for endpoint in piece["endpoints"]
        )


def _addresses(nodes: list[Json]) -> dict[str, tuple[int, int]]:
    """Return the recorded nodes' addresses, with zone and place; the zone shows in the third part."""
    return {
        address: (int(address.split(".")[2]), place) for place, address in enumerate(_address(node) for node in nodes)
    }


def _address(node: Json) -> str:
    return next(str(entry["address"]) for entry in node["status"]["addresses"] if entry["type"] == "InternalIP")


def _scope(path: str, thing: Json) -> Scope:
    meta = thing["metadata"]
    owners = [owner["kind"] for owner in meta.get("ownerReferences", ())]
    service = meta.get("labels", {}).get("kubernetes.io/service-name")
    if path in (NODES, CSI_NODES) or "DaemonSet" in owners or (path == SLICES and service in ON_EVERY_NODE):
        return Scope.GROUP
    if path in (VOLUMES, ATTACHMENTS):
        return Scope.COPY
    is_copied = meta.get("namespace") in NAMESPACES and meta["name"] not in ON_EVERY_NODE
    return Scope.COPY if is_copied else Scope.ONCE


def _is_exposed(service: Json) -> bool:
    return bool(service["spec"]["type"] == "LoadBalancer")


def _leads_to_a_node(route: Json) -> bool:
    return any(hop["NextHopType"] == "Instance" for hop in route["NextHops"]["NextHop"])


def _service_of(group: Json) -> str:
    """Return the Service of a server group, by the name that the CCM gave it: ``k8s/<port>/<service>/…``."""
    parts = group["VServerGroupName"].split("/")
    return parts[2] if len(parts) > 2 else ""


def _edited(path: str, thing: Json) -> Json:
    """Return an object as a large cluster has it."""
    if path == SERVICES and _is_exposed(thing):
        # All nodes behind each load balancer would be more than its quota.
        return {**thing, "spec": {**thing["spec"], "externalTrafficPolicy": "Local"}}
    if path == NODES:
        return {**thing, "status": {**thing["status"], "volumesInUse": [], "volumesAttached": []}}
    return thing


def _reduced(path: str, thing: Json) -> Json:
    """Return an object as it is in copies without volumes, or without load balancers."""
    if path == PODS:
        claimed = {volume["name"] for volume in thing["spec"]["volumes"] if "persistentVolumeClaim" in volume}
        spec = copy.deepcopy(thing["spec"])
        spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] not in claimed]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            mounts = container.get("volumeMounts", ())
            container["volumeMounts"] = [mount for mount in mounts if mount["name"] not in claimed]
        return {**thing, "spec": spec}
    if path == SERVICES and _is_exposed(thing):
        meta = {key: thing["metadata"][key] for key in ("name", "namespace", "uid", "creationTimestamp")}
        spec = {key: thing["spec"][key] for key in ("selector", "clusterIP", "clusterIPs", "sessionAffinity")}
        ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in thing["spec"]["ports"]]
        return {"metadata": meta, "spec": {**spec, "type": "ClusterIP", "ports": ports}, "status": {"loadBalancer": {}}}
    return thing
