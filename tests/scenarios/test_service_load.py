"""service/lb-weights-drifted and service/load-skewed-by-persistence: why the load of a Service is uneven."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.kit import Scene
from tests.scenarios.services import GATEWAY, GATEWAY_GROUP, INGRESS, annotate, ccm, edit_service, gateway_weights

DRIFTED, SKEWED = "service/lb-weights-drifted", "service/load-skewed-by-persistence"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"


# --- weights -----------------------------------------------------------------------------------------------------


def test_healthy_weights() -> None:
    Scene().audit(DRIFTED).is_quiet()


@pytest.mark.parametrize("weights", [(1, 1, 1), (100, 100, 100), (2, 1, 2), (25, 25, 50)])
def test_weights_that_the_version_does_not_set(weights: tuple[int, int, int]) -> None:
    scene = Scene()
    gateway_weights(scene, *weights)
    finding = scene.audit(DRIFTED).is_confirmed("Service", "payments/gateway")
    assert (finding.severity, finding.evidence["ccm_version"]) == (Severity.MEDIUM, "v2.14.1")
    assert finding.evidence["server_group"] == GATEWAY_GROUP


@pytest.mark.parametrize(("weights", "drifted"), [((25, 25, 50), False), ((25, 20, 50), True)])
def test_the_per_cents_of_an_older_version(weights: tuple[int, int, int], drifted: bool) -> None:
    scene = Scene()
    ccm(scene, "v1.9.3.164-g2105d2e-aliyun")
    gateway_weights(scene, *weights)
    assert ("payments/gateway" in {finding.subject.path for finding in scene.audit(DRIFTED).loud}) is drifted


def test_one_node_that_somebody_edited() -> None:
    scene = Scene()
    scene.cloud.state.slb.backends("rsp-bp1cq6ob1knwv")[0]["Weight"] = 10
    scene.audit(DRIFTED).is_confirmed("Service", "shop/catalog-grpc")


def test_weights_that_the_operator_keeps() -> None:
    scene = Scene()
    gateway_weights(scene, 100, 100, 100)
    annotate(scene, "payments", "gateway", ignore_weight_update="on")
    scene.audit(DRIFTED).is_quiet()


@pytest.mark.parametrize("action", ["slb:DescribeLoadBalancers", "slb:DescribeVServerGroupAttribute"])
def test_weights_without_a_permission(action: str) -> None:
    scene = Scene()
    gateway_weights(scene, 1, 1, 1)
    scene.cloud.deny(action)
    scene.audit(DRIFTED).is_open(ReasonKind.FORBIDDEN, action)


# --- persistence -------------------------------------------------------------------------------------------------


def test_nothing_holds_clients() -> None:
    Scene().audit(SKEWED).is_quiet()


def test_a_listener_that_holds_clients() -> None:
    scene = Scene()
    scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]["TCPListenerConfig"]["PersistenceTimeout"] = 1800
    finding = scene.audit(SKEWED).is_confirmed("Service", "payments/gateway")
    assert finding.severity is Severity.LOW


def test_a_service_that_holds_clients() -> None:
    scene = Scene()
    edit_service(scene, "shop", "storefront", lambda service: service["spec"].update(sessionAffinity="ClientIP"))
    scene.audit(SKEWED).is_confirmed("Service", "shop/storefront")


def test_an_ingress_that_holds_clients() -> None:
    scene = Scene()
    front = next(
        one
        for one in scene.kubernetes.objects.all(INGRESSES)
        if "storefront" in str(one["spec"]) and one["metadata"]["namespace"] == "shop"
    )
    note = {"nginx.ingress.kubernetes.io/affinity": "cookie"}
    scene.kubernetes.patch(
        INGRESSES,
        front["metadata"]["name"],
        lambda one: one["metadata"].setdefault("annotations", {}).update(note),
        "shop",
    )
    assert "shop/storefront" in {finding.subject.path for finding in scene.audit(SKEWED).loud}


def test_long_connections() -> None:
    scene = Scene()
    scene.cloud.state.cms.set_metric(INGRESS, "InstanceNewConnection", [0.5] * 60)
    scene.cloud.state.cms.set_metric(INGRESS, "InstanceMaxConnection", [2000.0] * 60)
    finding = scene.audit(SKEWED).loud_one
    assert (finding.subject.path, finding.certainty) == ("kube-system/nginx-ingress-lb", Certainty.LIKELY)


def test_no_points_are_no_zero() -> None:
    scene = Scene()
    scene.cloud.state.cms.set_metric(INGRESS, "InstanceNewConnection", [])
    scene.audit(SKEWED).is_open(ReasonKind.UNDECIDABLE)


@pytest.mark.parametrize(
    ("side", "permission"),
    [
        ("cloud", "cms:QueryMetricList"),
        ("cloud", "slb:DescribeLoadBalancerListeners"),
        ("kubernetes", "list ingresses.networking.k8s.io"),
    ],
)
def test_persistence_without_a_permission(side: str, permission: str) -> None:
    scene = Scene()
    (scene.kubernetes if side == "kubernetes" else scene.cloud).deny(permission)
    scene.audit(SKEWED).is_open(ReasonKind.FORBIDDEN, permission)
