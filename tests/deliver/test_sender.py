"""The sender: order, pauses, leases, and what it does when the ledger fails."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.config.base import Secret
from auditor.config.channels import Channel as Settings
from auditor.config.channels import Webhook
from auditor.deliver import sender as module
from auditor.deliver.channel import Misconfigured, NotNow, Undeliverable
from auditor.deliver.message import Message
from auditor.deliver.sender import Sender
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Delivery, DeliveryState, Owed
from tests.agent.test_runs import until
from tests.ledger.make import record, run


class Channels:
    """Stands in for all channels: notes what it is given, and does with it what ``does`` says."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.hold: dict[str, threading.Event] = {}
        self.raises: dict[str, list[Exception]] = {}

    def __call__(self, settings: Settings) -> "One":
        return One(self, settings.name)

    def keys(self, name: str) -> list[str]:
        return [key for channel, key in self.got if channel == name]


class One:
    def __init__(self, channels: Channels, name: str) -> None:
        self._channels, self._name = channels, name

    def send(self, message: Message) -> None:
        self._channels.got.append((self._name, message.key))
        if self._name in self._channels.hold:
            assert self._channels.hold[self._name].wait(30)
        if errors := self._channels.raises.get(self._name):
            raise errors.pop(0)


@contextmanager
def sending(ledger: Ledger, channels: Channels, *names: str) -> Iterator[Sender]:
    """Give a sender that is not started, and stop it after the block."""
    settings = {name: Webhook(kind="webhook", name=name, url=Secret(literal="http://127.0.0.1:1/")) for name in names}
    made = Sender(ledger, settings, "en", opening=channels, first_pause=timedelta(milliseconds=20))
    try:
        yield made
    finally:
        for hold in channels.hold.values():
            hold.set()
        made.stop(10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{path}?timeout=0.1") as opened:
        yield opened


def owing(ledger: Ledger, number: int, *channels: str) -> None:
    moment = datetime.now(UTC)
    outcome = run(number, ["a"], observed_at=moment, started_at=moment, finished_at=moment)
    record(ledger, outcome, *(Owed(name, "report") for name in channels))


def states(ledger: Ledger) -> set[DeliveryState]:
    return {one.state for one in ledger.deliveries()}


def test_channels_do_not_wait_for_each_other(ledger: Ledger) -> None:
    channels = Channels()
    channels.hold["slow"] = threading.Event()
    owing(ledger, 0, "slow", "quick")
    with sending(ledger, channels, "slow", "quick") as sender:
        sender.start()
        until(lambda: channels.keys("quick"))
        owing(ledger, 1, "slow", "quick")
        sender.wake()
        until(lambda: len(channels.keys("quick")) == 2)
        assert channels.keys("slow") == ["run-0000/slow/report"]
        channels.hold["slow"].set()
        until(lambda: states(ledger) == {DeliveryState.DELIVERED})
    assert channels.keys("slow") == ["run-0000/slow/report", "run-0001/slow/report"]


def test_behind_one_that_fails_the_others_of_its_channel_wait(ledger: Ledger) -> None:
    channels = Channels()
    channels.raises["hook"] = [NotNow("busy"), NotNow("busy")]
    for number in range(3):
        owing(ledger, number, "hook")
    with sending(ledger, channels, "hook") as sender:
        sender.start()
        until(lambda: states(ledger) == {DeliveryState.DELIVERED})
    first = "run-0000/hook/report"
    assert channels.keys("hook") == [first, first, first, "run-0001/hook/report", "run-0002/hook/report"]


def test_what_was_sent_is_not_sent_again_because_the_ledger_is_locked(ledger: Ledger, path: Path) -> None:
    channels = Channels()
    channels.hold["hook"] = threading.Event()
    owing(ledger, 0, "hook")
    with sending(ledger, channels, "hook") as sender, closing(sqlite3.connect(path, isolation_level=None)) as lock:
        sender.start()
        until(lambda: channels.got)
        lock.execute("BEGIN IMMEDIATE")
        channels.hold["hook"].set()
        time.sleep(0.4)
        assert states(ledger) == {DeliveryState.OWED}
        lock.execute("ROLLBACK")
        until(lambda: states(ledger) == {DeliveryState.DELIVERED})
    assert len(channels.got) == 1


def test_a_slow_delivery_stays_with_its_sender(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(module, "_RENEWALS", 0.1)
    channels = Channels()
    channels.hold["hook"] = threading.Event()
    owing(ledger, 0, "hook")
    with sending(ledger, channels, "hook") as sender:
        sender.start()
        until(lambda: channels.got)
        time.sleep(1)
        assert ledger.claim(datetime.now(UTC), 10, timedelta(minutes=1)) == [], "no other sender gets it"
        channels.hold["hook"].set()
        until(lambda: states(ledger) == {DeliveryState.DELIVERED})
    assert len(channels.got) == 1


def test_a_damaged_run_is_given_up_and_keeps_nothing_back(ledger: Ledger, path: Path) -> None:
    channels = Channels()
    moment = datetime.now(UTC)
    damaged = run(0, ["a"], observed_at=moment, started_at=moment, finished_at=moment)
    record(ledger, damaged, Owed("hook", "report"), give_up_after=timedelta(seconds=1))
    owing(ledger, 1, "hook")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE auditor_outcomes SET content = x'0100' WHERE run_id = 'run-0000'")
    with sending(ledger, channels, "hook") as sender:
        sender.start()
        until(lambda: states(ledger) == {DeliveryState.DEAD, DeliveryState.DELIVERED})
    (dead,) = ledger.deliveries(states=[DeliveryState.DEAD])
    assert "a record of the ledger is damaged" in dead.last_error
    assert channels.keys("hook") == ["run-0001/hook/report"]


def test_what_a_receiver_refuses_for_good_is_dead_at_once(ledger: Ledger) -> None:
    channels = Channels()
    channels.raises["hook"] = [Undeliverable("the key is wrong"), ZeroDivisionError()]
    for number in range(2):
        owing(ledger, number, "hook")
    with sending(ledger, channels, "hook") as sender:
        assert sender.send_due() == 2
        second, first = ledger.deliveries()
        assert (first.state, first.last_error) == (DeliveryState.DEAD, "the key is wrong")
        assert second.state is DeliveryState.OWED
        assert "fault of the auditor itself: ZeroDivisionError" in second.last_error
        until(lambda: sender.send_due() == 1)
        assert ledger.deliveries(states=[DeliveryState.DELIVERED])[0].key == second.key


def test_a_stop_gives_back_what_was_not_begun_and_does_not_wait_for_ever(ledger: Ledger) -> None:
    channels = Channels()
    channels.hold["hook"] = threading.Event()
    for number in range(3):
        owing(ledger, number, "hook")
    with sending(ledger, channels, "hook") as sender:
        sender.start()
        until(lambda: channels.got)
        sender.stop(0.1)  # the first still goes on
        channels.hold["hook"].set()
        until(lambda: [one.attempts for one in by_key(ledger)] == [1, 0, 0])
    assert [one.state for one in by_key(ledger)] == [DeliveryState.DELIVERED, DeliveryState.OWED, DeliveryState.OWED]


def by_key(ledger: Ledger) -> list[Delivery]:
    return sorted(ledger.deliveries(), key=lambda one: one.key)


def test_what_the_configuration_gets_wrong_waits_to_be_mended(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("hook", "report"), give_up_after=timedelta(days=10_000))
    channels = Channels()
    channels.raises["hook"] = [Misconfigured("url: the file with the secret is away")]
    with sending(ledger, channels, "hook") as sender:
        sender.start()
        until(lambda: ledger.deliveries(states=[DeliveryState.DELIVERED]))
    assert len(channels.keys("hook")) == 2


def test_what_is_owed_to_a_channel_that_is_missing_stays_owed(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("gone", "report"), give_up_after=timedelta(days=10_000))
    with sending(ledger, Channels()) as sender:
        sender.send_due()
    (delivery,) = ledger.deliveries()
    assert delivery.state is DeliveryState.OWED
    assert delivery.last_error == "the configuration has no channel 'gone' any more"


def test_a_sender_for_some_channels_leaves_the_others(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("hook", "report"), Owed("other", "report"))
    channels = Channels()
    settings = {"hook": Webhook(kind="webhook", name="hook", url=Secret(literal="http://127.0.0.1:1/"))}
    Sender(ledger, settings, "en", opening=channels, only_these=True).send_due()
    assert [name for name, _key in channels.got] == ["hook"]
    (other,) = ledger.deliveries(channel="other")
    assert (other.state, other.attempts) == (DeliveryState.OWED, 0)
