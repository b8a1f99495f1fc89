"""The memory of the agent over a thousand runs: after a hundred of them against after all.

The receivers are in the process that measures; the agent, with its ledger, its deliveries and its reports, has a
process of its own.
"""

import gc
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from auditor.agent.runs import Request
from auditor.agent.service import Agent
from auditor.config.load import parse
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import DeliveryState
from bench.process import task
from bench.show import ratio, show
from bench.soak_script import Script
from bench.soak_world import Hook, Mails

RUNS = 1000
FIRST = 100
_PAGE = 4096 / 1024 / 1024
_PATIENCE = 600.0
_CONFIG = """
[report]
formats = ["json", "html", "markdown", "csv"]
[[clusters]]
name = "shop"
region = "cn-hangzhou"
cluster_id = "c1cef2604bddf0081a2bshop"
[[channels]]
name = "batches"
kind = "webhook"
url = "{hook}"
[[channels]]
name = "findings"
kind = "webhook"
content = "findings"
url = "{hook}"
[[channels]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = {smtp}
security = "none"
from = "auditor@example.com"
to = ["ops@example.com"]
attach = ["html", "json"]
"""


def agent(folder: str) -> dict[str, Any]:
    """Be the agent: audit, deliver, and return the MiB in memory by the number of runs."""
    path = Path(folder) / "auditor.toml"
    settings = parse(path.read_bytes(), path)
    found: dict[str, float] = {}
    with Ledger.open(settings.ledger_url()) as ledger:
        made = Agent(settings, (), ledger, auditing=Script(_unheard, pause=0.0, away=0))
        made.sender._first_pause = timedelta(milliseconds=100)  # noqa: SLF001 - there is no other need to set it
        made.start()
        for number in range(1, RUNS + 1):
            made.runs.request("shop", Request(trigger=f"run:{number}", reports={"mail": "always"}))
            if not made.runs.wait(_PATIENCE):
                raise RuntimeError("a run does not end")
            if number % FIRST == 0:
                while ledger.deliveries(states=(DeliveryState.OWED,), limit=1):
                    made.runs.wait(0.1)
                gc.collect()
                found[str(number)] = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
                print(f"{number} runs: {found[str(number)]:.0f} MiB", file=sys.stderr)
        made.shut_down()
    return {"resident": json.loads(json.dumps(found))}


def _unheard(_line: str) -> None:
    """Take what the script says of each run."""


def main() -> None:
    """Measure, and print the table."""
    hook, mails = Hook(), Mails()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, hook.server, mails.server:
        text = _CONFIG.format(hook=hook.server.url("/"), smtp=mails.server.port)
        (Path(folder) / "auditor.toml").write_text(text, encoding="utf-8")
        found = task("bench.soak_memory:agent", folder=folder)["resident"]
    first, last = found[str(FIRST)], found[str(RUNS)]
    rows = [(f"{number} runs", figure, ratio(figure, first)) for number, figure in found.items()]
    show("Memory of the agent", ("after", "MiB", f"to {FIRST} runs"), rows)
    if last > first * 1.2:
        raise SystemExit(f"the agent has grown from {first:.0f} to {last:.0f} MiB")
