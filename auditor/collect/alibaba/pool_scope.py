"""Which node pools, scaling groups and instance types are asked about: those by which the cluster may grow itself.

A pool of fixed size needs no stock, no diagnosis and no history: a cluster that does not scale by itself costs none
of these calls.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ecs import payment_for
from auditor.facts.cloud.ess import ScalingConfiguration, ScalingGroup
from auditor.facts.joins.pools import PoolScalingGroups, PoolTypes
from auditor.facts.table import NotKnown, Row, Table

R = TypeVar("R", bound=Row)


def scaling_pools(node_pools: Table[NodePool]) -> list[NodePool]:
    """Return the known pools that scale automatically, and have a scaling group to do it."""
    return [pool for pool in node_pools.known_rows() if pool.auto_scaling and pool.scaling_group_id]


def scaling_group_ids(node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]) -> list[str]:
    """Return the groups of these pools, but for those that are known to be inactive or deleted."""
    return sorted({pool.scaling_group_id for pool in scaling_pools(node_pools) if _may_exist(pool, scaling_groups)})


def configuration_ids(node_pools: Table[NodePool], scaling_groups: Table[ScalingGroup]) -> set[str]:
    """Return the active configurations of these groups, as far as the groups are known."""
    asked = set(scaling_group_ids(node_pools, scaling_groups))
    return {
        group.active_configuration_id
        for group in scaling_groups.known_rows()
        if group.id in asked and group.active_configuration_id
    }


def named_types(
    node_pools: Table[NodePool],
    scaling_groups: Table[ScalingGroup],
    scaling_configurations: Table[ScalingConfiguration],
) -> set[str]:
    """Return all instance types that pools, configurations and launch templates name, as far as they are known."""
    return {
        *_flat(pool.instance_types for pool in node_pools.known_rows()),
        *_flat(group.template_types for group in _read(scaling_groups)),
        *_flat(configuration.instance_types for configuration in _read(scaling_configurations)),
    }


def stock_wanted(
    node_pools: Table[NodePool],
    scaling_groups: Table[ScalingGroup],
    scaling_configurations: Table[ScalingConfiguration],
) -> set[tuple[str, str]]:
    """Return the instance types that a scale-out takes, each with how it is paid.

    Where a pool's configuration is not known, what the pool itself names stands in: whoever asks for the pool's types
    learns of the gap there.
    """
    join = PoolTypes(scaling_groups, scaling_configurations)
    wanted: set[tuple[str, str]] = set()
    for pool in scaling_pools(node_pools):
        try:
            types, payment = join.of(pool), join.payment_of(pool)
        except NotKnown:
            types, payment = pool.instance_types, payment_for(pool.charge_type, pool.spot_strategy)
        wanted.update((kind, payment) for kind in types)
    return wanted


def _may_exist(pool: NodePool, scaling_groups: Table[ScalingGroup]) -> bool:
    try:
        return PoolScalingGroups(scaling_groups).of(pool) is not None
    except NotKnown:
        return True


def _read(table: Table[R]) -> Sequence[R]:
    return () if table.is_unavailable else table.known_rows()


def _flat(lists: Iterable[list[str]]) -> set[str]:
    return {one for some in lists for one in some}
