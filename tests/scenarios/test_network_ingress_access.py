"""Lists and rules that keep clients or Pods from an Ingress, planted on both sides."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from tests.scenarios.access import ANY, INSTANCE_K, OWN, SHARED, VSWITCH_H, VSWITCH_I, put
from tests.scenarios.ingresses import (
    Plant,
    annotate,
    audited,
    entrance,
    entrance_settings,
    local,
    looked_at,
    no_controller,
    on_alb,
    scene,
    settings,
)
from tests.scenarios.kit import Scene

LISTS = "network/ingress-allowlist-blocks-clients"
NODES = "network/ingress-node-blocks-pods"
OFFICE = "198.51.100.0/24"
INSIDE = "10.0.0.0/8"
PODS = "172.20.0.0/16"
VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
Json = dict[str, Any]


class TestLists:
    @pytest.mark.parametrize(
        "plant",
        [
            pytest.param(annotate(whitelist_source_range=INSIDE), id="white list"),
            pytest.param(annotate(allowlist_source_range=f"{INSIDE},198.51.100.0/25"), id="a part"),
            pytest.param(annotate(denylist_source_range="198.51.100.7"), id="black list"),
        ],
    )
    def test_of_an_ingress(self, plant: Plant) -> None:
        finding = audited(LISTS, local, plant, clients=(OFFICE,)).is_confirmed("Ingress", "shop/storefront")
        assert finding.severity == "medium"

    @pytest.mark.parametrize(
        "plant",
        [
            pytest.param(settings(whitelist_source_range=INSIDE), id="white list"),
            pytest.param(settings(denylist_source_range=OFFICE), id="black list"),
            pytest.param(settings(block_cidrs=OFFICE), id="block-cidrs"),
        ],
    )
    def test_of_the_config_map(self, plant: Plant) -> None:
        finding = audited(LISTS, local, plant, clients=(OFFICE,)).is_confirmed("ConfigMap", "nginx-configuration")
        assert len(finding.affected) == 3

    def test_in_a_snippet(self) -> None:
        snippet = annotate(configuration_snippet="allow 10.0.0.0/8;\ndeny all;")
        on = settings(allow_snippet_annotations="true")
        audited(LISTS, local, on, snippet, clients=(OFFICE,)).is_confirmed("Ingress", "shop/storefront")
        report = audited(LISTS, local, snippet, clients=(OFFICE,))
        report.is_quiet()
        assert len(report.findings) == 1

    @pytest.mark.parametrize(
        "plants",
        [
            pytest.param([local, annotate(whitelist_source_range=f"{INSIDE},{OFFICE}")], id="admitted"),
            pytest.param([local, annotate(whitelist_source_range="0.0.0.0/0")], id="everybody"),
            pytest.param([local, annotate(denylist_source_range=INSIDE)], id="others"),
            pytest.param([annotate(whitelist_source_range="192.168.0.0/16")], id="the nodes, behind policy Cluster"),
            pytest.param([settings(use_proxy_protocol="true"), annotate(whitelist_source_range=OFFICE)], id="proxy"),
            pytest.param([no_controller, annotate(whitelist_source_range=INSIDE)], id="nobody serves it"),
        ],
    )
    def test_quiet(self, plants: list[Plant]) -> None:
        report = audited(LISTS, *plants, clients=(OFFICE,))
        assert not report.findings
        assert not report.reasons

    @pytest.mark.parametrize("clients", [(), (OFFICE,)])
    def test_behind_policy_cluster(self, clients: tuple[str, ...]) -> None:
        report = audited(LISTS, annotate(whitelist_source_range=OFFICE), clients=clients)
        finding = report.is_confirmed("Ingress", "shop/storefront")
        assert finding.evidence["service"] == "kube-system/nginx-ingress-lb"

    def test_without_clients_it_is_noted(self) -> None:
        report = audited(LISTS, local, annotate(whitelist_source_range=INSIDE))
        report.is_quiet()
        assert report.one.severity == "info"

    def test_source_ranges_of_the_service(self) -> None:
        plant = entrance(loadBalancerSourceRanges=[INSIDE])
        finding = audited(LISTS, local, plant, clients=(OFFICE,)).loud_one
        assert (finding.subject.kind, finding.certainty) == ("Service", "likely")

    def test_a_listener_that_speaks_http(self) -> None:
        plant = entrance_settings({"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-protocol-port": "http:80"})
        audited(LISTS, local, plant, annotate(whitelist_source_range=OFFICE)).is_confirmed("Ingress", "shop/storefront")

    def test_a_long_list_is_read_whole(self) -> None:
        ranges = [f"10.{i // 250}.{i % 250}.0/24" for i in range(600)]
        plant = annotate(whitelist_source_range=",".join([*ranges, OFFICE]))
        assert not audited(LISTS, local, plant, clients=(OFFICE,)).findings
        plant = annotate(whitelist_source_range=",".join(ranges))
        audited(LISTS, local, plant, clients=(OFFICE,)).is_confirmed("Ingress", "shop/storefront")

    @pytest.mark.parametrize(
        "denied", ["get configmaps", "list services", "list ingresses.networking.k8s.io", "list deployments.apps"]
    )
    def test_without_a_permission(self, denied: str) -> None:
        made = scene(annotate(whitelist_source_range=OFFICE), clients=(OFFICE,))
        made.kubernetes.deny(denied)
        looked_at(made, LISTS).is_open(ReasonKind.FORBIDDEN, denied)


class TestListsOfAnAlb:
    def with_alb(self, *, acl: tuple[str, list[str]] | None = None, sources: tuple[str, ...] = ()) -> Scene:
        made = scene(on_alb({"port": 80, "protocol": "HTTP"}), clients=(OFFICE,))
        alb = made.cloud.state.alb
        alb.add_load_balancer("alb-own", VPC)
        alb.add_server_group("sgp-shop", VPC, [])
        alb.add_listener("alb-own", 80, "sgp-shop")
        if acl:
            alb.add_acl("acl-1", acl[1], listener_ids=["lsn-own-80"], acl_type=acl[0])
        if sources:
            alb.add_rule("lsn-own-80", "rule-1", ["sgp-shop"], source_ips=sources)
        return made

    def test_access_lists(self) -> None:
        looked_at(self.with_alb(acl=("White", [INSIDE])), LISTS).is_confirmed("AccessControlList", "acl-1")
        looked_at(self.with_alb(acl=("Black", [OFFICE])), LISTS).is_confirmed("AccessControlList", "acl-1")
        looked_at(self.with_alb(acl=("White", [OFFICE])), LISTS).is_quiet()
        looked_at(self.with_alb(acl=("Black", [INSIDE])), LISTS).is_quiet()

    def test_rules(self) -> None:
        assert looked_at(self.with_alb(sources=(INSIDE,)), LISTS).loud_one.subject.id == "rule-1"
        looked_at(self.with_alb(sources=(OFFICE,)), LISTS).is_quiet()

    @pytest.mark.parametrize("action", ["alb:GetListenerAttribute", "alb:ListAclEntries"])
    def test_without_a_permission(self, action: str) -> None:
        made = self.with_alb(acl=("White", [INSIDE]))
        made.cloud.deny(action)
        looked_at(made, LISTS).is_open(ReasonKind.FORBIDDEN, action)


def accept(ports: str = "1/65535", source: str = PODS, **more: Any) -> Json:
    rule = {"IpProtocol": "TCP", "PortRange": ports, "Policy": "Accept", "Priority": "1", "SourceCidrIp": source}
    return rule | more


def in_own_group(*rules: Json) -> Plant:
    """Put the nodes into a group of their own with these inbound rules."""

    def plant(made: Scene) -> None:
        made.cloud.state.ecs.add_security_group(OWN)
        for rule in rules:
            made.cloud.state.ecs.add_rule(OWN, "ingress", **rule)
        put(made, OWN)

    return plant


class TestNodes:
    def test_acks_own_rules(self) -> None:
        report = audited(NODES)
        report.is_quiet()
        assert report.result.subjects == 1

    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param([], id="no rule"),
            pytest.param([accept(source="192.168.0.0/16")], id="nodes only"),
            pytest.param([accept("80/443")], id="without the webhook"),
            pytest.param([accept("443/8443")], id="without 80"),
            pytest.param([accept(), accept("80/80", Policy="Drop")], id="drop at the same priority"),
            pytest.param([accept(source="", SourceGroupId=OWN)], id="members of the group"),
            pytest.param([accept(IpProtocol="UDP")], id="UDP"),
            pytest.param([accept(source="172.20.0.0/22")], id="a part of the Pods"),
        ],
    )
    def test_refused(self, rules: list[Json]) -> None:
        finding = audited(NODES, in_own_group(*rules)).loud_one
        assert finding.subject.id == OWN
        assert len(finding.affected) == 2

    def test_the_pods_that_there_are(self) -> None:
        rules = [accept(), accept(source="172.20.1.0/24", Policy="Drop")]
        finding = audited(NODES, in_own_group(*rules)).is_confirmed("SecurityGroup", OWN)
        assert finding.evidence["refused_addresses"] == ["172.20.1.0/24"]

    @pytest.mark.parametrize(
        "rules",
        [
            pytest.param([accept()], id="all ports"),
            pytest.param([accept("80/80"), accept("443/443"), accept("8443/8443")], id="one by one"),
            pytest.param([accept(source=ANY)], id="anybody"),
            pytest.param([accept(), accept("80/80", Policy="Drop", Priority="10")], id="weaker drop"),
            pytest.param([accept(), accept("10254/10254", Policy="Drop")], id="metrics"),
        ],
    )
    def test_admitted(self, rules: list[Json]) -> None:
        audited(NODES, in_own_group(*rules)).is_quiet()

    def test_a_group_of_other_nodes(self) -> None:
        made = scene()
        made.cloud.state.ecs.add_security_group(OWN)
        put(made, OWN, instances=(INSTANCE_K,))
        looked_at(made, NODES).is_quiet()

    def test_the_shared_group_without_the_rule_for_pods(self) -> None:
        made = scene()
        made.cloud.state.ecs.remove_rules(SHARED, "ingress")
        looked_at(made, NODES).is_confirmed("SecurityGroup", SHARED)

    @pytest.mark.parametrize(
        ("ingress", "is_loud"),
        [
            ([{"Policy": "accept"}], False),
            ([{"Policy": "drop", "Protocol": "tcp", "Port": "443/443"}, {"Policy": "accept"}], True),
            ([{"Policy": "drop", "SourceCidrIp": "203.0.113.0/24"}, {"Policy": "accept"}], False),
        ],
    )
    def test_the_network_acl(self, ingress: list[Json], *, is_loud: bool) -> None:
        made = scene()
        made.cloud.state.vpc.add_network_acl("nacl-1", [VSWITCH_H, VSWITCH_I], ingress, [{"Policy": "accept"}])
        report = looked_at(made, NODES)
        if is_loud:
            report.is_confirmed("NetworkAcl", "nacl-1")
        else:
            report.is_quiet()

    @pytest.mark.parametrize(
        "action", ["ecs:DescribeSecurityGroupAttribute", "vpc:DescribeVSwitches", "cs:DescribeClusterDetail"]
    )
    def test_without_a_permission(self, action: str) -> None:
        made = scene()
        made.cloud.deny(action)
        looked_at(made, NODES).is_open(ReasonKind.FORBIDDEN, action)

    def test_no_controller(self) -> None:
        assert not audited(NODES, no_controller).findings
