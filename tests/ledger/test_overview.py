"""Counts and pages, on both databases."""

from datetime import timedelta

from auditor.judge.verdicts import Severity
from auditor.ledger.ledger import Ledger
from auditor.ledger.overview import LifeFilter
from auditor.ledger.records import DeliveryState, LifeState, Owed, RunState
from tests.ledger.make import DAY, DISKS, NODES, NOON, SHOP, finding, names, record, result, run

LOW = finding("b", severity=Severity.LOW)
WORST = finding("c", NODES, severity=Severity.CRITICAL)


def test_findings_are_counted_by_what_they_are(ledger: Ledger) -> None:
    record(ledger, run(1, ["a", LOW, WORST], [result(found=2), result(NODES, found=1)]))
    record(ledger, run(2, ["a", WORST, "d"], [result(found=2), result(NODES, found=1)]))
    counts = {(one.check, one.severity, one.state): (one.number, one.oldest) for one in ledger.overview.life_counts()}
    assert counts == {
        (DISKS, Severity.HIGH, LifeState.OPEN): (2, NOON + DAY),
        (DISKS, Severity.LOW, LifeState.RESOLVED): (1, NOON + DAY),
        (NODES, Severity.CRITICAL, LifeState.OPEN): (1, NOON + DAY),
    }
    assert ledger.overview.clusters() == [SHOP.name]


def test_findings_come_worst_first_in_pages_and_filtered(ledger: Ledger) -> None:
    record(ledger, run(1, ["a", LOW, WORST], [result(found=2), result(NODES, found=1)]))
    overview = ledger.overview
    everything = LifeFilter()
    assert [life.subject.name for life in overview.lives(everything)] == ["c", "a", "b"]
    assert [life.subject.name for life in overview.lives(everything, 1, 1)] == ["a"]
    for wanted, expected in (
        (LifeFilter(check="network/*"), ["c"]),
        (LifeFilter(check="storage/disk?in-other-zone"), ["a", "b"]),
        (LifeFilter(check="%"), []),
        (LifeFilter(check="storage/disk_in*"), []),
        (LifeFilter(check="a\0\ud800"), []),
        (LifeFilter(severities=(Severity.LOW, Severity.HIGH)), ["a", "b"]),
        (LifeFilter(clusters=()), []),
        (LifeFilter(clusters=("other",)), []),
        (LifeFilter(states=(LifeState.RESOLVED,)), []),
        (LifeFilter(suppressed=True), []),
        (LifeFilter(suppressed=False), ["a", "b", "c"]),
    ):
        assert names(life.finding for life in overview.lives(wanted)) == expected
        assert overview.count_lives(wanted) == len(expected)


def test_a_finding_knows_the_runs_that_told_of_it(ledger: Ledger) -> None:
    for number, found in enumerate((["a"], ["a"], [], ["a"]), 1):
        record(ledger, run(number, found))
    fingerprint = finding("a").fingerprint
    sightings = ledger.overview.sightings(SHOP.name, fingerprint, 10)
    assert [(one.run.id, one.lifecycle) for one in sightings] == [
        ("run-0004", "reopened"),
        ("run-0003", "resolved"),
        ("run-0002", "open"),
        ("run-0001", "new"),
    ]
    assert len(ledger.overview.sightings(SHOP.name, fingerprint, 2)) == 2
    assert [life.reopened for life in ledger.overview.lives_of(fingerprint)] == [1]
    assert ledger.overview.lives_of("none") == []


def test_runs_that_began_at_one_moment_are_on_one_page_each(ledger: Ledger) -> None:
    for number in range(7):
        ledger.begin(f"r{number}", SHOP, "now", NOON + timedelta(hours=number // 4))
    seen, after = [], None
    while page := ledger.overview.runs(None, (), 2, after):
        seen += [one.id for one in page]
        after = page[-1]
    assert seen == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    assert ledger.overview.run_counts() == {(SHOP.name, RunState.RUNNING): 7}
    assert ledger.overview.run("r") is None


def test_deliveries_have_pages_and_ages(ledger: Ledger) -> None:
    record(ledger, run(1), Owed("mail", "report"), Owed("chat", "batch"), Owed("pager", "batch"))
    overview = ledger.overview
    keys = [one.key for one in overview.deliveries(None, (), 10)]
    assert [overview.deliveries(None, (), 1, at)[0].key for at in range(3)] == keys
    assert overview.deliveries("mail", (DeliveryState.DEAD,), 10) == []
    assert [one.channel for one in overview.deliveries("mail", (), 10, run_id="run-0001")] == ["mail"]
    assert set(overview.oldest_owed()) == {"mail", "chat", "pager"}
    ledger.give_up(keys[0], NOON, "gone")
    assert len(overview.oldest_owed()) == 2
    dead = overview.delivery(keys[0])
    assert dead is not None
    assert dead.state is DeliveryState.DEAD
    assert overview.delivery("none") is None
