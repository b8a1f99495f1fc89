"""Ingresses on ALB that can't work as they are written."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon
from auditor.facts.kubernetes.events import Event
from auditor.facts.landscape import Landscape
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


PARAMETERS = {"kind": "AlbConfig", "name": "alb", "apiGroup": "alibabacloud.com"}


class TestAlb:
    def base(self, row: Any, *rows: Any, **tables: Any) -> Landscape:
        given: dict[str, Any] = {
            "ingress_classes": [of.ingress_class("alb", "ingress.k8s.alibabacloud/alb", parameters=PARAMETERS)],
            "alb_configs": [of.alb_config("alb", ("HTTP", 80), ("HTTPS", "443"))],
            "addons": [Addon(name="alb-ingress-controller", version="v2", state="active")],
            "deployments": [],
            "pods": [],
            **tables,
        }
        return of.landscape(ingresses=[row, *rows], **given)

    def ingress(self, *paths: Any, **more: Any) -> Any:
        return of.ingress("shop/web", *paths, class_name="alb", **more)

    def test_fine(self) -> None:
        quiet(self.base(self.ingress()))
        quiet(self.base(self.ingress(tls=["cert"]), secret_names=[of.secret("shop/cert")]))

    def test_a_target_port_is_no_port_here(self) -> None:
        one(self.base(self.ingress(of.path(port=8080))))

    @pytest.mark.parametrize("name", ["forward", "web"])
    def test_an_action(self, name: str) -> None:
        quiet(self.base(self.ingress(of.path(service=name, port="use-annotation"))))
        annotations = {f"{ALB}/actions.sorry": '[{"type": "FixedResponse"}]'}
        quiet(self.base(self.ingress(of.path(service="sorry"), annotations=annotations)))

    def test_no_alb_config(self) -> None:
        finding = one(self.base(self.ingress(), alb_configs=[]))
        assert finding.certainty is Certainty.CONFIRMED

    def test_no_parameters(self) -> None:
        classes = [of.ingress_class("alb", "ingress.k8s.alibabacloud/alb")]
        assert one(self.base(self.ingress(), ingress_classes=classes)).certainty is Certainty.LIKELY

    @pytest.mark.parametrize(
        "more",
        [
            {"annotations": {f"{ALB}/listen-ports": '[{"HTTP": 80}, {"HTTP": 8081}]'}},
            {"alb_configs": [of.alb_config("alb", ("HTTPS", 443))]},
            {"alb_configs": [of.alb_config("alb")]},
        ],
    )
    def test_no_listener(self, more: dict[str, Any]) -> None:
        annotations = more.pop("annotations", None)
        finding = one(self.base(self.ingress(annotations=annotations), **more))
        assert finding.certainty is Certainty.CONFIRMED
        assert "alb" in str(finding.message)

    @pytest.mark.parametrize(
        "annotations",
        [
            {f"{ALB}/listen-ports": "80"},
            {f"{ALB}/canary-weight": "ten"},
            {f"{ALB}/backend-protocol": "tcp"},
            {f"{ALB}/conditions.web": "{"},
        ],
    )
    def test_a_value(self, annotations: dict[str, str]) -> None:
        assert one(self.base(self.ingress(annotations=annotations))).severity == "high"

    def test_annotations_of_nginx_are_not_looked_at(self) -> None:
        quiet(self.base(self.ingress(annotations={"ssl-redirect": "yes"})))

    @pytest.mark.parametrize("kind", ["Prefix", "Exact"])
    def test_a_path_with_wildcards(self, kind: str) -> None:
        one(self.base(self.ingress(of.path("/api/*", kind=kind))))

    def test_wildcards_where_they_may_be(self) -> None:
        quiet(self.base(self.ingress(of.path("/api/*", kind="ImplementationSpecific"))))
        quiet(self.base(self.ingress(of.path("/api/(.*)", kind="Prefix"), annotations={f"{ALB}/use-regex": "true"})))

    def test_twice(self) -> None:
        first = of.ingress("shop/a", class_name="alb")
        assert "shop/a" in str(one(self.base(self.ingress(), first)).message)
        before = self.ingress(annotations={f"{ALB}/order": "1"})
        one(self.base(before, first), "shop/a")

    @pytest.mark.parametrize(
        "annotations",
        [
            {f"{ALB}/canary": "true"},
            {"canary": "true"},
            {f"{ALB}/listen-ports": '[{"HTTPS": 443}]'},
            {f"{ALB}/conditions.web": '[{"type": "Header"}]'},
        ],
    )
    def test_not_twice(self, annotations: dict[str, str]) -> None:
        quiet(self.base(self.ingress(annotations=annotations), of.ingress("shop/a", class_name="alb")))

    def test_what_the_controller_says(self) -> None:
        event = {
            "metadata": make.meta("e", "shop"),
            "involvedObject": {"kind": "Ingress", "namespace": "shop", "name": "web"},
            "type": "Warning",
            "reason": "FailedBuildModel",
            "message": "none certificate found for host: shop.example.com",
        }
        finding = one(self.base(self.ingress(), events=[msgspec.convert(event, Event)]))
        assert finding.certainty is Certainty.LIKELY
        assert "none certificate" in str(finding.message)
