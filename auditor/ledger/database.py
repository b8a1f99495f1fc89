"""The engine: how a database is opened, brought up to date, read and written."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from auditor.ledger.errors import LedgerError, NoLedger
from auditor.ledger.failures import in_words, shown
from auditor.ledger.tables import VERSION, VERSION_TABLE

PATIENCE = 5.0
"""Seconds that a statement waits for a lock, and a connection for a server, unless the URL says otherwise."""
_MIGRATION_LOCK = 4_921_736_005
"""The number of the lock that processes which open a PostgreSQL database at once take in turns."""
_WRITES = "auditor_writes"
_MIGRATIONS = Path(__file__).parent / "migrations"
_EXPECTED = "expected [ledger] url such as sqlite:///auditor.db or postgresql+psycopg://user@host/database"


class Database:
    """A database with the tables of this version."""

    def __init__(self, url: str) -> None:
        """Take its URL. Nothing is opened yet. Raises LedgerError for a URL of another kind."""
        self.url = parse_url(url)
        self.name = shown(self.url)
        self._engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    def open(self, *, make: bool = True) -> None:
        """Connect, and bring the tables up to date. With ``make`` false, a ledger that is not there is an error."""
        if not make and self.is_sqlite and not Path(str(self.url.database)).exists():
            raise NoLedger(f"there is no ledger {self.name} yet: it is made when the first run is recorded")
        with in_words(self.url):
            if self.is_sqlite:
                self._use_wal()
            with self.read() as connection:
                version = self._version(connection)
            if version is None and not make:
                raise NoLedger(f"there is no ledger in {self.name} yet: it is made when the first run is recorded")
            if version != VERSION:
                self._migrate()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read in one transaction."""
        with in_words(self.url), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in one transaction: all of the block, or nothing. In SQLite it keeps other writers out."""
        with in_words(self.url), self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def _version(self, connection: Connection) -> str | None:
        """Return which version the tables are of, None if there are none. Raises LedgerError for a later one."""
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
        if version is not None and not (str(version).isdecimal() and int(version) <= int(VERSION)):
            raise LedgerError(
                f"the ledger {self.name} is of a later version ({version}; this auditor knows {VERSION}); "
                "upgrade the auditor, or name another database"
            )
        return None if version is None else str(version)

    def _migrate(self) -> None:
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
            if self._version(connection) != VERSION:  # another process may have been faster
                upgrade(connection)

    def _use_wal(self) -> None:
        """Turn the write-ahead log on, which the file remembers.

        SQLite does not wait for a lock here, so that two processes that make one database at once have to.
        """
        end = time.monotonic() + float(str(self.url.query.get("timeout", PATIENCE)))
        while True:
            try:
                with closing(self._engine.raw_connection()) as connection:
                    cursor = connection.cursor()
                    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                        cursor.execute("PRAGMA journal_mode = WAL")
                return
            except (OperationalError, sqlite3.OperationalError) as error:
                cause = error.orig if isinstance(error, OperationalError) else error
                is_busy = str(getattr(cause, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
                if not is_busy or time.monotonic() >= end:
                    raise
                time.sleep(0.02)


def parse_url(url: str) -> URL:
    """Return the URL with the driver that is used. Raises LedgerError, which does not quote it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError(f"the URL of the ledger can't be read: {_EXPECTED}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
            raise LedgerError(f"the URL of the ledger names no file: {_EXPECTED}")
        return parsed.set(drivername="sqlite")
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise LedgerError(f"the ledger can't be kept in a database of the kind {parsed.drivername[:40]!r}: {_EXPECTED}")


def upgrade(connection: Connection, version: str = "head") -> None:
    """Bring the tables to a version, within the transaction of the connection."""
    from alembic import command  # noqa: PLC0415 - slow to import, and needed only where there is something to do
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def _sqlite(url: URL) -> Engine:
    patience = {} if "timeout" in url.query else {"timeout": PATIENCE}
    engine = create_engine(url, connect_args=patience)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: `begin` below does
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes could not wait for a lock in the middle.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    arguments: dict[str, Any] = {} if "connect_timeout" in url.query else {"connect_timeout": int(PATIENCE)}
    if "options" not in url.query:
        arguments["options"] = f"-c lock_timeout={int(PATIENCE)}s"
    return create_engine(url, pool_pre_ping=True, connect_args=arguments)
