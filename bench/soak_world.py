"""What is around the agent of a soak: its receivers, its processes, and all that goes wrong with them."""

import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from bench.soak_agent import LOG
from tests.deliver.mailboxes import MailServer
from tests.deliver.receivers import Received, Receiver, Reply, reply
from tests.ledger.postgres import Server

_PATIENCE = 60.0
"""Seconds that anything is waited for; only a soak that has failed waits so long."""


class Hook:
    """A receiver of webhooks that can be down, busy or slow. What it took stands in ``taken``, by key."""

    def __init__(self) -> None:
        """Make it; it is up."""
        self.mode = "up"
        self.taken: dict[str, list[bytes]] = defaultdict(list)
        self._lock = threading.Lock()
        self.server = Receiver(always=self._answer)

    def _answer(self, request: Received) -> Reply:
        self.server.requests.clear()
        match self.mode:
            case "down":
                return Reply(cut=True)
            case "busy":
                return reply(503, "busy", Retry_After="1")
            case "slow":
                time.sleep(0.3)
        with self._lock:
            self.taken[request.headers["webhook-id"]].append(request.body)
        return Reply()


class Agents:
    """The process of the agent: started, killed and stopped. ``begun`` are the ids of the runs that it began."""

    def __init__(self, folder: Path) -> None:
        """Start the process that starts agents."""
        self._folder = folder
        self.begun: set[str] = set()
        self.exits: dict[int, int] = defaultdict(int)
        self._pid = 0
        self._changed = threading.Condition()
        self._is_up = self._is_ready = self._is_over = False
        self.limit = -1
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "bench.soak_agent", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._logger = threading.Thread(target=self._log, daemon=True)
        self._logger.start()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._wait(lambda: self._is_ready)

    def start(self, *, draining: bool = False) -> None:
        """Start an agent, and return when its process is there."""
        assert self._nursery.stdin
        print("drain" if draining else "run", file=self._nursery.stdin)
        self._wait(lambda: self._pid != 0)
        if self.limit >= 0:
            self.limit_files(self.limit)

    def wait_until_up(self) -> bool:
        """Wait until the agent is up, or has ended. Returns whether it is up."""
        self._wait(lambda: self._is_up or not self._pid)
        return self._is_up

    @property
    def is_up(self) -> bool:
        """Whether there is an agent that listens to signals."""
        return self._is_up

    @property
    def is_alive(self) -> bool:
        """Whether there is an agent."""
        return self._pid != 0

    def end(self, how: signal.Signals) -> None:
        """Send the agent a signal that ends it, and wait until it is gone."""
        self.send(how)
        self._wait(lambda: not self._pid)

    def send(self, what: signal.Signals) -> None:
        """Send the agent a signal, if there is one."""
        with self._changed, contextlib.suppress(ProcessLookupError):
            if self._pid:
                os.kill(self._pid, what)

    def limit_files(self, size: int) -> None:
        """Let the agent write no file beyond a size; -1 for any. It holds for those that are started later too."""
        self.limit = size
        with self._changed, contextlib.suppress(ProcessLookupError):
            if self._pid:
                most = resource.RLIM_INFINITY
                resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (most if size < 0 else size, most))

    def unnoted(self) -> set[str]:
        """Return the ids of the runs of which it logged that the ledger could not be told that they began."""
        lines = (self._folder / LOG).read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return {event["run"] for event in events if event["event"] == "the run could not be noted before it began"}

    def close(self) -> None:
        """End everything."""
        self.send(signal.SIGKILL)
        assert self._nursery.stdin
        self._nursery.stdin.close()
        self._nursery.wait(_PATIENCE)
        self._listener.join(_PATIENCE)
        self._logger.join(_PATIENCE)
        for stream in (self._nursery.stdout, self._nursery.stderr):
            if stream:
                stream.close()

    def _log(self) -> None:
        """Write down what the agent logs, which goes through a pipe: its files may be limited."""
        assert self._nursery.stderr
        with (self._folder / LOG).open("a", encoding="utf-8", buffering=1) as log:
            for line in self._nursery.stderr:
                log.write(line)

    def _listen(self) -> None:
        assert self._nursery.stdout
        for line in self._nursery.stdout:
            what, _, rest = line.strip().partition(" ")
            with self._changed:
                match what:
                    case "ready":
                        self._is_ready = True
                    case "agent":
                        self._pid, self._is_up = int(rest), False
                    case "up":
                        self._is_up = True
                    case "begun":
                        self.begun.add(rest)
                    case "gone":
                        self._pid, self._is_up = 0, False
                        self.exits[int(rest)] += 1
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _wait(self, true: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: true() or self._is_over, _PATIENCE) or self._is_over:
                raise RuntimeError(f"the agent does not do what it is told: see {self._folder / LOG}")


class Disk:
    """A small file system that can be filled, where this user may mount one; elsewhere files may not grow."""

    def __init__(self, folder: Path, agents: Callable[[], Agents]) -> None:
        """Take the folder that becomes the file system."""
        self._folder = folder
        self._agents = agents
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
        self.is_own = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Let there be no room in the block."""
        filler = self._folder / "filler"
        if self.is_own:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(1 << 16)):
                    pass
        else:
            self._agents().limit_files(4096)
        try:
            yield
        finally:
            if self.is_own:
                filler.unlink(missing_ok=True)
            else:
                self._agents().limit_files(-1)

    def close(self) -> None:
        """Take it away."""
        if self.is_own:
            subprocess.run(["umount", "-l", str(self._folder)], capture_output=True, check=False)


@contextlib.contextmanager
def locked_sqlite(path: Path) -> Iterator[None]:
    """Keep every other process from writing to a database."""
    lock = sqlite3.connect(path, isolation_level=None, timeout=20)
    try:
        lock.execute("BEGIN IMMEDIATE")
        yield
    finally:
        lock.close()


@contextlib.contextmanager
def locked_postgresql(server: Server, database: str) -> Iterator[None]:
    """Keep every other client from the tables, and break the connections of all."""
    with psycopg.connect(host=str(server.folder), port=server.port, user="auditor", dbname=database) as lock:
        lock.execute("SET lock_timeout = '10s'")
        lock.execute("LOCK TABLE auditor_runs, auditor_deliveries IN ACCESS EXCLUSIVE MODE")
        yield
        lock.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND pid <> pg_backend_pid()")  # fmt: skip


class Mails:
    """The mail server. What it took stands in ``taken``, by the key in the header."""

    def __init__(self) -> None:
        """Make it; it takes everything."""
        self.server = MailServer()

    def refuse(self, *, refuse: bool) -> None:
        """Answer every mail with a refusal that may pass, or take it."""
        if refuse:
            self.server.replies["MAIL"] = "451 come again later"
        else:
            self.server.replies.pop("MAIL", None)

    @property
    def taken(self) -> dict[str, list[bytes]]:
        """What came, by key."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for delivered in list(self.server.box):
            found[str(delivered.mail["X-Auditor-Key"]).strip()].append(delivered.content)
        return found
