"""Load balancers that nodes without a Pod behind them can't reach."""

from typing import Any, ClassVar

import msgspec
import pytest

from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.observations import AddressMention
from auditor.facts.kubernetes.probes import TcpProbe
from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make
from tests.checks.network import ingresses as of

CHECK = "network/lb-unreachable-inside-cluster"
IP = "192.168.9.9"
HOST = "shop.example.com"


def proxy_config(text: str = "mode: ipvs\n", key: str = "kube-system/kube-proxy-worker") -> ConfigMap:
    namespace, _, name = key.partition("/")
    data = {"metadata": make.meta(name, namespace), "data": {"config.conf": text}}
    return msgspec.convert(data, ConfigMap)


def mention(
    address: str = IP, place: str = "env URL of container app", kind: str = "Deployment", name: str = "shop/app"
) -> AddressMention:
    namespace, _, short = name.partition("/")
    return AddressMention(kind, namespace, short, place, address)


def base(policy: str = "Local", *, endpoints: tuple[str, ...] = ("n1",), **tables: Any) -> Landscape:
    ready = [{"addresses": [f"172.20.{i}.9"], "nodeName": name} for i, name in enumerate(endpoints)]
    published = tables.pop("published", [{"ip": IP}])
    service = make.service(
        "shop/api",
        type="LoadBalancer",
        externalTrafficPolicy=policy,
        selector={"app": "api"},
        ingress=published,
        **tables.pop("service", {}),
    )
    given: dict[str, Any] = {
        "services": [service],
        "endpoint_slices": [make.endpoint_slice("shop/api", ready)],
        "nodes": [make.node("n1"), make.node("n2"), make.node("n3")],
        "config_maps": [proxy_config()],
        **tables,
    }
    return of.landscape(**given)


def one(landscape: Landscape, subject: str = "shop/api") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, subject)
    assert [hop.ref.path for hop in finding.trail if hop.state == "broken"] == [subject]
    return finding


class TestFinds:
    def test_by_default_it_is_noted(self) -> None:
        finding = one(base())
        assert (finding.severity, finding.certainty) == ("info", "confirmed")
        assert finding.evidence["nodes"] == ["n2", "n3"]
        assert finding.evidence["nodes_without_endpoint"] == 2

    @pytest.mark.parametrize(
        "used",
        [
            mention(),
            mention(place="args of container app"),
            mention(place="hostAliases"),
            mention(place="data app.yaml", kind="ConfigMap"),
            mention(place="externalName", kind="Service"),
            mention(place="env URL of container job", kind="CronJob"),
        ],
    )
    def test_something_inside_names_the_address(self, used: AddressMention) -> None:
        finding = one(base(address_mentions=[used, mention("10.9.9.9")]))
        assert (finding.severity, finding.certainty) == ("medium", "confirmed")
        assert [ref.path for ref in finding.affected] == [used.ref.path]
        assert used.ref.path in str(finding.message)

    def test_an_endpoint_that_is_not_ready_is_none(self) -> None:
        slices = [
            make.endpoint_slice(
                "shop/api",
                [
                    {"addresses": ["172.20.0.9"], "nodeName": "n1"},
                    {"addresses": ["172.20.0.8"], "nodeName": "n2", "conditions": {"ready": False}},
                    {"addresses": ["172.20.0.7"], "nodeName": "n3"},
                ],
            )
        ]
        assert one(base(endpoint_slices=slices)).evidence["nodes"] == ["n2"]

    def test_an_address_beside_a_host_name(self) -> None:
        one(base(published=[{"ip": IP, "hostname": "api.example.com"}]))
        one(base(published=[{"hostname": "api.example.com"}, {"ip": IP, "ipMode": "VIP"}]))

    @pytest.mark.parametrize("text", ["mode: iptables\n", 'mode: ""\n', "mode: nftables\n"])
    def test_another_mode_is_likely(self, text: str) -> None:
        clusters = [of.cluster(proxy_mode="iptables")]
        finding = one(base(config_maps=[proxy_config(text)], clusters=clusters, address_mentions=[mention()]))
        assert (finding.severity, finding.certainty) == ("medium", "likely")

    def test_a_kube_proxy_that_knows_the_pods_may_redirect_them(self) -> None:
        config = [proxy_config("clusterCIDR: 172.20.0.0/16\nmode: iptables\n")]
        clusters = [of.cluster(proxy_mode="iptables")]
        finding = one(base(config_maps=config, clusters=clusters, address_mentions=[mention()]))
        assert (finding.severity, finding.certainty) == ("medium", "likely")
        assert "iptables" in str(finding.why)
        assert one(base(config_maps=config, clusters=clusters)).severity == "info"

    @pytest.mark.parametrize("text", ["", 'mode: ""\n', "mode: ''\n", "mode:\nipvs:\n  scheduler: rr\n"])
    def test_settings_without_a_mode_mean_iptables(self, text: str) -> None:
        config = [proxy_config(f"kind: KubeProxyConfiguration\n{text}")]
        finding = one(base(config_maps=config, clusters=[of.cluster(proxy_mode=None)]))
        assert finding.evidence["proxy_mode"] == "iptables"
        assert finding.certainty == "likely"

    def test_the_two_sides_say_different_modes(self) -> None:
        assert one(base(clusters=[of.cluster(proxy_mode="iptables")])).certainty == "likely"


