"""Schedules: when they are due, what was missed, and who hears of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.agent.schedules import clusters_of, last_due, missed, trigger_of
from auditor.config.settings import Schedule
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
url = "{receiver.url('/')}"
[[channels]]
name = "changes"
kind = "webhook"
url = "{receiver.url('/changes')}"
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
