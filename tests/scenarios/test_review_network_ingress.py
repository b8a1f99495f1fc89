"""Further forms and look-alikes of the faults of Ingresses, planted on both sides."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.scenarios.access import OWN, VSWITCH_H, VSWITCH_I, VSWITCH_K, put
from tests.scenarios.balancers import LEAVING, MASTER, broken, terway, virtual
from tests.scenarios.ingresses import (
    CONTROLLER,
    DEPLOYMENTS,
    HOST,
    PODS,
    SERVICES,
    SLICES,
    SYSTEM,
    Json,
    Plant,
    add_ingress,
    annotate,
    audited,
    controller_pods,
    local,
    log,
    looked_at,
    of_class,
    on_alb,
    on_shop,
    scene,
    settings,
    to,
)
from tests.scenarios.kit import Scene

PODS_IN = "network/ingress-node-blocks-pods"
ALLOWED = "network/ingress-allowlist-blocks-clients"
CONFIG = "network/ingress-config-invalid"
OFFICE = "198.51.100.0/24"
ELSEWHERE = "10.0.0.0/8"
VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
SHOP = "shop/storefront"


def accept(ports: str = "1/65535", source: str = "172.20.0.0/16", **more: Any) -> Json:
    rule = {"IpProtocol": "TCP", "PortRange": ports, "Policy": "Accept", "Priority": "1", "SourceCidrIp": source}
    return {**rule, **more}


class TestPodsIn:
    """N5."""

    def grouped(self, *rules: Json) -> Plant:
        def plant(made: Scene) -> None:
            made.cloud.state.ecs.add_security_group(OWN)
            for rule in rules:
                made.cloud.state.ecs.add_rule(OWN, "ingress", **rule)
            put(made, OWN)

        return plant

    @pytest.mark.parametrize("source", ["172.20.0.0/22", "172.20.0.0/17", "172.20.2.0/23"])
    def test_a_part_of_the_range_is_refused(self, source: str) -> None:
        report = audited(PODS_IN, self.grouped(accept(source=source)))
        assert report.is_confirmed("SecurityGroup", OWN).severity is Severity.HIGH
        assert broken(report) == [OWN]

    def test_a_rule_and_the_default_are_one_finding_that_names_both(self) -> None:
        rules = [accept("443/443", Policy="Drop"), accept("80/443", Priority="2")]
        finding = audited(PODS_IN, self.grouped(*rules)).is_confirmed("SecurityGroup", OWN)
        assert str(finding.evidence["deciding_rule"]).endswith(", default")
        assert finding.evidence["ports"] == ["443", "8443"]

    def test_a_controller_that_is_a_daemonset(self) -> None:
        made = scene(self.grouped())
        row = made.kubernetes.objects.get(DEPLOYMENTS, CONTROLLER, SYSTEM)
        assert row is not None
        made.kubernetes.remove(DEPLOYMENTS, CONTROLLER, SYSTEM)
        spec = {key: row["spec"][key] for key in ("selector", "template")}
        made.kubernetes.add("/apis/apps/v1/daemonsets", {"metadata": row["metadata"], "spec": spec, "status": {}})
        looked_at(made, PODS_IN).is_confirmed("SecurityGroup", OWN)

    def test_terway(self) -> None:
        audited(PODS_IN, terway()).is_quiet()  # a basic group is open to its own members
        drop = {"direction": "ingress", **accept(source="10.20.0.0/16", Policy="Drop")}

        def closed(made: Scene) -> None:
            made.cloud.state.ecs.security_groups["sg-pods"]["InnerAccessPolicy"] = "Drop"

        audited(PODS_IN, terway(drop), closed).is_confirmed("SecurityGroup", "sg-pods")

    def test_the_answers(self) -> None:
        made = scene()
        shut = [{"Policy": "accept", "Protocol": "tcp", "Port": "1/1024"}]
        made.cloud.state.vpc.add_network_acl("nacl-1", [VSWITCH_H, VSWITCH_I], [{"Policy": "accept"}], shut)
        finding = looked_at(made, PODS_IN).is_confirmed("NetworkAcl", "nacl-1")
        assert "answers" in str(finding.message)

    def test_a_network_acl_of_other_nodes(self) -> None:
        made = scene()
        made.cloud.state.vpc.add_network_acl("nacl-1", [VSWITCH_K], [], [])
        looked_at(made, PODS_IN).is_quiet()


class TestAllowed:
    """N6."""

    WORKERS = "192.168.0.0/24,192.168.1.0/24,192.168.2.0/24"

    @pytest.mark.parametrize("node", [MASTER, virtual])
    def test_no_request_comes_by_way_of_it(self, node: Plant) -> None:
        report = audited(ALLOWED, node, annotate(whitelist_source_range=self.WORKERS), clients=(OFFICE,))
        report.is_quiet()
        assert not report.findings

    def test_a_part_of_the_nodes(self) -> None:
        report = audited(ALLOWED, annotate(whitelist_source_range="192.168.0.0/24"), clients=(OFFICE,))
        finding = report.is_confirmed("Ingress", SHOP)
        assert "everybody" not in str(finding.message)
        assert "192.168.2.43" in str(finding.message)

    def test_both_names_of_the_white_list(self) -> None:
        """The newer name counts."""
        both = annotate(whitelist_source_range=ELSEWHERE, allowlist_source_range=OFFICE)
        assert not audited(ALLOWED, local, both, clients=(OFFICE,)).findings

    def test_what_is_deleted_holds_no_list_and_needs_none(self) -> None:
        gone = on_shop(lambda row: row["metadata"].update(LEAVING))
        plants = [local, annotate(whitelist_source_range=ELSEWHERE), gone]
        assert not audited(ALLOWED, *plants, clients=(OFFICE,)).findings
        report = audited(ALLOWED, local, settings(whitelist_source_range=ELSEWHERE), gone, clients=(OFFICE,))
        assert SHOP not in [ref.path for ref in report.loud_one.affected]

    def with_alb(self, name: str = "alb-own", **tags: str) -> Plant:
        def plant(made: Scene) -> None:
            on_alb({"port": 80, "protocol": "HTTP"}, {"port": 443, "protocol": "HTTPS"})(made)
            alb = made.cloud.state.alb
            marks = [{"TagKey": key.replace("_", "."), "TagValue": value} for key, value in tags.items()]
            alb.add_load_balancer(name, VPC, Tags=marks)
            alb.add_server_group("sgp-1", VPC, [])
            ids = [alb.add_listener(name, port, "sgp-1")["ListenerId"] for port in (80, 443)]
            alb.add_acl("acl-1", [ELSEWHERE], listener_ids=ids, acl_type="White")

        return plant

    def test_a_list_of_two_listeners_of_an_alb_is_one_finding(self) -> None:
        finding = audited(ALLOWED, self.with_alb(), clients=(OFFICE,)).is_confirmed("AccessControlList", "acl-1")
        assert all(ref.id in str(finding.message) for ref in finding.affected)
        assert len(finding.affected) == 2

    def test_an_alb_of_somebody_else_in_the_vpc(self) -> None:
        assert not audited(ALLOWED, self.with_alb("alb-foreign"), clients=(OFFICE,)).findings

    @pytest.mark.parametrize(
        ("tags", "is_open"),
        [({}, True), ({"ack_aliyun_com": "c-another"}, False)],
    )
    def test_whose_an_alb_is_without_the_albconfigs(self, tags: dict[str, str], *, is_open: bool) -> None:
        made = scene(self.with_alb(**tags), clients=(OFFICE,))
        made.kubernetes.deny("list albconfigs.alibabacloud.com")
        report = looked_at(made, ALLOWED)
        assert not report.loud
        assert ("list albconfigs.alibabacloud.com" in report.missing) == is_open

    @pytest.mark.parametrize("denied", ["list nodes", "list albconfigs.alibabacloud.com", "list pods"])
    def test_a_cluster_without_alb_and_lists_needs_less(self, denied: str) -> None:
        made = scene(clients=(OFFICE,))
        made.kubernetes.deny(denied)
        looked_at(made, ALLOWED).is_quiet()

    def test_nodes_are_needed_where_nginx_sees_them(self) -> None:
        made = scene(annotate(whitelist_source_range=OFFICE), clients=(OFFICE,))
        made.kubernetes.deny("list nodes")
        looked_at(made, ALLOWED).is_open(ReasonKind.FORBIDDEN, "list nodes")


class TestConfig:
    """N7."""

    def logged(self, line: str) -> Plant:
        """Let every Pod of the controller write a line."""

        def plant(made: Scene) -> None:
            for name in controller_pods(made):
                made.kubernetes.logs[f"{SYSTEM}/{name}/{CONTROLLER}"] = f"I1122 before\n{line}\nI1122 after\n"

        return plant

    def test_what_all_replicas_refuse_is_one_fault(self) -> None:
        line = 'nginx: [emerg] invalid number of arguments in "proxy_pass" directive in /tmp/nginx/nginx-cfg1:77'
        made = scene(self.logged(line))
        names = controller_pods(made)
        finding = looked_at(made, CONFIG).is_confirmed("Pod", f"{SYSTEM}/{min(names)}")
        assert sorted(ref.name for ref in finding.affected) == sorted(names)
        assert [hop.ref.name for hop in finding.trail if hop.state is HopState.BROKEN] == sorted(names)

    def test_one_replica(self) -> None:
        made = scene(log("nginx: [emerg] x"))
        finding = looked_at(made, CONFIG).is_confirmed("Pod", f"{SYSTEM}/{min(controller_pods(made))}")
        assert len(finding.affected) == 1

    @pytest.mark.parametrize(
        ("target", "told"),
        [
            ("nothing-of-the-name", {"service/target-port-mismatch", "service/endpoints-empty"}),
            (8080, {"service/endpoints-empty"}),
        ],
    )
    def test_a_backend_without_endpoint_points_at_the_findings_of_the_service(
        self, target: str | int, told: set[str]
    ) -> None:
        made = scene()
        made.kubernetes.patch(
            SERVICES, "storefront", lambda row: row["spec"]["ports"][0].update(targetPort=target), "shop"
        )
        for piece in made.kubernetes.objects.all(SLICES):
            if piece["metadata"]["labels"].get("kubernetes.io/service-name") == "storefront":
                for endpoint in piece["endpoints"]:
                    endpoint["conditions"] = {"ready": False, "serving": False}
        for pod in made.kubernetes.objects.all(PODS):
            if pod["metadata"]["name"].startswith("storefront-"):
                for condition in pod["status"]["conditions"]:
                    condition.update({"status": "False"} if condition["type"] == "Ready" else {})
        report = looked_at(made, CONFIG)
        finding = report.is_confirmed("Ingress", SHOP)
        named = {word.strip(":,.") for word in str(finding.why).split() if word.startswith("service/")}
        assert named == told
        assert broken(report) == [SHOP]

    @pytest.mark.parametrize(
        "plants",
        [
            pytest.param([of_class("ngnix"), on_shop(lambda row: row["metadata"].update(LEAVING))], id="being deleted"),
            pytest.param([to("storefront", number=80), annotate(rewrite_target="/")], id="no groups needed"),
            pytest.param([add_ingress("acme", path="/.well-known/acme-challenge/x", path_type="Exact")], id="solver"),
            pytest.param([add_ingress("upper", host=HOST.upper(), path="/upper")], id="host in capitals"),
            pytest.param([virtual, MASTER], id="other nodes"),
            pytest.param([local], id="policy Local"),
        ],
    )
    def test_look_alikes(self, plants: list[Plant]) -> None:
        audited(CONFIG, *plants).is_quiet()

    def test_two_faults_of_one_ingress_are_two_findings(self) -> None:
        report = audited(CONFIG, of_class("ngnix"), to("none", number=80))
        assert {finding.subject.path for finding in report.loud} == {SHOP}
        assert len(report.loud) == 2

    def test_the_controller_is_denied_and_the_service_is_missing_all_the_same(self) -> None:
        made = scene(to("none", number=80))
        made.kubernetes.deny("list deployments.apps")
        report = looked_at(made, CONFIG)
        assert report.loud_one.certainty is Certainty.LIKELY
        assert report.missing == {"list deployments.apps"}

    def test_an_ingress_that_was_not_asked_for_is_never_passed(self) -> None:
        made = scene(to("none", number=80))
        made.kubernetes.deny("list services")
        report = looked_at(made, CONFIG)
        assert report.status is Status.NOT_EVALUATED
        assert report.missing == {"list services"}
