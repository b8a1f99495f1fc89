"""``[[channels]]``: where deliveries go. What all kinds share, and one model for each kind."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, model_validator

from auditor.config.base import ConfigTable, LocalPath, Name, Secret, SecretField, Words, time_zone

SeverityName = Literal["critical", "high", "medium", "low", "info"]
LifecycleName = Literal["new", "reopened", "resolved"]
Content = Literal["report", "batch", "findings"]
"""What a channel is told: the whole run; what changed, in one message; or what changed, a message for each finding."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _clock(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError("expected a time of day such as 22:00")
    return value


def _header(value: str) -> str:
    if not value.isprintable():
        raise ValueError("expected one line without control characters")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"([^<>\r\n]*<)?[^\s@<>,;]+@[^\s@<>,;]+>?", value) or not value.isprintable():
        raise ValueError("expected a mail address such as ops@example.com or Ops team <ops@example.com>")
    return value


Line = Annotated[str, AfterValidator(_header)]
Address = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_address)]
Clock = Annotated[str, AfterValidator(_clock)]


class QuietHours(ConfigTable):
    """When single messages wait: from one time of day to another, which may be of the next day."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    timezone: Annotated[str, AfterValidator(time_zone)] = "Asia/Shanghai"
    but: list[SeverityName] = Field(default=["critical"])

    @model_validator(mode="after")
    def _has_a_length(self) -> "QuietHours":
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same time of day; leave quiet_hours out for none")
        return self


class ChannelBase(ConfigTable):
    """What every kind has: which part of a run it is told of, and how patiently."""

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    """The keys without which the channel can't be used; a secret's twin will do."""

    name: Name
    clusters: list[Words] = Field(default=["*"], min_length=1)
    checks: list[Words] = Field(default=["*"], min_length=1)
    severities: list[SeverityName] = Field(default=["critical", "high", "medium", "low"], min_length=1)
    lifecycle: list[LifecycleName] = Field(default=["new", "reopened", "resolved"], min_length=1)
    content: Content = "report"
    language: Literal["en", "zh"] | None = None
    quiet_hours: QuietHours | None = None
    max_alerts: Annotated[int, Field(ge=1, le=1000)] = 20
    give_up_after_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 72

    def missing(self) -> list[str]:
        """Return the required keys that are not given."""
        fields = type(self).model_fields
        return [fields[key].alias or key for key in self.REQUIRED if not getattr(self, key)]


class HttpChannel(ChannelBase):
    """A channel that is reached over HTTP. The URL is a secret: whoever has it can write there."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)
    REQUIRED: ClassVar[tuple[str, ...]] = ("url",)

    url: SecretField = None
    ca_file: LocalPath | None = None
    allow_plain_http: StrictBool = False
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 15


class Email(ChannelBase):
    """Mail over SMTP."""

    SECRETS: ClassVar[tuple[str, ...]] = ("password",)
    REQUIRED: ClassVar[tuple[str, ...]] = ("host", "sender", "to")

    kind: Literal["email"]
    host: Line = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretField = None
    sender: Address | None = Field(default=None, alias="from")
    to: list[Address] = []
    cc: list[Address] = []
    bcc: list[Address] = []
    reply_to: Address | None = None
    subject_prefix: Line = ""
    attach: list[Literal["html", "pdf", "json", "markdown", "csv"]] = ["html", "pdf"]
    max_attachment_mb: Annotated[float, Field(gt=0, le=100)] = 10
    ca_file: LocalPath | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30


class Webhook(HttpChannel):
    """CloudEvents in JSON, signed as Standard Webhooks prescribe, or a body of one's own."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "signing_secret", "previous_signing_secret", "authorization")

    kind: Literal["webhook"]
    content: Content = "batch"
    signing_secret: SecretField = None
    previous_signing_secret: SecretField = None
    authorization: SecretField = None
    headers: dict[str, Line] = {}
    template: LocalPath | None = None
    content_type: Line = ""


ALERT_LABELS = frozenset(
    {"alertname", "severity", "cluster", "cluster_id", "region", "fingerprint", "layer", "kind", "namespace", "name"}
)
"""The labels of an alert that the auditor sets itself."""


class Alertmanager(HttpChannel):
    """Prometheus Alertmanager, API v2: after each run it shows exactly the open findings."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "password", "token")

    kind: Literal["alertmanager"]
    username: str = ""
    password: SecretField = None
    token: SecretField = None
    labels: dict[str, Words] = {}
    resend_seconds: Annotated[float, Field(ge=1, le=3600)] = 60
    expire_seconds: Annotated[float, Field(ge=60, le=30 * 24 * 3600)] = 900

    @model_validator(mode="after")
    def _is_consistent(self) -> "Alertmanager":
        for name in self.labels:
            if name in ALERT_LABELS or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
                raise ValueError(
                    "labels: expected names of letters, digits and '_', other than those that an alert has anyway "
                    f"({', '.join(sorted(ALERT_LABELS))})"
                )
        if self.resend_seconds >= self.expire_seconds:
            raise ValueError("resend_seconds: expected less than expire_seconds: an alert would expire in between")
        return self


class PagerDuty(HttpChannel):
    """PagerDuty, Events API v2."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "routing_key")
    REQUIRED: ClassVar[tuple[str, ...]] = ("routing_key",)

    kind: Literal["pagerduty"]
    content: Content = "findings"
    url: SecretField = Secret(literal="https://events.pagerduty.com/v2/enqueue")
    routing_key: SecretField = None


class DingTalk(HttpChannel):
    """A robot of a DingTalk group."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "secret")

    kind: Literal["dingtalk"]
    secret: SecretField = None
    at_mobiles: list[Words] = []
    at_all: StrictBool = False


class Feishu(HttpChannel):
    """A robot of a Feishu (Lark) group."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url", "secret")

    kind: Literal["feishu"]
    secret: SecretField = None


class WeCom(HttpChannel):
    """A robot of a WeCom group."""

    kind: Literal["wecom"]
    mentioned: list[Words] = []


class Slack(HttpChannel):
    """An incoming webhook of Slack."""

    kind: Literal["slack"]


class Teams(HttpChannel):
    """A workflow of Microsoft Teams that takes an adaptive card."""

    kind: Literal["teams"]


class Apprise(ChannelBase):
    """Any service that apprise speaks, by its URL."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)
    REQUIRED: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["apprise"]
    url: SecretField = None
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 15


Channel = Email | Webhook | Alertmanager | PagerDuty | DingTalk | Feishu | WeCom | Slack | Teams | Apprise
KINDS: dict[str, type[ChannelBase]] = {
    "email": Email,
    "webhook": Webhook,
    "alertmanager": Alertmanager,
    "pagerduty": PagerDuty,
    "dingtalk": DingTalk,
    "feishu": Feishu,
    "wecom": WeCom,
    "slack": Slack,
    "teams": Teams,
    "apprise": Apprise,
}
