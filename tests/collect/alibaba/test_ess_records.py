"""What Auto Scaling says of the groups behind pools that scale by themselves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ess import InstancePattern
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill, fill_one
from tests.fakes.cloud import FakeCloud
from tests.fakes.cloud.ess_flat import unwrapped

GROUP = "asg-bp1nwqhisb6qfhy9i7gm"
"""The group of the pool that scales automatically."""
FIXED = "asg-bp16733ix4rwapcksyrb"
CONFIGURATION = "asc-bp1z3kalvw1jf2si1r10"
BY_GROUP = {
    "scaling_activities": "ess:DescribeScalingActivities",
    "scaling_diagnoses": "ess:DescribeScalingGroupDiagnoseDetails",
    "scaling_strengths": "ess:DescribeElasticStrength",
}
ALL = {"scaling_configurations": "ess:DescribeScalingConfigurations", **BY_GROUP}
LISTS = {
    "scaling_activities": ("ScalingActivities", "ScalingActivity"),
    "scaling_diagnoses": ("Details", ""),
    "scaling_strengths": ("ResourcePools", ""),
}


def pools(*rows: NodePool) -> Table[NodePool]:
    return Table("node_pools", rows)


def pool(name: str, group: str = GROUP, *, auto_scaling: bool | None = True) -> NodePool:
    return NodePool(name, auto_scaling=auto_scaling, scaling_group_id=group)


def test_a_healthy_account_costs_one_call_for_each_table(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        filled = fill(client, ALL)
    for table in ALL:
        assert filled[table].state is State.KNOWN
        assert len(filled[table]) == 1
    asked = sorted(action for action in cloud.actions() if action.startswith("ess:"))
    assert asked == sorted(["ess:DescribeScalingGroups", *ALL.values()])


@pytest.mark.parametrize("auto_scaling", [False, None])
def test_pools_that_do_not_scale_by_themselves_cost_nothing(cloud: FakeCloud, auto_scaling: bool | None) -> None:
    given = pools(pool("np-1", auto_scaling=auto_scaling), pool("np-2", group=""))
    groups = Table[Any]("scaling_groups", asked=())
    with client_of(cloud) as client:
        filled = fill(client, ALL, node_pools=given, scaling_groups=groups)
    assert cloud.calls == []
    for table in ALL:
        assert filled[table].state is State.KNOWN
        with pytest.raises(NotKnown):
            filled[table].get(GROUP)


def test_groups_that_are_known_to_be_gone_are_not_asked(cloud: FakeCloud) -> None:
    cloud.state.ess.scaling_groups[GROUP]["LifecycleState"] = "Inactive"
    with client_of(cloud) as client:
        filled = fill(client, ALL)
    assert [action for action in cloud.actions() if action.startswith("ess:")] == ["ess:DescribeScalingGroups"]
    for table in ALL:
        assert filled[table].asked == frozenset()


@pytest.mark.parametrize("table", sorted(BY_GROUP))
def test_groups_that_are_not_known_are_asked_all_the_same(cloud: FakeCloud, table: str) -> None:
    unknown: Table[Any] = Table.unavailable("scaling_groups", denied("ess:DescribeScalingGroups", "ess"))
    with client_of(cloud) as client:
        filled = fill_one(client, table, scaling_groups=unknown)
    assert filled.get(GROUP) is not None


@pytest.mark.parametrize("table", sorted(BY_GROUP))
def test_one_failed_group_is_a_gap_for_it_alone(cloud: FakeCloud, table: str) -> None:
    cloud.deny(BY_GROUP[table], when=lambda params: params["ScalingGroupId"] == FIXED)
    with client_of(cloud) as client:
        filled = fill_one(client, table, node_pools=pools(pool("np-1"), pool("np-2", FIXED)))
    assert filled.state is State.PARTIAL
    assert filled.get(GROUP) is not None
    with pytest.raises(NotKnown) as caught:
        filled.get(FIXED)
    assert [reason.missing for reason in caught.value.reasons] == [(BY_GROUP[table],)]


def test_a_product_that_is_throttled_for_ever_leaves_its_tables_unknown(cloud: FakeCloud) -> None:
    with client_of(cloud) as unhurried:
        groups = fill_one(unhurried, "scaling_groups")
    with client_of(cloud, deadline_seconds=1) as client:
        cloud.throttle("ess:*")
        activities = fill_one(client, "scaling_activities", scaling_groups=groups)
    assert activities.state is State.UNAVAILABLE
    assert [reason.kind for reason in activities.reasons] == [ReasonKind.THROTTLED]


@pytest.mark.parametrize("table", sorted(BY_GROUP))
def test_a_group_that_is_gone_meanwhile_is_absent(cloud: FakeCloud, table: str) -> None:
    error = {"Code": "InvalidScalingGroupId.NotFound", "Message": "The specified scaling group does not exist."}
    cloud.fail(BY_GROUP[table], 404, error)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.KNOWN
    assert filled.get(GROUP) is None


@pytest.mark.parametrize("table", sorted(LISTS))
@pytest.mark.parametrize("form", ["absent", "null", "text"])
def test_a_list_that_is_not_there_is_never_an_empty_one(cloud: FakeCloud, table: str, form: str) -> None:
    outer, _inner = LISTS[table]

    def spoil(answer: Any) -> None:
        del answer[outer]
        if form != "absent":
            answer[outer] = None if form == "null" else "text"

    cloud.mutate(BY_GROUP[table], spoil)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.UNAVAILABLE
    assert [reason.kind for reason in filled.reasons] == [ReasonKind.MALFORMED]
    assert outer in str(filled.reasons[0].message)


def test_new_fields_of_scaling_groups(cloud: FakeCloud) -> None:
    group = cloud.state.ess.scaling_groups[GROUP]
    group |= {
        "LaunchTemplateId": "lt-1",
        "LaunchTemplateOverrides": {
            "LaunchTemplateOverride": [
                {"InstanceType": "ecs.g7.xlarge", "WeightedCapacity": 1},
                {"WeightedCapacity": 2},
            ]
        },
        "PendingCapacity": 2,
    }
    with client_of(cloud) as client:
        wrapped = fill_one(client, "scaling_groups").get(GROUP)
        cloud.mutate("ess:DescribeScalingGroups", unwrapped)
        flat = fill_one(client, "scaling_groups").get(GROUP)
    assert flat == wrapped
    assert wrapped is not None
    assert wrapped.active_configuration_id == CONFIGURATION
    assert (wrapped.launch_template_id, wrapped.template_types) == ("lt-1", ["ecs.g7.xlarge"])
    assert (wrapped.desired_capacity, wrapped.pending_capacity) == (None, 2)
    assert (wrapped.multi_zone_policy, wrapped.vpc_id) == ("BALANCE", "vpc-bp1uwjm8ddgvodpj5i2ba")
    assert len(wrapped.vswitch_ids) == 3


def test_a_configuration_in_both_shapes_and_without_its_user_data(cloud: FakeCloud) -> None:
    cloud.state.ess.scaling_configurations[CONFIGURATION]["UserData"] = "c2VjcmV0IGpvaW4gdG9rZW4="
    with client_of(cloud) as client:
        wrapped = fill_one(client, "scaling_configurations").get(CONFIGURATION)
        cloud.mutate("ess:DescribeScalingConfigurations", unwrapped)
        flat = fill_one(client, "scaling_configurations").get(CONFIGURATION)
    assert flat == wrapped
    assert wrapped is not None
    assert (wrapped.scaling_group_id, wrapped.state) == (GROUP, "Active")
    assert wrapped.instance_types == ["ecs.g7.2xlarge"]
    assert wrapped.security_group_ids == ["sg-bp1ce61t4k3fi55hnta7"]
    assert wrapped.role_name.startswith("KubernetesWorkerRole-")
    assert (wrapped.spot_strategy, wrapped.system_disk_category) == ("NoSpot", "cloud_essd")
    assert "c2VjcmV0" not in repr(wrapped)


def test_configurations_are_asked_for_ten_at_a_time(cloud: FakeCloud) -> None:
    ess = cloud.state.ess
    rows = []
    for n in range(12):
        ess.scaling_groups[f"asg-{n}"] = {
            **ess.scaling_groups[GROUP],
            "ScalingGroupId": f"asg-{n}",
            "ActiveScalingConfigurationId": f"asc-{n}",
        }
        ess.scaling_configurations[f"asc-{n}"] = {
            **ess.scaling_configurations[CONFIGURATION],
            "ScalingConfigurationId": f"asc-{n}",
        }
        rows.append(pool(f"np-{n}", f"asg-{n}"))
    del ess.scaling_configurations["asc-11"]
    with client_of(cloud) as client:
        filled = fill_one(client, "scaling_configurations", node_pools=pools(*rows))
    assert cloud.actions().count("ess:DescribeScalingConfigurations") == 2
    assert len(filled) == 11
    assert filled.get("asc-11") is None


@pytest.mark.parametrize(
    ("fields", "types", "patterns"),
    [
        ({"InstanceTypes": None}, ["ecs.g7.2xlarge"], []),
        ({"InstanceTypes": None, "InstanceType": "", "Cpu": 4, "Memory": 8}, [], [InstancePattern(4, 8.0)]),
        ({"Cpu": 4, "Memory": 8}, ["ecs.g7.2xlarge"], []),
        (
            {
                "InstanceTypes": {"InstanceType": []},
                "InstanceType": "",
                "InstancePatternInfos": {
                    "InstancePatternInfo": [
                        {"Cores": 4, "Memory": 16.0},
                        {"MinimumCpuCoreCount": 2, "MaximumMemorySize": 32.0},
                    ]
                },
            },
            [],
            [InstancePattern(4, 16.0), InstancePattern(min_cores=2, max_memory_gib=32.0)],
        ),
    ],
)
def test_types_and_the_sizes_that_stand_in_their_place(
    cloud: FakeCloud, fields: dict[str, Any], types: list[str], patterns: list[InstancePattern]
) -> None:
    cloud.state.ess.scaling_configurations[CONFIGURATION] |= fields
    with client_of(cloud) as client:
        row = fill_one(client, "scaling_configurations").get(CONFIGURATION)
    assert row is not None
    assert (row.instance_types, row.patterns) == (types, patterns)


def test_the_newest_activities_come_with_one_call_however_many_there_are(cloud: FakeCloud) -> None:
    for n in range(80):
        cloud.state.ess.add_activity(GROUP, f"asa-{n:02d}")
    with client_of(cloud) as client:
        activities = fill_one(client, "scaling_activities")
    row = activities.get(GROUP)
    assert activities.state is State.KNOWN
    assert row is not None
    assert [activity.id for activity in row.activities] == [f"asa-{n:02d}" for n in range(79, 29, -1)]
    calls = [call for call in cloud.calls if call.action == "DescribeScalingActivities"]
    assert [(call.params["PageNumber"], call.params["PageSize"]) for call in calls] == [("1", "50")]


def test_a_page_of_activities_that_lost_some_is_not_the_newest_page(cloud: FakeCloud) -> None:
    def cut(answer: Any) -> None:
        answer["TotalCount"] = 3

    cloud.mutate("ess:DescribeScalingActivities", cut)
    with client_of(cloud) as client:
        activities = fill_one(client, "scaling_activities")
    assert activities.state is State.UNAVAILABLE
    assert [reason.kind for reason in activities.reasons] == [ReasonKind.TRUNCATED]


def test_every_field_of_an_activity(cloud: FakeCloud) -> None:
    cloud.state.ess.add_activity(
        GROUP,
        "asa-failed",
        StatusCode="Failed",
        StatusMessage="Fail to create instances",
        Cause="A user requests to execute scaling rule",
        Description='Add "1" ECS instance',
        ErrorCode="OperationDenied.NoStock",
        ErrorMessage="The resource is out of stock.",
        EndTime="2026-11-22T23:01Z",
    )
    cloud.state.ess.add_activity(GROUP, "asa-running", StatusCode="InProgress", EndTime=None)
    cloud.state.ess.add_activity(GROUP, "asa-newer", ErrorMessages=[{"Code": "QuotaExceed", "Message": "Too many."}])
    with client_of(cloud) as client:
        row = fill_one(client, "scaling_activities").get(GROUP)
    assert row is not None
    newer, running, failed, _old = row.activities
    assert (newer.error_code, newer.error_message) == ("QuotaExceed", "Too many.")
    assert (running.status, running.ended_at) == ("InProgress", None)
    assert (failed.status, failed.error_code) == ("Failed", "OperationDenied.NoStock")
    assert (failed.cause, failed.description) == ("A user requests to execute scaling rule", 'Add "1" ECS instance')
    assert (failed.status_message, failed.error_message) == (
        "Fail to create instances",
        "The resource is out of stock.",
    )
    assert failed.started_at == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    assert failed.ended_at == datetime(2026, 11, 22, 23, 1, tzinfo=UTC)


def test_a_time_that_is_none_spoils_the_activities_of_its_group(cloud: FakeCloud) -> None:
    cloud.state.ess.add_activity(GROUP, "asa-odd", StartTime="yesterday")
    with client_of(cloud) as client:
        activities = fill_one(client, "scaling_activities")
    with pytest.raises(NotKnown, match="StartTime"):
        activities.get(GROUP)


def test_the_diagnosis_is_asked_of_the_newer_version(cloud: FakeCloud) -> None:
    cloud.state.ess.set_diagnosis(GROUP, "VSwitch", "Critical", "VSwitchIdNotFound")
    with client_of(cloud) as client:
        row = fill_one(client, "scaling_diagnoses").get(GROUP)
    assert row is not None
    assert cloud.calls[-1].params["Version"] == "2022-02-22"
    (found,) = [detail for detail in row.details if detail.status != "Normal"]
    assert (found.type, found.status, found.error_code) == ("VSwitch", "Critical", "VSwitchIdNotFound")
    assert found.resource_id == GROUP
    assert len(row.details) == 7


def test_the_strength_of_a_group_by_type_and_zone(cloud: FakeCloud) -> None:
    cloud.state.ess.set_strength(GROUP, "ecs.g7.2xlarge", "cn-hangzhou-h", 0.0, "NoStock")
    with client_of(cloud) as client:
        row = fill_one(client, "scaling_strengths").get(GROUP)
        cloud.mutate("ess:DescribeElasticStrength", wrap_pools)
        assert fill_one(client, "scaling_strengths").get(GROUP) == row
    assert row is not None
    assert (row.total, row.level) == (2.0, "Strong")
    by_zone = {one.zone: (one.type, one.strength, one.status, one.level, one.code) for one in row.pools}
    assert by_zone["cn-hangzhou-h"] == ("ecs.g7.2xlarge", 0.0, "Unavailable", "Weak", "NoStock")
    assert by_zone["cn-hangzhou-k"] == ("ecs.g7.2xlarge", 1.0, "Available", "Strong", "")


def wrap_pools(answer: Any) -> None:
    answer["ResourcePools"] = {"ResourcePool": answer["ResourcePools"]}
