"""Container Service: the cluster, its node pools and add-ons."""

import re
from typing import Any

import msgspec

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_list, one_by_one
from auditor.collect.alibaba.paging import WHOLE
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Addon, Cluster, NodePool, PoolPattern, PoolTaint
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_VERSION_KEY = re.compile(r"^(?P<component>[a-z0-9][a-z0-9-]*)Version$")
"""``csi-pluginVersion``; a key with a capital (``KubernetesVersion``) is of no component."""


@provides("clusters", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeClusterDetail",))
def collect_clusters(client: CloudClient) -> Table[Cluster]:
    """Fill ``clusters`` with the one that is audited."""

    def read(cluster_id: str) -> Cluster:
        return _cluster(Fields(client.call(Request("cs", "DescribeClusterDetail", {"ClusterId": cluster_id}))))

    # The cluster has to be there: one that is not found is a wrong configuration, and no empty table.
    return one_by_one(client, "clusters", "cs", [client.cluster_id], read, may_be_absent=False)


@provides("node_pools", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeClusterNodePools",))
def collect_node_pools(client: CloudClient) -> Table[NodePool]:
    """Fill ``node_pools`` with those of the cluster."""
    request = Request(
        "cs",
        "DescribeClusterNodePools",
        {"ClusterId": client.cluster_id},
        path="/clusters/[ClusterId]/nodepools",
    )
    return from_list(client, "node_pools", request, ("nodepools", ""), WHOLE, _node_pool, _node_pool_id)


@provides("addons", source="cs", layer=Layer.CLOUD, permissions=("cs:ListClusterAddonInstances",))
def collect_addons(client: CloudClient) -> Table[Addon]:
    """Fill ``addons`` with those of the cluster."""
    request = Request(
        "cs",
        "ListClusterAddonInstances",
        {"ClusterId": client.cluster_id},
        path="/clusters/[ClusterId]/addon_instances",
    )
    return from_list(client, "addons", request, ("addons", ""), WHOLE, _addon, lambda fields: fields.required("name"))


def _cluster(fields: Fields) -> Cluster:
    meta = _embedded(fields, "meta_data")
    capabilities = meta.child("Capabilities")
    return Cluster(
        id=fields.required("cluster_id"),
        name=fields.word("name"),
        type=fields.known("cluster_type"),
        spec=fields.known("cluster_spec"),
        profile=fields.known("profile"),
        state=fields.known("state"),
        version=fields.known("current_version"),
        vpc_id=fields.known("vpc_id"),
        vswitch_ids=fields.texts("vswitch_ids") or [],
        security_group_id=fields.known("security_group_id"),
        container_cidr=fields.known("container_cidr") or fields.known("subnet_cidr"),
        service_cidr=fields.known("service_cidr") or meta.known("ServiceCIDR"),
        proxy_mode=fields.known("proxy_mode") or capabilities.known("ProxyMode"),
        network=capabilities.known("Network"),
        worker_role_name=fields.known("worker_ram_role_name"),
        api_endpoints=_texts_of(_embedded(fields, "master_url")),
        component_versions=_component_versions(meta),
        api_load_balancer_ids=_api_load_balancer_ids(fields.child("control_plane_endpoints_config")),
        node_cidr_mask=fields.known("node_cidr_mask") or capabilities.known("NodeCIDRMask"),
        initial_version=fields.known("init_version"),
    )


def _api_load_balancer_ids(endpoints: Fields) -> list[str]:
    # external_loadbalancer_id is none of them: it is that of the Ingress controller.
    ids = [balancer.word("load_balancer_id") for balancer in endpoints.records("load_balancers_config") or []]
    return list(dict.fromkeys(one for one in ids if one))


def _embedded(fields: Fields, name: str) -> Fields:
    """Return an object that is written as a JSON text; an empty one where there is no text, as in old clusters."""
    text = fields.text(name)
    try:
        return Fields(msgspec.json.decode(text) if text else {}, name)
    except (msgspec.DecodeError, RecursionError):
        raise BadField(name) from None


def _texts_of(fields: Fields) -> dict[str, str]:
    return {name: value for name, value in fields.pairs() if isinstance(value, str) and value}


def _component_versions(meta: Fields) -> dict[str, str]:
    versions = {addon.word("name"): addon.word("version") for addon in meta.records("Addons") or []}
    for name, value in meta.pairs():
        match = _VERSION_KEY.match(name)
        if match and isinstance(value, str) and value:
            versions[match["component"]] = value
    return {name: version for name, version in versions.items() if name and version}


def _node_pool_id(fields: Fields) -> str:
    return fields.child("nodepool_info").required("nodepool_id")


def _node_pool(fields: Fields) -> NodePool:
    info = fields.child("nodepool_info")
    scaling = fields.child("auto_scaling")
    group = fields.child("scaling_group")
    config = fields.child("kubernetes_config")
    status = fields.child("status")
    security_group_id = group.word("security_group_id")
    vswitch_ids = group.texts("vswitch_ids")
    if vswitch_ids is None and scaling.flag("enable"):
        raise BadField("scaling_group.vswitch_ids")
    patterns = [_pattern(pattern) for pattern in group.records("instance_patterns") or []]
    if scaling.flag("enable") and not patterns and not group.has("instance_types"):
        raise BadField("instance_types")  # of what kind its nodes are is not said in either way
    return NodePool(
        id=_node_pool_id(fields),
        name=info.word("name"),
        type=info.known("type"),
        auto_scaling=scaling.flag("enable"),
        min_instances=scaling.integer("min_instances"),
        max_instances=scaling.integer("max_instances"),
        scaling_group_id=group.word("scaling_group_id"),
        vswitch_ids=vswitch_ids or [],
        instance_types=group.texts("instance_types") or [],
        role_name=group.word("ram_role_name"),
        # Null stands for none; left out, they are not said.
        labels=_labels(config) if config.has("labels") else None,
        state=status.known("state"),
        taints=[_taint(taint) for taint in config.records("taints") or []] if config.has("taints") else None,
        patterns=patterns,
        unschedulable=config.flag("unschedulable"),
        charge_type=group.word("instance_charge_type"),
        spot_strategy=group.word("spot_strategy"),
        desired_size=group.integer("desired_size"),
        security_group_ids=group.texts("security_group_ids") or ([security_group_id] if security_group_id else []),
        multi_zone_policy=group.known("multi_az_policy"),
        total_nodes=status.integer("total_nodes"),
    )


def _taint(fields: Fields) -> PoolTaint:
    return PoolTaint(key=fields.required("key"), effect=fields.word("effect"), value=fields.word("value"))


def _pattern(fields: Fields) -> PoolPattern:
    # Older pools give one size (cores, or core before that) in place of bounds.
    cores = fields.integer("cores") or fields.integer("core") or None
    memory = fields.number("memory") or None
    return PoolPattern(
        min_cpu=fields.integer("min_cpu_cores") or cores,
        max_cpu=fields.integer("max_cpu_cores") or cores,
        min_memory_gib=fields.number("min_memory_size") or memory,
        max_memory_gib=fields.number("max_memory_size") or memory,
        architectures=fields.texts("cpu_architectures") or fields.texts("architectures") or [],
    )


def _labels(config: Fields) -> dict[str, str]:
    return {label.word("key"): label.word("value") for label in config.records("labels") or []}


def _addon(fields: Fields) -> Any:
    return Addon(name=fields.required("name"), version=fields.word("version"), state=fields.word("state"))
