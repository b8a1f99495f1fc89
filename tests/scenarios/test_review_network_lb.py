"""Further forms and look-alikes of the faults of load balancers, planted on both sides."""

import pytest

from auditor.collect.kubernetes import tcp
from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Severity
from tests.scenarios.access import INSTANCE_K, NODE_K, OWN, SHARED, put
from tests.scenarios.balancers import MASTER, broken, env, leaving, terway, virtual
from tests.scenarios.ingresses import (
    ADDRESS,
    CONFIG_MAPS,
    ENTRANCE,
    HOST,
    PODS,
    SERVICES,
    SYSTEM,
    Json,
    Plant,
    add_ingress,
    audited,
    entrance,
    local,
    looked_at,
    patch,
    scene,
)
from tests.scenarios.kit import Report, Scene

INSIDE = "network/lb-unreachable-inside-cluster"
LISTS = "network/lb-acl-blocks-clients"
EGRESS = "network/node-egress-blocks-lb"
OFFICE = "198.51.100.0/24"
ELSEWHERE = "10.0.0.0/8"
BALANCER = "lb-bp1qivht16qrbpfnz1a1c"
ACL_PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-"


def kube_proxy(*, settings: str = "mode: ipvs", described: str = "ipvs") -> Plant:
    """Change what names the mode of kube-proxy: its ConfigMap, and the cluster's description."""

    def plant(made: Scene) -> None:
        cs = made.cloud.state.cs
        cs.clusters[cs.cluster_id]["proxy_mode"] = described
        row = made.kubernetes.objects.get(CONFIG_MAPS, "kube-proxy-worker", SYSTEM)
        assert row is not None
        row["data"]["config.conf"] = row["data"]["config.conf"].replace("mode: ipvs", settings)

    return plant


def no_settings(made: Scene) -> None:
    made.kubernetes.remove(CONFIG_MAPS, "kube-proxy-worker", SYSTEM)


class TestInside:
    """N1 and N4."""

    @pytest.mark.parametrize(
        ("plant", "certainty"),
        [
            pytest.param(kube_proxy(), "confirmed", id="ipvs"),
            pytest.param(no_settings, "confirmed", id="ipvs, by the cluster's description"),
            pytest.param(kube_proxy(described="iptables"), "likely", id="both are named"),
            pytest.param(kube_proxy(settings="mode: iptables", described="iptables"), "likely", id="iptables"),
            pytest.param(kube_proxy(settings='mode: ""'), "likely", id="the default mode"),
        ],
    )
    def test_modes(self, plant: Plant, certainty: str) -> None:
        finding = audited(INSIDE, local, env(ADDRESS), plant).loud_one
        assert (finding.severity, finding.certainty) == ("medium", certainty)
        assert audited(INSIDE, local, plant).one.severity is Severity.INFO

    @pytest.mark.parametrize(
        ("path", "row"),
        [
            pytest.param(
                PODS,
                {
                    "spec": {
                        "containers": [{"name": "a", "image": "a", "command": ["sh", "-c", f"curl http://{HOST}/"]}]
                    }
                },
                id="Pod without an owner",
            ),
            pytest.param(
                "/apis/batch/v1/cronjobs",
                {
                    "spec": {
                        "schedule": "@daily",
                        "jobTemplate": {
                            "spec": {
                                "template": {
                                    "spec": {"containers": [{"name": "a", "image": "a", "args": [f"http://{ADDRESS}"]}]}
                                }
                            }
                        },
                    }
                },
                id="CronJob",
            ),
        ],
    )
    def test_other_users(self, path: str, row: Json) -> None:
        made = scene(local)
        made.kubernetes.add(path, {"metadata": {"name": "nightly", "namespace": "shop"}, "status": {}, **row})
        finding = looked_at(made, INSIDE).is_confirmed("Service", ENTRANCE)
        assert [ref.path for ref in finding.affected] == ["shop/nightly"]
        assert "shop/nightly" in str(finding.message)

    def test_a_host_with_a_wildcard(self) -> None:
        plants = [add_ingress("wild", host="*.wild.example.com"), env("https://a.wild.example.com")]
        audited(INSIDE, local, *plants).is_confirmed("Service", ENTRANCE)
        assert not audited(INSIDE, local, plants[0], env("https://a.b.wild.example.com")).loud

    def test_a_master_of_a_dedicated_cluster_has_no_pod_either(self) -> None:
        finding = audited(INSIDE, MASTER).one
        assert finding.subject.path == "logging/syslog-gateway"
        assert finding.evidence["nodes"] == ["master-1"]

    def test_a_virtual_node_has_no_kube_proxy(self) -> None:
        report = audited(INSIDE, virtual)
        report.is_quiet()
        assert not report.findings

    def test_a_service_that_is_deleted(self) -> None:
        assert not audited(INSIDE, local, env(ADDRESS), leaving(SERVICES, ENTRANCE, SYSTEM)).findings

    @pytest.mark.parametrize("denied", ["get configmaps", "cs:DescribeClusterDetail"])
    def test_one_side_is_enough_for_the_mode(self, denied: str) -> None:
        made = scene(local, env(ADDRESS))
        if ":" in denied:
            made.cloud.deny(denied)
        else:
            made.kubernetes.deny(denied)
        report = looked_at(made, INSIDE)
        report.is_confirmed("Service", ENTRANCE)
        assert not report.missing

    @pytest.mark.parametrize("denied", ["list cronjobs.batch", "list configmaps", "list statefulsets.apps"])
    def test_users_that_may_be_missing_do_not_matter_where_there_is_one(self, denied: str) -> None:
        made = scene(local, env(ADDRESS))
        made.kubernetes.deny(denied)
        report = looked_at(made, INSIDE)
        report.is_confirmed("Service", ENTRANCE)
        assert not report.missing
        made = scene(local)
        made.kubernetes.deny(denied)
        report = looked_at(made, INSIDE)
        report.is_open(ReasonKind.FORBIDDEN, denied)
        assert report.one.severity is Severity.INFO


