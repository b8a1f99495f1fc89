"""Says open findings again and again to receivers that forget: Alertmanager keeps alerts in memory only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import structlog

from auditor.config.channels import Alertmanager
from auditor.config.settings import Settings
from auditor.deliver.alertmanager import Alertmanager as Channel
from auditor.deliver.alertmanager import open_channel
from auditor.deliver.channel import NotDelivered
from auditor.deliver.message import Kind, Message
from auditor.deliver.planning import routed
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import LifeState
from auditor.own_fault import own_fault

_log = structlog.get_logger("auditor.alerts")


class Alerts:
    """Refreshes the alerts of every Alertmanager from what the ledger says is open."""

    def __init__(
        self, settings: Settings, ledger: Ledger, alone: Callable[[str], threading.Lock], public_url: str = ""
    ) -> None:
        """Take the configuration and the ledger; ``alone`` gives the lock of what is sent to a channel."""
        self._settings = settings
        self._ledger = ledger
        self._alone = alone
        self._public_url = public_url
        self._channels = [one for one in settings.channels if isinstance(one, Alertmanager)]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin, with a thread for each Alertmanager."""
        for channel in self._channels:
            thread = threading.Thread(target=self._go_on, args=[channel], name=f"alerts-{channel.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, patience: float) -> None:
        """Say nothing more, and wait so many seconds for what is being said."""
        until = monotonic() + patience
        self._stop.set()
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))

    def refresh(self, settings: Alertmanager, channel: Channel) -> None:
        """Say once what is open now, in all clusters that the channel hears of. Raises NotDelivered, LedgerError."""
        for cluster in self._settings.clusters:
            # Else what was read before a run could arrive after what the run has ended, and bring that back.
            with self._alone(settings.name):
                message = self._message(settings, cluster.name)
                if message is not None and message.findings:
                    channel.refresh(message)

    def _message(self, settings: Alertmanager, cluster: str) -> Message | None:
        latest = self._ledger.latest(cluster)
        told = self._ledger.told(cluster).get(settings.name, frozenset())
        if latest is None or not told:
            return None
        # What can't be looked at any more is not known to be over.
        lives = self._ledger.lives(cluster, (LifeState.OPEN, LifeState.UNEVALUATED))
        known = [life.finding for life in lives if life.fingerprint in told]
        return Message(
            key=f"refresh/{settings.name}/{cluster}/{datetime.now(UTC).isoformat()}",
            kind=Kind.SNAPSHOT,
            outcome=self._ledger.outcome(latest.id),
            findings=routed(settings, known),
            language=settings.language or self._settings.report.language,
            link=f"{self._public_url}/runs/{latest.id}" if self._public_url else "",
        )

    def _go_on(self, settings: Alertmanager) -> None:
        channel = open_channel(settings)
        due = monotonic()
        while not self._stop.wait(max(0.0, due - monotonic())):
            due = monotonic() + settings.resend_seconds
            try:
                self.refresh(settings, channel)
            except (NotDelivered, LedgerError) as error:
                _log.warning("alerts could not be refreshed", channel=settings.name, error=str(error))
            except Exception as error:  # noqa: BLE001 - it is tried again: nothing may end the thread
                _log.error("refreshing alerts broke", channel=settings.name, error=own_fault(error))
