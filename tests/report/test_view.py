"""The view model: grouping, counting, the verdict, and clean words."""

import re
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditor.facts.ref import kubernetes_ref
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from auditor.judge.outcome import Outcome, Status, UnseenSubject
from auditor.judge.verdicts import Severity
from auditor.report.clean import one_line, visible
from auditor.report.model import ReportView, listing
from auditor.report.speaker import Speaker
from auditor.report.view import make_view
from tests.report import samples


def view(outcome: Outcome) -> ReportView:
    return make_view(outcome, "en", str)


def test_findings_are_grouped_by_severity_and_suppressed_ones_stand_apart() -> None:
    made = view(samples.outcome())
    assert [(group.severity.key, len(group.findings)) for group in made.groups] == [
        ("critical", 1),
        ("high", 1),
        ("info", 1),
    ]
    assert [finding.subject.path for finding in made.suppressed] == ["pv-logs-3"]
    assert [finding.subject.path for finding in made.resolved] == ["pv-old"]
    assert {count.word.key: count.number for count in made.lifecycles} == {
        "new": 1,
        "open": 2,
        "reopened": 0,
        "resolved": 1,
        "suppressed": 1,
    }


def test_one_cause_of_gaps_is_one_entry_with_all_that_it_touches() -> None:
    made = view(samples.outcome())
    denied, timeout = made.gaps
    assert (denied.kind.key, denied.source, denied.missing) == (
        "forbidden",
        "ecs",
        ("ecs:DescribeSecurityGroupAttribute",),
    )
    assert [check.id for check in denied.checks] == ["access/kubelet-port-blocked", "network/node-egress-blocks-lb"]
    assert [subject.path for subject in denied.subjects.shown] == ["cn-hangzhou.192.168.7.7"]
    assert denied.command == "auditor permissions ram"
    assert (timeout.kind.key, timeout.command) == ("timeout", "auditor doctor")
    assert [gap.kind.key for gap in made.switched_off] == ["switched_off"]


def test_a_missing_right_in_the_cluster_points_to_the_cluster_role() -> None:
    reason = Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), ("list pods",))
    checks = (samples.check_result("storage/x", "X", Status.NOT_EVALUATED, subjects=0, reasons=(reason,)),)
    assert view(samples.outcome(checks=checks)).gaps[0].command == "auditor permissions rbac"


def test_long_lists_of_unseen_objects_are_counted() -> None:
    unseen = tuple(UnseenSubject(kubernetes_ref("Pod", f"p-{i}", "a"), (samples.DENIED,)) for i in range(1000))
    check = samples.check_result("network/x", "X", Status.NOT_EVALUATED, reasons=(samples.DENIED,), unseen=unseen)
    subjects = view(samples.outcome(checks=(check,))).gaps[0].subjects
    assert subjects.total == 1000
    assert len(subjects.shown) + len(subjects.folded) + subjects.more == 1000
    assert subjects.more > 0


@pytest.mark.parametrize(
    ("change", "key", "starts"),
    [
        ({}, "faults", "Faults found: 1 critical, 1 high. The audit is incomplete: 3 of 8 checks"),
        ({"findings": (samples.notes(),)}, "incomplete", "No faults found in what could be looked at."),
        ({"findings": ()}, "incomplete", "No faults found in what could be looked at."),
    ],
)
def test_verdict_of_an_incomplete_run(change: dict[str, Any], key: str, starts: str) -> None:
    verdict = view(samples.outcome(**change)).verdict
    assert verdict.key == key
    assert verdict.sentence.startswith(starts)


def test_verdict_of_a_complete_run() -> None:
    healthy = samples.healthy()
    assert view(healthy).verdict.key == "healthy"
    assert view(healthy).verdict.sentence == "No faults found. Everything that was asked for could be looked at."
    found = samples.outcome(checks=healthy.checks, findings=(samples.finding(),))
    assert view(found).verdict.sentence == "Faults found: 1 high. Everything that was asked for could be looked at."


def test_what_nobody_looked_at_is_never_called_healthy() -> None:
    check = samples.check_result("a/b", "X", Status.NOT_EVALUATED, subjects=0, reasons=(samples.DENIED,))
    assert view(samples.outcome(checks=(check,), findings=())).verdict.key == "nothing"
    empty = samples.check_result("a/b", "X", Status.NOT_APPLICABLE, subjects=0)
    assert view(samples.outcome(checks=(empty,), findings=())).verdict.key == "nothing"


