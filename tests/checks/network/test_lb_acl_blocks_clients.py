from typing import Any

import pytest

from auditor.facts.cloud.ecs import SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import AccessControlList, Listener, LoadBalancer
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make
from tests.checks.network.api import called_by, cluster, landscape, with_list

CHECK = "network/lb-acl-blocks-clients"
WEB = "lb-web1"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
INSIDE = ["192.168.0.0/16", "172.20.0.0/16"]
OFFICE = "203.0.113.0/24"


def web(*, annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None, **more: Any) -> Any:
    given = {"service.k8s.alibaba/loadbalancer-id": WEB} if labels is None else labels
    return make.service("shop/web", type="LoadBalancer", labels=given, annotations=annotations or {}, **more)


def listener(kind: str | None = None, *ids: str, port: int = 80, protocol: str = "tcp", **more: Any) -> Listener:
    given = {"acl_status": "on" if kind else "off", "acl_type": kind, "acl_ids": list(ids), **more}
    return Listener(WEB, port, protocol, status="running", **given)


def scene(*listeners: Listener, lists: dict[str, list[str]] | None = None, **tables: Any) -> Landscape:
    rows = {"load_balancers": [LoadBalancer(WEB, "web", "203.0.113.10")], "services": [web()], **tables}
    acls = [AccessControlList(key, key, entries) for key, entries in (lists or {}).items()]
    return landscape(listeners=list(listeners), access_control_lists=acls, **rows)


def found(base: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, "shop/web")
    assert finding.subject.kind == "Service"
    return finding


class TestLists:
    @pytest.mark.parametrize(
        ("kind", "entries", "key", "refused"),
        [
            ("white", ["172.20.0.0/16", "192.168.0.0/24"], "refused_nodes", ["192.168.1.11"]),
            ("white", ["192.168.0.0/16"], "refused_pods", ["172.20.0.7"]),
            ("black", ["192.168.1.0/24"], "refused_nodes", ["192.168.1.11"]),
            ("black", ["172.20.0.0/14"], "refused_pods", ["172.20.0.7"]),
        ],
    )
    def test_nodes_and_pods(self, kind: str, entries: list[str], key: str, refused: list[str]) -> None:
        finding = found(scene(listener(kind, "acl-1"), lists={"acl-1": entries}))
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert finding.evidence[key] == refused

    def test_configured_clients(self) -> None:
        base = scene(listener("white", "acl-1"), lists={"acl-1": INSIDE})
        assert found(called_by(base, OFFICE)).evidence["refused_clients"] == [OFFICE]

    def test_several_ports_are_one_finding(self) -> None:
        ports = [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP", "name": "https"}]
        base = scene(
            listener("white", "acl-1"),
            listener("white", "acl-2", port=443, protocol="https"),
            lists={"acl-1": ["10.0.0.0/8"], "acl-2": ["172.20.0.0/16"]},
            services=[web(ports=ports)],
        )
        assert len(found(base).evidence["listeners"]) == 2  # type: ignore[arg-type]

    def test_two_lists_count_as_one(self) -> None:
        lists = {"acl-1": ["192.168.0.0/16"], "acl-2": ["172.20.0.0/16"]}
        kit.stays_quiet(CHECK, scene(listener("white", "acl-1", "acl-2"), lists=lists))

    def test_a_white_list_without_entries(self) -> None:
        finding = found(scene(listener("white", "acl-1"), lists={"acl-1": []}))
        assert finding.severity is Severity.MEDIUM

    @pytest.mark.parametrize(
        "base",
        [
            pytest.param(scene(listener()), id="off"),
            pytest.param(scene(listener("white", "acl-1"), lists={"acl-1": INSIDE}), id="all inside"),
            pytest.param(scene(listener("black", "acl-1"), lists={"acl-1": []}), id="empty black list"),
            pytest.param(scene(listener("black", "acl-1"), lists={"acl-1": ["198.51.100.0/24"]}), id="strangers"),
            pytest.param(scene(listener("white", "acl-1", port=81), lists={"acl-1": []}), id="another port"),
            pytest.param(scene(), id="no listener yet"),
        ],
    )
    def test_quiet(self, base: Landscape) -> None:
        kit.stays_quiet(CHECK, base)

    def test_the_listener_of_the_api_server_is_not_its_business(self) -> None:
        base = landscape(**with_list("white", ["10.0.0.0/8"]))
        kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "service",
        [
            make.service("shop/web", type="ClusterIP"),
            web(loadBalancerClass="alibabacloud.com/alb"),
            web(annotations={"service.beta.kubernetes.io/class": "own"}),
        ],
    )
    def test_services_of_others(self, service: Any) -> None:
        base = scene(listener("white", "acl-1"), lists={"acl-1": []}, services=[service])
        kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)

    def test_pods_on_the_network_of_their_node(self) -> None:
        pod = make.pod(
            "kube-system/agent", "a", spec={"hostNetwork": True}, status={"phase": "Running", "podIP": "10.9.9.9"}
        )
        base = scene(listener("white", "acl-1"), lists={"acl-1": ["192.168.0.0/16"]}, pods=[pod])
        kit.stays_quiet(CHECK, base)


