"""Records the runs of the command line in the ledger, and delivers what they owe."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from auditor.cli.exits import Failure, fail

if TYPE_CHECKING:
    from auditor.config.settings import Settings
    from auditor.judge.outcome import Outcome
    from auditor.ledger.ledger import Ledger

PATIENCE = 120.0
"""Seconds in which deliveries are tried. What is owed after that the agent delivers, or the next `--deliver`."""


class Recorder:
    """Keeps what an audit came to. Without a ledger it keeps nothing, and an outcome stays as it is."""

    def __init__(self, settings: "Settings", ledger: "Ledger | None", channels: Sequence[str]) -> None:
        """Take the ledger, and the names of the channels that get a report."""
        self._settings = settings
        self._ledger = ledger
        self._channels = channels

    def record(self, outcome: "Outcome") -> "Outcome":
        """Record a run, and return it with the lives of its findings."""
        if self._ledger is None:
            return outcome
        from auditor.agent.record import record
        from auditor.ledger.errors import LedgerError

        try:
            # Channels that are not named learn nothing of this run: the next one tells them what is new to them.
            chosen = [channel for channel in self._settings.channels if channel.name in self._channels]
            settings = self._settings.model_copy(update={"channels": chosen})
            return record(outcome, dict.fromkeys(self._channels, "always"), settings, self._ledger)
        except LedgerError as error:
            if self._channels:
                raise Failure(f"the run can't be recorded, so nothing is delivered: {error}") from None
            fail(f"the run is not recorded: {error}")
            return outcome

    def deliver(self) -> None:
        """Send what is owed, and say what could not be delivered yet."""
        if self._ledger is None or not self._channels:
            return
        from auditor.deliver.sender import Sender
        from auditor.ledger.records import DeliveryState

        begun = datetime.now(UTC)
        channels = {channel.name: channel for channel in self._settings.channels if channel.name in self._channels}
        site = self._settings.server
        language = self._settings.report.language
        sender = Sender(self._ledger, channels, language, site.public_url if site else "", quiet=True, only_these=True)
        until = monotonic() + PATIENCE
        while sender.send_due() and monotonic() < until:
            pass
        for delivery in self._ledger.deliveries(None, (DeliveryState.OWED, DeliveryState.DEAD), 1000):
            if delivery.channel not in channels:
                continue
            if delivery.state is DeliveryState.DEAD and (delivery.finished_at or begun) >= begun:
                fail(f"{delivery.channel}: given up: {delivery.last_error}")
            elif delivery.state is DeliveryState.OWED and delivery.last_error:
                fail(f"{delivery.channel}: not delivered yet, and still owed: {delivery.last_error}")


@contextmanager
def recording(settings: "Settings", *, deliver: bool, channels: Sequence[str]) -> Iterator[Recorder]:
    """Open the ledger if one is configured, or needed to deliver.

    Raises:
        Failure: ``deliver`` is asked for, and there is no such channel, none at all, or no ledger to note it in.
    """
    chosen = _channels(settings, channels) if deliver else []
    if not deliver and "ledger" not in settings.model_fields_set:
        yield Recorder(settings, None, ())
        return
    from auditor.ledger.errors import LedgerError
    from auditor.ledger.ledger import Ledger

    try:
        ledger = Ledger.open(settings.ledger_url())
    except LedgerError as error:
        if deliver:
            raise Failure(f"nothing can be delivered without the ledger: {error}") from None
        fail(f"the run is not recorded: {error}")
        yield Recorder(settings, None, ())
        return
    with ledger:
        yield Recorder(settings, ledger, chosen)


def _channels(settings: "Settings", names: Sequence[str]) -> list[str]:
    known = [channel.name for channel in settings.channels]
    if not known:
        raise Failure("the configuration names no channel: --deliver expects at least one [[channels]] table")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failure(f"no channel is called {unknown[0]!r}; the configuration knows: {', '.join(known)}")
    for channel in settings.channels:
        missing = channel.missing()
        if missing and (not names or channel.name in names):
            raise Failure(
                f"channels[{channel.name}].{missing[0]}: this key is required for a channel of kind {channel.kind}"
            )
    return list(dict.fromkeys(names)) or known
