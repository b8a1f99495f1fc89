"""What is owed to the channels: claimed by a sender, and then delivered, tried again later or given up."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, insert, or_, select, true, update

from auditor.judge.outcome import Outcome, Undelivered
from auditor.ledger.errors import LedgerError, Outdated
from auditor.ledger.records import Delivery, DeliveryState, Owed
from auditor.ledger.tables import deliveries, insert_or, told

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clocks of two machines that share a ledger may be apart. A row that was dated further in the future
shows that the clock was set back since: its times mean nothing, and it is due."""
_CLAIM_LOCK = 4_921_736_006
"""The number of the lock that senders with one PostgreSQL database take in turns."""
_NEXT = timedelta(microseconds=1)
"""The least by which two moments in a database differ."""
MOST_DEAD = 50
"""Messages that were given up and that a report names; the web site has all of them."""
LONGEST_ERROR = 2000
"""Characters of an error that are kept."""


def key_of(run_id: str, owed: Owed) -> str:
    """Return the key by which a receiver recognises a delivery: the same for the same message, at every attempt."""
    parts = [run_id, owed.channel, owed.kind]
    about = (*owed.fingerprints, *owed.gone)
    if len(about) == 1:
        parts.append(about[0])
    elif about:
        parts.append(hashlib.sha256("\0".join(sorted(about)).encode()).hexdigest()[:16])
    return "/".join(parts)


def owe(connection: Connection, outcome: Outcome, planned: Iterable[Owed]) -> None:
    """Write what a run owes, and what the channels believe by it."""
    rows: dict[str, dict[str, Any]] = {}
    created_at = _after_all_owed(connection, outcome)
    for place, owed in enumerate(planned):
        _note_told(connection, outcome.cluster.name, owed)
        if not owed.kind:
            continue
        due_at = max(owed.not_before or outcome.finished_at, outcome.finished_at)
        key = key_of(outcome.run_id, owed)
        rows.setdefault(
            key,
            {
                "key": key,
                "run_id": outcome.run_id,
                "cluster": outcome.cluster.name,
                "channel": owed.channel,
                "kind": owed.kind,
                "place": place,
                "fingerprints": list(owed.fingerprints),
                "gone": list(owed.gone),
                "state": DeliveryState.OWED,
                "created_at": created_at,
                "due_at": due_at,
                "give_up_at": max(due_at, created_at) + owed.give_up_after,
                "attempts": 0,
                "dated_at": outcome.finished_at,
            },
        )
    if rows:
        connection.execute(insert(deliveries), list(rows.values()))


def _after_all_owed(connection: Connection, outcome: Outcome) -> datetime:
    """Return when a run's deliveries came up: after all that is owed of its cluster, whatever the clock says.

    They are sent in this order. Were a clock that is set back to turn it round, a receiver would hear that something
    is over before it hears that it is there.
    """
    latest = connection.scalar(
        select(func.max(deliveries.c.created_at)).where(
            deliveries.c.cluster == outcome.cluster.name, deliveries.c.state == DeliveryState.OWED
        )
    )
    return outcome.finished_at if latest is None else max(outcome.finished_at, latest + _NEXT)


def _note_told(connection: Connection, cluster: str, owed: Owed) -> None:
    known = {"channel": owed.channel, "cluster": cluster}
    if owed.fingerprints:
        rows = [{**known, "fingerprint": fingerprint} for fingerprint in owed.fingerprints]
        connection.execute(insert_or(connection, told).on_conflict_do_nothing(), rows)
    if owed.gone:
        connection.execute(
            delete(told).where(
                told.c.channel == owed.channel, told.c.cluster == cluster, told.c.fingerprint.in_(owed.gone)
            )
        )


def read_told(connection: Connection, cluster: str) -> dict[str, frozenset[str]]:
    """Return by channel the findings of a cluster that it believes to be open."""
    found: dict[str, set[str]] = defaultdict(set)
    for channel, fingerprint in connection.execute(
        select(told.c.channel, told.c.fingerprint).where(told.c.cluster == cluster)
    ):
        found[channel].add(fingerprint)
    return {channel: frozenset(fingerprints) for channel, fingerprints in found.items()}


