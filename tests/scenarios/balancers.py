"""What the scenarios about load balancers plant beside the Ingress controller: uses of an address, nodes, Terway."""

import json
from copy import deepcopy

from auditor.judge.verdicts import HopState
from tests.scenarios.access import NODE_K, NODES, VSWITCH_H
from tests.scenarios.ingresses import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    SYSTEM,
    Json,
    Plant,
    patch,
)
from tests.scenarios.kit import Report, Scene

LEAVING = {"deletionTimestamp": "2026-11-22T23:59:00Z"}


def broken(report: Report) -> list[str]:
    """Return the broken hops of the only finding above info, by id where they have one."""
    return [hop.ref.id or hop.ref.path for hop in report.loud_one.trail if hop.state is HopState.BROKEN]


def env(value: str) -> Plant:
    """Let ``shop/cart`` have an address in its environment."""

    def change(row: Json) -> None:
        container = row["spec"]["template"]["spec"]["containers"][0]
        container.setdefault("env", []).append({"name": "TARGET", "value": value})

    return patch(DEPLOYMENTS, "cart", change, "shop")


def leaving(path: str, name: str, namespace: str) -> Plant:
    """Let an object be deleted, and wait for its finalizers."""
    return patch(path, name, lambda row: row["metadata"].update(LEAVING), namespace)


def add_node(name: str, address: str, **labels: str) -> Plant:
    """Add a node like another, without Pods; underscores of labels stand for slashes."""

    def plant(made: Scene) -> None:
        row = deepcopy(made.kubernetes.objects.get(NODES, NODE_K, ""))
        assert row is not None
        row["metadata"]["name"] = name
        row["metadata"]["labels"].update({key.replace("_", "/"): value for key, value in labels.items()})
        row["spec"].pop("podCIDR", None)
        row["status"]["addresses"] = [{"type": "InternalIP", "address": address}]
        made.kubernetes.add(NODES, row)

    return plant


MASTER = add_node("master-1", "192.168.9.2", **{"node-role.kubernetes.io_control-plane": ""})


def virtual(made: Scene) -> None:
    """Add a virtual node: no machine, no kube-proxy, and nothing calls from its address."""
    row = {
        "metadata": {"name": "virtual-kubelet-cn-hangzhou-h", "labels": {"type": "virtual-kubelet"}},
        "spec": {"taints": [{"key": "virtual-kubelet.io/provider", "value": "alibabacloud", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.7.7.7"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    made.kubernetes.add(NODES, row)


def terway(*rules: Json, acl: tuple[list[Json], list[Json]] | None = None) -> Plant:
    """Let Pods have addresses of a vSwitch of their own, and interfaces in group ``sg-pods`` with these rules."""

    def plant(made: Scene) -> None:
        cs, vpc, ecs = made.cloud.state.cs, made.cloud.state.vpc, made.cloud.state.ecs
        cs.clusters[cs.cluster_id].update(container_cidr="", subnet_cidr="", network="terway-eniip")
        conf = {"vswitches": {"cn-hangzhou-h": ["vsw-pods"]}, "security_group": "sg-pods"}
        data = {"metadata": {"name": "eni-config", "namespace": SYSTEM}, "data": {"eni_conf": json.dumps(conf)}}
        made.kubernetes.add(CONFIG_MAPS, data)
        own = {**vpc.vswitches[VSWITCH_H], "VSwitchId": "vsw-pods", "CidrBlock": "10.20.0.0/16", "NetworkAclId": ""}
        vpc.vswitches["vsw-pods"] = own
        if acl:
            vpc.add_network_acl("nacl-pods", ["vsw-pods"], *acl)
        ecs.add_security_group("sg-pods")
        for rule in rules:
            ecs.add_rule("sg-pods", rule.pop("direction"), **rule)
        node_of = {row["spec"]["providerID"].rpartition(".")[2]: row for row in made.kubernetes.objects.all(NODES)}
        like = next(row for row in ecs.network_interfaces.values() if row["InstanceId"])
        for number, instance in enumerate(list(ecs.instances)):
            addresses = [f"10.20.{number}.{last}" for last in range(4, 60)]
            ecs.network_interfaces[f"eni-pods{number}"] = {
                **deepcopy(like),
                "NetworkInterfaceId": f"eni-pods{number}",
                "Type": "Secondary",
                "InstanceId": instance,
                "PrivateIpAddress": addresses[0],
                "VSwitchId": "vsw-pods",
                "SecurityGroupIds": {"SecurityGroupId": ["sg-pods"]},
                "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": one, "Primary": False} for one in addresses]},
            }
            if instance in node_of:
                move(made, node_of[instance]["metadata"]["name"], addresses[1:])

    return plant


def move(made: Scene, node: str, addresses: list[str]) -> None:
    """Give the Pods of a node these addresses."""
    on_node = [
        pod
        for pod in made.kubernetes.objects.all(PODS)
        if pod["spec"].get("nodeName") == node and not pod["spec"].get("hostNetwork") and pod["status"].get("podIP")
    ]
    for pod, address in zip(on_node, addresses, strict=False):
        pod["status"].update(podIP=address, podIPs=[{"ip": address}])
