"""Lists of addresses that keep clients out of an Ingress."""

from typing import Any

import pytest

from auditor.facts.cloud.alb import AlbAcl, AlbListener, AlbListenerAccess, AlbRule
from auditor.facts.cloud.slb import Backend, GroupBackends, Listener, LoadBalancer
from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty
from tests.checks import kit, make
from tests.checks.network import ingresses as of

CHECK = "network/ingress-allowlist-blocks-clients"
OFFICE = "203.0.113.0/24"
INSIDE = "10.0.0.0/8"


def base(
    annotations: dict[str, str] | None = None, *, clients: tuple[str, ...] = (OFFICE,), **tables: Any
) -> Landscape:
    tables.setdefault("ingresses", [of.ingress(annotations=annotations)])
    return of.landscape(clients=clients, **tables)


def one(landscape: Landscape, kind: str = "Ingress") -> ReportedFinding:
    result, (finding,) = kit.run(CHECK, landscape)
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert finding.subject.kind == kind
    assert finding.remedy
    return finding


def refuses(landscape: Landscape, kind: str = "Ingress") -> ReportedFinding:
    finding = one(landscape, kind)
    assert (finding.severity, finding.certainty) == ("medium", "confirmed")
    assert any(hop.state == "broken" for hop in finding.trail)
    return finding


def quiet(landscape: Landscape) -> None:
    result, findings = kit.run(CHECK, landscape)
    assert not findings, [str(finding.message) for finding in findings]
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert result.status is Status.PASSED


class TestAnnotations:
    @pytest.mark.parametrize("name", ["whitelist-source-range", "allowlist-source-range"])
    def test_a_white_list_without_the_clients(self, name: str) -> None:
        finding = refuses(base({name: INSIDE}))
        assert finding.evidence["refused"] == [OFFICE]

    def test_with_a_part_of_them(self) -> None:
        assert refuses(base({"whitelist-source-range": "203.0.113.0/25"})).evidence["refused"] == ["203.0.113.128/25"]

    def test_with_them(self) -> None:
        quiet(base({"whitelist-source-range": f"{INSIDE}, {OFFICE}"}))
        quiet(base({"whitelist-source-range": "0.0.0.0/0"}))
        quiet(base({"whitelist-source-range": " "}))

    def test_a_black_list(self) -> None:
        assert refuses(base({"denylist-source-range": "203.0.113.7"})).evidence["refused"] == ["203.0.113.7"]
        quiet(base({"denylist-source-range": INSIDE}))

    def test_without_clients_it_is_noted(self) -> None:
        assert one(base({"whitelist-source-range": INSIDE}, clients=())).severity == "info"
        quiet(base({"whitelist-source-range": "0.0.0.0/0"}, clients=()))

    def test_both_lists_are_two_findings(self) -> None:
        annotations = {"whitelist-source-range": INSIDE, "denylist-source-range": OFFICE}
        _, findings = kit.run(CHECK, base(annotations))
        assert len(findings) == 2

    @pytest.mark.parametrize(
        "annotations",
        [
            {"whitelist-source-range": INSIDE, "canary": "true"},
            {"whitelist-source-range": INSIDE, "satisfy": "any", "auth-secret": "x", "auth-type": "basic"},
            {"limit-whitelist": INSIDE},
            {"example.com/whitelist-source-range": INSIDE},
            {"whitelist-source-range": "no list"},
        ],
    )
    def test_no_list(self, annotations: dict[str, str]) -> None:
        result, findings = kit.run(CHECK, base(annotations))
        assert not findings
        assert not result.reasons

    def test_of_an_ingress_that_nobody_serves_or_alb_does(self) -> None:
        for name in ("ngnix", "alb"):
            row = of.ingress(class_name=name, annotations={"whitelist-source-range": INSIDE})
            classes = [of.ingress_class(), of.ingress_class("alb", "ingress.k8s.alibabacloud/alb")]
            _, findings = kit.run(CHECK, base(ingresses=[row], ingress_classes=classes))
            assert not findings

    def test_of_another_controller_it_is_likely(self) -> None:
        row = of.ingress(class_name="mse", annotations={"whitelist-source-range": INSIDE})
        mse = of.workload("mse-ingress-controller/ack-mse-ingress-controller", "--v", image="x:1", labels={"app": "m"})
        classes = [of.ingress_class("mse", "mse.alibabacloud.com/ingress")]
        tables: dict[str, Any] = {"ingress_classes": classes, "deployments": [of.workload(), mse]}
        assert one(base(ingresses=[row], **tables)).certainty is Certainty.LIKELY


