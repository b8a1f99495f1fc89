"""Agents with a history, and their sites on a free port, for the tests of the web."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import requests

from auditor.agent.child import Job
from auditor.agent.service import Agent
from auditor.agent.web.server import Site
from auditor.config.server import Server
from auditor.config.settings import Settings
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.check import LoadedCheck, load_check
from auditor.judge.outcome import Outcome
from auditor.judge.verdicts import Severity
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Owed
from tests.report import samples

SHOP = samples.CLUSTER
SECOND = ClusterIdentity("shop-staging", "c2cef2604bddf0081a2bc425e1415ce18", "cn-beijing")
TOKEN = "a-token-that-nobody-guesses-0123456789"
MAIL = {"name": "ops-mail", "kind": "email", "host": "127.0.0.1", "from": "a@example.com", "to": ["b@example.com"]}
WEEKLY = {"name": "weekly", "cron": "0 8 * * mon", "clusters": ["*"]}


def settings(folder: Path, **server: Any) -> Settings:
    """Make a configuration with two clusters, a schedule and a channel."""
    return Settings.model_validate(
        {
            "report": {"directory": str(folder / "reports"), "formats": ["json"]},
            "clusters": [
                {"name": one.name, "region": one.region, "cluster_id": one.cluster_id} for one in (SHOP, SECOND)
            ],
            "schedules": [WEEKLY],
            "server": {"port": 0, **server},
        }
    )


def checks() -> Sequence[LoadedCheck]:
    """Load two checks: enough for patterns and titles."""
    ids = ("access/kubelet-port-blocked", "storage/disk-in-other-zone")
    return [load_check(one, import_module(f"checks.{one.replace('/', '.').replace('-', '_')}")) for one in ids]


def run(number: int, cluster: ClusterIdentity = SHOP, **more: Any) -> Outcome:
    """Make the run of a day; the higher the number, the longer ago."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=number, minutes=5)
    given: dict[str, Any] = {
        "run_id": f"{cluster.name}-{number:04}",
        "cluster": cluster,
        "observed_at": moment,
        "started_at": moment,
        "finished_at": moment + timedelta(seconds=12),
        "resolved": (),
    }
    return samples.outcome(**(given | more))


def owing(*owed: Owed) -> Callable[..., Sequence[Owed]]:
    return lambda _outcome, _told: owed


def fill(ledger: Ledger) -> None:
    """Write a history: faults that come and go, an incomplete and a complete cluster, deliveries in all states."""
    extra = tuple(
        samples.finding(f"pv-extra-{i}", fingerprint=f"e{i:031x}", severity=list(Severity)[1 + i % 4]) for i in range(5)
    )
    base = samples.outcome().findings
    for number in range(30, 0, -1):
        ledger.finish(run(number, findings=base + extra[: (number * 7) % 6]), owing())
    report = Owed("ops-mail", "report", tuple(one.fingerprint for one in base))
    pager = Owed("pager", "finding", (base[0].fingerprint,))
    ledger.finish(run(0, findings=base + extra[:1], trigger="now"), owing(report, pager, Owed("chat", "batch")))
    healthy = samples.healthy()
    ledger.finish(
        run(0, SECOND, checks=healthy.checks, findings=(), collection=healthy.collection), owing(Owed("chat", "report"))
    )
    now = datetime.now(UTC)
    keys = {(one.channel, one.kind): one.key for one in ledger.deliveries()}
    ledger.give_up(keys["pager", "finding"], now, "the receiver answered 410 Gone: <b>no such integration</b>")
    ledger.delivered(keys["chat", "batch"], now)


class Audits:
    """Stands in for the process that audits: waits until it is let go, and returns an outcome."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.jobs: list[Job] = []

    def __call__(self, job: Job, _settings: Settings, stop: threading.Event) -> Outcome:
        self.jobs.append(job)
        while not self.go.wait(0.02):
            if stop.is_set():
                break
        identity = SHOP if job.cluster.name == SHOP.name else SECOND
        now = datetime.now(UTC)
        return samples.outcome(
            run_id=job.run_id,
            cluster=identity,
            trigger=job.trigger,
            observed_at=now,
            started_at=job.started_at,
            finished_at=now,
            resolved=(),
        )


class Running:
    """A site that is up, its agent, and a way to ask it."""

    def __init__(self, agent: Agent, site: Site, audits: Audits) -> None:
        self.agent = agent
        self.site = site
        self.audits = audits
        self.url = site.url

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.ask("POST", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        given: dict[str, Any] = {"allow_redirects": False, "timeout": 60}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, **(given | more))


@contextmanager
def running(folder: Path, *, history: Callable[[Ledger], None] | None = fill, **server: Any) -> Iterator[Running]:
    """Start an agent and its site."""
    configured = settings(folder, **server)
    audits = Audits()
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        if history:
            history(ledger)
        agent = Agent(configured, checks(), ledger, auditing=audits, patience=5)
        assert isinstance(configured.server, Server)
        site = Site(configured.server, agent)
        site.start()
        agent.schedules.start()
        try:
            yield Running(agent, site, audits)
        finally:
            audits.go.set()
            site.stop()
            agent.shut_down()
