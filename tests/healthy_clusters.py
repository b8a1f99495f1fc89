"""Clusters in which all is well, each as ACK sets up one of its kinds: what an audit must not take for a fault.

All are made from the recorded one, which is a managed cluster with Flannel and a new cloud controller manager.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any

from tests.scenarios.kit import Scene
from tests.scenarios.services import CCM, DAEMONSETS, GATEWAY_GROUP, PODS, SERVICES, SLICES, copy

Json = dict[str, Any]

NODES = "/api/v1/nodes"
CONFIG_MAPS = "/api/v1/configmaps"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
LEASES = "/apis/coordination.k8s.io/v1/leases"
SYSTEM = "kube-system"
GROUP = "sg-bp1ce61t4k3fi55hnta7"
API_GROUP = "rsp-bp1zsk0zicpwp"
API_ACL = "acl-bp1vdyd1xtgltp0uwysrh"
TABLE = "vtb-bp1ckdry1c9lmcfd0xfjw"
POD_RANGE = "172.20.0.0/16"
SERVICE_OF = "kubernetes.io/service-name"
POD_VSWITCHES = {"h": "192.168.64.0/20", "i": "192.168.80.0/20", "k": "192.168.96.0/20"}
"""The vSwitches of Terway by zone; the nodes lie in 192.168.0.0/24, 192.168.1.0/24 and 192.168.2.0/24."""
CLIENTS = ("198.51.100.16/28",)
"""Who has to reach the load balancers and the API server: a part of the office's range."""
IDENTITY = """{user = "system:serviceaccount:ci:deployer", must = [
    {verbs = ["create"], group = "apps", resource = "deployments", namespace = "shop"},
]}"""


def flannel() -> Scene:
    """Return the recorded cluster, whose deployer may deploy."""
    scene = Scene(client_cidrs=CLIENTS, identities=IDENTITY)
    scene.kubernetes.grant("system:serviceaccount:ci:deployer", "create", "deployments", "apps", "shop")
    return scene


def old_manager() -> Scene:
    """Return a cluster with a CCM of 2020: no Lease, nodes weighted by their Pods, up to 100."""
    scene = flannel()
    scene.cloud.state.cs.set_addon_version(CCM, "v1.9.3.313-g748f81e-aliyun")
    scene.kubernetes.remove(LEASES, "ccm", SYSTEM)
    return scene


def weighted_by_per_cent() -> Scene:
    """Return a cluster with a CCM of before that, which weights nodes by their share of the Pods."""
    scene = flannel()
    scene.cloud.state.cs.set_addon_version(CCM, "v1.9.3.239-g040f97c-aliyun")
    scene.kubernetes.remove(LEASES, "ccm", SYSTEM)
    for group in scene.cloud.state.slb.vserver_groups.values():
        backends = group["BackendServers"]["BackendServer"]
        if "syslog-gateway" in group["VServerGroupName"] or group["VServerGroupId"] == GATEWAY_GROUP:
            pods = sum(one["Weight"] for one in backends)
            for one in backends:
                one["Weight"] = one["Weight"] * 100 // pods
    return scene


def terway() -> Scene:
    """Return a cluster whose Pods have addresses of vSwitches of their own, and are backends themselves."""
    scene = flannel()
    _describe_terway(scene)
    _add_pod_vswitches(scene)
    addresses = _move_pods(scene)
    _move_endpoints(scene, addresses)
    _back_by_pods(scene, addresses)
    _let_pods_in(scene)
    return scene


def dedicated() -> Scene:
    """Return a cluster whose control plane runs on three instances of its own, and the CCM with it."""
    scene = flannel()
    cs = scene.cloud.state.cs
    cs.clusters[cs.cluster_id].update(cluster_type="Kubernetes", profile="Default")
    interfaces = scene.cloud.state.ecs.network_interfaces
    for key in [key for key, row in interfaces.items() if row["ServiceManaged"]]:
        del interfaces[key]
    masters = [_add_master(scene, zone, number) for number, zone in enumerate("hik")]
    backends = [{"ServerId": one, "ServerIp": ip, "Port": 6443, "Type": "ecs", "Weight": 100} for one, ip in masters]
    scene.cloud.state.slb.set_backends(API_GROUP, backends)
    endpoints = [{"addresses": [ip], "conditions": {"ready": True}} for _, ip in masters]
    scene.kubernetes.patch(SLICES, "kubernetes", lambda piece: piece.update(endpoints=endpoints), "default")
    _run_the_manager(scene, [f"cn-hangzhou.{ip}" for _, ip in masters])
    return scene


