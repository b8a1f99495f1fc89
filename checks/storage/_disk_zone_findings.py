"""The findings of disks, volumes and nodes that are not in one zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ecs import Disk, Instance
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import DISK_ZONE_KEYS, PersistentVolume, StorageClass
from auditor.facts.rules.disk_zones import allows_zone, class_zones, named_zones
from auditor.facts.rules.scheduling import refusal
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Ref,
    Severity,
    Step,
    Text,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)

SHOWN_NODES = 20
"""How many nodes of the disk's zone the evidence lists with what keeps the Pod off them."""

CONTRADICTION = "affinity-contradicts-disk"


@dataclass(frozen=True)
class DiskVolume:
    """A volume whose disk is in one zone. ``region`` is the cluster's."""

    volume: PersistentVolume
    disk: Disk
    zone: str
    region: str

    @property
    def pins_elsewhere(self) -> bool:
        """Whether the volume keeps its Pods out of the zone of its disk."""
        return not allows_zone(self.volume, self.zone)

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What every finding on the volume rests on."""
        return {"disk": self.disk.id, "disk_zone": self.zone, "volume_zones": named_zones(self.volume)}

    @property
    def disk_hop(self) -> Hop:
        """The disk, where it is the node or the volume that is wrong."""
        return ok(self.disk.ref, t("is in zone {zone}", zone=self.zone))

    def hops_from(self, pod: Pod, detail: Text) -> tuple[Hop, ...]:
        """Return the way from a Pod to the volume."""
        namespace, _, claim = (self.volume.claim_key or "").partition("/")
        named = named_zones(self.volume)
        pinned = t("keeps its Pods to zone {zones}", zones=named) if named else t("names no zone")
        return (
            ok(pod.ref, detail),
            ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),
            (broken if self.pins_elsewhere else ok)(self.volume.ref, pinned),
        )


def node_elsewhere(on: DiskVolume, pod: Pod, node: Node, instance: Instance | None, node_zone: str) -> Finding:
    """Make the finding that a Pod is bound to a node in another zone than the disk."""
    in_zone = t("is in zone {zone}", zone=node_zone)
    return Finding(
        subject=on.volume.ref,
        fault=CONTRADICTION if on.pins_elsewhere else "node-in-other-zone",
        certainty=Certainty.CONFIRMED if instance else Certainty.LIKELY,
        message=t(
            "disk {disk} is in zone {disk_zone}, but Pod {pod} is bound to node {node} in zone {node_zone}: "
            "the disk can't be attached there",
            disk=on.disk.id,
            disk_zone=on.zone,
            pod=pod.key,
            node=node.name,
            node_zone=node_zone,
        ),
        trail=(
            *on.hops_from(pod, t("is bound to node {node}", node=node.name)),
            broken(on.disk.ref, t("is in zone {zone}, not in that of the node", zone=on.zone)),
            ok(node.ref, in_zone),
            *((ok(instance.ref, in_zone),) if instance else ()),
        ),
        evidence={**on.evidence, "pod": pod.key, "node": node.name, "node_zone": node_zone},
        remedy=_remedy(on, pod),
        affected=(pod.ref,),
    )


def no_node_in_zone(on: DiskVolume, pod: Pod, here: Sequence[Node], could: list[str]) -> Finding:
    """Make the finding that no node in the disk's zone takes a Pod; ``could`` are the zones in which one does."""
    missing = t("its {nodes} nodes refuse the Pod", nodes=len(here)) if here else t("the cluster has no node there")
    return Finding(
        subject=on.volume.ref,
        fault="no-node-in-zone",
        message=t(
            "Pod {pod} waits for a node in zone {zone}, where its disk {disk} is: {missing}",
            pod=pod.key,
            zone=on.zone,
            disk=on.disk.id,
            missing=missing,
        ),
        trail=(*on.hops_from(pod, t("is not scheduled")), on.disk_hop, broken(_zone_ref(on.zone), missing)),
        evidence={
            **on.evidence,
            "pod": pod.key,
            "zones_with_a_node_for_the_pod": could,
            "nodes_in_disk_zone": {node.name: str(refusal(pod, node)) for node in here[:SHOWN_NODES]},
            "scheduler": _scheduler_says(pod),
        },
        remedy=(
            _ask_scheduler(pod),
            step(
                t("List the nodes of the zone, with their taints and cordons."),
                *("kubectl", "get", "nodes", "-l", f"topology.kubernetes.io/zone={on.zone}"),
                *("-o", "custom-columns=NAME:.metadata.name,OFF:.spec.unschedulable,TAINTS:.spec.taints"),
            ),
            step(
                t(
                    "Make a node of the zone take the Pod: uncordon one, correct the Pod's selector, affinity or "
                    "tolerations, or add a node to a pool with a vSwitch in zone {zone}. This touches no data.",
                    zone=on.zone,
                )
            ),
            _move_disk(on),
        ),
        affected=(pod.ref,),
    )


def disks_apart(on: DiskVolume, pod: Pod, zones: Mapping[str, str]) -> Finding:
    """Make the finding that a Pod wants disks in different zones; ``zones`` are those of its volumes, by name."""
    return Finding(
        subject=on.volume.ref,
        fault="disks-apart",
        message=t(
            "Pod {pod} wants disks in different zones ({zones}): no node can have them all",
            pod=pod.key,
            zones=sorted(set(zones.values())),
        ),
        trail=(
            broken(pod.ref, t("wants disks in different zones")),
            *(
                ok(kubernetes_ref("PersistentVolume", name), t("is in zone {zone}", zone=zone))
                for name, zone in sorted(zones.items())
            ),
        ),
        evidence={
            **on.evidence,
            "pod": pod.key,
            "disk_zones": dict(sorted(zones.items())),
            "scheduler": _scheduler_says(pod),
        },
        remedy=(_ask_scheduler(pod), _move_disk(on)),
        affected=(pod.ref,),
    )


