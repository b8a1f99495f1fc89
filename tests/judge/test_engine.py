"""The engine: gaps touch just their subjects, one fault is one finding, and a broken check stops nothing."""

from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.table import NotKnown, ReasonKind, Table
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    NotApplicable,
    Passed,
    Severity,
    Verdict,
    broken,
    ok,
    t,
    undecidable,
)
from auditor.judge.check import BadCheck, LoadedCheck, load_check
from auditor.judge.context import tables_of
from auditor.judge.engine import judge, needed_tables
from auditor.judge.outcome import Status
from auditor.judge.registry import UnknownCheck, load_checks, select
from tests.checks import make
from tests.checks.kit import denied, landscape, without, without_rows


def all_nodes(nodes: Table[Node]) -> Iterable[Node]:
    return nodes.known_rows()


def made(
    judge_one: Callable[..., Any], subjects: Callable[..., Any] = all_nodes, name: str = "test/made"
) -> LoadedCheck:
    module = ModuleType(name)
    module.__file__ = "made.py"
    module.__doc__ = "A fault\n\nIt matters."
    module.check = Check(severity=Severity.HIGH, causes=("T1",), since="0.1.0")  # type: ignore[attr-defined]
    module.subjects = subjects  # type: ignore[attr-defined]
    module.judge = judge_one  # type: ignore[attr-defined]
    return load_check(name, module)


NODES = landscape(nodes=[make.node("a"), make.node("b")], instances=[make.instance("a"), make.instance("b")])


def needs_instance(node: Node, node_instances: Any) -> Verdict:
    node_instances.of(node)
    return Passed()


def test_a_gap_touches_just_its_subjects() -> None:
    results, _ = judge(without_rows(NODES, "instances", "i-b"), [made(needs_instance)])
    assert results[0].status is Status.NOT_EVALUATED
    assert results[0].subjects == 1
    assert [unseen.subject.name for unseen in results[0].unseen] == ["b"]
    assert results[0].reasons[0].missing == ("test:Action",)


def test_a_table_of_subjects_that_is_missing_is_said_once() -> None:
    results, _ = judge(without(NODES, "nodes"), [made(needs_instance)])
    assert results[0].status is Status.NOT_EVALUATED
    assert len(results[0].reasons) == 1


def test_subjects_that_nobody_listed_are_not_passed() -> None:
    results, _ = judge(without_rows(NODES, "nodes", "b"), [made(lambda node: Passed())])
    assert results[0].subjects == 1
    assert results[0].status is Status.NOT_EVALUATED


