"""Collects a landscape: only the tables that are asked for, each as soon as what it needs is known."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from auditor.collect.memory import give_back_large_blocks
from auditor.collect.provider import CLUSTER, Provider
from auditor.collect.registry import providers, with_needs
from auditor.facts.catalogue import TABLES
from auditor.facts.cycles import search_held_off
from auditor.facts.kubernetes.events import Event
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog, TableLog
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind, State, Table
from auditor.facts.text import t

_WORKERS = 12
"""Tables filled at once. The clients bound the calls under way for each product by themselves."""


class SourceCost(Protocol):
    """What asking a source has cost so far."""

    @property
    def calls(self) -> int:
        """How many calls were made."""

    @property
    def retries(self) -> int:
        """How many of them were repeats."""

    @property
    def seconds(self) -> float:
        """The seconds spent in them."""


class Client(Protocol):
    """One side of the cluster."""

    def cost(self, source: str) -> SourceCost:
        """Return what asking a source has cost: calls, those that were repeats, and seconds spent in them."""


@dataclass(frozen=True)
class Unanswered:
    """A side whose client could be made, but that did not answer the first question."""

    client: Client
    reason: Reason


Side = Client | Unanswered | Reason
"""A client, or why that side can't be read."""


def why_not(side: Side) -> Reason | None:
    """Return why a side can't be read; None if it can."""
    if isinstance(side, Unanswered):
        return side.reason
    return side if isinstance(side, Reason) else None


@dataclass(frozen=True)
class Progress:
    """How far a collection is."""

    done: int
    total: int
    table: str


def collect(
    tables: Iterable[str],
    sides: Mapping[Layer, Side],
    cluster: ClusterIdentity,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Landscape:
    """Collect these tables, and those that are needed to ask for them.

    Never raises for what an API does: a side that can't be read makes its tables unavailable, and so does a
    provider that fails. ``on_progress`` is called from the calling thread after each table.
    """
    give_back_large_blocks()
    run = _Run(with_needs(set(tables)), sides, cluster)
    observed_at = datetime.now(UTC)
    with search_held_off():
        run.fill(on_progress)
    return Landscape(cluster, observed_at, run.tables, _logs(run.tables, run.known, sides))


class _Run:
    def __init__(self, names: set[str], sides: Mapping[Layer, Side], cluster: ClusterIdentity) -> None:
        self.known = providers()
        self.tables: dict[str, Table[Any]] = {}
        self._todo = set(names)
        self._total = len(names)
        self._sides = sides
        self._cluster = cluster

    def fill(self, on_progress: Callable[[Progress], None]) -> None:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="collect") as pool:
            running: dict[Future[Table[Any]], str] = {}
            while self._todo or running:
                for name in self._ready():
                    self._todo.discard(name)
                    running[pool.submit(self._fill_one, self.known[name])] = name
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    self.tables[name] = future.result()
                    on_progress(Progress(len(self.tables), self._total, name))

    def _ready(self) -> list[str]:
        return sorted(name for name in self._todo if all(need in self.tables for need in self.known[name].needs))

    def _fill_one(self, provider: Provider) -> Table[Any]:
        side = self._sides[provider.layer]
        if isinstance(side, Reason):
            return Table.unavailable(provider.table, side)
        if isinstance(side, Unanswered) and not provider.without_answer:
            return Table.unavailable(provider.table, side.reason)
        client = side.client if isinstance(side, Unanswered) else side
        needs = {name: self.tables[name] for name in provider.needs}
        lacking = [
            reason
            for name, table in needs.items()
            if table.is_unavailable and name not in provider.tolerates
            for reason in table.reasons
        ]
        if lacking:
            return Table.unavailable(provider.table, *lacking)
        threading.current_thread().name = f"collect-{provider.table}"
        try:
            cluster = {CLUSTER: self._cluster} if provider.takes_cluster else {}
            return provider.collect(client, **needs, **cluster)
        except Exception as error:  # noqa: BLE001 - one failing provider must not take the other tables along
            message = t("reading {table} failed: {error}", table=provider.table, error=type(error).__name__)
            return Table.unavailable(provider.table, Reason(provider.source, ReasonKind.ERROR, message))


def _logs(
    tables: Mapping[str, Table[Any]], known: Mapping[str, Provider], sides: Mapping[Layer, Side]
) -> tuple[SourceLog, ...]:
    by_source: dict[tuple[Layer, str], list[Table[Any]]] = {}
    for name, table in sorted(tables.items()):
        by_source.setdefault((known[name].layer, known[name].source), []).append(table)
    return tuple(_log(layer, source, rows, sides[layer]) for (layer, source), rows in sorted(by_source.items()))


def _log(layer: Layer, source: str, tables: list[Table[Any]], side: Side) -> SourceLog:
    states = {table.state for table in tables if not _is_switched_off(table)}
    if why_not(side):
        state = State.UNAVAILABLE  # what is known without an answer, such as the kubeconfig's own dates, is little
    elif not states or states == {State.KNOWN}:
        state = State.KNOWN
    else:
        state = State.UNAVAILABLE if states == {State.UNAVAILABLE} else State.PARTIAL
    client = side.client if isinstance(side, Unanswered) else side
    cost = None if isinstance(client, Reason) else client.cost(source)
    reasons = {(r.kind, str(r.message)): r for table in tables for r in table.reasons}
    return SourceLog(
        source=source,
        layer=layer,
        state=state,
        items=sum(len(table) for table in tables),
        calls=cost.calls if cost else 0,
        retries=cost.retries if cost else 0,
        seconds=round(cost.seconds, 3) if cost else 0.0,
        reasons=tuple(reasons.values()),
        tables=tuple(TableLog(table.name, table.state, len(table), _oldest(table)) for table in tables),
    )


def _oldest(table: Table[Any]) -> datetime | None:
    """Return the time of the oldest event; None for tables of other things."""
    if table.is_unavailable or TABLES[table.name] is not Event:
        return None
    return min((event.seen_at for event in table.known_rows() if event.seen_at), default=None)


def _is_switched_off(table: Table[Any]) -> bool:
    return table.is_unavailable and all(reason.kind is ReasonKind.SWITCHED_OFF for reason in table.reasons)
