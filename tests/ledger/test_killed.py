"""The process is killed at any moment: each run is recorded whole, with what it owes, or not at all."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

from auditor.ledger.ledger import Ledger
from auditor.ledger.records import DeliveryState, RunState
from tests.ledger.make import DAY, NOON

ROUNDS = 20
WORKERS = """
import os
import sys
from datetime import timedelta
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Owed
from tests.ledger.make import SHOP, run
volumes = [f"v{number}" for number in range(20)]

def say(line):
    os.write(1, f"{line}\\n".encode())  # a line comes whole or not at all

def work(url, first):
    with Ledger.open(url) as ledger:
        for number in range(first, first + 100_000):
            outcome = run(number, volumes[number % 5 :])
            ledger.begin(outcome.run_id, SHOP, "now", outcome.started_at)
            ledger.finish(
                outcome,
                lambda done, told: [
                    *(Owed("pager", "finding", (one.fingerprint,)) for one in done.findings),
                    *(Owed("pager", "resolved", gone=(one.fingerprint,)) for one in done.resolved),
                ],
            )
            say(number)
            for delivery in ledger.claim(outcome.finished_at, 7, timedelta(seconds=30)):
                ledger.delivered(delivery.key, outcome.finished_at)
                say(delivery.key)

for first in sys.stdin:
    worker = os.fork()
    if not worker:
        work(sys.argv[1], int(first))
    say(f"worker {worker}")
    os.waitpid(worker, 0)
    say("gone")
"""


def test_killed_at_any_moment(url: str) -> None:
    luck = random.Random(7)
    recorded: list[int] = []
    delivered: set[str] = set()
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as nursery:
        assert nursery.stdin
        assert nursery.stdout
        for number in range(ROUNDS):
            print(number * 1000, file=nursery.stdin)
            said = [nursery.stdout.readline()]
            while not said[-1].startswith("worker"):
                said.append(nursery.stdout.readline())
                assert said[-1], "the process that starts the others is gone"
            process = int(said[-1].split()[1])
            # Some are killed while they open the database, most while they are at work.
            while number % 4 and not said[-1].strip().isdecimal():
                said.append(nursery.stdout.readline())
                assert said[-1], "the process that starts the others is gone"
            time.sleep(luck.uniform(0, 0.1))
            os.kill(process, signal.SIGKILL)
            while said[-1] != "gone\n":
                said.append(nursery.stdout.readline())
                assert said[-1], "the process that starts the others is gone"
            lines = [line.strip() for line in said]
            recorded += [int(line) for line in lines if line.isdecimal()]
            delivered |= {line for line in lines if "/" in line}
            if number % 10 == 9:
                check_whole(url, recorded, delivered)
        nursery.stdin.close()
    assert nursery.returncode == 0
    assert len(recorded) >= ROUNDS * 3 // 4
    assert delivered
    work_off(url, delivered)


def work_off(url: str, delivered: set[str]) -> None:
    """Deliver what is left: each once, and none that came already."""
    now = NOON + 1_000_000 * DAY
    with Ledger.open(url) as ledger:
        left = []
        while claimed := ledger.claim(now, 1000, DAY):
            for delivery in claimed:
                ledger.delivered(delivery.key, now)
                left.append(delivery.key)
        assert len(set(left)) == len(left)
        assert not delivered & set(left)
        states = [one.state for one in ledger.deliveries(limit=100_000)]
        assert set(states) == {DeliveryState.DELIVERED}
        assert len(states) >= len(left) + len(delivered)


def check_whole(url: str, recorded: list[int], delivered: set[str]) -> None:
    with Ledger.open(url) as ledger:
        runs = ledger.runs(limit=10_000)
        finished = {one.id for one in runs if one.state is RunState.FINISHED}
        assert {f"run-{number:04}" for number in recorded} <= finished, "what was said to be recorded is"
        owed = {one.key: one for one in ledger.deliveries(limit=100_000)}
        expected = set()
        for run_id in finished:
            outcome = ledger.outcome(run_id)
            expected |= {f"{run_id}/pager/finding/{one.fingerprint}" for one in outcome.findings}
            expected |= {f"{run_id}/pager/resolved/{one.fingerprint}" for one in outcome.resolved}
        assert set(owed) == expected, "each run with all that it owes, and nothing of a run that is not recorded"
        assert all(owed[key].state is DeliveryState.DELIVERED for key in delivered)
        latest = ledger.latest("shop")
        assert latest is not None
        told = {one.fingerprint for one in ledger.outcome(latest.id).findings}
        assert {life.fingerprint for life in ledger.lives("shop")} == told, "lives are those of the last run"
        assert ledger.told("shop") == {"pager": told}, "and so is what the channel was told"
        ledger.sweep(NOON + 1_000_000 * DAY)
        assert not ledger.runs(states=(RunState.RUNNING,))


def test_what_a_killed_sender_had_claimed_is_sent_by_the_next(url: str) -> None:
    program = (
        "import os, sys, signal\nfrom datetime import timedelta\nfrom auditor.ledger.ledger import Ledger\n"
        "from auditor.ledger.records import Owed\nfrom tests.ledger.make import record, run\n"
        "ledger = Ledger.open(sys.argv[1])\nrecord(ledger, run(0), Owed('mail', 'report'), Owed('pager', 'report'))\n"
        "assert len(ledger.claim(run(0).finished_at, 9, timedelta(minutes=1))) == 2\n"
        "ledger.delivered('run-0000/mail/report', run(0).finished_at)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, url], check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with Ledger.open(url) as ledger:
        assert ledger.claim(NOON + timedelta(seconds=21), 9, timedelta(minutes=1)) == [], "the lease holds"
        (left,) = ledger.claim(NOON + timedelta(minutes=2), 9, timedelta(minutes=1))
        assert left.key == "run-0000/pager/report"
