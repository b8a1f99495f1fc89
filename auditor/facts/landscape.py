"""A landscape: all that is known of one cluster at one moment, both sides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from auditor.facts.catalogue import TABLES
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind, State, Table
from auditor.facts.text import t


class ClusterIdentity(msgspec.Struct, frozen=True):
    """Which cluster: the operator's name for it, the ACK cluster id and the region."""

    name: str
    cluster_id: str = ""
    region: str = ""


class TableLog(msgspec.Struct, frozen=True):
    """What became of one table."""

    name: str
    state: State
    items: int


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
