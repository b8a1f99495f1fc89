"""access/kubelet-port-blocked from end to end: what security groups do to the API server's calls."""

import json
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Severity
from tests.scenarios.access import (
    ANY,
    API_SERVERS,
    INSTANCE_K,
    KUBELET,
    NODE_K,
    NODES,
    OTHER,
    OWN,
    SHARED,
    Json,
    accept,
    audit,
    drop,
    in_own_group,
    put,
    shared,
)
from tests.scenarios.kit import Scene


class TestOneGroup:
    def test_the_healthy_cluster(self) -> None:
        report = audit(Scene())
        report.is_quiet()
        assert report.result.subjects == 8

    def test_a_group_of_the_operators_to_which_ack_added_no_rule(self) -> None:
        finding = audit(in_own_group()).is_confirmed("SecurityGroup", OWN)
        assert finding.severity is Severity.HIGH
        assert len(finding.affected) == 8
        told = json.dumps(finding.evidence)
        assert all(address in told for address in API_SERVERS)
        assert NODE_K in told

    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param([drop("1"), accept("2")], id="drop before accept"),
            pytest.param([drop("2"), accept("10")], id="2 is stronger than 10, though not as a string"),
            pytest.param([drop(9), accept(10)], id="numbers"),
            pytest.param([drop(9), accept("10")], id="a number and a string"),
            pytest.param([accept("5"), drop("5")], id="equal priority"),
            pytest.param([accept("5"), drop(5)], id="equal priority, a number and a string"),
            pytest.param([drop(PortRange="10000/20000"), accept("2")], id="range"),
            pytest.param([drop(PortRange="1/65535"), accept("2")], id="all ports"),
            pytest.param([drop(PortRange="-1/-1", IpProtocol="ALL"), accept("2")], id="everything"),
            pytest.param([drop(IpProtocol="tcp", Policy="drop"), accept("2")], id="lower case"),
            pytest.param([drop(SourceCidrIp="192.168.0.0/16"), accept("2")], id="the VPC's range"),
            pytest.param([accept(IpProtocol="UDP")], id="UDP only"),
            pytest.param([accept(IpProtocol="ICMP", PortRange="-1/-1")], id="ICMP only"),
            pytest.param([accept(PortRange="10251/65535"), accept(PortRange="1/10249")], id="all but it"),
            pytest.param([accept(SourceCidrIp="172.20.0.0/16")], id="Pods only"),
            pytest.param([accept(SourceCidrIp="192.168.2.0/24")], id="another vSwitch only"),
            pytest.param([accept(SourceCidrIp="", Ipv6SourceCidrIp="::/0")], id="IPv6 only"),
            pytest.param([accept(SourceCidrIp="", SourceGroupId=OWN)], id="its own members only"),
            pytest.param([accept(SourceCidrIp="", SourceGroupId=OTHER)], id="members of another group"),
            pytest.param(
                [accept(SourceCidrIp="", SourceGroupId=OTHER, SourceGroupOwnerAccount="2098765432101234")],
                id="members of another account's group",
            ),
        ],
    )
    def test_refused(self, rules: list[Json]) -> None:
        audit(in_own_group(*rules)).is_confirmed("SecurityGroup", OWN)

    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param([accept("1"), drop("2")], id="accept before drop"),
            pytest.param([accept("9"), drop("10")], id="9 is stronger than 10"),
            pytest.param([accept(2), drop(100)], id="numbers"),
            pytest.param([drop(PortRange="10251/20000"), accept("2")], id="drop beside the port"),
            pytest.param([drop(IpProtocol="UDP"), accept("2")], id="drop of UDP"),
            pytest.param([drop(SourceCidrIp="203.0.113.0/24"), accept("2")], id="drop of strangers"),
            pytest.param([drop(SourceCidrIp="192.168.0.11/32"), accept("2")], id="drop of a node"),
            pytest.param([drop(SourceCidrIp="", Ipv6SourceCidrIp="::/0"), accept("2")], id="drop of IPv6"),
            pytest.param([drop(SourceCidrIp="", SourceGroupId=OTHER), accept("2")], id="drop of another group"),
            pytest.param([accept(PortRange="1/65535")], id="all ports"),
            pytest.param([accept(PortRange="-1/-1", IpProtocol="ALL")], id="everything"),
            pytest.param([accept(PortRange="-1/-1", IpProtocol="all", Policy="accept")], id="lower case"),
            pytest.param([accept(SourceCidrIp="", SourceGroupId=SHARED)], id="the API server's group"),
            pytest.param([accept(SourceCidrIp=f"{address}/32") for address in API_SERVERS], id="one rule each"),
            pytest.param([accept(SourceCidrIp="192.168.0.0/23")], id="a range that holds both"),
            pytest.param([accept(SourcePortRange="1/65535")], id="any source port"),
            pytest.param([accept(SourcePortRange="-1/-1")], id="any source port, as -1"),
        ],
    )
    def test_admitted(self, rules: list[Json]) -> None:
        audit(in_own_group(*rules)).is_quiet()

    def test_the_rule_is_named(self) -> None:
        scene = in_own_group(accept("2"), drop("1", SecurityGroupRuleId="sgr-closed", Description="hardening"))
        finding = audit(scene).is_confirmed("SecurityGroup", OWN)
        assert "sgr-closed" in str(finding.message)
        assert finding.evidence["deciding_rule"] == "sgr-closed"

    def test_a_drop_of_one_of_two_api_servers(self) -> None:
        scene = in_own_group(drop(SourceCidrIp="192.168.1.0/24"), accept("2"))
        finding = audit(scene).is_confirmed("SecurityGroup", OWN)
        assert finding.evidence["refused_addresses"] == ["192.168.1.5"]

    def test_a_rule_for_some_source_ports_leaves_it_open(self) -> None:
        audit(in_own_group(accept(SourcePortRange="1024/2048"))).is_open(ReasonKind.UNDECIDABLE)

    def test_a_rule_of_the_public_network_does_not_count(self) -> None:
        scene = in_own_group()
        scene.cloud.state.ecs.add_security_group(OTHER)
        public = {**scene.cloud.state.ecs.add_rule(OTHER, "ingress", **accept()), "NicType": "internet"}
        scene.cloud.mutate(
            "ecs:DescribeSecurityGroupAttribute",
            lambda answer: answer["Permissions"]["Permission"].append(public),
        )
        audit(scene).is_confirmed("SecurityGroup", OWN)

    def test_forty_nodes_in_one_group_are_one_finding(self) -> None:
        scene = Scene()
        template = scene.kubernetes.objects.get(NODES, NODE_K)
        assert template
        for number in range(32):
            ip, instance = f"192.168.2.{100 + number}", f"i-bp1more{number:02d}"
            scene.cloud.state.add_node(instance, like=INSTANCE_K, private_ip=ip)
            node = json.loads(json.dumps(template))
            node["metadata"]["name"] = f"cn-hangzhou.{ip}"
            node["spec"]["providerID"] = f"cn-hangzhou.{instance}"
            node["status"]["addresses"][0]["address"] = ip
            scene.kubernetes.add(NODES, node)
        scene.cloud.state.ecs.add_security_group(OWN)
        put(scene, OWN)
        finding = audit(scene).is_confirmed("SecurityGroup", OWN)
        assert len(finding.affected) == 40
        assert len(finding.evidence["affected"]) == 40  # type: ignore[arg-type]

    def test_only_the_nodes_in_the_group_are_hurt(self) -> None:
        scene = Scene()
        scene.cloud.state.ecs.add_security_group(OWN)
        put(scene, OWN, instances=(INSTANCE_K,))
        report = audit(scene)
        finding = report.is_confirmed("SecurityGroup", OWN)
        assert [ref.name for ref in finding.affected] == [NODE_K]
        assert report.result.subjects == 8

    def test_a_stronger_rule_of_another_group_spares_those_that_are_in_it(self) -> None:
        scene = in_own_group(drop("50"))
        scene.cloud.state.ecs.add_security_group(OTHER)
        scene.cloud.state.ecs.add_rule(OTHER, "ingress", **accept("10"))
        put(scene, OWN, OTHER, instances=(INSTANCE_K,))
        finding = audit(scene).is_confirmed("SecurityGroup", OWN)
        assert len(finding.affected) == 7
        assert NODE_K not in {ref.name for ref in finding.affected}


