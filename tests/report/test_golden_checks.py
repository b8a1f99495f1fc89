"""What each check finds in the shared landscapes, as people read it, in both languages; kept as files.

``make golden`` (which sets UPDATE_GOLDEN=1) renders them again.
"""

import os
from functools import cache
from pathlib import Path

import msgspec
import pytest

from auditor.judge.check import LoadedCheck
from auditor.judge.registry import load_checks
from auditor.judge.verdicts import HopState
from auditor.report.formats import Report, load_format
from auditor.report.texts import LANGUAGES
from tests.scenarios.shared import LANDSCAPES, outcome

FOLDER = Path(__file__).with_name("golden") / "checks"
CHECKS = {check.id: check for check in load_checks()}
IS_UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
RENEW = "look at the difference; `make golden` accepts it (UPDATE_GOLDEN=1 with pytest)"
FINDINGS, SECTION = "Findings", "\n## "


def file_of(check_id: str, language: str) -> Path:
    """Return where the rendering of a check is kept."""
    return FOLDER / f"{check_id.replace('/', '-')}.{language}.md"


@cache
def rendered(check_id: str, language: str) -> str:
    """Return the findings of a check in all shared landscapes: that section of a report on nothing else."""
    parts = []
    for name in LANDSCAPES:
        whole = outcome(name)
        findings = tuple(finding for finding in whole.findings if finding.check == check_id)
        results = tuple(result for result in whole.checks if result.id == check_id)
        if not findings:
            continue
        report = Report(msgspec.structs.replace(whole, findings=findings, checks=results), language)
        sections = load_format("markdown").render(report).decode().split(SECTION)
        title = report.translate(FINDINGS)
        (section,) = (one for one in sections if one.startswith(f"{title}\n"))
        parts.append(f"## {name}\n{section.removeprefix(title)}")
    return f"# {check_id}\n\n" + "\n\n".join(part.strip() for part in parts) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("check_id", CHECKS)
def test_findings_of_a_check_are_as_kept(check_id: str, language: str) -> None:
    content, kept = rendered(check_id, language), file_of(check_id, language)
    if IS_UPDATE:
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(content, encoding="utf-8")
    assert kept.exists(), f"there is no {kept.name} yet: {RENEW}"
    assert content == kept.read_text(encoding="utf-8"), RENEW


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_every_check_finds_something(check: LoadedCheck) -> None:
    found = [one for name in LANDSCAPES for one in outcome(name).findings if one.check == check.id]
    assert found, "plant something for it in tests/scenarios/shared_plants.py"
    for finding in found:
        assert finding.remedy
        assert finding.evidence
        assert [hop for hop in finding.trail if hop.state is not HopState.OK] or finding.severity == "info"


def test_no_file_is_left_over() -> None:
    wanted = {file_of(check_id, language) for check_id in CHECKS for language in LANGUAGES}
    left = set(FOLDER.glob("*")) - wanted
    if IS_UPDATE:
        for path in left:
            path.unlink()
    assert IS_UPDATE or not left, f"{RENEW}: {sorted(path.name for path in left)}"
