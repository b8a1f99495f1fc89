"""Looks at a channel before the first message: can it work, as far as this machine can tell? Calls nobody."""

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import HttpChannel
from auditor.deliver import http
from auditor.deliver.channel import NotDelivered, open_channel
from auditor.deliver.secrets import reveal


def problem_of(settings: ChannelSettings) -> str:
    """Return what is wrong with a channel; empty if nothing is. Its required keys are there, and secrets readable."""
    try:
        check = getattr(open_channel(settings), "check", None)
        if check is not None:
            check()
        elif isinstance(settings, HttpChannel):
            http.ensure_usable(settings, reveal(settings.url, f"channel {settings.name!r}: url"))
            if settings.ca_file is not None and not settings.ca_file.is_file():
                return f"channel {settings.name!r}: ca_file: {settings.ca_file}: there is no such file"
    except NotDelivered as error:
        return error.sentence
    return ""
