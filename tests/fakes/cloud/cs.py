"""Container Service (product ``cs``): clusters, node pools, nodes and add-ons. Operations are paths."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import only
from tests.fakes.cloud.paging import Page, by_number, by_token
from tests.fakes.cloud.wire import Json, Parameters, not_found

LISTED_WITHOUT = (
    "auto_mode",
    "control_plane_config",
    "control_plane_endpoints_config",
    "extra_sans",
    "node_cidr_mask",
    "parameters",
    "rrsa_config",
)
"""What DescribeClusterDetail says of a cluster, and the list of clusters does not."""


@dataclass
class CsState:
    """What Container Service knows; all but the clusters first by cluster id.

    Attributes:
        clusters: by id, in the form of DescribeClusterDetail.
        node_pools: by node pool id, in the form of DescribeClusterNodePools.
        nodes: by instance id, in the form of DescribeClusterNodes.
        addons: by name, in the form of GetClusterAddonInstance as far as it is known.
        addon_versions: the answer of DescribeClusterAddonsVersion.
        resources: the answer of DescribeClusterResources.
        kubeconfigs: the kubeconfig that DescribeClusterUserKubeconfig hands out.
        events: the events of DescribeClusterEvents, the newest first.
        tasks: the tasks of DescribeClusterTasks, the newest first.
        logs: the answer of CheckControlPlaneLogEnable; a cluster without one has the logs switched off.
        checks: the checks of ListClusterChecks.
        user_quota: the answer of DescribeUserQuota, of the account.
        permissions: the answer of DescribeUserPermission, by user id.
    """

    clusters: dict[str, Json] = field(default_factory=dict)
    node_pools: dict[str, dict[str, Json]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Json]] = field(default_factory=dict)
    addons: dict[str, dict[str, Json]] = field(default_factory=dict)
    addon_versions: dict[str, Json] = field(default_factory=dict)
    resources: dict[str, list[Json]] = field(default_factory=dict)
    kubeconfigs: dict[str, str] = field(default_factory=dict)
    events: dict[str, list[Json]] = field(default_factory=dict)
    tasks: dict[str, list[Json]] = field(default_factory=dict)
    logs: dict[str, Json] = field(default_factory=dict)
    checks: dict[str, list[Json]] = field(default_factory=dict)
    user_quota: Json = field(default_factory=lambda: {"quotas": {}})
    permissions: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "CsState":
        """Return the recorded state."""
        state = cls()
        for cluster in recorded.answers("cs", "DescribeClusterDetail"):
            key = cluster["cluster_id"]
            pools = recorded.answer(f"cs/DescribeClusterNodePools.{key}.json")["nodepools"]
            nodes = recorded.answer(f"cs/DescribeClusterNodes.{key}.json")["nodes"]
            addons = recorded.answer(f"cs/ListClusterAddonInstances.{key}.json")["addons"]
            state.clusters[key] = cluster
            state.node_pools[key] = {pool["nodepool_info"]["nodepool_id"]: pool for pool in pools}
            state.nodes[key] = {node["instance_id"]: node for node in nodes}
            state.addons[key] = {addon["name"]: addon for addon in addons}
            state.addon_versions[key] = recorded.answer(f"cs/DescribeClusterAddonsVersion.{key}.json")
            state.resources[key] = recorded.answer(f"cs/DescribeClusterResources.{key}.json")
            for addon in recorded.answers("cs", f"GetClusterAddonInstance.{key}"):
                state.addons[key][addon["name"]] |= addon
            state.events[key] = recorded.answer(f"cs/DescribeClusterEvents.{key}.json")["events"]
            state.tasks[key] = recorded.answer(f"cs/DescribeClusterTasks.{key}.json")["tasks"]
            state.logs[key] = recorded.answer(f"cs/CheckControlPlaneLogEnable.{key}.json")
            state.checks[key] = recorded.answer(f"cs/ListClusterChecks.{key}.json")["checks"]
        state.user_quota = recorded.answer("cs/DescribeUserQuota.json")
        for name in sorted(path.name for path in (recorded.FOLDER / "cs").glob("DescribeUserPermission.*")):
            state.permissions[name.split(".")[1]] = recorded.answer(f"cs/{name.removesuffix('.gz')}")
        return state

    @property
    def cluster_id(self) -> str:
        """The id of the first cluster."""
        return next(iter(self.clusters))

    def set_addon_version(self, name: str, version: str) -> None:
        """Set the version of an add-on of the first cluster in every answer that tells it, adding it if need be."""
        key = self.cluster_id
        addon = self.addons[key].setdefault(name, {"name": name, "state": "active", "config": "{}"})
        addon["version"] = version
        brief = self.addon_versions[key].setdefault(name, {"component_name": name, "exist": True})
        brief |= {"version": version, "next_version": version}
        meta: Json = json.loads(self.clusters[key]["meta_data"])
        others = [entry for entry in meta.get("Addons", []) if entry["name"] != name]
        meta["Addons"] = [*others, {"config": "", "disabled": False, "name": name, "version": version}]
        meta[f"{name}Version"] = version
        self.clusters[key]["meta_data"] = json.dumps(meta)

    def add_node(self, instance_id: str, *, like: str, private_ip: str, **fields: Any) -> Json:
        """Add a copy of a node to its cluster."""
        cluster_id = next(key for key, nodes in self.nodes.items() if like in nodes)
        node = copy.deepcopy(self.nodes[cluster_id][like])
        region = self.clusters[cluster_id]["region_id"]
        node |= {"instance_id": instance_id, "ip_address": [private_ip], "node_name": f"{region}.{private_ip}"}
        self.nodes[cluster_id][instance_id] = node | fields
        self.clusters[cluster_id]["size"] = len(self.nodes[cluster_id])
        return self.nodes[cluster_id][instance_id]

    def add_event(self, event_id: str, kind: str, message: str, **data: str) -> Json:
        """Add the newest event of the first cluster; ``data`` is its level (``info`` unless given) and its reason."""
        event: Json = {
            "cluster_id": self.cluster_id,
            "data": {"level": "info", "message": message, "reason": "", **data},
            "event_id": event_id,
            "source": "",
            "subject": self.cluster_id,
            "time": "2026-11-22T23:00:00Z",
            "type": kind,
        }
        self.events.setdefault(self.cluster_id, []).insert(0, event)
        return event

    def add_task(self, task_id: str, kind: str, state: str, error: Json | None = None) -> Json:
        """Add the newest task of the first cluster; an error has a code and a message."""
        task: Json = {
            "created": "2026-11-23T07:00:00+08:00",
            "state": state,
            "task_id": task_id,
            "task_type": kind,
            "updated": "2026-11-23T07:01:00+08:00",
            **({"error": error} if error else {}),
        }
        self.tasks.setdefault(self.cluster_id, []).insert(0, task)
        return task

    def set_quota(self, code: str, limit: int) -> None:
        """Set a quota of the account, in the map of quotas and, where it stands there too, beside it."""
        entry = self.user_quota.setdefault("quotas", {}).setdefault(
            code, {"operation_code": "", "adjustable": True, "unit": ""}
        )
        entry["quota"] = str(limit)
        if code in self.user_quota:
            self.user_quota[code] = limit

    def grant(self, uid: str, resource_id: str, role_type: str) -> Json:
        """Give a user a role in a cluster (``c1…``), in a namespace (``c1…/shop``), or in ``all-clusters``."""
        kind = "console" if resource_id == "all-clusters" else "namespace" if "/" in resource_id else "cluster"
        entry = {
            "resource_id": resource_id,
            "resource_type": kind,
            "role_name": f"cs:ns:{role_type}" if kind == "namespace" else f"cs:{role_type}",
            "role_type": role_type,
            "is_owner": 0,
            "is_ram_role": 0,
        }
        self.permissions.setdefault(uid, []).append(entry)
        return entry

    def remove_node(self, instance_id: str) -> None:
        """Remove a node from its cluster."""
        cluster_id = next(key for key, nodes in self.nodes.items() if instance_id in nodes)
        del self.nodes[cluster_id][instance_id]
        self.clusters[cluster_id]["size"] = len(self.nodes[cluster_id])


def describe_clusters(cs: CsState, params: Parameters) -> Json:
    """Return the clusters, each with less than its own description says."""
    found = [
        {key: value for key, value in cluster.items() if key not in LISTED_WITHOUT} for cluster in cs.clusters.values()
    ]
    found = only(found, params, "name", "cluster_type", "cluster_spec", "profile", "region_id", "cluster_id")
    page = by_number(found, params, largest=100, number="page_number", size="page_size")
    info = {"page_number": page.number, "page_size": page.size, "total_count": page.total}
    return {"clusters": page.items, "page_info": info}


def describe_cluster_detail(cs: CsState, params: Parameters) -> Json:
    """Return one cluster."""
    return cs.clusters[_cluster(cs, params)]


def describe_cluster_node_pools(cs: CsState, params: Parameters) -> Json:
    """Return the node pools of a cluster."""
    pools = list(cs.node_pools.get(_cluster(cs, params), {}).values())
    name = params.text("NodepoolName")
    return {"nodepools": [pool for pool in pools if not name or pool["nodepool_info"]["name"] == name]}


def describe_cluster_node_pool_detail(cs: CsState, params: Parameters) -> Json:
    """Return one node pool."""
    pool = cs.node_pools.get(_cluster(cs, params), {}).get(params.values["NodepoolId"])
    if pool is None:
        raise not_found("ErrorNodePoolNotFound", f"nodepool {params.values['NodepoolId']} not found")
    return pool


def describe_cluster_nodes(cs: CsState, params: Parameters) -> Json:
    """Return the nodes of a cluster; the request is in camel case, the answer in snake case."""
    nodes = only(cs.nodes.get(_cluster(cs, params), {}).values(), params, "nodepool_id")
    if params.text("state", "all") != "all":
        nodes = [node for node in nodes if node["state"] == params.text("state")]
    asked = params.comma_list("instanceIds", 100)
    nodes = [node for node in nodes if asked is None or node["instance_id"] in asked]
    page = by_number(nodes, params, largest=100, number="pageNumber", size="pageSize")
    info = {"page_number": page.number, "page_size": page.size, "total_count": page.total}
    return {"nodes": page.items, "page": info}


def list_cluster_addon_instances(cs: CsState, params: Parameters) -> Json:
    """Return the add-ons of a cluster in brief."""
    addons = cs.addons.get(_cluster(cs, params), {}).values()
    return {"addons": [{key: addon[key] for key in ("name", "state", "version")} for addon in addons]}


def get_cluster_addon_instance(cs: CsState, params: Parameters) -> Json:
    """Return one add-on."""
    addon = cs.addons.get(_cluster(cs, params), {}).get(params.values["InstanceName"])
    if addon is None:
        raise not_found("AddonNotFound", f"addon {params.values['InstanceName']} not found")
    return addon


def describe_cluster_addons_version(cs: CsState, params: Parameters) -> Json:
    """Return the add-ons of a cluster, by name."""
    return cs.addon_versions.get(_cluster(cs, params), {})


def describe_cluster_resources(cs: CsState, params: Parameters) -> list[Json]:
    """Return what ACK made or uses for a cluster, a bare array; what add-ons made only where it is asked for."""
    resources = cs.resources.get(_cluster(cs, params), [])
    with_addons = params.flag("with_addon_resources")
    return [one for one in resources if with_addons or one.get("creator_type") != "addon"]


def describe_cluster_events(cs: CsState, params: Parameters) -> Json:
    """Return the events of a cluster, the newest first."""
    events = cs.events.get(_cluster(cs, params), [])
    if "task_id" in params:
        events = [event for event in events if event["subject"] == params.text("task_id")]
    page = _page(events, params)
    return {"events": page.items, **_info(page)}


def describe_cluster_tasks(cs: CsState, params: Parameters) -> Json:
    """Return the tasks of a cluster, the newest first."""
    page = _page(cs.tasks.get(_cluster(cs, params), []), params)
    return {"tasks": page.items, **_info(page), "requestId": "26EBDE9F-42D1-5A93-A940-88B9B31F5DFC"}


def check_control_plane_log_enable(cs: CsState, params: Parameters) -> Json:
    """Return which logs of the control plane are collected."""
    cluster_id = _cluster(cs, params)
    if cluster_id not in cs.logs:
        raise not_found("ControlPlaneLogNotFound", f"control plane log of cluster {cluster_id} is not enabled")
    return cs.logs[cluster_id]


def list_cluster_checks(cs: CsState, params: Parameters) -> Json:
    """Return the checks that ACK made of a cluster."""
    return {"checks": cs.checks.get(_cluster(cs, params), [])}


def describe_user_quota(cs: CsState, _params: Parameters) -> Json:
    """Return the quotas of the account."""
    return cs.user_quota


def describe_user_permission(cs: CsState, params: Parameters) -> list[Json]:
    """Return the rights that ACK gave to a user, a bare array; empty for one that was given none."""
    return cs.permissions.get(params.values["Uid"], [])


def describe_cluster_user_kubeconfig(cs: CsState, params: Parameters) -> Json:
    """Return a kubeconfig."""
    cluster_id = _cluster(cs, params)
    return {"config": cs.kubeconfigs.get(cluster_id, ""), "expiration": "2026-11-22T23:30:00Z"}


OPERATIONS: dict[str, Callable[[CsState, Parameters], Any]] = {
    "DescribeClustersV1": describe_clusters,
    "DescribeClusterDetail": describe_cluster_detail,
    "DescribeClusterNodePools": describe_cluster_node_pools,
    "DescribeClusterNodePoolDetail": describe_cluster_node_pool_detail,
    "DescribeClusterNodes": describe_cluster_nodes,
    "ListClusterAddonInstances": list_cluster_addon_instances,
    "GetClusterAddonInstance": get_cluster_addon_instance,
    "DescribeClusterAddonsVersion": describe_cluster_addons_version,
    "DescribeClusterResources": describe_cluster_resources,
    "DescribeClusterUserKubeconfig": describe_cluster_user_kubeconfig,
    "DescribeClusterEvents": describe_cluster_events,
    "DescribeClusterTasks": describe_cluster_tasks,
    "CheckControlPlaneLogEnable": check_control_plane_log_enable,
    "ListClusterChecks": list_cluster_checks,
    "DescribeUserQuota": describe_user_quota,
    "DescribeUserPermission": describe_user_permission,
}

_PATHS = {
    "/api/v1/clusters": "DescribeClustersV1",
    "/clusters/{ClusterId}": "DescribeClusterDetail",
    "/clusters/{ClusterId}/nodepools": "DescribeClusterNodePools",
    "/clusters/{ClusterId}/nodepools/{NodepoolId}": "DescribeClusterNodePoolDetail",
    "/clusters/{ClusterId}/nodes": "DescribeClusterNodes",
    "/clusters/{ClusterId}/addon_instances": "ListClusterAddonInstances",
    "/clusters/{ClusterId}/addon_instances/{InstanceName}": "GetClusterAddonInstance",
    "/clusters/{ClusterId}/components/version": "DescribeClusterAddonsVersion",
    "/clusters/{ClusterId}/resources": "DescribeClusterResources",
    "/clusters/{ClusterId}/events": "DescribeClusterEvents",
    "/clusters/{ClusterId}/tasks": "DescribeClusterTasks",
    "/clusters/{ClusterId}/controlplanelog": "CheckControlPlaneLogEnable",
    "/clusters/{ClusterId}/checks": "ListClusterChecks",
    "/k8s/{ClusterId}/user_config": "DescribeClusterUserKubeconfig",
    "/quota": "DescribeUserQuota",
    "/permissions/users/{Uid}": "DescribeUserPermission",
}
_PATTERNS = {re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)): action for path, action in _PATHS.items()}


def action_of(path: str) -> tuple[str, dict[str, str]]:
    """Return the operation that a path stands for and what the path says; no operation is an empty name."""
    for pattern, action in _PATTERNS.items():
        match = pattern.fullmatch(path.rstrip("/"))
        if match:
            return action, match.groupdict()
    return "", {}


def _page(items: list[Json], params: Parameters) -> Page:
    """Return the page that is asked for by token, or else by number; events and tasks take both."""
    if "next_token" in params or "max_results" in params:
        return by_token(items, params, largest=100, default=50, size="max_results", token="next_token")
    return by_number(items, params, largest=100, default=50, number="page_number", size="page_size")


def _info(page: Page) -> Json:
    info = {"page_number": page.number, "page_size": page.size, "total_count": page.total}
    return {"next_token": page.token, "page_info": info}


def _cluster(cs: CsState, params: Parameters) -> str:
    cluster_id = params.values["ClusterId"]
    if cluster_id not in cs.clusters:
        raise not_found("ErrorClusterNotFound", f"cluster {cluster_id} not found")
    return cluster_id
