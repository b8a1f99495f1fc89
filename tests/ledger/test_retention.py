"""What is forgotten, on both databases."""

import pytest

from auditor.ledger.ledger import Ledger, LedgerError
from auditor.ledger.records import LifeState, Owed, RunState
from tests.ledger.make import DAY, NOON, SHOP, record, run

NOW = NOON + 10 * DAY


def ids(ledger: Ledger) -> list[str]:
    return sorted(one.id for one in ledger.runs())


def test_by_number(ledger: Ledger) -> None:
    for number in range(5):
        record(ledger, run(number, ["a"]))
    assert ledger.prune(NOW, keep_runs=2, keep_days=0) == 3
    assert ids(ledger) == ["run-0003", "run-0004"]
    with pytest.raises(LedgerError):
        ledger.outcome("run-0002")
    assert ledger.outcome("run-0004").run_id == "run-0004"
    assert ledger.prune(NOW, keep_runs=2, keep_days=0) == 0


def test_by_age(ledger: Ledger) -> None:
    for number in range(5):
        record(ledger, run(number))
    assert ledger.prune(NOW, keep_runs=0, keep_days=8) == 2
    assert ids(ledger) == ["run-0002", "run-0003", "run-0004"]


def test_without_limits_nothing_goes(ledger: Ledger) -> None:
    record(ledger, run(0))
    record(ledger, run(1))
    assert ledger.prune(NOW + 10000 * DAY, keep_runs=0, keep_days=0) == 0
    assert len(ids(ledger)) == 2


def test_the_last_finished_run_of_each_cluster_stays(ledger: Ledger) -> None:
    record(ledger, run(0, ["a"]))
    for number in range(1, 4):
        ledger.begin(f"run-000{number}", SHOP, "now", NOON + number * DAY)
        ledger.fail(f"run-000{number}", RunState.FAILED, "no answer", NOON + number * DAY)
    assert ledger.prune(NOW + 1000 * DAY, keep_runs=1, keep_days=1) == 3
    assert ids(ledger) == ["run-0000"]


def test_failures_push_no_outcome_out(ledger: Ledger) -> None:
    record(ledger, run(0))
    record(ledger, run(1))
    for number in range(2, 8):
        ledger.begin(f"run-000{number}", SHOP, "now", NOON + number * DAY)
        ledger.fail(f"run-000{number}", RunState.FAILED, "no answer", NOON + number * DAY)
    assert ledger.prune(NOW, keep_runs=2, keep_days=0) == 4
    assert ids(ledger) == ["run-0000", "run-0001", "run-0006", "run-0007"]


def test_a_run_that_goes_on_stays(ledger: Ledger) -> None:
    ledger.begin("begun", SHOP, "now", NOON)
    record(ledger, run(1))
    assert ledger.prune(NOW + 1000 * DAY, keep_runs=1, keep_days=1) == 0


def test_a_run_that_owes_stays_until_it_is_settled(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"), Owed("pager", "report"))
    record(ledger, run(1))
    key = "run-0000/mail/report"
    ledger.delivered("run-0000/pager/report", NOW)
    assert ledger.prune(NOW, keep_runs=1, keep_days=1) == 0
    ledger.give_up(key, NOW, "no such address")
    assert ledger.prune(NOW, keep_runs=1, keep_days=1) == 1
    assert ledger.deliveries() == []


def test_lives_stay(ledger: Ledger) -> None:
    record(ledger, run(0, ["a"]))
    record(ledger, run(1))
    record(ledger, run(2))
    ledger.prune(NOW, keep_runs=1, keep_days=1)
    assert [life.state for life in ledger.lives(states=())] == [LifeState.RESOLVED]
    assert record(ledger, run(3, ["a"])).findings[0].first_seen == NOON
