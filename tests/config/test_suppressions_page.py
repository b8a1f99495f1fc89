"""What the page on suppressions shows can be used as it stands."""

import re
from pathlib import Path

import pytest

from auditor.config.load import parse
from auditor.facts.rules.suppress_annotation import MOST_CHARACTERS, MOST_ENTRIES, Written, read_annotation
from auditor.judge.annotations import WORKLOADS
from auditor.judge.outcome import SuppressionStatus
from auditor.judge.registry import load_checks, select
from auditor.judge.suppression import EXPIRING

PAGE = Path("docs/suppressions.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_configurations_are_in_order() -> None:
    settings = parse("\n".join(blocks("toml")).encode(), Path("auditor.toml"))
    (suppression,) = settings.suppressions
    assert select(load_checks(), [suppression.check])
    assert settings.may_annotate("shop-prod")
    assert not settings.may_annotate("another")


@pytest.mark.parametrize("text", [*blocks("json"), *blocks("text")])
def test_the_annotations_are_in_order(text: str) -> None:
    (entry,) = read_annotation(text)
    assert isinstance(entry, Written)
    assert select(load_checks(), [entry.check])


def test_figures_states_and_kinds_are_those_of_the_code() -> None:
    assert f"at most {MOST_CHARACTERS} characters and {MOST_ENTRIES} suppressions" in PAGE
    assert f"within {EXPIRING.days} days" in PAGE
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == {status.value for status in SuppressionStatus}
    assert all(kind in PAGE for kind in WORKLOADS)
