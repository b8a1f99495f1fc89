"""The Pod requests more than any new node would have.

The autoscaler adds a node only if the Pod fits on it. A Pod that requests 4 cores does not fit on a type with 2, and
not on one with 4 either: the system, the kubelet and the Pods of DaemonSets take their part first, so that about 70
per cent of an instance can be counted on. The cluster autoscaler reckons with the smallest type of a pool with several
types, so that a larger one beside it does not help. The Pod waits, though the pools could grow.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_obstacles import PoolFit, RuledOut, Stage
from auditor.facts.joins.pool_sizes import said_amount
from auditor.facts.joins.scaling_blocks import ScalingBlocks
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.pod_requests import effective_requests
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Severity,
    Step,
    Table,
    Verdict,
    t,
)
from checks.autoscaling._pending import (
    certainty_of,
    describe_pod,
    pool_hops,
    set_aside,
    show_pools,
    waiting_pods,
    waits,
    words_on,
)

check = Check(
    severity=Severity.HIGH,
    causes=("A4",),
    since="0.1.0",
    symptoms=("no-scale-up",),
    limits=(
        "Where no node of a type runs, 70 per cent of it are taken to be left for one Pod.",
        "Ephemeral storage and the resources of device plugins are compared with the pool's present nodes only.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
    ),
)


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return waiting_pods(pods)


def judge(
    pod: Pod,
    pending_pods: PendingPods,
    pod_reasons: PodReasons,
    pool_fits: PoolFits,
    scaling_blocks: ScalingBlocks,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    aside = set_aside(pod, pending_pods, pod_reasons)
    if aside is not None:
        yield aside
        return
    ruled_out = pool_fits.ruled_out(pod, Stage.SIZE)
    if ruled_out is None:
        yield Passed() if pool_fits.enabled() else NotApplicable(t("no node pool scales automatically"))
        return
    assumed = [fit for fit in ruled_out.fits if fit.obstacle is not None and fit.obstacle.is_assumed]
    if assumed:
        # A rule of thumb gives way to what is certain: that all nodes refuse it, or that a group can't grow.
        if pod_reasons.refused_by_all(pod) is not None:
            yield NotApplicable(t("all nodes refuse it: see autoscaling/pending-not-for-resources"))
            return
        if any(_is_blocked(fit, scaling_blocks) for fit in assumed):
            yield NotApplicable(
                t("that a scaling group grows, or can't, comes first: see autoscaling/scaling-group-cannot-grow")
            )
            return
        if pending_pods.event_reasons:
            yield NotEvaluated(pending_pods.event_reasons)
            return
    yield _finding(pod, ruled_out, pending_pods, cluster)


def _is_blocked(fit: PoolFit, scaling_blocks: ScalingBlocks) -> bool:
    state = scaling_blocks.of(fit.pool)
    if not state.blocked and state.reasons:
        raise NotKnown(*state.reasons)
    return bool(state.blocked) or state.is_growing


def _finding(pod: Pod, ruled_out: RuledOut, pending_pods: PendingPods, cluster: ClusterIdentity) -> Finding:
    requests: dict[str, Decimal] = effective_requests(pod.spec)
    return Finding(
        subject=pod.ref,
        fault="larger-than-any-new-node",
        certainty=certainty_of(ruled_out),
        message=t(
            "Pod {pod} requests more than a new node of any pool that scales automatically and could take it would "
            "have: {pools}",
            pod=pod.key,
            pools=ruled_out.described,
        ),
        trail=(waits(pod), *pool_hops(ruled_out.furthest_first)),
        evidence={
            "requests": [said_amount(name, amount) for name, amount in sorted(requests.items()) if amount],
            "pools": ruled_out.described,
            **words_on(pod, pending_pods),
        },
        remedy=(
            describe_pod(pod),
            show_pools(cluster),
            Step(
                t(
                    "Request less, if the Pod gets along with it: at most some 70 per cent of an instance. Its "
                    "workload rolls its Pods when its template is changed; with too little memory they are killed"
                )
            ),
            Step(
                t(
                    "Or make a node pool with auto scaling and a larger instance type, or change the types of one: "
                    "console, Nodes, Node Pools, Edit, Instance Type. Types of one pool are to be of one size, as the "
                    "cluster autoscaler takes a mixed pool for its smallest type; nodes that exist are not touched"
                )
            ),
        ),
    )
