"""Who is owed what after a run."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.channels import KINDS, ChannelBase, QuietHours
from auditor.deliver.message import Kind
from auditor.deliver.planning import Occasion, Send, end_of_quiet, plan
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import kubernetes_ref
from auditor.facts.text import t
from auditor.judge.outcome import Lifecycle, Outcome, ReportedFinding, Suppression
from auditor.judge.verdicts import Certainty, Severity
from auditor.ledger.records import Owed

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)  # in Shanghai
NIGHT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # half past eleven there


def finding(
    fingerprint: str,
    severity: Severity = Severity.HIGH,
    check: str = "storage/disk-missing",
    lifecycle: Lifecycle = Lifecycle.NEW,
    *,
    suppressed: bool = False,
) -> ReportedFinding:
    until = NOON.date()
    return ReportedFinding(
        fingerprint=fingerprint,
        check=check,
        severity=severity,
        certainty=Certainty.CONFIRMED,
        subject=kubernetes_ref("Pod", fingerprint, "shop"),
        message=t("something is wrong"),
        why=t("because"),
        lifecycle=lifecycle,
        suppression=Suppression("planned", "ops", until) if suppressed else None,
    )


def run(*findings: ReportedFinding, resolved: tuple[ReportedFinding, ...] = (), cluster: str = "shop-prod") -> Outcome:
    return Outcome(
        run_id="r1",
        cluster=ClusterIdentity(cluster, "c1", "cn-hangzhou"),
        trigger="schedule:weekly",
        observed_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        checks=(),
        findings=findings,
        resolved=resolved,
    )


def channel(kind: str = "slack", **more: Any) -> Any:
    return KINDS[kind].model_validate({"name": "c", "kind": kind, **more})


def owed(
    settings: ChannelBase,
    outcome: Outcome,
    told: tuple[str, ...] = (),
    *,
    now: datetime = NOON,
    reports: Mapping[str, Send] | None = None,
) -> list[Owed]:
    return plan(outcome, [settings], {"c": told}, Occasion(now, reports or {}))  # type: ignore[list-item]


def said(found: list[Owed]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(one.kind, one.fingerprints, one.gone) for one in found]


class TestReports:
    def test_only_who_is_named_gets_one(self) -> None:
        assert owed(channel(), run(finding("a"))) == []
        found = owed(channel(), run(finding("a")), reports={"c": "always"})
        assert said(found) == [(Kind.REPORT, ("a",), ())]

    @pytest.mark.parametrize(
        ("send", "outcome", "told", "count"),
        [
            ("always", run(), (), 1),
            ("on-findings", run(), (), 0),
            ("on-findings", run(finding("a")), ("a",), 1),
            ("on-findings", run(finding("a", suppressed=True)), (), 0),
            ("on-findings", run(finding("a", Severity.INFO)), (), 0),
            ("on-change", run(finding("a")), ("a",), 0),
            ("on-change", run(finding("a")), (), 1),
            ("on-change", run(resolved=(finding("a"),)), ("a",), 1),
            ("on-change", run(resolved=(finding("a"),)), (), 0),
            ("on-change", run(), ("a",), 0),  # not seen, and not seen to be gone
        ],
    )
    def test_the_condition_of_the_schedule(
        self, send: Send, outcome: Outcome, told: tuple[str, ...], count: int
    ) -> None:
        assert len(owed(channel(), outcome, told, reports={"c": send})) == count


class TestRouting:
    @pytest.mark.parametrize(
        "filters",
        [
            {"severities": ["critical"]},
            {"checks": ["network/*"]},
            {"clusters": ["other-*"]},
        ],
    )
    def test_what_is_routed_elsewhere_is_not_heard(self, filters: dict[str, Any]) -> None:
        assert owed(channel(content="findings", **filters), run(finding("a"))) == []

    def test_the_worst_comes_first(self) -> None:
        outcome = run(finding("a", Severity.LOW), finding("b", Severity.CRITICAL))
        assert [one.fingerprints for one in owed(channel(content="findings"), outcome)] == [("b",), ("a",)]

    def test_what_is_known_is_not_said_again(self) -> None:
        assert owed(channel(content="findings"), run(finding("a", lifecycle=Lifecycle.OPEN)), ("a",)) == []

    def test_a_channel_that_was_not_told_hears_of_what_is_long_open(self) -> None:
        found = owed(channel(content="findings"), run(finding("a", lifecycle=Lifecycle.OPEN)))
        assert said(found) == [(Kind.FINDING, ("a",), ())]

    def test_what_is_suppressed_now_is_over_for_who_was_told(self) -> None:
        found = owed(channel(content="findings"), run(finding("a", suppressed=True)), ("a",))
        assert said(found) == [(Kind.RESOLVED, (), ("a",))]

    def test_what_could_not_be_looked_at_is_not_over(self) -> None:
        assert owed(channel(content="findings"), run(), ("a",)) == []

    def test_a_resolved_one_that_was_never_told_is_no_news(self) -> None:
        assert owed(channel(content="findings"), run(resolved=(finding("a"),))) == []


class TestLifecycle:
    def test_what_is_left_out_is_noted_as_told_without_a_message(self) -> None:
        found = owed(channel(content="findings", lifecycle=["resolved"]), run(finding("a")))
        assert said(found) == [("", ("a",), ())]

    def test_resolved_ones_that_are_left_out_are_noted(self) -> None:
        found = owed(channel(content="findings", lifecycle=["new"]), run(resolved=(finding("a"),)), ("a",))
        assert said(found) == [("", (), ("a",))]

    def test_reopened_alone(self) -> None:
        settings = channel(content="findings", lifecycle=["reopened"])
        found = owed(settings, run(finding("a"), finding("b", lifecycle=Lifecycle.REOPENED)))
        assert sorted(said(found)) == [("", ("a",), ()), (Kind.FINDING, ("b",), ())]


class TestDigest:
    def test_more_than_the_channel_wants_become_one(self) -> None:
        found = owed(channel(content="findings", max_alerts=2), run(*(finding(name) for name in "abcde")))
        assert [one.kind for one in found] == [Kind.FINDING, Kind.FINDING, Kind.DIGEST]
        assert found[-1].fingerprints == ("c", "d", "e")

    def test_resolved_ones_count_too(self) -> None:
        gone = tuple(finding(name) for name in "abc")
        found = owed(channel(content="findings", max_alerts=2), run(finding("x"), resolved=gone), ("a", "b", "c"))
        assert said(found) == [
            (Kind.RESOLVED, (), ("a",)),
            (Kind.FINDING, ("x",), ()),
            (Kind.DIGEST, (), ("b", "c")),
        ]

    def test_every_incident_is_closed(self) -> None:
        gone = tuple(finding(name) for name in "abc")
        settings = channel("pagerduty", max_alerts=1)
        found = owed(settings, run(resolved=gone), ("a", "b", "c"))
        assert [one.kind for one in found] == [Kind.RESOLVED] * 3

    def test_a_batch_is_one_message(self) -> None:
        gone = (finding("z"),)
        found = owed(channel("webhook", max_alerts=1), run(finding("a"), finding("b"), resolved=gone), ("z",))
        assert said(found) == [(Kind.BATCH, ("a", "b"), ("z",))]

    def test_nothing_changed_is_no_message(self) -> None:
        assert owed(channel("webhook"), run(finding("a")), ("a",)) == []


class TestSnapshots:
    def test_it_is_owed_after_each_run(self) -> None:
        settings = channel("alertmanager")
        assert said(owed(settings, run(finding("a")), ("a",))) == [(Kind.SNAPSHOT, ("a",), ())]
        assert said(owed(settings, run(resolved=(finding("a"),)), ("a",))) == [(Kind.SNAPSHOT, (), ("a",))]
        assert said(owed(settings, run())) == [(Kind.SNAPSHOT, (), ())]


class TestQuietHours:
    quiet: ClassVar = {"from": "22:00", "to": "07:00", "timezone": "Asia/Shanghai"}

    def test_single_messages_wait(self) -> None:
        (one,) = owed(channel(content="findings", quiet_hours=self.quiet), run(finding("a")), now=NIGHT)
        assert one.not_before == datetime(2026, 11, 23, 23, tzinfo=UTC)

    def test_the_worst_does_not(self) -> None:
        outcome = run(finding("a", Severity.CRITICAL))
        (one,) = owed(channel(content="findings", quiet_hours=self.quiet), outcome, now=NIGHT)
        assert one.not_before is None

    def test_by_day_nothing_waits(self) -> None:
        (one,) = owed(channel(content="findings", quiet_hours=self.quiet), run(finding("a")), now=NOON)
        assert one.not_before is None

    def test_a_report_does_not_wait(self) -> None:
        (one,) = owed(channel(quiet_hours=self.quiet), run(), now=NIGHT, reports={"c": "always"})
        assert one.not_before is None

    @given(
        st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        st.times().map(lambda at: at.strftime("%H:%M")),
        st.times().map(lambda at: at.strftime("%H:%M")),
        st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC"]),
    )
    def test_the_end_is_ahead_and_less_than_a_day_away(self, now: datetime, start: str, end: str, zone: str) -> None:
        if start == end:
            return
        quiet = QuietHours.model_validate({"from": start, "to": end, "timezone": zone})
        until = end_of_quiet(quiet, now)
        if until is not None:
            assert now < until <= now + timedelta(hours=25)  # a day may have one more
            assert end_of_quiet(quiet, until) is None or until.astimezone(UTC) > now


@given(
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(["findings", "batch"]),
    st.integers(1, 4),
)
def test_after_a_run_a_channel_knows_what_is_open(
    open_now: set[str], told: set[str], seen_gone: set[str], content: str, most: int
) -> None:
    gone = seen_gone - open_now
    outcome = run(*(finding(one) for one in sorted(open_now)), resolved=tuple(finding(one) for one in sorted(gone)))
    found = owed(channel("webhook", content=content, max_alerts=most), outcome, tuple(sorted(told)))
    added = [one for each in found for one in each.fingerprints]
    removed = [one for each in found for one in each.gone]
    assert len(added) == len(set(added))
    assert len(removed) == len(set(removed))
    assert (told | set(added)) - set(removed) == (told - gone) | open_now
    assert sum(one.kind in (Kind.FINDING, Kind.RESOLVED) for one in found) <= most


def test_a_channel_gives_up_after_its_own_time() -> None:
    (one,) = owed(channel(content="findings", give_up_after_hours=1.5), run(finding("a")))
    assert one.give_up_after == timedelta(hours=1.5)
