"""The whole configuration."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator

from auditor.config.base import ConfigTable, LocalPath, Name, SecretField, Words, time_zone
from auditor.config.channels import Channel
from auditor.config.clusters import Cluster
from auditor.config.cron import trigger
from auditor.config.server import Server

DEFAULT_LEDGER = "sqlite:///auditor.db"
Language = Literal["en", "zh"]


def _crontab(value: str) -> str:
    try:
        made = trigger(value)
    except ValueError as error:
        raise ValueError(f"expected five fields such as `0 8 * * mon` ({error})") from None
    if made.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ValueError(f"{value!r} is never due: no such day comes")
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
    keep_runs: Annotated[int, Field(ge=1)] = 1000
    keep_days: Annotated[int, Field(ge=1)] = 400


class Schedule(ConfigTable):
    """``[[schedules]]``: when to audit what, and whom to tell."""

    name: Name
    cron: Annotated[str, AfterValidator(_crontab)]
    timezone: Annotated[str, AfterValidator(time_zone)] = "Asia/Shanghai"
    clusters: list[Words] = Field(default=["*"], min_length=1)
    checks: list[Words] = Field(default=["*"], min_length=1)
    channels: list[str] = []
    send: Literal["always", "on-findings", "on-change"] = "always"
    jitter_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    grace_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] = 6 * 3600
    deadline_seconds: Annotated[int, Field(ge=10, le=24 * 3600)] = 1800


class Suppression(ConfigTable):
    """``[[suppressions]]``: findings that do not count, by whose word and until when."""

    cluster: Words = "*"
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
    channels: list[Annotated[Channel, Field(discriminator="kind")]] = []
    server: Server | None = None
    suppressions: list[Suppression] = []
    _folder: Path = PrivateAttr(default_factory=Path)

    def placed_in(self, folder: Path) -> "Settings":
        """Say in which folder the file stands, and return these settings."""
        self._folder = folder
        return self

    def may_annotate(self, cluster: str) -> bool:
        """Tell whether annotations on the objects of this cluster may suppress findings."""
        return any(one.name == cluster and one.suppress_by_annotation for one in self.clusters)

    def ledger_url(self) -> str:
        """Return the URL of the ledger. A relative path of SQLite is taken from the folder of the file.

        Raises:
            BadConfig: the secret that holds it can't be read.
        """
        url = self.ledger.url.reveal() if self.ledger.url else DEFAULT_LEDGER
        scheme, separator, path = url.partition(":///")
        if scheme.split("+")[0] != "sqlite" or not separator or path in ("", ":memory:") or path.startswith("/"):
            return url
        return f"{scheme}:///{(self._folder / path).resolve()}"

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
