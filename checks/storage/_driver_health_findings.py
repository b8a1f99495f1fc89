"""The findings of storage drivers that are missing or do not work."""

from dataclasses import dataclass

from auditor.facts.cloud.cs import Addon
from auditor.facts.joins.component_health import Trouble, wanted
from auditor.facts.joins.driver_health import ON_EVERY_NODE, DriverPods
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.rules.storage_drivers import NAMESPACE
from auditor.judge.api import Finding, Hop, Ref, Step, Text, broken, cloud_ref, kubernetes_ref, ok, step, t

SHOWN_PODS = 5
"""How many Pods a trail lists."""


@dataclass(frozen=True)
class Driver:
    """A component of one of the storage stacks."""

    name: str

    @property
    def ref(self) -> Ref:
        """Its workload, by the name that it should have."""
        kind = DaemonSet.KIND if self.name in ON_EVERY_NODE else Deployment.KIND
        return kubernetes_ref(kind, self.name, NAMESPACE)


def missing(driver: Driver, need: Text, addon: Addon | None) -> Finding:
    """Make the finding that a driver has no workload; ``need`` says who needs it."""
    return Finding(
        subject=driver.ref,
        fault="missing",
        message=t(
            "storage driver {name} is missing: there is no {kind} of this name in {namespace}, though {need}",
            name=driver.name,
            kind=driver.ref.kind,
            namespace=NAMESPACE,
            need=need,
        ),
        why=_why(driver),
        trail=(
            *((ok(cloud_ref("Addon", addon.name), t("state {state}", state=addon.state)),) if addon else ()),
            broken(driver.ref, t("does not exist")),
        ),
        evidence={
            "driver": driver.name,
            "addon": addon.name if addon else None,
            "addon_state": addon.state if addon else None,
            "addon_version": addon.version if addon else None,
        },
        remedy=(
            step(
                t("Confirm that it is not there."),
                *("kubectl", "-n", NAMESPACE, "get", "daemonset,deployment", "-o", "wide"),
            ),
            _install(driver),
        ),
    )


def ready_pods(state: DriverPods) -> int:
    """Return how many Pods of a driver are ready."""
    return sum(pod.is_ready for pod in state.pods)


def has_status(workload: Deployment | DaemonSet) -> bool:
    """Tell whether the controllers of Kubernetes have written what became of the workload."""
    return isinstance(workload, DaemonSet) or workload.status.replicas > 0


def ready_by_status(workload: Deployment | DaemonSet) -> int:
    """Return how many Pods are ready by the status of the workload."""
    return workload.status.number_ready if isinstance(workload, DaemonSet) else workload.status.ready_replicas


def unready(driver: Driver, workload: Deployment | DaemonSet, trouble: Trouble, total: int) -> Finding:
    """Make the finding that one Pod of a driver does not work; ``total`` is how many it has."""
    pod = trouble.pod
    return Finding(
        subject=pod.ref,
        fault="unhealthy",
        message=t(
            "Pod {pod} of storage driver {name} on node {node}: {why}",
            pod=pod.key,
            name=driver.name,
            node=pod.node_name or "-",
            why=trouble.why,
        ),
        why=_why(driver),
        trail=(ok(workload.ref, t("has {count} Pods", count=total)), broken(pod.ref, trouble.why), *_node_hop(pod)),
        evidence={"driver": driver.name, "node": pod.node_name or None, "why": str(trouble.why), "pods": total},
        remedy=_remedy(driver, pod),
        affected=(),
    )


def all_unready(driver: Driver, workload: Deployment | DaemonSet, state: DriverPods) -> Finding:
    """Make the finding that the Pods of a driver do not work, all or most of them."""
    first, ready, number = state.troubles[0], ready_pods(state), wanted(workload)
    return Finding(
        subject=workload.ref,
        fault="unhealthy",
        message=t(
            "storage driver {name}: {troubled} of {total} Pods don't work; {pod}: {why}",
            name=driver.name,
            troubled=len(state.troubles),
            total=len(state.pods),
            pod=first.pod.key,
            why=first.why,
        ),
        why=_why(driver),
        trail=(
            broken(workload.ref, t("{ready} of {count} Pods are ready", ready=ready, count=number)),
            *(broken(trouble.pod.ref, trouble.why) for trouble in state.troubles[:SHOWN_PODS]),
        ),
        evidence={
            "driver": driver.name,
            "pods": len(state.pods),
            "ready": ready,
            "wanted": number,
            "why": str(first.why),
        },
        remedy=_remedy(driver, first.pod),
        affected=tuple(trouble.pod.ref for trouble in state.troubles),
    )


