"""A workflow of Microsoft Teams that takes an adaptive card.

All text stands in runs of ``RichTextBlock``, which have no Markdown; a ``TextBlock`` has. A mention would need an
entity beside the card, and there are none.

Sources: Microsoft's description of adaptive cards (text features, version 1.4 of the schema), of webhooks by
Workflows (the envelope, 202), and of the Teams connector: a message has about 28 KB. That is what it comes to inside
Teams; senders have found 21 KB to be what gets through.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import Teams as TeamsSettings
from auditor.deliver import http, robot
from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.chat import BREAK, Chat, Point, fitting, without_links
from auditor.deliver.message import Message
from auditor.deliver.secrets import blotted
from auditor.judge.verdicts import Severity

MOST_BYTES = 20_000
"""Of a request."""
_STYLES = {
    Severity.CRITICAL: "attention",
    Severity.HIGH: "attention",
    Severity.MEDIUM: "warning",
    Severity.LOW: "accent",
    Severity.INFO: "emphasis",
}
_FUNCTION = re.compile(r"(?<=\{)(?=\{)|(?<=\$)(?=\{)")
"""Where a card would put a time or a value of its own in place of what is in braces."""
_FAILED = re.compile(r"HTTP error (\d{3})")
"""What the older webhooks say in the body of a 200."""
_Element = dict[str, Any]


class Teams:
    """One workflow."""

    def __init__(self, settings: TeamsSettings) -> None:
        """Take the settings. The URL is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        url = robot.address(self._settings)
        payload = fitting(message, body, lambda made: len(robot.encoded(made)) <= MOST_BYTES)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = http.post(self._settings, robot.encoded(payload), headers, url=url)
        said = answer.body.decode("utf-8", "replace")
        if failed := _FAILED.search(said):
            host = urlsplit(url).netloc.rpartition("@")[2]
            sentence = f"{host} could not pass the message on: {blotted(said, http.secrets_in(url))}"
            status = int(failed[1])
            raise NotNow(sentence) if status in (408, 429) or status >= 500 else Undeliverable(sentence)


def open_channel(settings: ChannelSettings) -> Teams:
    """Make the channel."""
    if not isinstance(settings, TeamsSettings):
        raise TypeError(f"expected the settings of Teams, got {type(settings).__name__}")
    return Teams(settings)


def body(chat: Chat) -> _Element:
    """Return a message as a workflow takes it."""
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card(chat)}
        ],
    }


def card(chat: Chat) -> _Element:
    """Return a message as a card."""
    made: _Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": list(_elements(chat)),
    }
    if chat.link:
        made["actions"] = [{"type": "Action.OpenUrl", "title": chat.link_text, "url": chat.link}]
    return made


def escape(text: str) -> str:
    """Return a text that looks as it is, and in which a card sees no function and no address."""
    return _FUNCTION.sub(BREAK, without_links(text))


def _elements(chat: Chat) -> Iterator[_Element]:
    yield {
        "type": "Container",
        "style": _style(chat),
        "bleed": True,
        "items": [_text(chat.title, size="Large", weight="Bolder")],
    }
    yield from (_text(line) for line in chat.about)
    for point in chat.points:
        yield {"type": "Container", "separator": True, "spacing": "Medium", "items": list(_point(point))}
    if chat.more:
        yield _text(chat.more)
    for section in chat.sections:
        items = [_text(section.heading, weight="Bolder"), *(_text(f"• {line}") for line in section.lines)]
        yield {"type": "Container", "separator": True, "spacing": "Medium", "items": items}
    yield {"type": "Container", "separator": True, "items": [_text(chat.footer, size="Small", isSubtle=True)]}


def _style(chat: Chat) -> str:
    if chat.severity is not None:
        return _STYLES[chat.severity]
    return "good" if chat.is_good else "emphasis"


def _point(point: Point) -> Iterator[_Element]:
    yield _text(f"{point.mark} {point.title}", weight="Bolder")
    yield _text(point.subject, isSubtle=True)
    yield _text(point.said)
    if point.why:
        yield _text(point.why)
    for step in point.steps:
        yield _text(f"→ {step.text}")
        # A command is copied: where it could not be shown as it is, it is not shown.
        if step.command and not _FUNCTION.search(step.command):
            yield {"type": "RichTextBlock", "inlines": [_run(step.command, fontType="Monospace")]}


def _text(text: str, **looks: Any) -> _Element:
    return {"type": "RichTextBlock", "inlines": [_run(escape(text), **looks)]}


def _run(text: str, **looks: Any) -> _Element:
    return {"type": "TextRun", "text": text, **looks}
