"""Server ↔ the server groups of the region that it is entered in: what counts towards its quota of attachments."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from auditor.facts.cloud.nlb import NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveBackends,
)
from auditor.facts.joins.load_balancers import DEFAULT_GROUP
from auditor.facts.rules.ccm_backends import POD_BACKEND_TYPES
from auditor.facts.table import NotKnown, Reason, Row, Table

R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Attachment:
    """One entry of a server in a server group; ``balancer_id`` is empty for a group that no load balancer uses."""

    balancer_id: str
    group_id: str
    group_name: str
    port: int | None


@dataclass(frozen=True)
class Attachments:
    """The entries of one server as far as they are known, and why there may be more."""

    known: Sequence[Attachment]
    reasons: tuple[Reason, ...]


class _Found:
    """The entries of all servers of one product, and why there may be more."""

    def __init__(self) -> None:
        self.by_server: dict[str, list[Attachment]] = {}
        self.reasons: dict[Reason, None] = {}

    def add(self, balancer_id: str, group_id: str, group_name: str, entries: Iterable[Backend]) -> None:
        for entry in entries:
            if entry.type not in POD_BACKEND_TYPES:
                made = Attachment(balancer_id, group_id, group_name, entry.port)
                self.by_server.setdefault(entry.server_id, []).append(made)

    def miss(self, reasons: Iterable[Reason]) -> None:
        self.reasons.update(dict.fromkeys(reasons))

    def of(self, server_id: str) -> Attachments:
        return Attachments(self.by_server.get(server_id, ()), tuple(self.reasons))


class ServerAttachments:
    """Server ↔ its entries in server groups: those of CLB over the region, and those of NLB that were looked at.

    Each entry counts, so that a server on two ports of a group counts twice. Network interfaces (``eni``) and
    container instances (``eci``) count for themselves and not for the node that they are on. Other CLBs are those
    of the cluster's VPC and of no VPC: no other can hold its nodes.
    """

    def __init__(
        self,
        server_groups: Table[LoadBalancerServerGroups],
        group_backends: Table[GroupBackends],
        default_backends: Table[DefaultBackends],
        master_slave_groups: Table[LoadBalancerMasterSlaveGroups],
        master_slave_backends: Table[MasterSlaveBackends],
        foreign_server_groups: Table[LoadBalancerServerGroups],
        foreign_group_backends: Table[GroupBackends],
        foreign_default_backends: Table[DefaultBackends],
        foreign_master_slave_groups: Table[LoadBalancerMasterSlaveGroups],
        foreign_master_slave_backends: Table[MasterSlaveBackends],
        nlb_server_groups: Table[NlbServerGroup],
        nlb_group_backends: Table[NlbGroupBackends],
    ) -> None:
        """Join CLB and NLB alike."""
        self._groups = ((server_groups, group_backends), (foreign_server_groups, foreign_group_backends))
        self._defaults = (default_backends, foreign_default_backends)
        self._pairs = (
            (master_slave_groups, master_slave_backends),
            (foreign_master_slave_groups, foreign_master_slave_backends),
        )
        self._nlb_groups = nlb_server_groups
        self._nlb_backends = nlb_group_backends
        self._clb: _Found | None = None
        self._nlb: _Found | None = None

    def on_clb(self, server_id: str) -> Attachments:
        """Return the entries of a server in the server groups of CLB."""
        if self._clb is None:
            self._clb = self._read_clb()
        return self._clb.of(server_id)

    def on_nlb(self, server_id: str) -> Attachments:
        """Return the entries of a server in the server groups of NLB."""
        if self._nlb is None:
            self._nlb = self._read_nlb()
        return self._nlb.of(server_id)

    def _read_clb(self) -> _Found:
        found = _Found()
        for groups, backends in self._groups:
            for listed in _known(groups, found):
                for group in listed.groups:
                    for row in _one(backends, group.id, found):
                        found.add(listed.load_balancer_id, group.id, group.name or row.name, row.backends)
        for defaults in self._defaults:
            for default in _known(defaults, found):
                found.add(default.load_balancer_id, DEFAULT_GROUP, DEFAULT_GROUP, default.backends)
        for pairs, members in self._pairs:
            for pairs_of_one in _known(pairs, found):
                for pair in pairs_of_one.groups:
                    for two in _one(members, pair.id, found):
                        found.add(pairs_of_one.load_balancer_id, pair.id, pair.name, two.backends)
        return found

    def _read_nlb(self) -> _Found:
        found = _Found()
        names = {group.id: group for group in _known(self._nlb_groups, found)}
        for row in _known(self._nlb_backends, found):
            group = names.get(row.group_id)
            balancers = group.load_balancer_ids if group else []
            found.add(balancers[0] if balancers else "", row.group_id, group.name if group else "", row.backends)
        return found


def _known(table: Table[R], found: _Found) -> Sequence[R]:
    """Return the rows that were read, and note why others may be missing."""
    found.miss(table.reasons)
    return () if table.is_unavailable else table.known_rows()


def _one(table: Table[R], key: str, found: _Found) -> Iterator[R]:
    """Yield the row with this key if there is one, and note why it is not known."""
    try:
        row = table.get(key)
    except NotKnown as gap:
        found.miss(gap.reasons)
        return
    if row is not None:
        yield row