def too_few(driver: Driver, workload: Deployment | DaemonSet, number: int, found: int) -> Finding:
    """Make the finding that a driver has fewer Pods than it is to have."""
    return Finding(
        subject=workload.ref,
        fault="too-few",
        message=t(
            "storage driver {name} wants {wanted} Pods, of which {ready} are ready and {found} exist",
            name=driver.name,
            wanted=number,
            ready=ready_by_status(workload),
            found=found,
        ),
        why=_why(driver),
        trail=(
            broken(workload.ref, t("{ready} of {count} Pods are ready", ready=ready_by_status(workload), count=number)),
        ),
        evidence={"driver": driver.name, "wanted": number, "ready": ready_by_status(workload), "pods": found},
        remedy=(
            step(
                t("Read why Pods are not made: quota, admission and images show in the events."),
                *("kubectl", "-n", NAMESPACE, "describe", workload.KIND.lower(), workload.name),
            ),
            _install(driver),
        ),
    )


def scaled_down(driver: Driver, workload: Deployment | DaemonSet) -> Finding:
    """Make the finding that a driver is to have no Pods."""
    scale = ("kubectl", "-n", NAMESPACE, "scale", "deployment", workload.name, "--replicas=2")
    return Finding(
        subject=workload.ref,
        fault="no-pods",
        message=t("storage driver {name} is to have no Pods: nobody does its work", name=driver.name),
        why=_why(driver),
        trail=(broken(workload.ref, t("wants 0 Pods")),),
        evidence={"driver": driver.name, "wanted": 0},
        remedy=(
            step(t("Find out who scaled it down, and why."), "kubectl", "-n", NAMESPACE, "describe", *_of(workload)),
            step(t("Let it have Pods again. What waits for it is tried again by itself."), *scale)
            if isinstance(workload, Deployment)
            else _install(driver),
        ),
    )


def _of(workload: Deployment | DaemonSet) -> tuple[str, str]:
    return workload.KIND.lower(), workload.name


def _node_hop(pod: Pod) -> tuple[Hop, ...]:
    return (ok(kubernetes_ref("Node", pod.node_name), t("mounts no volumes meanwhile")),) if pod.node_name else ()


def _why(driver: Driver) -> Text:
    if driver.name in ON_EVERY_NODE:
        return t(
            "Without it no volume can be mounted or unmounted on a node: Pods with volumes hang in ContainerCreating "
            "or Terminating there. Those that run go on. Volumes whose driver is not registered on their node "
            "(storage/volume-driver-mismatch) follow from this."
        )
    return t(
        "Without it no volume of its kind is made, attached, detached, resized or deleted: claims stay Pending, and "
        "Pods that are moved wait for their disks. Those that run go on. Claims that wait "
        "(storage/pvc-without-provisioner) follow from this."
    )


def _remedy(driver: Driver, pod: Pod) -> tuple[Step, ...]:
    return (
        step(t("Read what Kubernetes says of the Pod."), "kubectl", "-n", NAMESPACE, "describe", "pod", pod.name),
        step(
            t("Read the last words of its containers before they ended."),
            *("kubectl", "-n", NAMESPACE, "logs", pod.name, "--all-containers", "--tail=100", "--previous"),
        ),
        step(
            t(
                "Correct what it names (image, memory, rights of its role, a node's disk or socket), then delete the "
                "Pod: it is made anew. This touches no volume that is mounted."
            ),
            *("kubectl", "-n", NAMESPACE, "delete", "pod", pod.name),
        ),
        _install(driver),
    )


def _install(driver: Driver) -> Step:
    return step(
        t(
            "Install, reinstall or upgrade {name} in the ACK console: Operations > Add-ons (Component Management), tab "
            "Storage. Volumes that are mounted stay mounted.",
            name=driver.name,
        )
    )
