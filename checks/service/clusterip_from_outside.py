"""The range of the Services' virtual addresses is also used outside of the cluster.

The virtual address of a Service exists on the nodes only, by rules of kube-proxy: no route of the VPC leads to it, so
that nobody outside of the cluster reaches it, and no ping answers. That is by design. It becomes a fault where the
range of these addresses overlaps one that really exists: that of the VPC, a user range, or one that a route leads to
(a peered VPC, CEN, a VPN gateway). Nodes and Pods then take machines in that range for Services, and never reach
them; with IPVS answers to such machines end on the node itself. The range can't be changed once the cluster exists.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import RouteEntries, RouteEntry, RouteTable, Vpc
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.addresses import AddressSet
from auditor.judge.api import (
    Check,
    Evidence,
    Finding,
    Hop,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Ref,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    cloud_ref,
    ok,
    said,
    step,
    t,
)

check = Check(
    severity=Severity.HIGH,
    causes=("V6", "V7"),
    since="0.1.0",
    symptoms=("service-ip-unreachable",),
    limits=(
        "Ranges behind a peering, CEN or a VPN gateway are known by the routes to them. A default route says nothing.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/plan-cidr-blocks-for-an-ack-cluster-1",
    ),
)

NARROWEST_DEFAULT = 7
"""A route of a prefix up to this is a default route, whole or in parts: the private ranges begin at 8 bits."""


@dataclass(frozen=True)
class Conflict:
    """A range that overlaps that of the Services: whose, what it is, and where they overlap."""

    ref: Ref
    kind: str
    range: str
    overlap: AddressSet

    @property
    def hop(self) -> Hop:
        """The hop of a trail that shows it."""
        detail = t("{kind} {range} holds {overlap}", kind=self.kind, range=self.range, overlap=str(self.overlap))
        return broken(self.ref, detail)


def subjects(clusters: Table[Cluster]) -> Iterable[Cluster]:
    return clusters.known_rows()


def judge(
    row: Cluster,
    vpcs: Table[Vpc],
    route_tables: Table[RouteTable],
    route_entries: Table[RouteEntries],
    nodes: Table[Node],
) -> Iterator[Verdict]:
    cidr = said(row.service_cidr, "cs", t("the Service range of cluster {cluster}", cluster=row.id))
    services = AddressSet()
    for part in cidr.split(","):
        services |= _set(part, row.ref)
    gaps: list[Reason] = []
    conflicts: list[Conflict] = []
    deliberate: list[Conflict] = []
    try:
        conflicts += _of_vpc(row, services, vpcs)
    except NotKnown as gap:
        gaps += gap.reasons
    routes = _Routes(row.vpc_id, services, route_tables, route_entries, nodes, gaps)
    for route in routes.overlapping():
        try:
            (deliberate if routes.leads_to_node(route) else conflicts).append(routes.conflict(route))
        except NotKnown as gap:
            gaps += gap.reasons
    if conflicts:
        yield _overlap(row, services, conflicts)
    if deliberate:
        yield _routed(row, services, deliberate)
    if gaps and not conflicts:
        yield NotEvaluated(tuple(dict.fromkeys(gaps)))
    elif not conflicts and not deliberate:
        yield Passed()


def _of_vpc(row: Cluster, services: AddressSet, vpcs: Table[Vpc]) -> list[Conflict]:
    vpc_id = said(row.vpc_id, "cs", t("the VPC of cluster {cluster}", cluster=row.id))
    vpc = said(vpcs.get(vpc_id), "vpc", t("the address ranges of VPC {vpc}", vpc=vpc_id))
    primary = said(vpc.cidr, "vpc", t("the address range of VPC {vpc}", vpc=vpc_id))
    ranges = [
        ("CidrBlock", primary),
        *(("SecondaryCidrBlock", one) for one in vpc.secondary_cidrs),
        *(("UserCidr", one) for one in vpc.user_cidrs),
    ]
    found = []
    for kind, text in ranges:
        overlap = services & _set(text, vpc.ref)
        if overlap and not (kind == "UserCidr" and _is_default(text)):
            found.append(Conflict(vpc.ref, kind, text, overlap))
    return found


@dataclass(frozen=True)
class _Route:
    table: RouteTable
    entry: RouteEntry
    overlap: AddressSet


@dataclass(frozen=True)
class _Routes:
    """The routes of the VPC against the range of the Services; what is not known of them goes to ``gaps``."""

    vpc_id: str | None
    services: AddressSet
    tables: Table[RouteTable]
    entries: Table[RouteEntries]
    nodes: Table[Node]
    gaps: list[Reason]

    def overlapping(self) -> Iterator[_Route]:
        self.gaps.extend(self.tables.reasons)
        for table in () if self.tables.is_unavailable else self.tables.known_rows():
            is_foreign = self.vpc_id is not None and table.vpc_id not in ("", self.vpc_id)
            if is_foreign or (table.type == "Custom" and not table.vswitch_ids):
                continue  # nobody's packets follow it
            try:
                row = self.entries.get(table.id)
            except NotKnown as gap:
                self.gaps.extend(gap.reasons)
                continue
            yield from self._of_table(table, row.entries if row else ())

    def _of_table(self, table: RouteTable, entries: Sequence[RouteEntry]) -> Iterator[_Route]:
        for entry in entries:
            if _is_default(entry.destination) or any(hop.type.lower() == "local" for hop in entry.next_hops):
                continue
            try:
                overlap = self.services & _set(entry.destination, _table_ref(table))
            except NotKnown as gap:
                self.gaps.extend(gap.reasons)
                continue
            if overlap:
                yield _Route(table, entry, overlap)

    def leads_to_node(self, route: _Route) -> bool:
        """Tell whether a route leads to the cluster's own nodes: then somebody wants Services reached from outside."""
        hops = route.entry.next_hops
        if not hops or any(hop.type != "Instance" for hop in hops):
            return False
        return all(self.nodes.where("instance_id", lambda node: node.instance_id, hop.id) for hop in hops)

    @staticmethod
    def conflict(route: _Route) -> Conflict:
        hops = [f"{hop.type} {hop.id}".strip() for hop in route.entry.next_hops]
        return Conflict(
            _table_ref(route.table), hops[0] if hops else "RouteEntry", route.entry.destination, route.overlap
        )


