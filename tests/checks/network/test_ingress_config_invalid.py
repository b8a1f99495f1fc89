"""What an Ingress says that can't work: backends, certificates, paths, annotations; and nginx that can't load it."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import Landscape
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty
from tests.checks import kit, make
from tests.checks.network import ingresses as of

CHECK = "network/ingress-config-invalid"
ALB = "alb.ingress.kubernetes.io"


def one(base: Landscape, subject: str = "shop/web") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    assert any(hop.state == "broken" for hop in finding.trail)
    assert finding.remedy
    return finding


def quiet(base: Landscape) -> None:
    result, findings = kit.run(CHECK, base)
    assert not findings, [str(finding.message) for finding in findings]
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert result.status is Status.PASSED


def with_(*paths: dict[str, Any], annotations: dict[str, str] | None = None, **tables: Any) -> Landscape:
    return of.landscape(ingresses=[of.ingress("shop/web", *paths, annotations=annotations)], **tables)


def service(**more: Any) -> Any:
    return [of.entrance(), of.web(**more)]


class TestBackends:
    def test_a_service_that_does_not_exist(self) -> None:
        finding = one(with_(of.path(service="wbe")))
        assert finding.certainty is Certainty.CONFIRMED
        assert "shop/wbe" in str(finding.message)

    def test_a_service_of_another_namespace_is_none(self) -> None:
        one(with_(of.path(service="pay"), services=[of.entrance(), of.web("payments/pay")]))

    def test_a_default_backend_counts(self) -> None:
        row = of.ingress(defaultBackend=of.backend("gone"))
        assert "gone" in str(one(of.landscape(ingresses=[row])).message)

    def test_two_paths_to_one_missing_service_are_one_finding(self) -> None:
        finding = one(with_(of.path("/a", "gone"), of.path("/b", "gone")))
        assert finding.evidence["places"] == ["shop.example.com/a", "shop.example.com/b"]

    @pytest.mark.parametrize("port", [81, "grpc"])
    def test_a_port_that_the_service_has_not(self, port: int | str) -> None:
        finding = one(with_(of.path(port=port)))
        assert finding.certainty is Certainty.CONFIRMED
        assert str(port) in str(finding.message)

    @pytest.mark.parametrize("port", [80, "http", 8080])
    def test_a_port_by_number_name_or_target(self, port: int | str) -> None:
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        slices = [of.served(ports=[{"name": "http", "port": 8080}])]
        quiet(with_(of.path(port=port), services=service(ports=ports), endpoint_slices=slices))

    def test_no_ready_endpoint_leads_to_the_other_check(self) -> None:
        slices = [make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.9"], "conditions": {"ready": False}}])]
        finding = one(with_(endpoint_slices=slices))
        assert finding.severity == "high"
        assert "service/endpoints-empty" in str(finding.why)

    def test_the_workload_is_scaled_to_zero(self) -> None:
        idle = of.workload("shop/web", image="example.com/web:1", labels={"app": "web"})
        data = msgspec.to_builtins(idle)
        data["spec"]["replicas"] = 0
        idle = msgspec.convert(data, Deployment)
        finding = one(with_(endpoint_slices=[], deployments=[of.workload(), idle]))
        assert finding.severity == "info"

    @pytest.mark.parametrize(
        "annotations",
        [
            {"permanent-redirect": "https://www.example.com"},
            {"temporal-redirect": "https://www.example.com"},
            {"configuration-snippet": "return 301 https://www.example.com;"},
            {"server-snippet": "location / { proxy_pass http://10.0.0.1; }"},
        ],
    )
    def test_a_backend_that_is_never_asked(self, annotations: dict[str, str]) -> None:
        quiet(with_(of.path(service="none"), annotations=annotations))

    def test_another_default_backend(self) -> None:
        quiet(with_(endpoint_slices=[], annotations={"default-backend": "sorry"}))

    def test_an_external_name(self) -> None:
        quiet(with_(services=service(type="ExternalName", externalName="www.example.com"), endpoint_slices=[]))
        quiet(
            with_(services=service(type="ExternalName", externalName="www.example.com", ports=None), endpoint_slices=[])
        )

    def test_a_young_service(self) -> None:
        quiet(with_(services=service(creationTimestamp="2026-11-23T07:59:00Z"), endpoint_slices=[]))

    def test_starting_pods(self) -> None:
        pod = make.pod("shop/w", labels={"app": "web"}, creationTimestamp="2026-11-23T07:59:00Z")
        quiet(with_(endpoint_slices=[], pods=[of.controller_pod(), pod]))

    def test_a_resource_is_no_service(self) -> None:
        bucket = {"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
        quiet(with_(bucket))

    def test_of_another_controller_it_is_likely(self) -> None:
        classes = [of.ingress_class("edge", "traefik.io/ingress-controller")]
        traefik = of.workload("traefik/traefik", "--v", image="traefik:3", labels={"app": "t"})
        rows = [of.ingress("shop/web", of.path(service="gone"), class_name="edge")]
        base = of.landscape(ingresses=rows, ingress_classes=classes, deployments=[of.workload(), traefik])
        assert one(base).certainty is Certainty.LIKELY


class TestProtocol:
    @pytest.mark.parametrize(
        ("port", "annotations"),
        [
            ({"name": "https", "port": 443, "targetPort": 443}, {}),
            ({"name": "x", "port": 443, "targetPort": 8443}, {}),
            ({"name": "x", "port": 443, "targetPort": "https"}, {}),
            ({"name": "x", "port": 443, "targetPort": 3000, "appProtocol": "https"}, {}),
            ({"name": "grpc", "port": 443, "targetPort": 9000}, {}),
            ({"name": "x", "port": 443, "targetPort": 8443}, {"backend-protocol": "GRPC"}),
            ({"name": "http", "port": 443, "targetPort": 8080}, {"backend-protocol": "HTTPS"}),
            ({"name": "x", "port": 443, "targetPort": "http-web"}, {"backend-protocol": "https"}),
            ({"name": "http", "port": 443, "targetPort": 3000}, {"backend-protocol": "GRPCS"}),
        ],
    )
    def test_a_mismatch(self, port: dict[str, Any], annotations: dict[str, str]) -> None:
        slices = [of.served(ports=[{"name": port["name"], "port": 1}])]
        finding = one(
            with_(of.path(port=443), services=service(ports=[port]), endpoint_slices=slices, annotations=annotations)
        )
        assert finding.certainty is Certainty.LIKELY
        assert "shop/web" in str(finding.message)

    @pytest.mark.parametrize(
        ("port", "annotations"),
        [
            ({"name": "https", "port": 443, "targetPort": 8443}, {"backend-protocol": "HTTPS"}),
            ({"name": "https", "port": 443, "targetPort": 8443}, {"backend-protocol": " https "}),
            ({"name": "https", "port": 443, "targetPort": 8080}, {}),
            ({"name": "https", "port": 443, "targetPort": 3000}, {}),
            ({"name": "https", "port": 443, "targetPort": "http"}, {}),
            ({"name": "x", "port": 443, "targetPort": 8443, "appProtocol": "http"}, {}),
            ({"name": "x", "port": 443, "targetPort": 8443, "appProtocol": "mongo"}, {}),
            ({"name": "grpc", "port": 443, "targetPort": 9000}, {"backend-protocol": "GRPC"}),
            ({"name": "grpcs", "port": 443, "targetPort": 9000, "appProtocol": "grpcs"}, {"backend-protocol": "GRPCS"}),
            ({"name": "https", "port": 443, "targetPort": 443}, {"ssl-passthrough": "true"}),
            ({"name": "https", "port": 443, "targetPort": 443}, {"backend-protocol": "AUTO_HTTP"}),
            ({"name": "http", "port": 443, "targetPort": 9000}, {"backend-protocol": "FCGI"}),
        ],
    )
    def test_no_mismatch(self, port: dict[str, Any], annotations: dict[str, str]) -> None:
        slices = [of.served(ports=[{"name": port["name"], "port": 1}])]
        quiet(with_(of.path(port=443), services=service(ports=[port]), endpoint_slices=slices, annotations=annotations))


class TestCertificates:
    def with_secret(self, *secrets: Any, annotations: dict[str, str] | None = None, **more: Any) -> Landscape:
        rows = [of.ingress(tls=["cert"], annotations=annotations, **more)]
        return of.landscape(ingresses=rows, secret_names=secrets)

    def test_there(self) -> None:
        quiet(self.with_secret(of.secret("shop/cert")))

    def test_missing(self) -> None:
        finding = one(self.with_secret(of.secret("payments/cert")))
        assert finding.certainty is Certainty.CONFIRMED
        assert "shop/cert" in str(finding.message)

    @pytest.mark.parametrize(
        ("type_", "certainty"), [("kubernetes.io/dockerconfigjson", "confirmed"), ("Opaque", "likely")]
    )
    def test_of_another_type(self, type_: str, certainty: str) -> None:
        finding = one(self.with_secret(of.secret("shop/cert", type_)))
        assert finding.certainty == certainty
        assert type_ in str(finding.message)

    def test_two_entries_with_one_secret_are_one_finding(self) -> None:
        rows = [of.ingress(tls=["cert", "cert"])]
        one(of.landscape(ingresses=rows))

    def test_without_a_secret_the_default_certificate_is_taken(self) -> None:
        rows = [of.ingress(tls=[""])]
        quiet(of.landscape(ingresses=rows))

    @pytest.mark.parametrize("annotations", [{"canary": "true"}, {"ssl-passthrough": "true"}])
    def test_not_used(self, annotations: dict[str, str]) -> None:
        quiet(self.with_secret(annotations=annotations))

    def test_being_made(self) -> None:
        annotations = {"cert-manager.io/cluster-issuer": "letsencrypt"}
        quiet(self.with_secret(annotations=annotations, made="2026-11-23T07:55:00Z"))
        one(self.with_secret(annotations=annotations, made="2026-11-23T07:00:00Z"))

    def test_a_type_that_was_not_said(self) -> None:
        result, findings = kit.run(CHECK, self.with_secret(of.secret("shop/cert", None)))
        assert not findings
        assert result.status is Status.NOT_EVALUATED

    def test_switched_off_it_is_not_evaluated_and_the_rest_is(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("secrets are not listed"))
        base = self.with_secret()
        base.tables["secret_names"] = Table.unavailable("secret_names", off)
        result, findings = kit.run(CHECK, base)
        assert not findings
        assert [reason.kind for reason in result.reasons] == ["switched_off"]
        base.tables["services"] = Table("services", [of.entrance()])
        assert len(kit.run(CHECK, base)[1]) == 1

    def test_without_tls_nobody_asks(self) -> None:
        quiet(kit.without(with_(), "secret_names"))


class TestTwice:
    NEWER = "2026-11-20T08:00:00Z"

    def both(self, second: Any, **more: Any) -> Landscape:
        services = [of.entrance(), of.web(), of.web("shop/new"), of.web("payments/web")]
        slices = [of.served(), of.served("shop/new"), of.served("payments/web")]
        return of.landscape(ingresses=[of.ingress(), second], services=services, endpoint_slices=slices, **more)

    def test_the_newer_one_has_no_effect(self) -> None:
        finding = one(self.both(of.ingress("shop/copy", of.path(service="new"), made=self.NEWER)), "shop/copy")
        assert finding.certainty is Certainty.CONFIRMED
        assert "shop/web" in str(finding.message)

    def test_in_another_namespace(self) -> None:
        one(self.both(of.ingress("payments/web", made=self.NEWER)), "payments/web")

    def test_in_upper_case_and_without_path(self) -> None:
        second = of.ingress("shop/copy", of.path("", service="new"), host="SHOP.example.com", made=self.NEWER)
        one(self.both(second), "shop/copy")

    def test_of_one_second_the_later_name_wins(self) -> None:
        one(self.both(of.ingress("shop/web-copy", of.path(service="new"))), "shop/web")

    def test_within_one_ingress(self) -> None:
        rows = [of.ingress("shop/web", of.path(), of.path(service="new"))]
        services = [of.entrance(), of.web(), of.web("shop/new")]
        finding = one(
            of.landscape(ingresses=rows, services=services, endpoint_slices=[of.served(), of.served("shop/new")])
        )
        assert "shop/web" in str(finding.message)

    @pytest.mark.parametrize(
        "second",
        [
            of.ingress("shop/copy", of.path(service="new"), annotations={"canary": "true"}, made=NEWER),
            of.ingress("shop/copy", of.path("/new", service="new"), made=NEWER),
            of.ingress("shop/copy", of.path(service="new", kind="Exact"), made=NEWER),
            of.ingress("shop/copy", of.path(service="new"), host="new.example.com", made=NEWER),
            of.ingress("shop/copy", of.path(service="new"), host="*.example.com", made=NEWER),
        ],
    )
    def test_not_the_same(self, second: Any) -> None:
        quiet(self.both(second))

    def test_at_another_controller(self) -> None:
        inner = of.workload("kube-system/inner", "--controller-class=k8s.io/inner", labels={"app": "inner"})
        pod = make.pod("kube-system/inner-1", "n1", labels={"app": "inner"})
        quiet(
            self.both(
                of.ingress("shop/copy", of.path(service="new"), class_name="inner", made=self.NEWER),
                ingress_classes=[of.ingress_class(), of.ingress_class("inner", "k8s.io/inner")],
                deployments=[of.workload(), inner],
                pods=[of.controller_pod(), pod],
            )
        )


class TestValues:
    @pytest.mark.parametrize(
        "path",
        ["/api/(.*", "/api/[a-z", "/api)", "/a|*b", "/api/\\"],
    )
    @pytest.mark.parametrize("annotations", [{"use-regex": "true"}, {"rewrite-target": "/"}])
    def test_a_path_that_is_no_expression(self, path: str, annotations: dict[str, str]) -> None:
        finding = one(with_(of.path(path, kind="ImplementationSpecific"), annotations=annotations))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.severity == "high"

    @pytest.mark.parametrize(
        ("path", "annotations"),
        [
            ("/api/(.*", {}),
            ("/api/(.*", {"use-regex": "false"}),
            ("/api(/|$)(.*)", {"use-regex": "true", "rewrite-target": "/$2"}),
            ("/(?<name>[a-z]+)/x", {"use-regex": "true"}),
            ("/(?i)api", {"use-regex": "true"}),
            ("/a++", {"use-regex": "true"}),
            ("/[\\w-z]+", {"use-regex": "true"}),
            ("/api", {"rewrite-target": "/"}),
        ],
    )
    def test_a_path_that_is_fine(self, path: str, annotations: dict[str, str]) -> None:
        quiet(with_(of.path(path, kind="ImplementationSpecific"), annotations=annotations))

    def test_a_group_that_no_path_has(self) -> None:
        finding = one(with_(of.path("/api"), annotations={"rewrite-target": "/$1"}))
        assert finding.severity == "medium"

    def test_a_group_that_another_path_has(self) -> None:
        quiet(with_(of.path("/api/(.*)"), of.path("/"), annotations={"rewrite-target": "/$1"}))

    @pytest.mark.parametrize(
        ("name", "value", "severity"),
        [
            ("whitelist-source-range", "10.0.0.0/33", "high"),
            ("allowlist-source-range", "office", "high"),
            ("denylist-source-range", "10.0.0.0/8;192.168.0.0/16", "high"),
            ("auth-type", "jwt", "high"),
            ("auth-url", "auth.example.com/check", "high"),
            ("proxy-read-timeout", "60s", "medium"),
            ("proxy-body-size", "50 megabytes", "medium"),
            ("ssl-redirect", "yes", "medium"),
            ("backend-protocol", "HTTP2", "medium"),
            ("canary-weight", "10%", "medium"),
            ("affinity", "ip", "medium"),
            ("permanent-redirect", "www.example.com", "medium"),
        ],
    )
    def test_an_annotation(self, name: str, value: str, severity: str) -> None:
        (finding,) = (
            f for f in kit.finds(CHECK, with_(annotations={name: value}), "shop/web") if name in str(f.message)
        )
        assert finding.severity == severity
        assert value in str(finding.message)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("whitelist-source-range", "10.0.0.0/8, 192.168.1.7,2001:db8::/32"),
            ("proxy-read-timeout", "60"),
            ("proxy-body-size", "50m"),
            ("proxy-body-size", "0"),
            ("proxy-buffer-size", "16K"),
            ("ssl-redirect", "True"),
            ("backend-protocol", "http"),
            ("auth-url", "http://$host/auth"),
            ("auth-url", "https://auth.example.com"),
            ("rewrite-target", "/x"),
            ("my-own", "anything"),
            ("example.com/ssl-redirect", "yes"),
            ("whitelist-source-range", ""),
        ],
    )
    def test_an_annotation_that_is_fine(self, name: str, value: str) -> None:
        quiet(with_(annotations={name: value}))

    def test_another_prefix(self) -> None:
        own = of.workload("kube-system/nginx-ingress-controller", *of.FLAGS, "--annotations-prefix=own.example.com")
        quiet(with_(annotations={"ssl-redirect": "yes"}, deployments=[own]))
        one(with_(annotations={"own.example.com/ssl-redirect": "yes"}, deployments=[own]))


ALWAYS = {"ingresses", "ingress_classes", "services", "endpoint_slices", "pods", "container_logs", "deployments"} | {
    "ingress_reloads"
}
"""Without these the healthy landscape can't be told to be healthy."""


