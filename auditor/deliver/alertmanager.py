"""Prometheus Alertmanager, API v2: it shows the findings that are open, as alerts.

Alertmanager knows an alert by its labels, so none of them has a value that changes while the finding lives; only
its severity may, by which alerts are routed, and then the alert of the old severity is ended. Alerts are kept in
memory only and end at the time that they carry: the agent calls :meth:`Alertmanager.refresh` every
``resend_seconds``, which brings them back after a restart, and lets them end by themselves where no agent is left.
To send the same message again does no harm.

Source: the OpenAPI description of Alertmanager's API v2; alerts are merged and ended as its version 0.25 does.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.config.channels import Alertmanager as AlertmanagerSettings
from auditor.config.channels import Channel as ChannelSettings
from auditor.deliver import http
from auditor.deliver.channel import Undeliverable
from auditor.deliver.message import Kind, Message
from auditor.deliver.plain import cut, kept, plain
from auditor.deliver.secrets import reveal
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Severity
from auditor.report.clean import one_line
from auditor.report.speaker import utc

PATH = "/api/v2/alerts"
TEST_ALERT = "AckAuditorTest"
TEST_LASTS = timedelta(minutes=5)
AT_ONCE = 200
"""Alerts in one request."""
_LONGEST_LABEL = 1000
_LONGEST_ANNOTATION = 4000
_STEPS_SHOWN = 20

Alert = dict[str, Any]


class Alertmanager:
    """One Alertmanager."""

    def __init__(self, settings: AlertmanagerSettings) -> None:
        """Take the settings. Secrets are read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Show what the message says is there, and end what it says is gone."""
        if message.kind is Kind.TEST:
            self._post([self._test(message)])
            return
        self._post([*self._open(message), *self._ended(message)])

    def refresh(self, message: Message) -> None:
        """Say again what is there.

        Args:
            message: all findings of a cluster that are open now and that are routed here; its key is of no account.

        Raises:
            NotNow: it did not arrive. The next refresh makes up for it.
            Undeliverable: it will not arrive as it is.
        """
        self._post(list(self._open(message)))

    def _open(self, message: Message) -> Iterator[Alert]:
        now = datetime.now(UTC)
        ends = now + timedelta(seconds=self._settings.expire_seconds)
        for finding in message.findings:
            yield self._alert(finding, message, _start(finding, message, now), ends)

    def _ended(self, message: Message) -> Iterator[Alert]:
        now = datetime.now(UTC)
        before = {changed.fingerprint: changed.severity for changed in message.outcome.changed}
        gone = {finding.fingerprint for finding in message.resolved}
        for finding in message.all_findings:
            starts = _start(finding, message, now)
            # What ended later than now would not have ended.
            ends = min(max(message.outcome.observed_at, starts), now)
            if finding.fingerprint in gone:
                yield self._alert(finding, message, starts, ends)
            severity = before.get(finding.fingerprint, finding.severity)
            if severity != finding.severity:
                yield self._alert(finding, message, starts, ends, severity)

    def _alert(
        self,
        finding: ReportedFinding,
        message: Message,
        starts: datetime,
        ends: datetime,
        severity: Severity | None = None,
    ) -> Alert:
        words = plain(finding, message)
        labels = {
            "alertname": finding.check,
            "severity": (severity or finding.severity).value,
            "fingerprint": finding.fingerprint,
            "layer": finding.subject.layer.value,
            "kind": finding.subject.kind,
            "namespace": finding.subject.namespace,
            "name": words.name,
        }
        annotations = {
            "summary": words.message,
            "description": f"{words.title}\n\n{words.why}" if words.why else words.title,
            "subject": words.subject,
            "remedy": "\n".join(kept(words.remedy, _STEPS_SHOWN)),
            "certainty": finding.certainty.value,
            "last_seen": utc(finding.last_seen or message.outcome.observed_at),
        }
        return self._made(message, labels, annotations, starts, ends)

    def _test(self, message: Message) -> Alert:
        now = datetime.now(UTC)
        said = t("This is a test of the ACK auditor: nothing has happened.").render(message.translate)
        labels = {"alertname": TEST_ALERT, "severity": Severity.INFO.value}
        return self._made(message, labels, {"summary": said}, now, now + TEST_LASTS)

    def _made(
        self, message: Message, labels: dict[str, str], annotations: dict[str, str], starts: datetime, ends: datetime
    ) -> Alert:
        cluster = message.outcome.cluster
        all_labels = {
            **self._settings.labels,
            **labels,
            "cluster": cluster.name,
            "cluster_id": cluster.cluster_id,
            "region": cluster.region,
        }
        link = {"link": message.link} if message.link else {}
        return {
            # Alertmanager takes a label without a value for one that is not there.
            "labels": {name: cut(one_line(value), _LONGEST_LABEL) for name, value in all_labels.items() if value},
            "annotations": {
                name: cut(value, _LONGEST_ANNOTATION) for name, value in {**annotations, **link}.items() if value
            },
            "startsAt": _exact(starts),
            "endsAt": _exact(ends),
            **({"generatorURL": message.link} if message.link else {}),
        }

    def _post(self, alerts: list[Alert]) -> None:
        """Post alerts. Those that are refused do not keep the others back."""
        headers, secrets = self._sign_in()
        refused: list[Undeliverable] = []
        for batch in _batches(alerts):
            body = json.dumps(batch, ensure_ascii=True).encode()
            try:
                http.post(self._settings, body, headers, path=PATH, secrets=secrets)
            except Undeliverable as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def _sign_in(self) -> tuple[dict[str, str], list[str]]:
        """Return the headers of a request, and what must not show of them."""
        place = f"channel {self._settings.name!r}"
        token = reveal(self._settings.token, f"{place}: token")
        password = reveal(self._settings.password, f"{place}: password")
        headers = {"Content-Type": "application/json"}
        if token and (self._settings.username or password):
            raise Undeliverable(f"{place}: token and username are given together; expected one way to sign in")
        if token:
            return {**headers, "Authorization": f"Bearer {token}"}, [token]
        if not self._settings.username and not password:
            return headers, []
        encoded = base64.b64encode(f"{self._settings.username}:{password}".encode()).decode()
        return {**headers, "Authorization": f"Basic {encoded}"}, [password, encoded]


def open_channel(settings: ChannelSettings) -> Alertmanager:
    """Make the channel."""
    if not isinstance(settings, AlertmanagerSettings):
        raise TypeError(f"expected the settings of an Alertmanager, got {type(settings).__name__}")
    return Alertmanager(settings)


def _start(finding: ReportedFinding, message: Message, now: datetime) -> datetime:
    # After a clock was set back, a finding may have been seen first in what is now the future.
    return min(finding.first_seen or message.outcome.observed_at, now)


def _exact(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _batches(alerts: list[Alert]) -> Iterable[list[Alert]]:
    return (alerts[at : at + AT_ONCE] for at in range(0, len(alerts), AT_ONCE))
