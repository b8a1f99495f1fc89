"""What is asked of the ledger at a glance: counts, pages of long lists, and where a finding was seen. Reads only."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from auditor.judge.verdicts import Severity
from auditor.ledger import outbox, runs
from auditor.ledger.database import Database
from auditor.ledger.records import Delivery, DeliveryState, Life, LifeState, RunRecord, RunState
from auditor.ledger.tables import clusters as clusters_table
from auditor.ledger.tables import deliveries, findings, lives
from auditor.ledger.tables import runs as runs_table

_ESCAPE = "\\"


class LifeCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings of a cluster there are of one kind, and since when the longest known of them is there."""

    cluster: str
    check: str
    severity: Severity
    state: LifeState
    suppressed: bool
    number: int
    oldest: datetime


class LifeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings are wanted. What is left empty does not narrow it.

    Attributes:
        clusters: their names; None for all.
        states: the states.
        suppressed: only those that do not count (True), or that count (False).
        severities: the severities.
        check: the id of a check, or a pattern with ``*`` and ``?``.
    """

    clusters: tuple[str, ...] | None = None
    states: tuple[LifeState, ...] = ()
    suppressed: bool | None = None
    severities: tuple[Severity, ...] = ()
    check: str = ""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A run that told of a finding, and of where it was in its life: ``new``, ``open``, ``reopened``, ``resolved``."""

    run: RunRecord
    lifecycle: str


