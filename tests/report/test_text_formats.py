"""Markdown, CSV and the terminal: what each gives a meaning to is neutralised."""

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from auditor.judge.outcome import Outcome
from auditor.report import csv_report, markdown
from auditor.report.formats import Report
from auditor.report.terminal import LINES, print_summary
from tests.report import samples


def rows(outcome: Outcome) -> list[dict[str, str]]:
    content = csv_report.render(Report(outcome, "en"))
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_csv_has_a_row_for_each_finding_and_each_gap() -> None:
    found = rows(samples.outcome())
    assert [(row["row"], row["check"]) for row in found] == [
        ("finding", "access/kubelet-port-blocked"),
        ("finding", "storage/disk-in-other-zone"),
        ("finding", "network/lb-unreachable-inside-cluster"),
        ("suppressed", "storage/disk-in-other-zone"),
        ("resolved", "storage/disk-in-other-zone"),
        ("not_evaluated", "access/kubelet-port-blocked"),
        ("not_evaluated", "network/node-egress-blocks-lb"),
        ("not_evaluated", "storage/nas-access-denied"),
        ("switched_off", "network/node-forwarding-disabled"),
    ]
    assert found[1]["id"] == "d-bp1j4i2jdf3owlheb6kx"
    assert found[3]["reason"] == "migrating in December"
    assert found[5]["missing"] == "ecs:DescribeSecurityGroupAttribute"
    assert all(row["cluster"] == "shop-prod" for row in found)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=cmd|"/c calc"!A1'])
def test_csv_formulas_are_text(cell: str) -> None:
    assert csv_report.guard(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "pv-1", "a=b", "1-2", "数据"])
def test_csv_leaves_plain_cells(cell: str) -> None:
    assert csv_report.guard(cell) == cell


def test_csv_of_hostile_names_has_no_formula_and_every_row() -> None:
    found = rows(samples.hostile())
    assert len([row for row in found if row["row"] == "finding"]) == len(samples.HOSTILE)
    cells = [cell for row in found for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert '\'=cmd|"/c calc"!A1' in cells


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("*a* _b_ `c` ~d~", r"\*a\* \_b\_ \`c\` \~d\~"),
        ("![x](y)", r"!\[x\](y)"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("12.5 seconds", "12.5 seconds"),
        ("---", r"--\-"),
        ("a | b", r"a \| b"),
        ("http://evil.example", "http:&#47;&#47;evil.example"),
        ("www.evil.example", "www&#46;evil.example"),
        ("line\n# heading", r"line \# heading"),
        ("back\\slash", r"back\\slash"),
        ("cn-hangzhou-h", "cn-hangzhou-h"),
    ],
)
def test_markdown_text_is_shown_as_it_is(text: str, escaped: str) -> None:
    assert markdown.escape(text) == escaped


@pytest.mark.parametrize(
    ("text", "code"), [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("a``b", "```a``b```"), ("", "`  `")]
)
def test_markdown_code_can_not_be_left(text: str, code: str) -> None:
    assert markdown.code(text) == code


def test_markdown_sets_as_code_what_a_text_marks_as_code() -> None:
    assert markdown.spans("``kubectl logs`` and *more*") == r"`kubectl logs` and \*more\*"
    assert markdown.spans("one ` tick") == r"one \` tick"


def test_markdown_of_hostile_names_has_no_html_and_no_heading_of_theirs() -> None:
    text = markdown.render(Report(samples.hostile(), "en")).decode()
    outside_code = re.sub(r"(`+).*?\1", "", text, flags=re.DOTALL)
    assert "<" not in outside_code
    assert not re.search(r"(?<!\\)\]\(", outside_code)
    assert "://" not in outside_code
    headings = [line for line in text.splitlines() if re.match(r"\s{0,3}#", line)]
    assert not [line for line in headings if line.strip("# ").startswith("heading")]


def test_markdown_lists_all_findings() -> None:
    text = markdown.render(Report(samples.crowded(300), "en")).decode()
    assert text.count("Fingerprint `") == 300


def show(outcome: Outcome, *, terminal: bool, width: int = 80, language: str = "en") -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    print_summary(outcome, console, language, [Path("reports/shop-prod/report.html")])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_terminal_says_what_matters_within_eighty_columns() -> None:
    text = show(samples.outcome(), terminal=True)
    assert max(len(line) for line in text.splitlines()) <= 80
    joined = " ".join(text.split())
    assert "Faults found: 1 critical, 1 high." in joined
    assert "PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx): Pod data/mysql-0 waits for disk" in joined
    assert "Permission is missing: ecs:DescribeSecurityGroupAttribute" in joined
    assert "not judged: PersistentVolume pv-nas-1" in joined
    assert "reports/shop-prod/report.html" in joined


def test_without_a_terminal_a_finding_is_one_line() -> None:
    lines = show(samples.outcome(), terminal=False).splitlines()
    for finding in samples.outcome().counting:
        assert len([line for line in lines if str(finding.message) in line and finding.check in line]) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_terminal_neutralises_markup_and_control(terminal: bool) -> None:
    text = show(samples.hostile(), terminal=terminal, width=400)
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[red]red[/red] is on [red]red[/red]" in text
    assert "\\x1b[31mred" in text


def test_terminal_counts_what_it_does_not_list() -> None:
    text = show(samples.crowded(2000), terminal=False)
    assert text.count("waits for disk") == LINES
    assert f"And {2000 - LINES} more, in the reports." in text


def test_terminal_without_unicode_shows_escapes_and_does_not_fail() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(samples.outcome(findings=(samples.finding("数据盘"),)), Console(file=stream, width=80), "en")
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    assert b"\\u6570\\u636e\\u76d8" in stream.buffer.getvalue()


def test_healthy_summary_has_neither_findings_nor_gaps() -> None:
    text = show(samples.healthy(), terminal=True)
    assert "No faults found. Everything that was asked for could be looked at." in text
    assert "What could not be looked at" not in text
