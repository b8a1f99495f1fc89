"""Auto Scaling (product ``ess``), version 2014-08-28 with its wrapped lists."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only
from tests.fakes.cloud.paging import by_number
from tests.fakes.cloud.wire import Json, Parameters, missing, not_found


@dataclass
class EssState:
    """What Auto Scaling knows, each family by id, in the form of its list operation.

    Attributes:
        scaling_groups: DescribeScalingGroups.
        scaling_configurations: DescribeScalingConfigurations.
        scaling_activities: DescribeScalingActivities, the newest first.
        scaling_instances: DescribeScalingInstances.
        diagnoses: the details of DescribeScalingGroupDiagnoseDetails, by group.
        strengths: the resource pools of DescribeElasticStrength, by group.
    """

    scaling_groups: dict[str, Json] = field(default_factory=dict)
    scaling_configurations: dict[str, Json] = field(default_factory=dict)
    scaling_activities: dict[str, Json] = field(default_factory=dict)
    scaling_instances: dict[str, Json] = field(default_factory=dict)
    diagnoses: dict[str, list[Json]] = field(default_factory=dict)
    strengths: dict[str, list[Json]] = field(default_factory=dict)

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
        for group_id in state.scaling_groups:
            diagnosis = recorded.answer(f"ess/DescribeScalingGroupDiagnoseDetails.{group_id}.json")
            state.diagnoses[group_id] = diagnosis["Details"]
            strength = recorded.answer(f"ess/DescribeElasticStrength.{group_id}.json")
            state.strengths[group_id] = strength["ResourcePools"]
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

    def set_diagnosis(self, group_id: str, kind: str, status: str, error_code: str = "") -> Json:
        """Set one point of a group's diagnosis (``VSwitch``) to Normal, Warn or Critical, adding it if need be."""
        details = self.diagnoses.setdefault(group_id, [])
        for detail in details:
            if detail["DiagnoseType"] == kind:
                detail |= {"Status": status, "ErrorCode": error_code}
                return detail
        details.append({"DiagnoseType": kind, "ErrorCode": error_code, "ResourceId": group_id, "Status": status})
        return details[-1]

    def set_strength(self, group_id: str, instance_type: str, zone: str, strength: float, code: str = "") -> Json:
        """Set the chance, from 0 to 1, to get a type in a zone for a group; with 0 there is none to be had."""
        pools = self.strengths.setdefault(group_id, [])
        pool = next((one for one in pools if (one["InstanceType"], one["ZoneId"]) == (instance_type, zone)), None)
        if pool is None:
            pool = {"InstanceType": instance_type, "VSwitchIds": [], "ZoneId": zone}
            pools.append(pool)
        pool |= {
            "ElasticStrength": level_of(strength),
            "Status": "Available" if strength else "Unavailable",
            "Strength": strength,
        }
        if code:
            pool |= {"Code": code, "Msg": f"{instance_type} is not to be had in {zone}."}
        return pool


def level_of(strength: float) -> str:
    """Return the word for a chance from 0 to 1."""
    if strength > 0.6:
        return "Strong"
    return "Medium" if strength > 0.3 else "Weak"


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
    check_group(ess, params)
    found = among(ess.scaling_activities.values(), asked, "ScalingActivityId")
    page = by_number(only(found, params, "ScalingGroupId", "StatusCode"), params, largest=50)
    return {"ScalingActivities": {"ScalingActivity": page.items}, **page.counted()}


def describe_scaling_instances(ess: EssState, params: Parameters) -> Json:
    """Return the instances of a group."""
    check_group(ess, params)
    found = among(ess.scaling_instances.values(), params.repeated("InstanceId", 20), "InstanceId")
    found = only(found, params, "ScalingGroupId", "LifecycleState", "HealthStatus")
    page = by_number(found, params, largest=100)
    return {"ScalingInstances": {"ScalingInstance": page.items}, "TotalSpotCount": 0, **page.counted()}


def describe_elastic_strength(ess: EssState, params: Parameters) -> Json:
    """Return the chance that a scale-out of a group finds stock; of several groups, each by itself."""
    asked = params.repeated("ScalingGroupIds", 20)
    group_id = params.text("ScalingGroupId")
    if asked is None and not group_id:
        raise missing("ScalingGroupId")
    for one in [*(asked or []), *([group_id] if group_id else [])]:
        if one not in ess.scaling_groups:
            raise not_found("InvalidScalingGroupId.NotFound", "The specified scaling group does not exist.")
    if asked is None:
        return {**_summary(ess, group_id), "ResourcePools": ess.strengths.get(group_id, [])}
    models = [
        {**_summary(ess, one), "ResourcePools": ess.strengths.get(one, []), "ScalingGroupId": one} for one in asked
    ]
    return {"ElasticStrengthModels": models}


OPERATIONS = {
    "DescribeElasticStrength": describe_elastic_strength,
    "DescribeScalingGroups": describe_scaling_groups,
    "DescribeScalingConfigurations": describe_scaling_configurations,
    "DescribeScalingActivities": describe_scaling_activities,
    "DescribeScalingInstances": describe_scaling_instances,
}


def _summary(ess: EssState, group_id: str) -> Json:
    pools = ess.strengths.get(group_id, [])
    total = sum(pool["Strength"] for pool in pools)
    return {"ElasticStrength": level_of(total / len(pools) if pools else 0), "TotalStrength": total}


def check_group(ess: EssState, params: Parameters) -> None:
    """Refuse a scaling group that is not there."""
    if "ScalingGroupId" in params and params.text("ScalingGroupId") not in ess.scaling_groups:
        raise not_found("InvalidScalingGroupId.NotFound", "The specified scaling group does not exist.")
