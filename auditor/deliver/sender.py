"""Works off the outbox: sends what is due, tries again with growing pauses, and gives up in the end."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import structlog

from auditor.config.channels import Channel as ChannelSettings
from auditor.deliver.assemble import message_of
from auditor.deliver.channel import Channel, NotNow, Undeliverable, open_channel
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Delivery
from auditor.own_fault import own_fault

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=30)
LEASE = timedelta(minutes=10)
"""How long a delivery is left to a sender that took it: longer than any channel may take."""
_AT_ONCE = 50
_LONGEST_SLEEP = 30.0
"""Seconds after which the outbox is looked at even if nobody said that there is something new."""

_SHORTEST_SLEEP = 0.05
"""Seconds between two looks at an outbox in which something is due that another sender holds."""

_log = structlog.get_logger("auditor.deliveries")


class Sender:
    """Sends what the ledger says is owed. Channels do not wait for each other."""

    def __init__(
        self,
        ledger: Ledger,
        channels: Mapping[str, ChannelSettings],
        language: str,
        public_url: str = "",
        *,
        opening: Callable[[ChannelSettings], Channel] = open_channel,
        first_pause: timedelta = FIRST_PAUSE,
    ) -> None:
        """Take the ledger, the channels by name, and the language of those that have none of their own."""
        self._ledger = ledger
        self._channels = channels
        self._language = language
        self._public_url = public_url
        self._opening = opening
        self._first_pause = first_pause
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send, in a thread of its own."""
        self._thread = threading.Thread(target=self._go_on, name="sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new to send."""
        self._wake.set()

    def stop(self, patience: float) -> None:
        """Begin nothing new, and wait so many seconds for what is being sent. What is cut off is sent again later."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience)

    def send_due(self) -> int:
        """Send what is due now, and return how many deliveries were tried."""
        claimed = self._ledger.claim(datetime.now(UTC), _AT_ONCE, LEASE)
        by_channel: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in claimed:
            by_channel[delivery.channel].append(delivery)
        if by_channel:
            with ThreadPoolExecutor(len(by_channel), thread_name_prefix="channel") as pool:
                list(pool.map(self._send_in_order, by_channel.values()))
        return len(claimed)

    def _go_on(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if self.send_due():
                    continue
                pause = self._pause()
            except LedgerError as error:
                _log.error("the outbox can't be read or written", error=str(error))
                pause = self._first_pause.total_seconds()
            except Exception as error:  # noqa: BLE001 - nothing may end the sender: what is owed would never be sent
                _log.error("sending broke", error=own_fault(error))
                pause = self._first_pause.total_seconds()
            self._wake.wait(pause)

    def _pause(self) -> float:
        now = datetime.now(UTC)
        due = self._ledger.next_due(now)
        if due is None:
            return _LONGEST_SLEEP
        return min(max((due - now).total_seconds(), _SHORTEST_SLEEP), _LONGEST_SLEEP)

    def _send_in_order(self, deliveries: list[Delivery]) -> None:
        """Send one after the other. Behind one that has to wait the others of its channel wait as well."""
        is_blocked = False
        for delivery in deliveries:
            if is_blocked or self._stop.is_set():
                self._ledger.release(delivery.key)
            else:
                is_blocked = not self._send(delivery)

    def _send(self, delivery: Delivery) -> bool:
        """Try one delivery. Returns whether it is done with: delivered, or given up."""
        log = _log.bind(key=delivery.key, channel=delivery.channel, kind=delivery.kind, attempt=delivery.attempts)
        try:
            self._deliver(delivery)
        except Undeliverable as error:
            log.error("not delivered, given up", error=error.sentence)
            self._ledger.give_up(delivery.key, datetime.now(UTC), error.sentence)
            return True
        except NotNow as error:
            return self._try_later(delivery, error, log)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - one broken channel must not stop the others
            sentence = f"this is a fault of the auditor itself: {own_fault(error)}"
            return self._try_later(delivery, NotNow(sentence), log)
        self._ledger.delivered(delivery.key, datetime.now(UTC))
        log.info("delivered")
        return True

    def _deliver(self, delivery: Delivery) -> None:
        settings = self._channels.get(delivery.channel)
        if settings is None:
            raise Undeliverable(f"the configuration has no channel {delivery.channel!r} any more")
        missing = settings.missing()
        if missing:
            raise Undeliverable(f"channels[{settings.name}].{missing[0]}: this key is required")
        language = settings.language or self._language
        self._opening(settings).send(message_of(delivery, self._ledger, language, self._public_url))

    def _try_later(self, delivery: Delivery, error: NotNow, log: structlog.stdlib.BoundLogger) -> bool:
        now = datetime.now(UTC)
        due = now + (error.after or self._backoff(delivery.attempts))
        if due >= delivery.give_up_at:
            log.error("not delivered, given up", error=error.sentence)
            self._ledger.give_up(delivery.key, now, error.sentence)
            return True
        log.warning("not delivered yet", error=error.sentence, again=due.isoformat(timespec="seconds"))
        self._ledger.retry(delivery.key, now, due, error.sentence)
        return False

    def _backoff(self, attempts: int) -> timedelta:
        """Return a pause that doubles with each attempt, made uneven, so that many senders do not come back at once."""
        pause = min(self._first_pause * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret hangs on it