HEALTHY: dict[str, Callable[[], Scene]] = {
    "flannel": flannel,
    "terway": terway,
    "dedicated": dedicated,
    "old-manager": old_manager,
    "weighted-by-per-cent": weighted_by_per_cent,
}
"""All of them."""


# --- Terway ------------------------------------------------------------------------------------------------------


def _vswitch(zone: str) -> str:
    return f"vsw-bp1pods{zone}0000000001"


def _describe_terway(scene: Scene) -> None:
    cs = scene.cloud.state.cs
    row = cs.clusters[cs.cluster_id]
    by_zone = {f"cn-hangzhou-{zone}": [_vswitch(zone)] for zone in POD_VSWITCHES}
    meta = json.loads(row["meta_data"])
    meta["Capabilities"]["Network"] = "terway-eniip"
    meta["PodVswitchId"] = json.dumps(by_zone)
    row.update(container_cidr="", subnet_cidr="", node_cidr_mask="", meta_data=json.dumps(meta))
    addons = cs.addons[cs.cluster_id]
    addons["terway-eniip"] = addons.pop("kube-flannel-ds") | {"name": "terway-eniip", "version": "v1.16.2"}
    config = {"version": "1", "max_pool_size": 5, "vswitches": by_zone, "security_group": GROUP}
    data = {"eni_conf": json.dumps(config)}
    scene.kubernetes.add(CONFIG_MAPS, {"metadata": {"name": "eni-config", "namespace": SYSTEM}, "data": data})
    scene.kubernetes.remove(CONFIG_MAPS, "kube-flannel-cfg", SYSTEM)
    _rename_daemonset(scene, "kube-flannel-ds", "terway-eniip")


def _rename_daemonset(scene: Scene, name: str, new_name: str) -> None:
    kubernetes = scene.kubernetes
    found = deepcopy(kubernetes.objects.get(DAEMONSETS, name, SYSTEM))
    assert found is not None
    kubernetes.remove(DAEMONSETS, name, SYSTEM)
    found["metadata"]["name"] = new_name
    kubernetes.add(DAEMONSETS, found)
    for pod in [one for one in kubernetes.objects.all(PODS) if one["metadata"]["name"].startswith(f"{name}-")]:
        made = deepcopy(pod)
        kubernetes.remove(PODS, pod["metadata"]["name"], SYSTEM)
        made["metadata"]["name"] = made["metadata"]["name"].replace(name, new_name)
        made["metadata"]["ownerReferences"][0]["name"] = new_name
        kubernetes.add(PODS, made)


def _add_pod_vswitches(scene: Scene) -> None:
    vpc = scene.cloud.state.vpc
    like = next(iter(vpc.vswitches.values()))
    for zone, cidr in POD_VSWITCHES.items():
        made: Json = {"VSwitchId": _vswitch(zone), "VSwitchName": f"pods-{zone}", "CidrBlock": cidr}
        made |= {"ZoneId": f"cn-hangzhou-{zone}", "AvailableIpAddressCount": 4000}
        vpc.vswitches[_vswitch(zone)] = {**deepcopy(like), **made}
    routes = vpc.route_entries[TABLE]
    routes[:] = [one for one in routes if not one["DestinationCidrBlock"].startswith("172.20.")]


