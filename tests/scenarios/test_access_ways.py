"""access/kubelet-port-blocked from end to end: network ACLs, where the API server calls from, answers, the probe."""

import json
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.fakes.kubernetes import Fault
from tests.scenarios.access import (
    INSTANCE_K,
    NODE_K,
    NODES,
    OWN,
    SHARED,
    VSWITCH_H,
    VSWITCH_I,
    VSWITCH_K,
    Json,
    accept,
    audit,
    drop,
    forget_api_servers,
    in_own_group,
    put,
    served_at,
    shared,
)
from tests.scenarios.kit import Scene

CALLS = {"Protocol": "tcp", "Port": "10250/10250"}
ALL_IN = {"Policy": "accept"}


class TestNetworkAcls:
    def bound(self, *vswitches: str, ingress: list[Json], egress: list[Json] | None = None, **fields: Any) -> Scene:
        scene = Scene()
        outbound = [ALL_IN] if egress is None else egress
        scene.cloud.state.vpc.add_network_acl("nacl-bp1one", list(vswitches), ingress, outbound, **fields)
        return scene

    @pytest.mark.parametrize(
        ("ingress", "egress"),
        [
            pytest.param([{"Policy": "drop", **CALLS}, ALL_IN], [ALL_IN], id="drops the port"),
            pytest.param([{"Policy": "Drop", "Protocol": "TCP", "Port": "10000/20000"}, ALL_IN], [ALL_IN], id="range"),
            pytest.param([{"Policy": "accept", "Protocol": "tcp", "Port": "443/443"}], [ALL_IN], id="no catch-all"),
            pytest.param([], [ALL_IN], id="nothing in"),
            pytest.param([{"Policy": "drop"}, {"Policy": "accept", **CALLS}], [ALL_IN], id="the first entry decides"),
            pytest.param([ALL_IN], [], id="nothing out: the answers"),
            pytest.param([ALL_IN], [{"Policy": "accept", **CALLS}], id="the answers go to other ports"),
            pytest.param([ALL_IN], [{"Policy": "accept", "Protocol": "udp"}], id="UDP answers only"),
            pytest.param(
                [{"Policy": "accept", **CALLS, "SourceCidrIp": "172.20.0.0/16"}, {"Policy": "drop"}],
                [ALL_IN],
                id="Pods only",
            ),
        ],
    )
    def test_refused(self, ingress: list[Json], egress: list[Json]) -> None:
        scene = self.bound(VSWITCH_K, ingress=ingress, egress=egress)
        finding = audit(scene).is_confirmed("NetworkAcl", "nacl-bp1one")
        assert finding.severity is Severity.HIGH
        assert sorted(ref.name for ref in finding.affected) == ["cn-hangzhou.192.168.2.31", NODE_K]

    @pytest.mark.parametrize(
        ("ingress", "egress"),
        [
            pytest.param([ALL_IN], [ALL_IN], id="everything"),
            pytest.param([{"Policy": "accept", **CALLS}, {"Policy": "drop", **CALLS}], [ALL_IN], id="accept first"),
            pytest.param([{"Policy": "drop", "Protocol": "udp"}, ALL_IN], [ALL_IN], id="drops UDP"),
            pytest.param([{"Policy": "drop", "Protocol": "tcp", "Port": "22/22"}, ALL_IN], [ALL_IN], id="drops SSH"),
            pytest.param(
                [{"Policy": "drop", **CALLS, "SourceCidrIp": "203.0.113.0/24"}, ALL_IN], [ALL_IN], id="strangers"
            ),
            pytest.param([ALL_IN], [{"Policy": "accept", "Protocol": "tcp", "Port": "1024/65535"}], id="high ports"),
            pytest.param([ALL_IN], [{"Policy": "drop", "Protocol": "tcp", "Port": "443/443"}, ALL_IN], id="no HTTPS"),
            pytest.param(
                [
                    {"Policy": "accept", **CALLS, "SourceCidrIp": "192.168.0.0/24"},
                    {"Policy": "accept", **CALLS, "SourceCidrIp": "192.168.1.5/32"},
                    {"Policy": "drop"},
                ],
                [ALL_IN],
                id="the API servers alone",
            ),
        ],
    )
    def test_admitted(self, ingress: list[Json], egress: list[Json]) -> None:
        audit(self.bound(VSWITCH_K, ingress=ingress, egress=egress)).is_quiet()

    def test_all_vswitches_are_one_finding(self) -> None:
        scene = self.bound(VSWITCH_H, VSWITCH_I, VSWITCH_K, ingress=[{"Policy": "drop", **CALLS}, ALL_IN])
        finding = audit(scene).is_confirmed("NetworkAcl", "nacl-bp1one")
        assert len(finding.affected) == 8

    def test_traffic_within_the_vswitch_does_not_pass(self) -> None:
        scene = self.bound(VSWITCH_H, ingress=[{"Policy": "drop", **CALLS}, ALL_IN])
        served_at(scene, "192.168.0.5")
        audit(scene).is_quiet()

    @pytest.mark.parametrize("is_bound", [False, True])
    def test_the_acl_of_a_vswitch_that_only_api_servers_are_in(self, is_bound: bool) -> None:
        scene = Scene()
        vpc = scene.cloud.state.vpc
        control = {**vpc.vswitches[VSWITCH_H], "VSwitchId": "vsw-control", "CidrBlock": "192.168.9.0/24"}
        vpc.vswitches["vsw-control"] = control
        for interface in scene.cloud.state.ecs.network_interfaces.values():
            if interface["ServiceManaged"]:
                number = interface["PrivateIpAddress"].split(".")[2]
                address = f"192.168.9.{int(number) + 5}"
                interface.update(PrivateIpAddress=address, VSwitchId="vsw-control")
                interface["PrivateIpSets"] = {"PrivateIpSet": [{"Primary": True, "PrivateIpAddress": address}]}
        served_at(scene, "192.168.9.5", "192.168.9.6")
        if not is_bound:
            audit(scene).is_quiet()
            return
        vpc.add_network_acl("nacl-control", ["vsw-control"], [ALL_IN], [{"Policy": "drop", **CALLS}, ALL_IN])
        finding = audit(scene).is_confirmed("NetworkAcl", "nacl-control")
        assert len(finding.affected) == 8

    def test_an_acl_that_can_not_be_read(self) -> None:
        scene = self.bound(VSWITCH_K, ingress=[{"Policy": "drop", **CALLS}, ALL_IN])
        scene.cloud.deny("vpc:DescribeNetworkAclAttributes")
        report = audit(scene)
        report.is_open(ReasonKind.FORBIDDEN, "vpc:DescribeNetworkAclAttributes")
        assert report.result.subjects == 6

    def test_an_acl_that_is_being_changed(self) -> None:
        scene = self.bound(VSWITCH_K, ingress=[{"Policy": "drop", **CALLS}, ALL_IN], Status="Modifying")
        audit(scene).is_open(ReasonKind.UNDECIDABLE)

    def test_an_acl_and_a_group_are_two_faults(self) -> None:
        scene = in_own_group()
        scene.cloud.state.vpc.add_network_acl("nacl-bp1one", [VSWITCH_K], [{"Policy": "drop", **CALLS}], [ALL_IN])
        kinds = {finding.subject.kind for finding in audit(scene).loud}
        assert kinds == {"SecurityGroup", "NetworkAcl"}


