"""Storage driver of ACK ↔ its workload, its Pods by node, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.joins.component_health import ALSO_CALLED, NAMESPACE, Trouble, restarting
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.pod_readiness import why_not_ready
from auditor.facts.rules.selectors import selects
from auditor.facts.rules.storage_drivers import CSI_PLUGIN, FLEXVOLUME
from auditor.facts.table import NotKnown, Table, said
from auditor.facts.text import Text, t

ON_EVERY_NODE = (CSI_PLUGIN, FLEXVOLUME)
STARTS_WITHIN = timedelta(minutes=2)
"""A Pod that became unready, or was made, within this time is starting or being replaced."""
GONE = ("deleted", "deleting")
"""The states of an add-on that is not, or soon will not be, installed."""
WORKS = ("active", "updating", "upgrading")
"""The states of an add-on whose component runs."""
HAVE_NO_OUTSIDE = ("Kubernetes", "ExternalKubernetes")
"""The types of clusters whose control plane ACK does not run: dedicated, and registered (DescribeClusterDetail)."""


@dataclass(frozen=True)
class DriverPods:
    """The Pods of a driver.

    Attributes:
        pods: all that are not being deleted.
        troubles: those that do not do their work, and why.
        excused: those that are not ready, but just start, or are on a node that is not ready itself.
        settling: how many are excused, became ready so lately that the workload's status need not show it yet, or are
            being deleted as they should and not replaced yet.
    """

    pods: Sequence[Pod]
    troubles: Sequence[Trouble]
    excused: Sequence[Pod]
    settling: int


class DriverHealth:
    """Storage driver of ACK ↔ its workload in ``kube-system``, its Pods and its add-on.

    It asks only for the table that a driver needs, and excuses Pods that are just starting, and those on a node that
    is not ready itself: then it is the node that is at fault.
    """

    def __init__(
        self,
        deployments: Table[Deployment],
        daemonsets: Table[DaemonSet],
        pods: Table[Pod],
        nodes: Table[Node],
        addons: Table[Addon],
        clusters: Table[Cluster],
        cluster: ClusterIdentity,
        observed_at: datetime,
    ) -> None:
        """Join the tables."""
        self._deployments = deployments
        self._daemonsets = daemonsets
        self._pods = pods
        self._nodes = nodes
        self._addons = addons
        self._clusters = clusters
        self._cluster_id = cluster.cluster_id
        self._observed_at = observed_at
        self._by_node: dict[str, dict[str, list[Pod]]] = {}
        self._states: dict[str, DriverPods] = {}

    def daemonset(self, name: str) -> DaemonSet | None:
        """Return the DaemonSet of a driver. Raises NotKnown."""
        return self._daemonsets.get(f"{NAMESPACE}/{name}")

    def workload(self, name: str) -> Deployment | DaemonSet | None:
        """Return the workload of a driver; None if there is none. Raises NotKnown."""
        return self.daemonset(name) if name in ON_EVERY_NODE else self._deployments.get(f"{NAMESPACE}/{name}")

    def addon(self, name: str) -> Addon | None:
        """Return the add-on of a driver that is installed; None if it is not. Raises NotKnown."""
        for one in (name, *ALSO_CALLED.get(name, ())):
            addon = self._addons.get(one)
            if addon is None:
                continue
            state = said(addon.state or None, "cs", t("the state of add-on {name}", name=addon.name))
            if state.lower() not in GONE:
                return addon
        return None

    def runs_outside(self, name: str) -> bool:
        """Tell whether ACK runs a driver's controller outside of the cluster: an add-on that works, no workload.

        ACK does so where it runs the control plane too; in a dedicated cluster there is no place outside.
        """
        if name in ON_EVERY_NODE or self.workload(name) is not None:
            return False
        addon = self.addon(name)
        if addon is None or addon.state.lower() not in WORKS:
            return False
        if addon.name in ALSO_CALLED.get(name, ()):
            return True
        row = self._clusters.get(self._cluster_id)
        type_ = said(row.type, "cs", t("the type of the cluster")) if row is not None else ""
        return type_ not in HAVE_NO_OUTSIDE

    def state(self, workload: Deployment | DaemonSet) -> DriverPods:
        """Return the Pods of a driver, and what is wrong with them. Raises NotKnown if any of them may be missing."""
        if workload.key not in self._states:
            found = self._pods_of(workload)
            pods = [pod for pod in found if not pod.is_terminating]
            troubles, excused = [], []
            for pod in pods:
                trouble = self.trouble(pod)
                if trouble is not None:
                    troubles.append(Trouble(pod, trouble))
                elif not pod.is_ready:
                    excused.append(pod)
            settling = (
                len(excused)
                + sum(pod.is_ready and self._is_fresh(pod) for pod in pods)
                + sum(self.is_going(pod) for pod in found)
            )
            self._states[workload.key] = DriverPods(pods, troubles, excused, settling)
        return self._states[workload.key]

    def on_node(self, workload: DaemonSet, node_name: str) -> Sequence[Pod]:
        """Return the Pods of a driver on a node. Raises NotKnown if one of them may be missing."""
        if workload.key not in self._by_node:
            by_node: dict[str, list[Pod]] = {}
            for pod in self._pods_of(workload):
                by_node.setdefault(pod.node_name, []).append(pod)
            self._by_node[workload.key] = by_node
        return self._by_node[workload.key].get(node_name, ())

    def trouble(self, pod: Pod) -> Text | None:
        """Return why a Pod of a driver does not do its work; None if it does, or is excused. Raises NotKnown."""
        crashes = restarting(pod, self._observed_at)
        if crashes is not None:
            return crashes
        if pod.is_ready or pod.is_terminating or self._is_fresh(pod):
            return None
        node = self._nodes.get(pod.node_name) if pod.node_name else None
        if node is not None and not node.is_ready:
            return None
        return why_not_ready(pod)

    def _is_fresh(self, pod: Pod) -> bool:
        ready = pod.condition("Ready")
        moments = [
            moment for moment in (pod.metadata.creation_timestamp, ready and ready.last_transition_time) if moment
        ]
        return bool(moments) and self._observed_at - max(moments) < STARTS_WITHIN

    def is_going(self, pod: Pod) -> bool:
        """Tell whether a Pod is being deleted and nothing is wrong with that: it ends in time, or its node is down.

        Raises NotKnown if it does not end in time, and its node is not known.
        """
        deadline = pod.metadata.deletion_timestamp
        if deadline is None:
            return False
        if self._observed_at - deadline < STARTS_WITHIN:
            return True
        node = self._nodes.get(pod.node_name) if pod.node_name else None
        return node is not None and not node.is_ready

    def _pods_of(self, workload: Deployment | DaemonSet) -> Sequence[Pod]:
        """Return the Pods that a workload selects. Their names begin with its own, by which a gap can be told."""
        prefix = f"{workload.key}-"
        gaps = self._pods.gaps
        hiding = [gap.reason for gap in gaps if gap.keys is None or any(key.startswith(prefix) for key in gap.keys)]
        if hiding or self._pods.is_unavailable:
            raise NotKnown(*(hiding or self._pods.reasons))
        selector = workload.spec.selector
        if selector is None:
            return []
        in_namespace = self._pods.known_where("namespace", lambda pod: pod.namespace, workload.namespace)
        return [pod for pod in in_namespace if not pod.is_finished and selects(selector, pod.labels)]