class TestQuiet:
    @pytest.mark.parametrize(
        "published",
        [
            [],
            [{"hostname": "nlb-1.cn-hangzhou.nlb.aliyuncs.com"}],
            [{"ip": IP, "ipMode": "Proxy"}],
            [{"ip": IP, "ipMode": "proxy"}, {"hostname": "api.example.com"}],
        ],
    )
    def test_kube_proxy_does_not_take_it_over(self, published: list[dict[str, str]]) -> None:
        landscape = base(published=published, address_mentions=[mention()])
        kit.stays_quiet(CHECK, landscape, Status.NOT_APPLICABLE)

    def test_policy_cluster(self) -> None:
        kit.stays_quiet(CHECK, base("Cluster"), Status.NOT_APPLICABLE)

    def test_every_node_has_an_endpoint(self) -> None:
        kit.stays_quiet(CHECK, base(endpoints=("n1", "n2", "n3")))

    def test_virtual_nodes_have_no_kube_proxy(self) -> None:
        nodes = [make.node("n1"), make.node("v1", labels={"type": "virtual-kubelet"})]
        kit.stays_quiet(CHECK, base(nodes=nodes))

    def test_no_endpoint_at_all_is_for_another_check(self) -> None:
        kit.stays_quiet(CHECK, base(endpoints=()), Status.NOT_APPLICABLE)

    def test_data_path_v2(self) -> None:
        config = proxy_config('{"eniip_virtual_type": "datapathv2"}', "kube-system/eni-config")
        clusters = [of.cluster(network="terway-eniip", container_cidr="")]
        kit.stays_quiet(CHECK, base(config_maps=[proxy_config(), config], clusters=clusters), Status.NOT_APPLICABLE)

    def test_pods_behind_the_service_itself(self) -> None:
        own = of.workload("shop/app", image="x:1", labels={"app": "api"})
        assert one(base(deployments=[own], address_mentions=[mention()])).severity == "info"
        other = of.workload("shop/app", image="x:1", labels={"app": "app"})
        assert one(base(deployments=[other], address_mentions=[mention()])).severity == "medium"


