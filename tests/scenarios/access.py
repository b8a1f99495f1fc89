"""Scenes of the way from the API server to the kubelets, for the scenarios of the checks of access."""

from typing import Any

from tests.scenarios.kit import Report, Scene

CHECK = "access/kubelet-port-blocked"
SHARED = "sg-bp1ce61t4k3fi55hnta7"
"""The cluster's own group, which the API server's interfaces are in too."""
OWN = "sg-bp1ownnodes00000001"
OTHER = "sg-bp1zzother000000001"
API_SERVERS = ("192.168.0.5", "192.168.1.5")
VSWITCH_H, VSWITCH_I, VSWITCH_K = (
    "vsw-bp1bydj2pojgqhd42r8n3",
    "vsw-bp178idwgg5io9caw2scj",
    "vsw-bp1zb7ofr8eiau3j1n6p4",
)
NODE_K = "cn-hangzhou.192.168.2.43"
INSTANCE_K = "i-bp1f7vgjfyi0dlurzy67"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
NODES = "/api/v1/nodes"
ANY = "0.0.0.0/0"
KUBELET = {"IpProtocol": "TCP", "PortRange": "10250/10250"}
Json = dict[str, Any]


def put(scene: Scene, *groups: str, instances: tuple[str, ...] = ()) -> None:
    """Put the nodes, or some of them, into these groups: their instances and their interfaces."""
    ecs = scene.cloud.state.ecs
    wanted = set(instances or ecs.instances)
    for instance_id in wanted:
        ecs.instances[instance_id]["SecurityGroupIds"] = {"SecurityGroupId": list(groups)}
    for interface in ecs.network_interfaces.values():
        if interface["InstanceId"] in wanted:
            interface["SecurityGroupIds"] = {"SecurityGroupId": list(groups)}


def in_own_group(*rules: Json, kind: str = "normal", **fields: Any) -> Scene:
    """Return a cluster whose nodes are in a group of their own with these inbound rules."""
    scene = Scene()
    scene.cloud.state.ecs.add_security_group(OWN, SecurityGroupType=kind, **fields)
    for rule in rules:
        scene.cloud.state.ecs.add_rule(OWN, "ingress", **rule)
    put(scene, OWN)
    return scene


def shared(*rules: Json, keep: bool = False, **fields: Any) -> Scene:
    """Return a cluster whose shared group has these inbound rules, beside ACK's own if they are kept."""
    scene = Scene()
    if not keep:
        scene.cloud.state.ecs.remove_rules(SHARED, "ingress")
    for rule in rules:
        scene.cloud.state.ecs.add_rule(SHARED, "ingress", **rule)
    scene.cloud.state.ecs.security_groups[SHARED].update(fields)
    return scene


def drop(priority: object = "1", **fields: Any) -> Json:
    return {**KUBELET, "Policy": "Drop", "Priority": priority, "SourceCidrIp": ANY, **fields}


def accept(priority: object = "1", **fields: Any) -> Json:
    return {**KUBELET, "Policy": "Accept", "Priority": priority, "SourceCidrIp": ANY, **fields}


def served_at(scene: Scene, *addresses: str) -> None:
    """Let the endpoints of Service default/kubernetes be these."""
    endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
    scene.kubernetes.patch(SLICES, "kubernetes", lambda piece: piece.update(endpoints=endpoints), "default")


def audit(scene: Scene) -> Report:
    return scene.audit(CHECK)


def forget_api_servers(scene: Scene) -> None:
    interfaces = scene.cloud.state.ecs.network_interfaces
    for interface_id in [key for key, row in interfaces.items() if row["ServiceManaged"]]:
        del interfaces[interface_id]
