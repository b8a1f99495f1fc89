"""Provisioner that a storage class names ↔ what runs it in the cluster, or outside."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.joins.driver_health import DriverHealth
from auditor.facts.kubernetes.extensions import CsiDriver
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, StatefulSet
from auditor.facts.ref import Ref, kubernetes_ref
from auditor.facts.rules.storage_drivers import CSI_PLUGIN, CSI_PROVISIONER, FLEXVOLUME, NAMESPACE, PROVISIONERS
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import Text, t

SHORTEST_WORD = 5
"""A shorter part of a provisioner's name (``nfs``, ``disk``) says nothing of who runs it."""
ANY = "provisioner"
"""What is called so makes volumes, and by its name it does not tell for which classes."""
_PARTS = re.compile(r"[/.]")

AnyWorkload = Deployment | StatefulSet | DaemonSet


class Running(StrEnum):
    """Whether a provisioner runs."""

    YES = "yes"
    STARTING = "starting"
    NOT_READY = "not ready"
    MISSING = "missing"
    UNSEEN = "unseen"
    """Nothing in the cluster has its name; but not every program is named after what it does."""


@dataclass(frozen=True)
class Runner:
    """What runs a provisioner.

    Attributes:
        running: whether it runs.
        component: the name of ACK's component; empty for a provisioner of somebody else.
        ref: the workload, by the name that it has or should have.
        detail: what was read of it.
    """

    running: Running
    component: str
    ref: Ref
    detail: Text


class Provisioners:
    """Provisioner ↔ what runs it: ACK's component by its name; that of somebody else by what is named after it."""

    def __init__(
        self,
        driver_health: DriverHealth,
        deployments: Table[Deployment],
        statefulsets: Table[StatefulSet],
        daemonsets: Table[DaemonSet],
        csi_drivers: Table[CsiDriver],
    ) -> None:
        """Join the tables."""
        self._health = driver_health
        self._deployments = deployments
        self._statefulsets = statefulsets
        self._daemonsets = daemonsets
        self._drivers = csi_drivers
        self._found: dict[str, Runner] = {}
        self._images: list[tuple[AnyWorkload, str]] | None = None

    def of(self, provisioner: str) -> Runner:
        """Return what runs a provisioner. Raises NotKnown if that can't be told."""
        if provisioner not in self._found:
            component = PROVISIONERS.get(provisioner, "")
            self._found[provisioner] = self._of_ack(component) if component else self._of_others(provisioner)
        return self._found[provisioner]

    def is_flexvolume_cluster(self) -> bool:
        """Tell whether the cluster mounts with Flexvolume, and not with CSI. Raises NotKnown."""
        return self._health.daemonset(FLEXVOLUME) is not None and self._health.daemonset(CSI_PLUGIN) is None

    def _is_known_to_use_flexvolume(self) -> bool:
        try:
            return self.is_flexvolume_cluster()
        except NotKnown:
            return False

    def _of_ack(self, component: str) -> Runner:
        workload = self._health.workload(component)
        if workload is None:
            return self._without_workload(component)
        state = self._health.state(workload)
        hurt = {trouble.pod.key for trouble in state.troubles}
        if any(pod.is_ready and pod.key not in hurt for pod in state.pods):
            return Runner(Running.YES, component, workload.ref, t("has a Pod that is ready"))
        if state.excused:
            return Runner(Running.STARTING, component, workload.ref, t("its Pods are starting"))
        if state.troubles:
            first = state.troubles[0]
            detail = t("none of its Pods is ready: {pod} {why}", pod=first.pod.key, why=first.why)
        else:
            detail = t("has no Pod")
        return Runner(Running.NOT_READY, component, workload.ref, detail)

    def _without_workload(self, component: str) -> Runner:
        ref = kubernetes_ref("Deployment", component, NAMESPACE)
        if component == CSI_PROVISIONER and self._is_known_to_use_flexvolume():
            # Where Flexvolume mounts, nothing could use what a CSI provisioner makes: an add-on is a leftover.
            return Runner(Running.MISSING, component, ref, t("does not exist; the cluster mounts with Flexvolume"))
        if self._health.runs_outside(component):
            if component == CSI_PROVISIONER:
                self.is_flexvolume_cluster()  # raises NotKnown where it may be one
            return Runner(Running.YES, component, ref, t("ACK runs it outside of the cluster"))
        addon = self._health.addon(component)
        if addon is not None:
            detail = t("does not exist, and its add-on {addon} is {state}", addon=addon.name, state=addon.state)
            return Runner(Running.NOT_READY, component, ref, detail)
        return Runner(Running.MISSING, component, ref, t("exists neither in the cluster nor as an add-on"))

    def _of_others(self, provisioner: str) -> Runner:
        nobody = kubernetes_ref("Deployment", provisioner)
        named = list(self._named_after(provisioner))
        if named:
            ready = [workload for workload in named if _ready(workload)]
            if ready:
                return Runner(Running.YES, "", ready[0].ref, t("is named after it, and has a Pod that is ready"))
            return Runner(Running.NOT_READY, "", named[0].ref, t("is named after it, and none of its Pods is ready"))
        if self._may_hide(provisioner):
            message = t("which workload makes volumes for provisioner {name} can't be told", name=provisioner)
            raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, message))
        return Runner(Running.UNSEEN, "", nobody, t("no workload is named after {name}", name=provisioner))

    def _may_hide(self, provisioner: str) -> bool:
        """Tell whether something may run the provisioner without being named after it."""
        if self._drivers.get(provisioner) is not None:
            return True
        own = {f"{NAMESPACE}/{component}" for component in PROVISIONERS.values()}
        return any(ANY in text and workload.key not in own for workload, text in self._workload_images())

    def _named_after(self, provisioner: str) -> Iterator[AnyWorkload]:
        words = {provisioner.lower(), *(part for part in _PARTS.split(provisioner.lower()) if _tells(part))}
        seen: set[str] = set()
        for workload, text in self._workload_images():
            if any(word in text for word in words) and workload.ref.path not in seen:
                seen.add(workload.ref.path)
                yield workload

    def _workload_images(self) -> Sequence[tuple[AnyWorkload, str]]:
        """Return each workload with its name and those of its containers, images and flags, in lower case."""
        if self._images is None:
            self._images = [
                (workload, _text(workload))
                for table in (self._deployments, self._statefulsets, self._daemonsets)
                for workload in table.all()
            ]
        return self._images


def _tells(part: str) -> bool:
    """Tell whether a part of a name is peculiar to a provisioner."""
    return len(part) >= SHORTEST_WORD and "-" in part


def _text(workload: AnyWorkload) -> str:
    words = [workload.name]
    for container in workload.spec.template.spec.containers:
        words += [container.name, container.image, *(container.args or ()), *(container.command or ())]
    return " ".join(words).lower()


def _ready(workload: AnyWorkload) -> bool:
    if isinstance(workload, DaemonSet):
        return workload.status.number_ready > 0
    return workload.status.ready_replicas > 0
