from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import (
    PrefixList,
    SecurityGroupRule,
)
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, HopState
from tests.checks import kit, make
from tests.checks.access.kubelet import (
    API,
    CHECK,
    EMPTY,
    OPEN,
    SHUT,
    cluster,
    eni,
    group,
    kubernetes_slice,
    landscape,
    machine,
    quiet,
    rule,
    the_finding,
)


class TestSecurityGroups:
    def test_a_rule_that_drops_the_port(self) -> None:
        finding = the_finding(landscape(SHUT))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.subject.kind == "SecurityGroup"
        assert finding.evidence["deciding_rule"] == "sgr-shut"
        assert finding.evidence["refused_addresses"] == list(API)
        assert finding.evidence["rule"] == {
            "policy": "Drop",
            "priority": 1,
            "protocol": "TCP",
            "ports": "10250/10250",
            "source": "0.0.0.0/0",
        }
        assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
            ("Service", HopState.OK),
            ("SecurityGroup", HopState.BROKEN),
            ("Instance", HopState.OK),
            ("Node", HopState.OK),
        ]
        assert "sgr-shut" in finding.remedy[1].command
        assert "nodes: 1 (a)" in str(finding.message)

    @pytest.mark.parametrize("kind", ["normal", "enterprise"])
    def test_no_rule_that_lets_it_in(self, kind: str) -> None:
        finding = the_finding(landscape(EMPTY, kind=kind))
        assert finding.evidence["deciding_rule"] == "default"
        assert finding.evidence["group_type"] == kind
        command = finding.remedy[1].command
        assert "--Permissions.1.SourceCidrIp 192.168.0.5" in command
        assert "--Permissions.2.SourceCidrIp 192.168.1.5" in command

    def test_only_one_of_two_api_servers_is_refused(self) -> None:
        half = group("sg-1", rule("Accept", peer_cidr="192.168.0.0/24"))
        finding = the_finding(landscape(half))
        assert finding.evidence["refused_addresses"] == ["192.168.1.5"]
        assert finding.certainty is Certainty.CONFIRMED

    def test_one_group_that_hurts_many_nodes_is_one_finding(self) -> None:
        machines = [machine(f"n{number}", ip=f"192.168.2.{number}") for number in range(20, 60)]
        finding = the_finding(landscape(SHUT, machines=machines))
        assert len(finding.affected) == 40
        assert "nodes: 40 " in str(finding.message)

    def test_several_groups_that_refuse_by_default(self) -> None:
        base = landscape(group("sg-2"), group("sg-1"), machines=[machine("a", ["sg-2", "sg-1"])])
        assert the_finding(base).evidence["groups_of_interface"] == ["sg-1", "sg-2"]

    def test_the_group_that_owns_the_rule_is_the_subject(self) -> None:
        base = landscape(OPEN, group("sg-2", rule("Drop")), machines=[machine("a", ["sg-1", "sg-2"])])
        the_finding(base, "sg-2")

    def test_nodes_in_other_groups_are_not_touched(self) -> None:
        machines = [machine("a"), machine("b", ["sg-2"], ip="192.168.2.12")]
        base = landscape(SHUT, group("sg-2", rule("Accept")), machines=machines)
        assert [ref.name for ref in the_finding(base).affected] == ["a"]

    def test_a_drop_in_the_shared_group_counts_once_its_members_are_kept_apart(self) -> None:
        shut = group("sg-1", rule("Drop", id="sgr-shut"), rule("Accept", peer_group_id="sg-1"), inner="Drop")
        the_finding(landscape(shut, api_groups=["sg-1"]))

    def test_an_advanced_group_isolates_its_own_members(self) -> None:
        named = group("sg-1", rule("Accept", protocol="ALL", ports="-1/-1", peer_group_id="sg-1"))
        the_finding(landscape(named, kind="enterprise", api_groups=["sg-1"]))

    @pytest.mark.parametrize(
        "rules",
        [
            [rule("Accept")],
            [rule("Accept", 1), rule("Drop", 2)],
            [rule("Accept", 9), rule("Drop", 10)],
            [rule("Accept", 2), rule("Drop", ports="10255/10255")],
            [rule("Accept", 2), rule("Drop", protocol="UDP")],
            [rule("Accept", 2), rule("Drop", direction="egress")],
            [rule("Accept", 2), rule("Drop", peer_cidr="192.168.2.0/24")],
            [rule("Accept", 2), rule("Drop", peer_prefix_list_id="pl-1")],
            [rule("Accept", 2), rule("Drop", peer_group_id="sg-9")],
            [rule("Accept", 2), rule("Drop", nic_type="internet")],
            [rule("Accept", 2), rule("Drop", peer_cidr="", peer_cidr6="::/0")],
            [rule("Accept", peer_prefix_list_id="pl-2")],
            [rule("Accept", peer_group_id="sg-api")],
            [rule("accept", protocol="all", ports="-1/-1", peer_cidr="192.168.0.0/16")],
        ],
    )
    def test_look_alikes(self, rules: list[SecurityGroupRule]) -> None:
        lists = [PrefixList(id="pl-1", cidrs=["198.51.100.0/24"]), PrefixList(id="pl-2", cidrs=["192.168.0.0/16"])]
        quiet(landscape(group("sg-1", *rules), prefix_lists=lists))

    def test_the_shared_basic_group_lets_its_members_in_whatever_the_rules_say(self) -> None:
        quiet(landscape(SHUT, api_groups=["sg-1"]))
        quiet(landscape(EMPTY, api_groups=["sg-1"]))

    def test_a_second_group_that_accepts(self) -> None:
        both = [machine("a", ["sg-1", "sg-2"])]
        quiet(landscape(EMPTY, group("sg-2", rule("Accept")), machines=both))
        quiet(landscape(SHUT, group("sg-2"), machines=both, api_groups=["sg-2"]))

    def test_an_advanced_group_that_accepts(self) -> None:
        quiet(landscape(OPEN, kind="enterprise"))

    def test_an_api_server_on_the_node_itself_passes_no_group(self) -> None:
        masters = [machine("m", letter="h", ip=API[0])]
        quiet(landscape(EMPTY, machines=masters, endpoints=[API[0]]))

    def test_endpoints_that_are_not_ready_do_not_call(self) -> None:
        piece = make.endpoint_slice(
            "default/kubernetes",
            [{"addresses": [API[0]]}, {"addresses": [API[1]], "conditions": {"ready": False}}],
        )
        half = group("sg-1", rule("Accept", peer_cidr="192.168.0.0/24"))
        quiet(landscape(half, endpoint_slices=[piece]))

    def test_ipv6_nodes_are_called_from_ipv6(self) -> None:
        piece = make.endpoint_slice("default/kubernetes", [{"addresses": ["fd00::5"]}], addressType="IPv6")
        wide = VSwitch(id="vsw-k", vpc_id=make.VPC, cidr="192.168.2.0/24", cidr6="fd00::/64", network_acl_id="")
        given: dict[str, Any] = {
            "nodes": [make.node("a", "k", ip="fd00::11")],
            "vswitches": [wide],
            "endpoint_slices": [kubernetes_slice(API), piece],
            "network_interfaces": [eni(0, ["sg-api"], private_ips=["fd00::5"])],
        }
        the_finding(landscape(OPEN, **given))
        quiet(landscape(group("sg-1", rule("Accept", peer_cidr6="fd00::/64")), **given))