class TestTries:
    """The probe tcp tells something where the auditor runs on a node without a Pod of the Service."""

    IPTABLES: ClassVar[dict[str, Any]] = {
        "config_maps": [proxy_config("clusterCIDR: 172.20.0.0/16\nmode: iptables\n")],
        "clusters": [of.cluster(proxy_mode="iptables")],
    }

    def tried(self, outcome: str, source: str = "172.20.2.7", position: str = "cluster", **tables: Any) -> Landscape:
        row = TcpProbe(IP, 80, outcome, position, source)
        nodes = [make.node(f"n{i}", ip=f"192.168.0.{i}") for i in (1, 2, 3)]
        pods = [
            make.pod("ops/auditor", "n2", status={"podIP": "172.20.2.7"}),
            make.pod("shop/old", "n1", status={"podIP": "172.20.2.7", "phase": "Succeeded"}),
            make.pod("ops/beside", "n1", status={"podIP": "172.20.1.7"}),
        ]
        return base(tcp_probes=Table("tcp_probes", [row], asked=[row.key]), nodes=nodes, pods=pods, **tables)

    @pytest.mark.parametrize("source", ["172.20.2.7", "192.168.0.2"])
    @pytest.mark.parametrize("outcome", ["refused", "timeout"])
    def test_one_that_fails(self, outcome: str, source: str) -> None:
        finding = one(self.tried(outcome, source))
        assert (finding.severity, finding.certainty) == ("medium", "confirmed")
        assert finding.evidence["tried_on"] == "n2"
        assert outcome in str(finding.message)

    def test_it_makes_sure_of_another_mode(self) -> None:
        finding = one(self.tried("timeout", **self.IPTABLES))
        assert (finding.severity, finding.certainty) == ("medium", "confirmed")

    def test_refused_in_another_mode_is_by_the_pod(self) -> None:
        finding = one(self.tried("refused", **self.IPTABLES))
        assert (finding.severity, finding.certainty) == ("info", "likely")

    @pytest.mark.parametrize("position", ["cluster", "vpc"])
    def test_one_that_connects(self, position: str) -> None:
        used = [mention()]
        kit.stays_quiet(CHECK, self.tried("ok", "192.168.0.2", position, address_mentions=used, **self.IPTABLES))
        kit.stays_quiet(CHECK, self.tried("ok", "192.168.0.2", position, address_mentions=used))

    @pytest.mark.parametrize(
        ("source", "position"),
        [
            pytest.param("192.168.0.2", "elsewhere", id="from elsewhere"),
            pytest.param("192.168.0.99", "vpc", id="from another machine of the VPC"),
            pytest.param("172.20.1.7", "cluster", id="from a node with a Pod of the Service"),
            pytest.param("172.20.9.9", "cluster", id="from nobody knows which node"),
            pytest.param("", "cluster", id="no way led there"),
        ],
    )
    @pytest.mark.parametrize("outcome", ["ok", "refused", "timeout"])
    def test_one_that_tells_nothing(self, outcome: str, source: str, position: str) -> None:
        assert one(self.tried(outcome, source, position)).severity == "info"

    def test_no_way_to_the_address(self) -> None:
        assert one(self.tried("unreachable")).severity == "info"

    @pytest.mark.parametrize("table", ["tcp_probes", "pods"])
    def test_without_it_the_rule_decides(self, table: str) -> None:
        result, (finding,) = kit.run(CHECK, kit.without(self.tried("timeout"), table))
        assert finding.severity == "info"
        assert not result.reasons