class TestDrift:
    @pytest.mark.parametrize(
        ("annotations", "row"),
        [
            ({"acl-status": "on", "acl-id": "acl-1", "acl-type": "white"}, listener()),
            ({"acl-status": "off"}, listener("white", "acl-1")),
            ({"acl-status": "on", "acl-id": "acl-1"}, listener("white", "acl-2")),
            ({"acl-status": "on", "acl-id": "acl-1", "acl-type": "black"}, listener("white", "acl-1")),
        ],
    )
    def test_found(self, annotations: dict[str, str], row: Listener) -> None:
        service = web(annotations={PREFIX + key: value for key, value in annotations.items()})
        base = scene(row, lists={"acl-1": INSIDE, "acl-2": INSIDE}, services=[service])
        assert found(base).severity is Severity.LOW

    @pytest.mark.parametrize(
        ("annotations", "row"),
        [
            ({"acl-status": "on", "acl-id": "acl-1", "acl-type": "white"}, listener("white", "acl-1")),
            ({"acl-status": "on", "acl-id": "acl-2, acl-1"}, listener("white", "acl-1", "acl-2")),
            ({"acl-status": "off", "acl-id": "acl-9"}, listener()),
            ({}, listener("white", "acl-1")),
        ],
    )
    def test_quiet(self, annotations: dict[str, str], row: Listener) -> None:
        service = web(annotations={PREFIX + key: value for key, value in annotations.items()})
        kit.stays_quiet(CHECK, scene(row, lists={"acl-1": INSIDE, "acl-2": INSIDE}, services=[service]))


def rule(policy: str, priority: int = 1, **more: Any) -> SecurityGroupRule:
    given = {"peer_cidr": "0.0.0.0/0", **more}
    return SecurityGroupRule(f"sgr-{policy}-{priority}", "ingress", policy, priority, "TCP", "80/80", **given)


def nlb(*rules: SecurityGroupRule, groups: tuple[str, ...] = ("sg-nlb",), **tables: Any) -> Landscape:
    labels = {"service.k8s.alibaba/loadbalancer-id": "nlb-1"}
    return landscape(
        services=[web(labels=labels, loadBalancerClass="alibabacloud.com/nlb")],
        network_load_balancers=[NetworkLoadBalancer("nlb-1", "web", security_group_ids=list(groups))],
        security_groups=[SecurityGroup("sg-nlb", type="normal", vpc_id=make.VPC)],
        security_group_rules=[SecurityGroupRules("sg-nlb", "Accept", list(rules))],
        **tables,
    )


class TestNlb:
    def test_without_a_group_everybody_may(self) -> None:
        kit.stays_quiet(CHECK, nlb(groups=()))

    def test_a_rule_for_everybody(self) -> None:
        kit.stays_quiet(CHECK, nlb(rule("Accept")))

    def test_no_rule(self) -> None:
        finding = found(nlb())
        assert finding.evidence["refused_nodes"] == ["192.168.0.11", "192.168.1.11"]
        assert finding.evidence["refused_pods"] == ["172.20.0.7"]

    def test_pods_are_left_out(self) -> None:
        finding = found(nlb(rule("Accept", peer_cidr="192.168.0.0/16")))
        assert (finding.evidence["refused_nodes"], finding.evidence["refused_pods"]) == ([], ["172.20.0.7"])

    def test_clients_are_dropped(self) -> None:
        base = nlb(rule("Drop", 1, peer_cidr=OFFICE), rule("Accept", 2))
        assert found(called_by(base, OFFICE)).evidence["refused_clients"] == [OFFICE]


class TestGaps:
    GOOD = scene(listener("white", "acl-1"), lists={"acl-1": INSIDE})

    @pytest.mark.parametrize(
        "table", ["services", "load_balancers", "listeners", "access_control_lists", "nodes", "pods"]
    )
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(self.GOOD, table))

    @pytest.mark.parametrize(
        "table",
        [
            "clusters", "vswitches", "config_maps", "instances", "network_load_balancers", "security_groups",
            "security_group_rules", "prefix_lists", "port_range_lists", "group_backends", "nlb_server_groups",
            "nlb_group_backends",
        ],
    )  # fmt: skip
    def test_not_needed_of_a_clb(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(self.GOOD, table))

    @pytest.mark.parametrize("table", ["nodes", "pods"])
    def test_what_is_known_decides(self, table: str) -> None:
        base = kit.without(scene(listener("white", "acl-1"), lists={"acl-1": ["10.0.0.0/8"]}), table)
        assert [one.severity for one in kit.run(CHECK, base)[1]] == [Severity.HIGH]

    @pytest.mark.parametrize("table", ["security_group_rules", "network_load_balancers", "instances", "clusters"])
    def test_needed_of_an_nlb(self, table: str) -> None:
        base = nlb(rule("Accept", peer_cidr="192.168.0.0/16"), rule("Accept", 2, peer_cidr="172.20.0.0/16"))
        kit.is_not_evaluated(CHECK, kit.without(base, table))

    def test_terway_without_its_configuration(self) -> None:
        base = nlb(rule("Accept"), clusters=[cluster(network="terway-eniip", container_cidr=None)])
        assert kit.run(CHECK, base)[0].status is Status.NOT_EVALUATED