class Overview:
    """Questions to the ledger that whole histories answer. Its methods raise LedgerError as those of the ledger do."""

    def __init__(self, database: Database) -> None:
        """Take the open database."""
        self._database = database

    def clusters(self) -> list[str]:
        """Return the names of all clusters that a run was recorded of."""
        with self._database.read() as connection:
            return list(connection.scalars(select(clusters_table.c.name).order_by(clusters_table.c.name)))

    def life_counts(self) -> list[LifeCount]:
        """Count all findings by cluster, check, severity and state."""
        by = (lives.c.cluster, lives.c.check, lives.c.severity, lives.c.state, lives.c.suppressed)
        wanted = _of_present_clusters(select(*by, func.count(), func.min(lives.c.first_seen))).group_by(*by)
        with self._database.read() as connection:
            return [
                LifeCount(
                    cluster=cluster,
                    check=check,
                    severity=Severity(severity),
                    state=LifeState(state),
                    suppressed=suppressed,
                    number=number,
                    oldest=oldest,
                )
                for cluster, check, severity, state, suppressed, number, oldest in connection.execute(wanted)
            ]

    def lives(self, wanted: LifeFilter, limit: int | None = None, offset: int = 0) -> list[Life]:
        """Return findings, the worst first, and of these the longest known first."""
        rank = case({severity.value: severity.rank for severity in Severity}, value=lives.c.severity, else_=99)
        order = (rank, lives.c.first_seen, lives.c.cluster, lives.c.fingerprint)
        rows = _narrowed(_of_present_clusters(select(lives)), wanted).order_by(*order).limit(limit).offset(offset)
        with self._database.read() as connection:
            return [runs.life_of(row) for row in connection.execute(rows)]

    def count_lives(self, wanted: LifeFilter) -> int:
        """Count findings."""
        counted = _narrowed(_of_present_clusters(select(func.count()).select_from(lives)), wanted)
        with self._database.read() as connection:
            return int(connection.scalar(counted) or 0)

    def lives_of(self, fingerprint: str) -> list[Life]:
        """Return the lives of a finding: one for each cluster that knows it, the last seen first."""
        wanted = _of_present_clusters(select(lives)).where(lives.c.fingerprint == fingerprint)
        with self._database.read() as connection:
            return [runs.life_of(row) for row in connection.execute(wanted.order_by(lives.c.last_seen.desc()))]

    def sightings(self, cluster: str, fingerprint: str, among: int) -> list[Sighting]:
        """Return which of the latest finished runs of a cluster, so many of them, told of a finding; the last first."""
        with self._database.read() as connection:
            latest = runs.read_runs(connection, cluster, among, None, (RunState.FINISHED,))
            told = select(findings.c.run_id, findings.c.lifecycle).where(
                findings.c.run_id.in_([run.id for run in latest]), findings.c.fingerprint == fingerprint
            )
            lifecycles = {row.run_id: row.lifecycle for row in connection.execute(told)}
        return [Sighting(run=run, lifecycle=lifecycles[run.id]) for run in latest if run.id in lifecycles]

    def run(self, run_id: str) -> RunRecord | None:
        """Return the run of this whole id; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(runs_table).where(runs_table.c.id == run_id)).first()
            return None if row is None else runs.record_of(row)

    def runs(
        self, cluster: str | None, states: Collection[RunState], limit: int, after: RunRecord | None = None
    ) -> list[RunRecord]:
        """Return the latest runs, the last begun first; those that follow on ``after`` then, if it is given."""
        wanted = select(runs_table).order_by(runs_table.c.started_at.desc(), runs_table.c.id.desc()).limit(limit)
        if cluster is not None:
            wanted = wanted.where(runs_table.c.cluster == cluster)
        if states:
            wanted = wanted.where(runs_table.c.state.in_(states))
        if after is not None:
            is_same_moment = and_(runs_table.c.started_at == after.started_at, runs_table.c.id < after.id)
            wanted = wanted.where(or_(runs_table.c.started_at < after.started_at, is_same_moment))
        with self._database.read() as connection:
            return [runs.record_of(row) for row in connection.execute(wanted)]

    def run_counts(self) -> dict[tuple[str, RunState], int]:
        """Count the runs by cluster and state."""
        by = (runs_table.c.cluster, runs_table.c.state)
        with self._database.read() as connection:
            rows = connection.execute(select(*by, func.count()).group_by(*by))
            return {(cluster, RunState(state)): number for cluster, state, number in rows}

    def delivery(self, key: str) -> Delivery | None:
        """Return a delivery; None if there is none of that key."""
        with self._database.read() as connection:
            row = connection.execute(select(deliveries).where(deliveries.c.key == key)).first()
            return None if row is None else outbox.delivery_of(row)

    def deliveries(
        self, channel: str | None, states: Collection[DeliveryState], limit: int, offset: int = 0, run_id: str = ""
    ) -> list[Delivery]:
        """Return the latest deliveries, the last first."""
        rows = _narrowed_deliveries(select(deliveries), channel, states, run_id)
        rows = rows.order_by(deliveries.c.created_at.desc(), deliveries.c.place, deliveries.c.key)
        with self._database.read() as connection:
            return [outbox.delivery_of(row) for row in connection.execute(rows.limit(limit).offset(offset))]

    def oldest_owed(self) -> dict[str, datetime]:
        """Return by channel since when the oldest delivery is owed that has not come."""
        wanted = (
            select(deliveries.c.channel, func.min(deliveries.c.created_at).label("since"))
            .where(deliveries.c.state == DeliveryState.OWED)
            .group_by(deliveries.c.channel)
        )
        with self._database.read() as connection:
            return {row.channel: row.since for row in connection.execute(wanted)}


def _of_present_clusters(wanted: Select[Any]) -> Select[Any]:
    """Leave out what is known of clusters that had the name before."""
    return wanted.join(
        clusters_table,
        (clusters_table.c.name == lives.c.cluster) & (clusters_table.c.cluster_id == lives.c.cluster_id),
    )


def _narrowed(rows: Select[Any], wanted: LifeFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.clusters is not None:
        conditions.append(lives.c.cluster.in_(wanted.clusters))
    if wanted.states:
        conditions.append(lives.c.state.in_(wanted.states))
    if wanted.suppressed is not None:
        conditions.append(lives.c.suppressed.is_(wanted.suppressed))
    if wanted.severities:
        conditions.append(lives.c.severity.in_(wanted.severities))
    if wanted.check:
        conditions.append(lives.c.check.like(_like(wanted.check), escape=_ESCAPE))
    return rows.where(*conditions)


def _narrowed_deliveries(
    rows: Select[Any], channel: str | None, states: Collection[DeliveryState], run_id: str
) -> Select[Any]:
    if channel is not None:
        rows = rows.where(deliveries.c.channel == channel)
    if states:
        rows = rows.where(deliveries.c.state.in_(states))
    if run_id:
        rows = rows.where(deliveries.c.run_id == run_id)
    return rows


def _like(pattern: str) -> str:
    """Return a pattern with ``*`` and ``?`` as SQL has it."""
    for special in (_ESCAPE, "%", "_"):
        pattern = pattern.replace(special, _ESCAPE + special)
    return pattern.replace("*", "%").replace("?", "_")
