"""autoscaling/scaling-group-cannot-grow from end to end."""

from collections.abc import Callable

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.autoscaling import GROUP, POOL, TYPE, H, I, K, ago, group, pool, wait
from tests.scenarios.kit import Report, Scene

CHECK = "autoscaling/scaling-group-cannot-grow"
Change = Callable[[Scene], object]


def audit(change: Change, *, awaited: bool = True) -> Report:
    scene = wait(Scene()) if awaited else Scene()
    change(scene)
    return scene.audit(CHECK)


def fail(code: str, status: str = "Failed", **fields: str) -> Change:
    def change(scene: Scene) -> None:
        given = {"Description": 'Add "1" ECS instance', "StatusMessage": "Fail to create instance", **fields}
        times = {"StartTime": ago(minutes=9), "EndTime": ago(minutes=8)}
        scene.cloud.state.ess.add_activity(GROUP, "asa-1", StatusCode=status, ErrorCode=code, **times, **given)

    return change


def sell_out(*zones: str, payment: str = "") -> Change:
    return lambda scene: scene.cloud.state.ecs.sold_out.update((TYPE, zone, payment) for zone in zones)


CERTAIN = [
    pytest.param(lambda scene: scene.cloud.state.ess.scaling_groups.pop(GROUP), id="deleted"),
    pytest.param(lambda scene: group(scene).update(LifecycleState="Inactive"), id="disabled"),
    pytest.param(
        lambda scene: group(scene).update(SuspendedProcesses={"SuspendedProcess": ["ScaleOut"]}), id="ScaleOut"
    ),
    pytest.param(lambda scene: group(scene).update(SystemSuspended=True), id="by the service"),
    pytest.param(fail("OperationDenied.NoStock"), id="no stock"),
    pytest.param(fail("QuotaExceed.ElasticQuota", "Rejected"), id="quota"),
    pytest.param(lambda scene: scene.cloud.state.ess.set_diagnosis(GROUP, "VSwitch", "Critical", "X"), id="diagnosed"),
]


@pytest.mark.parametrize("change", CERTAIN)
def test_it_cannot_grow(change: Change) -> None:
    finding = audit(change).is_confirmed("ScalingGroup", GROUP)
    assert finding.severity is Severity.HIGH
    alone = audit(change, awaited=False).is_confirmed("ScalingGroup", GROUP)
    assert alone.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda scene: group(scene).update(TotalCapacity=10), id="the group's bound"),
        pytest.param(lambda scene: pool(scene)["auto_scaling"].update(max_instances=3), id="the pool's bound"),
        pytest.param(lambda scene: scene.cloud.state.cs.set_quota("node_quota", 8), id="the quota of nodes"),
    ],
)
def test_full(change: Change) -> None:
    finding = audit(change).is_confirmed("ScalingGroup", GROUP)
    assert finding.severity is Severity.HIGH
    report = audit(change, awaited=False)
    report.is_quiet()
    assert report.one.severity is Severity.INFO


def test_sold_out() -> None:
    finding = audit(sell_out(H, I, K)).is_confirmed("ScalingGroup", GROUP)
    assert finding.severity is Severity.HIGH
    alone = audit(sell_out(H, I, K), awaited=False).loud_one
    assert (alone.severity, alone.certainty) == (Severity.LOW, Certainty.AT_RISK)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda scene: None, id="healthy"),
        pytest.param(sell_out(H, I), id="one zone has stock"),
        pytest.param(sell_out(H, I, K, payment="PrePaid"), id="sold out for another payment"),
        pytest.param(
            lambda scene: group(scene).update(SuspendedProcesses={"SuspendedProcess": ["ScaleIn", "HealthCheck"]}),
            id="other processes",
        ),
        pytest.param(fail("", "InProgress"), id="in progress"),
        pytest.param(fail("X", Description='Remove "1" ECS instance'), id="scale-in"),
        pytest.param(fail("", "Rejected", StatusMessage="cooldown"), id="cooldown"),
        pytest.param(
            lambda scene: scene.cloud.state.ess.set_diagnosis(GROUP, "ElasticStrength", "Warn", "Weak"), id="warning"
        ),
    ],
)
def test_it_can_grow(change: Change) -> None:
    audit(change).is_quiet()


def test_a_success_after_a_failure() -> None:
    def change(scene: Scene) -> None:
        fail("OperationDenied.NoStock")(scene)
        scene.cloud.state.ess.add_activity(
            GROUP, "asa-2", Description='Add "1" ECS instance', StartTime=ago(minutes=3), EndTime=ago(minutes=2)
        )

    audit(change).is_quiet()


def test_pools_that_are_scaled_by_hand() -> None:
    def change(scene: Scene) -> None:
        pool(scene, POOL)["auto_scaling"]["enable"] = False
        scene.cloud.state.ess.scaling_groups.clear()

    audit(change).is_quiet(Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    "action",
    [
        *("ess:DescribeScalingActivities", "ess:DescribeScalingGroupDiagnoseDetails", "ecs:DescribeAvailableResource"),
        *("cs:DescribeUserQuota", "vpc:DescribeVSwitches", "ess:DescribeScalingConfigurations"),
        *("ess:DescribeScalingGroups", "cs:DescribeClusterNodePools"),
    ],
)
def test_denied(action: str) -> None:
    audit(lambda scene: scene.cloud.deny(action), awaited=False).is_open(ReasonKind.FORBIDDEN, action)


def test_a_null_in_the_place_of_a_list_says_nothing() -> None:
    change: Change = lambda scene: group(scene).update(SuspendedProcesses=None)  # noqa: E731
    audit(change).is_open(ReasonKind.MALFORMED)


def test_what_is_certain_stays_so() -> None:
    def change(scene: Scene) -> None:
        group(scene).update(SystemSuspended=True)
        for action in ("ess:DescribeScalingActivities", "ecs:DescribeAvailableResource", "cs:DescribeUserQuota"):
            scene.cloud.deny(action)

    finding = audit(change).is_confirmed("ScalingGroup", GROUP)
    assert finding.severity is Severity.HIGH
