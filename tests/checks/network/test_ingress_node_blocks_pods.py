"""Security groups and network ACLs of the Ingress controller's nodes that keep Pods out."""

import json
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.ecs import NetworkInterface, SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.cloud.vpc import AclEntry, NetworkAcl, VSwitch
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty
from tests.checks import kit, make
from tests.checks.network import ingresses as of

CHECK = "network/ingress-node-blocks-pods"
PODS = "172.20.0.0/16"
TERWAY = {"network": "terway-eniip", "container_cidr": ""}


def accept(ports: str = "-1/-1", cidr: str = PODS, **more: Any) -> SecurityGroupRule:
    given: dict[str, Any] = {"policy": "Accept", "priority": 1, "protocol": "TCP", **more}
    return SecurityGroupRule(id=f"sgr-{ports}-{cidr}", direction="ingress", ports=ports, peer_cidr=cidr, **given)


def drop(ports: str = "-1/-1", cidr: str = PODS, **more: Any) -> SecurityGroupRule:
    return accept(ports, cidr, policy="Drop", **more)


ALL = accept(protocol="ALL")


def base(*rules: SecurityGroupRule, kind: str = "normal", **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "pods": [of.controller_pod(), make.pod("shop/web-1", "n2", status={"podIP": "172.20.1.9"})],
        "nodes": [
            make.node("n1", ip="192.168.0.11", podCIDR="172.20.0.0/24"),
            make.node("n2", "i", ip="192.168.1.11", podCIDR="172.20.1.0/24"),
        ],
        "instances": [
            make.instance("n1", private_ips=["192.168.0.11"]),
            make.instance("n2", "i", private_ips=["192.168.1.11"]),
        ],
        "security_groups": [SecurityGroup(id="sg-1", type=kind, vpc_id=make.VPC)],
        "security_group_rules": [SecurityGroupRules("sg-1", "Accept", list(rules))],
        "vswitches": [
            VSwitch("vsw-h", zone="h", cidr="192.168.0.0/24", network_acl_id="", vpc_id=make.VPC),
            VSwitch("vsw-i", zone="i", cidr="192.168.1.0/24", network_acl_id="", vpc_id=make.VPC),
        ],
        **tables,
    }
    return of.landscape(**given)


def refused(landscape: Landscape, subject: str = "sg-1") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, subject)
    assert [hop.ref.path for hop in finding.trail if hop.state == "broken"] == [subject]
    return finding


def quiet(landscape: Landscape) -> None:
    kit.stays_quiet(CHECK, landscape)


