"""What ``docs/web.md`` says is so."""

import re
import tomllib
from pathlib import Path

from auditor.agent.metrics import AgentCollector
from auditor.agent.web.openapi import DESCRIPTION
from auditor.config.server import Server
from tests.agent.web import sites

PAGE = (Path(__file__).parents[3] / "docs" / "web.md").read_text(encoding="utf-8")


def test_every_metric_is_listed_with_its_labels_and_no_other(shown: sites.Running) -> None:
    listed: dict[str, set[str]] = {}
    for names, labels in re.findall(r"^\| (`auditor_[^|]+) \|([^|]*)\|", PAGE, re.MULTILINE):
        listed |= {name: set(re.findall(r"`(\w+)`", labels)) for name in re.findall(r"`(\w+)`", names)}
    offered = {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in AgentCollector(shown.agent).collect()
    }
    assert listed == offered


def test_every_call_of_the_api_is_listed_and_no_other() -> None:
    listed = {tuple(one) for one in re.findall(r"`(GET|POST) (/[^`]*)`", PAGE)}
    assert listed == {(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods}


def test_every_snippet_of_the_configuration_is_valid() -> None:
    snippets = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(snippets) == 3
    for snippet in snippets:
        Server.model_validate(tomllib.loads(snippet)["server"])
