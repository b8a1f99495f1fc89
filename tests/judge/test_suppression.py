"""Suppressions: by pattern, with an end, and never out of sight."""

from datetime import date, datetime

import pytest

from auditor.judge.api import Certainty, Severity, cloud_ref, kubernetes_ref, t
from auditor.judge.outcome import ReportedFinding, Suppression
from auditor.judge.suppression import SuppressionRule, suppress

TODAY = date(2026, 11, 23)


def finding(name: str = "logs-1", namespace: str = "data", cloud_id: str = "d-1") -> ReportedFinding:
    return ReportedFinding(
        fingerprint="f",
        check="storage/disk-in-other-zone",
        severity=Severity.HIGH,
        certainty=Certainty.CONFIRMED,
        subject=kubernetes_ref("PersistentVolumeClaim", name, namespace, cloud_id),
        message=t("x"),
        why=t("y"),
        first_seen=datetime(2026, 1, 1),  # noqa: DTZ001
    )


def rule(check: str = "storage/*", subject: str = "*", expires: date = TODAY) -> SuppressionRule:
    return SuppressionRule(check, subject, Suppression("moving", "storage team", expires))


@pytest.mark.parametrize("subject", ["*", "data/logs-*", "data/*", "d-1"])
def test_a_pattern_matches_path_or_cloud_id(subject: str) -> None:
    assert suppress([finding()], [rule(subject=subject)], TODAY)[0].suppression is not None


@pytest.mark.parametrize("other", [rule(subject="data/web-*"), rule(subject="logs-1"), rule(check="network/*")])
def test_what_does_not_match_counts(other: SuppressionRule) -> None:
    assert suppress([finding()], [other], TODAY)[0].suppression is None


def test_it_holds_through_its_last_day_and_not_longer() -> None:
    assert suppress([finding()], [rule(expires=TODAY)], TODAY)[0].suppression
    assert not suppress([finding()], [rule(expires=date(2026, 11, 22))], TODAY)[0].suppression


def test_a_cloud_subject_is_named_by_its_name_too() -> None:
    named = cloud_ref("LoadBalancer", "lb-1", "shop-internal")
    other = ReportedFinding(
        fingerprint="f",
        check="service/x",
        severity=Severity.LOW,
        certainty=Certainty.LIKELY,
        subject=named,
        message=t("x"),
        why=t("y"),
    )
    assert suppress([other], [rule(check="service/*", subject="shop-*")], TODAY)[0].suppression
    assert suppress([other], [rule(check="service/*", subject="lb-1")], TODAY)[0].suppression
