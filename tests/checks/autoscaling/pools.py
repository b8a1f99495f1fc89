"""Rows of clusters whose node pools scale automatically, for the tests of the checks of waiting Pods and groups."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from auditor.facts.cloud.cs import ContainerQuota, NodePool
from auditor.facts.cloud.ecs import InstanceType, TypeStock, ZoneStock
from auditor.facts.cloud.ess import (
    PoolStrength,
    ScalingConfiguration,
    ScalingGroup,
    ScalingGroupActivities,
    ScalingGroupDiagnosis,
    ScalingGroupStrength,
)
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import Landscape
from tests.checks import kit, make
from tests.checks.autoscaling.autoscalers import deployment

Json = dict[str, Any]
FULL = (
    "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found."
)
AFFINITY = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
LONG_AGO = kit.OBSERVED_AT - timedelta(hours=1)
SMALL, LARGE = "ecs.g7.large", "ecs.g7.2xlarge"
SIZES = {SMALL: (2, 8.0), "ecs.g7.xlarge": (4, 16.0), LARGE: (8, 32.0)}
POOL_LABEL = "alibabacloud.com/nodepool-id"


def before(**time: float) -> str:
    """Return a moment before that of the landscape, as an API server writes it."""
    return (kit.OBSERVED_AT - timedelta(**time)).isoformat()


def size(name: str, **more: Any) -> InstanceType:
    cpu, memory = SIZES.get(name, (4, 16.0))
    given: Json = {
        "cpu": cpu,
        "memory_gib": memory,
        "gpu": 0,
        "architecture": "X86",
        "disk_quantity": 17,
        "eni_quantity": 4,
        **more,
    }
    return InstanceType(name, **given)


def pool(name: str = "burst", letters: str = "hi", types: Iterable[str] = (LARGE,), **more: Any) -> NodePool:
    given: Json = {
        "name": name,
        "type": "ess",
        "auto_scaling": True,
        "min_instances": 0,
        "max_instances": 10,
        "scaling_group_id": f"asg-{name}",
        "vswitch_ids": [f"vsw-{letter}" for letter in letters],
        "instance_types": list(types),
        "state": "active",
        "charge_type": "PostPaid",
        **more,
    }
    return NodePool(f"np-{name}", **given)


def group(of: NodePool, **more: Any) -> ScalingGroup:
    given: Json = {
        "name": of.name,
        "lifecycle_state": "Active",
        "vswitch_ids": of.vswitch_ids,
        "min_size": 0,
        "max_size": 10,
        "total_capacity": 3,
        "pending_capacity": 0,
        "system_suspended": False,
        "active_configuration_id": f"asc-{of.name}",
        **more,
    }
    return ScalingGroup(of.scaling_group_id, **given)


def vswitch(letter: str, free: int | None = 200) -> VSwitch:
    return VSwitch(f"vsw-{letter}", zone=make.zone(letter), free_ips=free)


def node(name: str, letter: str = "h", *, of: str = "", kind: str = LARGE, taints: Any = None, **more: Any) -> Node:
    """Make a ready node of a pool."""
    labels = {
        "topology.kubernetes.io/zone": make.zone(letter),
        "node.kubernetes.io/instance-type": kind,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        **({POOL_LABEL: f"np-{of}"} if of else {}),
        **more.pop("labels", {}),
    }
    cpu, memory = SIZES.get(kind, (4, 16.0))
    status = {
        "conditions": [{"type": "Ready", "status": more.pop("ready", "True")}],
        "allocatable": {
            "cpu": f"{cpu * 1000 - 100}m",
            "memory": f"{memory - 2}Gi",
            "pods": "110",
            **more.pop("allocatable", {}),
        },
    }
    data = {
        "metadata": make.meta(name, labels=labels),
        "spec": {"providerID": f"{make.REGION}.i-{name}", "taints": taints, **more},
        "status": status,
    }
    return msgspec.convert(data, Node)


def waiting(
    key: str = "shop/big",
    message: str = FULL,
    *,
    cpu: str = "1",
    requests: Mapping[str, str] | None = None,
    reason: str = "Unschedulable",
    made: str = LONG_AGO.isoformat(),
    spec: Json | None = None,
    status: Json | None = None,
    claims: Iterable[str] = (),
    **more: Any,
) -> Pod:
    """Make a Pod that the scheduler refused long ago."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": made,
    }
    container = {"name": "main", "resources": {"requests": {"cpu": cpu, "memory": "1Gi", **(requests or {})}}}
    return make.pod(
        key,
        claims=list(claims),
        spec={"containers": [container], "schedulerName": "default-scheduler", **(spec or {})},
        status={"conditions": [condition], **(status or {})},
        creationTimestamp=made,
        **more,
    )


def affinity(*expressions: Json, fields: Iterable[Json] = ()) -> Json:
    """Make a required node affinity of one term."""
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": rule}}


def in_zone(*letters: str) -> Json:
    """Make the affinity to zones."""
    zones = [make.zone(letter) for letter in letters]
    return affinity({"key": "topology.kubernetes.io/zone", "operator": "In", "values": zones})


def event(about: Pod, reason: str, message: str = "", **ago: float) -> Event:
    data = {
        "metadata": make.meta(f"{about.name}.{reason}", about.namespace),
        "involvedObject": {"kind": "Pod", "namespace": about.namespace, "name": about.name},
        "reason": reason,
        "message": message,
        "lastTimestamp": before(**(ago or {"minutes": 1})),
    }
    return msgspec.convert(data, Event)


def stock(kind: str, payment: str = "PostPaid", **zones: str) -> TypeStock:
    """Make the stock of a type: ``h="WithStock"``."""
    return TypeStock(kind, payment, [ZoneStock(make.zone(z), "Available", category) for z, category in zones.items()])


def landscape(*pods: Pod, pools: Iterable[NodePool] | None = None, **tables: Any) -> Landscape:
    """Make a cluster with one automatic pool in zones h and i (or the pools given), a node of it, and these Pods."""
    given_pools = [pool()] if pools is None else list(pools)
    names = {name for one in given_pools for name in one.instance_types}
    given: Json = {
        "pods": pods,
        "node_pools": given_pools,
        "scaling_groups": [group(one) for one in given_pools],
        "scaling_configurations": [
            ScalingConfiguration(f"asc-{one.name}", one.scaling_group_id, "Active", one.instance_types)
            for one in given_pools
        ],
        "instance_types": [size(name) for name in names],
        "vswitches": [vswitch(letter) for letter in "hik"],
        "nodes": [node("a", "h", of="burst")],
        "deployments": [deployment()],
        "type_stocks": [stock(name, h="WithStock", i="WithStock", k="WithStock") for name in names],
        "scaling_activities": [ScalingGroupActivities(one.scaling_group_id) for one in given_pools],
        "scaling_diagnoses": [ScalingGroupDiagnosis(one.scaling_group_id) for one in given_pools],
        "scaling_strengths": [
            ScalingGroupStrength(one.scaling_group_id, 1.0, "Strong", [PoolStrength(LARGE, make.zone("h"), 1.0)])
            for one in given_pools
        ],
        "container_quotas": [ContainerQuota("node_quota", 1000)],
        **tables,
    }
    return kit.landscape(**given)
