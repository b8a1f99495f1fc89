"""The API server's load balancer, its list and its control plane, for the scenarios of the checks of these."""

import json
import shlex

from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import HopState
from tests.fakes.cloud.wire import Json
from tests.scenarios import storage as s
from tests.scenarios.kit import Scene

UNHEALTHY = "network/apiserver-unhealthy"
OVERLOADED = "network/apiserver-lb-overloaded"
BROKEN = "network/apiserver-lb-broken"
REFUSED = "network/apiserver-acl-blocks-clients"
BALANCER, LISTENER = "lb-bp1y28udk3bwt0a77lw9h", "lb-bp1y28udk3bwt0a77lw9h/6443/tcp"
GROUP, ACL = "rsp-bp1zsk0zicpwp", "acl-bp1vdyd1xtgltp0uwysrh"
EIP, PUBLIC = "eip-bp1win1lowwnjnyc6eti9", "203.0.113.67"
SERVICES_BALANCER = "lb-bp1qivht16qrbpfnz1a1c"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
NODE = s.node("0.11")
MASTERS = ("0.12", "1.22", "2.31")


def described(scene: Scene) -> Json:
    cs = scene.cloud.state.cs
    found: Json = cs.clusters[cs.cluster_id]
    return found


def endpoints(scene: Scene, **urls: str) -> None:
    """Give the cluster these addresses of its API server, and no others."""
    described(scene)["master_url"] = json.dumps(urls)


def named_by_nothing(scene: Scene) -> None:
    """Let the description name no load balancer, as that of older clusters."""
    described(scene).pop("control_plane_endpoints_config")


def balancer(scene: Scene) -> Json:
    return scene.cloud.state.slb.load_balancers[BALANCER]


def listener(scene: Scene) -> Json:
    return scene.cloud.state.slb.listeners[LISTENER]


def white(scene: Scene, *cidrs: str) -> Scene:
    """Let the list have these entries."""
    entries = [{"AclEntryIP": one, "AclEntryComment": ""} for one in cidrs]
    scene.cloud.state.slb.acls[ACL]["AclEntrys"]["AclEntry"] = entries
    return scene


def black(scene: Scene, *cidrs: str) -> Scene:
    listener(scene)["AclType"] = "black"
    return white(scene, *cidrs)


ENOUGH = ("100.104.0.0/16", "192.168.0.0/16", "172.20.0.0/16")


def virtual_node(scene: Scene, name: str = "virtual-kubelet-cn-hangzhou-k", ip: str = "10.99.0.7") -> None:
    """Add a virtual node, as ack-virtual-node does."""
    made = s.copy(scene, s.NODES, NODE, name)
    made["metadata"]["labels"] |= {"type": "virtual-kubelet"}
    made["spec"] = {"taints": [{"key": "virtual-kubelet.io/provider", "value": "alibabacloud", "effect": "NoSchedule"}]}
    made["status"]["addresses"] = [{"type": "InternalIP", "address": ip}]
    scene.kubernetes.add(s.NODES, made)


def dedicated(scene: Scene) -> list[str]:
    """Let three nodes be the masters of a dedicated cluster, with their Pods; return their names."""
    described(scene)["cluster_type"] = "Kubernetes"
    names = [s.node(one) for one in MASTERS]
    label = {"node-role.kubernetes.io/control-plane": ""}
    for name in names:
        scene.kubernetes.patch(s.NODES, name, lambda found: found["metadata"]["labels"].update(label))
        for component in ("kube-apiserver", "etcd"):
            pod = s.copy(scene, s.PODS, "mysql-0", f"{component}-{name}", "data")
            pod["metadata"] |= {"namespace": "kube-system", "ownerReferences": []}
            pod["spec"] |= {"nodeName": name, "hostNetwork": True}
            scene.kubernetes.add(s.PODS, pod)
    return names


def broken_hops(finding: ReportedFinding) -> list[tuple[str, str]]:
    return [(hop.ref.kind, hop.ref.id or hop.ref.path) for hop in finding.trail if hop.state is HopState.BROKEN]


def commands(finding: ReportedFinding) -> list[str]:
    return [" ".join(shlex.split(step.command)) for step in finding.remedy if step.command]