def test_gaps_of_single_subjects_are_told_from_those_of_the_list_of_subjects() -> None:
    def denied_each(node: Node) -> Verdict:
        raise NotKnown(denied("x:Y"))

    (of_subjects,), _ = judge(NODES, [made(denied_each)])
    assert of_subjects.general == ()
    assert len(of_subjects.unseen) == 2
    (of_list,), _ = judge(without_rows(NODES, "nodes", "b"), [made(lambda node: Passed())])
    assert of_list.general == of_list.reasons
    (of_both,), _ = judge(without_rows(NODES, "nodes", "b"), [made(denied_each)])
    assert set(of_both.reasons) == {*of_list.reasons, *of_subjects.reasons}
    assert of_both.general == of_list.general
    (broken,), _ = judge(NODES, [made(lambda node: 1 // 0)])
    assert (len(broken.unseen), broken.general) == (2, ())


def test_no_subject_is_not_applicable() -> None:
    results, _ = judge(landscape(), [made(lambda node: Passed())])
    assert results[0].status is Status.NOT_APPLICABLE
    results, _ = judge(NODES, [made(lambda node: NotApplicable(t("no")))])
    assert results[0].status is Status.NOT_APPLICABLE


def test_a_finding_wins_over_a_gap_and_both_are_told() -> None:
    def one_each(node: Node) -> Iterator[Verdict]:
        if node.name == "a":
            yield Finding(subject=node.ref, message=t("bad"))
        raise NotKnown(denied("x:Y"))

    results, findings = judge(NODES, [made(one_each)])
    assert results[0].status is Status.FOUND
    assert results[0].subjects == 1
    assert len(findings) == 1
    assert results[0].reasons[0].missing == ("x:Y",)


def test_one_fault_is_one_finding_with_all_it_affects() -> None:
    group = make.instance("group").ref

    def same_subject(node: Node) -> Verdict:
        worse = node.name == "b"
        return Finding(
            subject=group,
            message=t("{count} nodes: {affected}"),
            severity=Severity.CRITICAL if worse else Severity.LOW,
            certainty=Certainty.LIKELY if worse else Certainty.CONFIRMED,
            affected=(node.ref,),
        )

    results, findings = judge(NODES, [made(same_subject)])
    assert results[0].findings == len(findings) == 1
    assert results[0].subjects == 2
    assert findings[0].severity is Severity.CRITICAL
    assert findings[0].certainty is Certainty.CONFIRMED
    assert str(findings[0].message) == "2 nodes: a, b"
    assert findings[0].evidence["affected"] == ["a", "b"]


def test_the_trail_of_a_joined_finding_has_all_that_is_affected() -> None:
    group = make.instance("group").ref

    def judge_one(node: Node) -> Verdict:
        trail = (ok(node.ref, t("first")), broken(group))
        return Finding(subject=group, message=t("x"), affected=(node.ref,), trail=trail)

    _, findings = judge(NODES, [made(judge_one)])
    assert [(hop.ref.name, hop.state.value) for hop in findings[0].trail] == [
        ("a", "ok"),
        ("b", "ok"),
        ("i-group", "broken"),
    ]


def test_two_faults_on_one_subject_are_two_findings() -> None:
    def two(node: Node) -> Iterator[Verdict]:
        yield Finding(subject=node.ref, message=t("one"), fault="one")
        yield Finding(subject=node.ref, message=t("two"), fault="two")

    _, findings = judge(NODES, [made(two)])
    assert len({finding.fingerprint for finding in findings}) == 4


def test_the_fingerprint_is_the_same_in_every_run() -> None:
    check = made(lambda node: Finding(subject=node.ref, message=t("bad {value}", value=node.zone or "")))
    before = {f.subject.name: f.fingerprint for f in judge(NODES, [check])[1]}
    later = landscape(nodes=[make.node("b", "k"), make.node("a", "k")])
    assert {f.subject.name: f.fingerprint for f in judge(later, [check])[1]} == before


def test_a_broken_check_is_reported_and_stops_no_other() -> None:
    def breaks(node: Node) -> Verdict:
        raise ZeroDivisionError("oh")

    results, findings = judge(NODES, [made(breaks, name="test/a"), made(lambda node: Passed(), name="test/b")])
    assert results[0].status is Status.NOT_EVALUATED
    assert results[0].reasons[0].kind is ReasonKind.ERROR
    assert "ZeroDivisionError: oh" in str(results[0].reasons[0].message)
    assert results[1].status is Status.PASSED
    assert not findings


def test_a_check_that_says_no_verdict_is_reported() -> None:
    results, _ = judge(NODES, [made(lambda node: iter(["nonsense"]))])
    assert "a check says verdicts, not str" in str(results[0].reasons[0].message)


def test_undecidable_is_not_evaluated() -> None:
    results, _ = judge(NODES, [made(lambda node: undecidable("ram", t("a condition")))])
    assert results[0].status is Status.NOT_EVALUATED
    assert results[0].reasons[0].kind is ReasonKind.UNDECIDABLE


def test_findings_come_worst_first() -> None:
    def by_name(node: Node) -> Verdict:
        return Finding(subject=node.ref, message=t("x"), severity=Severity.LOW if node.name == "a" else Severity.HIGH)

    assert [f.subject.name for f in judge(NODES, [made(by_name)])[1]] == ["b", "a"]


def test_only_what_is_asked_for_is_needed() -> None:
    assert tables_of(made(needs_instance)) == {"nodes", "instances"}
    assert needed_tables([made(lambda node, observed_at: Passed())]) == {"nodes"}


def test_a_parameter_that_is_no_fact_is_a_bad_check() -> None:
    with pytest.raises(BadCheck, match="'nodse' is no fact"):
        tables_of(made(lambda node, nodse: Passed()))


@pytest.mark.parametrize("docstring", [None, "", "Only a title"])
def test_a_check_says_why_it_matters(docstring: str | None) -> None:
    module = ModuleType("x")
    module.__file__ = "made.py"
    module.__doc__ = docstring
    module.check = Check(severity=Severity.HIGH, causes=(), since="0.1.0")  # type: ignore[attr-defined]
    module.subjects = module.judge = lambda nodes: []  # type: ignore[attr-defined]
    with pytest.raises(BadCheck, match="docstring"):
        load_check("x/y", module)


def test_the_path_of_a_check_is_its_id() -> None:
    ids = [check.id for check in load_checks()]
    assert "storage/disk-in-other-zone" in ids
    assert ids == sorted(ids)


def test_patterns_select_and_a_wrong_one_names_what_is_near() -> None:
    checks = load_checks()
    assert {check.area for check in select(checks, ["storage/*"])} == {"storage"}
    with pytest.raises(UnknownCheck, match="storage/disk-in-other-zone"):
        select(checks, ["storage/disk-in-other-zon"])


def test_a_folder_of_own_checks_is_loaded(tmp_path: Any) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "node_named_a.py").write_text(
        '''"""A node is named a

Nobody wants that.
"""
from collections.abc import Iterable
from auditor.facts.kubernetes.nodes import Node
from auditor.judge.api import Check, Finding, Passed, Severity, Table, Verdict, t
check = Check(severity=Severity.LOW, causes=(), since="1")
def subjects(nodes: Table[Node]) -> Iterable[Node]:
    return nodes.known_rows()
def judge(node: Node) -> Verdict:
    return Finding(subject=node.ref, message=t("is named a")) if node.name == "a" else Passed()
''',
        encoding="utf-8",
    )
    own = select(load_checks([tmp_path]), ["team/*"])
    assert [check.id for check in own] == ["team/node-named-a"]
    assert [finding.subject.name for finding in judge(NODES, own)[1]] == ["a"]


@pytest.mark.parametrize("content", ["x = 1", "import nothing_of_this_name", "def broken(:"])
def test_a_broken_file_in_a_folder_of_own_checks_is_named(tmp_path: Any, content: str) -> None:
    (tmp_path / "broken.py").write_text(content, encoding="utf-8")
    with pytest.raises(BadCheck, match=r"broken\.py"):
        load_checks([tmp_path])