class TestWhereTheApiServerCallsFrom:
    OUTSIDE = ("100.64.1.5", "192.168.0.167")

    @pytest.mark.parametrize("address", OUTSIDE)
    def test_endpoints_outside_of_the_vpc_and_one_group(self, address: str) -> None:
        """Also the address of the load balancer in front: nothing calls from there."""
        scene = shared(drop(), keep=True)
        served_at(scene, address)
        audit(scene).is_quiet()

    @pytest.mark.parametrize("address", OUTSIDE)
    @pytest.mark.parametrize("listed", [True, False])
    def test_endpoints_outside_of_the_vpc_and_a_group_that_refuses(self, address: str, listed: bool) -> None:
        scene = in_own_group(accept(SourceCidrIp="10.0.0.0/8"))
        served_at(scene, address)
        if not listed:
            forget_api_servers(scene)
        audit(scene).is_confirmed("SecurityGroup", OWN)

    def test_a_part_of_the_control_planes_range_is_no_more_than_likely(self) -> None:
        scene = in_own_group(drop(SourceCidrIp="192.168.1.0/25"), accept("2"))
        served_at(scene, "100.64.1.5")
        forget_api_servers(scene)
        finding = audit(scene).loud_one
        assert finding.certainty is Certainty.LIKELY

    def test_the_control_planes_ranges_are_admitted(self) -> None:
        scene = in_own_group(accept(SourceCidrIp="192.168.0.0/16"))
        served_at(scene, "100.64.1.5")
        forget_api_servers(scene)
        audit(scene).is_quiet()

    def test_endpoints_that_are_not_known(self) -> None:
        scene = in_own_group()
        scene.kubernetes.deny("list endpointslices.discovery.k8s.io")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "list endpointslices.discovery.k8s.io")

    def test_interfaces_that_are_not_known(self) -> None:
        scene = Scene()
        scene.cloud.deny("ecs:DescribeNetworkInterfaces")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "ecs:DescribeNetworkInterfaces")

    def dedicated(self, *rules: Json, endpoints: tuple[str, ...]) -> Scene:
        """Return a dedicated cluster: the first two nodes are masters, the others workers in a group of their own."""
        scene = in_own_group(*rules)
        cs = scene.cloud.state.cs
        cs.clusters[cs.cluster_id]["cluster_type"] = "Kubernetes"
        forget_api_servers(scene)
        label = "node-role.kubernetes.io/control-plane"
        for name in ("cn-hangzhou.192.168.0.11", "cn-hangzhou.192.168.0.12"):
            scene.kubernetes.patch(NODES, name, lambda node: node["metadata"]["labels"].update({label: ""}))
        put(scene, SHARED, instances=("i-bp1vcw8abao0i6uxb1xi", "i-bp1n0rd3fa7nmtaomxdg"))
        served_at(scene, *endpoints)
        return scene

    MASTERS = ("192.168.0.11", "192.168.0.12")

    @pytest.mark.parametrize("endpoints", [MASTERS, ("192.168.0.167",), ("100.64.1.5",)])
    def test_masters_of_a_dedicated_cluster(self, endpoints: tuple[str, ...]) -> None:
        finding = audit(self.dedicated(endpoints=endpoints)).is_confirmed("SecurityGroup", OWN)
        assert len(finding.affected) == 6
        audit(self.dedicated(accept(SourceCidrIp="192.168.0.8/29"), endpoints=endpoints)).is_quiet()
        audit(self.dedicated(accept(SourceCidrIp="", SourceGroupId=SHARED), endpoints=endpoints)).is_quiet()

    def test_a_virtual_node_has_no_kubelet(self) -> None:
        scene = in_own_group()
        for node in scene.kubernetes.objects.all(NODES):
            scene.kubernetes.patch(
                NODES, node["metadata"]["name"], lambda node: node["metadata"]["labels"].update(type="virtual-kubelet")
            )
        audit(scene).is_quiet(Status.NOT_APPLICABLE)

    def test_a_node_of_another_cloud(self) -> None:
        scene = in_own_group()
        scene.cloud.state.ecs.add_rule(OWN, "ingress", **accept())
        scene.kubernetes.patch(NODES, NODE_K, lambda node: node["spec"].update(providerID="edge://one"))
        report = audit(scene)
        report.is_quiet()
        assert report.result.subjects == 7


