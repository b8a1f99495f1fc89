"""The autoscaler is missing or does not run.

Node pools that scale automatically only set bounds: it is the autoscaler (cluster-autoscaler, or ack-goatscaler for
node instant scaling) that looks for Pods without a node and has instances made. While it is missing, scaled to zero,
not ready or crashing, no node is added and none is removed, and nothing says so but Pods that stay pending. It runs
as a Deployment in the cluster, on its worker nodes, or, for a managed add-on, outside of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from auditor.facts.cloud.cs import Cluster, NodePool
from auditor.facts.joins.component_health import ComponentHealth, Trouble, restarting
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.autoscaler_actions import AUTOSCALERS, CLUSTER_AUTOSCALER, NAMESPACE, is_autoscaler
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
    Ref,
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
from checks.autoscaling._outside import may_run_outside

check = Check(
    severity=Severity.HIGH,
    causes=("A1",),
    since="0.1.0",
    symptoms=("autoscaler-fails",),
    limits=(
        "Of an autoscaler that ACK runs outside of the cluster only the state of its add-on is seen.",
        "That a Pod is ready does not prove that it does its work: autoscaling/autoscaler-log-errors reads its log.",
    ),
    links=("https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/auto-scaling-of-nodes",),
)

STARTING = timedelta(minutes=2)
"""So long a new Pod may take to become ready."""
PRESENT = ("active", "updating", "upgrading", "installing", "initial")
"""States of an add-on in which it is, or is about to be, there."""
_SHOWN_PODS = 5


@dataclass(frozen=True)
class Autoscaler:
    """One autoscaler of the cluster; without a Deployment, the one that there should be."""

    deployment: Deployment | None

    @property
    def ref(self) -> Ref:
        """The Deployment, by the name it has or would have."""
        return self.deployment.ref if self.deployment else kubernetes_ref("Deployment", CLUSTER_AUTOSCALER, NAMESPACE)


def subjects(deployments: Table[Deployment]) -> Iterable[Autoscaler]:
    # ACK's own is in kube-system; one that the operator installed may be in any namespace, and named by Helm.
    present = [deployment for deployment in deployments.known_rows() if _is_autoscaler(deployment)]
    return [Autoscaler(deployment) for deployment in present] or [Autoscaler(None)]


def judge(
    autoscaler: Autoscaler,
    deployments: Table[Deployment],
    node_pools: Table[NodePool],
    component_health: ComponentHealth,
    clusters: Table[Cluster],
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    deployment = autoscaler.deployment
    may_be_outside = partial(may_run_outside, clusters, cluster)
    if deployment is None:
        for name in AUTOSCALERS:
            deployments.get(f"{NAMESPACE}/{name}")  # a gap that may hide it
        yield _judge_absence(node_pools, component_health, may_be_outside)
    elif deployment.replicas == 0:
        yield _judge_zero(deployment, deployments, node_pools, component_health, may_be_outside)
    else:
        yield from _judge_pods(deployment, node_pools, component_health, observed_at)


def _is_autoscaler(deployment: Deployment) -> bool:
    return is_autoscaler(deployment.name, [container.image for container in deployment.spec.template.spec.containers])


def _scaling_pools(node_pools: Table[NodePool]) -> list[NodePool]:
    """Return the pools that scale automatically, as far as known. Raises NotKnown if there may be one and none is."""
    found = [pool for pool in node_pools.known_rows() if pool.auto_scaling]
    if not found:
        for pool in node_pools.all():
            said(pool.auto_scaling, "cs", t("whether node pool {pool} scales automatically", pool=pool.ref.path))
    return found


def _judge_absence(node_pools: Table[NodePool], health: ComponentHealth, may_be_outside: Callable[[], bool]) -> Verdict:
    pools = _scaling_pools(node_pools)
    if not pools:
        return NotApplicable(t("no autoscaler runs in the cluster, and no node pool scales automatically"))
    states: dict[str, str] = {}
    for name in AUTOSCALERS:
        addon = health.addon(name)
        if addon is not None:
            states[name] = said(addon.state or None, "cs", t("the state of add-on {addon}", addon=name)).lower()
            if states[name] in PRESENT and may_be_outside():
                return Passed()
    name = next(iter(states), CLUSTER_AUTOSCALER)
    missing = kubernetes_ref("Deployment", name, NAMESPACE)
    return Finding(
        subject=missing,
        fault="missing",
        message=t(
            "node pools {pools} scale automatically, but no autoscaler runs: there is no Deployment {names}, and no "
            "add-on that runs outside of the cluster",
            pools=[pool.ref.path for pool in pools],
            names=list(AUTOSCALERS),
        ),
        trail=(
            *(ok(pool.ref, t("scales automatically")) for pool in pools[:_SHOWN_PODS]),
            *(_addon_hop(addon, state) for addon, state in states.items()),
            broken(missing, t("does not exist")),
        ),
        evidence={
            "node_pools": [pool.ref.path for pool in pools],
            "addons": [f"{addon}: {state}" for addon, state in states.items()],
        },
        remedy=(
            step(
                t("Confirm that none runs."),
                *("kubectl", "get", "deployments", "-A", "-o", "name"),
            ),
            Step(
                t(
                    "Enable node scaling again: console, Nodes, Node Pools, Enable (or Edit) next to Node Scaling. "
                    "This installs the autoscaler and authorises it; Pods that wait then get nodes, which are billed"
                )
            ),
        ),
        affected=tuple(pool.ref for pool in pools),
    )


def _addon_hop(addon: str, state: str) -> Hop:
    """Return an add-on: one that is installed is as it should be, though its Deployment is not there."""
    hop = ok if state in PRESENT else broken
    return hop(cloud_ref("Addon", addon), t("is {state}", state=state))


def _judge_zero(
    deployment: Deployment,
    deployments: Table[Deployment],
    node_pools: Table[NodePool],
    health: ComponentHealth,
    may_be_outside: Callable[[], bool],
) -> Verdict:
    """Judge an autoscaler that is scaled to zero: as it should be where nothing scales, or another one does."""
    pools = _scaling_pools(node_pools)
    if not pools:
        return NotApplicable(t("is scaled to zero, and no node pool scales automatically"))
    others = [row for row in deployments.known_rows() if _is_autoscaler(row) and row.key != deployment.key]
    if any(row.replicas > 0 for row in others):
        return NotApplicable(t("is scaled to zero: another autoscaler is there"))
    elsewhere = [name for name in AUTOSCALERS if name != deployment.name and health.runs_outside(name)]
    if elsewhere and may_be_outside():
        return NotApplicable(t("is scaled to zero: {autoscaler} runs outside of the cluster", autoscaler=elsewhere[0]))
    return Finding(
        subject=deployment.ref,
        fault="scaled-to-zero",
        message=t(
            "{autoscaler} is scaled to zero, but node pools {pools} scale automatically",
            autoscaler=deployment.key,
            pools=[pool.ref.path for pool in pools],
        ),
        trail=(
            *(ok(pool.ref, t("scales automatically")) for pool in pools[:_SHOWN_PODS]),
            broken(deployment.ref, t("is scaled to zero")),
        ),
        evidence={"replicas": 0, "node_pools": [pool.ref.path for pool in pools]},
        remedy=(
            step(
                t("Scale it up again. Pods that wait get nodes, which are billed; nodes that are idle are removed."),
                *("kubectl", "-n", deployment.namespace, "scale", f"deployment/{deployment.name}", "--replicas=1"),
            ),
        ),
        affected=tuple(pool.ref for pool in pools),
    )


def _judge_pods(
    deployment: Deployment, node_pools: Table[NodePool], health: ComponentHealth, observed_at: datetime
) -> Iterator[Verdict]:
    reasons: tuple[Reason, ...] = ()
    pods: Sequence[Pod] = ()
    troubles: list[Trouble] = []
    try:
        pods = [pod for pod in health.pods_of(deployment) if not pod.is_terminating]
        troubles = health.troubles(deployment, observed_at)
    except NotKnown as gap:
        reasons = gap.reasons
    crashing = [one for one in troubles if restarting(one.pod, observed_at) is not None]
    if crashing:
        message = t("{autoscaler} crashes again and again: {why}")
        yield _finding(deployment, crashing, message, crashing[0].why, "crash-looping", node_pools)
    elif not _has_ready_pod(deployment, pods, is_known=not reasons) and not _is_starting(deployment, pods, observed_at):
        why = troubles[0].why if troubles else _no_pod(deployment, reasons)
        message = t("{autoscaler} is not ready (Pods wanted: {wanted}): {why}")
        yield _finding(deployment, troubles, message, why, "not-ready", node_pools)
    elif reasons:
        yield NotEvaluated(reasons)
    else:
        yield Passed()


def _has_ready_pod(deployment: Deployment, pods: Sequence[Pod], *, is_known: bool) -> bool:
    """Tell whether both the Deployment and, as far as they are known, its Pods say that one is ready."""
    if deployment.status.ready_replicas < 1:
        return False
    return not is_known or deployment.spec.selector is None or any(pod.is_ready for pod in pods)


def _is_starting(deployment: Deployment, pods: Sequence[Pod], observed_at: datetime) -> bool:
    """Tell whether it was made, or one of its Pods, only just now."""
    moments = [pod.metadata.creation_timestamp for pod in pods] or [deployment.metadata.creation_timestamp]
    return any(moment is not None and timedelta(0) <= observed_at - moment < STARTING for moment in moments)


def _no_pod(deployment: Deployment, reasons: Sequence[Reason]) -> Text:
    if reasons:
        return t("its Pods can't be read")
    unavailable = next((one for one in deployment.status.conditions or () if one.type == "ReplicaFailure"), None)
    if unavailable is not None:
        return t("no Pod can be made: {message}", message=unavailable.message)
    return t("it has no Pod that is ready")


def _finding(
    deployment: Deployment,
    troubles: Sequence[Trouble],
    message: Text,
    why: Text,
    fault: str,
    node_pools: Table[NodePool],
) -> Finding:
    pools = [] if node_pools.is_unavailable else [pool for pool in node_pools.known_rows() if pool.auto_scaling]
    hops: list[Hop] = [broken(one.pod.ref, one.why) for one in troubles[:_SHOWN_PODS]]
    own = t("{ready} of {wanted} Pods ready", ready=deployment.status.ready_replicas, wanted=deployment.replicas)
    name = ("-n", deployment.namespace, f"deployment/{deployment.name}")
    return Finding(
        subject=deployment.ref,
        fault=fault,
        certainty=Certainty.CONFIRMED,
        message=message.with_values({"autoscaler": deployment.key, "wanted": deployment.replicas, "why": why}),
        why=t(
            "While it does not run, no node is added for Pods that wait, and none that is idle is removed. An "
            "autoscaler often ends right after its start because its role may not call Auto Scaling: "
            "autoscaling/role-lacks-permission looks at that."
        ),
        trail=(
            *(ok(pool.ref, t("scales automatically")) for pool in pools[:_SHOWN_PODS]),
            broken(deployment.ref, own),
            *hops,
        ),
        evidence={
            "replicas": deployment.replicas,
            "ready_replicas": deployment.status.ready_replicas,
            "pods": [f"{one.pod.key}: {one.why}" for one in troubles],
            "node_pools": [pool.ref.path for pool in pools],
        },
        remedy=(
            step(t("Confirm the state of its Pods, and their events."), "kubectl", "describe", *name),
            step(
                t("Read why it ended last, or what it waits for."),
                *("kubectl", "logs", *name, "--tail=100", *(("--previous",) if fault == "crash-looping" else ())),
            ),
            Step(
                t(
                    "Put right what these say: rights of its role, room on the worker nodes that it runs on, its "
                    "image. If it is outdated, upgrade it: console, Operations, Add-ons. No workload is touched by that"
                )
            ),
        ),
        affected=tuple(one.pod.ref for one in troubles),
    )
