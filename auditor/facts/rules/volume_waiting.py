"""Does a Pod wait for its volumes, and since when?

The kubelet attaches and mounts all volumes before it pulls an image or starts a container. So a Pod whose containers
have got further than ``ContainerCreating`` has them (Pod life cycle in the Kubernetes documentation).
"""

from datetime import datetime, timedelta

from auditor.facts.kubernetes.pods import ContainerStatus, Pod

STILL_NORMAL = timedelta(minutes=2)
"""For so long a disk may take to be detached, attached and mounted."""
_BEFORE_VOLUMES = ("", "ContainerCreating", "PodInitializing")


def waits_for_volumes(pod: Pod) -> bool:
    """Tell whether a Pod is bound to a node, and nothing says that its volumes are mounted there."""
    if not pod.is_starting:
        return False
    statuses = (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ()))
    return not any(_has_got_further(status) for status in statuses)


def bound_since(pod: Pod) -> datetime | None:
    """Return when a Pod was bound to its node, by its condition, or was made; None if it does not say."""
    scheduled = pod.condition("PodScheduled")
    moment = scheduled.last_transition_time if scheduled and scheduled.status == "True" else None
    return moment or pod.metadata.creation_timestamp


def _has_got_further(status: ContainerStatus) -> bool:
    state = status.state
    if state.running or state.terminated or status.restart_count:
        return True
    return state.waiting is not None and state.waiting.reason not in _BEFORE_VOLUMES