class TestSharedGroup:
    def test_members_of_a_basic_group_reach_each_other_whatever_the_rules_say(self) -> None:
        audit(shared(drop())).is_quiet()
        audit(shared()).is_quiet()

    def test_not_once_they_are_kept_apart(self) -> None:
        audit(shared(InnerAccessPolicy="Drop")).is_confirmed("SecurityGroup", SHARED)
        audit(shared(drop(), keep=True, InnerAccessPolicy="drop")).is_confirmed("SecurityGroup", SHARED)

    def test_kept_apart_acks_own_rule_lets_them_in(self) -> None:
        audit(shared(keep=True, InnerAccessPolicy="Drop")).is_quiet()

    def test_the_api_servers_are_in_another_group(self) -> None:
        scene = shared()
        scene.cloud.state.ecs.add_security_group(OTHER)
        for interface in scene.cloud.state.ecs.network_interfaces.values():
            if interface["ServiceManaged"]:
                interface["SecurityGroupIds"] = {"SecurityGroupId": [OTHER]}
        audit(scene).is_confirmed("SecurityGroup", SHARED)

    def test_a_policy_that_was_not_said(self) -> None:
        scene = shared()
        del scene.cloud.state.ecs.security_groups[SHARED]["InnerAccessPolicy"]
        audit(scene).is_open(ReasonKind.MALFORMED)

    @pytest.mark.parametrize("rules", [[], [accept(SourceCidrIp="", SourceGroupId=SHARED)]])
    def test_members_of_an_advanced_group_are_isolated(self, rules: list[Json]) -> None:
        audit(shared(*rules, SecurityGroupType="enterprise")).is_confirmed("SecurityGroup", SHARED)

    def test_an_advanced_group_with_a_rule(self) -> None:
        scene = shared(accept(SourceCidrIp="192.168.0.0/16"), SecurityGroupType="enterprise")
        audit(scene).is_quiet()


