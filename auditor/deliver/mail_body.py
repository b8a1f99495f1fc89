"""The body of a mail: HTML that mail programs leave whole, and its twin in plain text.

Outlook on Windows renders with Word, which knows tables and little else; Gmail drops style sheets that it does not
like, and clips what is longer than about 102 KB. So the page is made of tables, its styles are written into the
elements, it refers to nothing outside itself, and it lists no more findings than fit.
"""

import re
from collections.abc import Iterator
from functools import cache

import css_inline
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from auditor.deliver.mail_story import Story
from auditor.deliver.message import Message
from auditor.deliver.plain import cut
from auditor.deliver.wording import unmarked
from auditor.facts.text import Text, Value
from auditor.report.clean import code_spans
from auditor.report.model import FindingView, GapView
from auditor.report.page import template_loader

MOST_HTML = 90_000
"""Bytes of HTML, below the 102 KB at which Gmail clips, with room for what a mail server may add."""
_CARDS = (25, 16, 10, 6, 3, 1)
"""How many findings are tried to be shown, the most first."""
MOST_TEXT = 60_000
"""Bytes of plain text."""
_FINDINGS_IN_TEXT = (50, 25, 12, 6, 3, 1)
_GONE_IN_TEXT = 40
_GAPS_IN_TEXT = 12
_LINKS = re.compile(r"(?i)(:(?=//)|www(?=\.))(//|\.)")
_LONGEST = 1000
"""Characters of one value in plain text."""


def html_body(story: Story, message: Message) -> str:
    """Return the HTML body, with as many findings as fit."""
    for cards in _CARDS:
        page = _page(story, message, cards)
        if len(page.encode()) <= MOST_HTML:
            return page
    return _page(story, message, 0)


def _page(story: Story, message: Message, cards: int) -> str:
    def fill(template: str, **values: Value) -> str:
        return Text(template, dict(values)).render()

    page = (
        _environment()
        .get_template("mail/mail.html.j2")
        .render(
            story=story,
            cards=cards,
            in_full=story.in_full and cards == _CARDS[0],
            _=message.translate,
            fill=fill,
            lang={"zh": "zh-CN"}.get(story.language, story.language),
        )
    )
    return _inliner().inline(page)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=template_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["cut"] = cut
    environment.filters["unlinked"] = _unlinked
    environment.filters["apart"] = _apart
    return environment


def _unlinked(text: str) -> Markup:
    """Return a text in which a mail program finds no address to make a link of: it may come from anybody.

    What stands between double backticks is set as code.
    """
    code = Markup("<code>{}</code>")
    parts = [code.format(_apart(part)) if is_code else _apart(part) for part, is_code in code_spans(text)]
    return Markup("").join(parts)


def _apart(text: str) -> Markup:
    """Return a text as it is, but for the addresses in it, which are set in parts."""
    return Markup(_LINKS.sub(r"\1<span>\2</span>", str(escape(text))))  # noqa: S704 - it is escaped just here


def text_body(story: Story, message: Message) -> str:
    """Return the plain text, with as many findings as fit."""
    for most in _FINDINGS_IN_TEXT:
        text = "\n".join(_text(story, message, most)) + "\n"
        if len(text.encode()) <= MOST_TEXT:
            return text
    return "\n".join(_text(story, message, 0)) + "\n"


def _text(story: Story, message: Message, most: int) -> Iterator[str]:
    translate = message.translate
    yield from (cut(story.headline, _LONGEST), "", story.banner, "")
    if story.changes:
        yield f"{translate('What changed:')} {story.changes}"
    yield from story.notes
    yield f"{translate('Looked at')}: {story.observed} · {story.place}"
    if story.findings:
        yield from _heading(translate("Findings"))
        for number, finding in enumerate(story.findings[:most], 1):
            yield from _finding(f"{number}. ", finding, message, in_full=story.in_full)
        yield from _more(story, len(story.findings) - most)
    if story.gone:
        yield from _heading(translate("No longer there"))
        yield from (f"- {cut(line, 300)}" for line in story.gone[:_GONE_IN_TEXT])
        yield from _more(story, len(story.gone) - _GONE_IN_TEXT)
    if story.gaps:
        yield from _heading(translate("What could not be looked at"))
        for gap in story.gaps[:_GAPS_IN_TEXT]:
            yield from _gap(gap, message)
        yield from _more(story, len(story.gaps) - _GAPS_IN_TEXT)
    yield ""
    if story.link:
        yield f"{translate('Show this run')}: {story.link}"
    if story.attached:
        yield f"{translate('Attached:')} {', '.join(story.attached)}"
    yield from story.left_out
    yield from ("", "-- ")
    made = translate("Made by the ACK auditor, which only ever reads.")
    yield f"{made} {translate('Version')} {story.version} · {translate('run')} {story.run_id}"


def _heading(words: str) -> list[str]:
    return ["", words, "-" * 40]


def _more(story: Story, count: int) -> list[str]:
    return [story.more(count)] if count > 0 else []


def _finding(mark: str, finding: FindingView, message: Message, *, in_full: bool) -> Iterator[str]:
    indent = " " * len(mark)
    life = f"{finding.lifecycle.label}, {finding.certainty.label}"
    yield f"{mark}[{finding.severity.label}] {unmarked(finding.title or finding.check)} ({life})"
    yield indent + cut(unmarked(finding.message), _LONGEST)
    yield indent + cut(finding.subject.label, _LONGEST)
    if in_full:
        yield from (f"{indent}{cut(unmarked(paragraph), _LONGEST * 2)}" for paragraph in finding.why)
    for hop in finding.trail if in_full else ():
        detail = f": {hop.detail}" if hop.detail else ""
        yield f"{indent}-> {cut(hop.object.label + detail, _LONGEST)} [{hop.state.label}]"
    if finding.remedy:
        yield f"{indent}{message.translate('What to do')}:"
    for step in finding.remedy if in_full else finding.remedy[:1]:
        yield f"{indent}- {cut(unmarked(step.text), _LONGEST)}"
        if step.command:
            yield f"{indent}    {cut(step.command, _LONGEST * 2)}"
    if in_full:
        for value in finding.evidence:
            yield f"{indent}{cut(value.name, 100)} = {cut(', '.join(value.lines.shown), _LONGEST)}"
    yield ""


def _gap(gap: GapView, message: Message) -> Iterator[str]:
    yield f"- {gap.kind.label} ({gap.source}): {message.translate('Checks touched')}: {len(gap.checks)}"
    if gap.missing:
        yield f"  {message.translate('To grant:')} {cut(', '.join(gap.missing), 500)}"
    yield from (f"  {cut(line, 300)}" for line in gap.messages.shown)
    yield f"  {gap.advice} {gap.command}".rstrip()
