"""The ledger: what the other rooms know of the history."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType

from auditor.facts.landscape import ClusterIdentity
from auditor.judge.outcome import Outcome, ReportedFinding
from auditor.ledger import outbox, retention, runs
from auditor.ledger.database import Database
from auditor.ledger.errors import LedgerError
from auditor.ledger.overview import Overview
from auditor.ledger.records import Delivery, DeliveryState, Life, LifeState, RunRecord, RunState

RUN_LEASE = timedelta(minutes=5)
"""How long a run is taken to go on without a word of its process."""


class Ledger:
    """The history in one database. Its methods may be called from several threads and processes at once.

    Every method raises :class:`~auditor.ledger.errors.LedgerError` if the database can't be used. All moments that
    are given and handed out have a time zone.
    """

    def __init__(self, database: Database) -> None:
        """Take an open database. Use :meth:`open`."""
        self._database = database

    @classmethod
    def open(cls, url: str, *, make: bool = True) -> "Ledger":
        """Open the database of a URL, and bring its tables up to date.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
            make: whether a ledger that is not there yet is made.

        Raises:
            LedgerError: it can't be reached, opened or brought up to date, or is of a later version.
        """
        database = Database(url)
        try:
            database.open(make=make)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The path, or the server and database, without a password."""
        return self._database.name

    @property
    def overview(self) -> Overview:
        """Counts, and pages of long lists."""
        return Overview(self._database)

    def begin(
        self,
        run_id: str,
        cluster: ClusterIdentity,
        trigger: str,
        started_at: datetime,
        lease_until: datetime | None = None,
    ) -> None:
        """Note a run that has begun. Until ``lease_until``, by default for five minutes, it is taken to go on."""
        with self._database.write() as connection:
            runs.begin(connection, run_id, cluster, trigger, started_at, lease_until or started_at + RUN_LEASE)

    def keep(self, run_id: str, until: datetime) -> None:
        """Renew the lease of a run that goes on."""
        with self._database.write() as connection:
            runs.keep(connection, run_id, until)

    def finish(self, outcome: Outcome, plan: runs.Plan) -> Outcome:
        """Record a run, its findings with their lives and what it owes, all or nothing, and return it as recorded.

        A run that was recorded before is not recorded again: what was recorded then is returned. One whose landscape
        is older than what the cluster's latest run saw changes no lives and owes nothing, and is recorded as the audit
        made it.

        Args:
            outcome: the run, as the audit made it.
            plan: says what the run, as it is recorded, owes, given by channel the findings of the cluster that it
                believes to be open. It is called within the transaction: nothing is recorded if it fails, and it
                must not take long.
        """
        with self._database.write() as connection:
            return runs.finish(connection, outcome, plan)

    def fail(self, run_id: str, state: RunState, error: str, finished_at: datetime) -> None:
        """Note that a run was INTERRUPTED or FAILED. One that finished stays finished."""
        with self._database.write() as connection:
            runs.fail(connection, run_id, state, error, finished_at)

    def sweep(self, now: datetime) -> int:
        """Note the runs whose process is gone as interrupted, and return how many there were.

        A process renews the leases of its own runs first.
        """
        with self._database.write() as connection:
            return runs.sweep(connection, now, RUN_LEASE + outbox.CLOCKS_DIFFER)

    def runs(
        self,
        cluster: str | None = None,
        limit: int = 50,
        before: datetime | None = None,
        states: Collection[RunState] = (),
    ) -> list[RunRecord]:
        """Return the latest runs, the last begun first; only those begun before a moment, if one is given."""
        with self._database.read() as connection:
            return runs.read_runs(connection, cluster, limit, before, states)

    def run(self, run_id: str) -> RunRecord:
        """Return the run of this id, or of the one id that begins so. Raises LedgerError if none does, or several."""
        with self._database.read() as connection:
            return runs.read_run(connection, run_id)

    def latest(self, cluster: str) -> RunRecord | None:
        """Return the run that tells how a cluster is now: the last one that finished."""
        with self._database.read() as connection:
            return runs.read_latest(connection, cluster)

    def clusters(self) -> list[str]:
        """Return the names of the clusters of which a run has finished, in order."""
        with self._database.read() as connection:
            return runs.read_clusters(connection)

    def trend(self, cluster: str, limit: int = 60) -> list[RunRecord]:
        """Return the latest runs that finished, the oldest first."""
        with self._database.read() as connection:
            return runs.read_runs(connection, cluster, limit, None, (RunState.FINISHED,))[::-1]

    def outcome(self, run_id: str) -> Outcome:
        """Return the whole outcome of a run by its whole id. Raises LedgerError if it has none."""
        with self._database.read() as connection:
            return runs.read_outcome(connection, run_id)

    def lives(self, cluster: str | None = None, states: Collection[LifeState | str] = (LifeState.OPEN,)) -> list[Life]:
        """Return the findings in these states (any, if none is given), the longest known first."""
        with self._database.read() as connection:
            return runs.read_lives(connection, cluster, [LifeState(state) for state in states])

    def finding(self, cluster: str, fingerprint: str) -> ReportedFinding | None:
        """Return a finding as it was last seen; None if it never was."""
        with self._database.read() as connection:
            return runs.read_finding(connection, cluster, fingerprint)

    def last_begun(self, cluster: str, trigger: str, states: Collection[RunState]) -> datetime | None:
        """Return when a cluster's latest run by a trigger began that is in one of the states."""
        with self._database.read() as connection:
            return runs.read_last_begun(connection, cluster, trigger, states)

    def told(self, cluster: str) -> dict[str, frozenset[str]]:
        """Return by channel the findings of a cluster that it believes to be open."""
        with self._database.read() as connection:
            return outbox.read_told(connection, cluster)

    def claim(self, now: datetime, limit: int, lease: timedelta, without: Collection[str] = ()) -> list[Delivery]:
        """Return deliveries that are due, in the order in which they came up, and lease them to the caller.

        Those to the channels ``without`` are left.
        No other sender is given them before the lease ends; after that they are due again, so that a sender that
        was killed loses none. Behind one that was tried and has not come the later ones to its channel wait.
        """
        with self._database.write() as connection:
            return outbox.claim(connection, now, limit, lease, without)

    def renew(self, keys: Collection[str], now: datetime, lease: timedelta) -> None:
        """Lease deliveries that the caller has claimed for longer: they are still being sent."""
        with self._database.write() as connection:
            outbox.renew(connection, keys, now, lease)

    def release(self, key: str) -> None:
        """Give back a delivery that was claimed and not tried."""
        with self._database.write() as connection:
            outbox.release(connection, key)

    def delivered(self, key: str, now: datetime) -> None:
        """Note that a delivery came. A delivery that is not known any more is passed over."""
        with self._database.write() as connection:
            outbox.settle(connection, key, DeliveryState.DELIVERED, now)

    def retry(self, key: str, now: datetime, due_at: datetime, error: str) -> None:
        """Note why an attempt failed, and when the next is due. One that has come, or is given up, stays so."""
        with self._database.write() as connection:
            outbox.retry(connection, key, now, due_at, error)

    def give_up(self, key: str, now: datetime, error: str) -> None:
        """Put a delivery on the list of dead ones. One that has come stays delivered."""
        with self._database.write() as connection:
            outbox.settle(connection, key, DeliveryState.DEAD, now, error)

    def revive(self, key: str, now: datetime) -> None:
        """Owe a dead delivery again. One in another state is left as it is. Raises LedgerError if there is none."""
        with self._database.write() as connection:
            outbox.revive(connection, key, now)

    def next_due(self, now: datetime | None = None, without: Collection[str] = ()) -> datetime | None:
        """Return when the next delivery can be claimed, None if none is owed; ``now`` itself if one can be by then.

        Those to the channels ``without`` are left out.
        """
        with self._database.read() as connection:
            return outbox.next_due(connection, now, without)

    def deliveries(
        self, channel: str | None = None, states: Collection[DeliveryState] = (), limit: int = 100
    ) -> list[Delivery]:
        """Return the latest deliveries, the last first."""
        with self._database.read() as connection:
            return outbox.read(connection, channel, states, limit)

    def delivery_counts(self) -> dict[tuple[str, DeliveryState], int]:
        """Count the deliveries by channel and state."""
        with self._database.read() as connection:
            return outbox.count(connection)

    def prune(self, now: datetime, keep_runs: int, keep_days: int) -> int:
        """Forget the runs of each cluster beyond a number and an age (0: without limit); return how many.

        Never one that goes on or owes deliveries, nor the last finished one of a cluster. Lives stay.
        """
        with self._database.write() as connection:
            return retention.prune(connection, now, keep_runs, keep_days)

    def health(self) -> None:
        """Raise LedgerError if the database can't be written."""
        with self._database.write() as connection:
            runs.beat(connection, datetime.now(UTC))


__all__ = ["RUN_LEASE", "Ledger", "LedgerError"]
