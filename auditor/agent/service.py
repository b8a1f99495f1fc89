"""The agent: schedules, audits, deliveries and the web site, until it is told to stop."""

import queue
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import FrameType

import structlog

from auditor.agent.alerts import Alerts
from auditor.agent.child import audit_in_child
from auditor.agent.record import record, write_files
from auditor.agent.runs import Auditing, Request, Runs
from auditor.agent.schedules import Schedules, clusters_of, missed
from auditor.config.settings import Schedule, Settings
from auditor.deliver.planning import Send
from auditor.deliver.sender import Sender
from auditor.judge.check import LoadedCheck
from auditor.judge.outcome import Outcome
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import RunState
from auditor.own_fault import own_fault

PATIENCE = 18.0
"""Seconds that audits and deliveries under way are given when the agent is to stop. With what it takes to end those
that do not come to an end it stays below thirty, after which Kubernetes kills a Pod."""
_LEAST_PATIENCE = 2.0
"""Seconds that deliveries under way are given even if audits have used up the time."""
_TICK = 15.0
"""Seconds between two rounds of upkeep: leases, retention."""
_PRUNE_EVERY = timedelta(hours=1)

_log = structlog.get_logger("auditor.agent")


class Agent:
    """All parts of the agent, and how they are wired."""

    def __init__(
        self,
        settings: Settings,
        checks: Sequence[LoadedCheck],
        ledger: Ledger,
        *,
        auditing: Auditing = audit_in_child,
        patience: float = PATIENCE,
    ) -> None:
        """Take the configuration, the checks and the open ledger. Nothing begins yet."""
        self.settings = settings
        self.checks = tuple(checks)
        self.ledger = ledger
        self._patience = patience
        self._is_stopping = False
        # A signal may arrive while the main thread holds any lock: this is the queue that a handler may write to.
        self._asked: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        public_url = settings.server.public_url if settings.server and settings.server.enabled else ""
        channels = {channel.name: channel for channel in settings.channels}
        self.sender = Sender(ledger, channels, settings.report.language, public_url)
        self.runs = Runs(settings, checks, ledger, self._record, auditing)
        self.schedules = Schedules(settings.schedules, self.fire)
        self.alerts = Alerts(settings, ledger, self.sender.alone, public_url)
        self._pruned_at: datetime | None = None

    def start(self) -> None:
        """Tidy up what an earlier process left, begin to send and to keep time, and catch up what was missed."""
        now = datetime.now(UTC)
        if interrupted := self.ledger.sweep(now):
            _log.warning("runs of an earlier process were interrupted", runs=interrupted)
        self.sender.start()
        self.alerts.start()
        for schedule, cluster in missed(self.settings.schedules, self.settings.clusters, self._last_begun, now):
            _log.info("catching up a run that was missed", schedule=schedule.name, cluster=cluster.name)
            self.runs.request(cluster.name, self._request_of(schedule))
        self.schedules.start()
        due = {name: at.isoformat(timespec="seconds") for name, at in self.schedules.next_times().items()}
        _log.info("the agent is up", clusters=[one.name for one in self.settings.clusters], next=due)

    def fire(self, schedule: Schedule) -> list[str]:
        """Ask for the audits of a schedule, and return the ids of their runs."""
        request = self._request_of(schedule)
        return [self.runs.request(one.name, request) for one in clusters_of(schedule, self.settings.clusters)]

    def run_now(self, cluster: str = "", trigger: str = "now", checks: tuple[str, ...] = ("*",)) -> list[str]:
        """Ask for an audit of one cluster, or of all, and return the ids of the runs.

        Nobody gets a report of it; channels that hear of changes hear of them, and the web site shows it.
        """
        names = [one.name for one in self.settings.clusters if cluster in ("", one.name)]
        return [self.runs.request(name, Request(checks=checks, trigger=trigger)) for name in names]

    def run_until_stopped(self) -> None:
        """Keep up the agent until :meth:`stop` is called, then end everything in order."""
        due = monotonic() + _TICK
        try:
            while not self._is_stopping:
                try:
                    self._asked.get(timeout=max(0.0, due - monotonic()))()
                except queue.Empty:
                    due = monotonic() + _TICK
                    self._keep_up(datetime.now(UTC))
        finally:
            self.shut_down()

    def stop(self) -> None:
        """Ask the agent to stop."""
        self._is_stopping = True
        self._asked.put(lambda: None)

    @property
    def is_stopping(self) -> bool:
        """Whether the agent was asked to stop."""
        return self._is_stopping

    def shut_down(self) -> None:
        """End everything: what is under way is finished or recorded as interrupted, and what is owed stays owed."""
        _log.info("the agent stops")
        until = monotonic() + self._patience
        self.schedules.stop()
        self.runs.stop(self._patience)
        left = max(until - monotonic(), min(_LEAST_PATIENCE, self._patience))
        self.sender.stop(left)
        self.alerts.stop(max(0.0, until - monotonic()))
        _log.info("the agent has stopped")

    def listen_to_signals(self) -> None:
        """Stop on SIGTERM and Ctrl-C, and audit all clusters on SIGUSR1."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.stop()

        def audit(_signal: int, _frame: FrameType | None) -> None:
            self._asked.put(self.run_now)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGUSR1, audit)

    def _keep_up(self, now: datetime) -> None:
        _done(lambda: self.schedules.look_at_clock(now))
        # The leases come first: else the agent would take its own runs for those of a process that is gone.
        if _done(lambda: self.runs.renew_leases(now)):
            _done(lambda: self._sweep(now))
        _done(lambda: self._prune(now))

    def _sweep(self, now: datetime) -> None:
        """Note the runs whose process is gone, and ask again for those that a schedule had asked for.

        After a crash and a quick restart a run still looks as if it went on: that it does not shows only now.
        """
        if not self.ledger.sweep(now):
            return
        swept = [run for run in self.ledger.runs(states=(RunState.INTERRUPTED,)) if run.finished_at == now]
        _log.warning("runs of an earlier process were interrupted", runs=[run.id for run in swept])
        schedules = {f"schedule:{schedule.name}": schedule for schedule in self.settings.schedules}
        clusters = {cluster.name for cluster in self.settings.clusters}
        for run in swept:
            schedule = schedules.get(run.trigger)
            if schedule is None or run.cluster not in clusters:
                continue
            is_in_time = now - run.started_at <= timedelta(seconds=schedule.grace_seconds)
            later = self._last_begun(run.cluster, run.trigger)
            is_done = later is not None and later > run.started_at
            if is_in_time and not is_done and not self.runs.is_asked_for(run.cluster, run.trigger):
                _log.info("catching up a run that was interrupted", schedule=schedule.name, cluster=run.cluster)
                self.runs.request(run.cluster, self._request_of(schedule))

    def _prune(self, now: datetime) -> None:
        if self._pruned_at and now - self._pruned_at < _PRUNE_EVERY:
            return
        removed = self.ledger.prune(now, self.settings.ledger.keep_runs, self.settings.ledger.keep_days)
        self._pruned_at = now
        if removed:
            _log.info("old runs were removed", runs=removed)

    def _record(self, outcome: Outcome, reports: Mapping[str, Send]) -> Outcome:
        recorded = record(outcome, reports, self.settings, self.ledger)
        self.sender.wake()
        write_files(recorded, self.settings)
        return recorded

    def _request_of(self, schedule: Schedule) -> Request:
        return Request(
            checks=tuple(schedule.checks),
            trigger=f"schedule:{schedule.name}",
            reports=dict.fromkeys(schedule.channels, schedule.send),
            deadline_seconds=schedule.deadline_seconds,
        )

    def _last_begun(self, cluster: str, trigger: str) -> datetime | None:
        return self.ledger.last_begun(cluster, trigger, (RunState.FINISHED, RunState.RUNNING))


def _done(work: Callable[[], object]) -> bool:
    """Do what has to wait if the ledger can't be used. Returns whether it was done."""
    try:
        work()
    except LedgerError as error:
        _log.error("upkeep has to wait", error=str(error))
        return False
    except Exception as error:  # noqa: BLE001 - upkeep that breaks must not end the agent
        _log.error("upkeep broke", error=own_fault(error))
        return False
    return True