def contradiction(on: DiskVolume, pod: Pod | None = None, *, at_risk: bool = False) -> Finding:
    """Make the finding that the volume keeps its Pods to other zones than its disk's; ``pod`` waits for it."""
    named = named_zones(on.volume)
    return Finding(
        subject=on.volume.ref,
        fault=CONTRADICTION,
        certainty=Certainty.AT_RISK if at_risk else Certainty.CONFIRMED,
        severity=Severity.LOW if at_risk else Severity.HIGH,
        message=t(
            "the volume keeps its Pods to zone {named}, but its disk {disk} is in zone {zone}",
            named=named,
            disk=on.disk.id,
            zone=on.zone,
        ),
        trail=(
            *((ok(pod.ref, t("is not scheduled")),) if pod else ()),
            broken(on.volume.ref, t("keeps its Pods to zone {zones}", zones=named)),
            on.disk_hop,
        ),
        evidence={**on.evidence, **({"pod": pod.key, "scheduler": _scheduler_says(pod)} if pod else {})},
        remedy=_remedy(on, pod),
        affected=(pod.ref,) if pod else (),
    )


def unpinned(on: DiskVolume, elsewhere: list[str]) -> Finding:
    """Make the finding that a volume lets its Pods into the zones ``elsewhere``."""
    return Finding(
        subject=on.volume.ref,
        fault="unpinned-volume",
        certainty=Certainty.AT_RISK,
        severity=Severity.LOW,
        message=t(
            "the volume does not say that its disk {disk} is in zone {zone}: "
            "a Pod that uses it may be put in zone {others}",
            disk=on.disk.id,
            zone=on.zone,
            others=elsewhere,
        ),
        trail=(broken(on.volume.ref, t("has no node affinity for the zone of its disk")), on.disk_hop),
        evidence={
            **on.evidence,
            "other_zones": elsewhere,
            "provisioned_by": on.volume.annotations.get("pv.kubernetes.io/provisioned-by"),
        },
        remedy=_remedy(on),
    )


def binds_immediately(storage_class: StorageClass, zones: list[str], claims: int) -> Finding:
    """Make the finding that a class makes disks before their Pods have a node; ``claims`` name it."""
    return Finding(
        subject=storage_class.ref,
        fault="binds-immediately",
        certainty=Certainty.AT_RISK,
        severity=Severity.LOW if claims else Severity.INFO,
        message=t(
            "the class makes a disk before its Pod has a node (volumeBindingMode Immediate), and the nodes are in "
            "zones {zones}: the disk may be made where the Pod can't go",
            zones=zones,
        ),
        trail=(
            broken(storage_class.ref, t("has volumeBindingMode {mode}", mode=storage_class.volume_binding_mode)),
            *(ok(_zone_ref(zone), t("has nodes")) for zone in zones),
        ),
        evidence={
            "provisioner": storage_class.provisioner,
            "volume_binding_mode": storage_class.volume_binding_mode,
            "class_zones": sorted(class_zones(storage_class)),
            "zones": zones,
            "claims": claims,
        },
        remedy=(
            step(
                t("See who uses the class."),
                *("kubectl", "get", "pvc", "-A", "-o"),
                "custom-columns=NS:.metadata.namespace,NAME:.metadata.name,CLASS:.spec.storageClassName",
            ),
            step(
                t(
                    "Use a class with volumeBindingMode WaitForFirstConsumer for new claims, such as ACK's "
                    "alicloud-disk-topology-alltype. The mode of a class can't be changed; volumes that exist keep "
                    "their zone and are not touched."
                )
            ),
        ),
    )


def _zone_ref(zone: str) -> Ref:
    return cloud_ref("Zone", zone)


def _remedy(on: DiskVolume, pod: Pod | None = None) -> tuple[Step, ...]:
    steps = [
        step(
            t("Confirm where the disk is."),
            *("aliyun", "ecs", "DescribeDisks", "--RegionId", on.disk.region or on.region or "<region>"),
            *("--DiskIds", f'["{on.disk.id}"]'),
        ),
        step(t("See where the volume keeps its Pods."), "kubectl", "get", "pv", on.volume.name, "-o", "yaml"),
        step(
            t(
                "Give the volume a required node affinity: {key} In {zone}. One that is set can't be changed: set "
                "the reclaim policy to Retain first, then delete and recreate the volume and its claim. With any "
                "other policy the disk and its data are deleted.",
                key=DISK_ZONE_KEYS[0],
                zone=on.zone,
            )
        ),
    ]
    if pod is not None:
        steps += [
            step(
                t(
                    "Take away what ties the Pod to another zone (nodeName, nodeSelector, affinity), then delete it: "
                    "it is scheduled anew, in zone {zone}. It is down until it runs there.",
                    zone=on.zone,
                ),
                *("kubectl", "-n", pod.namespace, "delete", "pod", pod.name),
            ),
            _move_disk(on),
        ]
    return tuple(steps)


def _ask_scheduler(pod: Pod) -> Step:
    return step(t("See what the scheduler says."), "kubectl", "-n", pod.namespace, "describe", "pod", pod.name)


def _move_disk(on: DiskVolume) -> Step:
    return step(
        t(
            "Or move the data: stop the workload, take a snapshot, make a disk from it in the zone that is wanted, "
            "and a volume for that disk. What is written after the snapshot is lost, so nothing may write."
        ),
        *("aliyun", "ecs", "CreateSnapshot", "--DiskId", on.disk.id),
    )


def _scheduler_says(pod: Pod) -> str:
    scheduled = pod.condition("PodScheduled")
    return scheduled.message if scheduled else ""
