"""The error texts that are known of volumes and of node scaling, in the order in which they lead."""

from auditor.facts.text import t
from auditor.judge.error_pattern import LOGGED, general, known, of_a_log

STORAGE = (
    known(
        "disk-without-topology",
        r"no topology key found on CSINode",
        "pvc-pending disk-mount-fails",
        t("the storage driver does not run on the node for which the volume is to be made"),
        "disk",
    ),
    of_a_log("disk-attached-elsewhere", "disk-mount-fails", t("the disk is attached to another node")),
    of_a_log("disk-in-other-zone", "disk-mount-fails", t("the disk is in another zone than the node")),
    known(
        "nas-driver-not-registered",
        r"driver name nasplugin\S* not found in the list of registered CSI drivers",
        "nas-mount-fails disk-mount-fails",
        t("the NAS driver does not run on the node"),
        "kubernetes",
    ),
    of_a_log(
        "driver-not-registered", "disk-mount-fails", t("the node does not have the driver that the volume asks for")
    ),
    of_a_log("disk-not-found", "disk-mount-fails", t("the cloud does not know the disk")),
    of_a_log("disk-not-portable", "disk-detach-fails", t("the disk is a subscription disk that can't be detached")),
    of_a_log("nas-access-denied", "nas-mount-fails", t("the NAS server refuses the node")),
    of_a_log("nas-not-reachable", "nas-mount-fails", t("the NAS server, or the path on it, can't be reached")),
    of_a_log("nas-not-found", "nas-mount-fails", t("the mount target or the file system does not exist")),
    of_a_log("ownership-changed", "nas-pod-start-timeout", t("the group of all files of the volume is being set")),
    known(
        "ownership-in-progress",
        r"VolumePermissionChangeInProgress",
        "nas-pod-start-timeout",
        t("the group of all files of the volume is being set"),
        "kubernetes",
    ),
    known(
        "first-consumer",
        r"waiting for first consumer to be created before binding|WaitForFirstConsumer",
        "pvc-pending",
        t("the claim waits, as its class says, for a Pod that uses it"),
        "kubernetes",
    ),
    of_a_log("volume-not-created", "pvc-pending", t("the claim waits for a provisioner to create its volume")),
    of_a_log("disk-count", "disk-mount-fails", t("the node has as many disks as its instance type takes")),
    known(
        "disk-not-made",
        r"InvalidDataDiskCat[ae]gory|AZone inventory is insufficient|DiskSize\.(NotSupported|ValueNotSupported)"
        r"|disk size is not supported|PerformanceLevelNotMatch|InvalidPerformanceLevel|InvalidProvisionedIops"
        r"|(disk|volume|\bcsi\b).*NoStock|NoStock.*(disk|volume|\bcsi\b)",
        "pvc-pending disk-mount-fails",
        t("the disk's type, size or performance level is not offered in the zone, or is sold out there"),
        "disk, csi",
    ),
    known(
        "disk-type",
        r"NotSupportDiskCategory|is not supported by instance|validate error Device /dev/nvme",
        "disk-mount-fails",
        t("the instance type does not take disks of this type, or not with this version of the storage driver"),
        "disk, csi",
    ),
    known(
        "disk-busy",
        r"Previous attach action is still in process|ecs task is conflicted|IncorrectDiskStatus"
        r"|InvalidStatus\.DiskNotReady",
        "disk-mount-fails disk-detach-fails",
        t("the disk is being attached or detached; it is tried again, so it matters only if it lasts"),
        "disk, csi",
    ),
    known(
        "disk-not-readable",
        r"(?<!mount\.nfs: )wrong fs type, bad option",
        "disk-mount-fails",
        t("the file system on the disk is damaged, or is of another type than the volume says"),
        "disk",
    ),
    known(
        "mount-not-undone",
        r"\btarget is busy\b|orphaned pod .* found|\bBdfVolume(Hang|UnUsed)\b",
        "disk-detach-fails",
        t("the node still has the volume mounted, or holds it: the causes of a disk that stays attached come first"),
        "disk, csi",
    ),
    known(
        "nas-setting",
        r"InvalidProtocolType\.NotSupported|InvalidParameter\.(DirPathNotExist|QuotaNotExistOnPath)|\bCNFSFallback\b",
        "nas-mount-fails pvc-pending",
        t("the file system, or the directory on it, is not what the volume or its class asks for"),
        "csi",
    ),
    of_a_log("volume-quota", "pvc-pending", t("a quota of the account for disks or NAS is used up")),
    known(
        "volume-not-enlarged",
        r"VolumeResizeFailed|error expanding volume|only dynamically provisioned pvc can be resized"
        r"|waiting for user to \(re-\)start a pod to finish file system resize",
        "pvc-pending",
        t("the volume could not be enlarged: no symptom is about that, so the driver of the claim is looked at"),
        "kubernetes, disk",
    ),
    known(
        "driver-denied",
        rf"(csi|disk|nasplugin|volume|ecs:|nas:).*({LOGGED['driver-denied'].expression})"
        rf"|({LOGGED['driver-denied'].expression}).*(csi|disk|volume|ecs:|nas:)",
        "disk-mount-fails",
        t("the RAM role of the storage driver may not call what it needs"),
        "csi",
    ),
    general(
        "disk-io-error",
        r"input/output error",
        "disk-mount-fails",
        t("the disk behind a mounted volume is gone: it was detached by hand, taken away or released"),
        "disk",
    ),
    general(
        "nas-mount-timed-out",
        r"(nasplugin|mount\.nfs|\.nas\.aliyuncs\.com).*(timed out|DeadlineExceeded|deadline exceeded)"
        r"|(timed out|DeadlineExceeded|deadline exceeded).*(nasplugin|mount\.nfs|\.nas\.aliyuncs\.com)",
        "nas-mount-fails nas-pod-start-timeout",
        t("a NAS volume was not mounted in time; the words do not tell why"),
        "nas",
    ),
    general(
        "mount-timed-out",
        r"(Unable to attach or mount volumes|MountVolume).*(timed out waiting for the condition"
        r"|context deadline exceeded|DeadlineExceeded)",
        "disk-mount-fails nas-pod-start-timeout",
        t("the volumes were not there in time; the words do not tell why"),
        "kubernetes",
    ),
    general(
        "nas-mount-failed",
        r"mount\.nfs\b|nasplugin\.csi\.alibabacloud\.com",
        "nas-mount-fails",
        t("a NAS volume can't be mounted"),
        "nas",
    ),
    general(
        "volume-not-detached",
        r"FailedDetachVolume|DetachVolume\.Detach failed|failed to detach",
        "disk-detach-fails",
        t("a volume can't be detached from its node"),
        "kubernetes",
    ),
    general(
        "volume-not-attached",
        r"FailedAttachVolume|AttachVolume\.(Attach|WaitForAttach|NewAttacher) failed|FailedMapVolume",
        "disk-mount-fails",
        t("a volume can't be attached to the node"),
        "kubernetes",
    ),
    general(
        "volume-not-mounted",
        r"FailedMount|MountVolume\.\w+ failed|Unable to attach or mount volumes",
        "disk-mount-fails nas-mount-fails",
        t("a volume can't be mounted; the words do not tell of which kind it is"),
        "kubernetes",
    ),
    general(
        "volume-not-provisioned",
        r"ProvisioningFailed|failed to provision volume|ExternalProvisioning|FailedBinding",
        "pvc-pending",
        t("the volume of a claim could not be created"),
        "kubernetes",
    ),
)

