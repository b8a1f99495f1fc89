"""Suppressions: by pattern or by annotation, with an end, and never out of sight."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.kubernetes.volumes import PersistentVolumeClaim
from auditor.facts.landscape import Landscape
from auditor.facts.ref import Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.judge.annotations import Speakers, annotations_in
from auditor.judge.api import Certainty, Severity, cloud_ref, kubernetes_ref, t
from auditor.judge.outcome import (
    CheckResult,
    ReportedFinding,
    Status,
    Suppression,
    SuppressionState,
    SuppressionStatus,
    UnseenSubject,
)
from auditor.judge.registry import load_checks
from auditor.judge.suppression import MOST_IGNORED, SHOWN, Notes, SuppressionRule, Suppressions
from tests.checks import make
from tests.checks.kit import landscape

TODAY = date(2026, 11, 23)
CLAIM = kubernetes_ref("PersistentVolumeClaim", "logs-1", "data", "d-1")
SERVICE = kubernetes_ref("Service", "web", "shop")
DENIED = Reason("ecs", ReasonKind.FORBIDDEN, t("denied"))


def finding(subject: Ref = CLAIM, check: str = "storage/disk-in-other-zone", fingerprint: str = "f") -> ReportedFinding:
    return ReportedFinding(
        fingerprint=fingerprint,
        check=check,
        severity=Severity.HIGH,
        certainty=Certainty.CONFIRMED,
        subject=subject,
        message=t("x"),
        why=t("y"),
    )


def result(check: str = "storage/disk-in-other-zone", **more: Any) -> CheckResult:
    return CheckResult(id=check, title="", severity=Severity.HIGH, status=Status.PASSED, subjects=1, findings=0, **more)


def rule(check: str = "storage/*", subject: str = "*", expires: date = TODAY) -> SuppressionRule:
    return SuppressionRule(check, subject, Suppression("moving", "storage team", expires))


def applied(
    findings: Sequence[ReportedFinding], rules: Sequence[SuppressionRule], results: Sequence[CheckResult] = (result(),)
) -> tuple[tuple[ReportedFinding, ...], tuple[SuppressionState, ...]]:
    return Suppressions(rules).apply(findings, results, TODAY)


def state(one: SuppressionRule, *findings: ReportedFinding, results: Sequence[CheckResult] = (result(),)) -> str:
    (found,) = applied(findings, [one], results)[1]
    return found.status.value


def suppressed(one: ReportedFinding, *rules: SuppressionRule) -> bool:
    return applied([one], rules)[0][0].suppression is not None


# By the configuration


@pytest.mark.parametrize("subject", ["*", "data/logs-*", "data/*", "d-1"])
def test_a_pattern_matches_path_or_cloud_id(subject: str) -> None:
    assert suppressed(finding(), rule(subject=subject))


@pytest.mark.parametrize("other", [rule(subject="data/web-*"), rule(subject="logs-1"), rule(check="network/*")])
def test_what_does_not_match_counts(other: SuppressionRule) -> None:
    assert not suppressed(finding(), other)


def test_it_holds_through_its_last_day_and_not_longer() -> None:
    assert suppressed(finding(), rule(expires=TODAY))
    assert not suppressed(finding(), rule(expires=date(2026, 11, 22)))


def test_a_cloud_subject_is_named_by_its_name_too() -> None:
    named = finding(cloud_ref("LoadBalancer", "lb-1", "shop-internal"), "service/x")
    assert suppressed(named, rule("service/*", "shop-*"))
    assert suppressed(named, rule("service/*", "lb-1"))


def test_the_first_in_force_is_noted_and_each_counts_what_it_matches() -> None:
    later = SuppressionRule("storage/*", "*", Suppression("second", "me", TODAY))
    (one,), states = applied([finding()], [rule(expires=TODAY - timedelta(1)), rule(), later])
    assert one.suppression
    assert one.suppression.reason == "moving"
    assert [one.findings for one in states] == [1, 1, 1]
    assert states[0].fingerprints == ("f",)


def test_a_former_id_names_the_check() -> None:
    check = load_checks()[0]
    aliased = replace(check, check=replace(check.check, aliases=("old/id",)))
    _, (found,) = Suppressions([rule("old/*")], checks=[aliased]).apply(
        [finding(check=check.id)], [result(check.id)], TODAY
    )
    assert (found.status, found.findings) == (SuppressionStatus.EXPIRING, 1)


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, "expired"), (0, "expiring"), (14, "expiring"), (15, "active"), (400, "active")]
)
def test_the_states_by_time(days: int, expected: str) -> None:
    assert state(rule(expires=TODAY + timedelta(days)), finding()) == expected


def test_what_nothing_matches_is_unused_if_all_was_looked_at() -> None:
    far = rule(subject="data/gone", expires=date(2030, 1, 1))
    assert state(far, finding()) == "unused"
    assert state(far) == "unused"


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result(general=(DENIED,), reasons=(DENIED,))],
        [result(unseen=(UnseenSubject(CLAIM, (DENIED,)),), reasons=(DENIED,))],
    ],
    ids=["not chosen", "not evaluated", "its subject not evaluated"],
)
def test_what_was_not_looked_at_leaves_it_active(results: list[CheckResult]) -> None:
    every = load_checks()
    one = rule("storage/disk-in-other-zone", "data/*", date(2030, 1, 1))
    _, (found,) = Suppressions([one], checks=every).apply([], results, TODAY)
    assert (found.status, found.findings, found.evaluated) == (SuppressionStatus.ACTIVE, 0, False)


def test_that_other_subjects_were_not_looked_at_does_not_matter() -> None:
    blind = result(unseen=(UnseenSubject(SERVICE, (DENIED,)),), reasons=(DENIED,))
    assert state(rule(subject="data/*", expires=date(2030, 1, 1)), results=[blind]) == "unused"


def test_a_pattern_that_names_no_check_is_ignored_and_says_so() -> None:
    _, (found,) = Suppressions([rule("storag/*")], checks=load_checks()).apply([], [], TODAY)
    assert found.status is SuppressionStatus.IGNORED
    assert str(found.problem) == "no check is called storag/*"


# By annotation


def note(check: str = "storage/*", expires: str = "2026-12-31", reason: str = "moving") -> str:
    return f"check={check}; expires={expires}; owner=me; reason={reason}"


def claim(key: str, text: str) -> PersistentVolumeClaim:
    plain = make.volume_claim(key)
    meta = msgspec.structs.replace(plain.metadata, annotations={"ack-auditor/suppress": text})
    return msgspec.structs.replace(plain, metadata=meta)


def annotated(text: str) -> Landscape:
    return landscape(persistent_volume_claims=[claim("data/logs-1", text)])


def judged(
    base: Landscape,
    *findings: ReportedFinding,
    allowed: bool = True,
    rules: Sequence[SuppressionRule] = (),
    results: Sequence[CheckResult] = (result(),),
) -> tuple[tuple[ReportedFinding, ...], tuple[SuppressionState, ...]]:
    notes = Notes(annotations_in(base), Speakers(base), allowed)
    return Suppressions(rules, notes, load_checks()).apply(findings, results, TODAY)


def test_an_annotation_suppresses_the_findings_of_its_object() -> None:
    other = finding(SERVICE, fingerprint="g")
    (one, two), (found,) = judged(annotated(note("storage/disk-in-other-zone")), finding(), other)
    carrier = kubernetes_ref("PersistentVolumeClaim", "logs-1", "data")
    assert one.suppression == Suppression("moving", "me", date(2026, 12, 31), carrier)
    assert two.suppression is None
    assert (found.status, found.findings, found.objects) == (SuppressionStatus.ACTIVE, 1, 1)


def test_not_allowed_it_is_listed_with_what_it_would_match() -> None:
    (one,), (found,) = judged(annotated(note()), finding(), allowed=False)
    assert one.suppression is None
    assert (found.status, found.findings, found.check) == (SuppressionStatus.IGNORED, 1, "storage/*")
    assert "suppress_by_annotation" in str(found.problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (note(expires="soon"), "expected a day"),
        (note("storag/*"), "no check is called storag/*"),
        ("x" * 5000, "more than 4096 characters"),
    ],
)
def test_malformed_it_is_listed_with_why(text: str, said: str) -> None:
    (one,), (found,) = judged(annotated(text), finding())
    assert one.suppression is None
    assert found.status is SuppressionStatus.IGNORED
    assert said in str(found.problem)
    assert found.annotated == (kubernetes_ref("PersistentVolumeClaim", "logs-1", "data"),)


def test_expired_it_tells_what_it_would_match() -> None:
    (one,), (found,) = judged(annotated(note(expires="2026-11-22")), finding())
    assert one.suppression is None
    assert (found.status, found.fingerprints) == (SuppressionStatus.EXPIRED, ("f",))


def test_it_is_unused_only_if_its_own_object_was_looked_at() -> None:
    base = annotated(note("storage/disk-in-other-zone"))
    blind = result(unseen=(UnseenSubject(CLAIM, (DENIED,)),), reasons=(DENIED,))
    elsewhere = result(unseen=(UnseenSubject(SERVICE, (DENIED,)),), reasons=(DENIED,))
    assert [judged(base, results=[one])[1][0].status.value for one in (result(), blind, elsewhere)] == [
        "unused",
        "active",
        "unused",
    ]
    assert judged(base, results=[])[1][0].status is SuppressionStatus.ACTIVE


def test_the_configuration_comes_first() -> None:
    (one,), states = judged(annotated(note()), finding(), rules=[rule()])
    assert one.suppression == rule().suppression
    assert [state.objects for state in states] == [0, 1]


def of_many(count: int, text: str = "") -> Landscape:
    claims = [claim(f"data/logs-{number}", text or f"problem {number}") for number in range(count)]
    return landscape(persistent_volume_claims=claims)


def test_the_same_words_on_many_objects_are_one_entry() -> None:
    findings = [
        finding(kubernetes_ref("PersistentVolumeClaim", f"logs-{number}", "data"), fingerprint=str(number))
        for number in range(50)
    ]
    _, (found,) = judged(of_many(50, note("storage/disk-in-other-zone")), *findings)
    assert (found.findings, found.objects) == (50, 50)
    assert len(found.annotated) == len(found.fingerprints) == SHOWN


def test_anybody_may_write_annotations_and_the_list_stays_bounded() -> None:
    _, states = judged(of_many(MOST_IGNORED + 30))
    assert len(states) == MOST_IGNORED + 1
    assert str(states[-1].problem) == "30 further annotations, for reasons of their own"
    assert states[-1].objects == 30


# Properties

names = st.text("abc-/*?[]!", max_size=8)
subjects = st.builds(
    kubernetes_ref, st.just("Service"), st.text("abc-", min_size=1, max_size=5), st.sampled_from(["", "data", "shop"])
)
days = st.integers(-3, 30).map(lambda number: TODAY + timedelta(number))


@given(
    st.lists(st.builds(rule, st.sampled_from(["*", "a/*", "a/x", "b/?"]), names, days), max_size=5),
    st.lists(st.tuples(subjects, st.sampled_from(["a/x", "a/y", "b/x"])), max_size=6),
)
def test_a_finding_is_suppressed_iff_a_rule_in_force_matches(
    rules: list[SuppressionRule], told: list[tuple[Ref, str]]
) -> None:
    findings = [finding(subject, check, str(number)) for number, (subject, check) in enumerate(told)]
    results = [result(check) for check in ("a/x", "a/y", "b/x")]
    after, states = applied(findings, rules, results)

    def matches(one: SuppressionRule, other: ReportedFinding) -> bool:
        return fnmatchcase(other.check, one.check) and fnmatchcase(other.subject.path, one.subject)

    for before, now in zip(findings, after, strict=True):
        in_force = [one for one in rules if one.suppression.expires >= TODAY and matches(one, before)]
        assert now.suppression == (in_force[0].suppression if in_force else None)
        assert msgspec.structs.replace(now, suppression=None) == before
    for one, found in zip(rules, states, strict=True):
        assert found.findings == sum(matches(one, other) for other in findings)
        assert (found.status is SuppressionStatus.EXPIRED) == (one.suppression.expires < TODAY)
        assert (found.status is SuppressionStatus.UNUSED) == (one.suppression.expires >= TODAY and not found.findings)


@given(st.text(max_size=120), st.booleans())
def test_no_annotation_breaks_a_run_or_goes_unsaid(text: str, allowed: bool) -> None:
    (one,), states = judged(annotated(text), finding(), allowed=allowed)
    assert states
    assert (one.suppression is None) or allowed
    assert all(state.problem is not None or state.status is not SuppressionStatus.IGNORED for state in states)


@given(st.text(max_size=60))
def test_no_pattern_breaks_the_matching(pattern: str) -> None:
    _, (found,) = applied([finding()], [rule(pattern, pattern)])
    assert found.findings in (0, 1)
