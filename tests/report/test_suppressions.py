"""What became of suppressions, as the formats show it."""

import io

import pytest
from rich.console import Console

from auditor.judge.outcome import Outcome, Suppression
from auditor.report.formats import Report, load_format
from auditor.report.model import ReportView
from auditor.report.terminal import print_summary
from tests.report import samples


def view(outcome: Outcome, language: str = "en") -> ReportView:
    return Report(outcome, language).view


def printed(outcome: Outcome, language: str = "en") -> str:
    console = Console(file=io.StringIO(), width=200)
    print_summary(outcome, console, language)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_somebody_has_to_look_at_comes_first() -> None:
    shown = view(samples.outcome()).suppressions
    assert [state.status.key for state in shown] == ["expired", "expiring", "ignored", "unused", "active", "active"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (0, "It would match PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx), PersistentVolume pv-logs-3"),
        (1, ""),
        (2, "it lacks the fields owner, expires"),
        (3, "It matched nothing, and everything that it may match was looked at."),
        (4, ""),
        (5, "It matched nothing so far: not everything that it may match was looked at."),
    ],
)
def test_each_says_what_is_to_be_known(place: int, said: str) -> None:
    note = view(samples.outcome()).suppressions[place].note
    assert note.startswith(said)
    assert bool(note) is bool(said)


def test_where_it_is_written() -> None:
    places = [state.place for state in view(samples.outcome()).suppressions]
    assert places[0] == "objects *, by the configuration"
    assert places[1].startswith("annotation on Pod shop/web-0, ")
    assert places[1].endswith(" and 20 more")
    assert places[2] == "annotation on Service shop/cart"


def test_a_finding_names_the_object_on_which_it_is_suppressed() -> None:
    base = samples.outcome().findings[2].suppression
    assert base
    annotated = Suppression(base.reason, base.owner, base.expires, samples.POD)
    outcome = samples.outcome(findings=(samples.finding(suppression=annotated),))
    for name in ("html", "markdown"):
        assert "annotation on Pod data/mysql-0" in load_format(name).render(Report(outcome, "en")).decode()


def test_the_terminal_names_only_what_is_to_be_looked_at() -> None:
    text = printed(samples.outcome())
    lines = text[text.index("Suppressions\n") :].splitlines()[1:]
    assert [line.split(" ", 1)[0] for line in lines if line] == ["expired", "expires", "ignored", "unused"]
    assert "Suppressions\n" not in printed(samples.healthy())


def test_many_are_counted_in_the_terminal() -> None:
    many = (samples.suppressions()[1],) * 130
    assert "And 30 more, in the reports." in printed(samples.outcome(suppressions=many))


def test_a_report_without_suppressions_has_no_chapter_of_them() -> None:
    assert 'id="suppressions"' not in load_format("html").render(Report(samples.healthy(), "en")).decode()
