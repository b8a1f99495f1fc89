"""Whole audits of two fake clusters, and what must be true of each when something could not be read.

``healthy`` is the recorded cluster; ``demo`` has faults in every area and uses what the recorded one does not: an NLB,
a network ACL, a port list. Both are collected over their APIs.
"""

import tempfile
from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auditor.agent.audit import Watcher, audit
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.pacing import Backoff, Limits
from auditor.collect.kubernetes.client import Patience, open_client
from auditor.collect.plan import collect
from auditor.collect.registry import providers, with_needs
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, ReasonKind
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Status
from auditor.judge.registry import load_checks
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.demo import SERVICES, SLICES, plant
from tests.fakes.kubernetes import FakeKubernetes

REGION = "cn-hangzhou"
NLB = "nlb-edge0000000001"
ABSENCES = ("roles", "instance_roles")
"""The tables in which a row may say that there is nothing."""
EDGE_LIKE = "catalog-grpc"
"""The Service whose slices and node ports the Service on the NLB takes over."""


@dataclass
class FakeCluster:
    """Both sides of one cluster."""

    cloud: FakeCloud
    kubernetes: FakeKubernetes


@dataclass(frozen=True)
class Haste:
    """How soon the clients give up, in seconds."""

    cloud_deadline: float = 60
    kubernetes_read_timeout: float = 30
    attempts: int = 2


def healthy() -> FakeCluster:
    """Return the recorded cluster."""
    return FakeCluster(FakeCloud.recorded(), FakeKubernetes.recorded())


def demo() -> FakeCluster:
    """Return the cluster with faults in every area, and with everything that a check reads."""
    cluster = healthy()
    plant(cluster.cloud, cluster.kubernetes)
    cluster.cloud.heal()
    _use_rare_resources(cluster.cloud)
    _use_an_nlb(cluster)
    return cluster


CLUSTERS: dict[str, Callable[[], FakeCluster]] = {"healthy": healthy, "demo": demo}


def _use_rare_resources(cloud: FakeCloud) -> None:
    accept = [{"Policy": "accept"}]
    cloud.state.vpc.add_network_acl("nacl-open", list(cloud.state.vpc.vswitches), accept, accept)
    cloud.state.ecs.port_range_lists["prl-web"] = {"Entries": [{"PortRange": "80/80"}]}
    for group in cloud.state.ecs.security_groups:
        cloud.state.ecs.add_rule(group, "ingress", SourceCidrIp="10.0.0.0/8", PortRangeListId="prl-web", PortRange="")


def _use_an_nlb(cluster: FakeCluster) -> None:
    kubernetes, state = cluster.kubernetes, cluster.cloud.state
    service = deepcopy(kubernetes.objects.get(SERVICES, EDGE_LIKE, "shop"))
    assert service is not None
    service["metadata"].update(name="edge", uid="0e06e000-0000-4000-8000-000000000001", labels={}, annotations={})
    service["spec"]["loadBalancerClass"] = "alibabacloud.com/nlb"
    address = state.nlb.add_load_balancer(NLB)["DNSName"]
    service["status"] = {"loadBalancer": {"ingress": [{"hostname": address}]}}
    kubernetes.add(SERVICES, service)
    for piece in kubernetes.objects.all(SLICES):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == EDGE_LIKE:
            made = deepcopy(piece)
            made["metadata"]["name"] = f"edge-{piece['metadata']['name']}"
            made["metadata"]["labels"]["kubernetes.io/service-name"] = "edge"
            kubernetes.add(SLICES, made)
    for port in service["spec"]["ports"]:
        name = f"k8s.{port['nodePort']}.{port['protocol']}.edge.shop.{state.cs.cluster_id}"
        servers = [{"ServerId": instance} for instance in state.ecs.instances]
        state.nlb.add_server_group(f"sgp-{port['nodePort']}", [NLB], servers, ServerGroupName=name)


@dataclass(frozen=True)
class Audit:
    """What was collected, and what it was judged to be."""

    landscape: Landscape
    outcome: Outcome


def audited(cluster: FakeCluster, haste: Haste | None = None, *, opt_in: bool = True) -> Audit:
    """Collect everything that the checks read, with or without what an operator has to switch on, and judge it."""
    haste = haste or Haste()
    checks = load_checks()
    identity = ClusterIdentity("shop", cluster.cloud.state.cs.cluster_id, REGION)
    cloud = CloudClient(
        REGION,
        identity.cluster_id,
        CredentialSettings("access_key", access_key_id=ACCESS_KEY_ID, access_key_secret=ACCESS_KEY_SECRET),
        deadline_seconds=haste.cloud_deadline,
        limits=Limits(concurrent=8, per_second=10_000, burst=10_000),
        backoff=Backoff(first=0.001, longest=0.002, attempts=haste.attempts),
    )
    with tempfile.TemporaryDirectory() as folder, cluster.cloud.in_process(), cluster.kubernetes:
        kubernetes = open_client(
            kubeconfig=cluster.kubernetes.write_kubeconfig(Path(folder) / "kubeconfig"),
            patience=Patience(
                read_timeout=haste.kubernetes_read_timeout,
                attempts=haste.attempts,
                first_wait=0.001,
                longest_wait=0.002,
            ),
            probes=frozenset({"kubelet"} if opt_in else ()),
            secret_metadata=opt_in,
        )
        with kubernetes:
            landscape = collect(needed_tables(checks), {Layer.CLOUD: cloud, Layer.KUBERNETES: kubernetes}, identity)
        cloud.close()
    return Audit(landscape, audit(landscape, checks, [], "now", Watcher()))


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


def assert_nothing_is_taken_for_absent(before: Landscape, after: Landscape) -> None:
    """Assert that each row is found or said to be unknown, and that no list claims to be whole that is not."""
    for name, table in before.tables.items():
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
