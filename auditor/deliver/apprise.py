"""Any service that apprise speaks, by its URL: a title and a text.

The text is given as plain text, so that apprise escapes it for services with a markup, and is written so that a
service that reads mentions in plain text finds none.

One URL is one service. Nothing is configured beside it: no configuration file is read, no plugin of one's own is
loaded, nothing is attached and nothing is kept on disk. Where a URL names several targets of its service, and one of
them fails, the message is sent to all of them again.

Source: the documentation and the interface of apprise 2.2.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import apprise
from apprise.common import PersistentStoreMode

from auditor.config.channels import Apprise as AppriseSettings
from auditor.config.channels import Channel as ChannelSettings
from auditor.deliver.channel import Misconfigured, NotNow
from auditor.deliver.chat import BREAK, Chat, fitting, without_links
from auditor.deliver.message import Kind, Message
from auditor.deliver.plain import cut
from auditor.deliver.secrets import blotted, reveal
from auditor.judge.verdicts import Severity

MOST_BYTES = 3500
"""Of title and text: most services take so much in one message; apprise divides or cuts it for the others."""
LONGEST_TITLE = 250
_MENTION = re.compile(r"(?<=@)(?=\S)|(?<=<)(?=[!@#&/]|at\b)|(?<=\[)(?=\w+:)")
_TYPES = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.MEDIUM: apprise.NotifyType.WARNING,
    Severity.LOW: apprise.NotifyType.INFO,
    Severity.INFO: apprise.NotifyType.INFO,
}

# Lines of its log may quote answers and addresses. What went wrong is said in the errors of this channel instead.
_log = logging.getLogger("apprise")
_log.addHandler(logging.NullHandler())
_log.propagate = False
_log.setLevel(logging.WARNING)


class Apprise:
    """One service."""

    def __init__(self, settings: AppriseSettings) -> None:
        """Take the settings. The URL is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        name = self._settings.name
        url = reveal(self._settings.url, f"channel {name!r}: url")
        if not url:
            raise Misconfigured(f"channel {name!r}: url: this key is required")
        service = self._service(url)
        title, text, kind = fitting(message, told, lambda made: len(f"{made[0]}{made[1]}".encode()) <= MOST_BYTES)
        if message.kind is Kind.TEST:
            kind = apprise.NotifyType.INFO
        speaker = apprise.Apprise(asset=service.asset)
        speaker.add(service)
        with speaker.notify(
            body=text,
            title=title,
            notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=self._settings.timeout_seconds,
        ) as result:
            if result:
                return
            what = str(service.service_name)
            if result.timeout_count:
                raise NotNow(f"{what}: no answer within {self._settings.timeout_seconds:g} seconds")
            said = blotted(" ".join(entry.message for entry in result.logs()), secrets_in(url))
        raise NotNow(f"{what} did not take the message" + (f": {said}" if said else ""))

    def check(self) -> None:
        """Raise Misconfigured if the channel can't work, as far as this machine can tell."""
        self._service(reveal(self._settings.url, f"channel {self._settings.name!r}: url"))

    def _service(self, url: str) -> Any:
        asset = apprise.AppriseAsset(
            app_id="ACK auditor",
            app_desc="ACK auditor",
            storage_mode=PersistentStoreMode.MEMORY,
            secure_logging=True,
            interpret_escapes=False,
            allow_templates=False,
        )
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            raise Misconfigured(
                f"channel {self._settings.name!r}: url: apprise knows no such service, or the URL lacks a part of it; "
                "expected a URL such as mattermost://host/token"
            )
        # What a part of the exchange may take at most is bounded as well: nothing lives on long after it was given up.
        service.socket_connect_timeout = service.socket_read_timeout = self._settings.timeout_seconds
        return service


def open_channel(settings: ChannelSettings) -> Apprise:
    """Make the channel."""
    if not isinstance(settings, AppriseSettings):
        raise TypeError(f"expected the settings of apprise, got {type(settings).__name__}")
    return Apprise(settings)


def told(chat: Chat) -> tuple[str, str, apprise.NotifyType]:
    """Return the title, the text and the type of a message."""
    kind = _TYPES[chat.severity] if chat.severity else _kind_of_none(chat)
    return cut(escape(chat.title), LONGEST_TITLE), "\n".join(_lines(chat)), kind


def escape(text: str) -> str:
    """Return a text that looks as it is, and in which no service finds a mention or an address."""
    return _MENTION.sub(BREAK, without_links(text))


def secrets_in(url: str) -> Iterator[str]:
    """Yield what must not show of a URL. A token may stand in any part of it, the host too."""
    yield url
    with suppress(ValueError):
        parts = urlsplit(url)
        for part in (*re.split(r"[/:@]", parts.netloc), *parts.path.split("/"), *re.split(r"[&=]", parts.query)):
            yield from (part, unquote(part))
        yield from (value for _, value in parse_qsl(parts.query))


def _kind_of_none(chat: Chat) -> apprise.NotifyType:
    return apprise.NotifyType.SUCCESS if chat.is_good else apprise.NotifyType.WARNING


def _lines(chat: Chat) -> Iterator[str]:
    yield from (escape(line) for line in chat.about)
    for point in chat.points:
        yield from ("", escape(f"{point.mark} {point.title}"), escape(point.subject), escape(point.said))
        if point.why:
            yield escape(point.why)
        for step in point.steps:
            yield f"→ {escape(step.text)}"
            # A command is copied: where a service could read a mention in it, it is not shown.
            if step.command and not _MENTION.search(step.command):
                yield f"$ {step.command}"
    if chat.more:
        yield from ("", escape(chat.more))
    for section in chat.sections:
        yield from ("", escape(section.heading))
        yield from (f"- {escape(line)}" for line in section.lines)
    yield from ("", escape(chat.footer))
    if chat.link:
        yield chat.link
