"""The recorded cluster's automatic pool, and Pods that wait for a node of it, for the scenarios on autoscaling."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.scenarios.kit import Scene

PODS, NODES, EVENTS, CLAIMS = "/api/v1/pods", "/api/v1/nodes", "/api/v1/events", "/api/v1/persistentvolumeclaims"
DEPLOYMENTS, CONFIG_MAPS = "/apis/apps/v1/deployments", "/api/v1/configmaps"
POOL, GROUP = "np929f96a2ffabb7f9a484e8bc061728f3", "asg-bp1nwqhisb6qfhy9i7gm"
BY_HAND = "np50778a484eeb527c9d12bd5cb140aa70"
CONFIGURATION, TYPE, SMALLER = "asc-bp1z3kalvw1jf2si1r10", "ecs.g7.2xlarge", "ecs.g7.xlarge"
H, I, K = "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-k"  # noqa: E741 - zones
VSWITCHES = {H: "vsw-bp1bydj2pojgqhd42r8n3", I: "vsw-bp178idwgg5io9caw2scj", K: "vsw-bp1zb7ofr8eiau3j1n6p4"}
ZONE = "topology.kubernetes.io/zone"
WAITING = "shop/batch-0"
FULL = (
    "0/8 nodes are available: 8 Insufficient cpu. preemption: 0/8 nodes are available: 8 No preemption victims found."
)
REFUSED = "0/8 nodes are available: 8 node(s) didn't match Pod's node affinity/selector."
Json = dict[str, Any]


def ago(**time: float) -> str:
    """Return a moment before now, as an API server writes it."""
    return (datetime.now(UTC) - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def wait(
    scene: Scene,
    message: str = FULL,
    *,
    name: str = "batch-0",
    requests: Json | None = None,
    reason: str = "Unschedulable",
    made: str = "",
    **spec: Any,
) -> Scene:
    """Add a Pod that waits for a node, made like one of the shop's, with further keys of its spec."""
    like = next(pod for pod in scene.kubernetes.objects.all(PODS) if pod["metadata"]["name"].startswith("storefront-"))
    pod = deepcopy(like)
    made = made or ago(minutes=20)
    pod["metadata"] |= {"name": name, "uid": f"0bad0000-0000-4000-8000-{len(name):012d}", "creationTimestamp": made}
    pod["metadata"]["labels"] = {"app": "batch"}
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "batch", "controller": True}
    ]
    pod["spec"].pop("nodeName")
    pod["spec"].pop("topologySpreadConstraints")
    pod["spec"]["volumes"] = []
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "1Gi", **(requests or {})}}
    pod["spec"]["containers"][0]["volumeMounts"] = []
    pod["spec"] |= spec
    scheduled = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    pod["status"] = {"phase": "Pending", "conditions": [{**scheduled, "lastTransitionTime": made}]}
    scene.kubernetes.add(PODS, pod)
    return scene


def say(scene: Scene, reason: str, message: str = "", *, name: str = "batch-0", **time: float) -> Scene:
    """Add an event about the Pod that waits."""
    moment = ago(**(time or {"minutes": 1}))
    event: Json = {
        "metadata": {"name": f"{name}.17", "namespace": "shop", "creationTimestamp": moment},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": name},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "source": {"component": "cluster-autoscaler"},
    }
    scene.kubernetes.add(EVENTS, event)
    return scene


def pool(scene: Scene, pool_id: str = POOL) -> Json:
    """Return a node pool as the cloud has it, to be edited."""
    cs = scene.cloud.state.cs
    return cs.node_pools[cs.cluster_id][pool_id]


def group(scene: Scene) -> Json:
    """Return the scaling group of the automatic pool as the cloud has it, to be edited."""
    return scene.cloud.state.ess.scaling_groups[GROUP]


def only_in(scene: Scene, *zones: str) -> Scene:
    """Leave the automatic pool the vSwitches of these zones."""
    ids = [VSWITCHES[zone] for zone in zones]
    pool(scene)["scaling_group"]["vswitch_ids"] = ids
    group(scene)["VSwitchId"] = ids[0]
    group(scene)["VSwitchIds"] = {"VSwitchId": ids}
    return scene


def made_of(scene: Scene, *types: str) -> Scene:
    """Give the automatic pool other instance types."""
    pool(scene)["scaling_group"]["instance_types"] = list(types)
    configuration = scene.cloud.state.ess.scaling_configurations[CONFIGURATION]
    configuration["InstanceType"] = types[0]
    configuration["InstanceTypes"] = {"InstanceType": list(types)}
    return scene