def test_verdict_mentions_suppressed_findings() -> None:
    suppressed = tuple(finding for finding in samples.outcome().findings if finding.suppression)
    sentence = view(samples.outcome(checks=samples.healthy().checks, findings=suppressed)).verdict.sentence
    assert sentence.endswith("Suppressed findings: 1.")


def test_affected_objects_are_listed_once() -> None:
    finding = view(samples.outcome()).groups[0].findings[0]
    assert finding.affected.total == 40
    assert len(finding.affected.shown) == 20
    assert "affected" not in [row.name for row in finding.evidence]


def test_evidence_in_words() -> None:
    finding = view(samples.outcome()).groups[1].findings[0]
    lines = {row.name: row.lines.shown for row in finding.evidence}
    assert lines["disk_regional"] == ("no",)
    assert lines["volume_node_affinity"] == ("not said",)
    assert lines["candidate_zones"] == ("cn-hangzhou-h", "cn-hangzhou-k")
    assert lines["nodes_by_zone"] == ("cn-hangzhou-h: 0", "cn-hangzhou-k: 3")


def test_a_value_that_is_cut_says_so() -> None:
    long = view(samples.outcome(findings=(samples.finding(evidence={"event": "x" * 5000}),)))
    line = long.groups[0].findings[0].evidence[0].lines.shown[0]
    assert line.endswith("… (3000 more characters)")


def test_times_in_both_forms() -> None:
    speaker = Speaker("en", str, ZoneInfo("Asia/Shanghai"))
    moment = speaker.moment(datetime(2026, 11, 22, 20, 30, tzinfo=UTC))
    assert moment.utc == "2026-11-22T20:30:00Z"
    assert moment.local == "Monday 23 November 2026, 04:30 (GMT+08:00)"
    chinese = Speaker("zh", str, ZoneInfo("Asia/Shanghai")).moment(datetime(2026, 11, 22, 20, 30, tzinfo=UTC))
    assert chinese.local.startswith("2026年11月23日星期一 04:30")


def test_a_saved_landscape_is_as_old_as_its_collection() -> None:
    saved = samples.outcome(observed_at=datetime(2026, 10, 1, tzinfo=UTC), trigger="landscape")
    assert view(saved).run.observed.utc == "2026-10-01T00:00:00Z"
    assert view(saved).run.trigger == "saved landscape"


def test_an_operators_own_area_keeps_its_name() -> None:
    check = samples.check_result("our-area/our-check", "Ours", Status.PASSED)
    assert [area.name for area in view(samples.outcome(checks=(check,))).areas] == ["our-area"]


def test_listing_counts_what_it_hides() -> None:
    made = listing(list(range(10)), shown=3, folded=4)
    assert (made.shown, made.folded, made.more) == ((0, 1, 2), (3, 4, 5, 6), 3)
    assert (made.total, made.hidden) == (10, 7)
    assert listing([1, 2], shown=3).hidden == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00b\x7fc\x9bd", "a\\x00b\\x7fc\\x9bd"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("half \ud800", "half \\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("数据盘 é ñ 🚀", "数据盘 é ñ 🚀"),
    ],
)
def test_hidden_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\nb\tc\u2028d") == "a b c\\u2028d"
    assert visible("a\r\nb") == "a\nb"


def test_all_strings_of_a_hostile_view_are_clean() -> None:
    hidden = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
    strings = list(_strings(view(samples.hostile())))
    assert len(strings) > 500
    assert not [text for text in strings if hidden.search(text)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if is_dataclass(value):
        return [text for part in fields(value) for text in _strings(getattr(value, part.name))]
    if isinstance(value, tuple):
        return [text for member in value for text in _strings(member)]
    return []


def test_severities_are_counted_without_suppressed_ones() -> None:
    counts = {count.word.key: count.number for count in view(samples.outcome()).severities}
    assert counts == {"critical": 1, "high": 1, "medium": 0, "low": 0, "info": 1}
    assert list(counts) == [severity.value for severity in Severity]
