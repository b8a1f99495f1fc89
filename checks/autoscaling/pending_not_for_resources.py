"""A Pod waits for something that no new node brings.

The autoscaler adds nodes for Pods that find no room, and for nothing else; it does not look at how busy the nodes
are. A Pod that is held by a scheduling gate, waits for a volume claim or for its share of a quota, may be on one named
node only, or is refused by every node for a taint or an affinity, starts no scale-up, and would not start if somebody
added nodes by hand. What it waits for has to be put right, and the scheduler's own message says what that is.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import OwnReason, PodReasons, Wait
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolumeClaim
from auditor.facts.rules.scheduler_message import Cause
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    Hop,
    NotApplicable,
    Passed,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)
from checks.autoscaling._pending import describe_pod, waiting_pods, waits, words_on

check = Check(
    severity=Severity.MEDIUM,
    causes=("A2",),
    since="0.1.0",
    symptoms=("no-scale-up",),
    limits=(
        "Pods of another scheduler, of DaemonSets, for virtual nodes and of a priority below -10 are not looked at.",
        "A namespace whose label sends its Pods to virtual nodes is not told from others.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
    ),
)

_SHOWN_CLAIMS = 5


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return waiting_pods(pods)


def judge(
    pod: Pod,
    pending_pods: PendingPods,
    pod_reasons: PodReasons,
    persistent_volume_claims: Table[PersistentVolumeClaim],
) -> Iterator[Verdict]:
    why = pending_pods.beside_the_point(pod)
    if why is not None:
        yield NotApplicable(why)
        return
    reason = pod_reasons.beyond_nodes(pod) or pod_reasons.tied_by_volume(pod)
    if reason is None:
        if pending_pods.is_served(pod):
            yield NotApplicable(t("a node is on its way for it"))
            return
        reason = pod_reasons.refused_by_all(pod)
    if reason is None:
        yield Passed()
        return
    yield Finding(
        subject=pod.ref,
        fault=reason.wait.value,
        certainty=Certainty.CONFIRMED if reason.is_certain else Certainty.LIKELY,
        message=t("Pod {pod} waits, but not for room, and no new node would help: {why}", pod=pod.key, why=reason.text),
        trail=_trail(pod, reason, persistent_volume_claims),
        evidence={
            "waits_for": reason.wait.value,
            **({"named": list(reason.names)} if reason.names else {}),
            **({"causes": [refusal.cause.value for refusal in reason.refusals]} if reason.refusals else {}),
            **({"pools": list(reason.pools)} if reason.pools else {}),
            **words_on(pod, pending_pods),
        },
        remedy=(describe_pod(pod), *_cure(pod, reason)),
    )


def _trail(pod: Pod, reason: OwnReason, claims: Table[PersistentVolumeClaim]) -> tuple[Hop, ...]:
    match reason.wait:
        case Wait.CLAIM:
            hops = [hop for key in pod.claim_keys[:_SHOWN_CLAIMS] if (hop := _claim_hop(key, claims)) is not None]
            if any(hop.state.value == "broken" for hop in hops):
                return (waits(pod), *hops)
            return (broken(pod.ref, reason.text), *hops)
        case Wait.NODE_NAME:
            named = [
                broken(kubernetes_ref("Node", name), t("is the only one that it may be on")) for name in reason.names
            ]
            volumes = [
                ok(ref, t("can be used on node {nodes} only", nodes=list(reason.names))) for ref in reason.volumes
            ]
            return (waits(pod), *volumes[:_SHOWN_CLAIMS], *named[:_SHOWN_CLAIMS])
        case _:
            pools = [ok(cloud_ref("NodePool", "", name), t("its nodes refuse the Pod too")) for name in reason.pools]
            return (broken(pod.ref, reason.text), *pools)


def _claim_hop(key: str, claims: Table[PersistentVolumeClaim]) -> Hop | None:
    """Return a claim as far as it is known: the trail shows it, and the verdict does not rest on it."""
    namespace, _, name = key.partition("/")
    ref = kubernetes_ref("PersistentVolumeClaim", name, namespace)
    if claims.is_unavailable:
        return None
    found = claims.known_where("key", lambda claim: claim.key, key)
    if not found:
        return None if claims.gaps else broken(ref, t("does not exist"))
    phase = found[0].status.phase
    return ok(ref, t("is Bound")) if phase == "Bound" else broken(ref, t("is {phase}", phase=phase or "Pending"))


def _cure(pod: Pod, reason: OwnReason) -> tuple[Step, ...]:
    match reason.wait:
        case Wait.GATE:
            return (
                Step(
                    t(
                        "Ask the controller that owns the gate ({gates}) why it has not taken it away, such as a queue "
                        "whose quota is used up. Taking a gate away by hand goes around that controller",
                        gates=list(reason.names),
                    )
                ),
            )
        case Wait.CLAIM:
            return (
                step(
                    t("See which claim is missing or not bound, and its events."),
                    *("kubectl", "-n", pod.namespace, "get", "pvc"),
                ),
                Step(
                    t(
                        "Put the claim right: make it, or its storage class and provisioner, work; the storage checks "
                        "say what is wrong with those. The Pod is scheduled by itself once it is bound"
                    )
                ),
            )
        case Wait.QUOTA:
            return (
                Step(
                    t(
                        "Raise the quota that the message names, or free what others of it use. Nodes do not count "
                        "towards it"
                    )
                ),
            )
        case Wait.DEVICES:
            return (
                step(
                    t("See why the device claim of the Pod is not allocated."),
                    *("kubectl", "-n", pod.namespace, "get", "resourceclaims"),
                ),
            )
        case Wait.NODE_NAME:
            return (
                step(
                    t("See whether that node exists, is ready, and has room."),
                    *("kubectl", "get", "nodes", *reason.names[:1], "-o", "wide"),
                ),
                _free_room(reason),
            )
        case _:
            return _cure_refusals(pod, reason)


def _free_room(reason: OwnReason) -> Step:
    if reason.volumes:
        return Step(
            t(
                "Free room on that node: a local volume stays where it is. If the node is gone, or the Pod is to move, "
                "delete the claim and the Pod, so that a new volume is made elsewhere: what is on the old one is lost, "
                "unless it is copied first"
            )
        )
    return Step(
        t(
            "Free room on that node, or take the node's name out of the Pod's selector or affinity and use a label "
            "that several nodes carry. The workload rolls its Pods when its template is changed"
        )
    )


def _cure_refusals(pod: Pod, reason: OwnReason) -> tuple[Step, ...]:
    namespace, name = pod.namespace, pod.name
    causes = {refusal.cause for refusal in reason.refusals}
    steps = []
    if Cause.TAINT in causes:
        steps.append(
            step(
                t(
                    "Compare the taints of the nodes with those of their pools: one that was set by hand is on the "
                    "nodes only. Take it off, or let the Pod tolerate it; without it other Pods may move in, too."
                ),
                *("kubectl", "get", "nodes", "-o", "custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"),
            )
        )
    if causes & {Cause.NODE_AFFINITY, Cause.VOLUME_ZONE, Cause.VOLUME}:
        steps.append(
            step(
                t("Compare the labels of the nodes with the selector and affinity of the Pod, and of its volumes."),
                *("kubectl", "get", "nodes", "--show-labels"),
            )
        )
    if Cause.SPREAD in causes:
        steps.append(
            step(
                t(
                    "Spread the Pod by a label that the nodes have, such as their zone, or give that label to all node "
                    "pools: console, Nodes, Node Pools, Edit, Node Labels. Only new nodes get it, unless the present "
                    "ones are updated too."
                ),
                *("kubectl", "-n", namespace, "get", "pod", name, "-o", "jsonpath={.spec.topologySpreadConstraints}"),
            )
        )
    if causes & {Cause.POD_AFFINITY, Cause.POD_ANTI_AFFINITY, Cause.EXISTING_ANTI_AFFINITY}:
        steps.append(
            Step(
                t(
                    "Relax the Pod's affinity to other Pods, or make it preferred: what it asks of its neighbours, no "
                    "empty node has"
                )
            )
        )
    return tuple(steps) or (Step(t("Put right what the scheduler's message names")),)
