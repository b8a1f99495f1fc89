"""Lives of findings: nothing is resolved that was not looked at."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref, cloud_ref, kubernetes_ref
from auditor.facts.table import Reason
from auditor.judge.outcome import Lifecycle, Outcome, ReportedFinding, UnseenSubject
from auditor.judge.verdicts import broken, ok
from auditor.ledger.ledger import Ledger
from auditor.ledger.lives import live_on
from auditor.ledger.records import Life, LifeState
from tests.ledger.make import DENIED, DISKS, LATE, NODES, OFF, finding, names, record, result, run


def live(*outcomes: Outcome) -> tuple[Outcome, dict[str, Life]]:
    """Let findings live through runs; return the last outcome, and the lives after it."""
    known: dict[str, Life] = {}
    lived = None
    for outcome in outcomes:
        lived = live_on(known, outcome)
        known.update({life.fingerprint: life for life in lived.lives})
    assert lived is not None
    return lived.outcome, known


def states(known: dict[str, Life]) -> dict[str, str]:
    return {life.subject.name: life.state.value for life in known.values()}


def test_a_gap_of_the_whole_check_leaves_everything_unevaluated() -> None:
    last, known = live(run(0, ["a", "b"]), run(1, ["b"], [result(found=1, reasons=[DENIED])]))
    assert states(known) == {"a": "unevaluated", "b": "open"}
    assert (names(last.unevaluated), last.resolved) == (["a"], ())


def test_a_gap_of_one_subject_leaves_that_one_unevaluated() -> None:
    last, known = live(run(0, ["a", "b"]), run(1, [], [result(unseen={"a": DENIED})]))
    assert states(known) == {"a": "unevaluated", "b": "resolved"}
    assert (names(last.unevaluated), names(last.resolved)) == (["a"], ["b"])


def test_a_gap_of_one_subject_and_another_of_the_whole() -> None:
    _, known = live(run(0, ["a", "b"]), run(1, [], [result(reasons=[LATE], unseen={"a": DENIED})]))
    assert states(known) == {"a": "unevaluated", "b": "unevaluated"}


def test_one_reason_for_one_subject_and_for_the_whole() -> None:
    """Denied may be both a subject and the list of subjects: then there may be others that nobody saw."""
    _, known = live(run(0, ["a", "b"]), run(1, [], [result(unseen={"a": DENIED}, general=(DENIED,))]))
    assert states(known) == {"a": "unevaluated", "b": "unevaluated"}


def test_a_check_that_was_not_chosen_leaves_its_findings_as_they_were() -> None:
    nodes = finding("n", NODES)
    first = run(0, [finding("a"), nodes], [result(found=1), result(NODES, found=1)])
    last, known = live(first, run(1, [], [result(NODES)]))
    assert states(known) == {"a": "open", "n": "resolved"}
    assert (last.unevaluated, names(last.resolved)) == ((), ["n"])
    last, known = live(first, run(1, [], [result(reasons=[DENIED])]), run(2, [], [result(NODES)]))
    assert states(known) == {"a": "unevaluated", "n": "resolved"}


def test_what_was_not_evaluated_is_resolved_once_it_is_looked_at() -> None:
    last, known = live(run(0, ["a"]), run(1, [], [result(reasons=[DENIED])]), run(2))
    assert states(known) == {"a": "resolved"}
    assert names(last.resolved) == ["a"]
    last, known = live(run(0, ["a"]), run(1, [], [result(reasons=[DENIED])]), run(2, ["a"]))
    assert last.findings[0].lifecycle is Lifecycle.OPEN, "it was never resolved"


def test_what_is_switched_off_is_not_looked_at() -> None:
    _, known = live(run(0, ["a"]), run(1, [], [result(reasons=[OFF])]))
    assert states(known) == {"a": "unevaluated"}
    _, known = live(run(0, ["a", "b"]), run(1, [], [result(unseen={"a": OFF})]))
    assert states(known) == {"a": "unevaluated", "b": "resolved"}


def test_what_was_off_when_a_finding_was_seen_is_not_needed_to_see_it() -> None:
    """Else a check with an optional part could resolve nothing where that part is never switched on."""
    off = [result(reasons=[OFF])]
    _, known = live(run(0, ["a"], off), run(1, [], off))
    assert states(known) == {"a": "resolved"}
    _, known = live(run(0, ["a"], off), run(1, [], [result(reasons=[OFF, DENIED])]))
    assert states(known) == {"a": "unevaluated"}
    _, known = live(run(0, ["a"], off), run(1, ["a"]), run(2, [], off))
    assert states(known) == {"a": "unevaluated"}, "it was last seen with everything on"


GROUP = cloud_ref("SecurityGroup", "sg-1")
NODE_A, NODE_B = kubernetes_ref("Node", "a"), kubernetes_ref("Node", "b")


def of_group(**more: Any) -> ReportedFinding:
    return finding("x", NODES, subject=GROUP, fingerprint="f" * 32, **more)


@pytest.mark.parametrize(
    ("found", "blind", "state"),
    [
        (of_group(affected=(NODE_A,)), NODE_A, LifeState.UNEVALUATED),
        (of_group(affected=(NODE_A,)), NODE_B, LifeState.RESOLVED),
        (of_group(trail=(ok(NODE_A), broken(GROUP))), NODE_A, LifeState.UNEVALUATED),
        (of_group(trail=(ok(NODE_A), broken(GROUP))), NODE_B, LifeState.RESOLVED),
        (of_group(), NODE_A, LifeState.UNEVALUATED),
        (of_group(), cloud_ref("SecurityGroup", "sg-2"), LifeState.RESOLVED),
        (of_group(), cloud_ref("SecurityGroup", "sg-1", "named-now"), LifeState.UNEVALUATED),
    ],
    ids=["affected", "another", "on the trail", "not on it", "nothing tells", "another group", "the same, named"],
)
def test_a_finding_on_what_lies_behind_the_subject(found: ReportedFinding, blind: Ref, state: LifeState) -> None:
    """A check that judges nodes finds a fault of their security group: whether it is gone, the nodes tell."""
    gap = UnseenSubject(blind, (DENIED,))
    checks = [msgspec.structs.replace(result(NODES), reasons=(DENIED,), unseen=(gap,))]
    _, known = live(run(0, [found], [result(NODES, found=1)]), run(1, [], checks))
    assert known["f" * 32].state is state


def test_what_is_told_of_a_finding_is_the_last_telling() -> None:
    worse = finding("a", message=finding("other").message)
    last, known = live(run(0, ["a"]), run(1, [worse]), run(2))
    assert last.resolved[0].message == worse.message
    assert known[worse.fingerprint].run_id == "run-0001"


VOLUMES = ("a", "b", "static")
"""A fault of ``static`` shows though the optional part of the check is off."""


@dataclass(frozen=True)
class Day:
    """What one run meets: which faults there truly are, and what it can see."""

    present: frozenset[tuple[str, str]]
    chosen: frozenset[str]
    denied: frozenset[str]
    off: frozenset[str]
    blind: frozenset[tuple[str, str]]

    def shows(self, one: tuple[str, str]) -> bool:
        check, volume = one
        is_open = check in self.chosen and check not in self.denied and one not in self.blind
        return is_open and (check not in self.off or volume == "static")

    def outcome(self, number: int, cluster: ClusterIdentity) -> Outcome:
        found = [
            finding(volume, check, cluster) for check, volume in sorted(self.present) if self.shows((check, volume))
        ]
        checks = []
        for check in sorted(self.chosen):
            gaps: list[Reason] = []
            if check in self.denied:
                gaps.append(DENIED)
            if check in self.off:
                gaps.append(OFF)
            hidden = {volume: LATE for of, volume in sorted(self.blind) if of == check}
            checks.append(result(check, sum(one.check == check for one in found), gaps, hidden))
        return run(number, found, checks, cluster=cluster, run_id=f"{cluster.name}-{number}")


@dataclass
class Expected:
    """What is to be known of one fault, told in the plainest way."""

    state: str = "unknown"
    first: int = -1
    was_off: bool = False
    stages: list[str] = field(default_factory=list)

    def meet(self, number: int, day: Day, one: tuple[str, str]) -> None:
        check = one[0]
        if one in day.present and day.shows(one):
            self.stages.append({"unknown": "new", "resolved": "reopened"}.get(self.state, "open"))
            self.first = number if self.state == "unknown" else self.first
            self.state, self.was_off = "open", check in day.off
        elif self.state in ("open", "unevaluated") and check in day.chosen:
            hides = check in day.denied or one in day.blind or (check in day.off and not self.was_off)
            self.state = "unevaluated" if hides else "resolved"


FAULTS = tuple(itertools.product((DISKS, NODES), VOLUMES))
CHECKS = some.frozensets(some.sampled_from((DISKS, NODES)))
days = some.lists(
    some.builds(
        Day,
        some.frozensets(some.sampled_from(FAULTS)),
        some.sampled_from([frozenset((DISKS, NODES)), frozenset((DISKS, NODES)), frozenset((DISKS,)), frozenset()]),
        CHECKS,
        CHECKS,
        some.frozensets(some.sampled_from(FAULTS), max_size=2),
    ),
    max_size=7,
)
_clusters = itertools.count()


def follow(days: list[Day], recorded: "list[Outcome]", after: dict[str, Life]) -> None:
    expected = {one: Expected() for one in FAULTS}
    for number, (day, outcome) in enumerate(zip(days, recorded, strict=True)):
        stages = {(one.check, one.subject.name): one.lifecycle.value for one in outcome.findings}
        was = {one: known.state for one, known in expected.items()}
        for one, known in expected.items():
            known.meet(number, day, one)
            if one in stages:
                assert stages[one] == known.stages[-1]
        gone = {(one.check, one.subject.name) for one in outcome.resolved}
        assert gone == {o for o, known in expected.items() if known.state == "resolved" and was[o] != "resolved"}
        assert not gone & day.present, "what is truly there is never said to be gone"
        assert all(check in day.chosen and check not in day.denied for check, _ in gone)
        unevaluated = {(one.check, one.subject.name) for one in outcome.unevaluated}
        assert unevaluated == {
            o for o, known in expected.items() if known.state == "unevaluated" and o[0] in day.chosen
        }
    told = {(life.check, life.subject.name): life for life in after.values()}
    assert {o: known.state for o, known in expected.items() if known.state != "unknown"} == {
        o: life.state for o, life in told.items()
    }
    for one, life in told.items():
        assert life.first_seen == run(expected[one].first).observed_at
        assert life.reopened == expected[one].stages.count("reopened")


@given(days)
@settings(deadline=None, max_examples=300)
def test_any_sequence_of_runs(days: list[Day]) -> None:
    cluster = ClusterIdentity("any")
    known: dict[str, Life] = {}
    recorded = []
    for number, day in enumerate(days):
        lived = live_on(known, day.outcome(number, cluster))
        known.update({life.fingerprint: life for life in lived.lives})
        recorded.append(lived.outcome)
    follow(days, recorded, known)


@given(days)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_runs_as_it_is_recorded(ledger: Ledger, days: list[Day]) -> None:
    cluster = ClusterIdentity(f"any-{next(_clusters)}")
    recorded = [record(ledger, day.outcome(number, cluster)) for number, day in enumerate(days)]
    lives = {life.fingerprint: life for life in ledger.lives(cluster.name, states=())}
    follow(days, recorded, lives)
    for outcome, told in zip(recorded, ledger.trend(cluster.name), strict=True):
        assert ledger.outcome(outcome.run_id) == outcome
        stages = Counter(one.lifecycle.value for one in outcome.findings)
        assert told.lifecycle == {
            **dict.fromkeys(("new", "open", "reopened"), 0),
            **stages,
            "resolved": len(outcome.resolved),
            "suppressed": 0,
        }
        assert sum(told.counts.values()) == len(outcome.findings)
        assert told.checks["found"] == len({one.check for one in outcome.findings})
    if days:
        is_open = {one for one, life in lives.items() if life.state is LifeState.OPEN}
        assert {one.fingerprint for one in recorded[-1].findings} <= is_open
