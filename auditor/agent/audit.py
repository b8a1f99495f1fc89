"""One audit of one cluster: collect, judge, suppress."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from auditor.agent.sides import open_sides
from auditor.collect.plan import Progress, Side, collect, why_not
from auditor.config.clusters import Cluster
from auditor.config.settings import Suppression as SuppressionSettings
from auditor.facts.landscape import ClusterIdentity, Landscape, WantedIdentity, WantedRight
from auditor.facts.ref import Layer
from auditor.facts.table import Reason
from auditor.judge.annotations import Speakers, annotations_in, speakers_of
from auditor.judge.check import LoadedCheck
from auditor.judge.engine import judge, needed_tables
from auditor.judge.outcome import CheckResult, Outcome, Status, Suppression
from auditor.judge.suppression import Notes, SuppressionRule, Suppressions


class NothingReadable(Exception):  # noqa: N818 - read as a sentence
    """Neither side of a cluster can be read, so there is nothing to audit. Carries why, for each side."""

    def __init__(self, cluster: str, reasons: Sequence[Reason]) -> None:
        """Take the reasons of both sides."""
        super().__init__(cluster)
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Times:
    """When a run began and ended."""

    started: datetime
    finished: datetime


@dataclass(frozen=True)
class Watcher:
    """Who wants to see how an audit goes on."""

    on_collect: Callable[[Progress], None] = field(default=lambda _progress: None)
    on_check: Callable[[LoadedCheck], None] = field(default=lambda _check: None)
    on_unreadable: Callable[[Layer, Reason], None] = field(default=lambda _layer, _reason: None)


def collect_live(
    cluster: Cluster, checks: Sequence[LoadedCheck], watcher: Watcher, identity: ClusterIdentity | None = None
) -> Landscape:
    """Collect what the checks need from a cluster. ``identity`` stands in for what its configuration says of it.

    Raises:
        NothingReadable: neither side answers.
        ConfigError: the local configuration of a side is wrong.
    """
    tables = needed_tables(checks)
    if cluster.suppress_by_annotation:
        tables |= speakers_of(tables)
    with open_sides(cluster) as sides:
        _ensure_readable(cluster.name, sides, watcher)
        return collect(tables, sides, identity or identity_of(cluster), watcher.on_collect)


def audit(
    landscape: Landscape,
    checks: Sequence[LoadedCheck],
    suppressions: Sequence[SuppressionSettings],
    trigger: str,
    watcher: Watcher,
    started_at: datetime | None = None,
    run_id: str = "",
    *,
    by_annotation: bool = False,
    known: Sequence[LoadedCheck] = (),
) -> Outcome:
    """Judge a landscape.

    Args:
        landscape: what was collected.
        checks: those that are asked for.
        suppressions: those of the configuration; what is for other clusters is left out.
        trigger: what asked for it: ``now``, ``landscape``, ``schedule:weekly``, ``api``.
        watcher: who wants to see how it goes on.
        started_at: when the run began; now, if it is not said.
        run_id: the id of the run; a new one is made if none is given.
        by_annotation: whether annotations on objects may suppress findings.
        known: all checks that exist, those not asked for as well, so that a suppression may name them.
    """
    started_at = started_at or datetime.now(UTC)
    results, found = judge(landscape, checks, watcher.on_check)
    rules = [
        SuppressionRule(rule.check, rule.subject, Suppression(rule.reason, rule.owner, rule.expires))
        for rule in suppressions
        if fnmatchcase(landscape.cluster.name, rule.cluster)
    ]
    notes = Notes(annotations_in(landscape), Speakers(landscape), by_annotation)
    findings, states = Suppressions(rules, notes, (*known, *checks)).apply(found, results, started_at.date())
    return Outcome(
        run_id=run_id or str(uuid.uuid4()),
        cluster=landscape.cluster,
        trigger=trigger,
        observed_at=landscape.observed_at,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        checks=results,
        findings=findings,
        collection=landscape.collection,
        suppressions=states,
    )


def nothing_judged(
    cluster: Cluster, checks: Sequence[LoadedCheck], reasons: Sequence[Reason], trigger: str, at: Times, run_id: str
) -> Outcome:
    """Return what an audit comes to that could not look at anything: every check is *not evaluated*, and says why.

    A report of it is delivered as any other: who waits for one is not to take silence for good news.
    """
    return Outcome(
        run_id=run_id,
        cluster=identity_of(cluster),
        trigger=trigger,
        observed_at=at.started,
        started_at=at.started,
        finished_at=at.finished,
        checks=tuple(
            CheckResult(
                id=check.id,
                title=check.title,
                severity=check.check.severity,
                status=Status.NOT_EVALUATED,
                subjects=0,
                findings=0,
                reasons=tuple(reasons),
            )
            for check in checks
        ),
        findings=(),
    )


def identity_of(cluster: Cluster) -> ClusterIdentity:
    """Return what a landscape says of the cluster, from its configuration."""
    return ClusterIdentity(
        cluster.name,
        cluster.cluster_id,
        cluster.region,
        client_cidrs=list(cluster.client_cidrs),
        identities=[
            WantedIdentity(
                must=[WantedRight(right.verbs, right.resource, right.group, right.namespace) for right in one.must],
                user=one.user,
                groups=one.groups,
            )
            for one in cluster.identities
        ],
    )


def _ensure_readable(name: str, sides: dict[Layer, Side], watcher: Watcher) -> None:
    unreadable = {layer: reason for layer, side in sides.items() if (reason := why_not(side))}
    if len(unreadable) == len(sides):
        raise NothingReadable(name, list(unreadable.values()))
    for layer, reason in unreadable.items():
        watcher.on_unreadable(layer, reason)
