"""service/load-skewed-by-persistence."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cms import Metric
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbServerGroup
from auditor.facts.cloud.slb import Listener, LoadBalancer
from auditor.facts.kubernetes.ingresses import Ingress, IngressClass
from auditor.facts.kubernetes.services import EndpointSlice, Service
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/load-skewed-by-persistence"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
NGINX, ALB = "nginx.ingress.kubernetes.io/", "alb.ingress.kubernetes.io/"


def service(key: str = "shop/web", **more: Any) -> Service:
    given = {"type": "LoadBalancer", "annotations": {PREFIX + "id": "lb-1"}, "selector": {"app": "web"}}
    return make.service(key, **(given | more))


def inner(**more: Any) -> Service:
    return make.service("shop/web", clusterIP="172.21.0.9", **more)


def slices(pods: int = 2, key: str = "shop/web") -> EndpointSlice:
    return make.endpoint_slice(key, [{"addresses": [f"172.20.0.{i}"], "nodeName": "n"} for i in range(pods)])


def metrics(new: float | None = 50.0, concurrent: float = 1000.0, points: int = 60) -> list[Metric]:
    return [
        Metric("lb-1", name, points if mean is not None else 0, mean, mean, mean)
        for name, mean in (("InstanceNewConnection", new), ("InstanceMaxConnection", concurrent))
    ]


def base(of: Service | None = None, protocol: str = "tcp", pods: int = 2, **more: Any) -> Landscape:
    listener = {
        "scheduler": "rr",
        "persistence_seconds": 0 if protocol == "tcp" else None,
        "sticky_session": "off" if protocol.startswith("http") else None,
        **more.pop("listener", {}),
    }
    given: dict[str, Any] = {
        "services": [of or service()],
        "load_balancers": [LoadBalancer("lb-1", "web")],
        "listeners": [Listener("lb-1", 80, protocol, "running", **listener)],
        "endpoint_slices": [slices(pods)],
        "load_balancer_metrics": metrics(),
    }
    return kit.landscape(**(given | more))


def one(landscape: Landscape, subject: str = "shop/web") -> ReportedFinding:
    findings = kit.finds(CHECK, landscape, subject)
    assert len(findings) == 1
    return findings[0]


def ingress(notes: dict[str, str], class_name: str | None = None, to: str = "web") -> Ingress:
    path = {"path": "/", "backend": {"service": {"name": to, "port": {"number": 80}}}}
    data = {
        "metadata": make.meta("front", "shop", annotations=notes),
        "spec": {"ingressClassName": class_name, "rules": [{"host": "example.com", "http": {"paths": [path]}}]},
    }
    return msgspec.convert(data, Ingress)


def ingress_class(name: str, controller: str) -> IngressClass:
    return msgspec.convert({"metadata": make.meta(name), "spec": {"controller": controller}}, IngressClass)


# --- what it finds -----------------------------------------------------------------------------------------------


def test_affinity_of_the_service() -> None:
    finding = one(base(inner(sessionAffinity="ClientIP")))
    assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.CONFIRMED)
    assert "10800 seconds" in str(finding.message)
    stated = inner(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}})
    assert "for 60 seconds" in str(one(base(stated)).message)


@pytest.mark.parametrize(
    ("protocol", "listener", "kind"),
    [
        ("tcp", {"persistence_seconds": 1800}, "persistence-timeout"),
        ("http", {"sticky_session": "on"}, "sticky-session"),
        ("https", {"sticky_session": "on"}, "sticky-session"),
        ("tcp", {"scheduler": "sch"}, "scheduler"),
    ],
)
def test_a_listener_that_holds_clients(protocol: str, listener: dict[str, Any], kind: str) -> None:
    finding = one(base(protocol=protocol, listener=listener))
    assert (finding.severity, finding.evidence["kinds"]) == (Severity.LOW, [kind])
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Listener"]


def test_an_nlb_that_hashes_addresses() -> None:
    labels = {"service.k8s.alibaba/loadbalancer-id": "nlb-1"}
    of = service(loadBalancerClass="alibabacloud.com/nlb", labels=labels, annotations={})
    name = f"k8s.30080.TCP.web.shop.{kit.CLUSTER_ID}"
    more: dict[str, Any] = {
        "network_load_balancers": [NetworkLoadBalancer("nlb-1")],
        "nlb_server_groups": [NlbServerGroup("sgp-1", name, "Instance", "Sch", 2, ["nlb-1"])],
    }
    assert one(base(of, **more)).evidence["kinds"] == ["scheduler"]


@pytest.mark.parametrize(
    ("notes", "class_name"),
    [
        ({NGINX + "affinity": "cookie"}, "nginx"),
        ({NGINX + "upstream-hash-by": "$remote_addr"}, None),
        ({ALB + "sticky-session": "true"}, "alb"),
    ],
)
def test_an_ingress_that_holds_clients(notes: dict[str, str], class_name: str | None) -> None:
    classes = [ingress_class("nginx", "k8s.io/ingress-nginx"), ingress_class("alb", "ingress.k8s.alibabacloud/alb")]
    finding = one(base(inner(), ingresses=[ingress(notes, class_name)], ingress_classes=classes))
    assert finding.evidence["kinds"] == ["ingress-affinity"]
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Ingress"]


def test_several_settings_are_one_finding() -> None:
    finding = one(base(service(sessionAffinity="ClientIP"), listener={"persistence_seconds": 900}))
    assert finding.evidence["kinds"] == ["persistence-timeout", "session-affinity"]


def test_a_service_with_one_pod_is_only_noted() -> None:
    assert one(base(inner(sessionAffinity="ClientIP"), pods=1)).severity is Severity.INFO


def test_long_connections() -> None:
    finding = one(base(load_balancer_metrics=metrics(new=1.0, concurrent=1000.0)))
    assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.LIKELY)
    assert finding.evidence["ratio"] == 0.06
    assert [hop.ref.id for hop in finding.trail if hop.state is HopState.BROKEN] == ["lb-1"]


def test_long_connections_of_a_shared_load_balancer_are_one_finding() -> None:
    both = [service(), service("shop/api")]
    shared = base(
        services=both, endpoint_slices=[slices(), slices(key="shop/api")], load_balancer_metrics=metrics(new=1.0)
    )
    assert sorted(ref.path for ref in one(shared).affected) == ["shop/api", "shop/web"]


# --- what stays quiet --------------------------------------------------------------------------------------------


def test_ordinary_services() -> None:
    kit.stays_quiet(CHECK, base())
    kit.stays_quiet(CHECK, base(inner()))
    kit.stays_quiet(CHECK, base(protocol="http"))
    for scheduler in ("wrr", "wlc", "tch"):
        kit.stays_quiet(CHECK, base(listener={"scheduler": scheduler}))


def test_affinity_that_has_no_effect() -> None:
    kit.stays_quiet(CHECK, base(make.service("shop/web", clusterIP="None", sessionAffinity="ClientIP")))
    data = make.service("default/kubernetes", sessionAffinity="ClientIP")
    assert not kit.run(CHECK, base(data))[1]


def test_an_annotation_that_the_listener_does_not_follow() -> None:
    notes = {PREFIX + "id": "lb-1", PREFIX + "persistence-timeout": "1800"}
    kit.stays_quiet(CHECK, base(service(annotations=notes)))


@pytest.mark.parametrize(
    ("notes", "class_name"),
    [
        ({NGINX + "affinity": "cookie"}, "alb"),
        ({ALB + "sticky-session": "true"}, "nginx"),
        ({ALB + "sticky-session": "false"}, "alb"),
        ({NGINX + "session-cookie-name": "route"}, "nginx"),
    ],
)
def test_annotations_that_nobody_reads(notes: dict[str, str], class_name: str) -> None:
    classes = [ingress_class("nginx", "k8s.io/ingress-nginx"), ingress_class("alb", "ingress.k8s.alibabacloud/alb")]
    kit.stays_quiet(CHECK, base(inner(), ingresses=[ingress(notes, class_name)], ingress_classes=classes))


def test_the_ingress_of_another_service() -> None:
    kit.stays_quiet(CHECK, base(inner(), ingresses=[ingress({NGINX + "affinity": "cookie"}, to="api")]))


@pytest.mark.parametrize(("new", "concurrent"), [(1.7, 1000.0), (0.0, 9.0), (0.0, 0.0)])
def test_connections_that_are_no_matter(new: float, concurrent: float) -> None:
    kit.stays_quiet(CHECK, base(load_balancer_metrics=metrics(new, concurrent)))


def test_long_connections_of_http_are_spread_by_request() -> None:
    kit.stays_quiet(CHECK, base(protocol="http", load_balancer_metrics=metrics(new=0.0)))


# --- what is not known -------------------------------------------------------------------------------------------

NEEDED = {"services", "load_balancers", "listeners", "ingresses", "load_balancer_metrics"}
OTHERS = {"network_load_balancers", "nlb_server_groups", "nlb_group_backends", "group_backends", "ingress_classes"}


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == NEEDED | OTHERS | {"endpoint_slices"}


@pytest.mark.parametrize("table", sorted(NEEDED))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(base(), table))


@pytest.mark.parametrize("table", sorted(OTHERS | {"endpoint_slices"}))
def test_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(base(), table))


def test_no_points_are_no_zero() -> None:
    for few in (metrics(new=None), metrics(points=5)):
        result, findings = kit.run(CHECK, base(load_balancer_metrics=few))
        assert not findings
        assert [reason.kind.value for reason in result.reasons] == ["undecidable"]


def test_affinity_stands_without_the_cloud() -> None:
    sticky = base(service(sessionAffinity="ClientIP"))
    for table in ("load_balancers", "listeners", "load_balancer_metrics", "ingresses"):
        result, findings = kit.run(CHECK, kit.without(sticky, table))
        assert len(findings) == 1
        assert result.reasons


def test_how_many_pods_there_are_must_be_known() -> None:
    kit.is_not_evaluated(CHECK, kit.without(base(inner(sessionAffinity="ClientIP")), "endpoint_slices"))