class TestWhoCalls:
    def test_endpoints_outside_of_the_vpc_mean_the_control_planes_vswitches(self) -> None:
        no_interfaces: dict[str, Any] = {"endpoints": ["10.9.0.1"], "network_interfaces": []}
        finding = the_finding(landscape(group("sg-1", inner="Drop"), **no_interfaces))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["api_server_addresses"] == ["192.168.0.0/24", "192.168.1.0/24"]
        partly = group("sg-1", rule("Drop", peer_cidr="192.168.0.128/25"), rule("Accept", 2), inner="Drop")
        finding = the_finding(landscape(partly, **no_interfaces))
        assert finding.certainty is Certainty.LIKELY
        assert finding.evidence["refused_addresses"] == ["192.168.0.128/25"]
        quiet(landscape(OPEN, **no_interfaces))

    def test_a_machine_in_those_vswitches_is_no_api_server(self) -> None:
        other = machine("other", ["sg-1"], "h", "192.168.0.77")
        dropped = group("sg-1", rule("Drop", peer_cidr="192.168.0.77"), rule("Accept", 2))
        nodes = [make.node("a", "k", ip="192.168.2.11")]
        quiet(
            landscape(
                dropped, machines=[machine("a"), other], nodes=nodes, endpoints=["10.9.0.1"], network_interfaces=[]
            )
        )

    def test_service_managed_interfaces_in_the_clusters_group_are_the_api_servers(self) -> None:
        narrow = group("sg-1", rule("Accept", peer_cidr="192.168.0.5/32"), rule("Accept", peer_cidr="192.168.1.5/32"))
        quiet(landscape(narrow, endpoints=["10.9.0.1"]))
        finding = the_finding(landscape(group("sg-1", *narrow.rules[:1]), endpoints=["10.9.0.1"]))
        assert finding.certainty is Certainty.LIKELY
        assert finding.evidence["api_server_addresses_from"] == "interfaces"

    def test_the_load_balancer_in_front_does_not_call(self) -> None:
        narrow = group("sg-1", rule("Accept", peer_cidr="192.168.0.5/32"), rule("Accept", peer_cidr="192.168.1.5/32"))
        quiet(landscape(narrow, endpoints=["192.168.0.167"]))

    def test_masters_of_a_dedicated_cluster(self) -> None:
        master = make.node("m", "h", ip="192.168.0.21", labels={"node-role.kubernetes.io/master": ""})
        given: dict[str, Any] = {
            "machines": [machine("m", ["sg-m"], "h", "192.168.0.21"), machine("a")],
            "nodes": [master, make.node("a", "k", ip="192.168.2.11")],
            "clusters": [cluster(type="Kubernetes")],
            "endpoints": ["10.9.0.1"],
        }
        finding = the_finding(landscape(EMPTY, group("sg-m"), **given))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["api_server_addresses"] == ["192.168.0.21"]
        assert [ref.name for ref in finding.affected] == ["a"]
        quiet(landscape(group("sg-1", rule("Accept", peer_group_id="sg-m")), group("sg-m"), **given))

    @pytest.mark.parametrize("endpoint", [[], ["10.9.0.1"]])
    @pytest.mark.parametrize("own_group", ["sg-1", None])
    def test_an_interface_that_nobody_lists_may_be_in_the_clusters_group(
        self, endpoint: list[str], own_group: str | None
    ) -> None:
        hidden: dict[str, Any] = {"network_interfaces": [], "clusters": [cluster(security_group_id=own_group)]}
        hidden |= {"endpoints": endpoint} if endpoint else {}
        for rules in (SHUT, EMPTY):
            result, findings = kit.run(CHECK, landscape(rules, **hidden))
            assert not findings
            assert [reason.kind for reason in result.reasons] == [ReasonKind.UNDECIDABLE] * 2
        the_finding(landscape(group("sg-1", *SHUT.rules, inner="Drop"), **hidden))
        quiet(landscape(OPEN, **hidden))

    @pytest.mark.parametrize("endpoint", [[], ["10.9.0.1"]])
    def test_an_interface_that_nobody_lists_is_in_no_other_group(self, endpoint: list[str]) -> None:
        hidden: dict[str, Any] = {"network_interfaces": [], **({"endpoints": endpoint} if endpoint else {})}
        for rules in (SHUT, EMPTY, group("sg-1", rule("Accept", peer_group_id="sg-2"))):
            assert the_finding(landscape(rules, **hidden)).certainty is Certainty.CONFIRMED
        result, findings = kit.run(CHECK, landscape(group("sg-1", rule("Accept", peer_group_id="sg-api")), **hidden))
        assert not findings
        assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}

    def test_where_interfaces_were_not_listed_any_group_may_hold_one(self) -> None:
        unlisted = kit.without(landscape(EMPTY), "network_interfaces", "ecs:DescribeNetworkInterfaces")
        kit.is_not_evaluated(CHECK, unlisted, "ecs:DescribeNetworkInterfaces")

    @pytest.mark.parametrize(
        "row", [cluster(type="ExternalKubernetes"), cluster(type="Kubernetes"), cluster(vswitch_ids=[])]
    )
    def test_nobody_known_to_call(self, row: Cluster) -> None:
        base = landscape(SHUT, endpoints=["10.9.0.1"], network_interfaces=[], clusters=[row])
        result, findings = kit.run(CHECK, base)
        assert not findings
        assert [reason.kind for reason in result.reasons] == [ReasonKind.UNDECIDABLE]


class TestSubjects:
    def test_virtual_and_foreign_nodes(self) -> None:
        virtual = make.node("v", labels={"type": "virtual-kubelet"})
        foreign = msgspec.structs.replace(virtual, metadata=msgspec.structs.replace(virtual.metadata, labels={}))
        foreign = msgspec.structs.replace(foreign, spec=msgspec.structs.replace(foreign.spec, provider_id="idc://1"))
        for node in (virtual, foreign):
            kit.stays_quiet(CHECK, landscape(SHUT, nodes=[node]), Status.NOT_APPLICABLE)

    def test_an_instance_that_is_gone(self) -> None:
        kit.stays_quiet(CHECK, landscape(SHUT, instances=[]), Status.NOT_APPLICABLE)
