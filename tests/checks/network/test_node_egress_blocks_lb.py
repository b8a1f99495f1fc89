from typing import Any

import pytest

from auditor.facts.cloud.ecs import (
    NetworkInterface,
    PortRangeList,
    PrefixList,
    SecurityGroup,
    SecurityGroupRule,
    SecurityGroupRules,
)
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.cloud.vpc import AclEntry, NetworkAcl
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make
from tests.checks.network.api import cluster, landscape, vswitch

CHECK = "network/node-egress-blocks-lb"
WEB = "lb-web1"
ADDRESS = "192.168.2.150"
ALL = AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")


def rule(policy: str, priority: int = 1, *, id: str = "", **more: Any) -> SecurityGroupRule:  # noqa: A002
    given = {"protocol": "TCP", "ports": "1/65535", **more}
    if not any(key.startswith("peer_") for key in given):
        given["peer_cidr"] = "0.0.0.0/0"
    return SecurityGroupRule(id or f"sgr-{policy}-{priority}", "egress", policy, priority, **given)


def scene(*rules: SecurityGroupRule, kind: str = "normal", group: str = "sg-1", **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "services": [
            make.service("shop/web", type="LoadBalancer", labels={"service.k8s.alibaba/loadbalancer-id": WEB})
        ],
        "load_balancers": [*landscape().table("load_balancers").all(), LoadBalancer(WEB, "web", ADDRESS)],
        "security_groups": [SecurityGroup(group, type=kind, vpc_id=make.VPC)],
        "security_group_rules": [SecurityGroupRules(group, "Accept", list(rules))],
        "vswitches": [vswitch("h", 0), vswitch("i", 1), vswitch("k", 2)],
        **tables,
    }
    return landscape(**given)


def found(base: Landscape, subject: str = "sg-1") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    assert finding.severity is Severity.HIGH
    return finding


