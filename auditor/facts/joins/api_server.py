"""API server ↔ the addresses that it calls nodes from."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import Instance, NetworkInterface
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.security_group import Peer
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t

SERVICE = "default/kubernetes"
DEDICATED, REGISTERED = "Kubernetes", "ExternalKubernetes"


class Origin(StrEnum):
    """By what the addresses of the API server are known."""

    ENDPOINTS = "endpoints"
    MASTERS = "masters"
    INTERFACES = "interfaces"
    VSWITCHES = "vswitches"

    @property
    def is_exact(self) -> bool:
        """Whether every one of the addresses is an API server's for certain."""
        return self in (Origin.ENDPOINTS, Origin.MASTERS)


@dataclass(frozen=True)
class Caller:
    """An address, or a range of them, that an API server calls from."""

    origin: Origin
    address: str
    peer: Peer


class ApiServerCallers:
    """API server ↔ the addresses that it calls nodes from.

    They are the endpoints of Service ``default/kubernetes`` that lie in the VPC. An older managed cluster has the
    address of its load balancer there, or one outside of the VPC; then they are the masters' in a dedicated
    cluster, and in a managed one those of the service-managed interfaces in the control plane's vSwitches and the
    cluster's own group, or else, no such interface being listed, anything in those vSwitches. An API server whose
    interface is not listed may be in the cluster's own group, and is in no other.
    """

    def __init__(
        self,
        service_endpoints: ServiceEndpoints,
        vswitches: Table[VSwitch],
        network_interfaces: Table[NetworkInterface],
        instances: Table[Instance],
        clusters: Table[Cluster],
        nodes: Table[Node],
    ) -> None:
        """Join the tables."""
        self._endpoints = service_endpoints
        self._vswitches = vswitches
        self._interfaces = network_interfaces
        self._instances = instances
        self._clusters = clusters
        self._nodes = nodes
        self._found: dict[tuple[str, str, bool], tuple[Caller, ...]] = {}
        self._vswitch_of: dict[tuple[str, str], VSwitch | None] = {}
        self._groups: dict[str, dict[str, list[str] | None]] = {}

    def of(self, cluster: ClusterIdentity, vpc_id: str, *, ipv6: bool = False) -> tuple[Caller, ...]:
        """Return the addresses of one family from which nodes in a VPC are called; never none.

        Raises NotKnown if they can't be told.
        """
        key = (cluster.cluster_id, vpc_id, ipv6)
        if key not in self._found:
            self._found[key] = tuple(self._find(cluster, vpc_id, ipv6=ipv6))
        return self._found[key]

    def vswitch_of(self, address: str, vpc_id: str) -> VSwitch | None:
        """Return the vSwitch that an address or range lies in; None if it lies in none of the VPC's."""
        key = (address, vpc_id)
        if key not in self._vswitch_of:
            self._vswitch_of[key] = self._search_vswitch(address, vpc_id)
        return self._vswitch_of[key]

    def _search_vswitch(self, address: str, vpc_id: str) -> VSwitch | None:
        for vswitch in self._vswitches.known_rows():
            if vswitch.vpc_id in (vpc_id, None) and address in range_of(vswitch):
                return vswitch
        for vswitch in self._vswitches.all():
            said(vswitch.cidr, "vpc", t("the address range of vSwitch {vswitch}", vswitch=vswitch.id))
        return None

    def _find(self, cluster: ClusterIdentity, vpc_id: str, *, ipv6: bool) -> list[Caller]:
        addresses = [
            address
            for endpoint in self._endpoints.of(SERVICE)
            if endpoint.is_ready
            for address in endpoint.addresses
            if (":" in address) == ipv6
        ]
        inside = [address for address in addresses if self._is_api_server(address, cluster, vpc_id)]
        if inside:
            return [self._caller(Origin.ENDPOINTS, address, vpc_id, cluster) for address in dict.fromkeys(inside)]
        return self._without_endpoints(cluster, vpc_id, ipv6=ipv6)

    def _is_api_server(self, address: str, cluster: ClusterIdentity, vpc_id: str) -> bool:
        """Tell whether an endpoint is a machine in the VPC, and not the load balancer in front of it."""
        if address in self._known_groups(vpc_id):
            return True
        if self.vswitch_of(address, vpc_id) is None:
            return False
        row = self._clusters.get(cluster.cluster_id)
        return row is None or address not in {urlsplit(url).hostname for url in row.api_endpoints.values()}

    def _without_endpoints(self, cluster: ClusterIdentity, vpc_id: str, *, ipv6: bool) -> list[Caller]:
        row = self._clusters.get(cluster.cluster_id)
        if row is None or row.type == REGISTERED:
            raise NotKnown(_undecidable())
        if row.type == DEDICATED:
            masters = [node for node in self._nodes.all() if node.is_control_plane]
            callers = [
                self._caller(Origin.MASTERS, address, vpc_id, cluster)
                for node in masters
                for address in node.internal_ips
                if (":" in address) == ipv6
            ]
        else:
            interfaces = [] if ipv6 else self._managed_interfaces(row)
            callers = [
                self._caller(Origin.INTERFACES, interface.primary_ip, vpc_id, cluster) for interface in interfaces
            ] or list(self._ranges(row, ipv6=ipv6))
        if not callers:
            raise NotKnown(_undecidable())
        return callers

    def _managed_interfaces(self, row: Cluster) -> list[NetworkInterface]:
        if self._interfaces.gaps:
            return []  # another of them may be among the missing ones, and refused: the ranges hold them all
        return [
            interface
            for interface in self._interfaces.known_rows()
            if interface.service_managed
            and not interface.instance_id
            and interface.vswitch_id in row.vswitch_ids
            and row.security_group_id in (interface.security_group_ids or ())
            and interface.primary_ip
        ]

    def _ranges(self, row: Cluster, *, ipv6: bool) -> Iterator[Caller]:
        for vswitch_id in row.vswitch_ids:
            vswitch = self._vswitches.get(vswitch_id)
            cidr = (vswitch.cidr6 if ipv6 else vswitch.cidr) if vswitch else None
            text = said(cidr, "vpc", t("the address range of vSwitch {vswitch}", vswitch=vswitch_id))
            if text:
                addresses = _addresses(text, vswitch_id) - self._machines()
                peer = Peer(addresses, None, self._interfaces.reasons, self._own_group(row))
                yield Caller(Origin.VSWITCHES, text, peer)

    def _machines(self) -> AddressSet:
        """Return the addresses of instances: no API server of a managed cluster has one of those."""
        addresses: list[str] = []
        if not self._instances.is_unavailable:
            addresses += [ip for instance in self._instances.known_rows() for ip in instance.private_ips]
        if not self._interfaces.is_unavailable:
            for interface in self._interfaces.known_rows():
                if interface.instance_id:
                    addresses += [interface.primary_ip, *interface.private_ips]
        return AddressSet.of(*(address for address in addresses if address))

    def _own_group(self, row: Cluster | None) -> frozenset[str] | None:
        """Return the groups that an API server may be in whose interface is not listed; None for any."""
        if self._interfaces.gaps or row is None or row.security_group_id is None:
            return None
        return frozenset({row.security_group_id})

    def _caller(self, origin: Origin, address: str, vpc_id: str, cluster: ClusterIdentity) -> Caller:
        known = self._known_groups(vpc_id)
        if address in known:
            groups = known[address]
            return Caller(origin, address, Peer.of(address, groups, () if groups else self._interfaces.reasons))
        own_group = self._own_group(self._clusters.get(cluster.cluster_id))
        return Caller(origin, address, Peer(AddressSet.of(address), None, self._interfaces.reasons, own_group))

    def _known_groups(self, vpc_id: str) -> dict[str, list[str] | None]:
        """Return the groups of every address in the VPC of which an interface is known; None where not said."""
        if vpc_id not in self._groups:
            known: dict[str, list[str] | None] = {}
            if not self._instances.is_unavailable:
                for instance in self._instances.known_rows():
                    if instance.vpc_id == vpc_id:
                        known |= dict.fromkeys(instance.private_ips, instance.security_group_ids)
            if not self._interfaces.is_unavailable:
                for interface in self._interfaces.known_rows():
                    if interface.vpc_id in (vpc_id, None):
                        addresses = [interface.primary_ip, *interface.private_ips]
                        known |= dict.fromkeys(addresses, interface.security_group_ids)
            known.pop("", None)
            self._groups[vpc_id] = known
        return self._groups[vpc_id]


def range_of(vswitch: VSwitch) -> AddressSet:
    """Return the addresses of a vSwitch, of both families. Raises NotKnown if a range can't be read."""
    ranges = [_addresses(cidr, vswitch.id) for cidr in (vswitch.cidr, vswitch.cidr6) if cidr]
    return ranges[0] | ranges[-1] if ranges else AddressSet()


def _addresses(cidr: str, vswitch_id: str) -> AddressSet:
    try:
        return AddressSet.of(cidr)
    except ValueError:
        message = t("the range of vSwitch {vswitch} can't be read: {cidr}", vswitch=vswitch_id, cidr=cidr)
        raise NotKnown(Reason("vpc", ReasonKind.MALFORMED, message)) from None


def _undecidable() -> Reason:
    message = t(
        "neither the endpoints of Service {service} nor the cluster's description say where it calls nodes from",
        service=SERVICE,
    )
    return Reason("cs", ReasonKind.UNDECIDABLE, message)