class TestSnippets:
    ON = of.config_map(allow_snippet_annotations="true")
    DENY = "allow 10.0.0.0/8; # the office\ndeny all;"

    @pytest.mark.parametrize("name", ["server-snippet", "configuration-snippet"])
    def test_a_snippet_that_is_taken(self, name: str) -> None:
        refuses(base({name: self.DENY}, config_maps=[self.ON]))

    @pytest.mark.parametrize(
        "text",
        [
            "allow 203.0.113.0/24;\ndeny all;",
            "allow all;\ndeny 203.0.113.0/24;",
            "location /admin { deny all; }",
            "# deny all;",
            'more_set_headers "x: deny all";',
            "deny $bad;",
        ],
    )
    def test_a_snippet_that_lets_them_in(self, text: str) -> None:
        quiet(base({"server-snippet": text}, config_maps=[self.ON]))

    def test_the_first_directive_decides(self) -> None:
        refuses(base({"server-snippet": "deny 203.0.113.0/25; allow all;"}, config_maps=[self.ON]))

    @pytest.mark.parametrize("config", [of.config_map(), of.config_map(allow_snippet_annotations="false")])
    def test_one_that_is_left_out_is_noted(self, config: Any) -> None:
        finding = one(base({"server-snippet": self.DENY}, config_maps=[config]))
        assert (finding.severity, finding.certainty) == ("info", "at_risk")

    def test_an_old_version_takes_them(self) -> None:
        old = of.workload(image="x/aliyun-ingress-controller:v1.2.1-aliyun.1")
        refuses(base({"server-snippet": self.DENY}, deployments=[old]))


class TestConfigMap:
    @pytest.mark.parametrize(
        "data",
        [
            {"whitelist_source_range": INSIDE},
            {"denylist_source_range": OFFICE},
            {"block_cidrs": OFFICE},
            {"server_snippet": "deny all;"},
            {"location_snippet": "deny 203.0.113.0/24;"},
        ],
    )
    def test_it_holds_for_all(self, data: dict[str, str]) -> None:
        finding = refuses(base(config_maps=[of.config_map(**data)]), "ConfigMap")
        assert [ref.path for ref in finding.affected] == ["shop/web"]
        assert finding.subject.path == of.CONFIG

    def test_an_ingress_with_a_list_of_its_own(self) -> None:
        config = [of.config_map(whitelist_source_range=INSIDE)]
        rows = [of.ingress(annotations={"whitelist-source-range": OFFICE}), of.ingress("shop/other", host="b.example")]
        assert [ref.name for ref in refuses(base(ingresses=rows, config_maps=config), "ConfigMap").affected] == [
            "other"
        ]
        result, findings = kit.run(CHECK, base(ingresses=rows[:1], config_maps=config))
        assert not findings
        assert not result.reasons

    def test_a_config_map_that_no_controller_names(self) -> None:
        maps = [of.config_map(), of.config_map("kube-system/other", whitelist_source_range=INSIDE)]
        quiet(base(config_maps=maps))

    def test_no_config_map(self) -> None:
        quiet(base(config_maps=[]))


