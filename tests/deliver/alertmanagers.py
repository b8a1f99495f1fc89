"""Debian's real Alertmanager on this machine, with a receiver for what it sends on."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from tests.debian import program
from tests.deliver.receivers import Receiver

PATIENCE = 30
"""Seconds that are waited for it at most; only a test that has failed waits so long."""

_CONFIG = """
route:
  receiver: notes
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: notes
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


@dataclass
class Notified:
    """An alert as Alertmanager sent it on."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts: datetime
    ends: datetime
    link: str


class Alertmanagers:
    """One Alertmanager, which can be started again as a process that has forgotten its alerts.

    Attributes:
        url: where it is reached.
        receiver: gets what it sends on.
    """

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        """Take a folder for its files, and the receiver."""
        self._path = program("prometheus-alertmanager", "usr/bin/prometheus-alertmanager")
        self._folder = folder
        self.receiver = receiver
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        config = self._folder / "alertmanager.yml"
        config.write_text(_CONFIG.format(url=self.receiver.url("/notes")))
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._path,
                    f"--config.file={config}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "no_proxy": "127.0.0.1"},
            )
        eventually(self._is_ready)

    def stop(self) -> None:
        """Stop it, as a restart does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def alerts(self, **query: Any) -> list[dict[str, Any]]:
        """Return the alerts that it shows, in a fixed order."""
        found: list[dict[str, Any]] = self._get("/api/v2/alerts", query)
        return sorted(found, key=lambda alert: json.dumps(alert["labels"], sort_keys=True))

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of the findings that it shows."""
        return sorted(alert["labels"]["fingerprint"] for alert in self.alerts())

    def silence(self, **labels: str) -> None:
        """Silence what has all these labels."""
        now = datetime.now(UTC)
        matchers = [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()]
        answer = requests.post(
            f"{self.url}/api/v2/silences",
            json={
                "matchers": matchers,
                "startsAt": now.isoformat(),
                "endsAt": (now + timedelta(hours=1)).isoformat(),
                "createdBy": "tests",
                "comment": "known",
            },
            timeout=PATIENCE,
        )
        assert answer.status_code == 200, answer.text

    def notified(self) -> list[Notified]:
        """Return all alerts that it has sent on, first to last."""
        groups = [json.loads(request.body) for request in list(self.receiver.requests)]
        return [
            Notified(
                status=alert["status"],
                labels=alert["labels"],
                annotations=alert["annotations"],
                starts=datetime.fromisoformat(alert["startsAt"]),
                ends=datetime.fromisoformat(alert["endsAt"]),
                link=alert["generatorURL"],
            )
            for group in groups
            for alert in group["alerts"]
        ]

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=PATIENCE).status_code == 200
        except requests.RequestException:
            return False

    def _get(self, path: str, query: dict[str, Any]) -> Any:
        answer = requests.get(self.url + path, params=query, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Alertmanagers]:
    """Run one, and a receiver for it."""
    with Receiver() as receiver:
        one = Alertmanagers(folder, receiver)
        try:
            one.start()
            yield one
        finally:
            one.stop()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds. Raises AssertionError if it does not come to hold."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
