"""A robot of a WeCom group: its Markdown, of which a message has at most 4,096 bytes.

WeCom describes no escaping. What could form markup is kept apart by spaces without width, and a backtick is replaced
by a letter that looks like it.

Sources: WeCom's description of group robots (message types, the part of Markdown that it knows, mentions, 20 messages
a minute) and of its error codes.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import WeCom as WeComSettings
from auditor.deliver import robot
from auditor.deliver.channel import Undeliverable
from auditor.deliver.chat import BREAK, Chat, Point, fitting, without_links
from auditor.deliver.message import Message

MOST_BYTES = 4096
LOOKS_LIKE_A_BACKTICK = "\u02cb"
_CODES = robot.Codes(
    keys=("errcode",),
    words=("errmsg",),
    busy={45009: timedelta(minutes=1), 45033: timedelta(minutes=1), -1: None},
    busy_words=("freq out of limit", "system busy"),
    help={
        93000: "the key in url is not that of a robot, or the robot was removed from the group",
        40058: "the message is not as WeCom wants it",
    },
)
_USER = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_MARKUP = re.compile(r"[*\[\]()<>~_#@!|]")
_IS_MARKUP = re.compile(r"`|<[@/!]|<font|\]\(")


class WeCom:
    """One robot."""

    def __init__(self, settings: WeComSettings) -> None:
        """Take the settings. The URL is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        url = robot.address(self._settings)
        # Who is called has something to do: good news and tests call nobody.
        calls = self._calls() if message.findings else ""
        content = fitting(
            message,
            lambda chat: "\n".join([*_lines(chat), *([calls] if calls else [])]),
            lambda made: len(made.encode()) <= MOST_BYTES,
        )
        robot.post(self._settings, {"msgtype": "markdown", "markdown": {"content": content}}, _CODES, url=url)

    def _calls(self) -> str:
        for user in self._settings.mentioned:
            if not _USER.fullmatch(user):
                raise Undeliverable(
                    f"channel {self._settings.name!r}: mentioned: expected the user ids of members of the group"
                )
        return " ".join(f"<@{user.removeprefix('@')}>" for user in self._settings.mentioned)


def open_channel(settings: ChannelSettings) -> WeCom:
    """Make the channel."""
    if not isinstance(settings, WeComSettings):
        raise TypeError(f"expected the settings of WeCom, got {type(settings).__name__}")
    return WeCom(settings)


def escape(text: str) -> str:
    """Return a text that looks as it is, and in which nothing is markup, a link or a mention."""
    apart = _MARKUP.sub(rf"\g<0>{BREAK}", without_links(text))
    return apart.replace("`", LOOKS_LIKE_A_BACKTICK)


def _lines(chat: Chat) -> Iterator[str]:
    yield f"## {chat.mark} {escape(chat.headline)}"
    yield from (escape(line) for line in chat.about)
    for point in chat.points:
        yield ""
        yield from _point(point)
    if chat.more:
        yield escape(chat.more)
    for section in chat.sections:
        yield ""
        yield f"**{escape(section.heading)}**"
        yield from (f"> {escape(line)}" for line in section.lines)
    yield ""
    yield f'<font color="comment">{escape(chat.footer)}</font>'
    if chat.link:
        yield f"[{escape(chat.link_text)}]({chat.link.replace(')', '%29').replace(' ', '%20')})"


def _point(point: Point) -> Iterator[str]:
    yield f"{point.mark} **{escape(point.title)}**"
    yield f'> <font color="comment">{escape(point.subject)}</font>'
    yield f"> {escape(point.said)}"
    if point.why:
        yield f"> {escape(point.why)}"
    for step in point.steps:
        yield f"> → {escape(step.text)}"
        # A command is copied: where it could not be shown as it is, it is not shown.
        if step.command and not _IS_MARKUP.search(step.command):
            yield f"> `{step.command}`"
