"""The findings of volumes and classes whose driver is not the one that the cluster has."""

from collections.abc import Sequence

from auditor.facts.joins.storage_stacks import Overlap
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.rules.storage_drivers import CSI_PLUGIN, FLEXVOLUME, NAMESPACE, csi_driver_of, flex_driver_of
from auditor.judge.api import (
    Certainty,
    Finding,
    Hop,
    Ref,
    Step,
    Text,
    broken,
    kubernetes_ref,
    ok,
    step,
    t,
)

CSI_PLUGIN_REF = kubernetes_ref("DaemonSet", CSI_PLUGIN, NAMESPACE)


def not_registered(volume: PersistentVolume, pod: Pod, registered: Sequence[str], plugin: Text | None) -> Finding:
    """Make the finding that a driver is not registered on a Pod's node; ``plugin`` is what csi-plugin lacks there."""
    driver = csi_driver_of(volume)
    hop = broken(
        kubernetes_ref("CSINode", pod.node_name),
        t("has {drivers}, not {driver}", drivers=list(registered), driver=driver)
        if registered
        else t("has no driver at all"),
    )
    return _on_node(
        volume,
        pod,
        t(
            "Pod {pod} uses the volume on node {node}, where its driver {driver} is not registered",
            pod=pod.key,
            node=pod.node_name,
            driver=driver,
        ),
        (hop, *((broken(CSI_PLUGIN_REF, plugin),) if plugin else ())),
        plugin,
        registered,
    )


def plugin_not_ready(volume: PersistentVolume, pod: Pod, plugin: Text, plugin_pod: Ref | None) -> Finding:
    """Make the finding that csi-plugin does not work on a Pod's node."""
    return _on_node(
        volume,
        pod,
        t(
            "Pod {pod} uses the volume on node {node}, where csi-plugin does not work: {why}",
            pod=pod.key,
            node=pod.node_name,
            why=plugin,
        ),
        (broken(plugin_pod or CSI_PLUGIN_REF, plugin),),
        plugin,
        None,
    )


def _on_node(
    volume: PersistentVolume,
    pod: Pod,
    message: Text,
    hops: tuple[Hop, ...],
    plugin: Text | None,
    registered: Sequence[str] | None,
) -> Finding:
    namespace, _, claim = (volume.claim_key or "").partition("/")
    why = (
        t(
            "A volume is mounted by the driver that is registered on the node. The cause is csi-plugin there ({why}): "
            "storage/volume-driver-unhealthy tells of it. Pods that run go on; one that is started there waits.",
            why=plugin,
        )
        if plugin
        else t(
            "A volume is mounted by the driver that is registered on the node. Without it the kubelet says that the "
            "driver name is not found in the list of registered CSI drivers. Pods that run go on; one that is started "
            "there waits."
        )
    )
    return Finding(
        subject=volume.ref,
        fault="driver-not-on-node",
        message=message,
        why=why,
        trail=(
            ok(pod.ref, t("is on node {node}", node=pod.node_name)),
            ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),
            ok(volume.ref, t("driver {driver}", driver=csi_driver_of(volume))),
            ok(kubernetes_ref("Node", pod.node_name)),
            *hops,
        ),
        evidence={
            "driver": csi_driver_of(volume),
            "pod": pod.key,
            "node": pod.node_name,
            "registered_drivers": None if registered is None else list(registered),
            "csi_plugin": str(plugin) if plugin else None,
        },
        remedy=(
            step(
                t("See which drivers are registered on the node."),
                *("kubectl", "get", "csinode", pod.node_name, "-o", "jsonpath={.spec.drivers[*].name}"),
            ),
            step(
                t("See csi-plugin on the node, and what it says."),
                *("kubectl", "-n", NAMESPACE, "get", "pods", "-o", "wide", "--field-selector"),
                f"spec.nodeName={pod.node_name}",
            ),
            step(
                t(
                    "Delete the csi-plugin Pod of the node: the new one registers its drivers. Volumes that are "
                    "mounted stay mounted. For a driver of another maker, install its own plugin on the node."
                ),
                *("kubectl", "-n", NAMESPACE, "delete", "pod", "-l", "app=csi-plugin", "--field-selector"),
                f"spec.nodeName={pod.node_name}",
            ),
        ),
        affected=(pod.ref,),
    )


