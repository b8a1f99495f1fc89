"""Container Service (product ``cs``): clusters, node pools, nodes and add-ons. Operations are paths."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import only
from tests.fakes.cloud.paging import by_number
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
    """

    clusters: dict[str, Json] = field(default_factory=dict)
    node_pools: dict[str, dict[str, Json]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Json]] = field(default_factory=dict)
    addons: dict[str, dict[str, Json]] = field(default_factory=dict)
    addon_versions: dict[str, Json] = field(default_factory=dict)
    resources: dict[str, list[Json]] = field(default_factory=dict)
    kubeconfigs: dict[str, str] = field(default_factory=dict)

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
    """Return what ACK made or uses for a cluster: a bare array."""
    return cs.resources.get(_cluster(cs, params), [])


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
    "/k8s/{ClusterId}/user_config": "DescribeClusterUserKubeconfig",
}
_PATTERNS = {re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)): action for path, action in _PATHS.items()}


def action_of(path: str) -> tuple[str, dict[str, str]]:
    """Return the operation that a path stands for and what the path says; no operation is an empty name."""
    for pattern, action in _PATTERNS.items():
        match = pattern.fullmatch(path.rstrip("/"))
        if match:
            return action, match.groupdict()
    return "", {}


def _cluster(cs: CsState, params: Parameters) -> str:
    cluster_id = params.values["ClusterId"]
    if cluster_id not in cs.clusters:
        raise not_found("ErrorClusterNotFound", f"cluster {cluster_id} not found")
    return cluster_id