def claim(
    connection: Connection, now: datetime, limit: int, lease: timedelta, without: Collection[str] = ()
) -> list[Delivery]:
    """Return deliveries that are due, in the order in which they came up, and keep them from other senders for a while.

    Those to the channels ``without`` are left. While an attempt at an earlier one to the same channel is under way, or
    is to be made again, the later ones wait: that something is over must not arrive before that it is there.
    """
    if connection.dialect.name == "postgresql":
        # Else a second sender might take a later delivery without seeing that an earlier one is being tried.
        connection.execute(select(func.pg_advisory_xact_lock(_CLAIM_LOCK)))
    due = (
        select(deliveries.c.key)
        .where(deliveries.c.state == DeliveryState.OWED, _is_due(now), _is_first(), _is_to_others(without))
        .order_by(deliveries.c.created_at, deliveries.c.place, deliveries.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    keys = list(connection.scalars(due))
    if not keys:
        return []
    claimed = (
        update(deliveries)
        .where(deliveries.c.key.in_(keys))
        .values(lease_until=now + lease, dated_at=now, attempts=deliveries.c.attempts + 1)
        .returning(deliveries)
    )
    place = {key: number for number, key in enumerate(keys)}
    rows = sorted(connection.execute(claimed), key=lambda row: place[row.key])
    return [delivery_of(row) for row in rows]


def renew(connection: Connection, keys: Collection[str], now: datetime, lease: timedelta) -> None:
    """Keep deliveries that were claimed, and are being sent, from other senders for a while longer."""
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.key.in_(keys),
            deliveries.c.state == DeliveryState.OWED,
            deliveries.c.lease_until.is_not(None),
        )
        .values(lease_until=now + lease, dated_at=now)
    )


def release(connection: Connection, key: str) -> None:
    """Give back a delivery that was claimed and not tried."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.key == key, deliveries.c.state == DeliveryState.OWED, deliveries.c.attempts > 0)
        .values(lease_until=None, attempts=deliveries.c.attempts - 1)
    )


def settle(connection: Connection, key: str, state: DeliveryState, now: datetime, error: str = "") -> None:
    """Note that a delivery came, or was given up. One that came can't be given up any more, nor come again."""
    stands = [DeliveryState.OWED]
    if state is DeliveryState.DELIVERED:
        stands.append(DeliveryState.DEAD)  # by a second sender, while this one was at it
    values = {"last_error": error[:LONGEST_ERROR]} if error else {}
    connection.execute(
        update(deliveries)
        .where(deliveries.c.key == key, deliveries.c.state.in_(stands))
        .values(state=state, finished_at=now, lease_until=None, **values)
    )


