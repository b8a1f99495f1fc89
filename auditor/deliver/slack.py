"""An incoming webhook of Slack: Block Kit.

What comes from a cluster stands in ``plain_text`` objects and in the text elements of ``rich_text`` blocks, which have
no markup: Slack's ``mrkdwn`` has no escape for its ``*``, ``_``, ``~`` and backticks. Only the line for
notifications, ``text``, is read as ``mrkdwn``; there the three characters are escaped that Slack names.

Sources: Slack's reference of Block Kit (a header has 150 characters, a text 3,000, a message 50 blocks), its
description of how text is escaped, and of incoming webhooks and their errors (one message a second, then 429).
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import Slack as SlackSettings
from auditor.deliver import http, robot
from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.chat import Chat, Point, fitting, without_links
from auditor.deliver.message import Message
from auditor.deliver.plain import ELLIPSIS, cut
from auditor.deliver.secrets import blotted

LONGEST_HEADER = 150
LONGEST_TEXT = 3000
MOST_BLOCKS = 50
MOST_BYTES = 30_000
"""Of a message. Slack names no such bound; 40,000 characters is what it cuts a text at."""
_BUSY = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "timeout"})
_Block = dict[str, Any]


class Slack:
    """One incoming webhook."""

    def __init__(self, settings: SlackSettings) -> None:
        """Take the settings. The URL is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        url = robot.address(self._settings)
        payload = fitting(message, body, _fits)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = http.post(self._settings, robot.encoded(payload), headers, url=url)
        _ensure_taken(answer.body.decode("utf-8", "replace").strip(), url)


def open_channel(settings: ChannelSettings) -> Slack:
    """Make the channel."""
    if not isinstance(settings, SlackSettings):
        raise TypeError(f"expected the settings of Slack, got {type(settings).__name__}")
    return Slack(settings)


def body(chat: Chat) -> _Block:
    """Return a message as a webhook takes it."""
    return {
        "text": escape(chat.title),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_blocks(chat)),
    }


def escape(text: str) -> str:
    """Return a text that Slack's ``mrkdwn`` takes no mention, channel or link from."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return without_links(escaped)


def _fits(payload: _Block) -> bool:
    return len(payload["blocks"]) <= MOST_BLOCKS and len(robot.encoded(payload)) <= MOST_BYTES


def _ensure_taken(said: str, url: str) -> None:
    """Read the answer. Slack says ``ok``; what speaks its language may answer in JSON."""
    if said in ("ok", ""):
        return
    host = urlsplit(url).netloc.rpartition("@")[2]
    quoted = blotted(said, http.secrets_in(url))
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        raise NotNow(f"{host} answered something else than Slack does: {quoted}") from None
    if not isinstance(answer, dict) or (answer.get("ok", True) is not False and not answer.get("error")):
        return
    if answer.get("error") in _BUSY:
        raise NotNow(f"{host} can't take the message now: {quoted}")
    raise Undeliverable(f"{host} refused the message: {quoted}")


def _blocks(chat: Chat) -> Iterator[_Block]:
    header = _plain(chat.title, LONGEST_HEADER)
    yield {"type": "header", "text": header}
    if header["text"].endswith(ELLIPSIS):
        yield _rich(_section(_run(chat.title, bold=True)))
    if chat.about:
        yield {"type": "section", "text": _plain("\n".join(chat.about), LONGEST_TEXT)}
    for point in chat.points:
        yield {"type": "divider"}
        yield _rich(*_point(point))
    if chat.more:
        yield {"type": "section", "text": _plain(chat.more, LONGEST_TEXT)}
    for section in chat.sections:
        yield {"type": "divider"}
        yield _rich(
            _section(_run(section.heading, bold=True)),
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [_section(_run(line)) for line in section.lines],
            },
        )
    if chat.link:
        yield _rich(_section({"type": "link", "url": chat.link, "text": chat.link_text}))
    yield {"type": "context", "elements": [_plain(chat.footer, LONGEST_TEXT)]}


def _point(point: Point) -> Iterator[_Block]:
    lines = [_run(f"\n{line}") for line in (point.subject, point.said, point.why) if line]
    yield _section(_run(f"{point.mark} {point.title}", bold=True), *lines)
    for step in point.steps:
        yield _section(_run(f"→ {step.text}"))
        if step.command:
            # In a block of code nothing is made a link of, and the command can be copied as it is.
            yield {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": step.command}]}


def _rich(*elements: _Block) -> _Block:
    return {"type": "rich_text", "elements": list(elements)}


def _section(*runs: _Block) -> _Block:
    return {"type": "rich_text_section", "elements": list(runs)}


def _run(text: str, *, bold: bool = False) -> _Block:
    run: _Block = {"type": "text", "text": without_links(text)}
    return run | {"style": {"bold": True}} if bold else run


def _plain(text: str, longest: int) -> _Block:
    shown = without_links(text)
    # Slack counts a character twice that takes two units of UTF-16, as a mark does.
    wide = sum(ord(char) > 0xFFFF for char in shown)
    return {"type": "plain_text", "text": cut(shown, longest - wide), "emoji": False}