class TestSeveralGroups:
    def two(self, *rules_of_other: Json) -> Scene:
        scene = in_own_group()
        scene.cloud.state.ecs.add_security_group(OTHER)
        for rule in rules_of_other:
            scene.cloud.state.ecs.add_rule(OTHER, "ingress", **rule)
        put(scene, OTHER, OWN)
        return scene

    def test_both_refuse_by_default(self) -> None:
        finding = audit(self.two()).is_confirmed("SecurityGroup", OWN)
        assert OTHER in json.dumps(finding.evidence)

    def test_the_second_accepts(self) -> None:
        audit(self.two(accept())).is_quiet()

    def test_the_second_is_that_of_the_api_servers(self) -> None:
        scene = in_own_group()
        put(scene, OWN, SHARED)
        audit(scene).is_quiet()

    def test_the_second_drops_what_the_first_accepts(self) -> None:
        scene = self.two(drop("1"))
        scene.cloud.state.ecs.add_rule(OWN, "ingress", **accept("2"))
        audit(scene).is_confirmed("SecurityGroup", OTHER)

    def test_the_second_drops_at_the_same_priority(self) -> None:
        scene = self.two(drop("7"))
        scene.cloud.state.ecs.add_rule(OWN, "ingress", **accept("7"))
        audit(scene).is_confirmed("SecurityGroup", OTHER)

    def test_the_second_drops_with_less_weight(self) -> None:
        scene = self.two(drop("100"))
        scene.cloud.state.ecs.add_rule(OWN, "ingress", **accept("20"))
        audit(scene).is_quiet()

    def test_the_second_can_not_be_read(self) -> None:
        scene = self.two(accept())
        action = "ecs:DescribeSecurityGroupAttribute"
        scene.cloud.deny(action, when=lambda params: params["SecurityGroupId"] == OTHER)
        audit(scene).is_open(ReasonKind.FORBIDDEN, action)


