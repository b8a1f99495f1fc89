"""Weights spread the load of a Service unevenly over its Pods.

With externalTrafficPolicy Local a load balancer knows nodes, not Pods: each node's share of the traffic is split
among the Pods on it. The shares are even only if a node's weight follows the number of its Pods, which the cloud
controller manager does since v1.9.3.164 (in per cent) and exactly since v1.9.3.276, and only if the scheduler of the
listener heeds weights: wrr and wlc do, rr, the default, does not. Otherwise a Pod that is alone on its node gets
several times the traffic of one that has neighbours, and fails first under load. Nodes that are loaded unevenly while
the Pods are even are by design, and no fault: spread the Pods by topology spread or anti-affinity.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.joins.components import CcmVersion, StatedVersion
from auditor.facts.joins.services import (
    AnyLoadBalancer,
    ServiceEndpoints,
    ServiceLoadBalancers,
    ServicePaths,
    is_served_by_ccm,
)
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.ccm_weights import (
    FIRST_BY_PERCENT,
    WeightRule,
    flat_weight,
    infer_rule,
    node_weight,
    rule_of,
)
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    Hop,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    said,
    step,
    t,
)
from checks.service._pod_shares import (
    HEEDS_WEIGHTS,
    IGNORES_WEIGHTS,
    UNFAIR_FROM,
    PortShares,
    Share,
    are_deliberate,
    port_shares,
)

check = Check(
    severity=Severity.MEDIUM,
    causes=("V4", "V4a", "V4b"),
    since="0.1.0",
    symptoms=("load-uneven",),
    limits=(
        "Cordoned nodes of weight 0 are left out: they are taken to be drained on purpose.",
        "Schedulers that hash the client's address count only where Pods are uneven with and without weights.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/considerations-for-configuring-a-loadbalancer-type-service-1",
    ),
)

SCHEDULER_ANNOTATION = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-scheduler"


class Cause(StrEnum):
    """What makes the Pods uneven. The values are part of the evidence."""

    SCHEDULER = "scheduler ignores weights"
    VERSION = "rule of the version"
    OTHER = "weights that the version does not set"


def subjects(services: Table[Service]) -> Iterable[Service]:
    return [
        service
        for service in services.known_rows()
        if is_served_by_ccm(service) and not service.metadata.deletion_timestamp
    ]


def judge(
    service: Service,
    service_load_balancers: ServiceLoadBalancers,
    service_paths: ServicePaths,
    service_endpoints: ServiceEndpoints,
    nodes: Table[Node],
    ccm_version: CcmVersion,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    if are_deliberate(service):
        yield NotApplicable(t("the operator sets the weights"))
        return
    balancer = service_load_balancers.of(service)
    if balancer is None:
        yield NotApplicable(t("the Service has no load balancer yet"))
        return
    gaps: list[Reason] = []
    unfair: list[PortShares] = []
    looked_at = 0
    for port in service.ports:
        try:
            path = service_paths.of_port(service, port, balancer, cluster.cluster_id)
            if path.backends is None:
                continue
            shares = port_shares(service, path, service_endpoints, nodes)
            looked_at += 1
            if _is_unfair(shares, ccm_version):
                unfair.append(shares)
        except NotKnown as gap:
            gaps += gap.reasons
    if unfair:
        yield _finding(service, balancer, unfair, ccm_version)
    if gaps:
        yield NotEvaluated(tuple(gaps))
    elif not unfair:
        yield Passed() if looked_at else NotApplicable(t("no listener of the Service has a server group"))


def _is_unfair(shares: PortShares, ccm_version: CcmVersion) -> bool:
    if shares.effective_ratio > UNFAIR_FROM:
        return True
    if shares.is_undecided:
        listener = t("the scheduler of port {port}", port=shares.port.port)
        said(shares.path.scheduler, "slb" if shares.path.listener else "nlb", listener)
    if not shares.all_hundred:
        return False
    version = ccm_version.stated()
    return version is None or version.numbers < FIRST_BY_PERCENT


@dataclass(frozen=True)
class _Diagnosis:
    """Why the Pods are uneven, and by which version that was found out."""

    cause: Cause
    rule: WeightRule | None
    version: StatedVersion | None

    @property
    def version_text(self) -> Text | str:
        if self.version:
            return self.version.text
        return t("not stated; its rule is inferred from the weights")


def _diagnose(service: Service, worst: PortShares, ccm_version: CcmVersion) -> _Diagnosis:
    try:
        version = ccm_version.stated()
    except NotKnown:
        version = None  # the Pods are uneven whatever the version: only the advice is less exact
    seen = [(share.weight, share.pods) for share in worst.shares]
    inferred = None if worst.are_pods else infer_rule(seen)
    rule = rule_of(version.numbers) if version else inferred
    if worst.ratio(weighted=True) <= UNFAIR_FROM < worst.effective_ratio:
        return _Diagnosis(Cause.SCHEDULER, rule, version)
    all_pods = sum(share.pods for share in worst.shares)
    if version is None:
        by_rule = inferred is not None
    elif worst.are_pods:
        usual = flat_weight(version.numbers, is_pod_backend=True, is_local=service.is_local)
        by_rule = all(share.weight == usual for share in worst.shares)
    else:
        by_rule = all(share.weight == node_weight(version.numbers, share.pods, all_pods) for share in worst.shares)
    return _Diagnosis(Cause.VERSION if by_rule else Cause.OTHER, rule, version)


def _finding(
    service: Service, balancer: AnyLoadBalancer, unfair: Sequence[PortShares], ccm_version: CcmVersion
) -> Finding:
    worst = max(unfair, key=lambda shares: shares.effective_ratio)
    diagnosis = _diagnose(service, worst, ccm_version)
    weighted = worst.scheduler in HEEDS_WEIGHTS
    is_sure = worst.scheduler in (*HEEDS_WEIGHTS, *IGNORES_WEIGHTS)
    by_inference = worst.effective_ratio <= UNFAIR_FROM and diagnosis.version is None
    ports = [f"{shares.port.port}/{shares.port.protocol}" for shares in unfair]
    return Finding(
        subject=service.ref,
        message=_message(ports, worst, diagnosis),
        certainty=Certainty.CONFIRMED if is_sure and not by_inference else Certainty.LIKELY,
        fault="pods-uneven",
        remedy=_remedy(service, diagnosis, worst),
        trail=_trail(service, balancer, worst, diagnosis),
        evidence={
            "ports": ports,
            "weights": {share.name: share.weight for share in worst.shares},
            "pods": {share.name: share.pods for share in worst.shares},
            "share_per_pod": {share.name: f"{value:.4f}" for share, value in _per_pod(worst, weighted=weighted)},
            "ratio": None if worst.starved else round(worst.effective_ratio, 4),
            "scheduler": worst.scheduler,
            "server_group": worst.path.group_id,
            "cause": diagnosis.cause.value,
            "ccm_version": diagnosis.version.text if diagnosis.version else None,
            "ccm_version_inferred": diagnosis.version is None,
            "weight_rule": diagnosis.rule.value if diagnosis.rule else None,
        },
    )


def _per_pod(worst: PortShares, *, weighted: bool) -> Iterator[tuple[Share, float]]:
    total = sum(share.load(weighted=weighted) * share.pods for share in worst.shares)
    for share in worst.shares:
        yield share, float(share.load(weighted=weighted) / total)


def _message(ports: list[str], worst: PortShares, diagnosis: _Diagnosis) -> Text:
    if worst.starved:
        return t(
            "on {ports}, the Pods behind {backends} are Ready, but get no traffic: the weight is 0",
            ports=ports,
            backends=worst.starved,
        )
    return t(
        "on {ports}, one Pod of the Service gets {ratio} times the load of another: {cause}",
        ports=ports,
        ratio=round(worst.effective_ratio, 2),
        cause=_cause_text(diagnosis, worst),
    )


def _cause_text(diagnosis: _Diagnosis, worst: PortShares) -> Text:
    if diagnosis.cause is Cause.SCHEDULER:
        return t(
            "the scheduler is {scheduler}, which ignores weights, and the nodes host different numbers of Pods",
            scheduler=worst.scheduler,
        )
    if diagnosis.cause is Cause.OTHER:
        return t(
            "the weights are not those that the cloud controller manager sets (version: {version})",
            version=diagnosis.version_text,
        )
    if diagnosis.rule is WeightRule.SAME:
        return t(
            "the cloud controller manager gives every node the weight 100, whatever its Pods (version: {version})",
            version=diagnosis.version_text,
        )
    return t(
        "the cloud controller manager rounds the weights of nodes with few or many Pods (version: {version})",
        version=diagnosis.version_text,
    )


def _remedy(service: Service, diagnosis: _Diagnosis, worst: PortShares) -> tuple[Step, ...]:
    product = "slb" if worst.path.listener else "nlb"
    names = (
        ("DescribeVServerGroupAttribute", "--VServerGroupId")
        if worst.path.listener
        else ("ListServerGroupServers", "--ServerGroupId")
    )
    steps = [
        step(t("Confirm the weights against the Pods on each node"), "aliyun", product, *names, worst.path.group_id),
    ]
    if diagnosis.cause is Cause.VERSION:
        steps.append(
            step(
                t(
                    "Upgrade the cloud controller manager to v1.9.3.276 or later, best to the newest v2: it makes the "
                    "weight of a node the number of its Pods. The upgrade writes the weights of all Services anew"
                )
            )
        )
    if diagnosis.cause is Cause.OTHER:
        steps.append(
            step(
                t(
                    "Somebody changed the weights, or the last synchronisation failed: read the events of the Service, "
                    "then make the cloud controller manager write the weights again by changing the Service"
                ),
                "kubectl",
                "-n",
                service.namespace,
                "describe",
                "service",
                service.name,
            )
        )
    if worst.scheduler not in HEEDS_WEIGHTS:
        steps.append(
            step(
                t(
                    "Let the listener heed weights. On a load balancer that is reused without force-override-listeners "
                    "set the scheduler in the console instead. Open connections stay where they are"
                ),
                "kubectl",
                "-n",
                service.namespace,
                "annotate",
                "service",
                service.name,
                f"{SCHEDULER_ANNOTATION}=wrr",
                "--overwrite",
            )
        )
    steps.append(
        step(
            t(
                "Or make the weights matter less: spread the Pods evenly over nodes (topology spread, anti-affinity), "
                "or use the policy Cluster, which hides the client's address"
            )
        )
    )
    return tuple(steps)


def _trail(service: Service, balancer: AnyLoadBalancer, worst: PortShares, diagnosis: _Diagnosis) -> tuple[Hop, ...]:
    weights = t("weights {weights}", weights=[f"{share.name}: {share.weight}" for share in worst.shares])
    listener = cloud_ref("Listener", f"{balancer.id}/{worst.port.port}/{worst.port.protocol.lower()}")
    scheduler = t("scheduler {scheduler}", scheduler=worst.scheduler or "-")
    group = cloud_ref("ServerGroup", worst.path.group_id, worst.path.group_name)
    by_scheduler = diagnosis.cause is Cause.SCHEDULER
    loads = sorted(_per_pod(worst, weighted=worst.scheduler in HEEDS_WEIGHTS), key=lambda pair: pair[1])
    kind, namespace = ("Pod", service.namespace) if worst.are_pods else ("Node", "")
    ends = [
        ok(
            kubernetes_ref(kind, share.name, namespace),
            t(
                "Pods: {pods}; each gets {percent} per cent of the traffic",
                percent=round(load * 100, 1),
                pods=share.pods,
            ),
        )
        for share, load in (loads[-1], loads[0])
    ]
    policy = t("externalTrafficPolicy {policy}", policy=service.spec.external_traffic_policy or "Cluster")
    return (
        ok(service.ref, policy),
        ok(balancer.ref),
        broken(listener, scheduler) if by_scheduler else ok(listener, scheduler),
        ok(group, weights) if by_scheduler else broken(group, weights),
        *ends,
    )
