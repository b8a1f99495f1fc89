r"""A robot of a DingTalk group: Markdown, signed by a timestamp.

A message is always of the type ``markdown``: an ``actionCard`` would have a button for the link, and can mention
nobody. DingTalk describes no escaping. Its clients know backslashes and HTML entities, as other senders of alerts
rely on; where a client does not, a backslash shows and the markup is broken all the same.

Sources: DingTalk's description of custom robots (signature, message types, 20 messages a minute, error codes), and
what its robots answer: a body has at most 20,000 bytes (460101), who sends too fast is locked out for ten minutes
(130101), a wrong signature, time, keyword or address has 310000.
"""

import base64
import hashlib
import hmac
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import DingTalk as DingTalkSettings
from auditor.deliver import robot
from auditor.deliver.chat import BREAK, Chat, Point, fitting, without_links
from auditor.deliver.message import Message
from auditor.deliver.secrets import reveal

MOST_BYTES = 19_000
"""Of a body; DingTalk takes 20,000."""
_LOCKED_OUT = timedelta(minutes=10)
_CODES = robot.Codes(
    keys=("errcode",),
    words=("errmsg",),
    busy={130101: _LOCKED_OUT, 660026: _LOCKED_OUT, 410100: _LOCKED_OUT, -1: None},
    busy_words=("too fast", "too many", "限流", "频率", "系统繁忙"),
    help={
        310000: "look at the robot's security settings: secret, keywords, addresses; and at the clock of this machine",
        300001: "the access_token in url is not that of a robot",
        400101: "the access_token in url is not that of a robot",
        400102: "the robot is stopped",
        400013: "the group is gone",
    },
)
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(r"[\\`*_{}\[\]()~#|!]")
_INDENT = re.compile(r"^\s+")
_STARTS_A_BLOCK = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")
_IS_MARKUP = re.compile(r"[\\`*~#]|\]\(|\]\[|!\[|(?<!\w)_|_(?!\w)|://|www\.|@")


class DingTalk:
    """One robot."""

    def __init__(self, settings: DingTalkSettings) -> None:
        """Take the settings. The secrets are read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        url = robot.address(self._settings)
        secret = reveal(self._settings.secret, f"channel {self._settings.name!r}: secret")
        if secret:
            url = signed(url, secret, round(time.time() * 1000))
        robot.post(self._settings, self._payload(message), _CODES, url=url, secrets=[secret])

    def _payload(self, message: Message) -> dict[str, Any]:
        # Who is called has something to do: good news and tests call nobody.
        mobiles = self._settings.at_mobiles if message.findings else []
        everybody = self._settings.at_all and bool(message.findings)
        return fitting(
            message,
            lambda chat: {
                "msgtype": "markdown",
                "markdown": {"title": without_links(chat.title), "text": markdown(chat, mobiles)},
                "at": {"atMobiles": list(mobiles), "isAtAll": everybody},
            },
            lambda payload: len(robot.encoded(payload)) <= MOST_BYTES,
        )


def open_channel(settings: ChannelSettings) -> DingTalk:
    """Make the channel."""
    if not isinstance(settings, DingTalkSettings):
        raise TypeError(f"expected the settings of DingTalk, got {type(settings).__name__}")
    return DingTalk(settings)


def signed(url: str, secret: str, milliseconds: int) -> str:
    """Return the URL with a time and its signature, which DingTalk takes for an hour."""
    signature = hmac.digest(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256)
    query = urlencode({"timestamp": milliseconds, "sign": base64.b64encode(signature).decode()})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def markdown(chat: Chat, mobiles: list[str]) -> str:
    """Return a message in DingTalk's Markdown. It shows a line of its own only after an empty line."""
    parts = [f"### {chat.mark} {escape(chat.headline)}"]
    parts += [escape(line) for line in chat.about]
    for point in chat.points:
        parts += _point(point)
    if chat.more:
        parts.append(escape(chat.more))
    for section in chat.sections:
        parts += ["---", f"**{escape(section.heading)}**", "\n".join(f"- {escape(line)}" for line in section.lines)]
    parts += ["---", f"###### {escape(chat.footer)}"]
    if chat.link:
        parts.append(f"[{escape(chat.link_text)}]({_target(chat.link)})")
    if mobiles:
        parts.append(" ".join(f"@{mobile}" for mobile in mobiles))
    return "\n\n".join(parts)


def escape(text: str) -> str:
    """Return a text that is shown as it is: no markup, no HTML, no link, nobody mentioned."""
    escaped = _MARKUP.sub(r"\\\g<0>", without_links(_INDENT.sub(" ", text)))
    escaped = _without_html(escaped).replace("@", f"@{BREAK}")
    # A digit can't be escaped: what makes it the start of a list is the sign behind it.
    return _STARTS_A_BLOCK.sub(lambda match: _unlisted(match[1], match[2]), escaped)


def _without_html(text: str) -> str:
    return "".join(_HTML.get(char, char) for char in text)


def _unlisted(space: str, sign: str) -> str:
    return f"{space}{sign}\\" if sign[0].isdigit() else f"{space}\\{sign}"


def _point(point: Point) -> list[str]:
    parts = ["---", f"{point.mark} **{escape(point.title)}**", escape(point.subject), escape(point.said)]
    if point.why:
        parts.append(escape(point.why))
    for step in point.steps:
        parts.append(f"→ {escape(step.text)}")
        # A command is copied: where markup would change it, it is not shown.
        if step.command and not _IS_MARKUP.search(step.command):
            parts.append(f"> {_without_html(step.command)}")
    return parts


def _target(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