def _move_pods(scene: Scene) -> dict[str, tuple[str, str]]:
    """Give each Pod an address of an interface of its node. Return the new address and the interface, by the old."""
    kubernetes, ecs = scene.kubernetes, scene.cloud.state.ecs
    moved: dict[str, tuple[str, str]] = {}
    for row in kubernetes.objects.all(NODES):
        name, instance_id = row["metadata"]["name"], row["spec"]["providerID"].partition(".")[2]
        zone = ecs.instances[instance_id]["ZoneId"][-1]
        base = POD_VSWITCHES[zone].rpartition(".")[0].rpartition(".")
        third = int(base[2]) + int(name.rpartition(".")[2]) % 16
        free = (f"{base[0]}.{third}.{number}" for number in count(10))
        interface = instance_id.replace("i-", "eni-pods", 1)
        own = next(free)
        addresses = [own]
        for pod in kubernetes.objects.all(PODS):
            spec, status = pod["spec"], pod["status"]
            if spec.get("nodeName") != name or spec.get("hostNetwork") or not status.get("podIP"):
                continue
            addresses.append(next(free))
            moved[status["podIP"]] = (addresses[-1], interface)
            status.update(podIP=addresses[-1], podIPs=[{"ip": addresses[-1]}])
        primary = next(one for one in ecs.network_interfaces.values() if one["InstanceId"] == instance_id)
        ecs.network_interfaces[interface] = {
            **deepcopy(primary),
            "NetworkInterfaceId": interface,
            "Type": "Secondary",
            "PrivateIpAddress": own,
            "PrivateIpSets": {"PrivateIpSet": [{"Primary": ip == own, "PrivateIpAddress": ip} for ip in addresses]},
            "VSwitchId": _vswitch(zone),
        }
        kubernetes.patch(NODES, name, lambda node: [node["spec"].pop(key) for key in ("podCIDR", "podCIDRs")])
    return moved


def _move_endpoints(scene: Scene, moved: dict[str, tuple[str, str]]) -> None:
    for piece in scene.kubernetes.objects.all(SLICES):
        for endpoint in piece["endpoints"] or []:
            endpoint["addresses"] = [moved[ip][0] if ip in moved else ip for ip in endpoint["addresses"]]


def _back_by_pods(scene: Scene, moved: dict[str, tuple[str, str]]) -> None:
    """Put Pods in place of nodes into the server groups of Services, as the CCM does with Terway."""
    interface_at = dict(moved.values())
    for key, group in scene.cloud.state.slb.vserver_groups.items():
        parts = group["VServerGroupName"].split("/")
        if parts[0] != "k8s":
            continue
        _, node_port, name, namespace, _ = parts
        service = scene.kubernetes.objects.get(SERVICES, name, namespace)
        assert service is not None
        port = next(one for one in service["spec"]["ports"] if str(one["nodePort"]) == node_port)
        weight = 1 if service["spec"]["externalTrafficPolicy"] == "Local" else 100
        backends = []
        for piece in scene.kubernetes.objects.all(SLICES):
            labels = piece["metadata"].get("labels", {})
            if piece["metadata"]["namespace"] != namespace or labels.get(SERVICE_OF) != name:
                continue
            target = next(one["port"] for one in piece["ports"] if one.get("name", "") == port.get("name", ""))
            for endpoint in piece["endpoints"]:
                ip = endpoint["addresses"][0]
                server = interface_at.get(ip, _interface_of_node(scene, endpoint["nodeName"]))
                backends.append({"ServerId": server, "ServerIp": ip, "Port": target, "Type": "eni", "Weight": weight})
        scene.cloud.state.slb.set_backends(key, backends)


def _interface_of_node(scene: Scene, name: str) -> str:
    node = scene.kubernetes.objects.get(NODES, name)
    assert node is not None
    instance_id = node["spec"]["providerID"].partition(".")[2]
    interfaces = scene.cloud.state.ecs.network_interfaces.values()
    return next(str(one["NetworkInterfaceId"]) for one in interfaces if one["InstanceId"] == instance_id)


def _let_pods_in(scene: Scene) -> None:
    """Name the ranges of Terway wherever that of Flannel was named."""
    ecs, slb = scene.cloud.state.ecs, scene.cloud.state.slb
    rules = ecs.rules(GROUP)
    rules[:] = [rule for rule in rules if rule.get("SourceCidrIp") != POD_RANGE]
    entries = slb.acls[API_ACL]["AclEntrys"]["AclEntry"]
    entries[:] = [entry for entry in entries if entry["AclEntryIP"] != POD_RANGE]
    for zone, cidr in POD_VSWITCHES.items():
        ecs.add_rule(GROUP, "ingress", SourceCidrIp=cidr, IpProtocol="ALL", PortRange="-1/-1")
        entries.append({"AclEntryIP": cidr, "AclEntryComment": f"Pods {zone}"})


# --- a control plane of one's own --------------------------------------------------------------------------------


