"""``docs/channels.md``: what it shows is what can be configured."""

import re
from pathlib import Path

import pytest

from auditor.config.channels import KINDS
from auditor.config.load import parse
from tests.deliver.documented import PAGE

TEXT = PAGE.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```toml\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[re.findall(r'name = "(.*)"', text)[0] for text in SNIPPETS])
def test_every_snippet_is_a_usable_configuration(snippet: str) -> None:
    channels = parse(snippet.encode(), Path("/nowhere/auditor.toml")).channels
    assert channels
    for channel in channels:
        assert channel.missing() == []


def test_there_is_a_snippet_for_every_kind_that_has_a_section() -> None:
    headings = {heading.lower().replace(" ", "") for heading in re.findall(r"^## (.+)$", TEXT, flags=re.MULTILINE)}
    shown = set(re.findall(r'^kind = "(\w+)"', "\n".join(SNIPPETS), flags=re.MULTILINE))
    assert shown <= set(KINDS)
    assert {"email" if heading == "mail" else heading for heading in headings} & set(KINDS) <= shown
    assert "email" in shown


def test_the_contents_lead_to_all_sections() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, flags=re.MULTILINE)
    assert listed == [(heading, heading.lower().replace(" ", "-")) for heading in headings]
