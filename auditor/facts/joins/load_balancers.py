"""Load balancer ↔ every entry of its server groups: what counts towards its quota of backend servers."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
)
from auditor.facts.joins.services import AnyLoadBalancer
from auditor.facts.table import Table

DEFAULT_GROUP = "default"
"""Stands for the id of a CLB's default server group, which has none."""

MEMBERS_OF_A_MASTER_SLAVE_GROUP = 2


@dataclass(frozen=True)
class BackendGroup:
    """A server group and its entries; of a master-slave group only their number is known."""

    id: str
    name: str
    count: int
    entries: Sequence[Backend] = ()


class LoadBalancerBackends:
    """Load balancer ↔ its server groups, VServer, master-slave and default, with their entries."""

    def __init__(
        self,
        server_groups: Table[LoadBalancerServerGroups],
        group_backends: Table[GroupBackends],
        default_backends: Table[DefaultBackends],
        master_slave_groups: Table[LoadBalancerMasterSlaveGroups],
        nlb_server_groups: Table[NlbServerGroup],
        nlb_group_backends: Table[NlbGroupBackends],
    ) -> None:
        """Join CLB and NLB alike."""
        self._server_groups = server_groups
        self._group_backends = group_backends
        self._default_backends = default_backends
        self._master_slave_groups = master_slave_groups
        self._nlb_server_groups = nlb_server_groups
        self._nlb_group_backends = nlb_group_backends
        self._nlb_groups: dict[str, list[NlbServerGroup]] | None = None

    def of(self, balancer: AnyLoadBalancer) -> list[BackendGroup]:
        """Return the server groups of a load balancer, with every entry: also those of other clusters and of hand."""
        if isinstance(balancer, NetworkLoadBalancer):
            return self._of_nlb(balancer)
        return self._of_clb(balancer)

    def _of_clb(self, balancer: LoadBalancer) -> list[BackendGroup]:
        groups: list[BackendGroup] = []
        listed = self._server_groups.get(balancer.id)
        for group in listed.groups if listed else ():
            row = self._group_backends.get(group.id)
            entries = row.backends if row else []
            groups.append(BackendGroup(group.id, group.name, len(entries), entries))
        master_slave = self._master_slave_groups.get(balancer.id)
        groups += [
            BackendGroup(pair.id, pair.name, MEMBERS_OF_A_MASTER_SLAVE_GROUP)
            for pair in (master_slave.groups if master_slave else ())
        ]
        default = self._default_backends.get(balancer.id)
        if default and default.backends:
            groups.append(BackendGroup(DEFAULT_GROUP, DEFAULT_GROUP, len(default.backends), default.backends))
        return groups

    def _of_nlb(self, balancer: NetworkLoadBalancer) -> list[BackendGroup]:
        if self._nlb_groups is None:
            by_balancer: dict[str, list[NlbServerGroup]] = {}
            for group in self._nlb_server_groups.all():
                for balancer_id in group.load_balancer_ids:
                    by_balancer.setdefault(balancer_id, []).append(group)
            self._nlb_groups = by_balancer
        groups = []
        for group in self._nlb_groups.get(balancer.id, ()):
            row = self._nlb_group_backends.get(group.id)
            entries = row.backends if row else []
            groups.append(BackendGroup(group.id, group.name, len(entries), entries))
        return groups
