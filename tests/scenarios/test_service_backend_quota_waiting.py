"""service/lb-backend-quota: Services that wait for room on a load balancer, and refusals that the CCM reports."""

from typing import Any

import pytest

from auditor.judge.verdicts import Severity
from tests.scenarios.kit import Scene
from tests.scenarios.services import (
    NODES,
    PREFIX,
    SHARED,
    Json,
    add_event,
    ago,
    edit_service,
    empty_slices,
    fill,
    limit,
    refuse,
    waiting,
)

CHECK = "service/lb-backend-quota"
CODE = "InstanceBackendServerNumberOverLimit"
TEXT = "The backend server number has reached to the quota limit of this load balancer."
PORTS = [{"name": f"p{n}", "port": 7000 + n, "targetPort": 9090, "nodePort": 32000 + n} for n in range(3)]


# --- Services that wait ------------------------------------------------------------------------------------------


def test_a_waiting_service_without_room() -> None:
    scene = Scene()
    fill(scene, SHARED, 177)
    waiting(scene, "admin")
    finding = scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED)
    assert finding.severity is Severity.HIGH
    assert finding.evidence["needed"] == {"shop/admin": 8}
    assert [ref.path for ref in finding.affected] == ["shop/admin"]


def test_a_waiting_service_that_just_fits() -> None:
    scene = Scene()
    fill(scene, SHARED, 176)
    waiting(scene, "admin")
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


def test_what_is_needed_does_not_count_towards_eighty_per_cent() -> None:
    scene = Scene()
    fill(scene, SHARED, 140)
    waiting(scene, "admin")
    scene.audit(CHECK).is_quiet()


def test_a_service_that_waits_for_less_than_two_minutes() -> None:
    scene = Scene()
    fill(scene, SHARED, 180)
    waiting(scene, "admin", age=ago(seconds=60))
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


def test_twelve_services_are_one_finding() -> None:
    scene = Scene()
    fill(scene, SHARED, 180)
    for number in range(12):
        waiting(scene, f"tenant-{number}")
    finding = scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED)
    assert {ref.path for ref in finding.affected} == {f"shop/tenant-{number}" for number in range(12)}


@pytest.mark.parametrize(("policy", "needed"), [("Cluster", 24), ("Local", 9)])
def test_ports_multiply_the_need(policy: str, needed: int) -> None:
    scene = Scene()
    fill(scene, SHARED, 183)
    waiting(scene, "admin", ports=PORTS, externalTrafficPolicy=policy)
    names = [port["name"] for port in PORTS]
    for piece in scene.kubernetes.objects.all("/apis/discovery.k8s.io/v1/endpointslices"):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == "admin":
            piece["ports"] = [{"name": name, "port": 9090, "protocol": "TCP"} for name in names]
    finding = scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED)
    assert finding.evidence["needed"] == {"shop/admin": needed}


def test_in_cluster_mode_the_ports_of_the_slices_do_not_matter() -> None:
    scene = Scene()
    fill(scene, SHARED, 170)
    waiting(scene, "admin", ports=PORTS)
    assert scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED).evidence["needed"] == {"shop/admin": 24}


def test_a_service_whose_slices_were_never_made() -> None:
    scene = Scene()
    fill(scene, SHARED, 180)
    waiting(scene, "admin", slices=False)
    assert scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED).evidence["needed"] == {"shop/admin": 8}


def test_a_service_without_endpoints_needs_no_room() -> None:
    scene = Scene()
    fill(scene, SHARED, 184)
    waiting(scene, "admin")
    empty_slices(scene, "shop", "admin")
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


def test_local_needs_only_nodes_with_pods() -> None:
    scene = Scene()
    fill(scene, SHARED, 181)
    waiting(scene, "admin", externalTrafficPolicy="Local")
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


def test_pods_as_backends_need_one_entry_each() -> None:
    scene = Scene()
    fill(scene, SHARED, 182)
    waiting(scene, "admin")
    eni = {"service.beta.kubernetes.io/backend-type": "eni"}
    edit_service(scene, "shop", "admin", lambda service: service["metadata"]["annotations"].update(eni))
    assert scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED).evidence["needed"] == {"shop/admin": 3}


