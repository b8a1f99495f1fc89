"""Versions, stock, diagnoses, statuses and quotas, as they are planted and asked for."""

from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, sdk

GROUP = "asg-bp1nwqhisb6qfhy9i7gm"
OTHER = "asg-bp16733ix4rwapcksyrb"
NODE = "i-bp1vcw8abao0i6uxb1xi"
TYPE = "ecs.g7.2xlarge"
ZONE = "cn-hangzhou-h"
ESS = "ess.aliyuncs.com"
FLAT = "2022-02-22"


def ask(cloud: FakeCloud, product: str, action: str, **params: Any) -> Any:
    with cloud.in_process():
        return sdk.send(sdk.client(), sdk.rpc(product, action, **params))


def ask_flat(cloud: FakeCloud, action: str, **params: str) -> Any:
    named = {name.replace("__", "."): value for name, value in params.items()}
    with cloud.in_process():
        return sdk.send(sdk.client(), sdk.common(FLAT, action, ESS, {"RegionId": sdk.REGION, **named}))


def refused(cloud: FakeCloud, request: Any) -> str:
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), request)
    return str(said["code"])


def sold(cloud: FakeCloud, **params: str) -> dict[str, str]:
    asked = {"RegionId": sdk.REGION, "DestinationResource": "InstanceType", "InstanceType": TYPE, **params}
    zones = ask(cloud, "ecs", "DescribeAvailableResource", **asked)["AvailableZones"]["AvailableZone"]
    return {zone["ZoneId"]: zone["StatusCategory"] for zone in zones}


def test_the_newer_version_of_auto_scaling_has_flat_lists_and_other_names_for_them() -> None:
    cloud = FakeCloud.recorded()
    (flat,) = ask_flat(cloud, "DescribeScalingGroups", ScalingGroupIds__1=GROUP)["ScalingGroups"]
    wrapped = ask(cloud, "ess", "DescribeScalingGroups", ScalingGroupId__1=GROUP)["ScalingGroups"]["ScalingGroup"][0]
    assert flat["VSwitchIds"] == wrapped["VSwitchIds"]["VSwitchId"]
    assert flat["SuspendedProcesses"] == []
    assert flat.keys() == wrapped.keys()
    configuration = wrapped["ActiveScalingConfigurationId"]
    found = ask_flat(cloud, "DescribeScalingConfigurations", ScalingConfigurationIds__1=configuration)
    assert [one["InstanceTypes"] for one in found["ScalingConfigurations"]] == [[TYPE]]
    (activity,) = ask_flat(cloud, "DescribeScalingActivities", ScalingGroupId=GROUP)["ScalingActivities"]
    assert activity["ScalingGroupId"] == GROUP


def test_operations_are_known_to_their_versions_only() -> None:
    cloud = FakeCloud.recorded()
    older = sdk.common(
        "2014-08-28", "DescribeScalingGroupDiagnoseDetails", ESS, {"RegionId": sdk.REGION, "ScalingGroupId": GROUP}
    )
    assert refused(cloud, older) == "InvalidAction.NotFound"
    assert refused(cloud, sdk.common("2021-01-01", "DescribeScalingGroups", ESS)) == "InvalidAction.NotFound"
    assert refused(cloud, sdk.common(FLAT, "DescribeScalingRules", ESS)) == "InvalidAction.NotFound"


def test_a_diagnosis_that_is_set() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ess.set_diagnosis(GROUP, "SecurityGroup", "Critical", "SecurityGroupNotFound")
    cloud.state.ess.set_diagnosis(GROUP, "NlbBackendServerQuota", "Warn", "NlbBackendServerQuotaExceeded")
    details = ask_flat(cloud, "DescribeScalingGroupDiagnoseDetails", ScalingGroupId=GROUP)["Details"]
    wrong = {one["DiagnoseType"]: (one["Status"], one["ErrorCode"]) for one in details if one["Status"] != "Normal"}
    assert wrong == {
        "SecurityGroup": ("Critical", "SecurityGroupNotFound"),
        "NlbBackendServerQuota": ("Warn", "NlbBackendServerQuotaExceeded"),
    }
    gone = sdk.common(
        FLAT, "DescribeScalingGroupDiagnoseDetails", ESS, {"RegionId": sdk.REGION, "ScalingGroupId": "asg-x"}
    )
    assert refused(cloud, gone) == "InvalidScalingGroupId.NotFound"


