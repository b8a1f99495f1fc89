"""The findings of disks that several Pods are to use, though only one node can have them."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim
from auditor.facts.kubernetes.workloads import Deployment, StatefulSet
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Step,
    Text,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)

SHARED = "shared"
"""One fault, whatever shows it: Pods on several nodes now, several replicas, or a rollout that adds one."""

SHOWN_PODS = 5
"""How many Pods the trail lists."""


@dataclass(frozen=True)
class Shared:
    """What is shared: a volume, or a claim while it has no volume; ``claim_key`` is ``namespace/name``."""

    subject: PersistentVolume | PersistentVolumeClaim
    claim_key: str
    access_modes: Sequence[str]

    @property
    def disk(self) -> str:
        """The disk's id; empty while there is none."""
        return (self.subject.disk_id or "") if isinstance(self.subject, PersistentVolume) else ""

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What every finding rests on."""
        return {"disk": self.disk or None, "claim": self.claim_key or None, "access_modes": list(self.access_modes)}

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The way from the claim to the disk."""
        namespace, _, name = self.claim_key.partition("/")
        found = [ok(kubernetes_ref("PersistentVolumeClaim", name, namespace))] if name else []
        if isinstance(self.subject, PersistentVolume):
            found.append(ok(self.subject.ref))
        if self.disk:
            found.append(ok(cloud_ref("Disk", self.disk), t("can be attached to one instance at a time")))
        return tuple(found)


def on_several_nodes(shared: Shared, pods: Sequence[Pod]) -> Finding:
    """Make the finding that Pods on several nodes want one disk."""
    nodes = sorted({pod.node_name for pod in pods})
    return Finding(
        subject=shared.subject.ref,
        fault=SHARED,
        certainty=Certainty.AT_RISK,
        message=t(
            "{count} Pods on nodes {nodes} want one disk, which one node at a time can have: {affected}", nodes=nodes
        ),
        why=_WHY,
        trail=(
            *(broken(pod.ref, t("is on node {node}", node=pod.node_name)) for pod in pods[:SHOWN_PODS]),
            *shared.hops,
        ),
        evidence={**shared.evidence, "pods": [pod.key for pod in pods], "nodes": nodes},
        remedy=_remedy(shared, None),
        affected=tuple(pod.ref for pod in pods),
    )


def several_replicas(shared: Shared, workload: Deployment | StatefulSet, pods: Sequence[Pod]) -> Finding:
    """Make the finding that a workload of several replicas has one disk for all of them."""
    message = t(
        "{kind} {workload} wants {replicas} Pods, which all use one disk: those on another node than the first can't "
        "start",
        kind=workload.KIND,
        workload=workload.key,
        replicas=workload.replicas,
    )
    return _by_workload(shared, workload, pods, message, t("wants {count} Pods", count=workload.replicas), {})


def surging_rollout(
    shared: Shared, workload: Deployment, pods: Sequence[Pod], surge: str, *, is_assumed: bool
) -> Finding:
    """Make the finding that a rollout makes the new Pod while the old one has the disk."""
    message = t(
        "Deployment {workload} has one disk and is rolled out with maxSurge {surge}: the new Pod is started while the "
        "old one still has the disk, and waits for ever if it comes to another node",
        workload=workload.key,
        surge=surge,
    )
    evidence: dict[str, Evidence] = {"max_surge": surge, "max_surge_is_assumed": is_assumed}
    detail = t("strategy RollingUpdate, maxSurge {surge}", surge=surge)
    return _by_workload(shared, workload, pods, message, detail, evidence)


def _by_workload(
    shared: Shared,
    workload: Deployment | StatefulSet,
    pods: Sequence[Pod],
    message: Text,
    detail: Text,
    evidence: dict[str, Evidence],
) -> Finding:
    strategy = workload.spec.strategy.type if workload.spec.strategy else ""
    return Finding(
        subject=shared.subject.ref,
        fault=SHARED,
        certainty=Certainty.AT_RISK,
        message=message,
        why=_WHY,
        trail=(broken(workload.ref, detail), *shared.hops),
        evidence={
            **shared.evidence,
            "workload": f"{workload.KIND} {workload.key}",
            "replicas": workload.replicas,
            "strategy": strategy or None,
            "pods": [pod.key for pod in pods],
            **evidence,
        },
        remedy=_remedy(shared, workload),
        affected=(workload.ref,),
    )


