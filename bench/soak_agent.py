"""``python -m bench.soak_agent FOLDER``: a process that starts the agent of a soak again and again.

It has everything imported, so that a killed agent is back within a moment. It is told on standard input, line by
line, to start one (``run``), or one without schedules, which only delivers what is left (``drain``).
"""

import faulthandler
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import auditor.deliver.alertmanager
import auditor.deliver.email
import auditor.deliver.webhook
import auditor.report.json_report  # noqa: F401 - all four: what a forked agent has then imported already
from auditor.agent import logs, runs, service
from auditor.agent.service import Agent
from auditor.config.load import parse
from auditor.config.settings import Settings
from auditor.deliver import sender
from auditor.judge.check import LoadedCheck
from auditor.judge.registry import load_checks
from auditor.ledger import ledger
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from bench.soak_clock import Clock
from bench.soak_script import Script
from tests.ledger.make import DISKS, NODES

CONFIG = "auditor.toml"
CLOCK = "clock"
SPEED = "speed"
LOG = "agent.log"


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # a line comes whole or not at all


def _stretch(speed: float) -> None:
    """Make what is measured on the clock as long as the clock is fast, and shorten what is measured in real seconds."""
    service._TICK = 0.25  # noqa: SLF001 - all of these: there is no other need to set them
    runs.LEASE = timedelta(seconds=2 * speed)
    runs._RECORDING_PAUSE = 0.2  # noqa: SLF001
    ledger.RUN_LEASE = timedelta(seconds=4 * speed)
    sender.LEASE = timedelta(seconds=1.2 * speed)
    sender._RENEWALS = 0.3  # noqa: SLF001
    sender._LONGEST_SLEEP = 0.5  # noqa: SLF001


def _be_agent(folder: Path, settings: Settings, checks: Sequence[LoadedCheck], *, draining: bool) -> int:
    Clock(folder / CLOCK).rule()
    logs.set_up(json=True)
    if draining:
        settings.schedules.clear()
    try:
        with Ledger.open(settings.ledger_url()) as opened:
            agent = Agent(settings, checks, opened, auditing=Script(_say), patience=1.0)
            agent.sender._first_pause = timedelta(seconds=0.2)  # noqa: SLF001
            agent.listen_to_signals()
            agent.start()
            _say("up")
            agent.run_until_stopped()
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


def main(folder: Path) -> None:
    """Start agents, one after the other, as it is told."""
    settings = parse((folder / CONFIG).read_bytes(), folder / CONFIG)
    checks = [check for check in load_checks() if check.id in (DISKS, NODES)]
    _stretch(float((folder / SPEED).read_text(encoding="ascii")))
    _say("ready")
    for line in sys.stdin:
        agent = os.fork()
        if not agent:
            faulthandler.enable()
            os._exit(_be_agent(folder, settings, checks, draining=line.strip() == "drain"))
        _say(f"agent {agent}")
        _, status = os.waitpid(agent, 0)
        _say(f"gone {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
