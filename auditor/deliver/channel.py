"""What every channel is, how it says that it could not deliver, and which module serves which kind."""

import importlib
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol, cast

from auditor.config.channels import Channel as ChannelSettings
from auditor.deliver.message import Message

CHANNELS = MappingProxyType(
    {
        "email": "auditor.deliver.email",
        "webhook": "auditor.deliver.webhook",
        "alertmanager": "auditor.deliver.alertmanager",
        "pagerduty": "auditor.deliver.pagerduty",
        "dingtalk": "auditor.deliver.dingtalk",
        "feishu": "auditor.deliver.feishu",
        "wecom": "auditor.deliver.wecom",
        "slack": "auditor.deliver.slack",
        "teams": "auditor.deliver.teams",
        "apprise": "auditor.deliver.apprise",
    }
)
"""The modules by kind. Each is imported when a channel of its kind is opened."""


@dataclass
class NotDelivered(Exception):  # noqa: N818 - read as a sentence
    """A message did not arrive. ``sentence`` says what happened and what to do, without any secret."""

    sentence: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence


@dataclass
class NotNow(NotDelivered):
    """It may arrive later: the receiver is away, busy or at fault. ``after`` is how long the receiver asks to wait."""

    after: timedelta | None = None


@dataclass
class Undeliverable(NotDelivered):
    """It will not arrive as it is: the receiver refuses it, or the channel can't be used as it is configured."""


@dataclass
class Misconfigured(Undeliverable):
    """The channel can't be used as it is configured: a secret, a file or a key is wrong.

    The message is kept and tried again, since it is for the operator to mend, and not for the receiver to take.
    """


class Channel(Protocol):
    """One configured channel."""

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            NotNow: it may be tried again.
            Undeliverable: trying again is of no use.
        """


class ChannelModule(Protocol):
    """What the module of a kind has."""

    def open_channel(self, settings: ChannelSettings) -> Channel:
        """Make the channel. Secrets are read when it sends, so that a rotated one is taken up."""


def open_channel(settings: ChannelSettings) -> Channel:
    """Open a configured channel of any kind."""
    module = cast("ChannelModule", importlib.import_module(CHANNELS[settings.kind]))
    return module.open_channel(settings)