class TestLists:
    PREFIX = "pl-bp1prefix"
    PORTS = "prl-bp1ports"

    def prefix(self, *cidrs: str, policy: str = "Accept", **fields: Any) -> Scene:
        named = {**KUBELET, "Policy": policy, "SourcePrefixListId": self.PREFIX, **fields}
        scene = in_own_group(named, *([accept("2")] if policy == "Drop" else []))
        entries = [{"Cidr": cidr, "Description": ""} for cidr in cidrs]
        scene.cloud.state.ecs.prefix_lists[self.PREFIX] = {
            "PrefixListId": self.PREFIX,
            "PrefixListName": "list",
            "AddressFamily": "IPv4",
            "MaxEntries": 20,
            "Entries": {"Entry": entries},
        }
        return scene

    def port_list(self, *ranges: str, policy: str = "Accept") -> Scene:
        named = {"IpProtocol": "TCP", "PortRange": "", "PortRangeListId": self.PORTS, "SourceCidrIp": ANY}
        scene = in_own_group({**named, "Policy": policy}, *([accept("2")] if policy == "Drop" else []))
        entries = [{"PortRange": ports, "Description": ""} for ports in ranges]
        scene.cloud.state.ecs.port_range_lists[self.PORTS] = {"Entries": entries}
        return scene

    def test_prefix_lists_that_hold_the_api_servers(self) -> None:
        audit(self.prefix("192.168.0.0/24", "192.168.1.5/32")).is_quiet()
        audit(self.prefix("192.168.0.0/16", policy="Drop")).is_confirmed("SecurityGroup", OWN)

    def test_prefix_lists_that_do_not(self) -> None:
        audit(self.prefix("203.0.113.0/24")).is_confirmed("SecurityGroup", OWN)
        audit(self.prefix("203.0.113.0/24", policy="Drop")).is_quiet()
        audit(self.prefix()).is_confirmed("SecurityGroup", OWN)

    def test_a_prefix_list_that_holds_one_of_two(self) -> None:
        finding = audit(self.prefix("192.168.0.0/24")).is_confirmed("SecurityGroup", OWN)
        assert finding.evidence["refused_addresses"] == ["192.168.1.5"]

    @pytest.mark.parametrize("policy", ["Accept", "Drop"])
    def test_a_prefix_list_that_can_not_be_read(self, policy: str) -> None:
        scene = self.prefix("192.168.0.0/16", policy=policy)
        scene.cloud.deny("ecs:DescribePrefixListAttributes")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "ecs:DescribePrefixListAttributes")

    def test_one_that_can_not_be_read_and_does_not_matter(self) -> None:
        scene = self.prefix("192.168.0.0/16", policy="Drop", Priority="3")
        scene.cloud.deny("ecs:DescribePrefixListAttributes")
        audit(scene).is_quiet()

    def test_a_prefix_list_of_another_account(self) -> None:
        scene = self.prefix()
        del scene.cloud.state.ecs.prefix_lists[self.PREFIX]
        audit(scene).is_open(ReasonKind.ERROR)

    def test_port_lists(self) -> None:
        audit(self.port_list("22/22", "10000/10300")).is_quiet()
        audit(self.port_list("22/22", "443/443")).is_confirmed("SecurityGroup", OWN)
        audit(self.port_list("22/22", "10250/10250", policy="Drop")).is_confirmed("SecurityGroup", OWN)
        audit(self.port_list("22/22", policy="Drop")).is_quiet()

    def test_a_port_list_that_can_not_be_read(self) -> None:
        scene = self.port_list("10250/10250")
        scene.cloud.deny("ecs:DescribePortRangeListEntries")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "ecs:DescribePortRangeListEntries")
