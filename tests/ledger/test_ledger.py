"""Runs and findings, on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest

from auditor.facts.landscape import ClusterIdentity
from auditor.judge.outcome import Lifecycle, Outcome, Suppression
from auditor.judge.verdicts import Severity
from auditor.ledger.ledger import RUN_LEASE, Ledger, LedgerError
from auditor.ledger.records import LifeState, Owed, RunState
from tests.ledger.make import DAY, DENIED, NOON, SHOP, finding, names, record, result, run
from tests.report import samples


def test_a_run_from_beginning_to_end(ledger: Ledger) -> None:
    ledger.begin("run-0001", SHOP, "schedule:daily", NOON + DAY)
    begun = ledger.run("run-0001")
    assert (begun.state, begun.finished_at, begun.complete, begun.counts) == (RunState.RUNNING, None, None, {})
    assert (begun.cluster, begun.cluster_id, begun.region) == ("shop", "c0123", "cn-hangzhou")
    with pytest.raises(LedgerError, match="has no outcome: it is running"):
        ledger.outcome("run-0001")
    recorded = record(ledger, run(1, ["a", "b"]))
    done = ledger.run("run-0001")
    assert (done.state, done.complete, done.trigger) == (RunState.FINISHED, True, "schedule:daily")
    assert done.started_at == NOON + DAY
    assert done.finished_at == NOON + DAY + timedelta(seconds=20)
    assert done.counts == {"critical": 0, "high": 2, "medium": 0, "low": 0, "info": 0}
    assert done.checks == {"passed": 0, "found": 1, "not_evaluated": 0, "not_applicable": 0}
    assert done.lifecycle == {"new": 2, "open": 0, "reopened": 0, "resolved": 0, "suppressed": 0}
    assert ledger.outcome("run-0001") == recorded
    assert ledger.latest("shop") == done


@pytest.mark.parametrize("sample", [samples.outcome, samples.healthy, samples.hostile, samples.crowded])
def test_every_outcome_comes_back_whole(ledger: Ledger, sample: Callable[[], Outcome]) -> None:
    outcome = sample()
    recorded = record(ledger, outcome, Owed("ops", "report"))
    assert ledger.outcome(outcome.run_id) == recorded
    assert [one.fingerprint for one in recorded.findings] == [one.fingerprint for one in outcome.findings]
    assert recorded.checks == outcome.checks
    again = record(ledger, msgspec.structs.replace(outcome, run_id="another"))
    assert {one.lifecycle for one in again.findings} <= {Lifecycle.OPEN}
    assert len(ledger.lives(outcome.cluster.name)) in (
        len({one.fingerprint for one in outcome.findings}),
        len({one.fingerprint for one in outcome.findings}) - len(again.unevaluated),
    )


def test_a_finding_lives_through_runs(ledger: Ledger) -> None:
    first = record(ledger, run(0, ["a"])).findings[0]
    assert (first.lifecycle, first.first_seen, first.last_seen) == (Lifecycle.NEW, NOON, NOON)
    second = record(ledger, run(1, ["a"])).findings[0]
    assert (second.lifecycle, second.first_seen, second.last_seen) == (Lifecycle.OPEN, NOON, NOON + DAY)
    gone = record(ledger, run(2))
    assert gone.resolved == (second,), "as it was last reported"
    assert ledger.lives("shop") == []
    (life,) = ledger.lives("shop", states=("resolved",))
    assert (life.resolved_at, life.last_seen, life.run_id) == (NOON + 2 * DAY, NOON + DAY, "run-0001")
    assert record(ledger, run(3)).resolved == (), "it is said once"
    back = record(ledger, run(4, ["a"])).findings[0]
    assert (back.lifecycle, back.first_seen, back.last_seen) == (Lifecycle.REOPENED, NOON, NOON + 4 * DAY)
    (life,) = ledger.lives("shop")
    assert (life.state, life.reopened, life.resolved_at) == (LifeState.OPEN, 1, None)
    assert record(ledger, run(5, ["a"])).findings[0].lifecycle is Lifecycle.OPEN


def test_what_was_not_looked_at_is_not_resolved(ledger: Ledger) -> None:
    record(ledger, run(0, ["a", "b"]))
    blind = record(ledger, run(1, checks=[result(reasons=[DENIED])]))
    assert (blind.resolved, names(blind.unevaluated)) == ((), ["a", "b"])
    assert ledger.lives("shop") == []
    assert {life.state for life in ledger.lives("shop", states=())} == {LifeState.UNEVALUATED}
    seen = record(ledger, run(2, ["a"]))
    assert names(seen.resolved) == ["b"]
    assert seen.findings[0].lifecycle is Lifecycle.OPEN
    assert seen.findings[0].first_seen == NOON


def test_a_run_is_recorded_once(ledger: Ledger) -> None:
    first = record(ledger, run(0, ["a"]), Owed("ops", "report"))
    second = record(ledger, run(0, ["a", "b"]), Owed("ops", "report"), Owed("pager", "report"))
    assert second == first
    assert len(ledger.deliveries()) == 1
    assert len(ledger.runs()) == 1


def test_a_plan_that_fails_leaves_nothing(ledger: Ledger) -> None:
    ledger.begin("run-0000", SHOP, "now", NOON)

    def plan(_outcome: Outcome, _told: object) -> list[Owed]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.finish(run(0, ["a"]), plan)
    assert ledger.run("run-0000").state is RunState.RUNNING
    assert ledger.lives(states=()) == []
    assert ledger.latest("shop") is None
    assert record(ledger, run(0, ["a"])).findings[0].lifecycle is Lifecycle.NEW


def test_an_older_landscape_changes_no_lives(ledger: Ledger) -> None:
    record(ledger, run(5, ["a"]))
    before = ledger.lives("shop", states=())
    late = record(ledger, run(3, ["b"]))
    assert (late.findings[0].lifecycle, late.resolved) == (Lifecycle.NEW, ())
    assert ledger.lives("shop", states=()) == before
    latest = ledger.latest("shop")
    assert latest is not None
    assert latest.id == "run-0005"
    assert ledger.outcome("run-0003") == late


def test_a_clock_that_is_set_back_does_not_stop_the_lives(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Wrong":
            return cls(2999, 1, 1, tzinfo=UTC)

    with monkeypatch.context() as patch:
        patch.setattr("auditor.ledger.runs.datetime", Wrong)
        ahead = datetime(2999, 1, 1, tzinfo=UTC)
        record(ledger, run(0, ["a"], observed_at=ahead, started_at=ahead, finished_at=ahead))
    gone = record(ledger, run(1))
    assert names(gone.resolved) == ["a"]
    latest = ledger.latest("shop")
    assert latest is not None
    assert latest.id == "run-0001"


def test_another_cluster_of_the_same_name_has_its_own_findings(ledger: Ledger) -> None:
    record(ledger, run(0, ["a"]))
    other = ClusterIdentity("shop", "c9999")
    first = record(ledger, run(1, [finding("a", cluster=other)], cluster=other))
    assert first.resolved == (), "nobody looked at the other cluster"
    assert first.findings[0].lifecycle is Lifecycle.NEW
    assert [life.cluster_id for life in ledger.lives("shop")] == ["c9999"]
    assert record(ledger, run(2, ["a"])).findings[0].lifecycle is Lifecycle.OPEN


def test_clusters_do_not_touch_each_other(ledger: Ledger) -> None:
    copy = ClusterIdentity("copy", SHOP.cluster_id)
    record(ledger, run(0, ["a"]))
    assert record(ledger, run(1, [], cluster=copy)).resolved == ()
    assert record(ledger, run(2, ["a"], cluster=copy)).findings[0].lifecycle is Lifecycle.NEW
    assert [one.id for one in ledger.runs("copy")] == ["run-0002", "run-0001"]
    assert [life.cluster for life in ledger.lives()] == ["copy", "shop"]


def test_what_changed_is_told(ledger: Ledger) -> None:
    why = Suppression("known", "team", date(2027, 1, 1))
    record(ledger, run(0, [finding("a", suppression=why), finding("b"), finding("c")]))
    changed = record(ledger, run(1, [finding("a"), finding("b", severity=Severity.CRITICAL), finding("c")]))
    told = {one.fingerprint: (one.severity, one.suppressed) for one in changed.changed}
    assert told == {finding("a").fingerprint: (Severity.HIGH, True), finding("b").fingerprint: (Severity.HIGH, False)}


def test_suppressed_findings_live_and_do_not_count(ledger: Ledger) -> None:
    why = Suppression("known", "team", date(2027, 1, 1))
    record(ledger, run(0, [finding("a", suppression=why), "b"]))
    done = ledger.run("run-0000")
    assert done.counts["high"] == 1
    assert done.lifecycle == {"new": 1, "open": 0, "reopened": 0, "resolved": 0, "suppressed": 1}
    assert [life.suppressed for life in sorted(ledger.lives(), key=lambda one: one.subject.name)] == [True, False]


def test_runs_are_listed_latest_first(ledger: Ledger) -> None:
    for number in range(6):
        record(ledger, run(number))
    ledger.begin("run-0006", SHOP, "now", NOON + 6 * DAY)
    ledger.fail("run-0006", RunState.FAILED, "neither side can be read", NOON + 6 * DAY)
    assert [one.id for one in ledger.runs(limit=3)] == ["run-0006", "run-0005", "run-0004"]
    assert [one.id for one in ledger.runs(limit=2, before=NOON + 5 * DAY)] == ["run-0004", "run-0003"]
    assert [one.id for one in ledger.runs(states=(RunState.FAILED,))] == ["run-0006"]
    assert [one.id for one in ledger.trend("shop", 3)] == ["run-0003", "run-0004", "run-0005"]
    assert ledger.runs("elsewhere") == []
    assert ledger.run("run-0006").error == "neither side can be read"


def test_a_run_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    record(ledger, run(0, run_id="ab12"))
    record(ledger, run(1, run_id="ab13"))
    record(ledger, run(2, run_id="ab"))
    record(ledger, run(3, run_id="100%"))
    assert ledger.run("ab12").id == "ab12"
    assert ledger.run("ab").id == "ab", "the whole id of one, though others begin with it"
    assert ledger.run("100").id == "100%"
    with pytest.raises(LedgerError, match="several runs"):
        ledger.run("ab1")
    for unknown in ("zz", "AB12", "a%", "a_1", ""):
        with pytest.raises(LedgerError):
            ledger.run(unknown)


def test_runs_whose_process_is_gone_are_swept(ledger: Ledger) -> None:
    ledger.begin("lost", SHOP, "now", NOON)
    ledger.begin("kept", SHOP, "now", NOON)
    ledger.keep("kept", NOON + 2 * RUN_LEASE)
    assert ledger.sweep(NOON + timedelta(seconds=1)) == 0, "both may go on"
    assert ledger.sweep(NOON + RUN_LEASE) == 1
    lost = ledger.run("lost")
    assert (lost.state, lost.finished_at) == (RunState.INTERRUPTED, NOON + RUN_LEASE)
    assert ledger.run("kept").state is RunState.RUNNING
    assert ledger.sweep(NOON + RUN_LEASE) == 0
    record(ledger, run(0, run_id="lost"))
    assert ledger.run("lost").state is RunState.FINISHED, "it was slow, not gone"
    assert ledger.run("lost").error == ""


def test_a_lease_of_a_clock_that_was_set_back_does_not_last(ledger: Ledger) -> None:
    ledger.begin("lost", SHOP, "now", NOON + 300 * DAY)
    assert ledger.sweep(NOON) == 1
    ledger.begin("young", SHOP, "now", NOON)
    assert ledger.sweep(NOON - timedelta(minutes=1)) == 0, "clocks of two machines may differ by a little"


def test_a_clock_that_is_set_back_during_a_run_does_not_stop_the_lives(ledger: Ledger) -> None:
    ahead = datetime.now(UTC) + 2 * DAY
    record(ledger, run(0, ["a"], observed_at=ahead))
    now = datetime.now(UTC)
    assert record(ledger, run(1, [], observed_at=now)).resolved != ()
    assert ledger.lives("shop") == []


def test_a_finished_run_does_not_fail(ledger: Ledger) -> None:
    record(ledger, run(0))
    ledger.fail("run-0000", RunState.FAILED, "late", NOON)
    ledger.keep("run-0000", NOON + DAY)
    ledger.begin("run-0000", SHOP, "now", NOON)
    assert ledger.run("run-0000").state is RunState.FINISHED
    assert ledger.run("run-0000").error == ""
    with pytest.raises(LedgerError, match="knows no run"):
        ledger.fail("unknown", RunState.FAILED, "", NOON)


def test_moments_keep_their_meaning_in_any_time_zone(ledger: Ledger) -> None:
    shanghai = timezone(timedelta(hours=8))
    ledger.begin("x", SHOP, "now", NOON.astimezone(shanghai))
    assert ledger.run("x").started_at == NOON
    assert ledger.run("x").started_at.utcoffset() == timedelta()
    assert ledger.runs(before=NOON.astimezone(shanghai)) == []
    with pytest.raises(Exception, match="no time zone"):
        ledger.begin("y", SHOP, "now", NOON.replace(tzinfo=None))


def test_one_fingerprint_reported_twice_has_one_life(ledger: Ledger) -> None:
    twin = finding("a", severity=Severity.LOW)
    recorded = record(ledger, run(0, [finding("a"), twin]))
    assert len(recorded.findings) == 2
    assert len(ledger.lives()) == 1
    again = record(ledger, run(1, [finding("a"), twin]))
    assert {one.lifecycle for one in again.findings} == {Lifecycle.OPEN}
    assert ledger.lives()[0].severity is Severity.HIGH, "the first, which is the worst"


def test_names_that_no_database_takes_are_looked_up_as_they_are_stored(ledger: Ledger) -> None:
    hostile = ClusterIdentity("a\ud800b\x00c")
    record(ledger, run(0, ["x"], cluster=hostile))
    assert record(ledger, run(1, ["x"], cluster=hostile)).findings[0].lifecycle is Lifecycle.OPEN
    assert len(ledger.runs(hostile.name)) == 2
    assert len(ledger.lives(hostile.name)) == 1
    assert ledger.outcome("run-0001").cluster == hostile


def test_health_is_a_real_write(ledger: Ledger) -> None:
    ledger.health()
    ledger.health()