class TestGroups:
    def test_acks_own_rule(self) -> None:
        quiet(base(ALL))
        quiet(base(accept("80/80"), accept("443/443"), accept("8443/8443")))
        quiet(base(accept("1/9000")))

    def test_no_rule(self) -> None:
        finding = refused(base())
        assert finding.severity == "high"
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["ports"] == ["80", "443", "8443"]
        assert [ref.name for ref in finding.affected] == ["n1"]

    def test_an_open_group_is_open_to_interfaces_and_not_to_pods_under_flannel(self) -> None:
        refused(base(accept(cidr="192.168.0.0/16", protocol="ALL")))

    @pytest.mark.parametrize("port", ["80", "443", "8443"])
    def test_one_port_is_left_out(self, port: str) -> None:
        others = [accept(f"{one}/{one}") for one in ("80", "443", "8443") if one != port]
        assert refused(base(*others)).evidence["ports"] == [port]

    def test_metrics_are_not_requests(self) -> None:
        quiet(base(drop("10254/10254"), accept(priority=2)))

    def test_a_rule_that_drops(self) -> None:
        finding = refused(base(drop("443/443"), accept(priority=2)))
        assert finding.evidence["deciding_rule"] == f"sgr-443/443-{PODS}"

    def test_two_causes_in_a_group_are_one_finding(self) -> None:
        finding = refused(base(drop("443/443"), accept("80/443", priority=2)))
        assert finding.evidence["deciding_rule"] == f"sgr-443/443-{PODS}, default"
        commands = [one.command for one in finding.remedy]
        assert any("RevokeSecurityGroup" in command for command in commands)
        assert any("AuthorizeSecurityGroup" in command for command in commands)

    def test_a_part_of_the_pods(self) -> None:
        finding = refused(base(drop(cidr="172.20.1.0/24"), accept(priority=2)))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["refused_addresses"] == ["172.20.1.0/24"]

    def test_a_part_that_no_pod_has_yet(self) -> None:
        finding = refused(base(accept(cidr="172.20.0.0/17")))
        assert (finding.certainty, finding.severity) == ("confirmed", "high")
        assert "No Pod has such an address now" in str(finding.why)

    def test_an_advanced_group(self) -> None:
        refused(base(kind="enterprise"))
        quiet(base(ALL, kind="enterprise"))

    def test_only_ports_that_the_controller_listens_on(self) -> None:
        ports = [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 443}]
        quiet(base(accept("80/80"), accept("443/443"), pods=[of.controller_pod(ports=ports)]))

    def test_ports_of_its_own(self) -> None:
        flags = (*of.FLAGS, "--http-port=8080", "--https-port=9443")
        ports = [{"name": "a", "containerPort": 8080}, {"name": "b", "containerPort": 9443}]
        for pod in (of.controller_pod(ports=ports), of.controller_pod(ports=[])):
            controller = of.workload("kube-system/nginx-ingress-controller", *flags)
            quiet(base(accept("8080/8080"), accept("9443/9443"), deployments=[controller], pods=[pod]))
            finding = refused(base(accept("80/80"), accept("443/443"), deployments=[controller], pods=[pod]))
            assert finding.evidence["ports"] == ["8080", "9443"]

    def test_nothing_declared(self) -> None:
        assert refused(base(pods=[of.controller_pod(ports=[])])).evidence["ports"] == ["80", "443"]

    def test_in_the_hosts_network_it_is_likely(self) -> None:
        pod = of.controller_pod(ip="192.168.0.11", spec={"hostNetwork": True})
        assert refused(base(pods=[pod])).certainty is Certainty.LIKELY

    def test_two_nodes_are_one_finding(self) -> None:
        pods = [of.controller_pod(), of.controller_pod("nginx-2", "n2", "172.20.1.5")]
        assert [ref.name for ref in refused(base(pods=pods)).affected] == ["n1", "n2"]

    def test_other_nodes_do_not_matter(self) -> None:
        instances = [make.instance("n1"), make.instance("n2", "i", security_group_ids=["sg-2"])]
        quiet(base(ALL, instances=instances))


class TestTerway:
    def base(self, *rules: SecurityGroupRule, pod_groups: tuple[str, ...] = ("sg-pods",), **more: Any) -> Landscape:
        conf = {"vswitches": {"h": ["vsw-p"]}, "security_group": "sg-pods"}
        data = {"metadata": make.meta("eni-config", "kube-system"), "data": {"eni_conf": json.dumps(conf)}}
        config = msgspec.convert(data, ConfigMap)
        interfaces = [
            NetworkInterface("eni-1", "Primary", "i-n1", "192.168.0.11", ["192.168.0.11"], ["sg-1"], "vsw-h"),
            NetworkInterface(
                "eni-2", "Secondary", "i-n1", "10.1.0.4", ["10.1.0.4", "10.1.0.5"], list(pod_groups), "vsw-p"
            ),
        ]
        groups = [SecurityGroup(id=one, type="normal") for one in ("sg-1", "sg-pods", "sg-odd")]
        own = more.pop("own_rules", ())
        given: dict[str, Any] = {
            "pods": [of.controller_pod(ip="10.1.0.5")],
            "clusters": [of.cluster(**TERWAY)],
            "config_maps": [config],
            "network_interfaces": interfaces,
            "security_groups": groups,
            "security_group_rules": [
                SecurityGroupRules("sg-1", "Drop", list(own)),
                SecurityGroupRules("sg-pods", more.pop("inner", "Accept"), list(rules)),
                SecurityGroupRules("sg-odd", "Accept", []),
            ],
            "vswitches": [
                VSwitch("vsw-h", cidr="192.168.0.0/24", network_acl_id=""),
                VSwitch("vsw-p", cidr="10.1.0.0/16", network_acl_id=""),
            ],
            **more,
        }
        return base(**given)

    def test_pods_share_an_open_group(self) -> None:
        quiet(self.base())

    def test_the_groups_of_the_interface_count_and_not_those_of_the_node(self) -> None:
        refused(self.base(inner="Drop"), "sg-pods")
        quiet(self.base(accept(cidr="10.1.0.0/16"), inner="Drop"))

    def test_an_interface_in_another_group_than_the_others(self) -> None:
        refused(self.base(pod_groups=("sg-odd",)), "sg-odd")

    def test_in_the_hosts_network(self) -> None:
        pod = of.controller_pod(ip="192.168.0.11", spec={"hostNetwork": True})
        refused(self.base(pods=[pod]), "sg-1")
        quiet(self.base(pods=[pod], own_rules=[accept(cidr="10.1.0.0/16")]))

    def test_without_interfaces_it_is_not_known(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(self.base(), "network_interfaces"))
        kit.is_not_evaluated(CHECK, kit.without(self.base(), "config_maps"))


