"""A robot of a Feishu (Lark) group: an interactive card, signed by a timestamp.

What comes from a cluster stands in elements of the type ``plain_text``, which have no markup. Only titles, which are
those of checks, are in Feishu's Markdown, with numeric entities for whatever is not a letter or a digit, as Feishu
prescribes.

Sources: Feishu's guide to custom bots (signature, 20 KB a request, 100 a minute and 5 a second, error codes) and its
description of cards, version 1.0 of their structure.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import Feishu as FeishuSettings
from auditor.deliver import robot
from auditor.deliver.chat import Chat, Point, fitting, without_links
from auditor.deliver.message import Message
from auditor.deliver.secrets import reveal
from auditor.judge.verdicts import Severity

MOST_BYTES = 19_000
"""Of a request; Feishu takes 20 KB."""
_CODES = robot.Codes(
    keys=("code", "StatusCode"),
    words=("msg", "StatusMessage"),
    busy={11232: timedelta(minutes=1), 11233: timedelta(minutes=1), 99991400: timedelta(minutes=1)},
    # 9499 stands for a body that is not understood as well as for too many requests.
    busy_words=("too many", "too fast", "frequency", "rate limit", "internal error"),
    help={
        19001: "the token in url is not that of a robot",
        19021: "look at secret, and at the clock of this machine",
        19022: "the robot's settings do not allow the address of this machine",
        19024: "the robot's settings ask for a keyword that the message does not have",
    },
)
_COLOURS = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "orange",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFO: "grey",
}
_SPECIAL = re.compile(r"[^\w\s]|_", re.ASCII)
_Element = dict[str, Any]


class Feishu:
    """One robot."""

    def __init__(self, settings: FeishuSettings) -> None:
        """Take the settings. The secrets are read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        url = robot.address(self._settings)
        secret = reveal(self._settings.secret, f"channel {self._settings.name!r}: secret")
        payload = fitting(
            message,
            lambda chat: {"msg_type": "interactive", "card": card(chat)},
            lambda made: len(robot.encoded(made)) <= MOST_BYTES,
        )
        if secret:
            payload = signature(secret, int(time.time())) | payload
        robot.post(self._settings, payload, _CODES, url=url, secrets=[secret])


def open_channel(settings: ChannelSettings) -> Feishu:
    """Make the channel."""
    if not isinstance(settings, FeishuSettings):
        raise TypeError(f"expected the settings of Feishu, got {type(settings).__name__}")
    return Feishu(settings)


def signature(secret: str, seconds: int) -> dict[str, str]:
    """Return the fields that sign a request for an hour. Time and secret are the key, and nothing is what is signed."""
    signed = hmac.digest(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256)
    return {"timestamp": str(seconds), "sign": base64.b64encode(signed).decode()}


def card(chat: Chat) -> _Element:
    """Return a message as a card."""
    return {
        "config": {"wide_screen_mode": True},
        "header": {"template": _colour(chat), "title": _plain(chat.title)},
        "elements": list(_elements(chat)),
    }


def escape(text: str) -> str:
    """Return a text that Feishu's Markdown shows as it is."""
    return _SPECIAL.sub(lambda match: match[0] if ord(match[0]) > 127 else f"&#{ord(match[0])};", text)


def _colour(chat: Chat) -> str:
    if chat.severity is not None:
        return _COLOURS[chat.severity]
    return "green" if chat.is_good else "grey"


def _elements(chat: Chat) -> Iterator[_Element]:
    if chat.about:
        yield _text("\n".join(chat.about))
    for point in chat.points:
        yield {"tag": "hr"}
        yield from _point(point)
    if chat.more:
        yield _text(chat.more)
    for section in chat.sections:
        yield {"tag": "hr"}
        yield _bold(section.heading)
        yield _text("\n".join(f"• {line}" for line in section.lines))
    yield {"tag": "hr"}
    yield {"tag": "note", "elements": [_plain(chat.footer)]}
    if chat.link:
        button = {"tag": "button", "text": _plain(chat.link_text), "url": chat.link, "type": "primary"}
        yield {"tag": "action", "actions": [button]}


def _point(point: Point) -> Iterator[_Element]:
    yield _bold(f"{point.mark} {point.title}")
    lines = [point.subject, point.said, point.why]
    for step in point.steps:
        lines.append(f"→ {step.text}")
        if step.command:
            lines.append(f"$ {step.command}")
    yield _text("\n".join(line for line in lines if line))


def _text(text: str) -> _Element:
    return {"tag": "div", "text": _plain(text)}


def _bold(text: str) -> _Element:
    return {"tag": "div", "text": {"tag": "lark_md", "content": f"**{escape(text)}**"}}


def _plain(text: str) -> _Element:
    return {"tag": "plain_text", "content": without_links(text)}
