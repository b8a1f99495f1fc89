"""The HTML page: safe with hostile names, self-contained, of a bearable size, legible."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from auditor.facts.text import t
from auditor.judge.outcome import Outcome
from auditor.judge.verdicts import Severity
from auditor.report import html
from auditor.report.formats import Report
from auditor.report.page import SCREEN
from tests.report import samples

CSS = Path(__file__).resolve().parents[2] / "report_templates" / "report.css"


def render(outcome: Outcome, language: str = "en") -> str:
    return html.render(Report(outcome, language)).decode()


class Page(HTMLParser):
    """Gathers what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("outcome", [samples.outcome(), samples.healthy(), samples.hostile()])
def test_page_is_self_contained_and_runs_nothing(outcome: Outcome) -> None:
    page = Page(render(outcome))
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert "u" not in page.tags
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name, value)
        assert name not in ("src", "srcset", "style", "xlink:href"), (tag, name, value)
        if name == "href":
            assert value.startswith("#severity-")
    assert "url(" not in CSS.read_text()
    assert "@import" not in CSS.read_text()


def test_content_security_policy_allows_only_the_pages_own_style() -> None:
    policies = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', render(samples.outcome()))
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("text", samples.HOSTILE[:5])
def test_hostile_names_are_shown_as_they_are(text: str) -> None:
    page = Page(render(samples.hostile()))
    assert any(text in part for part in page.text)


def test_templates_are_not_evaluated_in_values() -> None:
    page = render(samples.hostile())
    assert "{{7*7}}" in page
    assert "49" not in Page(page).text


def test_what_a_text_marks_as_code_is_code() -> None:
    why = t("``kubectl logs`` and ``<b>`` fail for {name}", name="``<script>``")
    page = render(samples.outcome(findings=(samples.finding(why=why),)))
    assert "<code>kubectl logs</code> and <code>&lt;b&gt;</code> fail for <code>&lt;script&gt;</code>" in page


def test_escapes_are_visible() -> None:
    page = render(samples.hostile())
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\\x1b[31mred" in page
    assert "\\u202egnp.exe" in page


def test_broken_hop_is_marked_beyond_colour() -> None:
    page = render(samples.outcome(findings=(samples.finding(),)))
    trail = page[page.index('<ol class="trail"') : page.index("</ol>", page.index('<ol class="trail"'))]
    hops = re.findall(r'<li class="hop (\w+) (\w+)">', trail)
    assert [state for state, _ in hops] == ["ok", "ok", "ok", "broken", "ok", "unknown"]
    assert [layer for _, layer in hops] == [*["kubernetes"] * 3, "cloud", "cloud", "kubernetes"]
    broken = trail[trail.index('class="hop broken') : trail.index('class="hop ok', trail.index('class="hop broken'))]
    assert "broken</p>" in broken
    assert 'class="link"' in broken


def test_gaps_come_before_findings_and_name_the_permission() -> None:
    page = render(samples.outcome())
    assert page.index('id="gaps"') < page.index('id="findings"') < page.index('id="off"') < page.index('id="checks"')
    gaps = page[page.index('id="gaps"') : page.index('id="findings"')]
    assert "<code>ecs:DescribeSecurityGroupAttribute</code>" in gaps
    assert "Node cn-hangzhou.192.168.7.7" in gaps
    assert "network/node-egress-blocks-lb" in gaps
    assert "forwarding" not in gaps


def test_many_affected_objects_are_folded() -> None:
    page = render(samples.outcome(findings=(samples.group_finding(nodes=40),)))
    before, folded = page.split("<details>", 1)
    assert "20 more</summary>" in folded
    assert "Node cn-hangzhou.192.168.0.20<" in before
    assert "Node cn-hangzhou.192.168.0.40<" in folded


def test_very_many_affected_objects_are_counted() -> None:
    page = render(samples.outcome(findings=(samples.group_finding(nodes=1000),)))
    assert "980 more</summary>" in page
    assert "And 780 more, in the JSON format of this report." in page


def test_findings_beyond_the_cap_are_counted_by_check() -> None:
    page = render(samples.crowded(2000))
    assert page.count('<article class="card high') == SCREEN.cards
    assert "And 900 more of this severity. All of them are in the JSON format of this report." in page
    high = page[page.index('id="severity-high"') : page.index('id="severity-medium"')]
    overflow = high[high.index('class="overflow"') :]
    counted = [int(number) for number in re.findall(r"</code> <b>(\d+)</b>", overflow)]
    assert sum(counted) == 900
    assert len(page) < 4_000_000


def test_headings_are_in_order() -> None:
    for outcome in (samples.outcome(), samples.healthy()):
        levels = [int(tag[1]) for tag in Page(render(outcome)).tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_ids_are_unique() -> None:
    ids = [value for _, name, value in Page(render(samples.outcome())).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    page = render(samples.outcome())
    assert all(target in ids for target in re.findall(r'href="#([^"]+)"', page))


def test_language_of_the_page() -> None:
    assert '<html lang="en">' in render(samples.healthy())
    assert '<html lang="zh-CN">' in render(samples.healthy(), "zh")


PAIRS = [
    ("ink", "ground"), ("ink", "sheet"), ("ink", "inset"), ("ink", "gap-ground"), ("ink", "good-ground"),
    ("ink", "bad-ground"), ("ink", "doubt-ground"), ("soft", "ground"), ("soft", "sheet"), ("soft", "inset"),
    ("soft", "gap-ground"), ("soft", "good-ground"), ("soft", "bad-ground"), ("soft", "doubt-ground"),
    ("link", "ground"), ("link", "sheet"), ("link", "gap-ground"), ("good", "sheet"), ("good", "good-ground"),
    ("bad", "sheet"), ("bad", "bad-ground"), ("doubt", "doubt-ground"), ("gap", "sheet"), ("gap", "gap-ground"),
    *((severity, ground) for severity in Severity for ground in ("ground", "sheet")),
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast_is_enough_to_read(text: str, ground: str, scheme: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", CSS.read_text(), re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    assert _contrast(colours[text], colours[ground]) >= 4.5


def test_badges_are_legible() -> None:
    badges = re.findall(r"\.badge\.\w+ \{ background: (#[0-9a-f]{6}); \}", CSS.read_text())
    assert len(badges) == 5
    assert all(_contrast("#ffffff", colour) >= 4.5 for colour in badges)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2: contrast ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
