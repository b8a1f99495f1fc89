"""service/ecs-attachment-quota and service/ccm-unhealthy: why a Service waits for its load balancer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.kit import Scene
from tests.scenarios.services import (
    CCM,
    DAEMONSETS,
    PODS,
    SERVICES,
    SHARED,
    Json,
    add_event,
    ago,
    copy,
    crashing,
    edit_service,
    refuse,
    waiting,
)

ATTACHMENTS, MANAGER = "service/ecs-attachment-quota", "service/ccm-unhealthy"
LEASES = "/apis/coordination.k8s.io/v1/leases"
NODE, INSTANCE = "cn-hangzhou.192.168.0.11", "i-bp1vcw8abao0i6uxb1xi"
QUOTA = "slb/slb_quota_backendserver_attached_num"


def enter(scene: Scene, times: int, server: str = INSTANCE, balancer: str = "", **fields: Any) -> None:
    """Enter a server in so many groups of a load balancer that is not the cluster's."""
    slb = scene.cloud.state.slb
    if not balancer:
        balancer = "lb-bp1foreign"
        slb.add_load_balancer(balancer, VpcId=slb.load_balancers[SHARED]["VpcId"], Address="192.168.3.3")
    for number in range(times):
        slb.add_vserver_group(f"rsp-more{number}", balancer, "legacy", [{"ServerId": server, **fields}])


# --- attachments -------------------------------------------------------------------------------------------------


def test_healthy_nodes() -> None:
    report = Scene().audit(ATTACHMENTS)
    report.is_quiet()
    assert report.result.subjects == 8


def test_a_node_that_others_have_entered_too_often() -> None:
    scene = Scene()
    enter(scene, 46)
    finding = scene.audit(ATTACHMENTS).is_confirmed("Node", NODE)
    assert (finding.severity, finding.evidence["limit"]) == (Severity.HIGH, 50)
    assert finding.subject.id == INSTANCE


def test_a_node_near_its_limit() -> None:
    scene = Scene()
    scene.cloud.state.quotas.quotas[QUOTA]["TotalQuota"] = 7
    report = scene.audit(ATTACHMENTS)
    assert {finding.severity for finding in report.findings} == {Severity.MEDIUM}


def test_a_waiting_service_that_no_node_has_room_for() -> None:
    scene = Scene()
    scene.cloud.state.quotas.quotas[QUOTA]["TotalQuota"] = 7
    waiting(scene, "catalog-admin", "")
    report = scene.audit(ATTACHMENTS)
    assert {finding.subject.kind for finding in report.findings} == {"Node"}
    full = [finding for finding in report.findings if finding.severity is Severity.HIGH]
    assert full
    assert {ref.path for finding in full for ref in finding.affected} == {"shop/catalog-admin"}


def test_what_does_not_count() -> None:
    scene = Scene()
    enter(scene, 60, server="eni-bp1x", Type="eni")
    slb = scene.cloud.state.slb
    slb.add_load_balancer("lb-bp1othervpc", VpcId="vpc-other")
    slb.add_vserver_group("rsp-other", "lb-bp1othervpc", "x", [{"ServerId": "i-bp1elsewhere"}] * 60)
    scene.audit(ATTACHMENTS).is_quiet()


@pytest.mark.parametrize(
    "action",
    [
        "slb:DescribeLoadBalancers",
        "slb:DescribeVServerGroups",
        "slb:DescribeVServerGroupAttribute",
        "slb:DescribeMasterSlaveServerGroups",
        "slb:DescribeLoadBalancerAttribute",
        "quotas:ListProductQuotas",
        "cs:DescribeClusterDetail",
    ],
)
def test_attachments_without_a_permission(action: str) -> None:
    scene = Scene()
    scene.cloud.deny(action)
    scene.audit(ATTACHMENTS).is_open(ReasonKind.FORBIDDEN, action)


# --- the manager -------------------------------------------------------------------------------------------------


def renew(scene: Scene, name: str, seconds_ago: float) -> None:
    """Set when a Lease was last renewed."""
    at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    scene.kubernetes.patch(LEASES, name, lambda lease: lease["spec"].update(renewTime=at), "kube-system")


def lives(scene: Scene) -> None:
    """Let all of the control plane renew its Leases now."""
    for lease in scene.kubernetes.objects.all(LEASES):
        if lease["metadata"]["namespace"] == "kube-system":
            renew(scene, lease["metadata"]["name"], 3)


