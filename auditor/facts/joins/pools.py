"""Node pool ↔ scaling group ↔ what instances are made from."""

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ecs import payment_for
from auditor.facts.cloud.ess import ScalingConfiguration, ScalingGroup
from auditor.facts.table import Table


class PoolScalingGroups:
    """Node pool ↔ scaling group, by ``scaling_group.scaling_group_id``."""

    def __init__(self, scaling_groups: Table[ScalingGroup]) -> None:
        """Take the scaling groups."""
        self._scaling_groups = scaling_groups

    def of(self, pool: NodePool) -> ScalingGroup | None:
        """Return the pool's group; None if it has none, or if the group is inactive or deleted."""
        return self._scaling_groups.get(pool.scaling_group_id) if pool.scaling_group_id else None


class PoolTypes:
    """Node pool → the instance types that a scale-out takes, and how they are paid.

    The active scaling configuration of the pool's group decides, or the types that override the group's launch
    template: the pool names what it was set up with. Only pools that scale automatically have their configuration
    read; ask for no other.
    """

    def __init__(
        self, scaling_groups: Table[ScalingGroup], scaling_configurations: Table[ScalingConfiguration]
    ) -> None:
        """Take the groups and their configurations."""
        self._groups = PoolScalingGroups(scaling_groups)
        self._configurations = scaling_configurations

    def configuration_of(self, pool: NodePool) -> ScalingConfiguration | None:
        """Return the active configuration; None if the group is gone, or uses a launch template."""
        group = self._groups.of(pool)
        return (
            self._configurations.get(group.active_configuration_id) if group and group.active_configuration_id else None
        )

    def of(self, pool: NodePool) -> list[str]:
        """Return the types, in the order in which they are tried; empty where sizes stand in their place."""
        group = self._groups.of(pool)
        configuration = self.configuration_of(pool)
        named = configuration.instance_types if configuration else []
        return list(dict.fromkeys(named or (group.template_types if group else []) or pool.instance_types))

    def payment_of(self, pool: NodePool) -> str:
        """Return how they are paid, as the stock of a type is asked for: PostPaid, PrePaid or a spot strategy."""
        configuration = self.configuration_of(pool)
        strategy = configuration.spot_strategy if configuration else ""
        return payment_for(pool.charge_type, strategy or pool.spot_strategy)
