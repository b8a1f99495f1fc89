"""service/endpoints-empty: what only looks like a Service that nobody answers for."""

from collections.abc import Callable

import pytest

from auditor.judge.verdicts import Severity
from tests.scenarios.kit import Report, Scene
from tests.scenarios.services import (
    DAEMONSETS,
    DEPLOYMENTS,
    PODS,
    REPLICASETS,
    SERVICES,
    SLICES,
    Json,
    ago,
    copy,
    crashing,
    edit_pods,
    edit_service,
    edit_slices,
    empty_slices,
    going,
    gone,
    is_empty,
    scale,
    slices_of,
    unready,
)

CHECK = "service/endpoints-empty"
STATEFULSETS = "/apis/apps/v1/statefulsets"


def is_noted(report: Report, name: str, fault_word: str) -> None:
    """Assert that the only finding is a note on the Service."""
    finding = report.one
    assert (finding.severity, finding.subject.path) == (Severity.INFO, name)
    assert fault_word in str(finding.message), str(finding.message)


def test_the_healthy_cluster_is_quiet() -> None:
    report = Scene().audit(CHECK)
    report.is_quiet()
    assert not report.findings
    assert report.result.subjects == 22


def test_an_external_name() -> None:
    scene = Scene()

    def change(service: Json) -> None:
        service["spec"] = {"type": "ExternalName", "externalName": "db.example.com"}

    copy(scene, SERVICES, "ledger", "payments", "db", change)
    scene.audit(CHECK).is_quiet()


@pytest.mark.parametrize(
    "labels",
    [{}, {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}],
)
@pytest.mark.parametrize("conditions", [{"ready": True}, {}, {"ready": None}])
def test_a_manual_slice(labels: dict[str, str], conditions: Json) -> None:
    scene = Scene()
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].pop("selector"))

    def change(piece: Json) -> None:
        piece["metadata"]["labels"] = {"kubernetes.io/service-name": "ledger", **labels}
        piece["endpoints"] = [{"addresses": ["192.168.9.9"], "conditions": conditions}]
        piece["ports"] = [{"name": "", "port": 8080, "protocol": "TCP"}]

    edit_slices(scene, "payments", "ledger", change)
    scene.audit(CHECK).is_quiet()


@pytest.mark.parametrize("endpoints", [None, [], [{"addresses": ["192.168.9.9"], "conditions": {"ready": False}}]])
def test_a_manual_slice_without_ready_endpoints_is_only_noted(endpoints: list[Json] | None) -> None:
    scene = Scene()
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].pop("selector"))

    def change(piece: Json) -> None:
        piece["metadata"]["labels"] = {"kubernetes.io/service-name": "ledger"}
        piece["endpoints"] = endpoints

    edit_slices(scene, "payments", "ledger", change)
    scene.audit(CHECK).is_quiet()


ZERO: list[tuple[str, str, str, str]] = [
    (DEPLOYMENTS, "payments", "ledger", "Deployment payments/ledger"),
    (STATEFULSETS, "data", "redis", "StatefulSet data/redis"),
]


@pytest.mark.parametrize(("path", "namespace", "name", "word"), ZERO)
def test_scaled_to_zero(path: str, namespace: str, name: str, word: str) -> None:
    scene = gone(namespace, name, app=name)
    scale(scene, path, namespace, name, 0)
    for piece in ("redis-headless",) if name == "redis" else ():
        empty_slices(scene, namespace, piece)
    report = scene.audit(CHECK)
    report.is_quiet()
    assert {f.severity for f in report.findings} == {Severity.INFO}
    assert f"{namespace}/{name}" in {f.subject.path for f in report.findings}
    assert all(word in str(f.message) for f in report.findings)


def test_scaled_to_zero_while_the_last_pods_go() -> None:
    scene = Scene()
    edit_pods(scene, "payments", going, app="ledger")
    edit_slices(scene, "payments", "ledger", unready)
    scale(scene, DEPLOYMENTS, "payments", "ledger", 0)
    is_noted(scene.audit(CHECK), "payments/ledger", "want no Pods")


def test_scaled_to_zero_before_the_first_pod_goes() -> None:
    scene = Scene()
    empty_slices(scene, "payments", "ledger")
    scale(scene, DEPLOYMENTS, "payments", "ledger", 0)
    is_noted(scene.audit(CHECK), "payments/ledger", "want no Pods")


def test_a_daemonset_that_fits_no_node() -> None:
    scene = gone("logging", "syslog-gateway", app="syslog-gateway")

    def change(daemonset: Json) -> None:
        daemonset["status"] = {"desiredNumberScheduled": 0, "numberReady": 0}

    scene.kubernetes.patch(DAEMONSETS, "syslog-gateway", change, "logging")
    is_noted(scene.audit(CHECK), "logging/syslog-gateway", "want no Pods")