def no_flexvolume(volume: PersistentVolume, pods: Sequence[Pod], csi_is_there: bool | None) -> Finding:
    """Make the finding that a flexVolume is in a cluster without Flexvolume."""
    driver = flex_driver_of(volume)
    state = (
        t("the cluster has no DaemonSet flexvolume, its volumes are mounted by csi-plugin")
        if csi_is_there
        else t("the cluster has no DaemonSet flexvolume")
    )
    return Finding(
        subject=volume.ref,
        fault="no-flexvolume",
        message=t("the volume is a flexVolume of driver {driver}, but {state}", driver=driver, state=state),
        trail=(
            *(ok(pod.ref, t("uses the volume")) for pod in pods[:3]),
            broken(volume.ref, t("flexVolume, driver {driver}", driver=driver)),
            broken(kubernetes_ref("DaemonSet", FLEXVOLUME, NAMESPACE), t("does not exist")),
        ),
        evidence={
            "driver": driver,
            "claim": volume.claim_key,
            "csi_plugin": csi_is_there,
            "pods": [p.key for p in pods],
        },
        remedy=(
            step(t("Confirm the volume's driver."), "kubectl", "get", "pv", volume.name, "-o", "yaml"),
            step(
                t("Confirm which stack the cluster has."),
                *("kubectl", "-n", NAMESPACE, "get", "daemonset", CSI_PLUGIN, FLEXVOLUME),
            ),
            step(
                t(
                    "Make the volume anew as a CSI volume: set the reclaim policy to Retain, stop the workload, delete "
                    "claim and volume, and make both with driver diskplugin.csi.alibabacloud.com (or nasplugin, "
                    "ossplugin) and the same disk or path. With any other policy the data is deleted with the volume."
                ),
                *("kubectl", "patch", "pv", volume.name, "-p"),
                '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}',
            ),
        ),
    )


def both_stacks(subject: Ref, overlap: Overlap) -> Finding:
    """Make the finding that CSI and Flexvolume both serve one kind of volume."""
    message = (
        t(
            "csi-plugin and flexvolume are both installed and both serve {kind} volumes: {names} are of Flexvolume",
            kind=overlap.kind,
            names=[ref.name for ref in overlap.flex],
        )
        if overlap.kind
        else t("csi-plugin and flexvolume are both installed, and both serve the volumes of the cluster")
    )
    return Finding(
        subject=subject,
        fault="both-stacks",
        message=message,
        why=t(
            "A cluster is to have one of the two stacks. Two drivers that attach and detach the same disks, or mount "
            "the same file systems, undo each other's work: disks are detached under a running Pod, or stay attached."
        ),
        trail=(
            ok(subject),
            broken(CSI_PLUGIN_REF, t("is installed")),
            broken(kubernetes_ref("DaemonSet", FLEXVOLUME, NAMESPACE), t("is installed")),
        ),
        evidence={
            "kind": overlap.kind or None,
            "of_flexvolume": [str(ref) for ref in overlap.flex],
            "of_csi": overlap.csi,
        },
        remedy=(
            step(
                t("List which volumes are of which stack."),
                *("kubectl", "get", "pv", "-o"),
                "custom-columns=NAME:.metadata.name,CSI:.spec.csi.driver,FLEX:.spec.flexVolume.driver",
            ),
            step(
                t(
                    "Migrate what is left of Flexvolume to CSI as ACK's document on migrating from Flexvolume to CSI "
                    "says, then uninstall flexvolume and its controllers. Uninstalled earlier, its volumes can't be "
                    "unmounted any more."
                )
            ),
        ),
        affected=tuple(ref for ref in overlap.flex if ref != subject),
    )


