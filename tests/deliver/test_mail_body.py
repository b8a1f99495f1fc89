"""The bodies of mails: what they say, and that mail programs leave them whole."""

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from auditor.deliver.mail_body import MOST_HTML, MOST_TEXT, html_body, text_body
from auditor.deliver.mail_story import tell
from auditor.deliver.message import Kind, Message
from auditor.judge.verdicts import Severity
from tests.deliver.messages import LINK, message
from tests.report import samples
from tests.report.conftest import same_everywhere as same_everywhere  # noqa: PLC0414 - a fixture of this module too

FOLDER = Path(__file__).with_name("golden")
GMAIL_CLIPS = 102 * 1024
ATTACHED = ("shop-prod-2026-11-23.html", "shop-prod-2026-11-23.pdf")
KEPT_BY_OUTLOOK = {
    "html", "head", "meta", "title", "style", "body", "table", "tbody", "tr", "td", "p", "h1", "h2", "h3", "div",
    "span", "b", "br", "a", "code",
}  # fmt: skip
NOT_KEPT = re.compile(r"(position|display\s*:\s*(flex|grid|inline)|float|var\(|url\(|@import|@font-face|calc\()")


class Page(HTMLParser):
    """What there is in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.said = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.said += data


def bodies(told: Message, **more: Any) -> tuple[str, str]:
    story = tell(told, **more)
    return html_body(story, told), text_body(story, told)


def all_messages() -> Iterator[Message]:
    for language in ("en", "zh"):
        for kind in Kind:
            for outcome in (samples.outcome(), samples.hostile(), samples.healthy(), samples.crowded()):
                told = message(kind, outcome, language=language)
                if kind in (Kind.FINDING, Kind.RESOLVED) and not told.all_findings:
                    continue
                yield told


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", [Kind.REPORT, Kind.FINDING])
def test_golden(kind: Kind, language: str) -> None:
    html, text = bodies(message(kind, language=language), attached=ATTACHED if kind is Kind.REPORT else ())
    for ending, content in (("html", html), ("txt", text)):
        kept = FOLDER / f"mail-{kind.value}.{language}.{ending}"
        if os.environ.get("UPDATE_GOLDEN"):
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(content, encoding="utf-8")
        assert content == kept.read_text(encoding="utf-8"), "look at the difference; `make golden` accepts it"


def test_mail_programs_keep_all_of_it() -> None:
    for told in all_messages():
        html, _ = bodies(told, attached=ATTACHED)
        assert len(html.encode()) <= MOST_HTML < GMAIL_CLIPS
        page = Page(html)
        assert {tag for tag, _ in page.tags} <= KEPT_BY_OUTLOOK
        for tag, attributes in page.tags:
            assert not NOT_KEPT.search(attributes.get("style", "")), (tag, attributes)
            assert not [name for name in attributes if name.startswith("on")]
            assert "src" not in attributes
            assert "background" not in attributes
            if "href" in attributes:
                assert attributes["href"] == LINK
        # Every element that has a class has its style with it.
        assert all("style" in attributes for _, attributes in page.tags if "class" in attributes)


def test_styles_are_written_into_the_elements() -> None:
    html, _ = bodies(message(Kind.REPORT))
    styled = [attributes for tag, attributes in Page(html).tags if tag == "td"]
    assert styled
    assert all("font-family" in attributes.get("style", "") for attributes in styled)
    assert html.count("<style") == 1
    assert "@media" in html


def test_the_story_is_told_in_both() -> None:
    told = message(Kind.REPORT)
    html, text = bodies(told, attached=ATTACHED, left_out=["The PDF is missing"])
    said = re.sub(r"\s+", " ", Page(html).said)
    for words in (
        "Faults found: 1 critical, 1 high. The audit is incomplete",
        "1 new, 1 resolved",
        "refuses TCP 10250 from the API server: 40 nodes can't be reached",
        "SecurityGroup ack-workers (sg-bp1c8x0r4sx3v7d2wq9p)",
        "Confirm where the disk is",
        "kubectl get pv pv-mysql-0 -o yaml",
        "pv-old",
        "ecs:DescribeSecurityGroupAttribute",
        "auditor permissions ram",
        *ATTACHED,
        "The PDF is missing",
    ):
        assert words in said, words
        assert words in text, words
    assert said.index("can't reach the kubelet") < said.index("A disk is in another zone than the node")
    assert f'href="{LINK}"' in html
    assert LINK in text


def test_only_the_first_step_is_shown_of_many_findings_and_all_of_one() -> None:
    many, one = bodies(message(Kind.REPORT)), bodies(message(Kind.FINDING, findings=(samples.finding(),)))
    for whole, single in zip(many, one, strict=True):
        assert "from a snapshot" not in whole
        for words in ("from a snapshot", "patch statefulset mysql", "disk_zone", "carries no node affinity"):
            assert words in single, words
    assert "(step 1 of 3)" in many[0]


def test_the_broken_hop_is_marked() -> None:
    html, text = bodies(message(Kind.FINDING, findings=(samples.finding(),)))
    assert "✕ Disk d-bp1j4i2jdf3owlheb6kx: zone cn-hangzhou-h [broken]" in re.sub(r"\s+", " ", Page(html).said)
    assert "-> Disk d-bp1j4i2jdf3owlheb6kx: zone cn-hangzhou-h [broken]" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_does_not_fit_is_counted(language: str) -> None:
    told = message(Kind.REPORT, samples.crowded(2000), language=language)
    story = tell(told, ATTACHED)
    html, text = html_body(story, told), text_body(story, told)
    cards = Page(html).said.count("kubectl get pv pv-")
    assert 10 <= cards <= 25
    assert story.more(2000 - cards) in html
    assert len(text.encode()) <= MOST_TEXT
    assert story.more(2000 - text.count("kubectl get pv pv-")) in text


def test_the_rest_is_where_the_reader_can_find_it() -> None:
    told = message(Kind.REPORT, samples.crowded(200))
    assert tell(told, ATTACHED).more(7) == "… and 7 more in the attached report"
    assert tell(told).more(7) == "… and 7 more on the auditor's site"
    assert tell(message(Kind.REPORT, samples.crowded(200), link="")).more(7) == "… and 7 more"


def test_giant_values_do_not_make_a_mail_too_long() -> None:
    name = "<&\"'" * 20_000
    for kind in (Kind.REPORT, Kind.FINDING):
        giant = samples.finding(name, evidence={name: [name] * 50}, affected=samples.group_finding(300).affected)
        html, text = bodies(message(kind, samples.outcome(findings=(giant,) * 30), findings=(giant,) * 30))
        assert len(html.encode()) <= MOST_HTML
        assert len(text.encode()) <= MOST_TEXT


def test_hostile_names_are_text() -> None:
    for language in ("en", "zh"):
        for kind in (Kind.REPORT, Kind.FINDING, Kind.BATCH, Kind.TEST):
            html, text = bodies(
                message(kind, samples.hostile(), findings=samples.hostile().counting, language=language)
            )
            page = Page(html)
            assert {tag for tag, _ in page.tags} <= KEPT_BY_OUTLOOK
            assert "<script>alert(1)</script>" in page.said
            assert "{{7*7}}" in page.said
            assert "<script>alert(1)</script>" in text
            for body in (html, text):
                assert all(char.isprintable() or char == "\n" for char in body if char != "\xa0")
                body.encode()


def test_addresses_in_names_become_no_links() -> None:
    html, _ = bodies(message(Kind.REPORT, samples.hostile()))
    assert "http://evil.example" in Page(html).said
    assert "http://evil.example" not in html


def test_what_is_routed_elsewhere_or_went_unseen_is_said() -> None:
    lost = samples.finding("pv-lost", fingerprint="c" * 32)
    told = message(Kind.REPORT, samples.outcome(unevaluated=(lost,)), findings=(samples.finding(),))
    html, text = bodies(told)
    for body in (Page(html).said, text):
        assert "Findings that are not routed to this channel: 1 critical, 1 info." in body
        assert "Findings of earlier runs that could not be looked at, and are not resolved: 1." in body


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.BATCH, "What changed with this run: 3 new, 1 resolved."),
        (Kind.DIGEST, "More changed than is sent in single mails: 3 new, 1 resolved."),
        (Kind.FINDING, "A fault was found."),
        (Kind.RESOLVED, "A fault is gone: the audit looked there again, and did not find it."),
        (Kind.SNAPSHOT, "All that is open now."),
        (Kind.TEST, "This is a test of the ACK auditor: nothing has happened."),
    ],
)
def test_the_banner_says_what_the_mail_is_about(kind: Kind, words: str) -> None:
    html, text = bodies(message(kind))
    assert words in Page(html).said
    assert words in text


def test_what_is_suppressed_is_not_called_gone() -> None:
    suppressed = next(finding for finding in samples.outcome().findings if finding.suppression)
    _, text = bodies(message(Kind.RESOLVED, resolved=(suppressed,)))
    assert "This finding is over for this channel, and still there: suppressed." in text


def test_remarks_are_not_shown_as_faults() -> None:
    assert tell(message(Kind.FINDING, findings=(samples.finding(severity=Severity.INFO),))).tone == "neutral"
    assert tell(message(Kind.FINDING, findings=(samples.finding(),))).tone == "faults"
