"""Each right that the checks of autoscaling need, taken away: what is said of it, and that nothing else is changed."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from auditor.collect.permissions import permissions_of
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit as units
from tests.scenarios.autoscaling import DEPLOYMENTS, ZONE, H, K, group, made_of, only_in, wait
from tests.scenarios.kit import Report, Scene

PENDING = "autoscaling/pending-not-for-resources"
IN_ZONE = "autoscaling/pool-in-other-zone"
SIZE = "autoscaling/pool-instance-too-small"
MATCH = "autoscaling/pool-does-not-match-pod"
GROWS = "autoscaling/scaling-group-cannot-grow"
HEALTH = "autoscaling/autoscaler-unhealthy"
ROLE = "autoscaling/role-lacks-permission"
LOGS = "autoscaling/autoscaler-log-errors"
AUTOSCALER = "cluster-autoscaler"
ALWAYS = "cs:DescribeClusterDetail"
"""Without it no audit begins."""


def zone_mismatch() -> Scene:
    return wait(only_in(Scene(), H), nodeSelector={ZONE: K})


def too_large() -> Scene:
    return wait(Scene(), requests={"cpu": "64"})


def for_larger_types_only() -> Scene:
    return wait(made_of(Scene(), "ecs.g7.2xlarge", "ecs.g7.xlarge"), requests={"cpu": "6"})


def no_such_label() -> Scene:
    return wait(Scene(), nodeSelector={"disk": "ssd"})


def refused_by_all() -> Scene:
    return wait(Scene(), "0/8 nodes are available: 8 node(s) had untolerated taint {dedicated: gpu}.")


def full_group() -> Scene:
    scene = wait(Scene())
    group(scene)["TotalCapacity"] = 10
    return scene


def suspended_group() -> Scene:
    scene = wait(Scene())
    group(scene)["SystemSuspended"] = True
    return scene


def scaled_to_zero() -> Scene:
    scene = Scene()
    scene.kubernetes.patch(DEPLOYMENTS, AUTOSCALER, lambda made: made["spec"].update(replicas=0), "kube-system")
    return scene


def worker_role_used() -> Scene:
    def unmount(made: dict[str, dict[str, dict[str, dict[str, object]]]]) -> None:
        made["spec"]["template"]["spec"]["volumes"] = []

    scene = Scene()
    scene.kubernetes.patch(DEPLOYMENTS, AUTOSCALER, unmount, "kube-system")
    return scene


def log_line() -> Scene:
    scene = Scene(probes=("component-logs",))
    for made in scene.kubernetes.objects.all("/api/v1/pods"):
        if made["metadata"]["name"].startswith(f"{AUTOSCALER}-"):
            name = made["metadata"]["name"]
            scene.kubernetes.logs[f"kube-system/{name}"] = "E1122 22:40:06.1 1 x.go:1] OperationDenied.NoStock\n"
    return scene


FAULTS: dict[str, tuple[str, Callable[[], Scene]]] = {
    "zone": (IN_ZONE, zone_mismatch),
    "size": (SIZE, too_large),
    "mixed": (SIZE, for_larger_types_only),
    "label": (MATCH, no_such_label),
    "taint": (PENDING, refused_by_all),
    "full": (GROWS, full_group),
    "suspended": (GROWS, suspended_group),
    "zero": (HEALTH, scaled_to_zero),
    "role": (ROLE, worker_role_used),
    "log": (LOGS, log_line),
}


def rights(check: str) -> list[str]:
    return [right for right in permissions_of(needed_tables([units.check(check)])) if right != ALWAYS]


def cases() -> Iterator[tuple[str, str]]:
    for fault, (check, _) in FAULTS.items():
        for right in rights(check):
            yield fault, right


def without(scene: Scene, right: str) -> Scene:
    """Take a right away: names of the cloud have a colon."""
    if ":" in right:
        scene.cloud.deny(right)
    else:
        scene.kubernetes.deny(right)
    return scene


def said_by(report: Report) -> dict[str, tuple[Severity, Certainty]]:
    return {finding.fingerprint: (finding.severity, finding.certainty) for finding in report.loud}


@cache
def with_all_rights(fault: str) -> dict[str, tuple[Severity, Certainty]]:
    check, plant = FAULTS[fault]
    return said_by(plant().audit(check))


@pytest.mark.parametrize(("fault", "right"), list(cases()))
def test_a_fault_is_told_as_before_or_the_right_is_named(fault: str, right: str) -> None:
    before = with_all_rights(fault)
    assert before, "the fault is found with all rights"
    check, plant = FAULTS[fault]
    report = without(plant(), right).audit(check)
    after = said_by(report)
    assert set(after) <= set(before), "nothing else is said"
    if after != before:  # not found, or that Pods suffer by it is not known
        assert right in report.missing, (right, report.reasons)
    assert report.status is (Status.FOUND if report.findings else Status.NOT_EVALUATED)
