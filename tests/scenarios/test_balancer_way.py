"""The ways to Services' load balancers and Pods, from end to end: access control, outbound rules, routes."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Severity
from tests.scenarios.access import INSTANCE_K, NODE_K, SHARED, VSWITCH_K, Json
from tests.scenarios.kit import Scene

REFUSED = "network/lb-acl-blocks-clients"
EGRESS = "network/node-egress-blocks-lb"
ROUTES = "network/node-route-missing"
INGRESS = "lb-bp1qivht16qrbpfnz1a1c"
INTERNAL = "lb-bp1bhizbam3l7pwunzwwr"
INTERNAL_ADDRESS = "192.168.2.150"
SERVICES = "/api/v1/services"
SERVICE, NAMESPACE = "nginx-ingress-lb", "kube-system"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
TABLE = "vtb-bp1ckdry1c9lmcfd0xfjw"


def restricted(kind: str, *entries: str, balancer: str = INGRESS, port: int = 443) -> Scene:
    """Return a cluster of which one listener has an access control list."""
    scene = Scene()
    slb = scene.cloud.state.slb
    slb.acls["acl-own"] = {
        "AclId": "acl-own",
        "AclName": "own",
        "AddressIPVersion": "ipv4",
        "AclEntrys": {"AclEntry": [{"AclEntryIP": entry, "AclEntryComment": ""} for entry in entries]},
    }
    slb.listeners[f"{balancer}/{port}/tcp"].update(AclStatus="on", AclType=kind, AclId="acl-own", AclIds=["acl-own"])
    return scene


class TestAccessControl:
    def test_the_healthy_cluster(self) -> None:
        Scene().audit(REFUSED).is_quiet()

    @pytest.mark.parametrize("entries", [["198.51.100.0/24"], ["192.168.0.0/16"], ["172.20.0.0/16"]])
    def test_a_white_list(self, entries: list[str]) -> None:
        finding = restricted("white", *entries).audit(REFUSED).is_confirmed("Service", f"{NAMESPACE}/{SERVICE}")
        assert finding.severity is Severity.HIGH

    def test_a_black_list(self) -> None:
        restricted("black", "192.168.2.0/24").audit(REFUSED).is_confirmed("Service", f"{NAMESPACE}/{SERVICE}")
        restricted("black", "198.51.100.0/24").audit(REFUSED).is_quiet()
        restricted("black").audit(REFUSED).is_quiet()

    def test_all_are_admitted(self) -> None:
        restricted("white", "192.168.0.0/16", "172.20.0.0/16").audit(REFUSED).is_quiet()

    def test_no_entry(self) -> None:
        assert restricted("white").audit(REFUSED).loud_one.severity is Severity.MEDIUM

    def test_drift(self) -> None:
        scene = Scene()
        settings = {f"{PREFIX}acl-status": "on", f"{PREFIX}acl-id": "acl-own", f"{PREFIX}acl-type": "white"}
        scene.kubernetes.patch(
            SERVICES, SERVICE, lambda one: one["metadata"]["annotations"].update(settings), NAMESPACE
        )
        assert {one.severity for one in scene.audit(REFUSED).loud} == {Severity.LOW}

    def test_the_list_may_not_be_read(self) -> None:
        scene = restricted("white", "192.168.0.0/16", "172.20.0.0/16")
        scene.cloud.deny("slb:DescribeAccessControlListAttribute")
        scene.audit(REFUSED).is_open(ReasonKind.FORBIDDEN, "slb:DescribeAccessControlListAttribute")

    def test_a_group_of_an_nlb(self) -> None:
        scene = on_an_nlb()
        finding = scene.audit(REFUSED).is_confirmed("Service", "shop/catalog-grpc")
        assert finding.evidence["refused_nodes"]
        scene = on_an_nlb()
        scene.cloud.state.ecs.add_rule(
            "sg-nlb", "ingress", SourceCidrIp="0.0.0.0/0", IpProtocol="ALL", PortRange="-1/-1"
        )
        scene.audit(REFUSED).is_quiet()


def on_an_nlb() -> Scene:
    """Return a cluster with a Service on an NLB, whose security group has no rule."""
    scene = Scene()
    nlb, ecs = scene.cloud.state.nlb, scene.cloud.state.ecs
    row = nlb.add_load_balancer("nlb-edge1")
    row["SecurityGroupIds"] = ["sg-nlb"]
    ecs.add_security_group("sg-nlb")

    def move(service: Json) -> None:
        service["metadata"]["labels"]["service.k8s.alibaba/loadbalancer-id"] = "nlb-edge1"
        service["metadata"]["annotations"] = {}
        service["spec"]["loadBalancerClass"] = "alibabacloud.com/nlb"
        service["status"] = {"loadBalancer": {"ingress": [{"hostname": row["DNSName"]}]}}

    scene.kubernetes.patch(SERVICES, "catalog-grpc", move, "shop")
    return scene


def dropping(**fields: Any) -> Scene:
    scene = Scene()
    rule = {"IpProtocol": "TCP", "PortRange": "1/65535", "Policy": "Drop", "Priority": "1", "DestCidrIp": "0.0.0.0/0"}
    scene.cloud.state.ecs.add_rule(SHARED, "egress", **{**rule, **fields})
    return scene


class TestOutboundRules:
    def test_the_healthy_cluster(self) -> None:
        report = Scene().audit(EGRESS)
        report.is_quiet()
        assert report.result.subjects == 8

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({}, id="everything"),
            pytest.param({"DestCidrIp": "192.168.2.0/24", "PortRange": "9090/9090"}, id="one listener"),
            pytest.param({"DestCidrIp": "203.0.113.10/32", "PortRange": "443/443"}, id="a public address"),
        ],
    )
    def test_a_rule_drops_it(self, fields: Json) -> None:
        finding = dropping(**fields).audit(EGRESS).is_confirmed("SecurityGroup", SHARED)
        assert len(finding.affected) == 8

    @pytest.mark.parametrize(
        "fields", [{"DestCidrIp": "10.0.0.0/8"}, {"PortRange": "25/25"}, {"IpProtocol": "GRE", "PortRange": "-1/-1"}]
    )
    def test_another_rule(self, fields: Json) -> None:
        dropping(**fields).audit(EGRESS).is_quiet()

    def test_an_advanced_group_lets_nothing_out(self) -> None:
        scene = Scene()
        scene.cloud.state.ecs.security_groups[SHARED]["SecurityGroupType"] = "enterprise"
        scene.cloud.state.ecs.remove_rules(SHARED, "egress")
        scene.audit(EGRESS).is_confirmed("SecurityGroup", SHARED)

    def test_a_network_acl(self) -> None:
        scene = Scene()
        shut = {"Policy": "drop", "DestinationCidrIp": "203.0.113.0/24"}
        accept = [{"Policy": "accept"}]
        scene.cloud.state.vpc.add_network_acl("nacl-shut", [VSWITCH_K], accept, [shut, *accept])
        finding = scene.audit(EGRESS).is_confirmed("NetworkAcl", "nacl-shut")
        assert NODE_K in [ref.path for ref in finding.affected]

    @pytest.mark.parametrize(
        "action", ["ecs:DescribeSecurityGroupAttribute", "vpc:DescribeVSwitches", "slb:DescribeLoadBalancers"]
    )
    def test_an_action(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        scene.audit(EGRESS).is_open(ReasonKind.FORBIDDEN, action)


class TestRoutes:
    def route(self, scene: Scene) -> Json:
        """Return the route to the Pods of one node, to be edited in place."""
        routes = scene.cloud.state.vpc.route_entries[TABLE]
        return next(one for one in routes if any(hop["NextHopId"] == INSTANCE_K for hop in one["NextHops"]["NextHop"]))

    def test_the_healthy_cluster(self) -> None:
        Scene().audit(ROUTES).is_quiet()

    def test_missing(self) -> None:
        scene = Scene()
        scene.cloud.state.vpc.route_entries[TABLE].remove(self.route(scene))
        scene.audit(ROUTES).is_confirmed("Node", NODE_K)

    def test_another_machine(self) -> None:
        scene = Scene()
        self.route(scene)["NextHops"]["NextHop"][0]["NextHopId"] = "i-bp1strange"
        scene.audit(ROUTES).is_confirmed("Node", NODE_K)

    def test_a_table_of_the_vswitch_s_own(self) -> None:
        scene = Scene()
        vpc = scene.cloud.state.vpc
        own = {**vpc.route_tables[TABLE], "RouteTableId": "vtb-own", "RouteTableType": "Custom"}
        vpc.route_tables["vtb-own"] = {**own, "VSwitchIds": {"VSwitchId": [VSWITCH_K]}}
        vpc.route_entries["vtb-own"] = []
        assert {one.evidence["vswitch"] for one in scene.audit(ROUTES).loud} == {VSWITCH_K}

    def test_terway(self) -> None:
        scene = Scene()
        scene.cloud.state.vpc.route_entries[TABLE].remove(self.route(scene))
        cluster = scene.cloud.state.cs.clusters[scene.cloud.state.cs.cluster_id]
        cluster.update(container_cidr="", subnet_cidr="")
        scene.audit(ROUTES).is_quiet(Status.NOT_APPLICABLE)

    @pytest.mark.parametrize("action", ["vpc:DescribeRouteTableList", "vpc:DescribeRouteEntryList"])
    def test_an_action(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        scene.audit(ROUTES).is_open(ReasonKind.FORBIDDEN, action)
