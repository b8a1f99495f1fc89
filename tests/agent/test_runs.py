"""Audits on request: one at a time for each cluster, and none is lost."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.agent import runs
from auditor.agent.runs import Request
from auditor.judge.outcome import Status
from auditor.ledger.records import DeliveryState, RunState
from tests.agent.agents import Audits, agent, settings
from tests.deliver.receivers import Receiver

SITE = "[server]\n"


def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def test_never_two_audits_of_one_cluster_and_several_clusters_side_by_side(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE, tmp_path, ["shop", "staging"]), audits) as made:
        for number in range(3):
            made.runs.request("shop", Request(trigger=f"schedule:s{number}"))
        made.runs.request("staging", Request())
        until(lambda: len(audits.begun) == 2)
        audits.hold.set()
        assert made.runs.wait(10)
        assert audits.most_at_once == {"shop": 1, "staging": 1}
        assert audits.at_once == 2
        assert [run.trigger for run in made.ledger.runs("shop")] == ["schedule:s2", "schedule:s1", "schedule:s0"]


def test_a_request_like_one_that_waits_is_joined_with_it(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE, tmp_path), audits) as made:
        made.runs.request("shop", Request(trigger="now"))
        until(lambda: audits.begun)
        first = made.runs.request("shop", Request(trigger="now"))
        assert made.runs.request("shop", Request(trigger="now")) == first
        assert made.runs.request("shop", Request(trigger="api")) != first
        audits.hold.set()
        assert made.runs.wait(10)
        assert audits.begun == [("shop", "now"), ("shop", "now"), ("shop", "api")]


def test_what_can_not_be_audited_is_recorded_and_reported_as_such(tmp_path: Path) -> None:
    audits = Audits(volumes={"shop": ["a"]})
    with agent(settings(SITE, tmp_path), audits) as made:
        made.run_now()
        assert made.runs.wait(10)
        audits.fails = True
        made.run_now()
        assert made.runs.wait(10)
        latest = made.ledger.latest("shop")
        assert latest
        assert (latest.state, latest.complete) == (RunState.FINISHED, False)
        outcome = made.ledger.outcome(latest.id)
        assert {check.status for check in outcome.checks} == {Status.NOT_EVALUATED}
        assert outcome.checks[0].reasons[0].missing == ("sts:GetCallerIdentity",)
        assert outcome.resolved == (), "what could not be looked at is not gone"
        assert [one.subject.name for one in outcome.unevaluated] == ["a"]


def test_a_broken_audit_does_not_end_the_lane(tmp_path: Path) -> None:
    audits = Audits(breaks=True)
    with agent(settings(SITE, tmp_path), audits) as made:
        made.run_now()
        assert made.runs.wait(10)
        audits.breaks = False
        made.run_now()
        assert made.runs.wait(10)
        assert len(made.ledger.runs("shop", states=[RunState.FINISHED])) == 1
        (failed,) = made.ledger.runs("shop", states=[RunState.FAILED])
        assert failed.error.startswith("this is a fault of the auditor itself: ZeroDivisionError")


def test_what_waits_when_the_agent_stops_is_noted(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE, tmp_path), audits) as made:
        made.run_now()
        until(lambda: audits.begun)
        made.run_now(trigger="api")
        made.shut_down()
        told = {run.trigger: run.error for run in made.ledger.runs("shop", states=[RunState.INTERRUPTED])}
    assert told == {"now": "the agent was stopped", "api": "the agent was stopped before the run began"}


def test_what_waits_for_room_keeps_no_lease_from_being_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SIDE_BY_SIDE", 1)
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE, tmp_path, ["a", "b", "c"]), audits) as made:
        made.run_now()
        until(lambda: len(made.ledger.runs()) == 1 and len(audits.begun) == 1)
        later = datetime.now(UTC) + timedelta(minutes=10)
        made._keep_up(later)
        assert made.ledger.sweep(later + timedelta(minutes=1)) == 0
        audits.hold.set()
        assert made.runs.wait(10)


def test_a_run_that_could_not_be_noted_is_noted_when_the_ledger_is_back(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE + "[ledger]\nurl='sqlite:///auditor.db?timeout=0.1'\n", tmp_path), audits) as made:
        with closing(sqlite3.connect(tmp_path / "auditor.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            made.run_now()
            until(lambda: audits.begun)
            lock.execute("ROLLBACK")
        assert made.ledger.runs() == []
        made._keep_up(datetime.now(UTC))
        assert [run.state for run in made.ledger.runs()] == [RunState.RUNNING]
        audits.hold.set()
        assert made.runs.wait(10)


def test_what_is_under_way_when_the_agent_stops_is_recorded_as_interrupted(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    given = settings(SITE, tmp_path)
    with agent(given, audits) as made:
        made.run_now()
        until(lambda: audits.begun)
        made.shut_down()
        (run,) = made.ledger.runs("shop")
        assert (run.state, run.error) == (RunState.INTERRUPTED, "the agent was stopped")


def test_what_ends_within_the_patience_is_recorded(tmp_path: Path) -> None:
    audits = Audits()
    audits.hold.clear()
    with agent(settings(SITE, tmp_path), audits) as made:
        made._patience = 20
        made.run_now()
        until(lambda: audits.begun)
        threading.Timer(0.2, audits.hold.set).start()
        made.shut_down()
        (run,) = made.ledger.runs("shop")
        assert run.state is RunState.FINISHED


def test_a_locked_ledger_costs_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_RECORDING_PAUSE", 0.1)
    audits = Audits(volumes={"shop": ["a"]})
    audits.hold.clear()
    with Receiver() as receiver:
        text = SITE + f"[[channels]]\nname='hook'\nkind='webhook'\nurl='{receiver.url('/')}'\n"
        with agent(settings(text, tmp_path), audits) as made:
            made.sender.start()
            made.run_now()
            until(lambda: audits.begun)
            lock = sqlite3.connect(tmp_path / "auditor.db", isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            audits.hold.set()
            time.sleep(0.3)
            lock.execute("ROLLBACK")
            lock.close()
            assert made.runs.wait(60)
            until(lambda: receiver.requests)
            until(lambda: made.ledger.deliveries(states=[DeliveryState.DELIVERED]))
    assert receiver.requests[0].json["data"]["summary"]["lifecycle"]["new"] == 1


def test_reports_are_written_to_the_folder(tmp_path: Path) -> None:
    given = settings("[report]\nformats=['json', 'markdown']\n" + SITE, tmp_path)
    with agent(given, Audits(volumes={"shop": ["a"]})) as made:
        made.run_now()
        assert made.runs.wait(10)
    assert sorted(path.name for path in (tmp_path / "reports" / "shop").iterdir()) == ["report.json", "report.markdown"]