def _table_ref(table: RouteTable) -> Ref:
    return cloud_ref("RouteTable", table.id, table.name)


def _is_default(text: str) -> bool:
    prefix = text.rpartition("/")[2]
    return "/" in text and prefix.isdecimal() and int(prefix) <= NARROWEST_DEFAULT


def _set(text: str, whose: Ref) -> AddressSet:
    try:
        return AddressSet.of(text)
    except ValueError:
        message = t("a range of {object} can't be read: {text}", object=str(whose), text=text)
        raise NotKnown(Reason("vpc", ReasonKind.MALFORMED, message)) from None


def _overlap(row: Cluster, services: AddressSet, conflicts: Sequence[Conflict]) -> Finding:
    return Finding(
        subject=row.ref,
        message=t(
            "the Service range {services} of the cluster overlaps {ranges}: what has an address in both can't be "
            "reached from the cluster",
            services=str(services),
            ranges=[f"{one.kind} {one.range}" for one in conflicts],
        ),
        fault="service-range-overlaps",
        trail=(ok(row.ref, t("Service range {services}", services=str(services))), *(one.hop for one in conflicts)),
        evidence=_evidence(row, services, conflicts),
        remedy=(
            step(t("Confirm the ranges"), "aliyun", "vpc", "DescribeVpcs", "--VpcId", row.vpc_id or "<vpc>"),
            *_confirm_routes(conflicts),
            step(
                t(
                    "Move the other side: give the peer, the vSwitch or the machines in the overlap other addresses, "
                    "or narrow the route to the parts that are needed. The Service range of a cluster can't be changed"
                )
            ),
            step(
                t(
                    "Else make a new cluster with a Service range that nobody uses, and move over; until then keep "
                    "vSwitches and machines out of the overlap"
                )
            ),
        ),
    )


def _routed(row: Cluster, services: AddressSet, routes: Sequence[Conflict]) -> Finding:
    return Finding(
        subject=row.ref,
        severity=Severity.INFO,
        message=t(
            "a route of the VPC leads the Service range {services} to a node of the cluster: ClusterIPs are reached "
            "from outside through that node alone",
            services=str(services),
        ),
        fault="service-range-routed",
        trail=(ok(row.ref, t("Service range {services}", services=str(services))), *(one.hop for one in routes)),
        evidence=_evidence(row, services, routes),
        remedy=(
            *_confirm_routes(routes),
            step(t("If that is not meant, use a load balancer, a NodePort or an Ingress, and remove the route")),
        ),
    )


def _confirm_routes(conflicts: Sequence[Conflict]) -> tuple[Step, ...]:
    tables = sorted({one.ref.id for one in conflicts if one.ref.kind == "RouteTable"})
    return tuple(
        step(t("Confirm the route"), "aliyun", "vpc", "DescribeRouteEntryList", "--RouteTableId", table)
        for table in tables
    )


def _evidence(row: Cluster, services: AddressSet, conflicts: Sequence[Conflict]) -> dict[str, Evidence]:
    return {
        "service_cidr": str(services),
        "proxy_mode": row.proxy_mode,
        "ranges": [f"{one.ref}: {one.kind} {one.range}" for one in conflicts],
        "overlap": [str(one.overlap) for one in conflicts],
    }
