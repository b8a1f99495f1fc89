"""autoscaling/scaling-group-cannot-grow."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import ContainerQuota
from auditor.facts.cloud.ess import (
    Diagnosis,
    PoolStrength,
    ScalingActivity,
    ScalingConfiguration,
    ScalingGroupActivities,
    ScalingGroupDiagnosis,
    ScalingGroupStrength,
)
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.pools import (
    LARGE,
    SMALL,
    event,
    group,
    in_zone,
    landscape,
    node,
    pool,
    stock,
    vswitch,
    waiting,
)

CHECK = "autoscaling/scaling-group-cannot-grow"
BURST = pool()
NO_STOCK = [stock(LARGE, h="WithoutStock", i="ClosedWithoutStock", k="WithStock")]
Json = dict[str, Any]


def one(base: Landscape, name: str = "burst") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, name)
    return finding


def with_group(*pods: Any, tables: Json | None = None, **more: Any) -> Landscape:
    return landscape(*pods, pools=[BURST], **{"scaling_groups": [group(BURST, **more)], **(tables or {})})


def activity(status: str, minutes: float = 5, **more: Any) -> ScalingActivity:
    given: Json = {
        "description": 'Add "1" ECS instance',
        "cause": 'A user requests to execute scaling rule "asr-1", changing the Total Capacity from "3" to "4".',
        "started_at": kit.OBSERVED_AT - timedelta(minutes=minutes),
        **more,
    }
    return ScalingActivity(f"asa-{status}-{minutes}", status, **given)


def with_activities(*activities: ScalingActivity, pods: Any = (), **tables: Any) -> Landscape:
    return landscape(*pods, scaling_activities=[ScalingGroupActivities("asg-burst", list(activities))], **tables)


# Out of order


def test_a_missing_group_is_the_subject_by_its_id() -> None:
    base = landscape(waiting(), scaling_groups=[])
    (finding,) = kit.finds(CHECK, base, "asg-burst")
    assert (finding.subject.kind, finding.subject.id) == ("ScalingGroup", "asg-burst")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "inactive or deleted" in str(finding.message)
    assert [ref.path for ref in finding.affected] == ["shop/big"]
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("NodePool", HopState.OK),
        ("ScalingGroup", HopState.BROKEN),
    ]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"lifecycle_state": "Inactive"}, id="inactive"),
        pytest.param({"lifecycle_state": "Deleting"}, id="deleting"),
        pytest.param({"suspended_processes": ["ScaleOut"]}, id="scale-out suspended"),
        pytest.param({"suspended_processes": ["scale-out", "scale-in"]}, id="as the newer API writes it"),
        pytest.param({"system_suspended": True}, id="suspended by the service"),
    ],
)
def test_out_of_order(more: Json) -> None:
    finding = one(with_group(waiting(), **more))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.subject.id == "asg-burst"
    alone = one(with_group(**more))
    assert (alone.severity, alone.certainty) == (Severity.MEDIUM, Certainty.CONFIRMED)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"suspended_processes": ["ScaleIn", "HealthCheck", "AlarmNotification"]}, id="other processes"),
        pytest.param({"system_suspended": None}, id="not said"),
        pytest.param({"lifecycle_state": None}, id="state not said"),
    ],
)
def test_in_order(more: Json) -> None:
    kit.stays_quiet(CHECK, with_group(waiting(), **more))


# Full


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"total_capacity": 10}, id="both bounds"),
        pytest.param({"total_capacity": 11}, id="beyond"),
        pytest.param({"total_capacity": 10, "max_size": 2000}, id="the pool's bound"),
        pytest.param({"total_capacity": 5, "max_size": 5}, id="the group's bound"),
    ],
)
def test_at_its_maximum(more: Json) -> None:
    finding = one(with_group(waiting(), **more))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    alone = one(with_group(**more))
    assert (alone.severity, alone.certainty) == (Severity.INFO, Certainty.CONFIRMED)


def test_nodes_that_are_being_added_will_serve_it() -> None:
    kit.stays_quiet(CHECK, with_group(waiting(), total_capacity=10, pending_capacity=1))


def test_the_last_node_was_made_for_this_pod() -> None:
    pod = waiting()
    base = with_group(pod, tables={"events": [event(pod, "TriggeredScaleUp")]}, total_capacity=10)
    assert one(base).severity is Severity.INFO


def test_the_quota_of_nodes() -> None:
    quota: Json = {"container_quotas": [ContainerQuota("node_quota", 1)]}
    finding = one(landscape(waiting(), **quota))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "quota" in str(finding.message)
    assert one(landscape(**quota)).severity is Severity.INFO
    virtual = node("v", labels={"type": "virtual-kubelet"})
    kit.stays_quiet(
        CHECK, landscape(waiting(), nodes=[virtual, node("a")], container_quotas=[ContainerQuota("node_quota", 2)])
    )
    kit.stays_quiet(CHECK, landscape(waiting(), container_quotas=[ContainerQuota("cluster_quota", 1)]))


# Sold out


def test_sold_out_in_all_its_zones() -> None:
    finding = one(landscape(waiting(), type_stocks=NO_STOCK))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["stock"] == [
        f"{LARGE} {make.zone('h')}: WithoutStock",
        f"{LARGE} {make.zone('i')}: ClosedWithoutStock",
    ]
    alone = one(landscape(type_stocks=NO_STOCK))
    assert (alone.severity, alone.certainty) == (Severity.LOW, Certainty.AT_RISK)


@pytest.mark.parametrize("stocks", [stock(LARGE), stock(LARGE, k="WithStock")])
def test_not_offered_in_its_zones(stocks: Any) -> None:
    assert one(landscape(waiting(), type_stocks=[stocks])).severity is Severity.HIGH


@pytest.mark.parametrize("category", ["WithStock", "ClosedWithStock"])
def test_one_zone_with_stock_is_enough(category: str) -> None:
    kit.stays_quiet(CHECK, landscape(waiting(), type_stocks=[stock(LARGE, h="WithoutStock", i=category)]))


def test_one_type_with_stock_is_enough() -> None:
    both = [pool(types=[LARGE, "ecs.c7.2xlarge"])]
    other = stock("ecs.c7.2xlarge", h="WithStock")
    kit.stays_quiet(CHECK, landscape(waiting(), pools=both, type_stocks=[*NO_STOCK, other], nodes=[]))


def test_spot_is_likely_as_other_instances_may_stand_in() -> None:
    spot = pool(spot_strategy="SpotAsPriceGo")
    made_from = [ScalingConfiguration("asc-burst", "asg-burst", "Active", [LARGE], spot_strategy="SpotAsPriceGo")]
    stocks = [stock(LARGE, "SpotAsPriceGo", h="WithoutStock", i="WithoutStock")]
    base = landscape(waiting(), pools=[spot], scaling_configurations=made_from, type_stocks=stocks)
    assert one(base).certainty is Certainty.LIKELY


def test_sizes_in_the_place_of_types_are_judged_by_the_chance_to_get_them() -> None:
    burst = pool(types=[])
    made_from = [ScalingConfiguration("asc-burst", "asg-burst", "Active")]

    def audited(*pools: PoolStrength) -> Landscape:
        strengths = [ScalingGroupStrength("asg-burst", 0.0, "Weak", list(pools))]
        tables: Json = {"scaling_configurations": made_from, "scaling_strengths": strengths, "type_stocks": []}
        return landscape(waiting(), pools=[burst], **tables)

    none_left = PoolStrength(SMALL, make.zone("h"), 0.0, "Unavailable", "NoStock")
    assert one(audited(none_left)).severity is Severity.HIGH
    kit.stays_quiet(CHECK, audited(none_left, PoolStrength(LARGE, make.zone("h"), 0.4, "Available")))
    kit.stays_quiet(CHECK, audited())


# Failed activities


@pytest.mark.parametrize(
    ("code", "message", "cause"),
    [
        ("OperationDenied.NoStock", "The resource is out of stock in the specified zone.", "out of stock"),
        ("QuotaExceed.ElasticQuota", "The vCPU quota is exceeded.", "quota"),
        ("InvalidVSwitchId.IpNotEnough", "The specified VSwitch has not enough IpAddress.", "no free address"),
        ("Forbidden.RAM", "User not authorized to operate on the resource.", "permission"),
        ("Account.Arrearage", "Your account has an outstanding payment.", "payment overdue"),
        ("InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.", "security group"),
        ("", "The current status of the load balancer lb-1 does not support this action.", "load balancer"),
        ("InvalidKeyPairName.NotFound", "The specified KeyPairName does not exist.", "not valid any more"),
        ("SomethingNew", "Nobody knows.", "see the message"),
    ],
)
@pytest.mark.parametrize("status", ["Failed", "Rejected"])
def test_the_last_scale_out_failed(status: str, code: str, message: str, cause: str) -> None:
    failed = activity(status, error_code=code, status_message=message)
    finding = one(with_activities(failed, activity("Successful", 300), pods=[waiting()]))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert message in str(finding.message)
    assert cause in str(finding.message)
    assert one(with_activities(failed)).severity is Severity.MEDIUM


def test_a_scale_out_that_worked_in_part() -> None:
    partly = activity("Warning", error_code="OperationDenied.NoStock", status_message="1 of 2 instances failed")
    finding = one(with_activities(partly, pods=[waiting()]))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
    alone = one(with_activities(partly))
    assert (alone.severity, alone.certainty) == (Severity.LOW, Certainty.AT_RISK)


@pytest.mark.parametrize(
    "activities",
    [
        pytest.param([], id="none"),
        pytest.param([activity("Successful"), activity("Failed", 60)], id="it has worked since"),
        pytest.param([activity("Failed", 60), activity("Successful")], id="in another order"),
        pytest.param([activity("InProgress"), activity("Failed", 60)], id="it is tried again"),
        pytest.param([activity("Failed", 60 * 30)], id="long ago"),
        pytest.param(
            [activity("Failed", description='Remove "1" ECS instance', cause='from "4" to "3"')], id="scale-in"
        ),
        pytest.param([activity("Rejected", status_message="The scaling group is in cooldown.")], id="cooldown"),
        pytest.param(
            [activity("Rejected", status_message="There is a scaling activity in progress.")], id="another under way"
        ),
        pytest.param(
            [activity("Rejected", status_message="The total capacity will not change.")], id="nothing to change"
        ),
    ],
)
def test_activities_that_are_in_order(activities: list[ScalingActivity]) -> None:
    kit.stays_quiet(CHECK, with_activities(*activities, pods=[waiting()]))


def test_out_of_stock_is_told_once() -> None:
    failed = activity("Failed", error_code="OperationDenied.NoStock")
    finding = one(with_activities(failed, pods=[waiting()], type_stocks=NO_STOCK))
    assert "none of its instance types" in str(finding.message)


# Auto Scaling's own diagnosis


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("VSwitch", "VSwitchIdNotFound"),
        ("SecurityGroup", "SecurityGroupNotFound"),
        ("KeyPair", "KeyPairNotFound"),
        ("SlbBackendServerQuota", "SlbBackendServerQuotaExceeded"),
        ("AccountArrearage", "AccountArrearage"),
    ],
)
def test_diagnosed_as_critical(kind: str, code: str) -> None:
    details = [Diagnosis("Other", "Normal"), Diagnosis(kind, "Critical", code, "x-1")]
    rows: Json = {"scaling_diagnoses": [ScalingGroupDiagnosis("asg-burst", details)]}
    finding = one(landscape(waiting(), **rows))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert code in str(finding.message)
    assert one(landscape(**rows)).severity is Severity.MEDIUM


def test_a_warning_of_the_diagnosis_is_none() -> None:
    rows = [ScalingGroupDiagnosis("asg-burst", [Diagnosis("ElasticStrength", "Warn", "Low")])]
    kit.stays_quiet(CHECK, landscape(waiting(), scaling_diagnoses=rows))


def test_little_stock_by_the_diagnosis_is_a_risk() -> None:
    rows = [ScalingGroupDiagnosis("asg-burst", [Diagnosis("ElasticStrength", "Critical", "WeakStrength")])]
    finding = one(landscape(scaling_diagnoses=rows))
    assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)


# Who waits


def test_a_pod_that_another_pool_can_take_does_not_wait_for_this_one() -> None:
    pools = [BURST, pool("other")]
    groups = [group(pools[0], total_capacity=10), group(pools[1])]
    assert one(landscape(waiting(), pools=pools, scaling_groups=groups)).severity is Severity.INFO


def test_a_pod_waits_for_both_of_two_pools_that_cannot_grow() -> None:
    pools = [BURST, pool("other")]
    groups = [group(pools[0], total_capacity=10), group(pools[1], system_suspended=True)]
    findings = kit.finds(CHECK, landscape(waiting(), pools=pools, scaling_groups=groups), "burst", "other")
    assert {finding.severity for finding in findings} == {Severity.HIGH}


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(spec=in_zone("k")), id="another zone"),
        pytest.param(waiting(cpu="64"), id="too large"),
        pytest.param(waiting(spec={"nodeSelector": {"disk": "ssd"}}), id="labels"),
        pytest.param(waiting(message='persistentvolumeclaim "data" not found'), id="claim"),
        pytest.param(waiting(message="0/1 nodes are available: 1 node(s) had untolerated taint {a: b}."), id="taint"),
        pytest.param(waiting(spec={"schedulerName": "volcano"}), id="another scheduler"),
        pytest.param(waiting(reason="SchedulingGated"), id="gated"),
        pytest.param(waiting(labels={"alibabacloud.com/eci": "true"}), id="ECI"),
    ],
)
def test_pods_that_wait_for_something_else(pod: Any) -> None:
    assert one(with_group(pod, total_capacity=10)).severity is Severity.INFO


def test_a_full_group_beside_one_without_addresses() -> None:
    pools = [pool(letters="h"), pool("other", "i")]
    groups = [group(pools[0], total_capacity=10), group(pools[1])]
    base = landscape(waiting(), pools=pools, scaling_groups=groups, vswitches=[vswitch("h"), vswitch("i", 0)])
    assert one(base).severity is Severity.HIGH


def test_pools_that_are_scaled_by_hand() -> None:
    fixed = pool(auto_scaling=False, scaling_group_id="asg-gone")
    kit.stays_quiet(CHECK, landscape(waiting(), pools=[fixed], scaling_groups=[]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("state", ["initial", "deleting"])
def test_a_pool_that_is_being_made_or_deleted(state: str) -> None:
    kit.stays_quiet(CHECK, landscape(pools=[pool(state=state)], scaling_groups=[]), Status.NOT_APPLICABLE)


# Gaps


def test_every_table_taken_away_of_a_group_in_order() -> None:
    asked = {
        *("node_pools", "scaling_groups", "scaling_activities", "scaling_diagnoses", "type_stocks", "vswitches"),
        *("container_quotas", "nodes", "scaling_configurations"),
    }
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(), table)
        if table in asked:
            kit.is_not_evaluated(CHECK, base)
        else:
            kit.stays_quiet(CHECK, base)


def test_every_table_taken_away_of_a_suspended_group_that_a_pod_waits_for() -> None:
    whole = with_group(waiting(), system_suspended=True)
    lesser = {"pods", "vswitches", "nodes", "instance_types", "scaling_configurations"}
    for table in kit.tables_needed(CHECK):
        result, findings = kit.run(CHECK, kit.without(whole, table))
        if table in ("node_pools", "scaling_groups"):
            assert not findings
            assert result.status is Status.NOT_EVALUATED
            continue
        assert findings[0].severity is (Severity.MEDIUM if table in lesser else Severity.HIGH), table
        assert bool(result.reasons) is (table in lesser), table


def test_events_that_are_not_known_leave_a_full_group_an_info() -> None:
    base = kit.without(with_group(waiting(), total_capacity=10), "events")
    result, (finding,) = kit.run(CHECK, base)
    assert finding.severity is Severity.INFO
    assert result.reasons


def test_one_of_two_types_whose_stock_is_not_known() -> None:
    both = [pool(types=[LARGE, SMALL])]
    stocks = [*NO_STOCK, stock(SMALL, h="WithoutStock")]
    base = kit.without_rows(landscape(pools=both, type_stocks=stocks), "type_stocks", f"{SMALL}/PostPaid")
    kit.is_not_evaluated(CHECK, base)
    known = kit.without_rows(
        landscape(pools=both, type_stocks=[stock(LARGE, h="WithStock"), stocks[1]]), "type_stocks", f"{SMALL}/PostPaid"
    )
    kit.stays_quiet(CHECK, known)


def test_another_pool_of_which_nothing_is_known() -> None:
    pools = [BURST, pool("other")]
    whole = landscape(waiting(), pools=pools, scaling_groups=[group(pools[0], system_suspended=True), group(pools[1])])
    result, findings = kit.run(CHECK, kit.without_rows(whole, "scaling_groups", "asg-other"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert result.reasons


def test_numbers_that_were_not_said() -> None:
    result, findings = kit.run(CHECK, with_group(total_capacity=None))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
    odd = msgspec.structs.replace(BURST, auto_scaling=None)
    result, findings = kit.run(CHECK, landscape(pools=[odd]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
