"""Whole reports, kept as files: a change in what people see is seen in review.

``make golden`` (which sets UPDATE_GOLDEN=1) renders them again.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.judge.outcome import Outcome
from auditor.report.formats import Report, load_format
from auditor.report.texts import LANGUAGES
from tests.report import samples

FOLDER = Path(__file__).with_name("golden")
SAMPLES: dict[str, Callable[[], Outcome]] = {
    "everything": samples.outcome,
    "healthy": samples.healthy,
    "hostile": samples.hostile,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["html", "json", "markdown", "csv"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_report_is_as_kept(sample: str, name: str, language: str) -> None:
    content = load_format(name).render(Report(SAMPLES[sample](), language))
    kept = FOLDER / f"{sample}.{language}.{name}"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        kept.write_bytes(content)
    # Compared as text, so that a difference is shown line by line.
    assert content.decode() == kept.read_bytes().decode(), "look at the difference; `make golden` accepts it"
