"""The agent as a process: started, audited by, stopped and killed as an operator and a machine do it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.ledger.ledger import Ledger
from auditor.ledger.records import DeliveryState, RunState
from tests.agent.test_runs import until
from tests.cli.conftest import Place
from tests.deliver.receivers import Receiver

CONFIGURATION = """
[report]
formats = ["json"]

[[schedules]]
name = "rarely"
cron = "0 0 1 1 *"
channels = ["hook"]

[[channels]]
name = "hook"
kind = "webhook"
content = "report"
url_env = "HOOK_URL"

[[channels]]
name = "changes"
kind = "webhook"
content = "findings"
max_alerts = 1000
url_env = "HOOK_URL"
"""


@contextmanager
def running(place: Place, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Give the process of an agent, which is killed after the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", "run", "--config", str(place.config), *arguments],
        cwd=place.folder,
        env={**os.environ, **place._environment(), **environment, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def said(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    """Read what the agent says until it says this."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        found = json.loads(line) if line.startswith("{") else {}
        if found.get("event") == event:
            return dict(found)
    raise AssertionError(f"it never said {event!r}: {lines}")


def configure(place: Place) -> None:
    place.configure()
    place.config.write_text(CONFIGURATION + place.config.read_text(encoding="utf-8"), encoding="utf-8")


def test_from_a_signal_to_a_delivery_and_a_clean_stop(place: Place) -> None:
    configure(place)
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    with Receiver() as receiver, running(place, HOOK_URL=receiver.url("/hook")) as process:
        said(process, "the agent is up")
        process.send_signal(signal.SIGUSR1)
        ended = said(process, "audit ended")
        said(process, "delivered")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out == ""
        assert ended["complete"] is True
        requests = [request.json for request in receiver.requests]
    assert [request["type"] for request in requests] == ["com.ack-auditor.finding.new"], "nobody waits for a report"
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        (run,) = ledger.runs()
        assert (run.state, run.trigger, run.complete) == (RunState.FINISHED, "now", True)


def test_sigterm_in_the_middle_of_an_audit(place: Place) -> None:
    configure(place)
    with Receiver() as receiver, running(place, HOOK_URL=receiver.url("/hook")) as process:
        said(process, "the agent is up")
        process.send_signal(signal.SIGUSR1)
        said(process, "audit begins")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        (run,) = ledger.runs()
        assert run.state in (RunState.FINISHED, RunState.INTERRUPTED)


def test_killed_at_any_moment_it_owes_nothing_in_the_end(place: Place) -> None:
    """Between audit, record and delivery: whatever was recorded arrives, once by its key, after some restart."""
    configure(place)
    luck = random.Random(3)
    with Receiver() as receiver:
        for _round in range(5):
            with running(place, HOOK_URL=receiver.url("/hook")) as process:
                said(process, "the agent is up")
                process.send_signal(signal.SIGUSR1)
                said(process, "audit begins")
                time.sleep(luck.uniform(0, 6))
                process.kill()
        with running(place, HOOK_URL=receiver.url("/hook")) as process:
            said(process, "the agent is up")
            with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
                until(lambda: not ledger.deliveries(states=[DeliveryState.OWED]), 60)
                owed = {one.key for one in ledger.deliveries(limit=10_000)}
        got = {request.headers["webhook-id"] for request in receiver.requests}
    assert got == owed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the agent has nothing to do: expected at least one [[schedules]] table, or [server]"),
        (CONFIGURATION, "the environment variable HOOK_URL is not set"),
        (
            CONFIGURATION.replace('url_env = "HOOK_URL"', "", 1),
            "channels[hook].url: this key is required for a channel of kind webhook",
        ),
        ("[server]\n[ledger]\nurl='sqlite:////nowhere/at/all.db'\n", "/nowhere/at/all.db"),
        ("[server]\nport = 1\n[ledger]\nurl='mysql://a/b'\n", "mysql"),
    ],
)
def test_what_is_wrong_is_said_before_it_starts(place: Place, text: str, said: str) -> None:
    place.configure()
    place.config.write_text(text + place.config.read_text(encoding="utf-8"), encoding="utf-8")
    ran = place.run("run", "--config", "auditor.toml")
    assert ran.code == 3
    assert said in ran.err


@pytest.mark.parametrize("option", [["--demo"], ["--cluster", "a"], ["--deliver"], ["--format", "pdf"]])
def test_options_of_one_audit_are_refused_without_now(place: Place, option: list[str]) -> None:
    place.configure()
    ran = place.run("run", *option)
    assert ran.code == 3
    assert f"{option[0]} is for one audit: expected --now" in ran.err
