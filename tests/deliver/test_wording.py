"""What all channels say of a message in one line."""

from dataclasses import replace as changed

import msgspec
import pytest

from auditor.deliver.message import Kind
from auditor.deliver.wording import finding_line, headline, lines, unmarked
from auditor.judge.outcome import Lifecycle, Outcome
from auditor.judge.verdicts import Severity
from tests.deliver.messages import message
from tests.report import samples


def complete(**more: object) -> Outcome:
    """Make a run with findings in which nothing went unseen."""
    checks = tuple(msgspec.structs.replace(check, reasons=(), unseen=()) for check in samples.outcome().checks)
    return samples.outcome(checks=checks, **more)


def test_a_report_says_the_cluster_the_counts_and_what_changed() -> None:
    assert headline(message(Kind.REPORT, complete())) == "shop-prod: 1 critical, 1 high, 1 info (1 new, 1 resolved)"


def test_what_went_unseen_is_said() -> None:
    assert headline(message(Kind.REPORT)).endswith(", audit incomplete")
    nothing = message(Kind.REPORT, samples.outcome(findings=(), resolved=()))
    assert headline(nothing) == "shop-prod: audit incomplete, no faults found"


def test_a_healthy_cluster_has_no_faults() -> None:
    assert headline(message(Kind.REPORT, samples.healthy())) == "shop-prod: no faults found"


def test_a_run_in_which_nothing_was_judged_does_not_count_as_healthy() -> None:
    checks = tuple(msgspec.structs.replace(check, subjects=0, findings=0) for check in samples.outcome().checks)
    said = headline(message(Kind.REPORT, samples.outcome(findings=(), resolved=(), checks=checks)))
    assert said == "shop-prod: audit incomplete, nothing could be judged"


def test_what_is_routed_elsewhere_does_not_count_and_is_not_denied() -> None:
    told = message(Kind.REPORT, complete(), findings=(samples.finding(),), resolved=())
    assert headline(told) == "shop-prod: 1 high"
    none = message(Kind.REPORT, complete(), findings=(), resolved=())
    assert headline(none) == "shop-prod: nothing for this channel, other findings: 2"


def test_a_channel_that_hears_of_changes_takes_for_new_what_it_was_not_told() -> None:
    assert headline(message(Kind.BATCH, complete())) == "shop-prod: 1 critical, 1 high, 1 info (3 new, 1 resolved)"
    assert headline(message(Kind.BATCH, complete(), findings=())) == "shop-prod: 1 resolved"
    back = samples.finding(lifecycle=Lifecycle.REOPENED)
    assert headline(message(Kind.DIGEST, complete(), findings=(back,), resolved=())) == "shop-prod: 1 high (1 reopened)"


def test_a_snapshot_says_what_is_open_and_not_what_is_new() -> None:
    assert headline(message(Kind.SNAPSHOT, complete(), resolved=())) == "shop-prod: 1 critical, 1 high, 1 info"


def test_one_finding_is_named() -> None:
    found = samples.finding()
    line = "A disk is in another zone than the node: PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx)"
    assert headline(message(Kind.FINDING, findings=(found,))) == f"shop-prod: high: {line}"
    back = msgspec.structs.replace(found, lifecycle=Lifecycle.REOPENED)
    assert headline(message(Kind.FINDING, findings=(back,))) == f"shop-prod: high, reopened: {line}"
    assert headline(message(Kind.RESOLVED)).startswith("shop-prod: resolved: A disk is in another zone")


def test_what_is_suppressed_is_not_called_resolved() -> None:
    base = complete()
    suppressed = next(finding for finding in base.findings if finding.suppression)
    told = message(Kind.RESOLVED, base, resolved=(suppressed,))
    assert headline(told).startswith("shop-prod: suppressed: ")
    batch = message(Kind.BATCH, base, findings=(), resolved=(suppressed, *base.resolved))
    assert headline(batch) == "shop-prod: 1 resolved, 1 no longer reported"
    assert lines(batch, 10)[0].startswith("suppressed: [")


def test_what_is_routed_elsewhere_now_is_not_called_resolved() -> None:
    base = complete()
    there = next(finding for finding in base.findings if not finding.suppression)
    assert lines(message(Kind.BATCH, base, findings=(), resolved=(there,)), 10)[0].startswith(
        "no longer reported here: ["
    )


def test_a_test_is_called_one() -> None:
    assert headline(message(Kind.TEST)) == "Test message of the ACK auditor"


def test_a_list_says_how_many_it_leaves_out() -> None:
    told = message(Kind.BATCH)
    assert len(lines(told, 10)) == 4
    assert lines(told, 2)[-1] == "… and 2 more"
    assert len(lines(told, 2)) == 3
    assert lines(told, 4)[-1].startswith("resolved: [medium] ")
    assert lines(told, 0) == ["… and 4 more"]


def test_a_finding_in_one_line() -> None:
    told = message(Kind.FINDING, findings=(samples.finding(),))
    (line,) = lines(told, 1)
    assert line == finding_line(told.views[samples.finding().fingerprint])
    assert line.startswith("[high] Pod data/mysql-0 waits for disk ")
    assert line.endswith(" · PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx)")


def test_a_finding_of_an_earlier_run_can_be_shown() -> None:
    earlier = samples.finding("pv-earlier", fingerprint="e" * 32, severity=Severity.LOW)
    told = message(Kind.SNAPSHOT, findings=(earlier,), resolved=())
    assert "pv-earlier" in lines(told, 5)[0]
    assert set(told.views) > {"e" * 32}


def test_code_is_not_marked_where_it_can_not_be_shown_as_such() -> None:
    assert unmarked("set ``nodeSelector`` and ` leave") == "set nodeSelector and ` leave"


@pytest.mark.parametrize("kind", list(Kind))
def test_chinese_is_spoken(kind: Kind) -> None:
    told = message(kind, language="zh")
    assert headline(told)
    if kind not in (Kind.TEST, Kind.RESOLVED):
        assert "严重" in headline(told)
        assert lines(told, 5)[0].startswith("[严重] ")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", list(Kind))
def test_hostile_names_stay_on_one_clean_line(kind: Kind, language: str) -> None:
    base = message(kind, samples.hostile(), language=language)
    for finding in base.all_findings or samples.hostile().counting:
        told = changed(base, findings=(finding,), resolved=()) if kind is not Kind.RESOLVED else base
        for line in (headline(told), *lines(told, 5)):
            assert line.isprintable(), line
