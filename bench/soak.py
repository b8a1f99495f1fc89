"""A week of the agent in a few minutes, with all that can go wrong, and what arrived in the end.

A real agent with a real ledger, sender and scheduler, whose audits alone are made up, lives by a clock that runs fast
and is set forward and back. It delivers to a receiver of webhooks, to a mail server and to a real Alertmanager, which
fail in turn; its database is locked and its disk full now and then; and it is killed a hundred times.
"""

import contextlib
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from auditor.config.channels import ChannelBase
from auditor.config.load import parse
from auditor.deliver.planning import routed
from auditor.ledger.database import Database
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import DeliveryState, LifeState, RunState
from auditor.ledger.tables import findings as finding_rows
from auditor.ledger.tables import runs as run_rows
from bench.show import show
from bench.soak_agent import CLOCK, CONFIG, SPEED
from bench.soak_clock import Clock
from bench.soak_world import Agents, Disk, Hook, Mails, locked_postgresql, locked_sqlite
from tests.deliver import alertmanagers
from tests.ledger import postgres

Fault = Callable[[], contextlib.AbstractContextManager[None]]
Event = Callable[[], None]
CLUSTERS = ("shop", "staging")
_HOUR = timedelta(hours=1)
_DRAIN = 90.0
"""Seconds in which everything has to arrive when nothing fails any more."""
_CLOCK_SET = ((0.25, 5), (0.57, -2), (0.72, 3), (0.78, -5))
"""When the clock is set, as a share of the whole time, and by how many hours."""
_TEMPLATE = """
[report]
formats = ["json"]
[ledger]
url = "{url}"
keep_runs = 100000
[[schedules]]
name = "hourly"
cron = "0 * * * *"
[[schedules]]
name = "daily"
cron = "30 8 * * *"
channels = ["reports", "mail"]
[[schedules]]
name = "weekly"
cron = "0 8 * * 1"
channels = ["reports", "mail"]
send = "on-findings"
[[channels]]
name = "reports"
kind = "webhook"
content = "report"
url = "{hook}"
give_up_after_hours = 2000
[[channels]]
name = "batches"
kind = "webhook"
url = "{hook}"
give_up_after_hours = 2000
[[channels]]
name = "findings"
kind = "webhook"
content = "findings"
severities = ["critical", "high"]
max_alerts = 3
url = "{hook}"
give_up_after_hours = 2000
[[channels]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = {smtp}
security = "none"
from = "auditor@example.com"
to = ["ops@example.com"]
attach = ["json"]
give_up_after_hours = 2000
[[channels]]
name = "alerts"
kind = "alertmanager"
url = "{alertmanager}"
severities = ["critical", "high", "medium"]
resend_seconds = 1
expire_seconds = 2592000
give_up_after_hours = 2000
"""
_CLUSTER = '[[clusters]]\nname = "{name}"\nregion = "cn-hangzhou"\ncluster_id = "c1cef2604bddf0081a2b{name}"\n'


@dataclass(frozen=True)
class Plan:
    """How much of it. ``speed`` is how many seconds pass on the agent's clock in one; ``kills`` are all at random."""

    hours: int = 168
    speed: float = 2400.0
    kills: int = 100
    on_postgresql: bool = False
    seed: int = 1


