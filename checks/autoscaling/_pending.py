"""What the checks of Pods that wait for a node have in common: which Pods they look at, and what a finding shows."""

from collections.abc import Iterable

from auditor.facts.joins.pending_pods import PendingPods, scheduler_says
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pool_obstacles import PoolFit, RuledOut
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.scheduling import is_gated
from auditor.judge.api import (
    Certainty,
    Evidence,
    Hop,
    NotApplicable,
    NotKnown,
    Ref,
    Step,
    Table,
    broken,
    cloud_ref,
    ok,
    step,
    t,
)

SHOWN_POOLS = 10
"""How many pools a trail shows; the evidence lists all."""


def waiting_pods(pods: Table[Pod]) -> Iterable[Pod]:
    """Return the Pods that wait for a node."""
    return (pod for pod in pods.known_rows() if pod.is_unscheduled)


def set_aside(pod: Pod, pending_pods: PendingPods, pod_reasons: PodReasons) -> NotApplicable | None:
    """Return why it is no question of node pools that a Pod waits; None if it is one."""
    why = pending_pods.beside_the_point(pod)
    if why is not None:
        return NotApplicable(why)
    if is_gated(pod):
        return NotApplicable(t("is held by its scheduling gates"))
    if pending_pods.is_served(pod):
        return NotApplicable(t("a node is on its way for it"))
    if pod_reasons.beyond_nodes(pod) is not None or _is_tied(pod, pod_reasons):
        return NotApplicable(t("waits for something that no node brings: see autoscaling/pending-not-for-resources"))
    return None


def _is_tied(pod: Pod, pod_reasons: PodReasons) -> bool:
    """Tell whether a volume is known to tie a Pod to a node. Where volumes can't be read, what needs them says so."""
    try:
        return pod_reasons.tied_by_volume(pod) is not None
    except NotKnown:
        return False


def certainty_of(ruled_out: RuledOut) -> Certainty:
    """Return how sure it is that all these pools are ruled out."""
    return Certainty.CONFIRMED if ruled_out.is_certain else Certainty.LIKELY


def pool_hops(fits: Iterable[PoolFit]) -> tuple[Hop, ...]:
    """Return a broken hop for each of the first pools."""
    shown = [fit for fit in fits if fit.obstacle][:SHOWN_POOLS]
    return tuple(broken(fit.pool.ref, fit.obstacle.text) for fit in shown if fit.obstacle)


def waits(pod: Pod) -> Hop:
    """Return the Pod, as it waits."""
    return ok(pod.ref, t("waits for a node: {words}", words=scheduler_says(pod)))


def words_on(pod: Pod, pending_pods: PendingPods) -> dict[str, Evidence]:
    """Return what the scheduler and the autoscaler say of a Pod."""
    event = pending_pods.last_word(pod)
    return {
        "scheduler": scheduler_says(pod),
        **({"autoscaler": f"{event.reason}: {event.message}"} if event else {}),
    }


def zone_refs(zones: Iterable[str]) -> list[Ref]:
    """Return references to zones."""
    return [cloud_ref("Zone", zone) for zone in zones]


def describe_pod(pod: Pod) -> Step:
    """Return the step that shows what the scheduler and the autoscaler say."""
    return step(
        t("Confirm what the scheduler and the autoscaler say of the Pod, at the end of its description."),
        *("kubectl", "-n", pod.namespace, "describe", "pod", pod.name),
    )


def show_pools(cluster: ClusterIdentity) -> Step:
    """Return the step that shows the node pools."""
    return step(
        t("See the node pools: their zones, types, labels, taints and bounds."),
        *("aliyun", "cs", "GET", f"/clusters/{cluster.cluster_id or '<cluster-id>'}/nodepools"),
    )
