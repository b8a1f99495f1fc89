"""The audits that the agent is asked for: one at a time for each cluster, several clusters side by side."""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from auditor.agent.audit import Times, identity_of, nothing_judged
from auditor.agent.child import Interrupted, Job, NotAudited, audit_in_child
from auditor.config.clusters import Cluster
from auditor.config.settings import Settings
from auditor.deliver.planning import Send
from auditor.judge.check import LoadedCheck
from auditor.judge.outcome import Outcome
from auditor.judge.registry import select
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import RunState
from auditor.own_fault import own_fault

LEASE = timedelta(minutes=2)
"""How long a run is believed to be under way without a sign of life of its agent."""
SIDE_BY_SIDE = 4
"""Audits under way at once. Each has a process of its own."""
_RECORDING_PATIENCE = 3600.0
"""Seconds for which an outcome is held that can't be recorded: it is not thrown away because a disk is full."""
_RECORDING_PAUSE = 10.0
"""Seconds between two tries to record a run."""
_ENDING = 5.0
"""Seconds that interrupted audits are given to end."""

Auditing = Callable[[Job, Settings, threading.Event], Outcome]
Recording = Callable[[Outcome, Mapping[str, Send]], Outcome]

_log = structlog.get_logger("auditor.runs")


@dataclass(frozen=True)
class Request:
    """What is asked for. ``reports`` says which channels get a report of it, and under which condition."""

    checks: tuple[str, ...] = ("*",)
    trigger: str = "now"
    reports: Mapping[str, Send] = field(default_factory=dict)
    deadline_seconds: float = 1800
    run_id: str = ""

    def joined_with(self, other: "Request") -> "Request":
        """Return one request for both, which differ at most in who gets a report."""
        return replace(self, reports={**self.reports, **other.reports})