def _add_master(scene: Scene, zone: str, number: int) -> tuple[str, str]:
    """Add an instance and a node of the control plane; return its id and address."""
    like = {"h": "0.11", "i": "1.21", "k": "2.31"}[zone]
    instance_id, ip = f"i-bp1master{number}00000000", f"192.168.{number}.200"
    kubernetes, state = scene.kubernetes, scene.cloud.state
    node = deepcopy(kubernetes.objects.get(NODES, f"cn-hangzhou.192.168.{like}"))
    assert node is not None
    state.ecs.add_instance(instance_id, like=node["spec"]["providerID"].partition(".")[2], private_ip=ip)
    name, pods = f"cn-hangzhou.{ip}", f"172.20.{4 + number}.0/25"
    labels = {"kubernetes.io/hostname": name, "node-role.kubernetes.io/control-plane": ""}
    node["metadata"].update(name=name, uid=f"uid-of-master-{number}")
    node["metadata"]["labels"] |= labels
    for key in ("alibabacloud.com/nodepool-id", "ack.aliyun.com"):
        node["metadata"]["labels"].pop(key, None)
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    node["spec"] = {"providerID": f"cn-hangzhou.{instance_id}", "podCIDR": pods, "podCIDRs": [pods], "taints": [taint]}
    node["status"].update(volumesInUse=[], volumesAttached=[])
    for entry in node["status"]["addresses"]:
        entry["address"] = ip if entry["type"] == "InternalIP" else name
    kubernetes.add(NODES, node)
    csi_node = deepcopy(kubernetes.objects.get(CSI_NODES, f"cn-hangzhou.192.168.{like}"))
    assert csi_node is not None
    csi_node["metadata"]["name"] = name
    kubernetes.add(CSI_NODES, csi_node)
    state.vpc.add_route(TABLE, pods, "Instance", instance_id)
    return instance_id, ip


def _run_the_manager(scene: Scene, nodes: list[str]) -> None:
    """Run the CCM as a DaemonSet of the control plane's nodes, and Flannel and the API server on each."""
    labels = {"app": CCM}

    def workload(daemonset: Json) -> None:
        daemonset["metadata"].update(labels=labels, uid="uid-of-ccm")
        daemonset["spec"]["selector"] = {"matchLabels": labels}
        daemonset["spec"]["template"]["metadata"]["labels"] = labels
        image = "registry.example.com/acs/cloud-controller-manager-amd64:v2.14.1"
        daemonset["spec"]["template"]["spec"]["containers"] = [{"name": CCM, "image": image}]
        number = dict.fromkeys(("desiredNumberScheduled", "currentNumberScheduled", "numberReady"), len(nodes))
        daemonset["status"] |= {**number, "numberAvailable": len(nodes), "updatedNumberScheduled": len(nodes)}

    copy(scene, DAEMONSETS, "kube-flannel-ds", SYSTEM, CCM, workload)
    like = next(
        pod["metadata"]["name"]
        for pod in scene.kubernetes.objects.all(PODS)
        if pod["metadata"]["name"].startswith("kube-flannel-ds-")
    )
    for number, node in enumerate(nodes):

        def of_manager(pod: Json, node: str = node) -> None:
            pod["metadata"] |= {"labels": labels, "uid": f"uid-of-ccm-on-{node}"}
            pod["metadata"]["ownerReferences"][0] |= {"name": CCM, "uid": "uid-of-ccm"}
            pod["spec"]["nodeName"] = node

        def of_api_server(pod: Json, node: str = node) -> None:
            pod["metadata"] |= {"labels": {"component": "kube-apiserver", "tier": "control-plane"}}
            pod["metadata"] |= {"uid": f"uid-of-api-server-on-{node}"}
            pod["metadata"]["ownerReferences"] = [{"kind": "Node", "name": node, "controller": True}]
            pod["spec"]["nodeName"] = node

        def of_flannel(pod: Json, node: str = node) -> None:
            pod["metadata"]["uid"] = f"uid-of-flannel-on-{node}"
            pod["spec"]["nodeName"] = node

        copy(scene, PODS, like, SYSTEM, f"kube-flannel-ds-on-{number}", of_flannel)
        copy(scene, PODS, like, SYSTEM, f"{CCM}-{number}", of_manager)
        copy(scene, PODS, like, SYSTEM, f"kube-apiserver-{node}", of_api_server)