def no_provisioner(row: StorageClass, component: str, why: Text, claims: int, *, is_told: bool) -> Finding:
    """Make the finding that nobody makes the volumes of a class; ``is_told``: another check tells why."""
    return Finding(
        subject=row.ref,
        fault="no-provisioner",
        message=t(
            "the class names provisioner {provisioner}, but {component}, which would serve it, does not run: {why}",
            provisioner=row.provisioner,
            component=component,
            why=why,
        ),
        why=t(
            "Claims of the class stay Pending. The cause is {component} itself: storage/volume-driver-unhealthy tells "
            "of it.",
            component=component,
        )
        if is_told
        else t(
            "Claims of the class stay Pending, waiting for a volume to be created. Classes of Flexvolume "
            "(alicloud/disk, alicloud/nas) need its controllers, which clusters with CSI do not have."
        ),
        trail=(
            broken(row.ref, t("provisioner {provisioner}", provisioner=row.provisioner)),
            broken(kubernetes_ref("Deployment", component, NAMESPACE), why),
        ),
        evidence={"provisioner": row.provisioner, "component": component, "claims": claims, "why": str(why)},
        remedy=(
            step(
                t("Confirm that nothing runs for the provisioner."),
                *("kubectl", "-n", NAMESPACE, "get", "deployment", "-o", "wide"),
            ),
            step(
                t("See who uses the class."),
                *("kubectl", "get", "pvc", "-A", "-o"),
                "custom-columns=NS:.metadata.namespace,NAME:.metadata.name,CLASS:.spec.storageClassName",
            ),
            step(
                t(
                    "Use a class of the stack that the cluster has (provisioner diskplugin.csi.alibabacloud.com or "
                    "nasplugin.csi.alibabacloud.com), or install {component} in the ACK console: Operations > Add-ons. "
                    "The class of a claim can't be changed: make the claim anew.",
                    component=component,
                )
            ),
        ),
    )


def no_server(volume: PersistentVolume) -> Finding:
    """Make the finding that a NAS volume names no server."""
    driver = csi_driver_of(volume) or flex_driver_of(volume)
    where = "volumeAttributes" if volume.spec.csi else "options"
    given = (
        (volume.spec.csi and volume.spec.csi.volume_attributes) or (volume.spec.flex and volume.spec.flex.options) or {}
    )
    return Finding(
        subject=volume.ref,
        fault="no-server",
        certainty=Certainty.LIKELY,
        message=t("the NAS volume names no server: its {where} have {keys}", where=where, keys=sorted(given) or ["-"]),
        why=t(
            "The driver mounts the mount target that the key server names. Without it, and without a "
            "containerNetworkFileSystem that tells it, there is nothing to mount."
        ),
        trail=(broken(volume.ref, t("driver {driver}, no server", driver=driver)),),
        evidence={"driver": driver, "keys": sorted(given)},
        remedy=(
            step(t("See what the volume says."), "kubectl", "get", "pv", volume.name, "-o", "yaml"),
            _anew(volume, t("Make volume and claim anew, with the domain of the mount target as server.")),
        ),
    )


def same_handle(volumes: Sequence[PersistentVolume]) -> Finding:
    """Make the finding that volumes of NAS or OSS have one handle. The subject is the one with the first name."""
    first, *others = volumes
    handle = first.spec.csi.volume_handle if first.spec.csi else ""
    names = [volume.name for volume in volumes]
    return Finding(
        subject=first.ref,
        fault="same-handle",
        certainty=Certainty.LIKELY,
        message=t("volumes {names} have one volumeHandle, {handle}", names=names, handle=handle),
        why=t(
            "The handle is what the kubelet tells volumes of one driver apart by. Of two with one handle, a node "
            "mounts only the first: a Pod that wants the other one waits, or sees the data of the first."
        ),
        trail=tuple(broken(volume.ref, t("volumeHandle {handle}", handle=handle)) for volume in volumes),
        evidence={"driver": csi_driver_of(first), "volume_handle": handle, "volumes": names},
        remedy=(
            step(t("Compare the volumes."), "kubectl", "get", "pv", *names, "-o", "yaml"),
            _anew(others[0], t("Give each volume a handle of its own, such as its name: make the others anew.")),
        ),
        affected=tuple(volume.ref for volume in others),
    )


def _anew(volume: PersistentVolume, text: Text) -> Step:
    return step(
        t(
            "{what} What a volume is made from can't be changed. Set the reclaim policy to Retain first: with any "
            "other policy its data may be deleted with it.",
            what=text,
        ),
        *("kubectl", "patch", "pv", volume.name, "-p", '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'),
    )