class TestBehindPolicyCluster:
    LIST = {"whitelist-source-range": f"{INSIDE},{OFFICE}"}  # noqa: RUF012

    def behind(self, **more: Any) -> Landscape:
        clients = more.pop("clients", (OFFICE,))
        entrance = of.entrance("Cluster", **more.pop("entrance", {}))
        return base(self.LIST, clients=clients, services=[entrance, of.web()], **more)

    @pytest.mark.parametrize("clients", [(), (OFFICE,)])
    def test_a_list_of_clients_refuses_everybody(self, clients: tuple[str, ...]) -> None:
        finding = refuses(self.behind(clients=clients))
        assert "nodes" in str(finding.message)
        assert [hop.ref.kind for hop in finding.trail] == ["Service", "Ingress"]

    @pytest.mark.parametrize("key", ["use_proxy_protocol", "enable_real_ip", "use_forwarded_headers"])
    def test_the_clients_address_is_known_all_the_same(self, key: str) -> None:
        quiet(self.behind(config_maps=[of.config_map(**{key: "true"})]))

    def test_a_key_that_is_not_true(self) -> None:
        refuses(self.behind(config_maps=[of.config_map(use_proxy_protocol="false")]))

    def test_a_list_that_admits_the_nodes(self) -> None:
        quiet(self.behind(nodes=[make.node("n1", ip="10.0.0.11")]))

    def test_a_black_list_meets_no_client(self) -> None:
        rows = [of.ingress(annotations={"denylist-source-range": OFFICE})]
        quiet(self.behind(ingresses=rows))

    def test_backends_that_are_pods(self) -> None:
        annotation = {"service.beta.kubernetes.io/backend-type": "eni"}
        quiet(self.behind(entrance={"annotations": annotation}))

    @pytest.mark.parametrize(("kind", "is_loud"), [("eni", False), ("ecs", True)])
    def test_under_terway_the_backends_tell(self, kind: str, is_loud: bool) -> None:
        landscape = self.behind(
            clusters=[of.cluster(network="terway-eniip", container_cidr="")],
            entrance={"labels": {"service.k8s.alibaba/loadbalancer-id": "lb-1"}},
            load_balancers=[LoadBalancer(id="lb-1")],
            listeners=[
                Listener(load_balancer_id="lb-1", port=port, protocol="tcp", server_group_id="rsp-1")
                for port in (80, 443)
            ],
            group_backends=[GroupBackends("rsp-1", [Backend("x-1", 80, 100, kind)])],
        )
        if is_loud:
            refuses(landscape)
        else:
            quiet(landscape)

    def test_a_listener_that_speaks_http(self) -> None:
        settings = {"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-protocol-port": "https:443,http:80"}
        services = [of.entrance("Local", annotations=settings), of.web()]
        assert "load balancer" in str(refuses(base(self.LIST, services=services)).message)

    def test_the_list_of_the_config_map(self) -> None:
        config = [of.config_map(whitelist_source_range=OFFICE)]
        refuses(self.behind(ingresses=[of.ingress()], config_maps=config), "ConfigMap")


class TestSourceRanges:
    def test_on_a_clb_it_is_likely(self) -> None:
        services = [of.entrance(loadBalancerSourceRanges=[INSIDE]), of.web()]
        finding = one(base(services=services), "Service")
        assert (finding.severity, finding.certainty) == ("medium", "likely")

    def test_on_an_nlb(self) -> None:
        entrance = of.entrance(loadBalancerSourceRanges=[INSIDE], loadBalancerClass="alibabacloud.com/nlb")
        refuses(base(services=[entrance, of.web()]), "Service")

    def test_with_the_clients_or_of_another_service(self) -> None:
        quiet(base(services=[of.entrance(loadBalancerSourceRanges=[OFFICE]), of.web()]))
        other = of.web(type="LoadBalancer", loadBalancerSourceRanges=[INSIDE])
        quiet(base(services=[of.entrance(), other]))