class TestNotKnown:
    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
    def test_a_healthy_ingress(self, table: str) -> None:
        base = kit.without(with_(), table)
        result, findings = kit.run(CHECK, base)
        assert not findings
        if table in ALWAYS or table == "daemonsets":
            assert result.status is Status.NOT_EVALUATED
            assert any("test:Action" in reason.missing for reason in result.reasons)
        else:
            assert not result.reasons

    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK) - {"ingresses", "services"}))
    def test_a_missing_service_is_found_all_the_same(self, table: str) -> None:
        _, findings = kit.run(CHECK, kit.without(with_(of.path(service="gone")), table))
        assert [finding.subject.path for finding in findings] == ["shop/web"]

    @pytest.mark.parametrize("table", ["addons", "statefulsets", "deployments", "daemonsets"])
    def test_whether_a_class_is_served_by_somebody_unknown(self, table: str) -> None:
        base = of.landscape(ingresses=[of.ingress(class_name="ngnix")])
        kit.is_not_evaluated(CHECK, kit.without(base, table))

    def test_a_missing_class_whose_list_can_not_be_read(self) -> None:
        base = of.landscape(ingresses=[of.ingress(class_name="ngnix")])
        kit.is_not_evaluated(CHECK, kit.without_rows(base, "ingress_classes", "ngnix"))
        kit.is_not_evaluated(CHECK, kit.without_rows(with_(of.path(service="gone")), "services", "shop/gone"))

    def test_without_ingresses_there_is_nothing_to_judge(self) -> None:
        kit.stays_quiet(CHECK, of.landscape(), Status.NOT_APPLICABLE)
