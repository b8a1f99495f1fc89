"""The whole configuration."""

from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from auditor.config.base import ConfigTable, LocalPath, Name, SecretField, Words
from auditor.config.clusters import Cluster

ChannelKind = Literal[
    "email", "webhook", "alertmanager", "pagerduty", "dingtalk", "feishu", "wecom", "slack", "teams", "apprise"
]
Language = Literal["en", "zh"]


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"no time zone is called {value!r}; expected one such as Asia/Shanghai") from None
    return value


def _crontab(value: str) -> str:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - heavy, and needed for schedules only

    try:
        CronTrigger.from_crontab(value)
    except ValueError as error:
        raise ValueError(f"expected five fields such as `0 8 * * mon` ({error})") from None
    return value


class Report(ConfigTable):
    """``[report]``: how and where reports are written."""

    language: Language = "en"
    formats: list[Words] = Field(default=["html", "pdf", "json"], min_length=1)
    directory: LocalPath = Path("reports")


class Checks(ConfigTable):
    """``[checks]``: folders with checks of one's own, laid out like the project's ``checks/``."""

    folders: list[LocalPath] = []


class Ledger(ConfigTable):
    """``[ledger]``: the history's database."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    url: SecretField = None


class Schedule(ConfigTable):
    """``[[schedules]]``: when to audit what, and whom to tell."""

    name: Name
    cron: Annotated[str, AfterValidator(_crontab)]
    timezone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Shanghai"
    clusters: list[str] = ["*"]
    checks: list[str] = ["*"]
    channels: list[str] = []
    send: Literal["always", "on-findings", "on-change"] = "always"


class Channel(ConfigTable):
    """``[[channels]]``: where deliveries go. The further keys depend on the kind."""

    model_config = ConfigDict(extra="allow", frozen=True, arbitrary_types_allowed=True)

    name: Name
    kind: ChannelKind


class Suppression(ConfigTable):
    """``[[suppressions]]``: findings that do not count, by whose word and until when."""

    check: Words
    subject: Words = "*"
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    owner: Words
    expires: date


class Settings(ConfigTable):
    """The configuration file."""

    report: Report = Report()
    checks: Checks = Checks()
    ledger: Ledger = Ledger()
    clusters: list[Cluster] = []
    schedules: list[Schedule] = []
    channels: list[Channel] = []
    suppressions: list[Suppression] = []

    @model_validator(mode="after")
    def _names_fit(self) -> "Settings":
        for table, names in (
            ("clusters", [cluster.name for cluster in self.clusters]),
            ("schedules", [schedule.name for schedule in self.schedules]),
            ("channels", [channel.name for channel in self.channels]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"[[{table}]]: the name {twice[0]!r} is given twice")
        known = {channel.name for channel in self.channels}
        for schedule in self.schedules:
            unknown = sorted(set(schedule.channels) - known)
            if unknown:
                raise ValueError(
                    f"[[schedules]] {schedule.name!r}: no channel is called {unknown[0]!r}; "
                    f"known: {', '.join(sorted(known)) or 'none'}"
                )
        return self