class TestAlb:
    def on_alb(self, **tables: Any) -> Landscape:
        listeners = [AlbListener("lsn-1", "alb-1", 443, "HTTPS")]
        return base(clients=tables.pop("clients", (OFFICE,)), alb_listeners=listeners, **tables)

    def access(self, kind: str, *entries: str, **more: Any) -> Landscape:
        access = [AlbListenerAccess("lsn-1", kind, ["acl-1"])]
        return self.on_alb(alb_listener_access=access, alb_acls=[AlbAcl("acl-1", list(entries))], **more)

    def test_a_listener(self) -> None:
        assert refuses(self.access("White", INSIDE), "AccessControlList").subject.id == "acl-1"
        refuses(self.access("Black", "203.0.113.0/28"), "AccessControlList")

    def test_a_listener_that_lets_them_in(self) -> None:
        quiet(self.access("White", OFFICE))
        quiet(self.access("Black", INSIDE))
        quiet(self.access("Black"))

    def test_an_empty_white_list(self) -> None:
        assert one(self.access("White"), "AccessControlList").certainty is Certainty.AT_RISK

    def test_without_clients(self) -> None:
        assert one(self.access("White", INSIDE, clients=()), "AccessControlList").severity == "info"

    def test_a_rule(self) -> None:
        rule = AlbRule("rule-1", "lsn-1", source_ips=[INSIDE], group_ids=["sgp-1"])
        finding = one(self.on_alb(alb_rules=[rule]), "ListenerRule")
        assert (finding.severity, finding.certainty) == ("medium", "likely")

    def test_a_rule_of_the_conditions_of_an_ingress(self) -> None:
        name = "alb.ingress.kubernetes.io/conditions.web"
        text = '[{"type": "SourceIp", "sourceIpConfig": {"values": ["10.0.0.0/8"]}}]'
        rows = [of.ingress(annotations={name: text})]
        rule = AlbRule("rule-1", "lsn-1", source_ips=[INSIDE], group_ids=["sgp-1"])
        assert one(self.on_alb(alb_rules=[rule], ingresses=rows)).subject.path == "shop/web"

    def test_rules_that_let_them_in(self) -> None:
        quiet(self.on_alb(alb_rules=[AlbRule("rule-1", "lsn-1", source_ips=[OFFICE], group_ids=["sgp-1"])]))
        rules = [
            AlbRule("rule-1", "lsn-1", source_ips=[INSIDE], group_ids=["sgp-1"]),
            AlbRule("rule-2", "lsn-1", group_ids=["sgp-1"]),
        ]
        quiet(self.on_alb(alb_rules=rules))


class TestNotKnown:
    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
    def test_without_lists(self, table: str) -> None:
        result, findings = kit.run(CHECK, kit.without(base(), table))
        assert not findings
        of_nginx = {"ingresses", "deployments", "daemonsets", "config_maps", "services"}
        assert (result.status is Status.NOT_EVALUATED) == (table in of_nginx | {"alb_rules", "alb_listener_access"})

    @pytest.mark.parametrize("table", ["config_maps", "services"])
    def test_a_list_that_refuses_them_by_their_own_address(self, table: str) -> None:
        result, (finding,) = kit.run(CHECK, kit.without(base({"whitelist-source-range": INSIDE}), table))
        assert finding.certainty is Certainty.LIKELY
        assert result.reasons

    def test_the_nodes_behind_policy_cluster(self) -> None:
        services = [of.entrance("Cluster"), of.web()]
        landscape = base({"whitelist-source-range": OFFICE}, services=services)
        kit.is_not_evaluated(CHECK, kit.without(landscape, "nodes"))
        kit.is_not_evaluated(CHECK, kit.without(landscape, "clusters"))

    def test_entries_of_an_alb(self) -> None:
        access = [AlbListenerAccess("lsn-1", "White", ["acl-1"])]
        landscape = base(alb_listener_access=access, alb_acls=Table("alb_acls", [AlbAcl("acl-1", [OFFICE])]))
        kit.is_not_evaluated(CHECK, kit.without(landscape, "alb_acls"))

    def test_nothing_of_the_kind_is_installed(self) -> None:
        kit.stays_quiet(CHECK, base(deployments=[], ingresses=[]), Status.NOT_APPLICABLE)