def test_the_strength_of_one_group_and_of_several() -> None:
    cloud = FakeCloud.recorded()
    for zone in ("cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-k"):
        cloud.state.ess.set_strength(GROUP, TYPE, zone, 0.0, "OperationDenied.NoStock")
    one = ask(cloud, "ess", "DescribeElasticStrength", ScalingGroupId=GROUP)
    assert (one["TotalStrength"], one["ElasticStrength"]) == (0.0, "Weak")
    assert {pool["Status"] for pool in one["ResourcePools"]} == {"Unavailable"}
    assert "ElasticStrengthModels" not in one
    several = ask(cloud, "ess", "DescribeElasticStrength", ScalingGroupIds__1=GROUP, ScalingGroupIds__2=OTHER)
    levels = {model["ScalingGroupId"]: model["ElasticStrength"] for model in several["ElasticStrengthModels"]}
    assert levels == {GROUP: "Weak", OTHER: "Strong"}
    assert "ResourcePools" not in several
    assert refused(cloud, sdk.rpc("ess", "DescribeElasticStrength")) == "MissingParameter"


def test_stock_by_zone_and_way_of_paying() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ecs.sell_out(TYPE, ZONE)
    cloud.state.ecs.sell_out(TYPE, "cn-hangzhou-i", "PrePaid")
    assert sold(cloud) == {ZONE: "WithoutStock", "cn-hangzhou-i": "WithStock", "cn-hangzhou-k": "WithStock"}
    assert sold(cloud, InstanceChargeType="PrePaid")["cn-hangzhou-i"] == "WithoutStock"
    assert sold(cloud, SpotStrategy="SpotAsPriceGo")["cn-hangzhou-i"] == "WithStock"
    assert sold(cloud, ZoneId=ZONE) == {ZONE: "WithoutStock"}
    assert sold(cloud, InstanceType="ecs.unknown") == {}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"DestinationResource": "Nothing"}, "InvalidParameter"),
        ({"DestinationResource": "InstanceType", "InstanceChargeType": "Free"}, "InvalidParameter"),
        ({"DestinationResource": "InstanceType", "SpotStrategy": "Sometimes"}, "InvalidParameter"),
    ],
)
def test_stock_is_not_told_for_what_is_no_question(params: dict[str, str], code: str) -> None:
    request = sdk.rpc("ecs", "DescribeAvailableResource", RegionId=sdk.REGION, **params)
    assert refused(FakeCloud.recorded(), request) == code


def test_an_instance_type_that_is_added_is_sold_where_it_is_said() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ecs.add_instance_type("ecs.g8i.large", like=TYPE, zones=[ZONE], CpuCoreCount=2)
    found = ask(cloud, "ecs", "DescribeInstanceTypes", InstanceTypes__1="ecs.g8i.large")["InstanceTypes"]
    assert [kind["CpuCoreCount"] for kind in found["InstanceType"]] == [2]
    assert sold(cloud, InstanceType="ecs.g8i.large") == {ZONE: "WithStock"}