class Runs:
    """Takes requests, and audits in threads of its own."""

    def __init__(
        self,
        settings: Settings,
        checks: Sequence[LoadedCheck],
        ledger: Ledger,
        record: Recording,
        auditing: Auditing = audit_in_child,
    ) -> None:
        """Take what an audit needs. ``record`` writes an outcome to the ledger, with what is owed for it."""
        self._settings = settings
        self._checks = checks
        self._ledger = ledger
        self._record = record
        self._auditing = auditing
        self._stop = threading.Event()
        self._room = threading.Semaphore(SIDE_BY_SIDE)
        self._lanes = {cluster.name: _Lane(cluster, self._run) for cluster in settings.clusters}
        self._noted: set[str] = set()
        self._unnoted: dict[str, Job] = {}

    def request(self, cluster: str, request: Request) -> str:
        """Ask for an audit of a cluster, and return the id of its run.

        A request like one that waits already is joined with it: nobody needs the same audit twice in a row.
        """
        return self._lanes[cluster].add(request)

    def under_way(self) -> dict[str, str]:
        """Return the ids of the runs that are under way or wait, the first of each cluster, by cluster."""
        return {name: run_id for name, lane in self._lanes.items() if (run_id := lane.first())}

    def waiting(self) -> dict[str, str]:
        """Return the clusters of the runs that wait for their turn, by the id of the run."""
        return {run_id: name for name, lane in self._lanes.items() for run_id in lane.waiting()}

    def is_asked_for(self, cluster: str, trigger: str) -> bool:
        """Tell whether an audit of a cluster by a trigger is under way or waits."""
        return trigger in self._lanes[cluster].triggers()

    def renew_leases(self, now: datetime) -> None:
        """Say of the runs under way that they are, and note those of which that could not be noted.

        Raises:
            LedgerError: the ledger can't be written.
        """
        for job in list(self._unnoted.values()):
            self._note_begin(job)
        for lane in self._lanes.values():
            if (run_id := lane.running) in self._noted:
                self._ledger.keep(run_id, now + LEASE)

    def stop(self, patience: float) -> None:
        """Take no more requests; wait so many seconds for what is under way, and then interrupt it.

        What still waits for its turn is noted as interrupted.
        """
        dropped = [(lane.cluster, request) for lane in self._lanes.values() for request in lane.close()]
        until = monotonic() + patience
        for lane in self._lanes.values():
            lane.join(max(0.0, until - monotonic()))
        self._stop.set()
        until = monotonic() + _ENDING
        for lane in self._lanes.values():
            lane.join(max(0.0, until - monotonic()))
        for cluster, request in dropped:
            self._note_dropped(cluster, request)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way and nothing waits. Returns whether that came within the time."""
        until = monotonic() + seconds
        return all(lane.wait(max(0.0, until - monotonic())) for lane in self._lanes.values())

    def _run(self, cluster: Cluster, request: Request) -> None:
        with self._room:
            if self._stop.is_set():
                self._note_dropped(cluster, request)
                return
            job = Job(
                request.run_id, cluster, request.checks, request.trigger, datetime.now(UTC), request.deadline_seconds
            )
            try:
                self._audit(cluster, request, job)
            except Exception as error:  # noqa: BLE001 - whatever broke, the run is noted, and the next begins
                broke = own_fault(error)
                _log.error("a run broke", run=job.run_id, cluster=cluster.name, error=broke)
                self._note_end(job, RunState.FAILED, f"this is a fault of the auditor itself: {broke}")
            finally:
                self._noted.discard(job.run_id)
                self._unnoted.pop(job.run_id, None)

    def _audit(self, cluster: Cluster, request: Request, job: Job) -> None:
        log = _log.bind(run=job.run_id, cluster=cluster.name, trigger=job.trigger)
        try:
            self._note_begin(job)
        except LedgerError as error:
            # The audit itself may still be worth something: by its end the ledger may be back.
            self._unnoted[job.run_id] = job
            log.error("the run could not be noted before it began", error=str(error))
        log.info("audit begins")
        try:
            outcome = self._auditing(job, self._settings, self._stop)
        except Interrupted:
            log.warning("audit interrupted")
            self._note_end(job, RunState.INTERRUPTED, "the agent was stopped")
            return
        except NotAudited as error:
            log.error("nothing could be audited", reasons=str(error))
            checks = select(self._checks, job.checks)
            times = Times(job.started_at, datetime.now(UTC))
            outcome = nothing_judged(cluster, checks, error.reasons, job.trigger, times, job.run_id)
        self._keep(job, outcome, request, log)

    def _keep(self, job: Job, outcome: Outcome, request: Request, log: structlog.stdlib.BoundLogger) -> None:
        """Record an outcome. While the ledger can't be written it is held, and tried again."""
        until = monotonic() + _RECORDING_PATIENCE
        while True:
            try:
                recorded = self._record(outcome, request.reports)
            except LedgerError as error:
                log.error("the run could not be recorded", error=str(error))
                if self._stop.wait(_RECORDING_PAUSE):
                    self._note_end(job, RunState.INTERRUPTED, "the agent was stopped before the run could be recorded")
                    return
                if monotonic() >= until:
                    self._note_end(job, RunState.FAILED, "the ledger could not be written")
                    return
                continue
            log.info(
                "audit ended",
                findings=len(recorded.counting),
                resolved=len(recorded.resolved),
                complete=recorded.is_complete,
            )
            return

    def _note_begin(self, job: Job) -> None:
        cluster = identity_of(job.cluster)
        until = max(job.started_at, datetime.now(UTC)) + LEASE
        self._ledger.begin(job.run_id, cluster, job.trigger, job.started_at, until)
        self._noted.add(job.run_id)
        self._unnoted.pop(job.run_id, None)

    def _note_end(self, job: Job, state: RunState, error: str) -> None:
        try:
            if job.run_id not in self._noted:
                self._note_begin(job)
            self._ledger.fail(job.run_id, state, error, datetime.now(UTC))
        except LedgerError as problem:
            # If it was noted that it began, its lease runs out, and it is noted then.
            _log.error("the end of the run could not be noted", run=job.run_id, error=str(problem))

    def _note_dropped(self, cluster: Cluster, request: Request) -> None:
        _log.warning("an audit that was asked for does not begin", cluster=cluster.name, trigger=request.trigger)
        now = datetime.now(UTC)
        job = Job(request.run_id, cluster, request.checks, request.trigger, now, request.deadline_seconds)
        self._note_end(job, RunState.INTERRUPTED, "the agent was stopped before the run began")
        self._noted.discard(job.run_id)


class _Lane:
    """The requests for one cluster, and the thread that works through them."""

    def __init__(self, cluster: Cluster, work: Callable[[Cluster, Request], None]) -> None:
        self.cluster = cluster
        self._work = work
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._trigger = ""
        self.running = ""

    def add(self, request: Request) -> str:
        with self._changed:
            for place, waiting in enumerate(self._waiting):
                if (waiting.checks, waiting.trigger) == (request.checks, request.trigger):
                    self._waiting[place] = waiting.joined_with(request)
                    return waiting.run_id
            new = replace(request, run_id=request.run_id or str(uuid.uuid4()))
            self._waiting.append(new)
            if self._thread is None:
                self._thread = threading.Thread(target=self._go_on, name=f"runs-{self.cluster.name}", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return new.run_id

    def first(self) -> str:
        with self._changed:
            return self.running or (self._waiting[0].run_id if self._waiting else "")

    def waiting(self) -> list[str]:
        with self._changed:
            return [request.run_id for request in self._waiting]

    def triggers(self) -> list[str]:
        with self._changed:
            return [request.trigger for request in self._waiting] + ([self._trigger] if self.running else [])

    def close(self) -> list[Request]:
        """Take nothing more, and return what waited."""
        with self._changed:
            self._is_closed = True
            dropped = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return dropped

    def join(self, seconds: float | None) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def wait(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self.running and not self._waiting, seconds)

    def _go_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                request = self._waiting.popleft()
                self.running, self._trigger = request.run_id, request.trigger
            try:
                self._work(self.cluster, request)
            finally:
                with self._changed:
                    self.running = ""
                    self._changed.notify_all()
