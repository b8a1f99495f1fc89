"""Node ↔ the VPC's route to the addresses of its Pods."""

import ipaddress
from dataclasses import dataclass

from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.vpc import RouteEntries, RouteEntry, RouteTable
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SYSTEM = "System"


@dataclass(frozen=True)
class PodRoute:
    """The route table that a node's vSwitch uses, and its narrowest route that holds the node's whole Pod range.

    ``entry`` is None if there is none.
    """

    table: RouteTable
    entry: RouteEntry | None


class PodRoutes:
    """Node ↔ the route of its Pod range, in the route table of its vSwitch.

    A vSwitch uses the custom table that it is bound to, else the system table of its VPC.
    """

    def __init__(self, route_tables: Table[RouteTable], route_entries: Table[RouteEntries]) -> None:
        """Join the two tables."""
        self._tables = route_tables
        self._entries = route_entries
        self._by_destination: dict[str, dict[Network, RouteEntry]] = {}

    def of(self, instance: Instance, pod_range: str) -> PodRoute:
        """Return the route to a node's Pods. Raises NotKnown if it can't be told."""
        table = self._table_of(instance)
        routes = self._routes(table)
        try:
            network: Network = ipaddress.ip_network(pod_range.strip(), strict=False)
        except ValueError:
            message = t("the Pod range {range} can't be read", range=pod_range)
            raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None
        for prefix in range(network.prefixlen, -1, -1):
            entry = routes.get(network.supernet(new_prefix=prefix))
            if entry is not None:
                return PodRoute(table, entry)
        return PodRoute(table, None)

    def _table_of(self, instance: Instance) -> RouteTable:
        vpc = said(instance.vpc_id, "ecs", t("the VPC of instance {instance}", instance=instance.id))
        vswitch = said(instance.vswitch_id, "ecs", t("the vSwitch of instance {instance}", instance=instance.id))
        tables = [row for row in self._tables.all() if row.vpc_id in ("", vpc)]
        bound = [row for row in tables if vswitch in row.vswitch_ids]
        if not bound:
            bound = [row for row in tables if row.type == SYSTEM]
        if not bound and len(tables) == 1:
            bound = tables
        if not bound:
            message = t("no route table of VPC {vpc} is that of vSwitch {vswitch}", vpc=vpc, vswitch=vswitch)
            raise NotKnown(Reason("vpc", ReasonKind.UNDECIDABLE, message))
        # A table of its own wins over the system table, which may go on naming the vSwitch.
        return next((row for row in bound if row.type != SYSTEM), bound[0])

    def _routes(self, table: RouteTable) -> dict[Network, RouteEntry]:
        if table.id not in self._by_destination:
            row = said(self._entries.get(table.id), "vpc", t("the routes of route table {table}", table=table.id))
            routes: dict[Network, RouteEntry] = {}
            for entry in row.entries:
                try:
                    routes.setdefault(ipaddress.ip_network(entry.destination, strict=False), entry)
                except ValueError:
                    continue  # a prefix list as destination: a service of the cloud, never a node's Pods
            self._by_destination[table.id] = routes
        return self._by_destination[table.id]
