"""A PostgreSQL server of the tests' own, in a temporary folder, on the loopback address and a socket."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.debian import program

PASSWORD = "pass:w@rd/0"
"""Has characters that a URL must escape."""
_STARTS_WITHIN = 60


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    folder: Path
    port: int

    def make_database(self) -> str:
        """Make an empty database, and return its name."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return name

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the server's own user."""
        with closing(self._connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str) -> str:
        """Return the URL of a database, through the socket."""
        return f"postgresql+psycopg://auditor@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, password: str, port: int = 0) -> str:
        """Return the URL of a database, through the loopback address, where a password is asked for."""
        return f"postgresql+psycopg://auditor:{password}@127.0.0.1:{port or self.port}/{database}"

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(host=str(self.folder), port=self.port, user="auditor", dbname=database, autocommit=True)


@contextmanager
def running() -> Iterator[Server]:
    """Run a server. PostgreSQL refuses to run as root, so root runs it as another user."""
    postgres = program("postgresql", "usr/lib/postgresql/*/bin/postgres")
    initdb = program("postgresql", "usr/lib/postgresql/*/bin/initdb")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        for path in (folder, folder / "password"):
            if user:
                os.chown(path, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        common: dict[str, Any] = {
            **as_user,
            "cwd": folder,
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder), "TZ": "UTC"},
        }
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "auditor", "-E", "UTF8", "--no-sync", "--auth-local=trust",
             "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}"],
            check=True, timeout=120, stdout=subprocess.PIPE, **common,
        )  # fmt: skip
        port = _free_port()
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [postgres, "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", str(port),
                 "-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=16MB"],
                stdout=log, **common,
            )  # fmt: skip
        server = Server(folder, port)
        try:
            _await(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for clients
            process.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _await(server: Server, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((server.folder / "log").read_text(encoding="utf-8")) from None
            time.sleep(0.05)
        else:
            return
