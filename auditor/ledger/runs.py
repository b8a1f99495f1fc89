"""The runs: begun, kept, finished and looked up. Each function works within the transaction it is given."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, insert, select, update

from auditor.facts.landscape import ClusterIdentity
from auditor.judge.outcome import Lifecycle, Outcome, ReportedFinding, Status
from auditor.judge.verdicts import Severity
from auditor.ledger import blobs
from auditor.ledger.errors import LedgerError
from auditor.ledger.lives import Lived, live_on
from auditor.ledger.outbox import owe, read_dead, read_told
from auditor.ledger.records import Life, LifeState, Owed, RunRecord, RunState
from auditor.ledger.tables import clusters, findings, insert_or, lives, outcomes, pulse, runs

LONGEST_ERROR = 2000
"""Characters of an error that are kept."""
Plan = Callable[[Outcome, Mapping[str, Collection[str]]], Sequence[Owed]]
"""Says what a run, as it was recorded, owes to the channels, given what each of them believes to be open."""


def begin(
    connection: Connection,
    run_id: str,
    cluster: ClusterIdentity,
    trigger: str,
    started_at: datetime,
    lease_until: datetime | None,
) -> None:
    """Note a run that has begun. One that is there already stays as it is."""
    connection.execute(
        insert_or(connection, runs)
        .values(
            id=run_id,
            cluster=cluster.name,
            cluster_id=cluster.cluster_id,
            region=cluster.region,
            trigger=trigger,
            state=RunState.RUNNING,
            started_at=started_at,
            lease_until=lease_until,
            counts={},
            checks={},
            lifecycle={},
        )
        .on_conflict_do_nothing()
    )


def finish(connection: Connection, outcome: Outcome, plan: Plan) -> Outcome:
    """Record an outcome with all that follows from it, and return it as recorded."""
    known = _lock_cluster(connection, outcome.cluster)
    # The row of the cluster is locked: another process that records the same run is either done or waits.
    if connection.scalar(select(runs.c.state).where(runs.c.id == outcome.run_id)) == RunState.FINISHED:
        return read_outcome(connection, outcome.run_id)
    is_late = _is_out_of_order(known, outcome)
    if is_late:
        lived = Lived(outcome, ())
    else:
        lived = live_on(_previous(connection, outcome), outcome)
        _write_lives(connection, lived.lives)
        connection.execute(
            update(clusters)
            .where(clusters.c.name == outcome.cluster.name)
            .values(
                cluster_id=outcome.cluster.cluster_id,
                run_id=outcome.run_id,
                observed_at=outcome.observed_at,
                recorded_at=datetime.now(UTC),
            )
        )
    recorded = msgspec.structs.replace(lived.outcome, undelivered=read_dead(connection, outcome.cluster.name))
    begin(connection, outcome.run_id, outcome.cluster, outcome.trigger, outcome.started_at, None)
    connection.execute(
        update(runs)
        .where(runs.c.id == outcome.run_id)
        .values(
            state=RunState.FINISHED,
            finished_at=recorded.finished_at,
            lease_until=None,
            complete=recorded.is_complete,
            error="",
            **_figures(recorded),
        )
    )
    connection.execute(insert(outcomes).values(run_id=outcome.run_id, content=blobs.encode(recorded)))
    if rows := _finding_rows(recorded):
        connection.execute(insert(findings), rows)
    if not is_late:
        owe(connection, recorded, plan(recorded, read_told(connection, outcome.cluster.name)))
    return recorded


def fail(connection: Connection, run_id: str, state: RunState, error: str, finished_at: datetime) -> None:
    """Note that a run came to no outcome. A finished one stays finished."""
    if state not in (RunState.INTERRUPTED, RunState.FAILED):
        raise ValueError(f"a run does not fail by being {state}")
    _ensure_known(connection, run_id)
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state != RunState.FINISHED)
        .values(state=state, error=error[:LONGEST_ERROR], finished_at=finished_at, lease_until=None)
    )


def keep(connection: Connection, run_id: str, until: datetime) -> None:
    """Renew the lease of a run that goes on. One that was taken for interrupted is running again."""
    _ensure_known(connection, run_id)
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state.in_((RunState.RUNNING, RunState.INTERRUPTED)))
        .values(state=RunState.RUNNING, lease_until=until, finished_at=None, error="")
    )


def sweep(connection: Connection, now: datetime, longest: timedelta) -> int:
    """Note the runs whose process has not renewed their lease as interrupted, and return how many they are.

    Nobody is given a lease of more than ``longest``: one that ends later shows that the clock was set back since.
    """
    is_over = runs.c.lease_until.is_(None) | (runs.c.lease_until <= now) | (runs.c.lease_until > now + longest)
    swept = connection.execute(
        update(runs)
        .where(runs.c.state == RunState.RUNNING, is_over)
        .values(state=RunState.INTERRUPTED, finished_at=now, lease_until=None, error="the process that ran it is gone")
    )
    return swept.rowcount


def read_runs(
    connection: Connection,
    cluster: str | None,
    limit: int,
    before: datetime | None,
    states: Collection[RunState],
) -> list[RunRecord]:
    """Return the latest runs, the last first."""
    wanted = _records().order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
    if cluster is not None:
        wanted = wanted.where(runs.c.cluster == cluster)
    if before is not None:
        wanted = wanted.where(runs.c.started_at < before)
    if states:
        wanted = wanted.where(runs.c.state.in_(states))
    return [record_of(row) for row in connection.execute(wanted)]


def read_run(connection: Connection, run_id: str) -> RunRecord:
    """Return the run of this id, or of the one id that begins so. Raises LedgerError if none does, or several."""
    if not run_id:
        raise LedgerError("the id of a run is empty; `auditor history` lists them")
    if row := connection.execute(_records().where(runs.c.id == run_id)).first():
        return record_of(row)
    found = connection.execute(_records().where(runs.c.id.startswith(run_id, autoescape=True)).limit(3)).all()
    matching = [row for row in found if row.id.startswith(run_id)]
    if not matching:
        raise LedgerError(f"the ledger knows no run {run_id!r}; `auditor history` lists them")
    if len(matching) > 1:
        raise LedgerError(f"the ids of several runs begin with {run_id!r}: name more of it")
    return record_of(matching[0])


def read_latest(connection: Connection, cluster: str) -> RunRecord | None:
    """Return the run that the lives of a cluster's findings are of: the last one that finished."""
    joined = _records().join(clusters, clusters.c.run_id == runs.c.id).where(clusters.c.name == cluster)
    row = connection.execute(joined).first()
    return record_of(row) if row else None


