"""Schedules: when they are due, what was missed, and who hears of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from auditor.agent.audit import identity_of
from auditor.agent.schedules import Schedules, clusters_of, last_due, missed, trigger_of
from auditor.config.settings import Schedule
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import RunState
from tests.agent.agents import Audits, agent, settings
from tests.agent.test_runs import until
from tests.deliver.receivers import Receiver

MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # eight o'clock in Shanghai


def schedule(**more: object) -> Schedule:
    return Schedule.model_validate({"name": "weekly", "cron": "0 8 * * mon", **more})


def test_days_of_the_week_and_time_zones() -> None:
    assert trigger_of(schedule()).get_next_fire_time(None, MONDAY - timedelta(hours=1)) == MONDAY
    berlin = trigger_of(schedule(timezone="Europe/Berlin")).get_next_fire_time(None, MONDAY)
    assert berlin == MONDAY + timedelta(hours=7)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (MONDAY, MONDAY),
        (MONDAY + timedelta(hours=5), MONDAY),
        (MONDAY + timedelta(hours=7), None),  # past the grace
        (MONDAY - timedelta(seconds=1), None),
    ],
)
def test_the_last_time_it_was_due(now: datetime, due: datetime | None) -> None:
    assert last_due(schedule(), now) == due


@given(st.integers(0, 60 * 24 * 14), st.integers(1, 7 * 24 * 3600))
def test_what_was_due_is_within_the_grace(minutes: int, grace: int) -> None:
    now = MONDAY + timedelta(minutes=minutes)
    due = last_due(schedule(cron="*/20 * * * *", grace_seconds=grace), now)
    if due is None:
        assert grace < 20 * 60
    else:
        assert now - timedelta(seconds=min(grace, 20 * 60)) <= due <= now


@pytest.mark.parametrize("hours", range(4))
def test_what_was_due_where_an_hour_comes_twice(hours: int) -> None:
    """In Berlin it is half past two at half past midnight UTC, and again an hour later."""
    due = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    nightly = schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    assert last_due(nightly, due + timedelta(hours=hours)) == due


class TestClock:
    def kept(self, now: datetime) -> tuple[Schedules, list[str]]:
        fired: list[str] = []
        return Schedules([schedule(cron="0 * * * *")], lambda one: fired.append(one.name)), fired

    def test_a_machine_that_slept_does_what_is_due_at_once(self) -> None:
        with time_machine.travel(MONDAY + timedelta(minutes=1), tick=True) as clock:
            schedules, fired = self.kept(MONDAY)
            schedules.start()
            clock.shift(timedelta(hours=5))
            schedules.look_at_clock(datetime.now(UTC))
            until(lambda: fired)
            schedules.stop()
        assert fired == ["weekly"], "however often it was due"

    def test_a_clock_that_was_wrong_by_a_year_stops_no_schedule(self) -> None:
        with time_machine.travel(MONDAY + timedelta(days=365), tick=True) as clock:
            schedules, _fired = self.kept(MONDAY)
            schedules.start()
            schedules.look_at_clock(datetime.now(UTC))
            clock.move_to(MONDAY + timedelta(minutes=10))
            schedules.look_at_clock(datetime.now(UTC))
            due = schedules.next_times()["weekly"]
            schedules.stop()
        assert due == MONDAY + timedelta(hours=1)

    def test_a_small_step_back_makes_nothing_due_twice(self) -> None:
        with time_machine.travel(MONDAY + timedelta(minutes=10), tick=True) as clock:
            schedules, _fired = self.kept(MONDAY)
            schedules.start()
            schedules.look_at_clock(datetime.now(UTC))
            clock.shift(-timedelta(minutes=20))
            schedules.look_at_clock(datetime.now(UTC))
            due = schedules.next_times()["weekly"]
            schedules.stop()
        assert due == MONDAY + timedelta(hours=1)


def test_patterns_of_clusters(tmp_path: Path) -> None:
    every = settings("[server]\n", tmp_path, ["shop-prod", "shop-test", "lab"]).clusters
    assert [one.name for one in clusters_of(schedule(clusters=["shop-*"]), every)] == ["shop-prod", "shop-test"]


class TestMissed:
    def found(self, tmp_path: Path, begun: dict[str, datetime | None], now: datetime) -> list[str]:
        every = settings("[server]\n", tmp_path, ["a", "b"]).clusters
        asked: list[str] = []

        def last_begun(cluster: str, trigger: str) -> datetime | None:
            asked.append(trigger)
            return begun.get(cluster)

        found = [cluster.name for _schedule, cluster in missed([schedule()], every, last_begun, now)]
        assert set(asked) <= {"schedule:weekly"}
        return found

    def test_what_did_not_take_place_is_caught_up_for_its_cluster_alone(self, tmp_path: Path) -> None:
        begun: dict[str, datetime | None] = {"a": MONDAY + timedelta(seconds=3), "b": MONDAY - timedelta(days=7)}
        assert self.found(tmp_path, begun, MONDAY + timedelta(hours=1)) == ["b"]

    def test_a_first_start_catches_up_too(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, {}, MONDAY + timedelta(hours=1)) == ["a", "b"]

    def test_past_the_grace_it_is_left_to_the_next_time(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, {}, MONDAY + timedelta(hours=8)) == []


def test_a_schedule_audits_delivers_its_report_and_says_when_it_is_due_next(tmp_path: Path) -> None:
    with Receiver() as receiver:
        text = f"""
