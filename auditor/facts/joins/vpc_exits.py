"""VPC ↔ the routes that may lead out of it into another VPC."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.vpc import NextHop, RouteEntries, RouteTable
from auditor.facts.table import Table, said
from auditor.facts.text import t

STAY_INSIDE = frozenset(
    {
        "",
        "local",
        "instance",
        "networkinterface",
        "havip",
        "natgateway",
        "ipv4gateway",
        "ipv6gateway",
        "service",
        "gatewayendpoint",
    }
)
"""Next hops that lead to no other VPC: into the VPC itself, to the Internet, or to a cloud service.

Every other type may: ``VpcPeer`` (a peering), ``RouterInterface`` and ``Attachment`` (CEN and transit routers),
``VpnGateway``, and types that a later version of the API names ("Route table overview" of the VPC documents).
"""


@dataclass(frozen=True)
class Exit:
    """A route that may lead into another VPC."""

    table: RouteTable
    destination: str
    hop: NextHop


class VpcExits:
    """VPC ↔ the routes that may lead out of it into another VPC, by the route tables of the nodes' VPC.

    A route by way of a machine does not count: so Flannel reaches its Pods.
    """

    def __init__(self, route_tables: Table[RouteTable], route_entries: Table[RouteEntries]) -> None:
        """Join the tables."""
        self._tables = route_tables
        self._entries = route_entries
        self._found: dict[str, tuple[Exit, ...]] = {}

    def of(self, vpc_id: str = "") -> Sequence[Exit]:
        """Return the routes that may lead out of a VPC, or, without one, out of any VPC that nodes are in.

        Raises NotKnown if a route may be missing.
        """
        if vpc_id not in self._found:
            tables = [row for row in self._tables.all() if not vpc_id or row.vpc_id in ("", vpc_id)]
            self._found[vpc_id] = tuple(found for table in tables for found in self._of_table(table))
        return self._found[vpc_id]

    def _of_table(self, table: RouteTable) -> list[Exit]:
        row = said(self._entries.get(table.id), "vpc", t("the routes of route table {table}", table=table.id))
        return [
            Exit(table, entry.destination, hop)
            for entry in row.entries
            if (entry.status or "Available").lower() == "available"
            for hop in entry.next_hops
            if hop.type.lower() not in STAY_INSIDE
        ]