def one_handle(volumes: Sequence[PersistentVolume]) -> Finding:
    """Make the finding that several volumes name one disk. The subject is the one with the first name."""
    first, *others = volumes
    names = [volume.name for volume in volumes]
    return Finding(
        subject=first.ref,
        fault="one-handle",
        certainty=Certainty.AT_RISK,
        message=t(
            "volumes {volumes} name one disk, {disk}: Kubernetes takes it for several, and does not keep their Pods "
            "apart",
            volumes=names,
            disk=first.disk_id or "",
        ),
        why=t(
            "Only the check of ReadWriteOnce volumes keeps a second node off a disk, and it goes by volume, not by "
            "disk. The driver takes a disk away from where it is before it attaches it (DISK_FORCE_DETACHED is true "
            "by default): a Pod of the one volume can pull the disk from under a running Pod of the other."
        ),
        trail=(
            *(
                broken(volume.ref, t("names the disk; claim {claim}", claim=volume.claim_key or "-"))
                for volume in volumes
            ),
            ok(cloud_ref("Disk", first.disk_id or "")),
        ),
        evidence={
            "disk": first.disk_id,
            "volumes": names,
            "claims": [volume.claim_key or "" for volume in volumes],
        },
        remedy=(
            step(
                t("See which volumes name the disk, and which of their claims is in use."),
                *("kubectl", "get", "pv", *names, "-o", "wide"),
            ),
            step(
                t(
                    "Keep the volume whose claim is in use. Set the reclaim policy of the other to Retain, then delete "
                    "it and its claim: with any other policy the disk and its data are deleted with it."
                ),
                *("kubectl", "patch", "pv", "<other-volume>", "-p"),
                '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}',
            ),
        ),
        affected=tuple(volume.ref for volume in others),
    )


def read_write_many(shared: Shared, source: str) -> Finding:
    """Make the finding that ReadWriteMany is asked of a disk; ``source`` is the class or driver that says it is one."""
    return Finding(
        subject=shared.subject.ref,
        fault="read-write-many",
        certainty=Certainty.AT_RISK,
        message=t(
            "ReadWriteMany is asked of a disk ({source}): it can be attached to one instance at a time, so that Pods "
            "on several nodes can't share it",
            source=source,
        ),
        trail=(
            broken(shared.subject.ref, t("asks for {modes}", modes=list(shared.access_modes))),
            *(hop for hop in shared.hops if hop.ref != shared.subject.ref),
        ),
        evidence={**shared.evidence, "source": source},
        remedy=(
            step(
                t("See who uses the claim."),
                *("kubectl", "-n", shared.claim_key.partition("/")[0] or "<namespace>", "describe", "pvc"),
                shared.claim_key.partition("/")[2] or "<claim>",
            ),
            step(
                t(
                    "If several Pods are to write, use a NAS volume: make a claim of a NAS class, copy the data with a "
                    "Pod that has both, and change the workload over. Nothing is lost as long as the old claim is kept."
                )
            ),
            step(
                t(
                    "If one Pod is enough, make the claim anew with ReadWriteOnce. The access modes of a claim can't "
                    "be changed; with the reclaim policy Delete its disk is deleted along with it, so set Retain first."
                )
            ),
        ),
    )


_WHY = t(
    "A cloud disk is attached to one instance at a time. As long as all Pods are on one node this works; after a "
    "drain, a failure or a rollout a Pod comes to another node and waits with a Multi-Attach error "
    "(storage/disk-held-by-another-node), or the driver takes the disk away from the Pod that has it."
)


def _remedy(shared: Shared, workload: Deployment | StatefulSet | None) -> tuple[Step, ...]:
    namespace, _, claim = shared.claim_key.partition("/")
    steps = [
        step(
            t("See which Pods use the claim, and where they are."),
            *("kubectl", "-n", namespace or "<namespace>", "describe", "pvc", claim or "<claim>"),
        )
    ]
    if isinstance(workload, Deployment):
        steps.append(
            step(
                t(
                    "Let the Deployment have one Pod, and end the old one before the new one starts. It is down for "
                    "the time of a restart with each rollout, and now if it has several Pods."
                ),
                *("kubectl", "-n", workload.namespace, "patch", "deployment", workload.name, "-p"),
                '{"spec":{"replicas":1,"strategy":{"type":"Recreate","rollingUpdate":null}}}',
            )
        )
    steps += [
        step(
            t(
                "If each Pod is to have data of its own, use a StatefulSet with volumeClaimTemplates: each Pod then "
                "has a disk of its own. If all are to share the data, use a NAS volume with ReadWriteMany."
            )
        )
    ]
    return tuple(steps)
