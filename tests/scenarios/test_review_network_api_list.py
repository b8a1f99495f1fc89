"""The access control list of the API server's load balancer once more: forms, look-alikes, missing rights."""

from collections.abc import Sequence

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.access import served_at
from tests.scenarios.api_servers import (
    ACL,
    BALANCER,
    ENOUGH,
    REFUSED,
    SERVICES_BALANCER,
    balancer,
    black,
    broken_hops,
    commands,
    dedicated,
    listener,
    virtual_node,
    white,
)
from tests.scenarios.kit import Scene


class TestAccessControl:
    def refused(self, scene: Scene) -> ReportedFinding:
        finding = scene.audit(REFUSED).is_confirmed("LoadBalancer", BALANCER)
        assert finding.severity is Severity.CRITICAL
        return finding

    @pytest.mark.parametrize(
        "cidrs",
        [
            pytest.param(ENOUGH, id="the ranges"),
            pytest.param(("0.0.0.0/0",), id="everybody"),
            pytest.param(("0.0.0.0/1", "128.0.0.0/1"), id="everybody in halves"),
            pytest.param(("100.64.0.0/10", "192.168.0.0/23", "192.168.2.0/24", "172.16.0.0/12"), id="wider and cut"),
        ],
    )
    def test_white_lists_that_suffice(self, cidrs: Sequence[str]) -> None:
        white(Scene(), *cidrs).audit(REFUSED).is_quiet()

    @pytest.mark.parametrize(
        ("cidrs", "whom"),
        [
            (("192.168.0.0/16", "172.20.0.0/16"), "refused_ack"),
            (("100.104.0.0/17", "192.168.0.0/16", "172.20.0.0/16"), "refused_ack"),
            (("100.104.0.0/16", "192.168.0.0/23", "172.20.0.0/16"), "refused_control_plane"),
            (("198.51.100.0/24",), "refused_nodes"),
        ],
    )
    def test_white_lists_that_do_not(self, cidrs: Sequence[str], whom: str) -> None:
        assert self.refused(white(Scene(), *cidrs)).evidence[whom]

    def test_the_cure_names_no_address_twice(self) -> None:
        finding = self.refused(white(Scene(), "198.51.100.0/24"))
        cure = next(one for one in commands(finding) if "AddAccessControlListEntry" in one)
        assert "192.168.0.0/23" in cure
        assert "192.168.0.11" not in cure

    def test_two_white_lists_together(self) -> None:
        scene = white(Scene(), "100.104.0.0/16", "172.20.0.0/16")
        scene.cloud.state.slb.add_acl("acl-2", "nodes", ["192.168.0.0/16"])
        listener(scene)["AclIds"] = [ACL, "acl-2"]
        scene.audit(REFUSED).is_quiet()

    def test_only_the_black_list_that_refuses_is_broken(self) -> None:
        scene = black(Scene(), "203.0.113.200/32")
        scene.cloud.state.slb.add_acl("acl-2", "hardening", ["198.18.0.0/15", "100.64.0.0/10"])
        listener(scene)["AclIds"] = [ACL, "acl-2"]
        finding = self.refused(scene)
        assert broken_hops(finding) == [("AccessControlList", "acl-2")]
        cure = next(one for one in commands(finding) if "RemoveAccessControlListEntry" in one)
        assert "--AclId acl-2" in cure
        assert '[{"entry":"100.64.0.0/10"}]' in cure

    @pytest.mark.parametrize("cidrs", [(), ("203.0.113.200/32",), ("10.0.0.0/8",)])
    def test_black_lists_of_strangers(self, cidrs: Sequence[str]) -> None:
        black(Scene(), *cidrs).audit(REFUSED).is_quiet()

    def test_a_black_list_of_a_node(self) -> None:
        assert self.refused(black(Scene(), "192.168.2.43/32")).evidence["refused_nodes"] == ["192.168.2.43"]

    def test_a_part_of_ack_s_range_on_a_black_list(self) -> None:
        finding = black(Scene(), "100.104.7.0/24").audit(REFUSED).loud_one
        assert finding.certainty is Certainty.LIKELY

    def test_the_list_of_another_listener(self) -> None:
        scene = Scene()
        listener(scene)["AclStatus"] = "off"
        other = scene.cloud.state.slb.listeners[f"{SERVICES_BALANCER}/443/tcp"]
        other.update(AclStatus="on", AclType="white", AclId="acl-3", AclIds=["acl-3"])
        scene.cloud.state.slb.add_acl("acl-3", "office", ["198.51.100.0/24"])
        scene.audit(REFUSED).is_quiet()

    def test_pods_without_the_load_balancer_in_their_way(self) -> None:
        report = white(Scene(), "100.104.0.0/16", "192.168.0.0/16").audit(REFUSED)
        report.is_quiet()
        assert [one.severity for one in report.findings] == [Severity.INFO]

    def test_pods_of_an_older_cluster(self) -> None:
        scene = white(Scene(), "100.104.0.0/16", "192.168.0.0/16")
        served_at(scene, balancer(scene)["Address"])
        assert self.refused(scene).evidence["refused_pods"]

    def test_a_virtual_node_calls_from_no_address_of_its_own(self) -> None:
        scene = white(Scene(), *ENOUGH)
        virtual_node(scene)
        scene.audit(REFUSED).is_quiet()

    def test_clients_of_both_families(self) -> None:
        scene = white(Scene(client_cidrs=("2001:db8::/32", "198.51.100.0/28")), *ENOUGH, "198.51.100.0/24")
        scene.audit(REFUSED).is_quiet()

    def test_a_dedicated_cluster(self) -> None:
        scene = white(Scene(), "100.104.0.0/16")
        dedicated(scene)
        assert self.refused(scene).evidence["refused_nodes"]

    @pytest.mark.parametrize(
        ("action", "missing"),
        [
            ("slb:DescribeAccessControlListAttribute", "slb:DescribeAccessControlListAttribute"),
            ("slb:DescribeLoadBalancerListeners", "slb:DescribeLoadBalancerListeners"),
            ("slb:DescribeLoadBalancers", "slb:DescribeLoadBalancers"),
            ("vpc:DescribeVSwitches", "vpc:DescribeVSwitches"),
            ("cs:DescribeClusterDetail", "cs:DescribeClusterDetail"),
            ("cs:DescribeClusterNodePools", "cs:DescribeClusterNodePools"),
        ],
    )
    def test_an_action_is_missing(self, action: str, missing: str) -> None:
        scene = white(Scene(), *ENOUGH)
        scene.cloud.deny(action)
        report = scene.audit(REFUSED)
        report.is_open(ReasonKind.FORBIDDEN, missing)
        assert report.missing == {missing}

    @pytest.mark.parametrize(
        "action", ["ecs:DescribeInstances", "slb:DescribeHealthStatus", "vpc:DescribeEipAddresses"]
    )
    def test_an_action_that_is_not_needed(self, action: str) -> None:
        scene = white(Scene(), *ENOUGH)
        scene.cloud.deny(action)
        scene.audit(REFUSED).is_quiet()

    @pytest.mark.parametrize("right", ["list nodes"])
    def test_a_right_is_missing(self, right: str) -> None:
        scene = white(Scene(), *ENOUGH)
        scene.kubernetes.deny(right)
        report = scene.audit(REFUSED)
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    def test_a_right_is_missing_and_it_is_found_all_the_same(self) -> None:
        scene = white(Scene(), "192.168.0.0/16", "172.20.0.0/16")
        scene.kubernetes.deny("list nodes", "list pods", "list endpointslices.discovery.k8s.io")
        assert self.refused(scene).evidence["refused_ack"]
