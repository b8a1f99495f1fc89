"""The symptoms: all of the notes, in the order of the notes, with the checks that look for their causes."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from auditor.judge.api import Check, Passed, Severity
from auditor.judge.causes import CAUSES
from auditor.judge.check import LoadedCheck, load_check
from auditor.judge.registry import load_checks
from auditor.judge.symptoms import SYMPTOMS, checks_of

NOTES = """
disk-mount-fails S1 S2 S3 S8
disk-detach-fails S4 S8
nas-mount-fails S5 S6 S8
pvc-pending S9 S3 S8
nas-pod-start-timeout S10 S5 S6
slb-unreachable N1 N2 N3
ingress-unreachable N4 N5 N6 N7
console-fails N8 N9 N10 N11
pod-unreachable N12 N13
kubectl-forbidden K1
kubectl-logs-exec-fail K2
kubectl-timeout K3 K4 K5 K6
autoscaler-fails A1
no-scale-up A2 A3 A4 A5
lb-service-pending V1 V2 V3
load-uneven V4 V5
service-ip-unreachable V6 V7 V8 V9 V10
"""


def made(check_id: str, *causes: str, severity: Severity = Severity.HIGH) -> LoadedCheck:
    module = ModuleType(check_id)
    module.__file__, module.__doc__ = "made.py", "A fault\n\nIt matters."
    module.check = Check(severity=severity, causes=causes, since="0.1.0")  # type: ignore[attr-defined]
    module.subjects = list  # type: ignore[attr-defined]
    module.judge = lambda _subject: Passed()  # type: ignore[attr-defined]
    return load_check(check_id, module)


def test_they_are_those_of_the_notes_in_their_order() -> None:
    noted = [line.split() for line in NOTES.strip().splitlines()]
    assert [[one.id, *(row.id for row in one.rows)] for one in SYMPTOMS.values()] == noted


def test_every_row_of_the_notes_has_its_words() -> None:
    chapters = {"S": 10, "N": 13, "K": 6, "A": 5, "V": 10}
    assert list(CAUSES) == [f"{letter}{n}" for letter, count in chapters.items() for n in range(1, count + 1)]
    assert len({str(cause.title) for cause in CAUSES.values()}) == len(CAUSES)


@pytest.mark.parametrize("row", ["S1", "S2", "S4", "S9", "S10", "N1", "N4", "K1", "A2", "V4", "V6", "V7"])
def test_what_is_by_design_is_said(row: str) -> None:
    assert str(CAUSES[row].by_design).endswith(".")


@pytest.mark.parametrize("check", load_checks(), ids=lambda check: check.id)
def test_what_a_check_declares_agrees_with_its_causes(check: LoadedCheck) -> None:
    by_causes = {symptom.id for symptom in SYMPTOMS.values() if symptom.has(check)}
    assert set(check.check.symptoms) <= by_causes
    assert by_causes or set(check.check.causes) <= {"S7"}, "whoever asks for a symptom would never see it"
    for cause in check.check.causes:
        assert re.sub("[a-z]$", "", cause) in CAUSES


def test_every_check_of_a_cause_belongs() -> None:
    loaded = load_checks()
    for symptom in SYMPTOMS.values():
        chosen = {check.id for check in checks_of([symptom], loaded)}
        in_rows = {check.id for _, members in symptom.checks_by_row(loaded) for check in members}
        assert chosen == in_rows


def test_checks_stand_in_the_order_of_the_rows_and_the_worst_first() -> None:
    checks = [
        made("a/late", "S8"),
        made("b/minor", "S1", severity=Severity.MEDIUM),
        made("c/major", "S1"),
        made("d/other", "S10"),
        made("e/both", "S2", "S3"),
    ]
    rows = SYMPTOMS["disk-mount-fails"].checks_by_row(checks)
    assert [(row.id, [check.id for check in members]) for row, members in rows] == [
        ("S1", ["c/major", "b/minor"]),
        ("S2", ["e/both"]),
        ("S3", ["e/both"]),
        ("S8", ["a/late"]),
    ]


def test_a_part_of_a_row_is_covered_and_another_number_is_not() -> None:
    assert CAUSES["V4"].covers("V4a")
    assert CAUSES["V4"].covers("V4")
    assert not CAUSES["V1"].covers("V10")
    assert not CAUSES["S1"].covers("S10")


def test_the_page_lists_them_all() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnose.md").read_text(encoding="utf-8")
    for symptom in SYMPTOMS.values():
        rows = " ".join(row.id for row in symptom.rows)
        assert f"| `{symptom.id}` | {symptom.title} | {rows} |" in page
