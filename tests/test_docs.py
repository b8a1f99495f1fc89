"""The generated pages: one per check, with all that is to be told of it, and that of all causes."""

import re
from pathlib import Path

import pytest

from auditor.judge.check import LoadedCheck
from auditor.judge.context import tables_of
from tests.scenarios.shared import LANDSCAPES, outcome
from tools import cause_rows, check_pages
from tools.docs import ROOT, own_checks
from tools.remedies import Remedies, shown
from tools.sources import Place, Sources

CHECKS = {check.id: check for check in own_checks()}
SOURCES = Sources(ROOT, ("checks",))
ROWS = [
    *(f"S{number}" for number in range(1, 11)),
    *(f"N{number}" for number in range(1, 14)),
    *(f"K{number}" for number in range(1, 7)),
    *(f"A{number}" for number in range(1, 6)),
    *(f"V{number}" for number in range(1, 11)),
    *("V4a", "V4b", "V4c"),
]


def sections(page: str) -> dict[str, str]:
    """Return what stands under each heading of a page."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
class TestPages:
    def test_all_headings_are_there_and_none_is_empty(self, check: LoadedCheck) -> None:
        found = sections(check_pages.page(check, SOURCES))
        assert tuple(found) == check_pages.HEADINGS
        for heading, text in found.items():
            assert len(text.strip()) > 10, heading

    def test_the_page_names_what_the_check_reads_and_needs(self, check: LoadedCheck) -> None:
        found = sections(check_pages.page(check, SOURCES))
        assert {row[0] for row in rows(found["Evidence read"])} == {f"`{name}`" for name in tables_of(check)}
        for right in re.findall(r"`((?:list|get|create) [^`]+|[a-z]+:[A-Z]\w+)`", found["Evidence read"]):
            assert f"`{right}`" in found["Permissions"]

    def test_each_step_of_a_finding_is_on_the_page(self, check: LoadedCheck) -> None:
        steps = {step.text for step in Remedies(check, SOURCES).steps()}
        findings = [one for name in LANDSCAPES for one in outcome(name).findings if one.check == check.id]
        assert {step.text.key for one in findings for step in one.remedy} <= steps

    def test_the_examples_are_there(self, check: LoadedCheck) -> None:
        page = ROOT / "docs" / "checks" / f"{check.id}.md"
        links = re.findall(r"\]\(([^)#]+)", check_pages.page(check, SOURCES))
        assert len(links) >= 4
        for link in links:
            assert (page.parent / link).resolve().exists(), link


def rows(table: str) -> list[list[str]]:
    """Return the cells of a table of Markdown, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


class TestCauses:
    page = cause_rows.page(list(CHECKS.values()))

    def test_there_are_47_rows(self) -> None:
        assert sorted(cause_rows.ROWS) == sorted(ROWS)
        assert len(cause_rows.ROWS) == 47

    def test_no_row_is_empty(self) -> None:
        found = {row[0].partition("</a>")[2]: row[1:] for text in sections(self.page).values() for row in rows(text)}
        assert sorted(found) == sorted(ROWS)
        for row, (cause, checks, tests) in found.items():
            assert len(cause) > 10, row
            assert "checks/" in checks, row
            assert "checks/" in tests, row
            assert "scenarios/" in tests, row

    def test_every_link_leads_somewhere(self) -> None:
        links = re.findall(r"\]\(([^)]+)\)", self.page)
        assert len(links) > 150
        for link in set(links):
            assert (ROOT / "docs" / link).resolve().exists(), link

    @pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
    def test_a_check_names_rows_and_has_tests_of_both_kinds(self, check: LoadedCheck) -> None:
        assert check.check.causes
        assert set(check.check.causes) <= set(ROWS)
        files = cause_rows.test_files()[check.id]
        assert {file.split("/")[1] for file in files} == {"checks", "scenarios"}


class TestSources:
    """That a file is named for a test of it, and not for a word in it."""

    @pytest.fixture
    def sources(self, tmp_path: Path) -> Sources:
        package = tmp_path / "things"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "kit.py").write_text('NAME = "a"\nOTHER = "b"\n\ndef run():\n    return NAME\n')
        (package / "use.py").write_text(
            "from things import kit as k\nfrom things.kit import run as go\n\n"
            "def first():\n    return go()\n\ndef second():\n    return k.OTHER\n\n"
            "def third(given=1):\n    return given\n"
        )
        return Sources(tmp_path, ("things",))

    @pytest.mark.parametrize(
        ("start", "reached"),
        [("first", {"first", "run", "NAME"}), ("second", {"second", "OTHER"}), ("third", {"third"}), ("none", set())],
    )
    def test_what_a_definition_uses(self, sources: Sources, start: str, reached: set[str]) -> None:
        assert {place.name for place in sources.reach(Place("things.use", start))} == reached

    def test_places_are_shown_as_such(self) -> None:
        assert shown("give ``{name}`` to {pod}, not <b>") == "give `<name>` to *pod*, not &lt;b>"
