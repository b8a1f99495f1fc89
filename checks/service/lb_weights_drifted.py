"""Weights in a server group are not those that the cloud controller manager sets.

The cloud controller manager writes the weight of every backend: of a node, with externalTrafficPolicy Local, by the
number of its Pods (in per cent from v1.9.3.164 to v1.9.3.275, exactly from v1.9.3.276), of every other backend one
value for all. It compares them when the Service or its endpoints change, and not in between: weights that somebody
edited in the console, or that a failed synchronisation left behind, stay until then, and send traffic where it does
not belong. The next change of the Service then overwrites what was meant to stay.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.facts.cloud.slb import Backend
from auditor.facts.joins.components import CcmVersion, StatedVersion
from auditor.facts.joins.services import (
    AnyLoadBalancer,
    ServiceEndpoints,
    ServiceLoadBalancers,
    ServicePath,
    ServicePaths,
    is_served_by_ccm,
    owner_of_group,
)
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.ccm_backends import POD_BACKEND_TYPES
from auditor.facts.rules.ccm_weights import flat_weight, infer_rule, node_weight
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
from checks.service._pod_shares import HEEDS_WEIGHTS, UNFAIR_FROM, PortShares, Share, are_deliberate, port_shares

check = Check(
    severity=Severity.MEDIUM,
    causes=("V4b", "V4c"),
    since="0.1.0",
    symptoms=("load-uneven",),
    limits=(
        "Only server groups that the cloud controller manager made are judged, not those that the operator shares out.",
        "Weights that are one value for all backends are taken as right, whatever the value: they do no harm.",
        "Pods that left a moment ago can't be seen: where some did, run the audit again before you act.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/considerations-for-configuring-a-loadbalancer-type-service-1",
    ),
)

SETTLED_AFTER = timedelta(minutes=2)
"""How long the cloud controller manager may take to follow a change of the Pods."""
_NODES_IN_TRAIL = 5


@dataclass(frozen=True)
class Odd:
    """A backend whose weight is not the expected one; ``expected`` is None where no rule fits."""

    share: Share
    expected: int | None


@dataclass(frozen=True)
class Drift:
    """The odd backends of one port."""

    port: ServicePort
    path: ServicePath
    odd: Sequence[Odd]
    shares: PortShares | None


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
    pods: Table[Pod],
    ccm_version: CcmVersion,
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    if are_deliberate(service):
        yield NotApplicable(t("the operator sets the weights"))
        return
    balancer = service_load_balancers.of(service)
    if balancer is None:
        yield NotApplicable(t("the Service has no load balancer yet"))
        return
    weights = _Weights(service, service_endpoints, nodes, ccm_version)
    gaps: list[Reason] = []
    drifts: list[Drift] = []
    looked_at = 0
    for port in service.ports:
        try:
            path = service_paths.of_port(service, port, balancer, cluster.cluster_id)
            if path.backends is None or not _is_own(path, service, cluster.cluster_id):
                continue
            looked_at += 1
            drift = weights.drift(port, path)
            # Nodes in the policy Cluster keep their weight wherever the Pods go.
            if drift and (drift.shares is None or _has_settled(service, service_endpoints, pods, observed_at)):
                drifts.append(drift)
        except NotKnown as gap:
            gaps += gap.reasons
    if drifts:
        yield _finding(service, balancer, drifts, weights.version)
    if gaps:
        yield NotEvaluated(tuple(dict.fromkeys(gaps)))
    elif not drifts:
        yield Passed() if looked_at else NotApplicable(t("no server group of the Service was made for it"))


def _is_own(path: ServicePath, service: Service, cluster_id: str) -> bool:
    owner = owner_of_group(path.group_name)
    return owner is not None and owner.service_key == service.key and (not cluster_id or owner.cluster_id == cluster_id)


def _has_settled(service: Service, endpoints: ServiceEndpoints, pods: Table[Pod], observed_at: datetime) -> bool:
    """Tell whether no Pod of the Service has become ready, or is leaving, just now: the weights follow by a moment."""
    for endpoint in endpoints.of(service.key):
        target = endpoint.target_ref
        pod = pods.get(f"{target.namespace or service.namespace}/{target.name}") if target else None
        if pod is None:
            if endpoint.conditions.terminating:
                return False
            continue
        ready = pod.condition("Ready")
        # A Pod that hangs while it is deleted has left the weights long ago.
        since = pod.metadata.deletion_timestamp or (ready.last_transition_time if ready else None)
        if since is not None and observed_at - since <= SETTLED_AFTER:
            return False
    return True


class _Weights:
    """The weights of a Service against those that the version sets."""

    def __init__(
        self,
        service: Service,
        endpoints: ServiceEndpoints,
        nodes: Table[Node],
        ccm_version: CcmVersion,
    ) -> None:
        self._service = service
        self._endpoints = endpoints
        self._nodes = nodes
        self._ccm_version = ccm_version
        self.version: StatedVersion | None = None

    def drift(self, port: ServicePort, path: ServicePath) -> Drift | None:
        """Return the backends whose weight is another than it should be; None if there are none."""
        backends = path.backends or ()
        on_nodes = [backend for backend in backends if backend.type not in POD_BACKEND_TYPES]
        if on_nodes and self._service.is_local:
            shares = port_shares(self._service, path, self._endpoints, self._nodes)
            odd = self._by_pods([share for share in shares.shares if not share.is_pod], shares)
            return Drift(port, path, odd, shares) if odd else None
        if on_nodes:
            odd = self._flat([share for entry in on_nodes if (share := self._of_node(entry, path))], is_pod=False)
            return Drift(port, path, odd, None) if odd else None
        shares = port_shares(self._service, path, self._endpoints, self._nodes)
        odd = self._flat(shares.shares, is_pod=True)
        return Drift(port, path, odd, shares) if odd else None

    def _by_pods(self, seen: Sequence[Share], shares: PortShares) -> list[Odd]:
        """Judge nodes in the policy Local. A version that nobody states is inferred, if one fits."""
        all_pods = sum(share.pods for share in shares.shares)
        weights = [(share.weight, share.pods) for share in seen]
        inferred = infer_rule(weights)
        try:
            self.version = self._ccm_version.stated()
        except NotKnown:
            if inferred is not None or not seen:
                raise
        if self.version is None:
            return [] if inferred is not None else [Odd(share, None) for share in seen]
        numbers = self.version.numbers
        # Pods on a node that is drained may or may not count for the shares of the others.
        ready = sum(e.is_ready for e in self._endpoints.for_port(self._service.key, shares.port))
        return [
            Odd(share, node_weight(numbers, share.pods, all_pods))
            for share in seen
            if share.weight not in {node_weight(numbers, share.pods, total) for total in (all_pods, ready)}
        ]

    def _flat(self, seen: Sequence[Share], *, is_pod: bool) -> list[Odd]:
        """Judge backends that all get one weight: only those that differ from the others do harm."""
        if len({share.weight for share in seen}) < 2 and not any(not share.weight for share in seen):
            return []
        try:
            self.version = self._ccm_version.stated()
        except NotKnown:
            self.version = None
        if self.version is not None:
            expected = flat_weight(self.version.numbers, is_pod_backend=is_pod, is_local=self._service.is_local)
            odd = [Odd(share, expected) for share in seen if share.weight != expected]
        else:
            usual, _times = Counter(share.weight for share in seen).most_common(1)[0]
            odd = [Odd(share, usual or None) for share in seen if share.weight != usual or not usual]
        return odd

    def _of_node(self, backend: Backend, path: ServicePath) -> Share | None:
        """Return the share of a node; None for one that is no node of the cluster, or that is being drained."""
        what = t("the weight of {server} in group {group}", server=backend.server_id, group=path.group_id)
        weight = said(backend.weight, "slb" if path.listener else "nlb", what)
        found = self._nodes.where("instance_id", lambda node: node.instance_id, backend.server_id)
        if not found or (found[0].spec.unschedulable and not weight):
            return None
        return Share(found[0].name, weight, 0)


def _finding(
    service: Service, balancer: AnyLoadBalancer, drifts: Sequence[Drift], version: StatedVersion | None
) -> Finding:
    ports = [f"{drift.port.port}/{drift.port.protocol}" for drift in drifts]
    worst = max(drifts, key=lambda drift: len(drift.odd))
    backends = [one.share.name for one in worst.odd]
    unfair = any(drift.shares and drift.shares.effective_ratio > UNFAIR_FROM for drift in drifts)
    values: dict[str, str | int | list[str] | Text] = {
        "service": service.key,
        "ports": ports,
        "backends": [_told(one) for one in worst.odd[:_NODES_IN_TRAIL]],
        "number": len(backends),
    }
    message = (
        t(
            "on {ports} of Service {service}, the weights of {number} backends are not those that the cloud controller "
            "manager {version} sets: {backends}",
            version=version.text,
        )
        if version
        else t(
            "on {ports} of Service {service}, the weights fit no rule of the cloud controller manager, whose version "
            "nobody states: {backends}"
        )
    )
    return Finding(
        subject=service.ref,
        message=message.with_values(values),
        certainty=Certainty.CONFIRMED if version else Certainty.LIKELY,
        fault="weights-drifted",
        why=_why(unfair),
        trail=_trail(service, balancer, worst, version),
        evidence={
            "ports": ports,
            "server_group": worst.path.group_id,
            "weights": {one.share.name: one.share.weight for one in worst.odd},
            "expected": {one.share.name: one.expected for one in worst.odd if one.expected is not None},
            "pods": {one.share.name: one.share.pods for one in worst.odd},
            "scheduler": worst.path.scheduler,
            "ccm_version": version.text if version else None,
            "pods_uneven": unfair,
        },
        remedy=_remedy(service, worst),
    )


def _told(one: Odd) -> str:
    expected = "?" if one.expected is None else one.expected
    return f"{one.share.name}: {one.share.weight} ({expected})"


def _why(unfair: bool) -> Text:
    if unfair:
        return t(
            "Somebody edited the weights, or the last synchronisation failed (see service/ccm-unhealthy). Pods are "
            "loaded unevenly by it, as service/lb-weights-unfair says: it is one fault, and one cure."
        )
    return t(
        "Somebody edited the weights, or the last synchronisation failed (see service/ccm-unhealthy). They stay so "
        "until the Service or its endpoints change, and are overwritten then."
    )


def _trail(service: Service, balancer: AnyLoadBalancer, worst: Drift, version: StatedVersion | None) -> tuple[Hop, ...]:
    group = cloud_ref("ServerGroup", worst.path.group_id, worst.path.group_name)
    listener = cloud_ref("Listener", f"{balancer.id}/{worst.port.port}/{worst.port.protocol.lower()}")
    is_pods = all(one.share.is_pod for one in worst.odd)
    kind, namespace = ("Pod", service.namespace) if is_pods else ("Node", "")
    scheduler = worst.path.scheduler or "-"
    return (
        ok(service.ref, t("externalTrafficPolicy {policy}", policy=service.spec.external_traffic_policy or "Cluster")),
        *((ok(version.source, t("version {version}", version=version.text)),) if version else ()),
        ok(balancer.ref),
        ok(listener, t("scheduler {scheduler}", scheduler=scheduler)),
        broken(group, t("weights {weights}", weights=[_told(one) for one in worst.odd[:_NODES_IN_TRAIL]])),
        *(
            ok(kubernetes_ref(kind, one.share.name, namespace), t("Pods: {pods}", pods=one.share.pods))
            for one in worst.odd[:_NODES_IN_TRAIL]
            if one.share.pods
        ),
    )


def _remedy(service: Service, worst: Drift) -> tuple[Step, ...]:
    product, action, name = (
        ("slb", "DescribeVServerGroupAttribute", "--VServerGroupId")
        if worst.path.listener
        else ("nlb", "ListServerGroupServers", "--ServerGroupId")
    )
    steps = [
        step(
            t("Confirm the weights against the Pods on each node"), "aliyun", product, action, name, worst.path.group_id
        ),
        step(
            t("Read whether the last synchronisation failed"),
            *("kubectl", "-n", service.namespace, "describe", "service", service.name),
        ),
        step(
            t(
                "If nobody meant it, let the cloud controller manager write the weights again: any change of the "
                "Service makes it compare them. Open connections stay where they are"
            ),
            *("kubectl", "-n", service.namespace, "annotate", "service", service.name),
            *(f"resync={worst.path.group_id}", "--overwrite"),
        ),
        step(
            t(
                "If somebody meant it, say so in the Service, or the next change of it overwrites them: the annotation "
                "ignore-weight-update keeps weights that were set by hand"
            )
        ),
    ]
    if (worst.path.scheduler or "").lower() not in HEEDS_WEIGHTS:
        steps.append(
            step(t("The listener's scheduler heeds no weights but 0: to make them count, set the annotation scheduler"))
        )
    return tuple(steps)