class TestAnswersThatAreNotWhole:
    def test_one_denied_group_touches_its_nodes_only(self) -> None:
        scene = Scene()
        scene.cloud.state.ecs.add_security_group(OWN)
        put(scene, OWN, instances=(INSTANCE_K,))
        action = "ecs:DescribeSecurityGroupAttribute"
        scene.cloud.deny(action, when=lambda params: params["SecurityGroupId"] == OWN)
        report = audit(scene)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.result.subjects == 7

    @pytest.mark.parametrize("value", [None, {}, {"Permission": None}])
    def test_rules_that_are_null(self, value: object) -> None:
        scene = in_own_group()
        scene.cloud.mutate("ecs:DescribeSecurityGroupAttribute", lambda answer: answer.update(Permissions=value))
        audit(scene).is_open(ReasonKind.MALFORMED)

    def test_the_rule_on_the_second_page_counts(self) -> None:
        rules = [accept(str(number), PortRange="22/22", SourceCidrIp=f"203.0.113.{number}/32") for number in range(30)]
        scene = in_own_group(*rules, accept("50"))
        scene.cloud.gateway.page_limit = 10
        audit(scene).is_quiet()

    def test_a_page_that_does_not_come(self) -> None:
        rules = [accept(str(number), PortRange="22/22", SourceCidrIp=f"203.0.113.{number}/32") for number in range(30)]
        scene = in_own_group(*rules, accept("50"))
        scene.cloud.gateway.page_limit = 10
        action = "ecs:DescribeSecurityGroupAttribute"
        scene.cloud.deny(action, when=lambda params: bool(params.get("NextToken")))
        audit(scene).is_open(ReasonKind.FORBIDDEN, action)

    @pytest.mark.parametrize("fields", [{"Priority": "high"}, {"Policy": "Maybe"}, {"PortRange": "kubelet"}])
    def test_a_rule_that_can_not_be_read(self, fields: Json) -> None:
        audit(in_own_group({**accept(), **fields})).is_open(ReasonKind.MALFORMED)

    @pytest.mark.parametrize(
        ("action", "scene"),
        [
            ("ecs:DescribeInstances", Scene),
            ("ecs:DescribeSecurityGroupAttribute", in_own_group),
            ("vpc:DescribeVSwitches", Scene),
        ],
    )
    def test_denied(self, action: str, scene: Any) -> None:
        made = scene()
        made.cloud.deny(action)
        report = audit(made)
        assert not [finding for finding in report.loud if finding.subject.id != OWN]
        assert action in report.missing

    def test_nodes_denied(self) -> None:
        scene = in_own_group()
        scene.kubernetes.deny("list nodes")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "list nodes")


