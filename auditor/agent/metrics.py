"""The agent's figures for Prometheus, read from the ledger when they are asked for.

What names a series is the operator's: clusters, channels and schedules of the configuration, checks, sources. No name
of an object in a cluster is among them, so that there are never more series than the configuration has room for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from auditor import __version__
from auditor.facts.table import ReasonKind
from auditor.judge.outcome import CheckResult, Outcome, Status
from auditor.ledger.errors import LedgerError
from auditor.ledger.overview import LifeCount
from auditor.ledger.records import DeliveryState, LifeState, RunRecord, RunState
from auditor.report.clean import one_line

if TYPE_CHECKING:
    from auditor.agent.service import Agent

_LONGEST_LABEL = 200


class AgentCollector(Collector):
    """Reads the figures of an agent."""

    def __init__(self, agent: "Agent") -> None:
        """Take the agent."""
        self._agent = agent
        self._clusters = [one.name for one in agent.settings.clusters]
        self._last: dict[str, tuple[str, _Details]] = {}

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand: the ledger is read for the figures only."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all figures; without the ledger, those that need none."""
        yield from self._own()
        up = GaugeMetricFamily("auditor_ledger_up", "Whether the ledger can be read.")
        try:
            found = [*self._findings(), *self._runs(), *self._deliveries()]
        except LedgerError:
            found = []
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        yield up
        yield from found

    def _own(self) -> Iterator[Metric]:
        yield _gauge("auditor_build_info", "The version of the auditor.", ["version"], {(__version__,): 1})
        running = self._agent.schedules.is_running
        yield _gauge("auditor_scheduler_running", "Whether schedules are kept.", [], {(): int(running)})
        due: dict[tuple[str, ...], float] = {
            (name,): at.timestamp() for name, at in self._agent.schedules.next_times().items()
        }
        yield _gauge("auditor_schedule_next_due_timestamp_seconds", "When a schedule is due next.", ["schedule"], due)
        under_way = len(self._agent.runs.under_way())
        yield _gauge(
            "auditor_clusters_under_way", "Clusters of which a run is under way or waits.", [], {(): under_way}
        )

    def _findings(self) -> Iterator[Metric]:
        counts = [one for one in self._agent.ledger.overview.life_counts() if one.cluster in self._clusters]
        by_kind: dict[tuple[str, ...], float] = defaultdict(float)
        for one in counts:
            if one.state is not LifeState.RESOLVED:
                by_kind[one.cluster, one.check, one.severity.value, _state(one)] += one.number
        yield _gauge(
            "auditor_findings",
            "Findings that are not resolved: open, suppressed, or unevaluated (there before, and not looked at since).",
            ["cluster", "check", "severity", "state"],
            by_kind,
        )
        now = datetime.now(UTC)
        ages: dict[tuple[str, ...], float] = {}
        for one in counts:
            if one.state is LifeState.OPEN and not one.suppressed:
                age = max(0.0, (now - one.oldest).total_seconds())
                ages[one.cluster,] = max(age, ages.get((one.cluster,), 0.0))
        yield _gauge(
            "auditor_oldest_finding_age_seconds",
            "For how long the oldest open finding that counts is known.",
            ["cluster"],
            ages,
        )

    def _runs(self) -> Iterator[Metric]:
        latest = {name: run for name in self._clusters if (run := self._agent.ledger.latest(name))}
        details = {name: self._details(run) for name, run in latest.items()}
        now = datetime.now(UTC)
        ended = {name: run.finished_at or run.started_at for name, run in latest.items()}
        yield _gauge(
            "auditor_last_run_age_seconds",
            "How long ago the last finished run ended.",
            ["cluster"],
            {(name,): max(0.0, (now - at).total_seconds()) for name, at in ended.items()},
        )
        yield _gauge(
            "auditor_last_run_duration_seconds",
            "How long the last finished run took.",
            ["cluster"],
            {(name,): (ended[name] - run.started_at).total_seconds() for name, run in latest.items()},
        )
        yield _gauge(
            "auditor_last_run_complete",
            "Whether the last finished run could look at everything.",
            ["cluster"],
            {(name,): int(bool(run.complete)) for name, run in latest.items()},
        )
        yield _gauge(
            "auditor_last_run_checks",
            "The checks of the last finished run, by status.",
            ["cluster", "status"],
            {(name, status.value): run.checks.get(status, 0) for name, run in latest.items() for status in Status},
        )
        yield _gauge(
            "auditor_check_not_evaluated",
            "1 for each check that could not look at something in the last finished run, but for what is switched off.",
            ["cluster", "check"],
            {(name, check): 1 for name, one in details.items() for check in one.not_evaluated},
        )
        for figure, text in (("calls", "Calls to an API"), ("retries", "Calls to an API that were tried again")):
            yield _gauge(
                f"auditor_last_run_{figure}",
                f"{text} in the last finished run, by source.",
                ["cluster", "source"],
                {(name, source): n for name, one in details.items() for source, n in getattr(one, figure).items()},
            )
        kept = self._agent.ledger.overview.run_counts()
        yield _gauge(
            "auditor_runs",
            "The runs in the history, by state.",
            ["cluster", "state"],
            {(name, state.value): kept.get((name, state), 0) for name in self._clusters for state in RunState},
        )

    def _deliveries(self) -> Iterator[Metric]:
        counts = self._agent.ledger.delivery_counts()
        channels = sorted({name for name, _ in counts} | {one.name for one in self._agent.settings.channels})
        yield _gauge(
            "auditor_deliveries",
            "The deliveries in the history, by state: owed, delivered, or dead (given up).",
            ["channel", "state"],
            {(name, state.value): counts.get((name, state), 0) for name in channels for state in DeliveryState},
        )
        now = datetime.now(UTC)
        yield _gauge(
            "auditor_oldest_owed_delivery_age_seconds",
            "For how long the oldest delivery is owed that has not come.",
            ["channel"],
            {
                (name,): max(0.0, (now - since).total_seconds())
                for name, since in self._agent.ledger.overview.oldest_owed().items()
            },
        )

    def _details(self, run: RunRecord) -> "_Details":
        """Return what only the whole outcome says; it is read once for each run."""
        known = self._last.get(run.cluster)
        if known is None or known[0] != run.id:
            known = (run.id, _Details(self._agent.ledger.outcome(run.id)))
            self._last[run.cluster] = known
        return known[1]