def read_clusters(connection: Connection) -> list[str]:
    """Return the names of the clusters of which a run has finished, in order."""
    return list(connection.scalars(select(clusters.c.name).where(clusters.c.run_id.is_not(None)).order_by("name")))


def read_outcome(connection: Connection, run_id: str) -> Outcome:
    """Return the outcome of a run by its whole id. Raises LedgerError if it has none."""
    content = connection.scalar(select(outcomes.c.content).where(outcomes.c.run_id == run_id))
    if content is None:
        run = read_run(connection, run_id)
        raise LedgerError(f"the run {run.id} has no outcome: it is {run.state}")
    return blobs.decode_outcome(content)


def read_lives(connection: Connection, cluster: str | None, states: Collection[str]) -> list[Life]:
    """Return the findings over all runs, of the clusters as they are now: of none that had the name before."""
    wanted = (
        select(lives)
        .join(clusters, (clusters.c.name == lives.c.cluster) & (clusters.c.cluster_id == lives.c.cluster_id))
        .order_by(lives.c.cluster, lives.c.first_seen, lives.c.fingerprint)
    )
    if cluster is not None:
        wanted = wanted.where(lives.c.cluster == cluster)
    if states:
        wanted = wanted.where(lives.c.state.in_(states))
    return [life_of(row) for row in connection.execute(wanted)]


def read_finding(connection: Connection, cluster: str, fingerprint: str) -> ReportedFinding | None:
    """Return a finding as it was last seen; None if it never was."""
    content = connection.scalar(
        select(lives.c.finding).where(lives.c.cluster == cluster, lives.c.fingerprint == fingerprint)
    )
    return None if content is None else blobs.decode_finding(content)


def read_last_begun(
    connection: Connection, cluster: str, trigger: str, states: Collection[RunState]
) -> datetime | None:
    """Return when a cluster's latest run by a trigger began that is in one of the states."""
    wanted = select(runs.c.started_at).where(
        runs.c.cluster == cluster, runs.c.trigger == trigger, runs.c.state.in_(states)
    )
    found: datetime | None = connection.scalar(wanted.order_by(runs.c.started_at.desc()).limit(1))
    return found


def _lock_cluster(connection: Connection, cluster: ClusterIdentity) -> Row[Any]:
    new = insert_or(connection, clusters).values(name=cluster.name, cluster_id=cluster.cluster_id)
    connection.execute(new.on_conflict_do_nothing())
    return connection.execute(select(clusters).where(clusters.c.name == cluster.name).with_for_update()).one()