class TestGroups:
    @pytest.mark.parametrize(
        ("rules", "kind"),
        [
            pytest.param([], "enterprise", id="advanced without rules"),
            pytest.param([rule("Accept", protocol="UDP")], "enterprise", id="advanced, UDP only"),
            pytest.param([rule("Accept", peer_cidr="10.0.0.0/8")], "enterprise", id="advanced, another range"),
            pytest.param([rule("Drop")], "normal", id="basic, dropped"),
            pytest.param([rule("Drop", 2), rule("Accept", 10)], "normal", id="2 before 10"),
            pytest.param([rule("Drop", 5), rule("Accept", 5)], "normal", id="equal priority"),
            pytest.param([rule("Drop", peer_prefix_list_id="pl-1")], "normal", id="prefix list"),
            pytest.param([rule("Drop", ports="", port_list_id="prl-1")], "normal", id="port list"),
            pytest.param([rule("Drop", peer_cidr="192.168.2.150/32", ports="80/80")], "normal", id="just this one"),
        ],
    )
    def test_refused(self, rules: list[SecurityGroupRule], kind: str) -> None:
        base = scene(
            *rules,
            kind=kind,
            prefix_lists=[PrefixList("pl-1", ["192.168.2.0/24"])],
            port_range_lists=[PortRangeList("prl-1", ["80/80"])],
        )
        finding = found(base)
        assert finding.certainty is Certainty.CONFIRMED
        assert f"{ADDRESS}:80/tcp" in finding.evidence["targets"]  # type: ignore[operator]
        assert [ref.path for ref in finding.affected] == ["a", "b"]

    @pytest.mark.parametrize(
        ("rules", "kind"),
        [
            pytest.param([], "normal", id="basic without rules"),
            pytest.param([rule("Accept")], "enterprise", id="advanced, everything"),
            pytest.param([rule("Accept", 1), rule("Drop", 2)], "normal", id="accept first"),
            pytest.param([rule("Drop", ports="8080/8080")], "normal", id="another port"),
            pytest.param([rule("Drop", protocol="UDP")], "normal", id="another protocol"),
            pytest.param([rule("Drop", peer_cidr="10.0.0.0/8")], "normal", id="another range"),
            pytest.param([rule("Drop", peer_group_id="sg-9")], "normal", id="a group"),
        ],
    )
    def test_quiet(self, rules: list[SecurityGroupRule], kind: str) -> None:
        kit.stays_quiet(CHECK, scene(*rules, kind=kind))

    def test_the_api_server_too(self) -> None:
        finding = found(scene(rule("Drop", peer_cidr="192.168.0.167/32", ports="6443/6443")))
        assert finding.evidence["targets"] == ["192.168.0.167:6443/tcp"]

    def test_all_addresses_of_an_nlb(self) -> None:
        service = make.service(
            "shop/web",
            type="LoadBalancer",
            loadBalancerClass="alibabacloud.com/nlb",
            labels={"service.k8s.alibaba/loadbalancer-id": "nlb-1"},
        )
        row = NetworkLoadBalancer("nlb-1", addresses=["192.168.0.9", "192.168.1.9"])
        base = scene(rule("Drop", peer_cidr="192.168.1.9/32"), services=[service], network_load_balancers=[row])
        assert found(base).evidence["targets"] == ["192.168.1.9:80/tcp"]

    def test_interfaces_of_terway(self) -> None:
        own = NetworkInterface("eni-1", "Primary", "i-a", security_group_ids=["sg-1"], vswitch_id="vsw-h")
        of_pods = NetworkInterface("eni-2", "Secondary", "i-a", security_group_ids=["sg-pods"], vswitch_id="vsw-h")
        groups: dict[str, Any] = {
            "security_groups": [SecurityGroup(one, type="normal") for one in ("sg-1", "sg-pods")],
            "security_group_rules": [
                SecurityGroupRules("sg-1", "Accept"),
                SecurityGroupRules("sg-pods", "Accept", [rule("Drop")]),
            ],
            "network_interfaces": [own, of_pods],
        }
        terway = [cluster(network="terway-eniip", container_cidr=None)]
        finding = found(scene(clusters=terway, **groups), "sg-pods")
        assert [ref.path for ref in finding.affected] == ["a"]
        kit.stays_quiet(CHECK, scene(**groups))

    def test_two_rules_of_a_group_are_one_finding(self) -> None:
        rules = [
            rule("Drop", id="sgr-web", ports="80/80"),
            rule("Drop", id="sgr-api", ports="6443/6443"),
            rule("Drop", id="sgr-none", ports="25/25"),
        ]
        finding = found(scene(*rules))
        assert finding.evidence["deciding_rule"] == "sgr-web, sgr-api"
        commands = " ".join(one.command for one in finding.remedy)
        assert "sgr-web" in commands
        assert "sgr-api" in commands
        assert "sgr-none" not in commands

    def test_a_rule_and_the_default_of_a_group(self) -> None:
        rules = [rule("Drop", ports="80/80"), rule("Accept", 2, ports="80/80")]
        finding = found(scene(*rules, kind="enterprise"))
        assert finding.evidence["deciding_rule"] == "sgr-Drop-1, default"
        commands = [one.command for one in finding.remedy]
        assert any("RevokeSecurityGroupEgress" in command for command in commands)
        assert any("AuthorizeSecurityGroupEgress" in command and "6443" in command for command in commands)

    def test_a_load_balancer_that_is_about_to_go(self) -> None:
        leaving = make.service(
            "shop/web",
            type="LoadBalancer",
            labels={"service.k8s.alibaba/loadbalancer-id": WEB},
            deletionTimestamp="2026-11-23T07:59:00Z",
        )
        kit.stays_quiet(CHECK, scene(rule("Drop", ports="80/80"), services=[leaving]))

    def test_no_load_balancer(self) -> None:
        base = scene(
            rule("Drop"), services=[], clusters=[cluster(api_load_balancer_ids=["lb-gone"])], load_balancers=[]
        )
        kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)

    def test_nodes_without_a_machine_of_ecs(self) -> None:
        virtual = make.node("v", labels={"type": "virtual-kubelet"})
        foreign = make.node("f", providerID="aws:///x")
        kit.stays_quiet(CHECK, scene(rule("Drop"), nodes=[virtual, foreign]), Status.NOT_APPLICABLE)


def with_acl(egress: list[AclEntry], ingress: list[AclEntry] | None = None) -> Landscape:
    acl = NetworkAcl("nacl-1", "Available", [ALL] if ingress is None else ingress, egress)
    rows = [vswitch("h", 0, network_acl_id="nacl-1"), vswitch("i", 1), vswitch("k", 2)]
    return scene(vswitches=rows, network_acls=[acl])


