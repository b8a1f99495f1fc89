"""Ingresses that no controller serves."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty
from tests.checks import kit, make
from tests.checks.network import ingresses as of

CHECK = "network/ingress-config-invalid"
OLD = "registry/acs/aliyun-ingress-controller:v0.44.0.12-27ae67262-aliyun"


def quiet(**tables: Any) -> None:
    result, findings = kit.run(CHECK, of.landscape(**tables))
    assert not findings, [str(finding.message) for finding in findings]
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert result.status is Status.PASSED


def found(fault: str = "class-unserved", **tables: Any) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, of.landscape(**tables), "shop/web")
    assert finding.subject.kind == "Ingress"
    assert finding.severity == "high"
    assert any(hop.state == "broken" for hop in finding.trail)
    return finding


def other(name: str, image: str = "example.com/x:1", **more: Any) -> Any:
    return of.workload(name, "--v=2", image=image, labels={"app": "x"}, **more)


class TestUnserved:
    @pytest.mark.parametrize("written", [{"class_name": "ngnix"}, {"class_name": None, "annotations": "ngnix"}])
    def test_a_class_that_does_not_exist(self, written: dict[str, Any]) -> None:
        if "annotations" in written:
            written = {**written, "annotations": {"kubernetes.io/ingress.class": "ngnix"}}
        finding = found(ingresses=[of.ingress(**written)])
        assert finding.certainty is Certainty.CONFIRMED
        assert "ngnix" in str(finding.message)
        assert "nginx" in str(finding.message)

    def test_the_controller_of_the_class_is_not_installed(self) -> None:
        finding = found(ingresses=[of.ingress()], deployments=[])
        assert finding.certainty is Certainty.CONFIRMED
        assert "k8s.io/ingress-nginx" in str(finding.message)

    def test_a_second_controller_that_does_not_run(self) -> None:
        classes = [of.ingress_class(), of.ingress_class("internal", "k8s.io/ingress-nginx-internal")]
        finding = found(ingresses=[of.ingress(class_name="internal")], ingress_classes=classes)
        assert finding.certainty is Certainty.CONFIRMED

    def test_alb_without_its_controller(self) -> None:
        classes = [of.ingress_class(), of.ingress_class("alb", "ingress.k8s.alibabacloud/alb")]
        assert found(ingresses=[of.ingress(class_name="alb")], ingress_classes=classes).certainty == "confirmed"

    def test_no_class_at_all(self) -> None:
        finding = found(ingresses=[of.ingress(class_name=None)])
        assert finding.certainty is Certainty.CONFIRMED

    def test_a_controller_that_nothing_in_the_cluster_is_called_like(self) -> None:
        classes = [of.ingress_class("edge", "traefik.io/ingress-controller")]
        finding = found(ingresses=[of.ingress(class_name="edge")], ingress_classes=classes)
        assert finding.certainty is Certainty.LIKELY

    def test_a_missing_class_beside_a_controller_that_may_know_it(self) -> None:
        finding = found(
            ingresses=[of.ingress(class_name="ngnix")],
            daemonsets=[],
            deployments=[of.workload(), other("kong/kong", "kong/kubernetes-ingress-controller:3")],
        )
        assert finding.certainty is Certainty.LIKELY

    def test_a_namespace_that_the_controller_does_not_look_at(self) -> None:
        only = of.workload("kube-system/nginx-ingress-controller", *of.FLAGS, "--watch-namespace=payments")
        found(ingresses=[of.ingress()], deployments=[only])

    def test_an_annotation_of_a_class_that_is_looked_for_in_the_field(self) -> None:
        controller = of.workload("kube-system/inner", "--controller-class=k8s.io/inner")
        finding = found(
            ingresses=[of.ingress(class_name=None, annotations={"kubernetes.io/ingress.class": "inner"})],
            ingress_classes=[of.ingress_class("inner", "k8s.io/inner")],
            deployments=[controller],
        )
        assert finding.certainty is Certainty.LIKELY

    @pytest.mark.parametrize("pods", [[], [of.controller_pod(ready=False)]])
    def test_the_controller_has_no_ready_pod(self, pods: list[Any]) -> None:
        finding = found("controller-down", ingresses=[of.ingress()], pods=pods)
        assert "service/endpoints-empty" in str(finding.why)
        assert "kube-system/nginx-ingress-controller" in str(finding.message)


class TestServed:
    @pytest.mark.parametrize(
        "written",
        [
            {},
            {"class_name": None, "annotations": {"kubernetes.io/ingress.class": "nginx"}},
        ],
    )
    def test_by_ingress_nginx(self, written: dict[str, Any]) -> None:
        quiet(ingresses=[of.ingress(**written)])

    def test_by_a_daemonset(self) -> None:
        quiet(
            ingresses=[of.ingress()], deployments=[], daemonsets=[of.daemonset("kube-system/nginx-ingress-controller")]
        )

    def test_by_a_controller_with_a_name_of_its_own(self) -> None:
        quiet(
            ingresses=[of.ingress(class_name="internal")],
            ingress_classes=[of.ingress_class("internal", "k8s.io/internal")],
            deployments=[of.workload("kube-system/inner", "--controller-class=k8s.io/internal")],
        )

    def test_a_name_that_comes_from_the_environment_may_be_any(self) -> None:
        quiet(
            ingresses=[of.ingress(class_name="x")],
            ingress_classes=[of.ingress_class("x", "k8s.io/x")],
            deployments=[of.workload("kube-system/inner", "--controller-class=$(CLASS)")],
        )

    @pytest.mark.parametrize("flag", ["--watch-ingress-without-class", "--watch-ingress-without-class=true"])
    def test_without_class_where_the_controller_takes_them(self, flag: str) -> None:
        controller = of.workload("kube-system/nginx-ingress-controller", *of.FLAGS, flag)
        quiet(ingresses=[of.ingress(class_name=None)], deployments=[controller])

    def test_without_class_where_one_is_the_default(self) -> None:
        quiet(ingresses=[of.ingress(class_name=None)], ingress_classes=[of.ingress_class(default=True)])

    @pytest.mark.parametrize("name", [None, "nginx"])
    def test_by_a_version_before_classes(self, name: str | None) -> None:
        old = of.workload("kube-system/nginx-ingress-controller", "--ingress-class=nginx", image=OLD)
        quiet(ingresses=[of.ingress(class_name=name)], deployments=[old], ingress_classes=[])

    @pytest.mark.parametrize(
        ("controller", "name"),
        [
            ("traefik.io/ingress-controller", "traefik/traefik"),
            ("ingress-controllers.konghq.com/kong", "kong/kong-controller"),
            ("istio.io/ingress-controller", "istio-system/istiod"),
            ("mse.alibabacloud.com/ingress", "mse-ingress-controller/ack-mse-ingress-controller"),
            ("acme.io/gateway", "edge/acme-gateway"),
        ],
    )
    def test_by_another_controller(self, controller: str, name: str) -> None:
        quiet(
            ingresses=[of.ingress(class_name="edge")],
            ingress_classes=[of.ingress_class("edge", controller)],
            deployments=[of.workload(), other(name)],
        )

    def test_by_another_controller_by_annotation(self) -> None:
        row = of.ingress(class_name=None, annotations={"kubernetes.io/ingress.class": "traefik"})
        quiet(ingresses=[row], deployments=[of.workload(), other("traefik/traefik")])

    def test_by_a_stranger_who_published_an_address(self) -> None:
        classes = [of.ingress_class("edge", "wonder.land/rabbit")]
        quiet(ingresses=[of.ingress(class_name="edge", published="198.51.100.7")], ingress_classes=classes)

    @pytest.mark.parametrize(
        "more",
        [
            {"addons": [Addon(name="alb-ingress-controller", version="v2.19.0", state="active")]},
            {"deployments": [of.workload(), other("kube-system/alb-ingress-controller")]},
        ],
    )
    def test_by_alb(self, more: dict[str, Any]) -> None:
        parameters = {"kind": "AlbConfig", "name": "alb", "apiGroup": "alibabacloud.com"}
        quiet(
            ingresses=[of.ingress(class_name="alb")],
            ingress_classes=[of.ingress_class("alb", "ingress.k8s.alibabacloud/alb", parameters=parameters)],
            alb_configs=[of.alb_config("alb", ("HTTP", 80))],
            **more,
        )

    def test_by_nginx_that_ack_runs_outside(self) -> None:
        addon = Addon(name="managed-nginx-ingress-controller", version="v1.9.3", state="active")
        quiet(ingresses=[of.ingress()], deployments=[], addons=[addon])

    def test_the_controller_is_starting(self) -> None:
        young = of.controller_pod(ready=False, creationTimestamp="2026-11-23T07:59:30Z")
        quiet(ingresses=[of.ingress()], pods=[young])

    def test_an_ingress_that_is_being_deleted(self) -> None:
        gone = make.meta("web", "shop", deletionTimestamp="2026-11-23T07:00:00Z")
        raw = {"metadata": gone, "spec": {"ingressClassName": "ngnix"}}
        kit.stays_quiet(CHECK, of.landscape(ingresses=[msgspec.convert(raw, Ingress)]), Status.NOT_APPLICABLE)
