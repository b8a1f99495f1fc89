"""A landscape: all that is known of one cluster at one moment, both sides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from auditor.facts.catalogue import TABLES
from auditor.facts.ref import Layer, Ref, cloud_ref
from auditor.facts.table import Reason, ReasonKind, State, Table
from auditor.facts.text import t


class WantedRight(msgspec.Struct, frozen=True):
    """A right that an identity must have. ``resource`` may be ``pods/log``; empty ``namespace`` means all."""

    verbs: list[str]
    resource: str
    group: str = ""
    namespace: str = ""


class WantedIdentity(msgspec.Struct, frozen=True):
    """Somebody, and what the operator says they must be able to do."""

    must: list[WantedRight]
    user: str = ""
    groups: list[str] = []


class ClusterIdentity(msgspec.Struct, frozen=True):
    """Which cluster, and what its operator wants of it.

    Attributes:
        name: the operator's name for it.
        cluster_id: the ACK cluster id.
        region: its region.
        client_cidrs: the address ranges from which its load balancers and its API server must be reachable.
        identities: who must be able to do what.
    """

    name: str
    cluster_id: str = ""
    region: str = ""
    client_cidrs: list[str] = []
    identities: list[WantedIdentity] = []

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports: the same whether or not its description could be read."""
        return cloud_ref("Cluster", self.cluster_id, self.name)


class TableLog(msgspec.Struct, frozen=True):
    """What became of one table. ``since`` is the time of the oldest row, for events, which are forgotten."""

    name: str
    state: State
    items: int
    since: datetime | None = None


class SourceLog(msgspec.Struct, frozen=True):
    """What asking one source cost and brought: calls, retries and seconds are sums over its tables."""

    source: str
    layer: Layer
    state: State
    items: int
    calls: int
    retries: int
    seconds: float
    reasons: tuple[Reason, ...] = ()
    tables: tuple[TableLog, ...] = ()


class Landscape:
    """The fact tables of one cluster, and how they were come by."""

    def __init__(
        self,
        cluster: ClusterIdentity,
        observed_at: datetime,
        tables: Mapping[str, Table[Any]],
        collection: tuple[SourceLog, ...] = (),
    ) -> None:
        """Take the tables by name. ``observed_at`` is the moment of the collection, with a time zone."""
        self.cluster = cluster
        self.observed_at = observed_at
        self.tables = dict(tables)
        self.collection = collection

    def table(self, name: str) -> Table[Any]:
        """Return the table of this name. One that was never collected is unavailable, not empty."""
        if name not in TABLES:
            raise KeyError(name)
        if name not in self.tables:
            self.tables[name] = Table.unavailable(
                name,
                Reason(
                    "landscape",
                    ReasonKind.UNSUPPORTED,
                    t("the landscape does not contain {table}", table=name),
                ),
            )
        return self.tables[name]