class TestNetworkAcls:
    @pytest.mark.parametrize(
        ("egress", "ingress"),
        [
            pytest.param([], None, id="nothing goes out"),
            pytest.param([AclEntry("drop", "tcp", "80/80", "192.168.2.0/24"), ALL], None, id="dropped"),
            pytest.param([ALL], [], id="no answer comes in"),
        ],
    )
    def test_refused(self, egress: list[AclEntry], ingress: list[AclEntry] | None) -> None:
        finding = found(with_acl(egress, ingress), "nacl-1")
        assert finding.subject.kind == "NetworkAcl"
        assert [ref.path for ref in finding.affected] == ["a"]

    def test_answers_to_some_ports(self) -> None:
        finding = found(with_acl([ALL], [AclEntry("accept", "tcp", "32768/50000", "0.0.0.0/0")]), "nacl-1")
        assert finding.certainty is Certainty.LIKELY

    @pytest.mark.parametrize(
        "egress",
        [
            pytest.param([ALL], id="open"),
            pytest.param([AclEntry("drop", "tcp", "8080/8080", "0.0.0.0/0"), ALL], id="another port"),
            pytest.param([AclEntry("drop", "all", "-1/-1", "192.168.0.0/24"), ALL], id="within the vSwitch"),
        ],
    )
    def test_quiet(self, egress: list[AclEntry]) -> None:
        kit.stays_quiet(CHECK, with_acl(egress))


class TestNetworkAclsOfPods:
    """Terway's interfaces may lie in vSwitches of their own."""

    def scene(self, acl: list[AclEntry], **tables: Any) -> Landscape:
        interfaces = [
            NetworkInterface("eni-1", "Primary", "i-a", security_group_ids=["sg-1"], vswitch_id="vsw-h"),
            NetworkInterface("eni-2", "Secondary", "i-a", security_group_ids=["sg-1"], vswitch_id="vsw-k"),
        ]
        rows = [vswitch("h", 0), vswitch("i", 1), vswitch("k", 7, network_acl_id="nacl-1")]
        terway = [cluster(network="terway-eniip", container_cidr=None)]
        acls = [NetworkAcl("nacl-1", "Available", [ALL], acl)]
        return scene(vswitches=rows, clusters=terway, network_interfaces=interfaces, network_acls=acls, **tables)

    def test_refused(self) -> None:
        finding = found(self.scene([AclEntry("drop", "tcp", "80/80", "192.168.2.0/24"), ALL]), "nacl-1")
        assert [ref.path for ref in finding.affected] == ["a"]
        assert finding.evidence["vswitch"] == "vsw-k"

    def test_open(self) -> None:
        kit.stays_quiet(CHECK, self.scene([ALL]))

    @pytest.mark.parametrize("table", ["network_interfaces", "network_acls", "vswitches"])
    def test_without_a_table(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(self.scene([ALL]), table))


class TestGaps:
    @pytest.mark.parametrize(
        "table", ["nodes", "instances", "services", "load_balancers", "vswitches", "security_group_rules", "clusters"]
    )
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene(rule("Accept")), table))

    @pytest.mark.parametrize(
        "table", ["network_interfaces", "network_acls", "config_maps", "pods", "cluster_resources"]
    )
    def test_not_needed_with_flannel(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(rule("Accept")), table))

    @pytest.mark.parametrize("table", ["services", "vswitches", "network_interfaces", "network_acls"])
    def test_what_is_known_decides(self, table: str) -> None:
        base = kit.without(scene(rule("Drop")), table)
        assert [one.subject.path for one in kit.run(CHECK, base)[1]] == ["sg-1"]

    def test_a_list_that_could_not_be_read(self) -> None:
        base = scene(rule("Drop", peer_prefix_list_id="pl-1"))
        kit.is_not_evaluated(CHECK, kit.without(base, "prefix_lists"))

    def test_the_network_acl(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(with_acl([ALL]), "network_acls"))

    def test_the_interfaces_of_terway(self) -> None:
        base = scene(clusters=[cluster(network="terway-eniip", container_cidr=None)])
        kit.is_not_evaluated(CHECK, kit.without(base, "network_interfaces"))
