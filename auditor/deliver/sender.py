"""Works off the outbox: sends what is due, tries again with growing pauses, and gives up in the end."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic

import structlog

from auditor.config.channels import Channel as ChannelSettings
from auditor.deliver.assemble import message_of
from auditor.deliver.channel import Channel, Misconfigured, NotNow, Undeliverable, open_channel
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Delivery
from auditor.own_fault import own_fault

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=30)
LEASE = timedelta(minutes=1)
"""How long a delivery is left to a sender that took it and gives no sign of life. After a crash nothing that was under
way is sent sooner."""
_RENEWALS = 20.0
"""Seconds between two signs of life: so few that one may fail."""
_AT_ONCE = 50
_LONGEST_SLEEP = 30.0
"""Seconds after which the outbox is looked at even if nobody said that there is something new."""
_SHORTEST_SLEEP = 0.05
"""Seconds between two looks at an outbox in which something is due that another sender holds."""
_NOTING = 60.0
"""Seconds for which a sender that nobody started in a thread of its own tries to note what became of a delivery."""


class Sender:
    """Sends what the ledger says is owed: to each channel one after the other, and to all channels side by side."""

    def __init__(
        self,
        ledger: Ledger,
        channels: Mapping[str, ChannelSettings],
        language: str,
        public_url: str = "",
        *,
        opening: Callable[[ChannelSettings], Channel] = open_channel,
        first_pause: timedelta = FIRST_PAUSE,
        quiet: bool = False,
        only_these: bool = False,
    ) -> None:
        """Take the ledger, the channels by name, and the language of those that have none of their own.

        A ``quiet`` sender logs nothing: what became of each delivery stands in the ledger. With ``only_these`` what is
        owed to other channels is left; otherwise that is tried, so that it is not owed in silence for ever.
        """
        self._ledger = ledger
        self._channels = channels
        self._language = language
        self._public_url = public_url
        self._opening = opening
        self._only_these = only_these
        self._first_pause = first_pause
        self._log: structlog.stdlib.BoundLogger = (
            structlog.wrap_logger(None, processors=[_drop]) if quiet else structlog.get_logger("auditor.deliveries")
        )
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._alone: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._changing = threading.Lock()
        self._busy: dict[str, _Lane] = {}
        self._renewed = monotonic()

    def start(self) -> None:
        """Begin to send, in a thread of its own."""
        self._thread = threading.Thread(target=self._go_on, name="sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new to send."""
        self._wake.set()

    def stop(self, patience: float) -> None:
        """Begin nothing new, and wait so many seconds for what is being sent. What is cut off is sent again later."""
        until = monotonic() + patience
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience)
        for lane in self._lanes():
            lane.join(max(0.0, until - monotonic()))

    def alone(self, channel: str) -> threading.Lock:
        """Return the lock that is held while something is sent to a channel."""
        with self._changing:
            return self._alone[channel]

    def send_due(self) -> int:
        """Send what is due now, and return how many deliveries were tried.

        Raises:
            LedgerError: the outbox can't be read.
        """
        count = self._begin(monotonic() + _NOTING)
        for lane in self._lanes():
            while lane.is_alive():
                lane.join(_RENEWALS)
                self._renew()
        return count

    def _go_on(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._renew()
                if self._begin(float("inf")):
                    continue
                pause = self._pause()
            except LedgerError as error:
                self._log.error("the outbox can't be read or written", error=str(error))
                pause = self._first_pause.total_seconds()
            except Exception as error:  # noqa: BLE001 - nothing may end the sender: what is owed would never be sent
                self._log.error("sending broke", error=own_fault(error))
                pause = self._first_pause.total_seconds()
            self._wake.wait(pause)

    def _begin(self, until: float) -> int:
        """Take what is due to channels to which nothing is being sent, and begin to send it. Return how many."""
        without = [*self._busy_channels(), *self._others()]
        claimed = self._ledger.claim(datetime.now(UTC), _AT_ONCE, LEASE, without)
        by_channel: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in claimed:
            by_channel[delivery.channel].append(delivery)
        lanes = [
            _Lane(deliveries, partial(self._work_off, channel, until)) for channel, deliveries in by_channel.items()
        ]
        with self._changing:
            self._busy.update(zip(by_channel, lanes, strict=True))
        for lane in lanes:
            lane.start()
        return len(claimed)

    def _renew(self) -> None:
        """Say of what is being sent that it is: a receiver may be slow, and the clock may be set."""
        if monotonic() - self._renewed < _RENEWALS:
            return
        keys = [key for lane in self._lanes() for key in lane.keys]
        if keys:
            self._ledger.renew(keys, datetime.now(UTC), LEASE)
        self._renewed = monotonic()

    def _pause(self) -> float:
        now = datetime.now(UTC)
        busy = self._busy_channels()
        longest = _RENEWALS if busy else _LONGEST_SLEEP
        due = self._ledger.next_due(now, busy)
        if due is None:
            return longest
        return min(max((due - now).total_seconds(), _SHORTEST_SLEEP), longest)

    def _busy_channels(self) -> list[str]:
        with self._changing:
            return list(self._busy)

    def _others(self) -> list[str]:
        if not self._only_these:
            return []
        return [name for name, _state in self._ledger.delivery_counts() if name not in self._channels]

    def _lanes(self) -> "list[_Lane]":
        with self._changing:
            return list(self._busy.values())

    def _work_off(self, channel: str, until: float, deliveries: Sequence[Delivery]) -> None:
        try:
            self._send_in_order(deliveries, until)
        except LedgerError as error:
            # What it was to note is not noted. After the leases it is sent again, by the same keys.
            self._log.error("the outbox can't be written", channel=channel, error=str(error))
        except Exception as error:  # noqa: BLE001 - the channel is taken up again when the leases are over
            self._log.error("sending broke", channel=channel, error=own_fault(error))
        finally:
            with self._changing:
                self._busy.pop(channel, None)
            self._wake.set()

    def _send_in_order(self, deliveries: Sequence[Delivery], until: float) -> None:
        """Send one after the other. Behind one that has to wait the others of its channel wait as well."""
        is_blocked = False
        for delivery in deliveries:
            if is_blocked or self._stop.is_set():
                self._note(partial(self._ledger.release, delivery.key), until)
            else:
                is_blocked = not self._send(delivery, until)

    def _send(self, delivery: Delivery, until: float) -> bool:
        """Try one delivery. Returns whether it is done with: delivered, or given up."""
        log = self._log.bind(key=delivery.key, channel=delivery.channel, kind=delivery.kind, attempt=delivery.attempts)
        try:
            with self.alone(delivery.channel):
                self._deliver(delivery)
        except Misconfigured as error:
            return self._try_later(delivery, NotNow(error.sentence), log, until)
        except Undeliverable as error:
            log.error("not delivered, given up", error=error.sentence)
            self._note(partial(self._ledger.give_up, delivery.key, datetime.now(UTC), error.sentence), until)
            return True
        except NotNow as error:
            return self._try_later(delivery, error, log, until)
        except LedgerError as error:
            # What can't be read now may be read later; what is damaged must not keep back the others for ever.
            return self._try_later(delivery, NotNow(str(error)), log, until)
        except Exception as error:  # noqa: BLE001 - one broken channel must not stop the others
            sentence = f"this is a fault of the auditor itself: {own_fault(error)}"
            return self._try_later(delivery, NotNow(sentence), log, until)
        self._note(partial(self._ledger.delivered, delivery.key, datetime.now(UTC)), until)
        log.info("delivered")
        return True

    def _deliver(self, delivery: Delivery) -> None:
        settings = self._channels.get(delivery.channel)
        if settings is None:
            raise Misconfigured(f"the configuration has no channel {delivery.channel!r} any more")
        missing = settings.missing()
        if missing:
            raise Misconfigured(f"channels[{settings.name}].{missing[0]}: this key is required")
        language = settings.language or self._language
        self._opening(settings).send(message_of(delivery, self._ledger, language, self._public_url))

    def _try_later(self, delivery: Delivery, error: NotNow, log: structlog.stdlib.BoundLogger, until: float) -> bool:
        now = datetime.now(UTC)
        due = now + (error.after or self._backoff(delivery.attempts))
        if due >= delivery.give_up_at:
            log.error("not delivered, given up", error=error.sentence)
            self._note(partial(self._ledger.give_up, delivery.key, now, error.sentence), until)
            return True
        log.warning("not delivered yet", error=error.sentence, again=due.isoformat(timespec="seconds"))
        self._note(partial(self._ledger.retry, delivery.key, now, due, error.sentence), until)
        return False

    def _note(self, work: Callable[[], None], until: float) -> None:
        """Write to the outbox. While that fails it is tried again: what was sent is not to be sent a second time.

        Raises:
            LedgerError: the time is over, or the sender is to stop.
        """
        while True:
            try:
                work()
            except LedgerError as error:
                if self._stop.is_set() or monotonic() >= until:
                    raise
                self._log.error("the outbox can't be written", error=str(error))
                self._stop.wait(self._first_pause.total_seconds())
            else:
                return

    def _backoff(self, attempts: int) -> timedelta:
        """Return a pause that doubles with each attempt, made uneven, so that many senders do not come back at once."""
        pause = min(self._first_pause * (1 << min(max(attempts - 1, 0), 20)), LONGEST_PAUSE)
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret hangs on it


class _Lane(threading.Thread):
    """What is being sent to one channel. A receiver that never answers must not keep the process from ending."""

    def __init__(self, deliveries: Sequence[Delivery], work_off: Callable[[Sequence[Delivery]], None]) -> None:
        super().__init__(name=f"channel-{deliveries[0].channel}", daemon=True)
        self.keys = tuple(delivery.key for delivery in deliveries)
        self._deliveries = deliveries
        self._work_off = work_off

    def run(self) -> None:
        """Send."""
        self._work_off(self._deliveries)


def _drop(_logger: object, _method: str, _event: object) -> str:
    raise structlog.DropEvent