def retry(connection: Connection, key: str, now: datetime, due_at: datetime, error: str) -> None:
    """Note that an attempt failed, and when the next one is due."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.key == key, deliveries.c.state == DeliveryState.OWED)
        .values(due_at=due_at, dated_at=now, lease_until=None, last_error=error[:LONGEST_ERROR])
    )


def revive(connection: Connection, key: str, now: datetime) -> None:
    """Owe a dead delivery again, for as long as it was owed at first. Raises LedgerError if there is none."""
    row = connection.execute(select(deliveries).where(deliveries.c.key == key)).first()
    if row is None:
        raise LedgerError(f"the ledger knows no delivery {key!r}")
    if row.state == DeliveryState.DEAD:
        _ensure_still_true(connection, row)
        patience = max(row.give_up_at - row.created_at, timedelta())
        connection.execute(
            update(deliveries)
            .where(deliveries.c.key == key)
            .values(
                state=DeliveryState.OWED,
                due_at=now,
                dated_at=now,
                give_up_at=now + patience,
                lease_until=None,
                finished_at=None,
            )
        )


def _ensure_still_true(connection: Connection, row: Row[Any]) -> None:
    """Refuse to send what is over: a receiver that keeps a state would believe it, and nothing would correct it."""
    believed = read_told(connection, row.cluster).get(row.channel, frozenset())
    is_over = row.kind == "finding" and not set(row.fingerprints) <= believed
    is_back = row.kind == "resolved" and bool(set(row.gone) & believed)
    later = select(func.count()).where(
        deliveries.c.channel == row.channel,
        deliveries.c.cluster == row.cluster,
        deliveries.c.kind == row.kind,
        deliveries.c.created_at > row.created_at,
    )
    is_outdated = row.kind == "snapshot" and bool(connection.scalar(later))
    if is_over or is_back or is_outdated:
        raise Outdated(f"{row.key}: this is not so any more, and the channel was owed later news: it is not sent")


def next_due(connection: Connection, now: datetime | None, without: Collection[str] = ()) -> datetime | None:
    """Return when the next delivery to a channel not in ``without`` can be claimed; None if none is owed."""
    owed = and_(deliveries.c.state == DeliveryState.OWED, _is_first(), _is_to_others(without))
    if now is not None and connection.scalar(select(func.count()).where(owed, _is_due(now))):
        return now
    free = select(func.min(deliveries.c.due_at)).where(owed, deliveries.c.lease_until.is_(None))
    leased = select(deliveries.c.due_at, deliveries.c.lease_until).where(owed, deliveries.c.lease_until.is_not(None))
    moments = [max(row.due_at, row.lease_until) for row in connection.execute(leased)]
    if (first := connection.scalar(free)) is not None:
        moments.append(first)
    return min(moments, default=None)


def read(connection: Connection, channel: str | None, states: Collection[DeliveryState], limit: int) -> list[Delivery]:
    """Return the latest deliveries, the last first."""
    wanted = select(deliveries).order_by(deliveries.c.created_at.desc(), deliveries.c.key).limit(limit)
    if channel is not None:
        wanted = wanted.where(deliveries.c.channel == channel)
    if states:
        wanted = wanted.where(deliveries.c.state.in_(states))
    return [delivery_of(row) for row in connection.execute(wanted)]


def read_dead(connection: Connection, cluster: str) -> tuple[Undelivered, ...]:
    """Return what was given up of the messages about a cluster, the last first."""
    wanted = (
        select(deliveries)
        .where(deliveries.c.cluster == cluster, deliveries.c.state == DeliveryState.DEAD)
        .order_by(deliveries.c.finished_at.desc(), deliveries.c.key)
        .limit(MOST_DEAD)
    )
    return tuple(
        Undelivered(row.key, row.channel, row.kind, row.finished_at, row.last_error)
        for row in connection.execute(wanted)
    )


def count(connection: Connection) -> dict[tuple[str, DeliveryState], int]:
    """Count the deliveries by channel and state."""
    grouped = select(deliveries.c.channel, deliveries.c.state, func.count()).group_by(
        deliveries.c.channel, deliveries.c.state
    )
    return {(channel, DeliveryState(state)): number for channel, state, number in connection.execute(grouped)}


def _is_first() -> ColumnElement[bool]:
    """Tell whether no earlier delivery to the same channel was tried and has not come."""
    earlier = deliveries.alias()
    return ~exists().where(
        earlier.c.channel == deliveries.c.channel,
        earlier.c.state == DeliveryState.OWED,
        earlier.c.attempts > 0,
        or_(
            earlier.c.created_at < deliveries.c.created_at,
            and_(earlier.c.created_at == deliveries.c.created_at, earlier.c.place < deliveries.c.place),
        ),
    )


def _is_to_others(without: Collection[str]) -> ColumnElement[bool]:
    return deliveries.c.channel.not_in(without) if without else true()


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_free = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now)
    return or_((deliveries.c.due_at <= now) & is_free, deliveries.c.dated_at > now + CLOCKS_DIFFER)


def delivery_of(row: Row[Any]) -> Delivery:
    """Read a row of the deliveries."""
    return Delivery(
        key=row.key,
        run_id=row.run_id,
        cluster=row.cluster,
        channel=row.channel,
        kind=row.kind,
        fingerprints=tuple(row.fingerprints),
        state=DeliveryState(row.state),
        created_at=row.created_at,
        due_at=row.due_at,
        give_up_at=row.give_up_at,
        attempts=row.attempts,
        last_error=row.last_error,
        finished_at=row.finished_at,
        gone=tuple(row.gone),
    )
