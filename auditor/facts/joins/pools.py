"""Node pool ↔ scaling group."""

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ess import ScalingGroup
from auditor.facts.table import Table


class PoolScalingGroups:
    """Node pool ↔ scaling group, by ``scaling_group.scaling_group_id``."""

    def __init__(self, scaling_groups: Table[ScalingGroup]) -> None:
        """Take the scaling groups."""
        self._scaling_groups = scaling_groups

    def of(self, pool: NodePool) -> ScalingGroup | None:
        """Return the pool's group; None if it has none, or if the group is inactive or deleted."""
        return self._scaling_groups.get(pool.scaling_group_id) if pool.scaling_group_id else None
