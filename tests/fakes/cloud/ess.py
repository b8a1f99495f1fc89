"""Auto Scaling (product ``ess``), version 2014-08-28 with its wrapped lists."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only
from tests.fakes.cloud.paging import by_number
from tests.fakes.cloud.wire import Json, Parameters, missing, not_found


@dataclass
class EssState:
    """What Auto Scaling knows, each family by id, in the form of its list operation."""

    scaling_groups: dict[str, Json] = field(default_factory=dict)
    scaling_configurations: dict[str, Json] = field(default_factory=dict)
    scaling_activities: dict[str, Json] = field(default_factory=dict)
    scaling_instances: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "EssState":
        """Return the recorded state."""
        state = cls()
        for group in recorded.answer("ess/DescribeScalingGroups.json")["ScalingGroups"]["ScalingGroup"]:
            state.scaling_groups[group["ScalingGroupId"]] = group
        for answer in recorded.answers("ess", "DescribeScalingConfigurations"):
            for entry in answer["ScalingConfigurations"]["ScalingConfiguration"]:
                state.scaling_configurations[entry["ScalingConfigurationId"]] = entry
        for answer in recorded.answers("ess", "DescribeScalingActivities"):
            for entry in answer["ScalingActivities"]["ScalingActivity"]:
                state.scaling_activities[entry["ScalingActivityId"]] = entry
        for answer in recorded.answers("ess", "DescribeScalingInstances"):
            for entry in answer["ScalingInstances"]["ScalingInstance"]:
                state.scaling_instances[entry["InstanceId"]] = entry
        return state

    def add_activity(self, group_id: str, activity_id: str, **fields: Any) -> Json:
        """Add the newest activity of a group, a successful one unless the fields say otherwise."""
        activity: Json = {
            "Progress": 100,
            "ScalingActivityId": activity_id,
            "ScalingGroupId": group_id,
            "StartTime": "2026-11-22T23:00Z",
            "StatusCode": "Successful",
            "StatusMessage": "",
            "TotalCapacity": str(self.scaling_groups[group_id]["TotalCapacity"]),
            **fields,
        }
        self.scaling_activities = {activity_id: activity, **self.scaling_activities}
        return activity


def describe_scaling_groups(ess: EssState, params: Parameters) -> Json:
    """Return the scaling groups; asked for by id, one that is inactive or not there is left out."""
    asked = params.repeated("ScalingGroupId", 20)
    found = among(in_region(ess.scaling_groups.values(), params), asked, "ScalingGroupId")
    if asked is not None:
        found = [group for group in found if group["LifecycleState"] == "Active"]
    page = by_number(only(found, params, "ScalingGroupName"), params, largest=50)
    return {"ScalingGroups": {"ScalingGroup": page.items}, **page.counted()}


def describe_scaling_configurations(ess: EssState, params: Parameters) -> Json:
    """Return the scaling configurations of a group, or those asked for by id."""
    asked = params.repeated("ScalingConfigurationId", 10)
    found = among(ess.scaling_configurations.values(), asked, "ScalingConfigurationId")
    page = by_number(only(found, params, "ScalingGroupId"), params, largest=50)
    return {"ScalingConfigurations": {"ScalingConfiguration": page.items}, **page.counted()}


def describe_scaling_activities(ess: EssState, params: Parameters) -> Json:
    """Return the scaling activities of a group, or those asked for by id, newest first."""
    asked = params.repeated("ScalingActivityId", 20)
    if asked is None and "ScalingGroupId" not in params:
        raise missing("ScalingGroupId")
    _check_group(ess, params)
    found = among(ess.scaling_activities.values(), asked, "ScalingActivityId")
    page = by_number(only(found, params, "ScalingGroupId", "StatusCode"), params, largest=50)
    return {"ScalingActivities": {"ScalingActivity": page.items}, **page.counted()}


def describe_scaling_instances(ess: EssState, params: Parameters) -> Json:
    """Return the instances of a group."""
    _check_group(ess, params)
    found = among(ess.scaling_instances.values(), params.repeated("InstanceId", 20), "InstanceId")
    found = only(found, params, "ScalingGroupId", "LifecycleState", "HealthStatus")
    page = by_number(found, params, largest=100)
    return {"ScalingInstances": {"ScalingInstance": page.items}, "TotalSpotCount": 0, **page.counted()}


OPERATIONS = {
    "DescribeScalingGroups": describe_scaling_groups,
    "DescribeScalingConfigurations": describe_scaling_configurations,
    "DescribeScalingActivities": describe_scaling_activities,
    "DescribeScalingInstances": describe_scaling_instances,
}


def _check_group(ess: EssState, params: Parameters) -> None:
    if "ScalingGroupId" in params and params.text("ScalingGroupId") not in ess.scaling_groups:
        raise not_found("InvalidScalingGroupId.NotFound", "The specified scaling group does not exist.")
