"""Auto Scaling (ESS): the scaling groups behind node pools."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_batches
from auditor.collect.alibaba.paging import Numbered
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ess import ScalingGroup
from auditor.facts.ref import Layer
from auditor.facts.table import Table


@provides("scaling_groups", source="ess", layer=Layer.CLOUD, permissions=("ess:DescribeScalingGroups",))
def collect_scaling_groups(client: CloudClient, node_pools: Table[NodePool]) -> Table[ScalingGroup]:
    """Fill ``scaling_groups`` with those of the node pools. One that is left out is inactive or deleted."""
    return from_batches(
        client,
        "scaling_groups",
        {pool.scaling_group_id for pool in node_pools.known_rows() if pool.scaling_group_id},
        20,
        lambda ids: Request("ess", "DescribeScalingGroups", {"ScalingGroupIds": ids}),
        ("ScalingGroups", "ScalingGroup"),
        Numbered(50),
        _scaling_group,
        lambda fields: fields.required("ScalingGroupId"),
    )


def _scaling_group(fields: Fields) -> ScalingGroup:
    # The list of vSwitches is null for a group that was made with a single one.
    single = fields.word("VSwitchId")
    lifecycle = fields.known("LifecycleState")
    if lifecycle == "Active" and "ActiveScalingConfigurationId" not in fields and "LaunchTemplateId" not in fields:
        raise BadField("ActiveScalingConfigurationId")
    overrides = fields.records("LaunchTemplateOverrides", "LaunchTemplateOverride")
    return ScalingGroup(
        id=fields.required("ScalingGroupId"),
        name=fields.word("ScalingGroupName"),
        lifecycle_state=lifecycle,
        vswitch_ids=fields.texts("VSwitchIds", "VSwitchId") or ([single] if single else []),
        min_size=fields.integer("MinSize"),
        max_size=fields.integer("MaxSize"),
        total_capacity=fields.integer("TotalCapacity"),
        suspended_processes=fields.texts("SuspendedProcesses", "SuspendedProcess"),
        system_suspended=fields.flag("SystemSuspended"),
        desired_capacity=fields.integer("DesiredCapacity"),
        pending_capacity=fields.integer("PendingCapacity"),
        active_configuration_id=fields.word("ActiveScalingConfigurationId"),
        launch_template_id=fields.word("LaunchTemplateId"),
        template_types=[kind for one in overrides or [] if (kind := one.word("InstanceType"))],
        multi_zone_policy=fields.known("MultiAZPolicy"),
        vpc_id=fields.known("VpcId"),
    )
