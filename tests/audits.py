"""Collections and whole audits of fake clusters, and what must be true of them when something could not be read."""

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auditor.agent.audit import Watcher, audit
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.pacing import Backoff, Limits
from auditor.collect.kubernetes.client import KubernetesClient, Patience, open_client
from auditor.collect.permissions import all_probes
from auditor.collect.plan import Side, collect
from auditor.collect.registry import providers, with_needs
from auditor.facts.landscape import ClusterIdentity, Landscape, WantedIdentity, WantedRight
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, ReasonKind
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Status
from auditor.judge.registry import load_checks
from tests.clusters import CLUSTERS, REGION, FakeCluster
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET
from tests.fakes.network import no_network

RAM_USERS = ("204821839384857610", "207719364451120883")
"""The recorded RAM users."""
ABSENCES = ("roles", "instance_roles")
"""The tables in which a row may say that there is nothing."""


@dataclass(frozen=True)
class Haste:
    """How soon the clients give up, in seconds. ``product``: the one that has the cloud's deadline; empty for all."""

    cloud_deadline: float = 60
    product: str = ""
    kubernetes_read_timeout: float = 30
    attempts: int = 2


@dataclass(frozen=True)
class Audit:
    """What was collected, and what it was judged to be."""

    landscape: Landscape
    outcome: Outcome


@dataclass(frozen=True)
class Sides:
    """The clients of both sides of a cluster."""

    cloud: CloudClient
    kubernetes: KubernetesClient

    @property
    def by_layer(self) -> dict[Layer, Side]:
        """The clients by their side."""
        return {Layer.CLOUD: self.cloud, Layer.KUBERNETES: self.kubernetes}


def audited(cluster: FakeCluster, haste: Haste | None = None, *, opt_in: bool = True) -> Audit:
    """Collect everything that the checks read, with or without what an operator has to switch on, and judge it."""
    checks = load_checks()
    landscape = collected(cluster, needed_tables(checks), haste, opt_in=opt_in)
    return Audit(landscape, audit(landscape, checks, [], "now", Watcher()))


def collected(
    cluster: FakeCluster, tables: Iterable[str], haste: Haste | None = None, *, opt_in: bool = True
) -> Landscape:
    """Collect these tables and what they need, with or without what an operator has to switch on."""
    with opened(cluster, haste, opt_in=opt_in) as sides:
        return collect(tables, sides.by_layer, identity_of(cluster))


@contextmanager
def opened(cluster: FakeCluster, haste: Haste | None = None, *, opt_in: bool = True) -> Iterator[Sides]:
    """Give clients of both sides of a cluster; they have probes and leave if ``opt_in``. A cluster is opened once."""
    haste = haste or Haste()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(cluster.cloud.in_process())
        stack.enter_context(cluster.kubernetes)
        stack.enter_context(no_network())
        cloud = CloudClient(
            REGION,
            cluster.cloud.state.cs.cluster_id,
            CredentialSettings("access_key", access_key_id=ACCESS_KEY_ID, access_key_secret=ACCESS_KEY_SECRET),
            deadline_seconds=Haste.cloud_deadline if haste.product else haste.cloud_deadline,
            limits=Limits(concurrent=8, per_second=10_000, burst=10_000),
            backoff=Backoff(first=0.001, longest=0.002, attempts=haste.attempts),
        )
        stack.callback(cloud.close)
        if haste.product:
            cloud.cost(haste.product).budget = haste.cloud_deadline
        kubernetes = open_client(
            kubeconfig=cluster.kubernetes.write_kubeconfig(folder / "kubeconfig"),
            patience=Patience(
                read_timeout=haste.kubernetes_read_timeout,
                attempts=haste.attempts,
                first_wait=0.001,
                longest_wait=0.002,
            ),
            probes=frozenset(all_probes()) if opt_in else frozenset(),
            secret_metadata=opt_in,
        )
        yield Sides(cloud, stack.enter_context(kubernetes))


def identity_of(cluster: FakeCluster) -> ClusterIdentity:
    """Return what the operator of a fake cluster says of it."""
    deploy = WantedRight(["create", "patch"], "deployments", "apps", "shop")
    return ClusterIdentity(
        "shop",
        cluster.cloud.state.cs.cluster_id,
        REGION,
        client_cidrs=["198.51.100.0/24"],
        identities=[
            WantedIdentity([deploy], user="system:serviceaccount:ci:deployer"),
            *(WantedIdentity([], user=f"{uid}-1795380901") for uid in RAM_USERS),
        ],
    )