[[schedules]]
name = "often"
cron = "0 * * * *"
channels = ["hook"]
[[channels]]
name = "hook"
kind = "webhook"
content = "report"
url = "{receiver.url("/")}"
[[channels]]
name = "changes"
kind = "webhook"
url = "{receiver.url("/changes")}"
"""
        with agent(settings(text, tmp_path), Audits(volumes={"shop": ["a"]})) as made:
            made.start()  # it was due within the last hour, and did not take place
            until(lambda: len(receiver.requests) == 2)
            (run,) = made.ledger.runs("shop")
            assert (run.trigger, run.state) == ("schedule:often", RunState.FINISHED)
            assert list(made.schedules.next_times()) == ["often"]
    types = {request.path: request.json["type"] for request in receiver.requests}
    assert types == {"/": "com.ack-auditor.run.finished", "/changes": "com.ack-auditor.run.finished"}


def test_a_restart_catches_up_once(tmp_path: Path) -> None:
    text = '[[schedules]]\nname = "hourly"\ncron = "0 * * * *"\n'
    for _start in range(2):
        with agent(settings(text, tmp_path), Audits()) as made:
            made.start()
            assert made.runs.wait(10)
            assert len(made.ledger.runs("shop")) == 1


def test_a_run_that_was_interrupted_is_caught_up(tmp_path: Path) -> None:
    text = '[[schedules]]\nname = "hourly"\ncron = "0 * * * *"\n'
    audits = Audits()
    audits.hold.clear()
    with agent(settings(text, tmp_path), audits) as made:
        made.start()
        until(lambda: audits.begun)
        made.shut_down()
    with agent(settings(text, tmp_path), Audits()) as made:
        made.start()
        assert made.runs.wait(10)
        assert [run.state for run in made.ledger.runs("shop")] == [RunState.FINISHED, RunState.INTERRUPTED]


def test_a_run_of_a_killed_agent_is_caught_up_once_it_is_known_to_be_gone(tmp_path: Path) -> None:
    """After a quick restart it still looks as if it went on."""
    text = '[[schedules]]\nname = "hourly"\ncron = "0 * * * *"\n'
    given = settings(text, tmp_path)
    now = datetime.now(UTC)
    with Ledger.open(given.ledger_url()) as ledger:
        ledger.begin("killed", identity_of(given.clusters[0]), "schedule:hourly", now, now + timedelta(minutes=2))
    audits = Audits()
    with agent(given, audits) as made:
        made.start()
        made._keep_up(now + timedelta(minutes=1))
        assert made.runs.wait(10)
        assert not audits.begun, "it may be under way elsewhere"
        for later in (3, 4):
            made._keep_up(now + timedelta(minutes=later))
            assert made.runs.wait(10)
        assert audits.begun == [("shop", "schedule:hourly")]
        assert [run.state for run in made.ledger.runs("shop")] == [RunState.FINISHED, RunState.INTERRUPTED]