class TestAcl:
    def with_acl(self, ingress: list[AclEntry], egress: list[AclEntry] | None = None, **more: Any) -> Landscape:
        anything = [AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")]
        acl = NetworkAcl("nacl-1", "Available", ingress, anything if egress is None else egress)
        vswitches = [
            VSwitch("vsw-h", cidr="192.168.0.0/24", network_acl_id="nacl-1"),
            VSwitch("vsw-i", cidr="192.168.1.0/24", network_acl_id=""),
        ]
        return base(ALL, network_acls=[acl], **{"vswitches": vswitches, **more})

    def test_in(self) -> None:
        finding = refused(self.with_acl([AclEntry("accept", "tcp", "1/442", PODS)]), "nacl-1")
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.subject.kind == "NetworkAcl"

    def test_out(self) -> None:
        entries = [AclEntry("accept", "tcp", "1/65535", PODS)]
        finding = refused(self.with_acl(entries, [AclEntry("accept", "tcp", "1/1024", PODS)]), "nacl-1")
        assert "answers" in str(finding.message)

    def test_open(self) -> None:
        quiet(self.with_acl([AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")]))
        quiet(self.with_acl([AclEntry("accept", "tcp", "1/65535", "172.20.1.0/24")]))

    def test_pods_of_the_same_vswitch_do_not_pass_it(self) -> None:
        quiet(self.with_acl([], instances=[make.instance("n1"), make.instance("n2", vswitch_id="vsw-h")]))


NEEDED = kit.tables_needed(CHECK)


class TestNotKnown:
    @pytest.mark.parametrize("table", sorted(NEEDED))
    def test_a_healthy_controller(self, table: str) -> None:
        result, findings = kit.run(CHECK, kit.without(base(ALL), table))
        assert not findings
        needed = {"deployments", "daemonsets", "pods", "nodes", "instances", "clusters", "vswitches"}
        needed.add("security_group_rules")
        assert (result.status is Status.NOT_EVALUATED) == (table in needed), result.reasons

    @pytest.mark.parametrize("table", ["vswitches", "network_acls", "network_interfaces", "config_maps", "daemonsets"])
    def test_a_group_that_refuses_is_found_all_the_same(self, table: str) -> None:
        _, (finding,) = kit.run(CHECK, kit.without(base(), table))
        assert finding.subject.id == "sg-1"

    def test_without_a_controller(self) -> None:
        kit.stays_quiet(CHECK, base(deployments=[]), Status.NOT_APPLICABLE)

    def test_on_a_virtual_node(self) -> None:
        virtual = make.node("n1", labels={"type": "virtual-kubelet"})
        kit.stays_quiet(CHECK, base(nodes=[virtual]), Status.NOT_APPLICABLE)

    def test_groups_that_were_not_said(self) -> None:
        landscape = base(ALL, instances=[make.instance("n1", security_group_ids=None), make.instance("n2", "i")])
        result, findings = kit.run(CHECK, landscape)
        assert not findings
        assert result.status is Status.NOT_EVALUATED