EXCLUDED: list[tuple[str, Any]] = [
    ("label", {"node.kubernetes.io/exclude-from-external-load-balancers": ""}),
    ("label", {"service.beta.kubernetes.io/exclude-node": "true"}),
    ("label", {"service.alibabacloud.com/exclude-node": "true"}),
    ("label", {"alpha.service-controller.kubernetes.io/exclude-balancer": "true"}),
    ("label", {"node-role.kubernetes.io/control-plane": ""}),
    ("taint", [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1", "effect": "NoSchedule"}]),
    ("not ready", None),
    ("cordoned", None),
]


@pytest.mark.parametrize(("how", "value"), EXCLUDED)
def test_nodes_that_are_kept_out_are_not_needed(how: str, value: Any) -> None:
    scene = Scene()
    fill(scene, SHARED, 177)

    def change(node: Json) -> None:
        if how == "label":
            node["metadata"]["labels"].update(value)
        elif how == "taint":
            node["spec"]["taints"] = value
        elif how == "cordoned":
            node["spec"]["unschedulable"] = True
        else:
            for condition in node["status"]["conditions"]:
                if condition["type"] == "Ready":
                    condition["status"] = "Unknown"

    scene.kubernetes.patch(NODES, "cn-hangzhou.192.168.0.11", change)
    waiting(scene, "admin")
    if how == "cordoned":
        wish = {PREFIX + "remove-unscheduled-backend": "on"}
        edit_service(scene, "shop", "admin", lambda service: service["metadata"]["annotations"].update(wish))
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


def test_cordoned_nodes_stay_backends() -> None:
    scene = Scene()
    fill(scene, SHARED, 177)
    scene.kubernetes.patch(NODES, "cn-hangzhou.192.168.0.11", lambda node: node["spec"].update(unschedulable=True))
    waiting(scene, "admin")
    assert scene.audit(CHECK).one.severity is Severity.HIGH


def test_only_nodes_with_the_wanted_label_are_needed() -> None:
    scene = Scene()
    fill(scene, SHARED, 180)
    waiting(scene, "admin")
    wish = {PREFIX + "backend-label": "workload-class=compute"}
    edit_service(scene, "shop", "admin", lambda service: service["metadata"]["annotations"].update(wish))
    assert scene.audit(CHECK).one.severity is Severity.MEDIUM


OTHERS: list[dict[str, Any]] = [
    {"loadBalancerClass": "example.com/metal"},
    {"type": "ClusterIP"},
    {"type": "NodePort"},
]


@pytest.mark.parametrize("spec", OTHERS)
def test_services_of_others(spec: dict[str, Any]) -> None:
    scene = Scene()
    fill(scene, SHARED, 143)
    waiting(scene, "admin", ports=PORTS * 3, **spec)
    scene.audit(CHECK).is_quiet()


def test_a_service_whose_class_annotation_is_another() -> None:
    scene = Scene()
    limit(scene, 21)
    waiting(scene, "admin")
    other = {"service.beta.kubernetes.io/class": "other"}
    edit_service(scene, "shop", "admin", lambda service: service["metadata"]["annotations"].update(other))
    scene.audit(CHECK).is_quiet()


def test_a_service_whose_load_balancer_is_not_made_yet() -> None:
    scene = Scene()
    waiting(scene, "admin", balancer="", ports=PORTS)
    limit(scene, 23)
    finding = scene.audit(CHECK).one
    assert (finding.severity, finding.subject.kind) == (Severity.HIGH, "LoadBalancer")
    assert finding.evidence["used"] == 0


def test_a_service_that_names_a_load_balancer_that_is_gone() -> None:
    scene = Scene()
    waiting(scene, "admin", balancer="lb-bp1gone")
    scene.audit(CHECK).is_quiet()


# --- events ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [TEXT, f"Error Code: {CODE}", TEXT.replace("balancer.", "balancers")])
@pytest.mark.parametrize("waits", [True, False])
def test_a_refusal_confirms_whatever_the_numbers(message: str, waits: bool) -> None:
    scene = Scene()
    if waits:
        waiting(scene, "admin")
    name = "admin" if waits else "catalog-grpc"
    refuse(scene, name, f"Error syncing load balancer [{SHARED}]: Message: {message}")
    finding = scene.audit(CHECK).is_confirmed("LoadBalancer", SHARED)
    assert finding.severity is Severity.HIGH
    assert [ref.path for ref in finding.affected] == [f"shop/{name}"]


def test_a_refusal_that_is_cured() -> None:
    scene = Scene()
    refuse(scene, "catalog-grpc", TEXT, minutes_ago=30)
    add_event(scene, "catalog-grpc", "EnsuredLoadBalancer", "Ensured load balancer", minutes_ago=10)
    scene.audit(CHECK).is_quiet()


@pytest.mark.parametrize("message", ["Throttling: Request was denied", "VSwitchAvailableIpNotExist", "no permission"])
def test_refusals_for_other_causes(message: str) -> None:
    scene = Scene()
    refuse(scene, "catalog-grpc", message)
    scene.audit(CHECK).is_quiet()


def test_the_event_of_a_service_of_the_same_name_elsewhere() -> None:
    scene = Scene()
    refuse(scene, "catalog-grpc", TEXT, namespace="staging")
    scene.audit(CHECK).is_quiet()
