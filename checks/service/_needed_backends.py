"""How many backend entries a Service still lacks on its load balancer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.cs import Cluster
from auditor.facts.joins.backend_nodes import BackendNodes
from auditor.facts.joins.load_balancers import BackendGroup
from auditor.facts.joins.services import ServiceEndpoints, owner_of_group
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.facts.rules.ccm_backends import (
    POD_BACKEND_TYPES,
    BackendMode,
    Eligible,
    Wanted,
    node_mode,
    stated_mode,
    wanted_nodes,
    wanted_pods,
)
from auditor.judge.api import NotKnown, Reason, ReasonKind, Table, t
from checks.service._lacking import Lacking, Ways


@dataclass(frozen=True)
class NeededBackends:
    """What a Service still lacks on its load balancer, in entries of server groups."""

    endpoints: ServiceEndpoints
    nodes: BackendNodes
    clusters: Table[Cluster]
    cluster_id: str

    def of(self, service: Service, groups: Sequence[BackendGroup]) -> tuple[int, int, tuple[Reason, ...]]:
        """Return the least and the most entries that are missing, and why the two differ if they do.

        Entries of the Service's own groups that are no longer wanted are taken off: the CCM removes them first.
        """
        modes, why = self._modes(service, groups)
        missing = [self._missing(service, mode, groups) for mode in modes]
        return min(missing), max(missing), why if min(missing) != max(missing) else ()

    def by_backend(
        self, service: Service, groups: Sequence[BackendGroup]
    ) -> tuple[Lacking, Lacking, tuple[Reason, ...]]:
        """Return how many entries each backend lacks, at least and at most, and why the two differ if they do."""
        modes, why = self._modes(service, groups)
        ways = Ways([self._lacking(service, mode, groups) for mode in modes])
        return ways.least(), ways.most(), why if ways.differ() else ()

    def _lacking(self, service: Service, mode: BackendMode, groups: Sequence[BackendGroup]) -> Lacking:
        nodes: frozenset[str] = frozenset()
        ports = 0
        apart: Counter[str] = Counter()
        for wanted, group, _is_shared in self._ports(service, mode, groups):
            if wanted.nodes:
                nodes = wanted.nodes
                ports += 1
            members = _members(group)
            apart.update(wanted.own - members)
            apart.subtract(member for member in members if member in wanted.nodes)
        return Lacking(nodes, ports, {backend: number for backend, number in apart.items() if number})

    def _modes(self, service: Service, groups: Sequence[BackendGroup]) -> tuple[list[BackendMode], tuple[Reason, ...]]:
        seen = {entry.type for group in groups if self._is_own(group, service) for entry in group.entries}
        if "ecs" in seen:
            return [node_mode(service)], ()
        if seen & set(POD_BACKEND_TYPES):
            return [BackendMode.ENI], ()
        mode = stated_mode(service)
        if mode:
            return [mode], ()
        why: tuple[Reason, ...] = (
            Reason(
                "kubernetes",
                ReasonKind.UNDECIDABLE,
                t("nothing says whether nodes or Pods are to be the backends of {service}", service=service.key),
            ),
        )
        try:
            row = self.clusters.get(self.cluster_id)
        except NotKnown as gap:
            row, why = None, gap.reasons
        if row and (row.network or "").lower() == "flannel":
            return [node_mode(service)], ()
        return [node_mode(service), BackendMode.ENI], why

    def _missing(self, service: Service, mode: BackendMode, groups: Sequence[BackendGroup]) -> int:
        missing = 0
        for wanted, group, is_shared in self._ports(service, mode, groups):
            missing += len(wanted) - sum(member in wanted for member in _members(group))
            if group and not is_shared:
                missing -= sum(entry.server_id not in wanted and entry.ip not in wanted for entry in group.entries)
        return max(missing, 0)

    def _ports(
        self, service: Service, mode: BackendMode, groups: Sequence[BackendGroup]
    ) -> Iterator[tuple[Wanted, BackendGroup | None, bool]]:
        """Yield, of each port, the backends it wants, its group, and whether the operator shares that group out."""
        eligible = None if mode is BackendMode.ENI else self.nodes.of(service)
        for port in service.ports:
            yield self._wanted(service, port, mode, eligible), *self._group_of(service, port, groups)

    def _wanted(self, service: Service, port: ServicePort, mode: BackendMode, eligible: Eligible | None) -> Wanted:
        ready = [e for e in self.endpoints.for_port(service.key, port) if e.is_ready]
        if eligible is None:
            return wanted_pods(ready)
        wanted = wanted_nodes(mode, eligible, self.nodes.virtual, ready)
        slices = self.endpoints.slices_of(service.key)
        if mode is BackendMode.CLUSTER and (not slices or any(piece.endpoints for piece in slices)):
            # Nodes are entered on every port as soon as the Service has endpoints on any; without a slice those
            # are still to come. Only slices that hold none keep the nodes out.
            return Wanted(eligible.ids, wanted.own)
        return wanted

    def _group_of(
        self, service: Service, port: ServicePort, groups: Sequence[BackendGroup]
    ) -> tuple[BackendGroup | None, bool]:
        """Return the group of a port, and whether it is one that the operator shares out."""
        for pair in (service.setting("vgroup-port") or "").split(","):
            group_id, _, number = pair.strip().rpartition(":")
            if number == str(port.port):
                return next((group for group in groups if group.id == group_id), None), True
        own = {
            owner.port: group
            for group in groups
            if self._is_own(group, service) and (owner := owner_of_group(group.name))
        }
        named = (str(value) for value in (port.node_port, port.target_port, port.port) if value)
        return next((own[name] for name in named if name in own), None), False

    def _is_own(self, group: BackendGroup, service: Service) -> bool:
        owner = owner_of_group(group.name)
        return (
            owner is not None
            and owner.service_key == service.key
            and (not self.cluster_id or owner.cluster_id == self.cluster_id)
        )


def _members(group: BackendGroup | None) -> set[str]:
    return {who for entry in (group.entries if group else ()) for who in (entry.server_id, entry.ip)}
