"""A cluster whose API server calls its kubelets, in parts that tests replace."""

from collections.abc import Iterable, Sequence
from typing import Any

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import (
    Instance,
    NetworkInterface,
    SecurityGroup,
    SecurityGroupRule,
    SecurityGroupRules,
)
from auditor.facts.cloud.vpc import AclEntry, NetworkAcl, VSwitch
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding
from tests.checks import kit, make

CHECK = "access/kubelet-port-blocked"
API = ("192.168.0.5", "192.168.1.5")


def rule(policy: str, priority: int = 1, **more: Any) -> SecurityGroupRule:
    given: dict[str, Any] = {"direction": "ingress", "protocol": "TCP", "ports": "10250/10250", **more}
    if not any(key.startswith("peer_") for key in given):
        given["peer_cidr"] = "0.0.0.0/0"
    return SecurityGroupRule(id=given.pop("id", f"sgr-{policy}-{priority}"), policy=policy, priority=priority, **given)


def group(id: str, *rules: SecurityGroupRule, inner: str | None = "Accept") -> SecurityGroupRules:  # noqa: A002
    return SecurityGroupRules(group_id=id, inner_access=inner, rules=list(rules))


def vswitch(letter: str, third: int, acl: str | None = "") -> VSwitch:
    cidr = f"192.168.{third}.0/24"
    return VSwitch(id=f"vsw-{letter}", zone=make.zone(letter), vpc_id=make.VPC, cidr=cidr, network_acl_id=acl)


def eni(number: int, groups: list[str] | None, **more: Any) -> NetworkInterface:
    ip = API[number]
    given: dict[str, Any] = {
        "primary_ip": ip,
        "private_ips": [ip],
        "vswitch_id": f"vsw-{'hi'[number]}",
        "vpc_id": make.VPC,
        "service_managed": True,
        **more,
    }
    return NetworkInterface(id=f"eni-{number}", security_group_ids=groups, **given)


def machine(name: str, groups: Sequence[str] = ("sg-1",), letter: str = "k", ip: str = "192.168.2.11") -> Instance:
    return make.instance(name, letter, private_ips=[ip], security_group_ids=list(groups))


def landscape(
    *groups: SecurityGroupRules,
    kind: str | None = "normal",
    machines: Sequence[Instance] = (),
    nodes: Sequence[Node] = (),
    api_groups: list[str] | None = None,
    endpoints: Sequence[str] = API,
    **tables: Any,
) -> Landscape:
    """Make a cluster whose API server (192.168.0.5 in h, 192.168.1.5 in i, group sg-api) calls nodes in k."""
    made = list(machines) or [machine("a")]
    given: dict[str, Any] = {
        "nodes": list(nodes) or [make.node(m.id.removeprefix("i-"), "k", ip=m.private_ips[0]) for m in made],
        "instances": made,
        "endpoint_slices": [kubernetes_slice(endpoints)],
        "vswitches": [vswitch("h", 0), vswitch("i", 1), vswitch("k", 2)],
        "network_interfaces": [eni(number, api_groups or ["sg-api"]) for number in (0, 1)],
        "security_groups": [SecurityGroup(id=row.group_id, type=kind, vpc_id=make.VPC) for row in groups],
        "security_group_rules": groups,
        "clusters": [cluster()],
        **tables,
    }
    return kit.landscape(**given)


def kubernetes_slice(addresses: Iterable[str]) -> Any:
    return make.endpoint_slice(
        "default/kubernetes",
        [{"addresses": [address]} for address in addresses],
        ports=[{"name": "https", "port": 6443, "protocol": "TCP"}],
    )


def cluster(**more: Any) -> Cluster:
    given: dict[str, Any] = {
        "type": "ManagedKubernetes",
        "vpc_id": make.VPC,
        "vswitch_ids": ["vsw-h", "vsw-i"],
        "security_group_id": "sg-api",
        "api_endpoints": {"intranet_api_server_endpoint": "https://192.168.0.167:6443"},
        **more,
    }
    return Cluster(id=kit.CLUSTER_ID, **given)


OPEN = group("sg-1", rule("Accept", peer_cidr="192.168.0.0/16"))
SHUT = group("sg-1", rule("Drop", id="sgr-shut"), rule("Accept", 2))
EMPTY = group("sg-1")


def the_finding(base: Landscape, subject: str = "sg-1") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    return finding


def quiet(base: Landscape) -> None:
    kit.stays_quiet(CHECK, base)


ALL = AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")
DROP = AclEntry("drop", "tcp", "10250/10250", "192.168.0.0/16")


def with_acl(letter: str, ingress: list[AclEntry], egress: list[AclEntry], **more: Any) -> Landscape:
    numbers = {"h": 0, "i": 1, "k": 2}
    return landscape(
        OPEN,
        vswitches=[vswitch(one, third, "nacl-1" if one == letter else "") for one, third in numbers.items()],
        network_acls=[NetworkAcl(id="nacl-1", status="Available", ingress=ingress, egress=egress)],
        **more,
    )