class _Details:
    """The few figures that are kept of an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.not_evaluated = sorted({one.id for one in outcome.checks if _has_gap(one)})
        self.calls: dict[str, int] = defaultdict(int)
        self.retries: dict[str, int] = defaultdict(int)
        for log in outcome.collection:
            self.calls[log.source] += log.calls
            self.retries[log.source] += log.retries


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the figures in the format that is asked for, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def registry_of(agent: "Agent") -> CollectorRegistry:
    """Return a registry with the figures of an agent and of its process, and none of anybody else's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(AgentCollector(agent))
    ProcessCollector(registry=registry)
    return registry


def _has_gap(check: CheckResult) -> bool:
    return any(reason.kind is not ReasonKind.SWITCHED_OFF for reason in check.reasons)


def _state(one: LifeCount) -> str:
    return "suppressed" if one.suppressed and one.state is LifeState.OPEN else one.state.value


def _gauge(name: str, text: str, labels: list[str], values: dict[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    written: dict[tuple[str, ...], float] = defaultdict(float)
    for key, value in values.items():
        # Two names that differ only in what is not shown would be one series twice, which is no valid exposition.
        written[tuple(one_line(part)[:_LONGEST_LABEL] for part in key)] += value
    for key, value in written.items():
        family.add_metric(list(key), value)
    return family
