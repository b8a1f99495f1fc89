"""Load balancers of the cluster ↔ the outbound rules that refuse their addresses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.vpc import NetworkAcl, VSwitch
from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.joins.api_server import range_of
from auditor.facts.joins.services import AnyLoadBalancer, ServiceLoadBalancers, is_served_by_ccm
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Part, Ports, unique
from auditor.facts.rules.network_acl import Leg, judge_client
from auditor.facts.rules.security_group import Direction, Peer, SecurityGroupFilter, Traffic
from auditor.facts.table import NotKnown, Reason, Table, said
from auditor.facts.text import t

API_PORT = 6443


@dataclass(frozen=True)
class Target:
    """A port of a load balancer that nodes and Pods call: ``service`` is empty for the API server's."""

    balancer: AnyLoadBalancer
    address: str
    protocol: str
    port: int
    service: str = ""

    @property
    def shown(self) -> str:
        """The target as it is shown."""
        return f"{self.address}:{self.port}/{self.protocol}"


@dataclass(frozen=True)
class Refusal:
    """The targets that one clause refuses; ``part`` names the clause, ``leg`` its direction in a network ACL."""

    owner: str
    part: Part
    targets: tuple[Target, ...]
    leg: Leg | None = None


@dataclass(frozen=True)
class Refusals:
    """What is refused, and why more of it is not known."""

    refused: tuple[Refusal, ...]
    reasons: tuple[Reason, ...]


class BalancerEgress:
    """Load balancers of the cluster ↔ the security groups and network ACLs that let nobody out to them.

    Targets are the ports of the Services' CLBs and NLBs, and port 6443 of the API server's. Targets of one port are
    asked about together, and each set of groups and each vSwitch once, however many nodes are in it.
    """

    def __init__(
        self,
        services: Table[Service],
        service_load_balancers: ServiceLoadBalancers,
        api_server_load_balancer: ApiServerLoadBalancer,
        security_group_filter: SecurityGroupFilter,
        vswitches: Table[VSwitch],
        network_acls: Table[NetworkAcl],
        cluster: ClusterIdentity,
    ) -> None:
        """Join them."""
        self._services = services
        self._balancers = service_load_balancers
        self._api = api_server_load_balancer
        self._groups = security_group_filter
        self._vswitches = vswitches
        self._acls = network_acls
        self._cluster = cluster
        self._targets: tuple[tuple[Target, ...], tuple[Reason, ...]] | None = None
        self._by_groups: dict[frozenset[str], Refusals] = {}
        self._by_vswitch: dict[str, Refusals] = {}

    def targets(self) -> tuple[tuple[Target, ...], tuple[Reason, ...]]:
        """Return the targets that are known, and why others may be missing."""
        if self._targets is None:
            reasons: list[Reason] = list(self._services.reasons)
            found = [] if self._services.is_unavailable else list(self._of_services(reasons))
            try:
                api = [one.balancer for one in self._api.of(self._cluster.cluster_id) if one.balancer]
                found += [Target(one, one.address, "tcp", API_PORT) for one in api if one.address]
            except NotKnown as gap:
                reasons += gap.reasons
            self._targets = tuple(found), unique(reasons)
        return self._targets

    def by_groups(self, group_ids: Iterable[str]) -> Refusals:
        """Return what the groups of one interface refuse. Raises NotKnown if no group is given."""
        key = frozenset(group_ids)
        if key not in self._by_groups:
            refused: list[Refusal] = []
            reasons: list[Reason] = []
            for (protocol, port), targets in self._by_port().items():
                peer = Peer(_addresses(targets), frozenset())
                traffic = Traffic(Direction.EGRESS, protocol, peer, Ports.one(port))
                answer = self._groups.judge(key, traffic)
                refused += _refusals(answer, targets)
                reasons += answer.reasons
            self._by_groups[key] = Refusals(tuple(refused), unique(reasons))
        return self._by_groups[key]

    def by_vswitch(self, vswitch_id: str) -> Refusals:
        """Return what the network ACL of a vSwitch refuses, of calls and of the answers to them. Raises NotKnown."""
        if vswitch_id not in self._by_vswitch:
            vswitch = said(self._vswitches.get(vswitch_id), "vpc", t("vSwitch {vswitch}", vswitch=vswitch_id))
            acl_id = said(vswitch.network_acl_id, "vpc", t("the network ACL of vSwitch {vswitch}", vswitch=vswitch_id))
            refused: list[Refusal] = []
            reasons: list[Reason] = []
            if acl_id:
                acl = said(self._acls.get(acl_id), "vpc", t("the entries of network ACL {acl}", acl=acl_id))
                inside = range_of(vswitch)
                for (protocol, port), targets in self._by_port().items():
                    outside = [one for one in targets if one.address not in inside]
                    if not outside:
                        continue
                    for leg in judge_client(acl, protocol, Ports.one(port), _addresses(outside)):
                        refused += _refusals(leg.answer, outside, leg)
                        reasons += leg.answer.reasons
            self._by_vswitch[vswitch_id] = Refusals(tuple(refused), unique(reasons))
        return self._by_vswitch[vswitch_id]

    def _of_services(self, reasons: list[Reason]) -> Iterable[Target]:
        for service in self._services.known_rows():
            if not is_served_by_ccm(service) or service.metadata.deletion_timestamp is not None:
                continue
            try:
                balancer = self._balancers.of(service)
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            if balancer is not None:
                for address in addresses_of(balancer):
                    for port in service.ports:
                        yield Target(balancer, address, port.protocol.lower(), port.port, service.key)

    def _by_port(self) -> dict[tuple[str, int], list[Target]]:
        found: dict[tuple[str, int], list[Target]] = {}
        for target in self.targets()[0]:
            found.setdefault((target.protocol, target.port), []).append(target)
        return found


def addresses_of(balancer: AnyLoadBalancer) -> Sequence[str]:
    """Return the addresses of a load balancer; none while it has none."""
    if isinstance(balancer, NetworkLoadBalancer):
        return balancer.addresses
    return [balancer.address] if balancer.address else []


def _addresses(targets: Iterable[Target]) -> AddressSet:
    return AddressSet.of(*(one.address for one in targets))


def _refusals(answer: Answer, targets: Sequence[Target], leg: Leg | None = None) -> Iterable[Refusal]:
    for part in answer.refused:
        hit = tuple(one for one in targets if one.address in part.peers)
        if hit:
            yield Refusal(part.owner, part, hit, leg)