def test_events_of_an_instance_until_they_are_past() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ecs.add_system_event("e-1", NODE, "SystemMaintenance.Reboot")
    past = {"Code": 32, "Name": "Executed"}
    cloud.state.ecs.add_system_event("e-2", NODE, "SystemFailure.Reboot", EventCycleStatus=past)
    cloud.state.ecs.health[NODE] = "Impaired"
    full = ask(cloud, "ecs", "DescribeInstancesFullStatus", HealthStatus="Impaired")["InstanceFullStatusSet"]
    (status,) = full["InstanceFullStatusType"]
    assert status["InstanceId"] == NODE
    coming = status["ScheduledSystemEventSet"]["ScheduledSystemEventType"]
    assert [event["EventId"] for event in coming] == ["e-1"]
    history = ask(cloud, "ecs", "DescribeInstanceHistoryEvents", InstanceEventCycleStatus__1="Executed")
    events = history["InstanceSystemEventSet"]["InstanceSystemEventType"]
    assert [(event["EventId"], history["TotalCount"]) for event in events] == [("e-2", 1)]


def test_statuses_come_in_pages_of_fifty() -> None:
    cloud = FakeCloud.recorded()
    answer = ask(cloud, "ecs", "DescribeInstanceStatus", InstanceId__1=NODE, PageSize=50)
    assert answer["InstanceStatuses"]["InstanceStatus"] == [{"InstanceId": NODE, "Status": "Running"}]
    assert refused(cloud, sdk.rpc("ecs", "DescribeInstanceStatus", PageSize=51)) == "InvalidParameter"


def test_container_service_tells_what_is_planted() -> None:
    cloud = FakeCloud.recorded()
    cs = cloud.state.cs
    cs.add_event("e-1", "nodepool_scaleout", "no stock", level="error")
    cs.add_task("T-1", "nodepool_scaleout", "fail", {"code": "NoStock", "message": "sold out"})
    cs.set_quota("node_quota", 15)
    cs.grant("299999999999999999", f"{cs.cluster_id}/shop", "dev")
    cs.logs.clear()
    base = f"/clusters/{cs.cluster_id}"
    with cloud.in_process():
        acs = sdk.client()
        first = sdk.send(acs, sdk.roa(f"{base}/events", {"page_size": 1}))
        rest = sdk.send(acs, sdk.roa(f"{base}/events", {"max_results": 1}))
        second = sdk.send(acs, sdk.roa(f"{base}/events", {"max_results": 1, "next_token": rest["next_token"]}))
        tasks = sdk.send(acs, sdk.roa(f"{base}/tasks"))
        quota = sdk.send(acs, sdk.roa("/quota"))
        grants = sdk.send(acs, sdk.roa("/permissions/users/299999999999999999"))
    assert [event["event_id"] for event in first["events"]] == ["e-1"]
    assert (first["next_token"], first["page_info"]["total_count"]) == ("", 4)
    assert [event["event_id"] for event in second["events"]] == [cs.events[cs.cluster_id][1]["event_id"]]
    assert tasks["tasks"][0]["error"] == {"code": "NoStock", "message": "sold out"}
    assert (quota["node_quota"], quota["quotas"]["node_quota"]["quota"]) == (15, "15")
    assert [(grant["resource_type"], grant["role_name"]) for grant in grants] == [("namespace", "cs:ns:dev")]
    assert refused(cloud, sdk.roa(f"{base}/controlplanelog")) == "ControlPlaneLogNotFound"
    assert refused(cloud, sdk.roa(f"{base}/events", {"page_size": 101})) == "InvalidParameter"


def test_resources_of_add_ons_are_told_where_they_are_asked_for() -> None:
    cloud = FakeCloud.recorded()
    cs = cloud.state.cs
    path = f"/clusters/{cs.cluster_id}/resources"
    cs.resources[cs.cluster_id].append({"instance_id": "lb-1", "creator_type": "addon"})
    with cloud.in_process():
        without = sdk.send(sdk.client(), sdk.roa(path))
        whole = sdk.send(sdk.client(), sdk.roa(path, {"with_addon_resources": "true"}))
    assert "lb-1" not in [one["instance_id"] for one in without]
    assert whole == cs.resources[cs.cluster_id]