@cache
def undisturbed(name: str, *, opt_in: bool = True) -> Audit:
    """Return the audit of a cluster with which nothing is wrong but what is planted in it."""
    return audited(CLUSTERS[name](), opt_in=opt_in)


@cache
def permissions() -> tuple[tuple[Layer, str], ...]:
    """Return every RAM action and Kubernetes right that the checks use, with its side."""
    known = providers()
    tables = with_needs(needed_tables(load_checks()))
    return tuple(sorted({(known[name].layer, right) for name in tables for right in known[name].permissions}))


def assert_nothing_is_wrong(
    before: Outcome, after: Outcome, kinds: Collection[ReasonKind], source: str, missing: str = ""
) -> None:
    """Assert that what could not be read made no verdict wrong, and that it is named wherever something changed.

    Args:
        before: the outcome when everything could be read.
        after: the outcome when something could not.
        kinds: of what kinds the gap may be said to be.
        source: where it lies (``ecs``, ``kubernetes``).
        missing: the permission that must be named; empty where none is missing.
    """
    old = {finding.fingerprint: finding for finding in before.findings}
    assert not [_shown(finding) for finding in after.findings if finding.fingerprint not in old]
    for finding in after.findings:
        assert finding.severity.rank >= old[finding.fingerprint].severity.rank, _shown(finding)
    former = {result.id: result for result in before.checks}
    assert [result.id for result in after.checks] == list(former)
    for result in after.checks:
        lost = [finding for finding in before.findings if finding.check == result.id and _is_less(finding, after)]
        is_changed = (result.status, result.subjects) != (former[result.id].status, former[result.id].subjects)
        if lost or is_changed:
            assert _is_explained(result, kinds, source, missing), _report(result, former[result.id], lost)
        if result.status is Status.PASSED:
            assert result.subjects == former[result.id].subjects, _report(result, former[result.id], lost)
        for reason in result.reasons:
            assert reason.source != result.id, _report(result, former[result.id], lost)
            is_new = reason not in former[result.id].reasons
            assert reason.kind in kinds or not is_new, _report(result, former[result.id], lost)


OF_THE_CONNECTION = {"api_stages", "kubeconfigs"}
"""Tables that tell of the auditor's own connection: their keys hold the port of the fake, another one each time."""


def assert_nothing_is_taken_for_absent(before: Landscape, after: Landscape) -> None:
    """Assert that each row is found or said to be unknown, and that no list claims to be whole that is not."""
    for name, table in before.tables.items():
        if name in OF_THE_CONNECTION:
            continue
        disturbed = after.table(name)
        for row in table.all():
            try:
                found = disturbed.get(row.key)
            except NotKnown:
                continue
            assert found is not None, f"{name}: {row.key}"
            assert found == row or name not in ABSENCES, f"{name}: {row.key}"
        if disturbed.asked is None and not disturbed.gaps:
            assert {row.key for row in disturbed.all()} == {row.key for row in table.all()}, name


def _is_less(finding: ReportedFinding, after: Outcome) -> bool:
    """Tell whether a finding is gone, or weaker than it was."""
    now = next((one for one in after.findings if one.fingerprint == finding.fingerprint), None)
    if now is None:
        return True
    return now.severity.rank > finding.severity.rank or not set(finding.affected) <= set(now.affected)


def _is_explained(result: CheckResult, kinds: Collection[ReasonKind], source: str, missing: str) -> bool:
    return any(
        reason.kind in kinds and reason.source == source and (not missing or missing in reason.missing)
        for reason in result.reasons
    )


def _shown(finding: ReportedFinding) -> str:
    return f"{finding.check}: {finding.severity} {finding.subject}: {finding.message}"


def _report(result: CheckResult, former: CheckResult, lost: list[ReportedFinding]) -> str:
    reasons = [f"{reason.source} {reason.kind}: {reason.message} {reason.missing}" for reason in result.reasons]
    return "\n".join(
        [
            f"{result.id}: {former.status} of {former.subjects} became {result.status} of {result.subjects}",
            *(f"lost or weaker: {_shown(finding)}" for finding in lost),
            *(f"reason: {reason}" for reason in reasons or ["none"]),
        ]
    )