class TestProbe:
    TIMEOUT = "Get https://{ip}:10250/containerLogs/x: dial tcp {ip}:10250: i/o timeout"

    def logs_fail(self, scene: Scene, words: str, code: int = 500) -> Scene:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": words, "code": code}
        scene.probes = ("kubelet",)
        scene.kubernetes.fail("/api/v1/namespaces/*/pods/*/log", Fault(status=code, body=json.dumps(body).encode()))
        return scene

    def test_logs_come(self) -> None:
        scene = Scene()
        scene.probes = ("kubelet",)
        audit(scene).is_quiet()

    def test_a_timeout_that_the_group_explains(self) -> None:
        scene = self.logs_fail(in_own_group(), self.TIMEOUT.format(ip="192.168.2.43"))
        finding = audit(scene).is_confirmed("SecurityGroup", OWN)
        assert "i/o timeout" in json.dumps(finding.evidence)

    def test_a_timeout_that_nothing_explains(self) -> None:
        scene = self.logs_fail(Scene(), self.TIMEOUT.format(ip="192.168.2.43"))
        report = audit(scene)
        assert {finding.subject.kind for finding in report.loud} == {"Node"}
        assert {finding.certainty for finding in report.loud} == {Certainty.LIKELY}
        assert len(report.loud) == 8

    def test_a_kubelet_that_is_down_is_no_fault_of_the_group(self) -> None:
        words = (
            "Get https://192.168.2.43:10250/containerLogs/x: dial tcp 192.168.2.43:10250: connect: connection refused"
        )
        report = audit(self.logs_fail(Scene(), words))
        assert {finding.subject.kind for finding in report.loud} == {"Node"}
        assert all("does not serve" in str(finding.message) for finding in report.loud)

    def test_logs_denied(self) -> None:
        scene = Scene()
        scene.probes = ("kubelet",)
        scene.kubernetes.deny("get pods/log")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "get pods/log")
