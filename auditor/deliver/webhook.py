"""Webhooks: CloudEvents 1.0 in structured JSON, or a body of the operator's own, signed by Standard Webhooks.

The body of a message is the same at every attempt. What changes is the time of the attempt and, with it, the
signature. ``id`` of the event and ``webhook-id`` are the key of the message, by which a receiver tells repeats.

Sources: CloudEvents 1.0.2 with its HTTP binding, and the Standard Webhooks specification 1.0.
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cloudevents.conversion import to_structured
from cloudevents.http import CloudEvent

from auditor import __version__
from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import Webhook as WebhookSettings
from auditor.deliver import http
from auditor.deliver.channel import Misconfigured
from auditor.deliver.message import Kind, Message
from auditor.deliver.own_body import ensure_readable, rendered
from auditor.deliver.secrets import reveal
from auditor.deliver.signing import signatures
from auditor.judge.outcome import Lifecycle
from auditor.report.clean import one_line
from auditor.report.json_report import SCHEMA, document, finding_data, run_data, summary_data
from auditor.report.speaker import utc

TYPES = {
    Kind.REPORT: "com.ack-auditor.run.finished",
    Kind.BATCH: "com.ack-auditor.run.finished",
    Kind.DIGEST: "com.ack-auditor.run.digest",
    Kind.SNAPSHOT: "com.ack-auditor.run.snapshot",
    Kind.TEST: "com.ack-auditor.test",
}
"""The types of events about a run. Those about one finding are ``com.ack-auditor.finding.new`` and its like."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"content-type", "content-length", "transfer-encoding"})


class Webhook:
    """One receiver of webhooks."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Take the settings. Secrets and the template are read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        content_type, body = self._content(message)
        own, secrets = self._own_headers()
        authorization = self._secret("authorization")
        if authorization:
            own = {name: value for name, value in own.items() if name.lower() != "authorization"}
            own["Authorization"] = authorization
        signed = signatures(
            self._settings.name,
            message_id(message),
            datetime.now(UTC),
            body,
            self._secret("signing_secret"),
            self._secret("previous_signing_secret"),
        )
        headers = {**own, "Content-Type": self._settings.content_type or content_type, **signed}
        http.post(
            self._settings,
            body.encode(),
            headers,
            secrets=[
                *secrets,
                *authorization.split(),
                self._secret("signing_secret"),
                self._secret("previous_signing_secret"),
                *signed.get("webhook-signature", "").split(),
            ],
        )

    def check(self) -> None:
        """Raise Misconfigured if the channel can't work, as far as this machine can tell."""
        http.ensure_usable(self._settings, self._secret("url"))
        self._own_headers()
        if not self._secret("authorization").isascii():
            raise Misconfigured(f"channel {self._settings.name!r}: authorization: expected ASCII characters")
        if self._settings.template is not None:
            ensure_readable(self._settings.name, self._settings.template)
        old_and_new = (self._secret("signing_secret"), self._secret("previous_signing_secret"))
        signatures(self._settings.name, "check", datetime.now(UTC), "", *old_and_new)

    def _content(self, message: Message) -> tuple[str, str]:
        """Return the type and the text of the body."""
        if self._settings.template is not None:
            return "application/json", rendered(self._settings.name, self._settings.template, template_data(message))
        headers, body = to_structured(event(message))
        return headers["content-type"], body.decode()

    def _own_headers(self) -> tuple[dict[str, str], list[str]]:
        """Return the configured headers, and what of them must not show: one of them may well be a token."""
        for name in self._settings.headers:
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("webhook-"):
                raise Misconfigured(
                    f"channel {self._settings.name!r}: headers: {one_line(name)!r} can't be set here; expected the "
                    "name of a header other than those of the content and of the signature"
                )
        return dict(self._settings.headers), list(self._settings.headers.values())

    def _secret(self, key: str) -> str:
        return reveal(getattr(self._settings, key), f"channel {self._settings.name!r}: {key}")


def open_channel(settings: ChannelSettings) -> Webhook:
    """Make the channel."""
    if not isinstance(settings, WebhookSettings):
        raise TypeError(f"expected the settings of a webhook, got {type(settings).__name__}")
    return Webhook(settings)


def message_id(message: Message) -> str:
    """Return the key of a message as a header can carry it, and without the full stop that a signature divides by."""
    return quote(message.key, safe="/:@!$&'()*+,;=~_-").replace(".", "%2E")


def event(message: Message) -> CloudEvent:
    """Return a message as an event."""
    cluster = message.outcome.cluster
    return CloudEvent(
        {
            "id": message_id(message),
            "source": f"urn:ack-auditor:cluster:{quote(cluster.cluster_id or cluster.name, safe='')}",
            "type": event_type(message),
            "subject": _subject(message),
            # When it happened, which is the same at every attempt.
            "time": utc(message.outcome.finished_at),
            "datacontenttype": "application/json",
        },
        event_data(message),
    )


def event_type(message: Message) -> str:
    """Return the type of a message's event."""
    if message.kind in TYPES:
        return TYPES[message.kind]
    if message.kind is Kind.RESOLVED:
        # What is suppressed now, or routed elsewhere, is over for this receiver, and is not resolved.
        there = {finding.fingerprint for finding in message.outcome.findings}
        is_there = any(finding.fingerprint in there for finding in message.resolved)
        return f"com.ack-auditor.finding.{'withdrawn' if is_there else 'resolved'}"
    # For a channel that was not told yet, what is open since long ago is new.
    is_back = any(finding.lifecycle is Lifecycle.REOPENED for finding in message.findings)
    return f"com.ack-auditor.finding.{'reopened' if is_back else 'new'}"


def event_data(message: Message) -> dict[str, Any]:
    """Return the data of a message's event: ``report.json``, version 1, with the findings that the message is about.

    A whole run has the checks and the collection too: without them nobody could tell *passed* from *not evaluated*.
    """
    data = document(message.outcome, message.translate) if message.kind is Kind.REPORT else {}
    about = template_data(message)
    return {
        **data,
        "schema": SCHEMA,
        "auditor": {"version": __version__},
        "kind": about["kind"],
        "link": about["link"],
        "run": about["run"],
        "summary": about["summary"],
        "findings": about["findings"],
        "resolved": about["resolved"],
    }


def template_data(message: Message) -> dict[str, Any]:
    """Return a message as plain data, in the shapes of ``report.json``."""
    return {
        "kind": message.kind.value,
        "key": message.key,
        "link": message.link,
        "run": run_data(message.outcome),
        "summary": summary_data(message.outcome),
        "findings": [finding_data(finding, message.translate) for finding in message.findings],
        "resolved": [finding_data(finding, message.translate) for finding in message.resolved],
    }


def _subject(message: Message) -> str:
    if message.kind in (Kind.FINDING, Kind.RESOLVED) and message.all_findings:
        finding = message.all_findings[0]
        return one_line(f"{finding.check} {finding.subject}")
    return one_line(message.outcome.run_id)
