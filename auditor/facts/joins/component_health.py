"""Component of ACK ↔ its workload, its Pods and its add-on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.facts.cloud.cs import Addon
from auditor.facts.kubernetes.meta import LabelSelector
from auditor.facts.kubernetes.pods import ContainerStatus, Pod
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.rules.pod_readiness import why_not_ready
from auditor.facts.rules.selectors import selects
from auditor.facts.table import Table
from auditor.facts.text import Text, t

NAMESPACE = "kube-system"
ALSO_CALLED = {
    "csi-provisioner": ("managed-csiprovisioner",),
    "cloud-controller-manager": ("managed-cloud-controller-manager",),
    "nginx-ingress-controller": ("managed-nginx-ingress-controller",),
}
"""Other names of add-ons whose component may run outside of the cluster, where ACK manages it."""
RECENT = timedelta(hours=1)
"""A container that ended and was started again within this time counts as restarting."""
RESTARTS = 3
"""So many restarts in all, the last of them recent, are no accident."""


@dataclass(frozen=True)
class Trouble:
    """A Pod of a component that does not do its work, and why."""

    pod: Pod
    why: Text


class ComponentHealth:
    """Component of ACK ↔ its workload in ``kube-system``, its Pods and its add-on."""

    def __init__(
        self, deployments: Table[Deployment], daemonsets: Table[DaemonSet], pods: Table[Pod], addons: Table[Addon]
    ) -> None:
        """Join the tables."""
        self._deployments = deployments
        self._daemonsets = daemonsets
        self._pods = pods
        self._addons = addons

    def workload(self, name: str, namespace: str = NAMESPACE) -> Deployment | DaemonSet | None:
        """Return the Deployment or DaemonSet of this name; None if there is neither. Raises NotKnown."""
        key = f"{namespace}/{name}"
        return self._deployments.get(key) or self._daemonsets.get(key)

    def addon(self, name: str) -> Addon | None:
        """Return the add-on of a component, by any of its names; None if it has none. Raises NotKnown."""
        found = (self._addons.get(one) for one in (name, *ALSO_CALLED.get(name, ())))
        return next((addon for addon in found if addon is not None), None)

    def runs_outside(self, name: str) -> bool:
        """Tell whether ACK runs the component outside of the cluster: an active add-on, and no workload.

        Raises NotKnown if either can't be told.
        """
        if self.workload(name) is not None:
            return False
        addon = self.addon(name)
        return addon is not None and addon.state.lower() == "active"

    def pods_of(self, workload: Deployment | DaemonSet) -> Sequence[Pod]:
        """Return the Pods that a workload selects, finished ones left out. Raises NotKnown if Pods may be missing."""
        selector: LabelSelector | None = workload.spec.selector
        in_namespace = self._pods.where("namespace", lambda pod: pod.namespace, workload.namespace)
        if selector is None:
            return []
        return [pod for pod in in_namespace if not pod.is_finished and selects(selector, pod.labels)]

    def troubles(self, workload: Deployment | DaemonSet, observed_at: datetime) -> list[Trouble]:
        """Return the Pods of a workload that are not ready, or restart again and again. Raises NotKnown."""
        found = []
        for pod in self.pods_of(workload):
            why = restarting(pod, observed_at) or (None if pod.is_ready else why_not_ready(pod))
            if why is not None and not pod.is_terminating:
                found.append(Trouble(pod, why))
        return found


def restarting(pod: Pod, observed_at: datetime) -> Text | None:
    """Return which container of a Pod crashes again and again; None if none does."""
    for status in _statuses(pod):
        waiting = status.state.waiting
        if waiting and waiting.reason == "CrashLoopBackOff":
            return t(
                "container {container} crashes again and again: {message}",
                container=status.name,
                message=waiting.message,
            )
        ended = status.last_state.terminated
        if (
            status.restart_count >= RESTARTS
            and ended is not None
            and ended.finished_at is not None
            and observed_at - ended.finished_at < RECENT
        ):
            return t(
                "container {container} was restarted {count} times, the last time at {time} (code {code}, {reason})",
                container=status.name,
                count=status.restart_count,
                time=ended.finished_at.isoformat(),
                code=ended.exit_code,
                reason=ended.reason,
            )
    return None


def wanted(workload: Deployment | DaemonSet) -> int:
    """Return how many Pods a workload is to have."""
    if isinstance(workload, Deployment):
        return workload.replicas
    return workload.status.desired_number_scheduled


def _statuses(pod: Pod) -> Iterable[ContainerStatus]:
    return (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ()))
