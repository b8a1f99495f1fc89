"""Which old runs are forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, exists, func, or_, select

from auditor.ledger.records import DeliveryState, RunState
from auditor.ledger.tables import clusters, deliveries, runs


def prune(connection: Connection, now: datetime, keep_runs: int, keep_days: int) -> int:
    """Forget the runs of each cluster beyond a number and beyond an age, and return how many they were.

    The runs that finished and those that did not are counted apart, so that many failures push no outcome out. A run
    that goes on, that owes a delivery, or that is the last of its cluster to have finished, is kept.

    Args:
        connection: a transaction.
        now: the moment from which the age counts.
        keep_runs: how many runs of a cluster are kept; 0 for any number.
        keep_days: how many days a run is kept; 0 for ever.
    """
    is_finished = case((runs.c.state == RunState.FINISHED, 1), else_=0)
    newest_first = (runs.c.started_at.desc(), runs.c.id.desc())
    place = func.row_number().over(partition_by=(runs.c.cluster, is_finished), order_by=newest_first)
    ended = (
        select(runs.c.id, runs.c.started_at, place.label("place")).where(runs.c.state != RunState.RUNNING).subquery()
    )
    beyond = []
    if keep_runs > 0:
        beyond.append(ended.c.place > keep_runs)
    if keep_days > 0:
        beyond.append(ended.c.started_at < now - timedelta(days=keep_days))
    if not beyond:
        return 0
    owes = exists().where(deliveries.c.run_id == ended.c.id, deliveries.c.state == DeliveryState.OWED)
    is_last = exists().where(clusters.c.run_id == ended.c.id)
    forgotten = select(ended.c.id).where(or_(*beyond), ~owes, ~is_last)
    return connection.execute(delete(runs).where(runs.c.id.in_(forgotten))).rowcount
