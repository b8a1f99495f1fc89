"""A database that can't be used: one clear sentence, and no password in it."""

import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import event

from auditor.ledger.ledger import Ledger, LedgerError
from auditor.ledger.records import Owed
from tests.ledger.make import record, run
from tests.ledger.postgres import PASSWORD, Server

NOBODY = 65534


def refused(url: str) -> str:
    """Open a ledger in vain, and return what is said."""
    with pytest.raises(LedgerError) as caught:
        Ledger.open(url)
    said = str(caught.value)
    assert "\n" not in said
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__, "what lies behind it may quote the URL"
    return said


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may do everything, so root is somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach, and only read."""
    made = Path(tempfile.mkdtemp(prefix="ledger-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "can't be read"),
        ("auditor.db", "can't be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=memory&uri=true", "names no file"),
        ("mysql://root:hunter2@db/x", "kind 'mysql'"),
        ("postgresql+asyncpg://root:hunter2@db/x", "kind 'postgresql+asyncpg'"),
        ("postgresql://root:hunter2@db:port/x", "can't be read"),
    ],
)
def test_a_url_of_another_kind(url: str, what: str) -> None:
    said = refused(url)
    assert what in said
    assert "sqlite:///auditor.db" in said
    assert "hunter2" not in said


def test_a_locked_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}?timeout=0.1") as ledger, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"ledger\.db can't be used: another process has kept it locked"):
            record(ledger, run(0, ["a"]), Owed("mail", "report"))
        assert ledger.runs() == [], "reading goes on"
        with pytest.raises(LedgerError, match="locked"):
            ledger.health()
        other.rollback()
        record(ledger, run(0, ["a"]), Owed("mail", "report"))
        assert len(ledger.deliveries()) == 1


def test_a_new_file_that_another_process_keeps_locked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in refused(f"sqlite:///{path}?timeout=0.1")


def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        record(ledger, run(0, ["a"]), Owed("mail", "report"))
        engine = ledger._database._engine

        @event.listens_for(engine, "checkout")
        def fill(connection: sqlite3.Connection, *_: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 1}")

        many = [f"v{number}" for number in range(500)]
        with pytest.raises(LedgerError, match="the disk is full; make room"):
            record(ledger, run(1, many), Owed("mail", "report"))
        assert [one.id for one in ledger.runs()] == ["run-0000"]
        assert [life.subject.name for life in ledger.lives()] == ["a"]
        event.remove(engine, "checkout", fill)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert len(record(ledger, run(1, many), Owed("mail", "report")).findings) == 500
        assert len(ledger.deliveries()) == 2


def test_a_file_that_may_not_be_written(folder: Path) -> None:
    path = folder / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        record(ledger, run(0, ["a"]))
    path.chmod(0o444)
    folder.chmod(0o555)
    with as_another_user():
        said = ""
        try:
            with Ledger.open(f"sqlite:///{path}") as ledger:
                ledger.health()
        except LedgerError as error:
            said = str(error)
    assert "can't be used" in said
    assert "let this user write to" in said


def test_a_folder_that_may_not_be_written(folder: Path) -> None:
    folder.chmod(0o555)
    with as_another_user():
        assert "it can't be opened; make its folder, and let this user write to it" in refused(
            f"sqlite:///{folder / 'ledger.db'}"
        )


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "make its folder" in refused(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    assert "can't be opened" in refused(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 200, encoding="utf-8")
    assert "is no SQLite database; name another file" in refused(f"sqlite:///{path}")
    assert path.read_text(encoding="utf-8").startswith("these are my notes")


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        record(ledger, run(0, [f"v{number}" for number in range(200)]))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert "the database is damaged" in refused(f"sqlite:///{path}")


@pytest.mark.parametrize("password", ["wrong:pass@word/1", "x"])
def test_a_wrong_password(server: Server, password: str) -> None:
    said = refused(server.tcp_url("postgres", quote(password, safe="")))
    assert "the login was refused" in said
    assert "auditor@127.0.0.1" in said
    assert "check the user and the password" in said
    assert password not in said or password == "x"
    assert quote(password, safe="") not in said or password == "x"


def test_the_right_password(server: Server) -> None:
    url = server.tcp_url(server.make_database(), quote(PASSWORD, safe=""))
    with Ledger.open(url) as ledger:
        ledger.health()
        assert PASSWORD not in ledger.name


def test_a_password_among_the_parameters(server: Server) -> None:
    said = refused(f"postgresql://auditor@127.0.0.1:{server.port}/postgres?password=hunter2")
    assert "the login was refused" in said
    assert "hunter2" not in said


def test_no_password_at_all(server: Server) -> None:
    assert "the login was refused" in refused(f"postgresql://auditor@127.0.0.1:{server.port}/postgres")


def test_a_database_that_is_not_there(server: Server) -> None:
    assert "there is no such database" in refused(server.url("nowhere"))


def test_a_server_that_is_not_there(server: Server) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    said = refused(server.tcp_url("postgres", "hunter2", port))
    assert "the server can't be reached" in said
    assert str(port) in said
    assert "hunter2" not in said
    said = refused("postgresql://auditor:hunter2@no-such-host.invalid/postgres")
    assert "the server can't be reached" in said
    assert "hunter2" not in said


def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        said = refused(f"postgresql://auditor:hunter2@127.0.0.1:{port}/x?connect_timeout=2")
    assert "can't be used" in said
    assert "hunter2" not in said


def test_a_user_without_rights(server: Server) -> None:
    name = server.make_database()
    server.execute("CREATE ROLE guest LOGIN")
    try:
        said = refused(f"postgresql://guest@/{name}?host={server.folder}&port={server.port}")
        assert "the user may not do that" in said
    finally:
        server.execute("DROP ROLE guest")


def test_a_connection_that_broke_is_made_anew(server: Server) -> None:
    name = server.make_database()
    with Ledger.open(server.url(name)) as ledger:
        record(ledger, run(0, ["a"]))
        server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND state = 'idle'"
        )
        assert record(ledger, run(1)).resolved, "the pool finds out before it hands a connection out"


def test_a_connection_that_breaks_in_the_middle_records_nothing(server: Server) -> None:
    name = server.make_database()
    with Ledger.open(server.url(name)) as ledger:

        def plan(_outcome: object, _told: object) -> list[Owed]:
            server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            return [Owed("mail", "report")]

        with pytest.raises(LedgerError, match=r"shutting down, or starting|the connection broke"):
            ledger.finish(run(0, ["a"]), plan)
        assert ledger.runs() == []
        assert ledger.deliveries() == []