@pytest.mark.parametrize("alive", [True, False])
def test_a_healthy_manager(alive: bool) -> None:
    scene = Scene()
    if alive:
        lives(scene)
    scene.audit(MANAGER).is_quiet()


def test_a_manager_that_renews_nothing() -> None:
    scene = Scene()
    lives(scene)
    renew(scene, "ccm", 600)
    waiting(scene, "catalog-admin", "")
    edit_service(scene, "shop", "catalog-admin", lambda service: service["metadata"].pop("finalizers"))
    finding = scene.audit(MANAGER).is_confirmed("Lease", "kube-system/ccm")
    assert finding.severity is Severity.HIGH
    assert [ref.path for ref in finding.affected] == ["shop/catalog-admin"]


def test_a_manager_that_renews_nothing_in_a_cluster_whose_clock_differs() -> None:
    scene = Scene()
    scene.kubernetes.patch(
        LEASES, "ccm", lambda lease: lease["spec"].update(renewTime="2026-11-22T22:30:24.947288Z"), "kube-system"
    )
    scene.audit(MANAGER).is_confirmed("Lease", "kube-system/ccm")


def test_an_addon_that_failed() -> None:
    scene = Scene()

    def fail(answer: Json) -> None:
        for addon in answer["addons"]:
            if addon["name"] == CCM:
                addon["state"] = "failed"

    scene.cloud.mutate("cs:ListClusterAddonInstances", fail)
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.path, finding.severity) == (f"kube-system/{CCM}", Severity.HIGH)


def test_a_manager_of_a_dedicated_cluster_that_crashes() -> None:
    scene = Scene()
    labels = {"app": CCM}

    def workload(daemonset: Json) -> None:
        daemonset["metadata"]["labels"] = labels
        daemonset["spec"]["selector"] = {"matchLabels": labels}
        daemonset["status"]["desiredNumberScheduled"] = 1

    def pod(made: Json) -> None:
        made["metadata"]["labels"] = labels
        crashing(made)

    copy(scene, DAEMONSETS, "kube-flannel-ds", "kube-system", CCM, workload)
    like = next(
        one["metadata"]["name"]
        for one in scene.kubernetes.objects.all(PODS)
        if one["metadata"]["name"].startswith("kube-flannel-ds")
    )
    copy(scene, PODS, like, "kube-system", f"{CCM}-x1", pod)
    scene.audit(MANAGER).is_confirmed("DaemonSet", f"kube-system/{CCM}")


def test_a_service_whose_vswitch_is_full() -> None:
    scene = Scene()
    waiting(scene, "catalog-admin", "")
    refuse(scene, "catalog-admin", "Message: The specified VSwitch has no available ip.")
    finding = scene.audit(MANAGER).is_confirmed("Service", "shop/catalog-admin")
    assert finding.evidence["cause"] == "vswitch-full"


def test_a_service_that_nobody_touched() -> None:
    scene = Scene()
    waiting(scene, "catalog-admin", "")
    edit_service(scene, "shop", "catalog-admin", lambda service: service["metadata"].pop("finalizers"))
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.path, finding.certainty) == ("shop/catalog-admin", Certainty.LIKELY)


def test_services_that_only_look_as_if() -> None:
    scene = Scene()
    waiting(scene, "admin-new", "", age=ago(seconds=30))
    refuse(scene, "catalog-grpc", "Message: busy", minutes_ago=9)
    add_event(scene, "catalog-grpc", "EnsuredLoadBalancer", "Ensured load balancer", minutes_ago=2)
    scene.audit(MANAGER).is_quiet()


@pytest.mark.parametrize(
    ("side", "permission"),
    [
        ("kubernetes", "list leases.coordination.k8s.io"),
        ("kubernetes", "list events"),
        ("kubernetes", "list services"),
        ("kubernetes", "list deployments.apps"),
        ("kubernetes", "list daemonsets.apps"),
        ("cloud", "cs:ListClusterAddonInstances"),
    ],
)
def test_the_manager_without_a_permission(side: str, permission: str) -> None:
    scene = Scene()
    (scene.kubernetes if side == "kubernetes" else scene.cloud).deny(permission)
    scene.audit(MANAGER).is_open(ReasonKind.FORBIDDEN, permission)


def test_a_service_without_class_that_is_no_business_of_the_manager() -> None:
    scene = Scene()

    def inner(service: Json) -> None:
        service["spec"]["type"] = "ClusterIP"
        service["status"] = {"loadBalancer": {}}

    copy(scene, SERVICES, "catalog-grpc", "shop", "catalog-inner", inner)
    scene.audit(MANAGER).is_quiet()