class TestIngress:
    def behind(self, *mentions: AddressMention, corefile: str = "", **more: Any) -> Landscape:
        entrance = of.entrance()
        slices = [make.endpoint_slice(of.ENTRANCE, [{"addresses": ["172.20.0.5"], "nodeName": "n1"}])]
        coredns = proxy_config(corefile, "kube-system/coredns")
        given: dict[str, Any] = {
            "services": [entrance],
            "endpoint_slices": slices,
            "ingresses": [of.ingress()],
            "address_mentions": mentions,
            "config_maps": [proxy_config(), coredns],
            **more,
        }
        return base(**given)

    def test_the_ingresses_are_named(self) -> None:
        finding = one(self.behind(), of.ENTRANCE)
        assert finding.severity == "info"
        assert finding.evidence["ingresses"] == ["shop/web"]

    def test_a_host_is_used(self) -> None:
        finding = one(self.behind(mention(HOST)), of.ENTRANCE)
        assert finding.severity == "medium"
        assert HOST in str(finding.message)

    def test_by_the_published_address_alone(self) -> None:
        rows = [of.ingress(class_name="edge", published="203.0.113.10")]
        assert one(self.behind(mention(HOST), ingresses=rows, deployments=[]), of.ENTRANCE).severity == "medium"

    def test_a_host_behind_another_controller(self) -> None:
        rows = [of.ingress(class_name="edge", published="198.51.100.9")]
        assert one(self.behind(mention(HOST), ingresses=rows), of.ENTRANCE).severity == "info"

    @pytest.mark.parametrize(
        "corefile",
        [
            f"rewrite name {HOST} nginx-ingress-lb.kube-system.svc.cluster.local",
            f"hosts {{\n  172.21.2.81 {HOST}\n}}",
        ],
    )
    def test_the_name_server_leads_it_to_the_service(self, corefile: str) -> None:
        assert one(self.behind(mention(HOST), corefile=corefile), of.ENTRANCE).severity == "info"

    def test_the_name_server_leads_another_host(self) -> None:
        corefile = f"rewrite name www.{HOST}.cn nginx-ingress-lb.kube-system.svc.cluster.local"
        assert one(self.behind(mention(HOST), corefile=corefile), of.ENTRANCE).severity == "medium"

    def test_the_settings_of_the_name_server_are_no_use(self) -> None:
        own = mention(HOST, "data Corefile", "ConfigMap", "kube-system/coredns-custom")
        assert one(self.behind(own), of.ENTRANCE).severity == "info"

    def test_host_aliases_to_elsewhere(self) -> None:
        aliased = mention(HOST, "hostAliases")
        assert one(self.behind(aliased, mention(HOST)), of.ENTRANCE).severity == "info"
        to_it = mention("203.0.113.10", "hostAliases")
        assert one(self.behind(aliased, to_it), of.ENTRANCE).severity == "medium"
        other = mention(HOST, name="shop/other")
        assert [ref.name for ref in one(self.behind(aliased, other), of.ENTRANCE).affected] == ["other"]


class TestNotKnown:
    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
    def test_every_node_has_one(self, table: str) -> None:
        result, findings = kit.run(CHECK, kit.without(base(endpoints=("n1", "n2", "n3")), table))
        assert not findings
        needed = {"services", "endpoint_slices", "nodes"}
        assert (result.status is Status.NOT_EVALUATED) == (table in needed)

    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK) - {"services", "endpoint_slices", "nodes"}))
    def test_it_is_noted_all_the_same(self, table: str) -> None:
        result, findings = kit.run(CHECK, kit.without(base(), table))
        assert [finding.severity for finding in findings] == ["info"]
        assert bool(result.reasons) == (table in {"address_mentions", "ingresses"})

    @pytest.mark.parametrize("table", ["services", "endpoint_slices", "nodes"])
    def test_what_it_rests_on(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(), table))

    def test_both_sides_of_the_mode(self) -> None:
        landscape = kit.without(kit.without(base(address_mentions=[mention()]), "clusters"), "config_maps")
        result, findings = kit.run(CHECK, landscape)
        assert not findings  # it may be Terway's DataPath V2
        assert result.status is Status.NOT_EVALUATED

    def test_who_makes_the_pods(self) -> None:
        landscape = kit.without(base(address_mentions=[mention()]), "deployments")
        result, (finding,) = kit.run(CHECK, landscape)
        assert finding.severity == "info"
        assert result.reasons

    def test_one_node(self) -> None:
        result, (finding,) = kit.run(CHECK, kit.without_rows(base(), "nodes", "n2"))
        assert finding.evidence["nodes"] == ["n3"]
        assert result.reasons
