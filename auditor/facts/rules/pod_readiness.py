"""Why a Pod is not Ready: the first thing in the order of its life that holds it up.

The order is that of the Pod life cycle in the Kubernetes documentation: scheduling, init containers, containers,
probes, readiness gates, the node.
"""

from collections.abc import Iterable

from auditor.facts.kubernetes.pods import ContainerStatus, Pod
from auditor.facts.text import Text, t

_GATES_REASON = "ReadinessGatesNotReady"
_BUILT_IN = ("PodScheduled", "Initialized", "ContainersReady", "Ready", "PodReadyToStartContainers", "DisruptionTarget")


def why_not_ready(pod: Pod) -> Text:
    """Return why a Pod is not Ready, with the reason and the names that its status gives."""
    if pod.is_terminating:
        return t("is being deleted")
    if pod.is_finished:
        return t("has ended: {phase} {reason}", phase=pod.status.phase, reason=pod.status.reason)
    if pod.is_unscheduled:
        scheduled = pod.condition("PodScheduled")
        return t("waits for a node: {why}", why=scheduled.message if scheduled else "")
    waiting = _first_waiting((*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())))
    if waiting:
        return waiting
    unready = [status.name for status in pod.status.container_statuses or () if not status.ready]
    if unready:
        return t("runs, but its readiness probe does not succeed: container {containers}", containers=unready)
    return _why_not_marked_ready(pod)


def _first_waiting(statuses: Iterable[ContainerStatus]) -> Text | None:
    for status in statuses:
        state = status.state
        if state.waiting:
            return t("container {container} waits: {reason}", container=status.name, reason=state.waiting.reason)
        if state.terminated and state.terminated.exit_code:
            return t(
                "container {container} ended with code {code}: {reason}",
                container=status.name,
                code=state.terminated.exit_code,
                reason=state.terminated.reason,
            )
    return None


def _why_not_marked_ready(pod: Pod) -> Text:
    ready = pod.condition("Ready")
    gates = [c.type for c in pod.status.conditions or () if c.type not in _BUILT_IN and c.status != "True"]
    if ready and ready.reason == _GATES_REASON:
        return t("waits for its readiness gates: {gates}", gates=gates or [ready.message])
    if ready and (ready.reason or ready.message):
        return t("is not marked Ready: {reason} {message}", reason=ready.reason, message=ready.message)
    if not pod.status.container_statuses:
        return t("none of its containers is started on node {node}", node=pod.node_name)
    return t("is not marked Ready though its containers are: look at node {node}", node=pod.node_name)
