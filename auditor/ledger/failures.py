"""What goes wrong with a database, in words. A password is never among them."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from auditor.ledger.errors import LedgerError

_LONGEST_QUOTE = 200
_SPACES = re.compile(r"\s+")
_LOCKED = "another process has kept it locked"
_SQLITE = (
    ("SQLITE_BUSY", _LOCKED, "end that process, or try again later"),
    ("SQLITE_LOCKED", _LOCKED, "end that process, or try again later"),
    ("SQLITE_FULL", "the disk is full", "make room on that file system"),
    ("SQLITE_READONLY", "it can't be written", "let this user write to the file and to its folder"),
    ("SQLITE_PERM", "access to it is denied", "let this user read and write the file"),
    ("SQLITE_AUTH", "access to it is denied", "let this user read and write the file"),
    ("SQLITE_CANTOPEN", "it can't be opened", "make its folder, and let this user write to it"),
    ("SQLITE_NOTADB", "the file is no SQLite database", "name another file"),
    ("SQLITE_CORRUPT", "the database is damaged", "restore a copy, or name another file"),
    ("SQLITE_IOERR", "reading or writing it failed", "look at that disk, and at the room on it"),
)
_POSTGRESQL = (
    ("28", "the login was refused", "check the user and the password"),
    ("3D", "there is no such database", "create it, or name another"),
    ("42501", "the user may not do that", "grant the user the right to make and to write tables in the schema"),
    ("25006", "the database takes no changes", "name the primary server"),
    ("53100", "the server's disk is full", "make room on the server"),
    ("53300", "the server has no connection left", "raise its limit, or end other clients"),
    ("55P03", "another process has kept it locked", "end that process, or try again later"),
    ("57014", "the server gave the statement up", "look at what else the server is doing"),
    ("57P", "the server is shutting down, or starting", "try again when it is up"),
    ("08", "the connection broke", "look whether the server runs and can be reached"),
)


@contextmanager
def in_words(url: URL) -> Iterator[None]:
    """Turn every error of the database into a :class:`LedgerError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LedgerError(_sentence(url, error)) from None
    except sqlite3.Error as error:
        raise LedgerError(_of_sqlite(url, error)) from None


def shown(url: URL) -> str:
    """Return how a database is called in messages: a file's path, or the server without the password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "sqlite"
    host = url.host or url.query.get("host") or "localhost"
    server = f"{url.username}@{host}" if url.username else str(host)
    return f"postgresql://{server}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _sentence(url: URL, error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(url, cause)
    if cause is None:
        return f"the ledger {shown(url)} can't be used: {_quoted(url, error)}; look at [ledger] url"
    state = getattr(cause, "sqlstate", None) or _state_told(str(cause))
    for prefix, what, todo in _POSTGRESQL:
        if state.startswith(prefix):
            return f"the ledger {shown(url)} can't be used: {what} ({_quoted(url, cause)}); {todo}"
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        what, todo = "the connection broke", "look whether the server runs and can be reached"
    elif state:
        what, todo = f"the server refused a statement with {state}", "look at the server's log"
    else:
        what, todo = "the server can't be reached", "look whether it runs, and whether host and port are right"
    return f"the ledger {shown(url)} can't be used: {what} ({_quoted(url, cause)}); {todo}"


def _state_told(message: str) -> str:
    """Return the state of a refused connection: the driver hands none out, only the server's words."""
    if "authentication failed" in message or "no password supplied" in message or "no pg_hba.conf entry" in message:
        return "28000"
    if "FATAL" in message and "database" in message and "does not exist" in message:
        return "3D000"
    if "FATAL" in message and "role" in message and "does not exist" in message:
        return "28000"
    return "53300" if "too many clients" in message or "remaining connection slots" in message else ""


def _of_sqlite(url: URL, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    for prefix, what, todo in _SQLITE:
        if name.startswith(prefix):
            return f"the ledger {shown(url)} can't be used: {what}; {todo}"
    return f"the ledger {shown(url)} can't be used: {_quoted(url, error)}; look at the file"


def _quoted(url: URL, error: BaseException) -> str:
    """Return the driver's own words on one line, bounded, and without the password in any of its forms."""
    words = _SPACES.sub(" ", str(error)).strip()
    secrets = [str(url.password or ""), *(str(v) for k, v in url.query.items() if "password" in k.lower())]
    for secret in secrets:
        if secret:
            words = words.replace(secret, "***")
    words = "".join(c if c.isprintable() else "?" for c in words)
    return words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE]}…"