SCALING = (
    known(
        "autoscaler-denied",
        rf"(autoscal|\bess\b|ess:|scaling).*({LOGGED['autoscaler-denied'].expression})"
        rf"|({LOGGED['autoscaler-denied'].expression}).*(autoscal|\bess:|scaling)"
        r"|Forbidden\.Unauthorized|required authorization for the specified action is not supplied"
        r"|failed to create alicloud cloud provider|EntityNotExist\.Role|aliyuncsmanagedautoscalerrole"
        r"|SDK\.CanNotResolveEndpoint",
        "autoscaler-fails",
        t("the autoscaler can't call Auto Scaling: its RAM role may not, or its credentials or its region are wrong"),
        "autoscaler",
    ),
    of_a_log("no-scale-up", "no-scale-up", t("the autoscaler sees the Pod, and no pool that would take it")),
    known(
        "pool-full",
        r"\bmax (node group |cluster )?size (is )?reached|total capacity will not change",
        "no-scale-up",
        t("the node pool has as many nodes as it may have"),
        "autoscaler",
    ),
    known(
        "scaling-group-refuses",
        r"scaling activity in progress|The specified SecurityGroupId does not exist"
        r"|current status of the (specified scaling group|load balancer \S+) does not support",
        "no-scale-up",
        t("the scaling group, its load balancer or its security group does not let a node be added"),
        "autoscaler",
    ),
    of_a_log("pool-in-backoff", "no-scale-up", t("the last try to add a node to the pool failed, so it is left alone")),
    of_a_log("no-stock", "no-scale-up pvc-pending", t("the instance types of the pool are sold out")),
    of_a_log("vswitch-without-addresses", "no-scale-up", t("a vSwitch has no free address")),
    of_a_log("scaling-group-gone", "no-scale-up", t("the scaling group of the pool does not exist")),
    of_a_log("pool-too-small", "no-scale-up", t("no node has enough free resources")),
    known(
        "claim-unbound",
        r"unbound immediate PersistentVolumeClaims",
        "pvc-pending no-scale-up",
        t("the Pod waits for its claim, and not for a node"),
        "kubernetes",
    ),
    general(
        "ram-denied",
        LOGGED["driver-denied"].expression,
        "autoscaler-fails disk-mount-fails",
        t("a RAM role lacks a permission; the words do not tell whether it is that of the autoscaler or of a driver"),
        "autoscaler, csi",
    ),
    general(
        "scaling-cooldown",
        r"(scal|\basg-).*cool-?down|cool-?down.*(scal|\basg-)|^\W*cool-?down\W*$",
        "no-scale-up",
        t("the scaling group, or the autoscaler, waits after its last activity"),
        "autoscaler",
    ),
    general(
        "not-schedulable",
        r"\d+/\d+ nodes are available|FailedScheduling|didn't match Pod's node affinity|had untolerated taint"
        r"|too many pods",
        "no-scale-up",
        t("no node takes the Pod"),
        "kubernetes",
    ),
)
