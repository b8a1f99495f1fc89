"""VPC: its address ranges, route tables, routes and elastic IP addresses."""

from typing import Any

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.ecs import vpc_ids, vpc_not_said
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_batches, from_list, from_lists, one_by_one
from auditor.collect.alibaba.paging import ROUTE_PAGE, Numbered, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.vpc import Eip, NextHop, RouteEntries, RouteEntry, RouteTable, Vpc
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_SYSTEM = "System"
"""The type of a route table that comes with the VPC, and of the routes in any table that do."""
_WITHOUT_ID = ("local", "service")
MOST_VPCS = 20
"""How many ids one call takes."""


@provides(
    "vpcs",
    source="vpc",
    layer=Layer.CLOUD,
    permissions=("vpc:DescribeVpcs",),
    tolerates=("instances", "clusters"),
)
def collect_vpcs(client: CloudClient, instances: Table[Instance], clusters: Table[Cluster]) -> Table[Any]:
    """Fill ``vpcs`` with those that the nodes' instances are in, or else the cluster; one, as a rule."""
    vpcs = _vpcs_of(instances, clusters)
    if not vpcs and instances.is_unavailable:
        return Table.unavailable("vpcs", *instances.reasons)
    if not vpcs:
        return vpc_not_said("vpcs", instances, "vpc")
    return from_batches(
        client,
        "vpcs",
        vpcs,
        MOST_VPCS,
        lambda ids: Request("vpc", "DescribeVpcs", {"VpcId": ",".join(ids)}),
        ("Vpcs", "Vpc"),
        Numbered(50),
        lambda fields: Vpc(
            id=fields.required("VpcId"),
            name=fields.word("VpcName"),
            cidr=fields.known("CidrBlock"),
            secondary_cidrs=fields.required_texts("SecondaryCidrBlocks", "SecondaryCidrBlock"),
            user_cidrs=fields.required_texts("UserCidrs", "UserCidr"),
            status=fields.known("Status"),
        ),
        lambda fields: fields.required("VpcId"),
    )


@provides(
    "route_tables",
    source="vpc",
    layer=Layer.CLOUD,
    permissions=("vpc:DescribeRouteTableList",),
    tolerates=("instances", "clusters"),
)
def collect_route_tables(client: CloudClient, instances: Table[Instance], clusters: Table[Cluster]) -> Table[Any]:
    """Fill ``route_tables`` with all of the VPC: the nodes', or the cluster's where no node can be read."""
    vpcs = _vpcs_of(instances, clusters)
    if not vpcs and instances.is_unavailable:
        return Table.unavailable("route_tables", *instances.reasons)
    if not vpcs:
        return vpc_not_said("route_tables", instances, "vpc")
    return from_lists(
        client,
        "route_tables",
        [Request("vpc", "DescribeRouteTableList", {"VpcId": vpc}) for vpc in vpcs],
        ("RouterTableList", "RouterTableListType"),
        Numbered(50),
        lambda fields: RouteTable(
            id=fields.required("RouteTableId"),
            name=fields.word("RouteTableName"),
            type=fields.known("RouteTableType"),
            vpc_id=fields.word("VpcId"),
            vswitch_ids=_vswitch_ids(fields),
        ),
        lambda fields: fields.required("RouteTableId"),
    )


@provides("route_entries", source="vpc", layer=Layer.CLOUD, permissions=("vpc:DescribeRouteEntryList",))
def collect_route_entries(client: CloudClient, route_tables: Table[RouteTable]) -> Table[RouteEntries]:
    """Fill ``route_entries`` for all known route tables."""

    def read(table_id: str) -> RouteEntries:
        request = Request("vpc", "DescribeRouteEntryList", {"RouteTableId": table_id})
        items = complete(gather(client, request, "RouteEntrys", "RouteEntry", ROUTE_PAGE), request)
        return RouteEntries(table_id, [_entry(item) for item in items])

    return one_by_one(client, "route_entries", "vpc", [table.id for table in route_tables.known_rows()], read)


@provides("eips", source="vpc", layer=Layer.CLOUD, permissions=("vpc:DescribeEipAddresses",))
def collect_eips(client: CloudClient) -> Table[Any]:
    """Fill ``eips`` with all of the region that are bound to a CLB; of others the table does not tell."""
    listed = from_list(
        client,
        "eips",
        Request("vpc", "DescribeEipAddresses", {"AssociatedInstanceType": "SlbInstance"}),
        ("EipAddresses", "EipAddress"),
        Numbered(100),
        _eip,
        lambda fields: fields.required("AllocationId"),
    )
    if listed.is_unavailable:
        return listed
    rows = listed.known_rows()
    return Table("eips", rows, gaps=listed.gaps, asked={eip.id for eip in rows})


def _vpcs_of(instances: Table[Instance], clusters: Table[Cluster]) -> list[str]:
    """Return the VPCs of the nodes, or that of the cluster where no node can be read."""
    if not instances.is_unavailable:
        return vpc_ids(instances)
    known = [] if clusters.is_unavailable else clusters.known_rows()
    return sorted({row.vpc_id for row in known if row.vpc_id})


def _vswitch_ids(fields: Fields) -> list[str]:
    """Return the vSwitches that are bound to a table. Those that are to none follow the system's, listed or not."""
    if fields.word("RouteTableType") == _SYSTEM:
        return fields.texts("VSwitchIds", "VSwitchId") or []
    return fields.required_texts("VSwitchIds", "VSwitchId")


def _entry(fields: Fields) -> RouteEntry:
    is_own = fields.word("Type") == _SYSTEM
    hops = fields.records("NextHops", "NextHop") or [] if is_own else fields.required_records("NextHops", "NextHop")
    return RouteEntry(
        destination=fields.required("DestinationCidrBlock"),
        type=fields.known("Type"),
        status=fields.known("Status"),
        next_hops=[_next_hop(hop) for hop in hops],
    )


def _next_hop(fields: Fields) -> NextHop:
    kind = fields.required("NextHopType")
    # Only "local" and "service", the system's own, lead to nothing that has an id.
    return NextHop(kind, fields.word("NextHopId") if kind.lower() in _WITHOUT_ID else fields.given("NextHopId"))


def _eip(fields: Fields) -> Eip:
    locks = fields.records("OperationLocks", "LockReason")
    return Eip(
        id=fields.required("AllocationId"),
        address=fields.required("IpAddress"),
        status=fields.known("Status"),
        instance_id=fields.given("InstanceId"),
        instance_type=fields.word("InstanceType"),
        bandwidth=fields.integer("Bandwidth"),
        business_status=fields.known("BusinessStatus"),
        lock_reasons=None if locks is None else [lock.given("LockReason") for lock in locks],
    )
