"""Agents for tests: a configuration, a ledger in a file, and audits that are made up instead of carried out."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.agent.audit import identity_of
from auditor.agent.child import Interrupted, Job, NotAudited
from auditor.agent.service import Agent
from auditor.config.load import parse
from auditor.config.settings import Settings
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from auditor.judge.outcome import Outcome
from auditor.judge.registry import load_checks
from auditor.ledger.ledger import Ledger
from tests.ledger.make import finding, result

CLUSTER = """
[[clusters]]
name = "{name}"
region = "cn-hangzhou"
cluster_id = "c1cef2604bddf0081a2bc425e1415ce18"
"""


def settings(text: str, folder: Path, clusters: Sequence[str] = ("shop",)) -> Settings:
    """Return the settings of a configuration in a folder, with these clusters."""
    tables = "".join(CLUSTER.format(name=name) for name in clusters)
    return parse((text + tables).encode(), folder / "auditor.toml")


@dataclass
class Audits:
    """Stands in for the audits: each finds what ``volumes`` says of its cluster when it begins."""

    volumes: dict[str, list[str]] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)
    begun: list[tuple[str, str]] = field(default_factory=list)
    fails: bool = False
    breaks: bool = False
    at_once: int = 0
    most_at_once: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hold.set()
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}

    def __call__(self, job: Job, _settings: Settings, stop: threading.Event) -> Outcome:
        name = job.cluster.name
        with self._lock:
            self.begun.append((name, job.trigger))
            self._running[name] = self._running.get(name, 0) + 1
            self.most_at_once[name] = max(self.most_at_once.get(name, 0), self._running[name])
            self.at_once = max(self.at_once, sum(self._running.values()))
        try:
            return self._outcome(job, stop)
        finally:
            with self._lock:
                self._running[name] -= 1

    def _outcome(self, job: Job, stop: threading.Event) -> Outcome:
        while not self.hold.wait(0.01):
            if stop.is_set():
                raise Interrupted
        if self.breaks:
            raise ZeroDivisionError
        if self.fails:
            raise NotAudited([Reason("sts", ReasonKind.FORBIDDEN, t("the key is refused"), ("sts:GetCallerIdentity",))])
        found = tuple(finding(one) for one in self.volumes.get(job.cluster.name, []))
        return Outcome(
            run_id=job.run_id,
            cluster=identity_of(job.cluster),
            trigger=job.trigger,
            observed_at=job.started_at,
            started_at=job.started_at,
            finished_at=datetime.now(UTC),
            checks=(result(found=len(found)),),
            findings=found,
        )


@contextmanager
def agent(given: Settings, audits: Audits) -> Iterator[Agent]:
    """Give an agent that is not started yet, and shut it down after the block."""
    with Ledger.open(given.ledger_url()) as ledger:
        made = Agent(given, load_checks(), ledger, auditing=audits, patience=0.3)
        made.sender._first_pause = timedelta(milliseconds=50)
        try:
            yield made
        finally:
            audits.hold.set()
            made.shut_down()