def test_a_replicaset_without_deployment_scaled_to_zero() -> None:
    scene = gone("payments", "ledger", app="ledger")
    scene.kubernetes.remove(DEPLOYMENTS, "ledger", "payments")
    (name,) = [
        item["metadata"]["name"]
        for item in scene.kubernetes.objects.all(REPLICASETS)
        if item["metadata"]["name"].startswith("ledger-")
    ]

    def change(replicaset: Json) -> None:
        replicaset["metadata"].pop("ownerReferences")
        replicaset["spec"]["replicas"] = 0

    scene.kubernetes.patch(REPLICASETS, name, change, "payments")
    is_noted(scene.audit(CHECK), "payments/ledger", "want no Pods")


def test_one_of_two_workloads_scaled_to_zero_is_no_excuse() -> None:
    scene = gone("payments", "ledger", app="ledger")
    scale(scene, DEPLOYMENTS, "payments", "ledger", 0)
    copy(scene, DEPLOYMENTS, "ledger", "payments", "ledger-green", lambda deployment: None)
    scale(scene, DEPLOYMENTS, "payments", "ledger-green", 2)
    is_empty(scene.audit(CHECK), "payments/ledger", "ledger-green")


def test_pods_of_a_job_that_has_ended() -> None:
    scene = Scene()
    selector = next(
        pod["metadata"]["labels"]
        for pod in scene.kubernetes.objects.all(PODS)
        if pod["metadata"]["namespace"] == "shop" and pod["status"]["phase"] == "Succeeded"
    )

    def change(service: Json) -> None:
        service["metadata"]["namespace"] = "shop"
        service["spec"]["selector"] = {"app": selector["app"]}

    copy(scene, SERVICES, "ledger", "payments", "sync", change)
    is_noted(scene.audit(CHECK), "shop/sync", "succeeded")


def test_addresses_of_pods_that_need_not_be_ready() -> None:
    scene = Scene()
    edit_service(scene, "data", "redis-headless", lambda service: service["spec"].update(publishNotReadyAddresses=True))
    edit_pods(scene, "data", crashing, app="redis")

    def change(piece: Json) -> None:
        for endpoint in piece["endpoints"]:
            endpoint["conditions"] = {"ready": True, "serving": False, "terminating": False}

    edit_slices(scene, "data", "redis-headless", change)
    scene.audit(CHECK).is_quiet()


def _one_ready(piece: Json) -> None:
    unready(piece)
    piece["endpoints"][0]["conditions"] = {}


def _numbered_port_gone(piece: Json) -> None:
    piece["endpoints"] = piece["endpoints"][:1]


@pytest.mark.parametrize("change", [_one_ready, _numbered_port_gone])
def test_one_ready_endpoint_is_enough(change: Callable[[Json], None]) -> None:
    scene = Scene()
    edit_slices(scene, "payments", "ledger", change)
    scene.audit(CHECK).is_quiet()


def test_a_ready_endpoint_in_the_second_slice() -> None:
    scene = Scene()
    (name,) = slices_of(scene, "payments", "ledger")
    copy(scene, SLICES, name, "payments", "ledger-second", lambda second: None)
    scene.kubernetes.patch(SLICES, name, lambda p: p.update(endpoints=None), "payments")
    scene.audit(CHECK).is_quiet()


def test_the_second_address_family_is_empty() -> None:
    scene = Scene()
    (name,) = slices_of(scene, "payments", "ledger")
    ipv6 = {"addressType": "IPv6", "endpoints": None, "ports": None}
    copy(scene, SLICES, name, "payments", "ledger-ipv6", lambda second: second.update(ipv6))
    scene.audit(CHECK).is_quiet()


def test_a_service_that_was_made_just_now() -> None:
    scene = Scene()

    def change(service: Json) -> None:
        service["metadata"]["creationTimestamp"] = ago(seconds=30)
        service["spec"]["selector"] = {"app": "not-yet"}

    copy(scene, SERVICES, "ledger", "payments", "young", change)
    scene.audit(CHECK).is_quiet()


def test_pods_that_are_starting() -> None:
    scene = Scene()

    def change(pod: Json) -> None:
        crashing(pod)
        pod["metadata"]["creationTimestamp"] = ago(seconds=40)

    edit_pods(scene, "payments", change, app="ledger")
    edit_slices(scene, "payments", "ledger", unready)
    scene.audit(CHECK).is_quiet()


def test_the_api_servers_own_service() -> None:
    scene = Scene()
    scene.kubernetes.patch(SLICES, "kubernetes", lambda piece: piece.update(endpoints=None), "default")
    scene.audit(CHECK).is_quiet()


@pytest.mark.parametrize("name", ["cnfs-cache-ds-service", "storage-monitor-service"])
def test_services_of_components_of_ack_that_are_switched_off(name: str) -> None:
    scene = Scene()

    def change(service: Json) -> None:
        service["spec"]["selector"] = {"app": name.removesuffix("-service")}

    copy(scene, SERVICES, "metrics-server", "kube-system", name, change)
    is_noted(scene.audit(CHECK), f"kube-system/{name}", "switched off")
