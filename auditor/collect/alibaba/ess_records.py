"""Auto Scaling (ESS): what scaling groups make instances from, did lately, and expect to get."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_batches, one_by_one
from auditor.collect.alibaba.paging import WHOLE, Numbered, gather
from auditor.collect.alibaba.pool_scope import configuration_ids, scaling_group_ids
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ess import (
    Diagnosis,
    InstancePattern,
    PoolStrength,
    ScalingActivity,
    ScalingConfiguration,
    ScalingGroup,
    ScalingGroupActivities,
    ScalingGroupDiagnosis,
    ScalingGroupStrength,
)
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_NEWEST_ACTIVITIES = 50
_FLAT_VERSION = "2022-02-22"
"""The API version that has the diagnosis, and whose lists are flat; the classic SDK speaks an older one."""


@provides("scaling_configurations", source="ess", layer=Layer.CLOUD, permissions=("ess:DescribeScalingConfigurations",))
def collect_scaling_configurations(
    client: CloudClient, node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]
) -> Table[ScalingConfiguration]:
    """Fill ``scaling_configurations`` with the active ones of the groups that scale automatically."""
    return from_batches(
        client,
        "scaling_configurations",
        configuration_ids(node_pools, scaling_groups),
        10,
        lambda ids: Request("ess", "DescribeScalingConfigurations", {"ScalingConfigurationIds": ids}),
        ("ScalingConfigurations", "ScalingConfiguration"),
        Numbered(50),
        _configuration,
        lambda fields: fields.required("ScalingConfigurationId"),
    )


@provides(
    "scaling_activities",
    source="ess",
    layer=Layer.CLOUD,
    permissions=("ess:DescribeScalingActivities",),
    tolerates=("scaling_groups",),
)
def collect_scaling_activities(
    client: CloudClient, node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]
) -> Table[ScalingGroupActivities]:
    """Fill ``scaling_activities`` for the groups that scale automatically: the newest 50 of each, as one page holds.

    Older ones are left out by choice, and are no gap.
    """

    def read(group_id: str) -> ScalingGroupActivities:
        request = Request("ess", "DescribeScalingActivities", {"ScalingGroupId": group_id})
        style = Numbered(_NEWEST_ACTIVITIES, newest=_NEWEST_ACTIVITIES)
        items = complete(gather(client, request, "ScalingActivities", "ScalingActivity", style), request)
        return ScalingGroupActivities(group_id, [_activity(item) for item in items])

    return one_by_one(client, "scaling_activities", "ess", scaling_group_ids(node_pools, scaling_groups), read)


@provides(
    "scaling_diagnoses",
    source="ess",
    layer=Layer.CLOUD,
    permissions=("ess:DescribeScalingGroupDiagnoseDetails",),
    tolerates=("scaling_groups",),
)
def collect_scaling_diagnoses(
    client: CloudClient, node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]
) -> Table[ScalingGroupDiagnosis]:
    """Fill ``scaling_diagnoses`` for the groups that scale automatically."""

    def read(group_id: str) -> ScalingGroupDiagnosis:
        params = {"RegionId": client.region, "ScalingGroupId": group_id}
        request = Request("ess", "DescribeScalingGroupDiagnoseDetails", params, version=_FLAT_VERSION)
        items = complete(gather(client, request, "Details", "Detail", WHOLE), request)
        return ScalingGroupDiagnosis(group_id, [_diagnosis(item) for item in items])

    return one_by_one(client, "scaling_diagnoses", "ess", scaling_group_ids(node_pools, scaling_groups), read)


@provides(
    "scaling_strengths",
    source="ess",
    layer=Layer.CLOUD,
    permissions=("ess:DescribeElasticStrength",),
    tolerates=("scaling_groups",),
)
def collect_scaling_strengths(
    client: CloudClient, node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]
) -> Table[ScalingGroupStrength]:
    """Fill ``scaling_strengths`` for the groups that scale automatically.

    The operation takes several groups too, but no document says how many, nor what becomes of all if one of them is
    gone: so each is asked for by itself.
    """

    def read(group_id: str) -> ScalingGroupStrength:
        request = Request("ess", "DescribeElasticStrength", {"ScalingGroupId": group_id})
        return _strength(group_id, Fields(client.call(request)))

    return one_by_one(client, "scaling_strengths", "ess", scaling_group_ids(node_pools, scaling_groups), read)


def _configuration(fields: Fields) -> ScalingConfiguration:
    # A single type or group stands in a field of its own, and in some answers there alone.
    kind = fields.word("InstanceType")
    types = fields.texts("InstanceTypes", "InstanceType") or ([kind] if kind else [])
    group = fields.word("SecurityGroupId")
    return ScalingConfiguration(
        id=fields.required("ScalingConfigurationId"),
        scaling_group_id=fields.word("ScalingGroupId"),
        state=fields.known("LifecycleState"),
        instance_types=types,
        patterns=_patterns(fields, has_types=bool(types)),
        security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId") or ([group] if group else []),
        role_name=fields.word("RamRoleName"),
        spot_strategy=fields.word("SpotStrategy"),
        system_disk_category=fields.word("SystemDiskCategory"),
    )


def _patterns(fields: Fields, *, has_types: bool) -> list[InstancePattern]:
    patterns = [_pattern(one) for one in fields.records("InstancePatternInfos", "InstancePatternInfo") or []]
    cores, memory = fields.integer("Cpu"), fields.number("Memory")
    if not has_types and not patterns and cores and memory:
        # Without types, these two stand for all types of just this size.
        return [InstancePattern(cores=cores, memory_gib=memory)]
    return patterns


def _pattern(fields: Fields) -> InstancePattern:
    return InstancePattern(
        cores=fields.integer("Cores") or None,
        memory_gib=fields.number("Memory") or None,
        min_cores=fields.integer("MinimumCpuCoreCount"),
        max_cores=fields.integer("MaximumCpuCoreCount"),
        min_memory_gib=fields.number("MinimumMemorySize"),
        max_memory_gib=fields.number("MaximumMemorySize"),
    )


def _activity(fields: Fields) -> ScalingActivity:
    # Which instances failed for which reason stands in a list of its own; the first stands for all where no other does.
    first = next(iter(fields.records("ErrorMessages", "ErrorMessage") or []), Fields({}))
    return ScalingActivity(
        id=fields.required("ScalingActivityId"),
        status=fields.known("StatusCode"),
        status_message=fields.word("StatusMessage"),
        cause=fields.word("Cause"),
        description=fields.word("Description"),
        error_code=fields.word("ErrorCode") or first.word("Code"),
        error_message=fields.word("ErrorMessage") or first.word("Message"),
        started_at=fields.moment("StartTime"),
        ended_at=fields.moment("EndTime"),
    )


def _diagnosis(fields: Fields) -> Diagnosis:
    return Diagnosis(
        type=fields.required("DiagnoseType"),
        status=fields.known("Status"),
        error_code=fields.word("ErrorCode"),
        resource_id=fields.word("ResourceId"),
    )


def _strength(group_id: str, fields: Fields) -> ScalingGroupStrength:
    return ScalingGroupStrength(
        scaling_group_id=group_id,
        total=fields.number("TotalStrength"),
        level=fields.known("ElasticStrength"),
        pools=[
            PoolStrength(
                type=pool.required("InstanceType"),
                zone=pool.word("ZoneId"),
                strength=pool.number("Strength"),
                status=pool.known("Status"),
                code=pool.word("Code"),
                level=pool.known("ElasticStrength"),
                message=pool.word("Msg"),
            )
            for pool in fields.required_records("ResourcePools", "ResourcePool")
        ],
    )