@dataclass
class Result:
    """What came of it. ``faults`` are sentences; there should be none."""

    figures: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Soak:
    """One soak."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Take a folder for all files."""
        self._plan = plan
        self._folder = folder
        self._luck = random.Random(plan.seed)
        self._result = Result()
        self._hook, self._mails = Hook(), Mails()
        self._over = threading.Event()
        self._compared: set[tuple[str, ...]] = set()
        self._trusted_from = 0.0
        self._counts: Counter[str] = Counter()

    def run(self) -> Result:
        """Do all of it."""
        with contextlib.ExitStack() as stack:
            disk = Disk(self._folder / "disk", lambda: self._agents)
            stack.callback(disk.close)
            stack.enter_context(self._hook.server)
            stack.enter_context(self._mails.server)
            self._alertmanager = stack.enter_context(alertmanagers.running(self._folder))
            url, lock = stack.enter_context(self._database())
            self._configure(url)
            self._agents = Agents(self._folder)
            stack.callback(self._agents.close)
            self._agents.start()
            self._agents.wait_until_up()
            self._ledger = stack.enter_context(Ledger.open(url))
            comparing = threading.Thread(target=self._compare, daemon=True)
            comparing.start()
            self._live(disk, lock)
            self._heal()
            self._over.set()
            comparing.join(_DRAIN)
            self._judge(url)
        return self._result

    @contextlib.contextmanager
    def _database(self) -> Iterator[tuple[str, Fault]]:
        if not self._plan.on_postgresql:
            path = self._folder / "disk" / "auditor.db"
            yield f"sqlite:///{path}?timeout=0.5", partial(locked_sqlite, path)
            return
        with postgres.running() as server:
            name = server.make_database()
            yield f"{server.url(name)}&options=-clock_timeout%3D500", partial(locked_postgresql, server, name)

    def _configure(self, url: str) -> None:
        # Alertmanager has the true time: what is over there must be in the past, and what goes on must not be.
        start = datetime.now(UTC).replace(minute=50) - timedelta(hours=self._plan.hours + 48)
        self._clock = Clock.made(self._folder / CLOCK, start, self._plan.speed)
        (self._folder / SPEED).write_text(str(self._plan.speed), encoding="ascii")
        text = _TEMPLATE.format(
            url=url,
            hook=self._hook.server.url("/hook"),
            smtp=self._mails.server.port,
            alertmanager=self._alertmanager.url,
        ) + "".join(_CLUSTER.format(name=name) for name in CLUSTERS)
        (self._folder / CONFIG).write_text(text, encoding="utf-8")
        self._channels = {one.name: one for one in parse(text.encode(), self._folder / CONFIG).channels}

    def _live(self, disk: Disk, lock: Fault) -> None:
        """Let the time pass, and let everything go wrong, each in its turn."""
        seconds = self._plan.hours * 3600 / self._plan.speed
        begun = time.monotonic()
        due = self._events(seconds, disk, lock)
        kills = sorted(self._luck.uniform(0.02, 0.98) * seconds for _ in range(self._plan.kills))
        nows = sorted(self._luck.uniform(0.02, 0.98) * seconds for _ in range(max(3, self._plan.hours // 6)))
        while (at := time.monotonic() - begun) < seconds or due:
            if due and due[0][0] <= at:
                due.pop(0)[1]()
            elif kills and kills[0] <= at:
                kills.pop(0)
                self._restart(signal.SIGKILL)
            elif nows and nows[0] <= at and self._agents.is_up:
                nows.pop(0)
                self._agents.send(signal.SIGUSR1)
            elif not self._agents.is_alive:
                self._agents.start()  # it could not open its ledger: what supervises it starts it again
            else:
                time.sleep(0.01)

    def _events(self, seconds: float, disk: Disk, lock: Fault) -> list[tuple[float, Event]]:
        open_now: dict[str, contextlib.ExitStack] = {}

        def begin(name: str, what: Fault) -> None:
            open_now[name] = contextlib.ExitStack()
            try:
                open_now[name].enter_context(what())
                self._counts[name] += 1
            except (sqlite3.Error, OSError):
                self._counts[f"{name}: not done"] += 1

        def end(name: str) -> None:
            open_now.pop(name).close()

        def over(share: float, name: str, lasts: float, what: Fault) -> None:
            events.append((share * seconds, partial(begin, name, what)))
            events.append((share * seconds + lasts, partial(end, name)))

        events: list[tuple[float, Event]] = []
        day = min(24 / self._plan.hours, 0.15) * seconds
        over(0.10, "receiver down for a day", day, lambda: self._hooked("down"))
        over(0.28, "receiver busy", day / 4, lambda: self._hooked("busy"))
        over(0.34, "receiver slow", day / 4, lambda: self._hooked("slow"))
        over(0.20, "SMTP refuses", day, self._refusing)
        over(0.62, "Alertmanager away", day / 4, self._away)
        for share in (0.42, 0.52, 0.82):
            over(share, "database locked", 1.5, lock)
        if not self._plan.on_postgresql:
            for share in (0.47, 0.88):
                over(share, "disk full", max(1.5, day / 8), disk.full)
        events += [(at * seconds, partial(self._set_clock, hours)) for at, hours in _CLOCK_SET]
        events += [(share * seconds, partial(self._restart, signal.SIGTERM)) for share in (0.40, 0.68, 0.93)]
        return sorted(events, key=lambda event: event[0])

    @contextlib.contextmanager
    def _hooked(self, mode: str) -> Iterator[None]:
        self._hook.mode = mode
        yield
        self._hook.mode = "up"

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        self._mails.refuse(refuse=True)
        yield
        self._mails.refuse(refuse=False)

    @contextlib.contextmanager
    def _away(self) -> Iterator[None]:
        self._trusted_from = float("inf")
        self._alertmanager.stop()
        yield
        threading.Thread(target=self._back, daemon=True).start()

    def _back(self) -> None:
        self._alertmanager.start()
        # It has forgotten everything, and hears of what is open again within a second of the agent's.
        self._trusted_from = time.monotonic() + 4

    def _set_clock(self, hours: int) -> None:
        self._clock.set_by(hours * _HOUR)
        self._counts["clock set"] += 1

    def _restart(self, how: signal.Signals) -> None:
        self._agents.end(how)
        self._counts["kill -9" if how is signal.SIGKILL else "SIGTERM"] += 1
        self._agents.start()

    def _heal(self) -> None:
        """Let an agent that audits nothing more deliver what is left."""
        self._agents.end(signal.SIGTERM)
        self._agents.start(draining=True)
        if not self._agents.wait_until_up():
            raise RuntimeError("the agent does not start although nothing fails any more")
        end = time.monotonic() + _DRAIN
        while time.monotonic() < end:
            left = self._ledger.deliveries(states=(DeliveryState.OWED,), limit=1)
            if not left and not self._ledger.runs(states=(RunState.RUNNING,)):
                break
            time.sleep(0.1)
        time.sleep(1.5)  # Alertmanager is told what is open once more
        self._compare_once(final=True)
        self._agents.end(signal.SIGTERM)

    # What Alertmanager shows.

    def _compare(self) -> None:
        while not self._over.wait(0.1):
            with contextlib.suppress(LedgerError):
                self._compare_once()

    def _compare_once(self, *, final: bool = False) -> None:
        """Compare what Alertmanager shows with what is open, at a moment at which nothing is on its way to it."""
        if time.monotonic() < self._trusted_from:
            return
        before = self._settled()
        if before is None:
            if final:
                self._result.faults.append("the ledger still owes Alertmanager something in the end")
            return
        expected = self._expected()
        try:
            shown = set(self._alertmanager.fingerprints())
        except Exception:  # noqa: BLE001 - it is being stopped
            return
        if self._settled() != before or time.monotonic() < self._trusted_from:
            return
        if before not in self._compared or final:
            self._compared.add(before)
            self._counts["compared"] += 1
            if shown != expected:
                self._counts["differ"] += 1
                self._result.faults.append(
                    f"Alertmanager after {before}: lacks {sorted(expected - shown)}, "
                    f"has besides {sorted(shown - expected)}"
                )

    def _settled(self) -> tuple[str, ...] | None:
        if any(one.channel == "alerts" for one in self._ledger.deliveries("alerts", (DeliveryState.OWED,), 1)):
            return None
        latest = [self._ledger.latest(name) for name in CLUSTERS]
        return tuple(run.id if run else "" for run in latest)

    def _expected(self) -> set[str]:
        channel = self._channels["alerts"]
        lives = self._ledger.lives(states=(LifeState.OPEN, LifeState.UNEVALUATED))
        told = {one for name in CLUSTERS for one in self._ledger.told(name).get("alerts", ())}
        return {one.fingerprint for one in routed(channel, [life.finding for life in lives])} & told

    # What arrived.

    def _judge(self, url: str) -> None:
        judged, result = self._result, self._result.figures
        every = self._ledger.deliveries(limit=10**6)
        runs = self._ledger.runs(limit=10**6)
        states = Counter(run.state for run in runs)
        recorded = {run.id for run in runs}
        owed = {one.key: one for one in every}
        taken = {**self._hook.taken, **self._mails.taken}
        sent_by_key = {key for key, one in owed.items() if one.channel != "alerts"}
        unfinished = [one for one in every if one.state is not DeliveryState.DELIVERED]
        doubled = {key: bodies for key, bodies in taken.items() if len(bodies) > 1}
        differing = [key for key, bodies in doubled.items() if key in self._hook.taken and len(set(bodies)) > 1]
        lost = sorted(sent_by_key - set(taken))
        strange = sorted(set(taken) - sent_by_key)
        logged = self._agents.unnoted() - recorded
        missing = sorted(self._agents.begun - recorded - logged)
        result.update(
            {
                "runs begun": len(self._agents.begun),
                "runs recorded": states[RunState.FINISHED],
                "runs noted as interrupted": states[RunState.INTERRUPTED],
                "runs noted as failed": states[RunState.FAILED],
                "runs killed while the ledger was locked, in the log alone": len(logged),
                "runs that left no trace": len(missing),
                "deliveries owed": len(sent_by_key),
                "deliveries received, by key": len(sent_by_key & set(taken)),
                "deliveries lost": len(lost),
                "received and never owed": len(strange),
                "received more than once, by the same key": len(doubled),
                "of these with another body": len(differing),
                "snapshots delivered to Alertmanager": len(owed) - len(sent_by_key),
                "Alertmanager compared with what is open": self._counts.pop("compared", 0),
                "of these it differed": self._counts.pop("differ", 0),
                **self._counts,
            }
        )
        judged.faults += [f"lost: {key}" for key in lost] + [f"never owed: {key}" for key in strange]
        judged.faults += [f"not delivered: {one.key} ({one.state}: {one.last_error})" for one in unfinished]
        judged.faults += [f"a run left no trace: {one}" for one in missing]
        judged.faults += [f"another body at another attempt: {one}" for one in differing]
        judged.faults += [f"the run goes on for ever: {run.id}" for run in runs if run.state is RunState.RUNNING]
        judged.faults += [f"a run broke: {run.id}: {run.error}" for run in runs if run.state is RunState.FAILED]
        judged.faults += [f"an agent ended with {code}" for code in self._agents.exits if code not in (-9, -15, 0, 3)]
        judged.faults += self._judge_lives(url)

    def _judge_lives(self, url: str) -> Iterator[str]:
        """Yield where the lives of the findings and the runs do not agree."""
        stages: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        late = self._late()
        self._result.figures["runs recorded out of order, after the clock was set back"] = len(late)
        database = Database(url)
        joined = (
            select(run_rows.c.cluster, finding_rows.c.fingerprint, finding_rows.c.lifecycle)
            .join(run_rows, run_rows.c.id == finding_rows.c.run_id)
            .where(run_rows.c.id.not_in(late))
        )
        with database.read() as connection:
            for cluster, fingerprint, stage in connection.execute(joined):
                stages[cluster, fingerprint][stage] += 1
        database.close()
        for life in self._ledger.lives(states=()):
            seen = stages.pop((life.cluster, life.fingerprint), Counter())
            gone = life.state is LifeState.RESOLVED
            if seen["new"] != 1 or seen["reopened"] != life.reopened:
                was = f"new {seen['new']} times, reopened {seen['reopened']} times"
                yield f"{life.cluster} {life.fingerprint}: it was {was}, by its life {life.reopened} times"
            if seen["resolved"] != seen["reopened"] + gone:
                yield f"{life.cluster} {life.fingerprint}: resolved {seen['resolved']} times, {life.state} in the end"
        for cluster, fingerprint in stages:
            yield f"{cluster} {fingerprint}: seen, and has no life"
        for name in CLUSTERS:
            latest = self._ledger.latest(name)
            outcome = self._ledger.outcome(latest.id) if latest else None
            told = {one.fingerprint for one in outcome.findings} if outcome else set()
            if told != {life.fingerprint for life in self._ledger.lives(name)}:
                yield f"{name}: what is open is not what the last run found"

    def _late(self) -> list[str]:
        """Return the runs that were recorded as the audit made them, for a later state was known."""
        finished = self._ledger.runs(limit=10**6, states=(RunState.FINISHED,))
        outcomes = [self._ledger.outcome(run.id) for run in finished]
        return [one.run_id for one in outcomes if any(finding.first_seen is None for finding in one.findings)]


def soak(plan: Plan) -> Result:
    """Do a soak in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return Soak(plan, Path(folder)).run()


def main(*, on_postgresql: bool = False) -> None:
    """A week, with a hundred kills."""
    plan = Plan(on_postgresql=on_postgresql)
    result = soak(plan)
    kind = "PostgreSQL" if on_postgresql else "SQLite"
    show(f"A week of the agent on {kind}", ("what", "number"), result.figures.items())
    for fault in result.faults[:50]:
        print(f"FAULT: {fault}", file=sys.stderr)
    if result.faults:
        raise SystemExit(f"{len(result.faults)} faults")


__all__ = ["ChannelBase", "Plan", "Result", "Soak", "soak"]
