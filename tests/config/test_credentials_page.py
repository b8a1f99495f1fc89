"""What the page on credentials shows can be used as it stands."""

import json
import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from auditor.config.credentials import Kind
from auditor.config.load import parse
from auditor.config.settings import Settings

PAGE = Path("docs/credentials.md").read_text(encoding="utf-8")
HEAD = '[[clusters]]\nname = "shop"\nregion = "cn-hangzhou"\ncluster_id = "c1cef2604bddf0081a2bc425e1415ce18"\n'
DOCUMENTS = re.compile(r"--AssumeRolePolicyDocument '(\{.*?\n\})'", re.DOTALL)


def blocks(language: str) -> list[str]:
    return [textwrap.dedent(block) for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)]


def settings(block: str) -> Settings:
    return parse(f"{HEAD}{block}".encode(), Path("/etc/auditor/auditor.toml"))


@pytest.mark.parametrize("block", blocks("toml"))
def test_each_configuration_is_in_order(block: str) -> None:
    assert settings(block).clusters[0].name == "shop"


def test_each_kind_is_in_the_table() -> None:
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    assert [kind for kind in get_args(Kind) if f"`{kind}`" not in rows] == []
    shown = {settings(block).clusters[0].alibaba.credentials.kind for block in blocks("toml")}
    assert shown >= set(get_args(Kind)) - {"sts"}


def test_each_policy_is_json_and_trusts_somebody() -> None:
    documents = [json.loads(text) for text in DOCUMENTS.findall(PAGE)]
    assert len(documents) == 4
    for document in documents:
        assert document["Version"] == "1"
        assert [statement["Action"] for statement in document["Statement"]] == ["sts:AssumeRole"]
        assert all(statement["Principal"] for statement in document["Statement"])
    assert [json.loads(block)["Effect"] for block in blocks("json")] == ["Allow"]


def test_each_place_leads_to_a_part_of_the_page() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in PAGE.splitlines()}
    assert [anchor for anchor in re.findall(r"\]\(#([\w-]+)\)", PAGE) if anchor not in headings] == []
