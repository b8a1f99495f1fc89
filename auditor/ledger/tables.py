"""The tables. A change here needs a migration beside it, and a new :data:`VERSION`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql, sqlite

VERSION = "0001"
"""The latest migration. Versions are numbered, so that a database can tell that it is of a later one."""
VERSION_TABLE = "auditor_version"


class Moment(TypeDecorator[datetime]):
    """A moment with a time zone. It is kept as UTC, which SQLite, having no type for it, compares as text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what the database is given. A moment without a time zone is a fault of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the moment {value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what is handed out: UTC, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Plain(TypeDecorator[str]):
    """A text. Characters that a database does not take, halves of surrogate pairs and NUL, are replaced."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return what the database is given; the same for a value that is stored and for one that is looked up."""
        return None if value is None else plain(value)


def insert_or(connection: Connection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Return an insertion that can say what becomes of a row that is there already."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def plain(text: str) -> str:
    """Return the text as a database takes it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, Plain, **{"nullable": False, "default": "", **more})


clusters = Table(
    "auditor_clusters",
    metadata,
    Column("name", Plain, primary_key=True),
    _text("cluster_id"),
    Column("run_id", Plain),
    Column("observed_at", Moment),
    Column("recorded_at", Moment),
)
"""The clusters, and of each the run that its lives are of. Recording a run locks the row of its cluster."""

runs = Table(
    "auditor_runs",
    metadata,
    Column("id", Plain, primary_key=True),
    _text("cluster"),
    _text("cluster_id"),
    _text("region"),
    _text("trigger"),
    _text("state"),
    Column("started_at", Moment, nullable=False),
    Column("lease_until", Moment),
    Column("finished_at", Moment),
    Column("complete", Boolean),
    Column("counts", JSON, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("lifecycle", JSON, nullable=False),
    _text("error"),
    Index(None, "cluster", "started_at"),
    Index(None, "state"),
)

outcomes = Table(
    "auditor_outcomes",
    metadata,
    Column("run_id", Plain, ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The whole outcome of each finished run, beside the runs, so that listing those does not read past it."""

findings = Table(
    "auditor_findings",
    metadata,
    Column("run_id", Plain, ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Plain, primary_key=True),
    _text("check"),
    _text("severity"),
    _text("certainty"),
    _text("lifecycle"),
    Column("suppressed", Boolean, nullable=False),
    _text("subject"),
)
"""The findings of each run, those that it saw to be gone (``resolved``) included, for whoever queries the database."""

lives = Table(
    "auditor_lives",
    metadata,
    Column("cluster", Plain, primary_key=True),
    Column("fingerprint", Plain, primary_key=True),
    _text("cluster_id"),
    _text("check"),
    _text("severity"),
    _text("state"),
    Column("suppressed", Boolean, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("reopened", Integer, nullable=False),
    _text("run_id"),
    Column("unlooked", JSON, nullable=False),
    Column("finding", LargeBinary, nullable=False),
    Index(None, "cluster", "state"),
)

deliveries = Table(
    "auditor_deliveries",
    metadata,
    Column("key", Plain, primary_key=True),
    Column("run_id", Plain, ForeignKey(runs.c.id, ondelete="CASCADE"), nullable=False),
    _text("cluster"),
    _text("channel"),
    _text("kind"),
    Column("place", Integer, nullable=False),
    Column("fingerprints", JSON, nullable=False),
    Column("gone", JSON, nullable=False),
    _text("state"),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("give_up_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    _text("last_error"),
    Column("dated_at", Moment, nullable=False),
    Column("lease_until", Moment),
    Column("finished_at", Moment),
    Index(None, "state", "due_at"),
    Index(None, "run_id"),
    Index(None, "channel", "state"),
)
"""The outbox. ``place`` is that among all that a run owes. ``dated_at`` is when the times of a row were last set: one
in the future shows that the clock was set back since."""

told = Table(
    "auditor_told",
    metadata,
    Column("channel", Plain, primary_key=True),
    Column("cluster", Plain, primary_key=True),
    Column("fingerprint", Plain, primary_key=True),
)
"""Which findings a channel believes to be open, by all that it was ever owed."""

pulse = Table(
    "auditor_pulse",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
)
"""One row, written to find out whether the database can be written."""