class TestTries:
    """The probe ``tcp``, made on the node at 192.168.2.43, which has no Pod of the Ingress controller."""

    @pytest.fixture(params=["ok", "refused", "timeout"])
    def outcome(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        def dial(_: object) -> None:
            if request.param == "refused":
                raise ConnectionRefusedError(111, "Connection refused")
            if request.param == "timeout":
                raise TimeoutError

        monkeypatch.setattr(tcp, "dial", dial)
        outcome: str = request.param
        return outcome

    def stands_at(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        monkeypatch.setattr(tcp, "source_for", lambda _: address)

    def probed(self, *plants: Plant, probes: tuple[str, ...] = ("tcp",)) -> Report:
        made = Scene(probes=probes)
        for plant in plants:
            plant(made)
        return made.audit(INSIDE)

    def test_on_a_node_without_a_pod(self, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stands_at(monkeypatch, "192.168.2.43")
        report = self.probed(local)
        if outcome == "ok":
            assert not report.findings
            assert not report.reasons
        else:
            finding = report.is_confirmed("Service", ENTRANCE)
            assert (finding.severity, finding.evidence["tried_on"]) == (Severity.MEDIUM, NODE_K)

    @pytest.mark.parametrize("address", ["192.168.2.99", "8.8.8.8", "192.168.0.41"])
    def test_from_elsewhere_it_tells_nothing(self, outcome: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """From another machine of the VPC, from outside, and from a node with a Pod of the controller."""
        self.stands_at(monkeypatch, address)
        report = self.probed(local)
        assert report.one.severity is Severity.INFO, outcome
        assert not report.reasons

    def test_a_use_that_works(self, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stands_at(monkeypatch, "192.168.2.43")
        assert bool(self.probed(local, env(ADDRESS)).loud) == (outcome != "ok")

    def test_switched_off(self, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stands_at(monkeypatch, "192.168.2.43")
        report = self.probed(local, probes=())
        assert report.one.severity is Severity.INFO, outcome
        assert not report.reasons


def with_list(made: Scene, kind: str, *entries: str, ports: tuple[int, ...] = (443,)) -> None:
    """Restrict listeners of the Ingress controller's CLB by a list."""
    slb = made.cloud.state.slb
    slb.add_acl("acl-own", "own", entries)
    for port in ports:
        slb.listeners[f"{BALANCER}/{port}/tcp"].update(
            AclStatus="on", AclType=kind, AclId="acl-own", AclIds=["acl-own"]
        )


class TestAccessLists:
    """N2."""

    def restricted(self, kind: str, *entries: str, ports: tuple[int, ...] = (443,)) -> Plant:
        return lambda made: with_list(made, kind, *entries, ports=ports)

    def test_two_listeners_with_one_list_are_one_finding(self) -> None:
        report = audited(LISTS, self.restricted("white", ELSEWHERE, ports=(80, 443)))
        report.is_confirmed("Service", ENTRANCE)
        assert broken(report) == ["acl-own"]

    def test_an_empty_white_list_of_two_listeners_is_one_finding(self) -> None:
        finding = audited(LISTS, self.restricted("white", ports=(80, 443))).loud_one
        assert finding.severity is Severity.MEDIUM
        assert finding.evidence["listeners"] == ["tcp/80", "tcp/443"]

    @pytest.mark.parametrize(("wanted", "actual"), [("on", "off"), ("off", "on")])
    def test_an_annotation_that_was_not_carried_out_is_one_finding(self, wanted: str, actual: str) -> None:
        made = scene()
        names = {f"{ACL_PREFIX}status": wanted, f"{ACL_PREFIX}id": "acl-own", f"{ACL_PREFIX}type": "white"}
        patch(SERVICES, ENTRANCE, lambda row: row["metadata"]["annotations"].update(names), SYSTEM)(made)
        if actual == "on":
            with_list(made, "white", "0.0.0.0/0", ports=(80, 443))
        report = looked_at(made, LISTS)
        finding = report.loud_one
        assert (finding.severity, finding.subject.name) == (Severity.LOW, ENTRANCE)
        assert len(broken(report)) == 2

    def test_the_cure_of_each_kind_of_list(self) -> None:
        black = audited(LISTS, self.restricted("black", "192.168.2.0/24")).is_confirmed("Service", ENTRANCE)
        assert any("RemoveAccessControlListEntry" in one.command for one in black.remedy)
        white = audited(LISTS, self.restricted("white", ELSEWHERE)).is_confirmed("Service", ENTRANCE)
        assert any("AddAccessControlListEntry" in one.command for one in white.remedy)

    @pytest.mark.parametrize(
        ("entry", "clients", "is_loud"),
        [
            ("2408:4000::/32", (), False),
            ("2408:4000::/32", (OFFICE,), False),
            ("2408:4000::/32", ("2408:4000:7::/48",), False),
            ("2408:4000::/32", ("2409:8000::/32",), True),
        ],
    )
    def test_a_clb_of_ipv6_meets_no_caller_of_ipv4(
        self, entry: str, clients: tuple[str, ...], *, is_loud: bool
    ) -> None:
        made = scene(self.restricted("white", entry), clients=clients)
        made.cloud.state.slb.load_balancers[BALANCER].update(Address="2408:4001::7", AddressIPVersion="ipv6")
        report = looked_at(made, LISTS)
        assert bool(report.loud) == is_loud
        if is_loud:
            assert report.loud_one.evidence["refused_nodes_count"] == 0

    @pytest.mark.parametrize(
        "plants",
        [
            pytest.param([leaving(SERVICES, ENTRANCE, SYSTEM)], id="being deleted"),
            pytest.param([entrance(type="NodePort")], id="no load balancer any more"),
            pytest.param([entrance(loadBalancerClass="example.com/other")], id="of another controller"),
        ],
    )
    def test_services_that_are_not_its_business(self, plants: list[Plant]) -> None:
        report = audited(LISTS, self.restricted("white", ELSEWHERE), *plants)
        report.is_quiet()
        assert not report.findings

    def test_a_load_balancer_of_somebody_else_in_the_vpc(self) -> None:
        made = scene()
        slb = made.cloud.state.slb
        slb.add_load_balancer("lb-bp1foreign", Address="192.168.0.99")
        slb.add_acl("acl-foreign", "foreign", [ELSEWHERE])
        listener = slb.add_listener("lb-bp1foreign", 80, "tcp")
        listener.update(AclStatus="on", AclType="white", AclId="acl-foreign", AclIds=["acl-foreign"])
        looked_at(made, LISTS).is_quiet()

    def test_the_address_of_a_virtual_node_calls_nobody(self) -> None:
        audited(LISTS, virtual, self.restricted("white", "192.168.0.0/16", "172.20.0.0/16")).is_quiet()

    @pytest.mark.parametrize("denied", ["list nodes", "list pods"])
    def test_one_kind_of_callers_is_not_known(self, denied: str) -> None:
        made = scene(self.restricted("white", ELSEWHERE))
        made.kubernetes.deny(denied)
        report = looked_at(made, LISTS)
        report.is_confirmed("Service", ENTRANCE)
        assert report.missing == {denied}
        made = scene(self.restricted("white", "192.168.0.0/16", "172.20.0.0/16"))
        made.kubernetes.deny(denied)
        looked_at(made, LISTS).is_open(ReasonKind.FORBIDDEN, denied)


WEB = {"IpProtocol": "TCP", "PortRange": "443/443", "Policy": "Drop", "Priority": "1", "DestCidrIp": "203.0.113.0/24"}


class TestOutbound:
    """N3."""

    def dropping(self, *rules: Json) -> Plant:
        def plant(made: Scene) -> None:
            for rule in rules:
                made.cloud.state.ecs.add_rule(SHARED, "egress", **rule)

        return plant

    def test_two_rules_of_a_group_are_one_finding_that_names_both(self) -> None:
        api = {**WEB, "PortRange": "6443/6443", "DestCidrIp": "192.168.0.0/16"}
        finding = audited(EGRESS, self.dropping(WEB, api)).is_confirmed("SecurityGroup", SHARED)
        rules = str(finding.evidence["deciding_rule"]).split(", ")
        assert len(rules) == 2
        assert all(any(rule in one.command for one in finding.remedy) for rule in rules)

    def test_the_network_acl_of_the_pods_vswitch(self) -> None:
        anything = [{"Policy": "accept"}]
        shut = [{"Policy": "drop", "DestinationCidrIp": "203.0.113.0/24"}, *anything]
        finding = audited(EGRESS, terway(acl=(anything, shut))).is_confirmed("NetworkAcl", "nacl-pods")
        assert finding.evidence["vswitch"] == "vsw-pods"
        audited(EGRESS, terway(acl=(anything, anything))).is_quiet()

    def test_the_group_of_the_pods(self) -> None:
        audited(EGRESS, terway({"direction": "egress", **WEB})).is_confirmed("SecurityGroup", "sg-pods")

    def test_a_load_balancer_that_is_about_to_go(self) -> None:
        only = {**WEB, "DestCidrIp": f"{ADDRESS}/32"}
        audited(EGRESS, self.dropping(only)).is_confirmed("SecurityGroup", SHARED)
        audited(EGRESS, self.dropping(only), leaving(SERVICES, ENTRANCE, SYSTEM)).is_quiet()

    def test_a_load_balancer_of_somebody_else(self) -> None:
        made = scene(self.dropping({**WEB, "PortRange": "1/65535", "DestCidrIp": "192.168.0.99/32"}))
        made.cloud.state.slb.add_load_balancer("lb-bp1foreign", Address="192.168.0.99")
        looked_at(made, EGRESS).is_quiet()

    def test_only_the_nodes_of_one_pool(self) -> None:
        made = scene()
        made.cloud.state.ecs.add_security_group(OWN)
        made.cloud.state.ecs.add_rule(OWN, "egress", **WEB)
        put(made, OWN, instances=(INSTANCE_K,))
        finding = looked_at(made, EGRESS).is_confirmed("SecurityGroup", OWN)
        assert [ref.path for ref in finding.affected] == [NODE_K]

    def test_virtual_nodes_have_no_interface(self) -> None:
        report = audited(EGRESS, virtual)
        report.is_quiet()
        assert report.result.subjects == 8

    @pytest.mark.parametrize(
        ("action", "is_found"),
        [
            ("ecs:DescribeNetworkInterfaces", False),
            ("vpc:DescribeVSwitches", True),
            ("ecs:DescribeSecurityGroupAttribute", False),
            ("cs:DescribeClusterDetail", True),
        ],
    )
    def test_without_an_action(self, action: str, *, is_found: bool) -> None:
        """What is known of the nodes' own group decides; the group of Pods is only known by its interfaces."""
        made = scene(self.dropping(WEB)) if is_found else scene(terway({"direction": "egress", **WEB}))
        made.cloud.deny(action)
        report = looked_at(made, EGRESS)
        assert bool(report.loud) == is_found
        assert report.missing == {action}

    @pytest.mark.parametrize("probes", [(), ("tcp",)])
    def test_a_try_to_connect_decides_nothing(self, probes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        """What kube-proxy takes over never passes these rules: that it connects is no proof that they let it out."""
        monkeypatch.setattr(tcp, "dial", lambda _: None)
        monkeypatch.setattr(tcp, "source_for", lambda _: "192.168.2.43")
        made = Scene(probes=probes)
        self.dropping(WEB)(made)
        made.audit(EGRESS).is_confirmed("SecurityGroup", SHARED)