def _is_out_of_order(known: Row[Any], outcome: Outcome) -> bool:
    """Tell whether a later state of the cluster is recorded already.

    Where the clock has been set back since that was seen, its moment says nothing about what was later.
    """
    if known.observed_at is None or known.cluster_id != outcome.cluster.cluster_id:
        return False
    is_clock_set_back = datetime.now(UTC) < known.recorded_at or known.recorded_at < known.observed_at
    return bool(outcome.observed_at < known.observed_at) and not is_clock_set_back


def _previous(connection: Connection, outcome: Outcome) -> dict[str, Life]:
    """Return what is open of the cluster, and what is resolved and back."""
    cluster = outcome.cluster
    wanted = select(lives).where(lives.c.cluster == cluster.name, lives.c.cluster_id == cluster.cluster_id)
    present = {finding.fingerprint for finding in outcome.findings}
    return {
        row.fingerprint: life_of(row)
        for row in connection.execute(wanted)
        if row.state != LifeState.RESOLVED or row.fingerprint in present
    }


def _write_lives(connection: Connection, changed: Iterable[Life]) -> None:
    rows = [
        {
            "cluster": life.cluster,
            "fingerprint": life.fingerprint,
            "cluster_id": life.cluster_id,
            "check": life.check,
            "severity": life.severity,
            "state": life.state,
            "suppressed": life.suppressed,
            "first_seen": life.first_seen,
            "last_seen": life.last_seen,
            "resolved_at": life.resolved_at,
            "reopened": life.reopened,
            "run_id": life.run_id,
            "unlooked": list(life.unlooked),
            "finding": blobs.encode(life.finding),
        }
        for life in changed
    ]
    if rows:
        new = insert_or(connection, lives)
        values = {name: new.excluded[name] for name in rows[0] if name not in ("cluster", "fingerprint")}
        connection.execute(new.on_conflict_do_update(index_elements=["cluster", "fingerprint"], set_=values), rows)


def life_of(row: Row[Any]) -> Life:
    """Read a row of the lives."""
    return Life(
        fingerprint=row.fingerprint,
        cluster=row.cluster,
        cluster_id=row.cluster_id,
        check=row.check,
        severity=Severity(row.severity),
        state=LifeState(row.state),
        suppressed=row.suppressed,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        resolved_at=row.resolved_at,
        reopened=row.reopened,
        run_id=row.run_id,
        unlooked=tuple(row.unlooked),
        finding=blobs.decode_finding(row.finding),
    )


def _finding_rows(outcome: Outcome) -> list[dict[str, Any]]:
    told: dict[str, tuple[ReportedFinding, str]] = {}
    for finding in outcome.findings:
        told.setdefault(finding.fingerprint, (finding, finding.lifecycle))
    for finding in outcome.resolved:
        told.setdefault(finding.fingerprint, (finding, "resolved"))
    return [
        {
            "run_id": outcome.run_id,
            "fingerprint": finding.fingerprint,
            "check": finding.check,
            "severity": finding.severity,
            "certainty": finding.certainty,
            "lifecycle": lifecycle,
            "suppressed": finding.suppression is not None,
            "subject": str(finding.subject),
        }
        for finding, lifecycle in told.values()
    ]


def _figures(outcome: Outcome) -> dict[str, dict[str, int]]:
    counts = dict.fromkeys((severity.value for severity in Severity), 0)
    stages = dict.fromkeys((stage.value for stage in Lifecycle), 0)
    for finding in outcome.counting:
        counts[finding.severity.value] += 1
        stages[finding.lifecycle.value] += 1
    statuses = dict.fromkeys((status.value for status in Status), 0)
    for result in outcome.checks:
        statuses[result.status.value] += 1
    stages["resolved"] = len(outcome.resolved)
    stages["suppressed"] = len(outcome.findings) - len(outcome.counting)
    return {"counts": counts, "checks": statuses, "lifecycle": stages}


def _records() -> Select[Any]:
    return select(runs)


def record_of(row: Row[Any]) -> RunRecord:
    """Read a row of the runs."""
    return RunRecord(
        id=row.id,
        cluster=row.cluster,
        cluster_id=row.cluster_id,
        region=row.region,
        trigger=row.trigger,
        state=RunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        complete=row.complete,
        counts=row.counts,
        checks=row.checks,
        lifecycle=row.lifecycle,
        error=row.error,
    )


def _ensure_known(connection: Connection, run_id: str) -> None:
    if connection.scalar(select(runs.c.id).where(runs.c.id == run_id)) is None:
        raise LedgerError(f"the ledger knows no run {run_id!r}; `auditor history` lists them")


def beat(connection: Connection, now: datetime) -> None:
    """Write something that nobody reads."""
    row = insert_or(connection, pulse).values(id=1, at=now)
    connection.execute(row.on_conflict_do_update(index_elements=["id"], set_={"at": now}))
