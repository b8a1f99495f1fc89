"""storage/nas-unreachable."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.ecs import SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.cloud.vpc import AclEntry, NetworkAcl, NextHop, RouteEntries, RouteEntry, RouteTable, VSwitch
from auditor.facts.kubernetes.events import Event
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/nas-unreachable"
SERVER = "0c22-abc.cn-hangzhou.nas.aliyuncs.com"
RANGE = "192.168.8.0/24"
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)


def rule(policy: str = "Drop", cidr: str = RANGE, ports: str = "2049/2049", **more: Any) -> SecurityGroupRule:
    given: dict[str, Any] = {"id": "sgr-1", "direction": "egress", "priority": 1, "protocol": "TCP"} | more
    return SecurityGroupRule(policy=policy, peer_cidr=cidr, ports=ports, **given)


def target(**more: Any) -> list[FileSystem]:
    given: dict[str, Any] = {"status": "Active", "network_type": "Vpc", "vpc_id": make.VPC, "vswitch_id": "vsw-nas"}
    return [
        FileSystem("0c22", type="standard", status="Running", mount_targets=[MountTarget(SERVER, **(given | more))])
    ]


def vswitches(node_acl: str = "", nas_acl: str = "") -> list[VSwitch]:
    return [
        VSwitch("vsw-h", vpc_id=make.VPC, cidr="192.168.0.0/24", network_acl_id=node_acl),
        VSwitch("vsw-nas", vpc_id=make.VPC, cidr=RANGE, network_acl_id=nas_acl),
    ]


def base(*rules: SecurityGroupRule, kind: str = "normal", **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("n1"), make.node("n2", ip="192.168.0.12")],
        "instances": [make.instance("n1"), make.instance("n2", private_ips=["192.168.0.12"])],
        "persistent_volumes": [make.nas_volume("pv-1", SERVER, "shop/media")],
        "file_systems": target(),
        "pods": [make.pod("shop/web-0", "n1", claims=["media"])],
        "vswitches": vswitches(),
        "security_groups": [SecurityGroup("sg-1", type=kind)],
        "security_group_rules": [SecurityGroupRules("sg-1", "Accept", list(rules))],
        "route_tables": [RouteTable("vtb-1", vpc_id=make.VPC)],
        "route_entries": routes("NatGateway"),
    }
    return kit.landscape(**(given | tables))


def routes(hop: str, status: str = "Available") -> list[RouteEntries]:
    return [RouteEntries("vtb-1", [RouteEntry("10.0.0.0/8", status=status, next_hops=[NextHop(hop, "x-1")])])]


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "pv-1")
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.name or hop.ref.id for hop in finding.trail if hop.state == "broken"]


def open_(landscape: Landscape) -> list[str]:
    result, findings = kit.run(CHECK, landscape)
    assert not findings, str(findings[0].message)
    assert result.status is Status.NOT_EVALUATED
    return [str(reason.message) for reason in result.reasons]


def timed_out() -> Event:
    data = {
        "metadata": make.meta("e", "shop"),
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0"},
        "reason": "FailedMount",
        "message": "MountVolume.SetUp failed: mount.nfs: Connection timed out",
    }
    return msgspec.convert(data, Event)


class TestVpc:
    def test_another_one(self) -> None:
        finding = only(base(file_systems=target(vpc_id="vpc-2", vswitch_id="vsw-2")))
        assert grade(finding) == CONFIRMED
        assert broken(finding) == [SERVER]
        assert finding.evidence["mount_target_vpc"] == "vpc-2"
        assert finding.evidence["affected"] == ["n1"]

    @pytest.mark.parametrize("hop", ["Instance", "NatGateway", "local", "HaVip", "IPv6Gateway"])
    def test_routes_that_stay_inside(self, hop: str) -> None:
        only(base(file_systems=target(vpc_id="vpc-2"), route_entries=routes(hop)))

    def test_a_route_that_does_not_work(self) -> None:
        only(base(file_systems=target(vpc_id="vpc-2"), route_entries=routes("VpcPeer", "Deleting")))

    @pytest.mark.parametrize("hop", ["VpcPeer", "RouterInterface", "Attachment", "TransitRouter"])
    def test_a_route_that_leads_out(self, hop: str) -> None:
        (why,) = open_(base(file_systems=target(vpc_id="vpc-2"), route_entries=routes(hop)))
        assert hop in why

    def test_a_route_table_of_another_vpc_does_not_count(self) -> None:
        only(base(file_systems=target(vpc_id="vpc-2"), route_tables=[], route_entries=[]))

    def test_while_no_pod_uses_it_all_nodes_count(self) -> None:
        finding = only(base(file_systems=target(vpc_id="vpc-2"), pods=[]))
        assert finding.evidence["affected"] == ["n1", "n2"]

    @pytest.mark.parametrize("hop", ["VpcPeer"])
    def test_the_routes_do_not_matter_within_one_vpc(self, hop: str) -> None:
        kit.stays_quiet(CHECK, base(route_entries=routes(hop)))


class TestSecurityGroups:
    @pytest.mark.parametrize(
        "bad",
        [
            rule(),
            rule(cidr="0.0.0.0/0", ports="-1/-1", protocol="ALL"),
            rule(cidr="192.168.0.0/16", ports="2000/3000"),
        ],
        ids=["the very port", "everything", "a wider range"],
    )
    def test_a_rule_drops_it(self, bad: SecurityGroupRule) -> None:
        finding = only(base(bad))
        assert grade(finding) == CONFIRMED
        assert broken(finding) == ["sg-1"]
        assert finding.evidence["deciding_rule"] == "sgr-1"

    def test_an_advanced_group_lets_out_what_a_rule_says(self) -> None:
        assert grade(only(base(kind="enterprise"))) == CONFIRMED
        kit.stays_quiet(CHECK, base(rule("Accept"), kind="enterprise"))

    @pytest.mark.parametrize(
        "rules",
        [
            [],
            [rule(ports="445/445")],
            [rule(direction="ingress")],
            [rule(protocol="UDP")],
            [rule(cidr="10.0.0.0/8")],
            [rule(priority=2), rule("Accept", priority=1, id="sgr-2")],
        ],
        ids=["default", "another port", "inbound", "another protocol", "another range", "a stronger rule"],
    )
    def test_quiet(self, rules: list[SecurityGroupRule]) -> None:
        kit.stays_quiet(CHECK, base(*rules))

    def test_a_part_of_the_range_leaves_it_open(self) -> None:
        (why,) = open_(base(rule(cidr="192.168.8.0/25")))
        assert "192.168.8.0/25" in why

    def test_a_part_and_a_mount_that_times_out_make_it_likely(self) -> None:
        waiting = make.pod("shop/web-0", "n1", claims=["media"], phase="Pending")
        finding = only(base(rule(cidr="192.168.8.0/25"), events=[timed_out()], pods=[waiting]))
        assert grade(finding) == (Severity.HIGH, Certainty.LIKELY)
        assert "192.168.8.0/25" in str(finding.message)

    def test_a_mount_that_succeeded_in_the_end_makes_it_nothing(self) -> None:
        open_(base(rule(cidr="192.168.8.0/25"), events=[timed_out()]))

    def test_one_node_that_gets_through_is_enough_while_no_pod_uses_it(self) -> None:
        instances = [make.instance("n1"), make.instance("n2", security_group_ids=["sg-2"])]
        groups: dict[str, Any] = {
            "security_groups": [SecurityGroup("sg-1", type="normal"), SecurityGroup("sg-2", type="normal")],
            "security_group_rules": [
                SecurityGroupRules("sg-1", "Accept", [rule()]),
                SecurityGroupRules("sg-2", "Accept", []),
            ],
        }
        kit.stays_quiet(CHECK, base(pods=[], instances=instances, **groups))
        only(base(instances=instances, **groups))

    def test_many_nodes_are_one_finding(self) -> None:
        pods = [make.pod("shop/web-0", "n1", claims=["media"]), make.pod("shop/web-1", "n2", claims=["media"])]
        assert only(base(rule(), pods=pods)).evidence["affected"] == ["n1", "n2"]


class TestNetworkAcls:
    OPEN = AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")

    def acl(self, *, ingress: list[AclEntry], egress: list[AclEntry]) -> list[NetworkAcl]:
        return [NetworkAcl("nacl-1", "Available", ingress, egress)]

    @pytest.mark.parametrize("where", [{"node_acl": "nacl-1"}, {"nas_acl": "nacl-1"}], ids=["nodes", "NAS"])
    def test_nothing_is_let_through(self, where: dict[str, str]) -> None:
        finding = only(base(vswitches=vswitches(**where), network_acls=self.acl(ingress=[], egress=[])))
        assert grade(finding) == CONFIRMED
        assert broken(finding) == ["nacl-1"]

    def test_the_calls_are_dropped(self) -> None:
        drop = AclEntry("drop", "tcp", "2049/2049", RANGE)
        acls = self.acl(ingress=[self.OPEN], egress=[drop, self.OPEN])
        assert "egress 1" in str(only(base(vswitches=vswitches("nacl-1"), network_acls=acls)).message)

    def test_the_answers_are_dropped(self) -> None:
        acls = self.acl(ingress=[AclEntry("accept", "tcp", "1/1023", "0.0.0.0/0")], egress=[self.OPEN])
        only(base(vswitches=vswitches("nacl-1"), network_acls=acls))

    def test_without_noresvport_the_answers_go_to_other_ports(self) -> None:
        acls = self.acl(ingress=[AclEntry("accept", "tcp", "1/1023", "0.0.0.0/0")], egress=[self.OPEN])
        volume = make.nas_volume("pv-1", SERVER, "shop/media", mountOptions=["vers=3", "nolock"])
        tables: dict[str, Any] = {
            "vswitches": vswitches("nacl-1"),
            "network_acls": acls,
            "persistent_volumes": [volume],
        }
        kit.stays_quiet(CHECK, base(**tables))

    def test_quiet(self) -> None:
        acls = self.acl(ingress=[self.OPEN], egress=[self.OPEN])
        kit.stays_quiet(CHECK, base(vswitches=vswitches("nacl-1", "nacl-1"), network_acls=acls))

    def test_none_stands_within_one_vswitch(self) -> None:
        acls = self.acl(ingress=[], egress=[])
        same: dict[str, Any] = {
            "file_systems": target(vswitch_id="vsw-h"),
            "vswitches": vswitches("nacl-1"),
            "network_acls": acls,
        }
        kit.stays_quiet(CHECK, base(**same))


class TestNotOurs:
    @pytest.mark.parametrize("server", ["nfs.example.com", "10.0.0.5", ""])
    def test_another_server(self, server: str) -> None:
        volume = make.nas_volume("pv-1", server, "shop/media")
        kit.stays_quiet(CHECK, base(rule(), persistent_volumes=[volume]), Status.NOT_APPLICABLE)

    def test_a_missing_mount_target_is_another_check_s(self) -> None:
        kit.stays_quiet(CHECK, base(rule(), file_systems=[]), Status.NOT_APPLICABLE)

    def test_the_classic_network(self) -> None:
        landscape = base(file_systems=target(network_type="Classic", vpc_id=None))
        kit.stays_quiet(CHECK, landscape, Status.NOT_APPLICABLE)

    def test_a_virtual_node(self) -> None:
        nodes = [make.node("n1", labels={"type": "virtual-kubelet"}, providerID="")]
        kit.stays_quiet(CHECK, base(rule(), nodes=nodes), Status.NOT_APPLICABLE)


class TestNotEvaluated:
    NEEDED_IN_THE_VPC = (
        "persistent_volumes",
        "file_systems",
        "pods",
        "nodes",
        "instances",
        "vswitches",
        "security_groups",
        "security_group_rules",
    )

    def test_each_table(self) -> None:
        for table in kit.tables_needed(CHECK):
            landscape = kit.without(base(), table)
            if table in self.NEEDED_IN_THE_VPC:
                kit.is_not_evaluated(CHECK, landscape)
            else:
                kit.stays_quiet(CHECK, landscape)

    @pytest.mark.parametrize("table", ["route_tables", "route_entries"])
    def test_the_routes_of_another_vpc(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(file_systems=target(vpc_id="vpc-2")), table))

    def test_the_acl(self) -> None:
        landscape = base(vswitches=vswitches("nacl-1"), network_acls=[NetworkAcl("nacl-1")])
        kit.is_not_evaluated(CHECK, kit.without(landscape, "network_acls"))

    def test_a_refusal_is_said_though_the_acl_is_not_known(self) -> None:
        landscape = base(rule(), vswitches=vswitches("nacl-1"), network_acls=[NetworkAcl("nacl-1")])
        only(kit.without(landscape, "network_acls"))

    @pytest.mark.parametrize("field", ["vpc_id", "vswitch_id"])
    def test_what_was_not_said(self, field: str) -> None:
        open_(base(file_systems=target(**{field: None})))
