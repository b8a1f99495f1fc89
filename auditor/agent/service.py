"""The agent: schedules, audits, deliveries and the web site, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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

PATIENCE = 20.0
"""Seconds that an audit under way is given when the agent is to stop. Kubernetes kills a Pod after thirty."""
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
        self._stop = threading.Event()
        public_url = settings.server.public_url if settings.server and settings.server.enabled else ""
        channels = {channel.name: channel for channel in settings.channels}
        self.sender = Sender(ledger, channels, settings.report.language, public_url)
        self.runs = Runs(settings, checks, ledger, self._record, auditing)
        self.schedules = Schedules(settings.schedules, self.fire)
        self.alerts = Alerts(settings, ledger, public_url)
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
        try:
            while not self._stop.wait(_TICK):
                self._keep_up(datetime.now(UTC))
        finally:
            self.shut_down()

    def stop(self) -> None:
        """Ask the agent to stop."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether the agent was asked to stop."""
        return self._stop.is_set()

    def shut_down(self) -> None:
        """End everything: what is under way is finished or recorded as interrupted, and what is owed stays owed."""
        _log.info("the agent stops")
        self.schedules.stop()
        self.runs.stop(self._patience)
        self.alerts.stop()
        self.sender.stop(self._patience)
        _log.info("the agent has stopped")

    def listen_to_signals(self) -> None:
        """Stop on SIGTERM and Ctrl-C, and audit all clusters on SIGUSR1."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.stop()

        def audit(_signal: int, _frame: FrameType | None) -> None:
            # A signal handler may not wait for a lock that the main thread holds.
            threading.Thread(target=self.run_now, name="sigusr1", daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGUSR1, audit)

    def _keep_up(self, now: datetime) -> None:
        for work in (lambda: self.runs.renew_leases(now), lambda: self._prune(now)):
            _in_spite_of_the_ledger(work)

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


def _in_spite_of_the_ledger(work: Callable[[], None]) -> None:
    try:
        work()
    except LedgerError as error:
        _log.error("upkeep has to wait", error=str(error))
