"""service/endpoints-empty: Services that nobody answers for, and what only looks like it."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from tests.scenarios.kit import Scene
from tests.scenarios.services import (
    SLICES,
    Json,
    ago,
    crashing,
    edit_pods,
    edit_service,
    edit_slices,
    empty_slices,
    going,
    gone,
    is_empty,
    pods_of,
    remove_pods,
    slices_of,
    unready,
)

CHECK = "service/endpoints-empty"
STATEFULSETS = "/apis/apps/v1/statefulsets"


# --- the reasons, in their order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", [None, {}])
@pytest.mark.parametrize("slices", ["none", "left over"])
def test_no_selector_and_no_manual_slice(selector: Json | None, slices: str) -> None:
    scene = Scene()
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].update(selector=selector))
    empty_slices(scene, "payments", "ledger")
    if slices == "none":
        (name,) = slices_of(scene, "payments", "ledger")
        scene.kubernetes.remove(SLICES, name, "payments")
    is_empty(scene.audit(CHECK), "payments/ledger", "neither a selector nor an endpoint slice")


@pytest.mark.parametrize("endpoints", [None, []])
def test_the_selector_matches_no_pod(endpoints: list[Json] | None) -> None:
    scene = Scene()
    selector = {"app": "ledgers"}
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].update(selector=selector))
    empty_slices(scene, "payments", "ledger", endpoints)
    finding = is_empty(scene.audit(CHECK), "payments/ledger", "app=ledgers", "matches no Pod")
    assert finding.evidence["matching_pods"] == 0


def test_a_selector_of_which_one_label_is_wrong() -> None:
    scene = Scene()
    edit_service(scene, "payments", "ledger", lambda service: service["spec"]["selector"].update(release="blue"))
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger", "nearest is ledger-")


def test_pods_of_another_namespace_do_not_count() -> None:
    scene = Scene()
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].update(selector={"app": "cart"}))
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger", "matches no Pod")


def test_a_workload_that_wants_pods_and_has_none() -> None:
    is_empty(gone("payments", "ledger", app="ledger").audit(CHECK), "payments/ledger", "Deployment payments/ledger")


def test_none_of_the_pods_is_ready() -> None:
    scene = Scene()
    edit_pods(scene, "payments", crashing, app="ledger")
    edit_slices(scene, "payments", "ledger", unready)
    finding = is_empty(scene.audit(CHECK), "payments/ledger", "none of the 2 Pods", "CrashLoopBackOff")
    assert [ref.name for ref in finding.affected] == pods_of(scene, "payments", app="ledger")


def test_a_readiness_probe_that_fails() -> None:
    scene = Scene()

    def change(pod: Json) -> None:
        crashing(pod)
        for status in pod["status"]["containerStatuses"]:
            status["state"] = {"running": {"startedAt": ago(hours=2)}}

    edit_pods(scene, "payments", change, app="ledger")
    edit_slices(scene, "payments", "ledger", unready)
    is_empty(scene.audit(CHECK), "payments/ledger", "readiness probe")


def test_pods_that_wait_for_a_node() -> None:
    scene = Scene()

    def change(pod: Json) -> None:
        del pod["spec"]["nodeName"]
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/8 nodes"}
        pod["status"] = {"phase": "Pending", "conditions": [condition]}

    edit_pods(scene, "payments", change, app="ledger")
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger", "waits for a node")


def test_a_named_target_port_that_nobody_declares() -> None:
    scene = Scene()
    edit_service(scene, "logging", "kibana", lambda service: service["spec"]["ports"][0].update(targetPort="web"))
    edit_slices(scene, "logging", "kibana", lambda piece: piece.update(ports=None))
    is_empty(scene.audit(CHECK), "logging/kibana", "declares the target port", "web")


def test_a_named_target_port_and_slices_without_endpoints() -> None:
    scene = Scene()
    edit_service(scene, "logging", "kibana", lambda service: service["spec"]["ports"][0].update(targetPort="web"))
    empty_slices(scene, "logging", "kibana")
    is_empty(scene.audit(CHECK), "logging/kibana", "web")


def test_not_ready_comes_before_the_named_port() -> None:
    scene = Scene()
    edit_service(scene, "logging", "kibana", lambda service: service["spec"]["ports"][0].update(targetPort="web"))
    empty_slices(scene, "logging", "kibana")
    edit_pods(scene, "logging", crashing, app="kibana")
    is_empty(scene.audit(CHECK), "logging/kibana", "CrashLoopBackOff")


@pytest.mark.parametrize("serving", [True, False])
def test_all_pods_are_terminating(serving: bool) -> None:
    scene = Scene()
    edit_pods(scene, "payments", going, app="ledger")

    def change(piece: Json) -> None:
        for endpoint in piece["endpoints"]:
            endpoint["conditions"] = {"ready": False, "serving": serving, "terminating": True}

    edit_slices(scene, "payments", "ledger", change)
    is_empty(scene.audit(CHECK), "payments/ledger", "being deleted")


def test_slices_that_do_not_follow_ready_pods() -> None:
    scene = Scene()
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger", "Ready")


def test_only_failed_pods() -> None:
    scene = Scene()
    edit_pods(scene, "payments", lambda pod: pod.update(status={"phase": "Failed", "reason": "Evicted"}), app="ledger")
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger")


def test_pods_that_have_succeeded_beside_a_workload_that_wants_others() -> None:
    scene = Scene()
    edit_pods(scene, "payments", lambda pod: pod.update(status={"phase": "Succeeded"}), app="ledger")
    empty_slices(scene, "payments", "ledger")
    is_empty(scene.audit(CHECK), "payments/ledger", "Deployment payments/ledger")


def test_a_headless_service() -> None:
    scene = Scene()
    edit_pods(scene, "data", crashing, app="redis")
    edit_slices(scene, "data", "redis-headless", unready)
    is_empty(scene.audit(CHECK), "data/redis-headless")


def test_a_daemonset_whose_pods_are_not_ready() -> None:
    scene = Scene()
    edit_pods(scene, "logging", crashing, app="syslog-gateway")
    edit_slices(scene, "logging", "syslog-gateway", unready)
    is_empty(scene.audit(CHECK), "logging/syslog-gateway", "8 Pods")


def test_the_clusters_dns() -> None:
    scene = Scene()
    edit_service(scene, "kube-system", "kube-dns", lambda s: s["spec"].update(selector={"k8s-app": "core-dns"}))
    empty_slices(scene, "kube-system", "kube-dns")
    is_empty(scene.audit(CHECK), "kube-system/kube-dns")


def test_each_service_is_a_finding_of_its_own() -> None:
    scene = Scene()
    remove_pods(scene, "payments", app="ledger")
    remove_pods(scene, "payments", app="fraud-scorer")
    for name in ("ledger", "fraud-scorer"):
        empty_slices(scene, "payments", name)
    report = scene.audit(CHECK)
    assert {f.subject.path for f in report.loud} == {"payments/ledger", "payments/fraud-scorer"}


# --- what can not be looked at -----------------------------------------------------------------------------------


@pytest.mark.parametrize("permission", ["list services", "list endpointslices.discovery.k8s.io"])
def test_a_permission_without_which_nothing_is_seen(permission: str) -> None:
    scene = gone("payments", "ledger", app="ledger")
    scene.kubernetes.deny(permission)
    scene.audit(CHECK).is_open(ReasonKind.FORBIDDEN, permission)


@pytest.mark.parametrize(
    "permission",
    [
        "list pods",
        "list deployments.apps",
        "list statefulsets.apps",
        "list replicasets.apps",
        "list daemonsets.apps",
    ],
)
def test_a_permission_that_decides_between_fault_and_purpose(permission: str) -> None:
    scene = gone("payments", "ledger", app="ledger")
    scene.kubernetes.deny(permission)
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.FORBIDDEN, permission)
    assert report.result.subjects == 21


def test_a_cluster_that_has_no_slices() -> None:
    scene = gone("payments", "ledger", app="ledger")
    scene.kubernetes.objects.withdraw(SLICES)
    report = scene.audit(CHECK)
    assert report.status is Status.NOT_EVALUATED
    assert not report.findings
    assert report.kinds == {ReasonKind.UNSUPPORTED}


def test_a_slice_that_can_not_be_read() -> None:
    scene = Scene()

    def change(piece: Any) -> None:
        piece["endpoints"] = "spoilt"

    edit_slices(scene, "payments", "ledger", change)
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.MALFORMED)
    assert report.result.subjects == 21
