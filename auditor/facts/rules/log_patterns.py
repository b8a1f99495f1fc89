"""What the logs of ACK's components say when something is wrong: known words, and the cause that they point at.

The words are those of the components' own sources and of Alibaba Cloud's documents, which each pattern names:

- disk: "FAQ about disk volumes" (https://www.alibabacloud.com/help/document_detail/286495.html)
- nas: "FAQ about NAS volumes" (https://www.alibabacloud.com/help/document_detail/286976.html)
- csi: the source of the storage driver (github.com/kubernetes-sigs/alibaba-cloud-csi-driver)
- kubernetes: the source of Kubernetes (github.com/kubernetes/kubernetes, pkg/volume)
- nginx: the source of the Ingress controller (github.com/kubernetes/ingress-nginx)
- autoscaler: "Node auto scaling FAQ", and the source of the autoscaler (github.com/kubernetes/autoscaler)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

CSI_PLUGIN = "csi-plugin"
CSI_PROVISIONER = "csi-provisioner"
DISK_CONTROLLER = "alicloud-disk-controller"
NAS_CONTROLLER = "alicloud-nas-controller"
FLEXVOLUME = "flexvolume"
NGINX_INGRESS = "nginx-ingress-controller"
CLUSTER_AUTOSCALER = "cluster-autoscaler"
GOATSCALER = "ack-goatscaler"

DISK_DRIVERS = (CSI_PLUGIN, CSI_PROVISIONER, DISK_CONTROLLER, FLEXVOLUME)
NAS_DRIVERS = (CSI_PLUGIN, CSI_PROVISIONER, NAS_CONTROLLER, FLEXVOLUME)
DRIVERS = (CSI_PLUGIN, CSI_PROVISIONER, DISK_CONTROLLER, NAS_CONTROLLER, FLEXVOLUME)
AUTOSCALERS = (CLUSTER_AUTOSCALER, GOATSCALER)


@dataclass(frozen=True)
class LogPattern:
    """Known words in a log.

    Attributes:
        id: short and stable.
        expression: the regular expression; upper and lower case are the same.
        components: in whose logs it means something.
        causes: the rows of the known causes that it points at; empty for a limit that is none of them.
        source: where the words come from, by the list above.
    """

    id: str
    expression: str
    components: tuple[str, ...]
    causes: tuple[str, ...]
    source: str

    @property
    def regex(self) -> re.Pattern[str]:
        """The compiled expression."""
        return _compiled(self.expression)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


LOG_PATTERNS = (
    LogPattern("disk-attached-elsewhere", r"already attached|multi-attach", DISK_DRIVERS, ("S1",), "csi, disk"),
    LogPattern(
        "disk-in-other-zone",
        r"volume node affinity conflict|InvalidDiskId\.NotInSameZone|ZoneMismatch|resource is not in the same zone"
        r"|ConflictingZone",
        DISK_DRIVERS,
        ("S2",),
        "disk, csi",
    ),
    LogPattern(
        "driver-not-registered",
        r"driver name .* not found in the list of registered CSI drivers|no volume plugin matched"
        r"|no topology key found on CSINode",
        DRIVERS,
        ("S3",),
        "kubernetes, disk",
    ),
    LogPattern("disk-not-found", r"can't find disk|InvalidDiskId\.NotFound", DISK_DRIVERS, ("S3",), "disk"),
    LogPattern(
        "disk-not-portable",
        r"DiskNotPortable|disk is not a portable disk|should be pay-as-you-go",
        DISK_DRIVERS,
        ("S4",),
        "csi, disk",
    ),
    LogPattern(
        "nas-access-denied",
        r"access denied by server|mount\.nfs: operation not permitted|chown: option not permitted",
        NAS_DRIVERS,
        ("S5",),
        "nas",
    ),
    LogPattern(
        "nas-not-reachable",
        r"mount\.nfs: .*(no such file or directory|connection timed out|failed to resolve server)"
        r"|cannot connect to nas host",
        NAS_DRIVERS,
        ("S6",),
        "nas",
    ),
    LogPattern(
        "nas-not-found",
        r"InvalidMountTarget\.NotFound|InvalidFileSystem\.NotFound|InvalidParam\.MountTargetDomain"
        r"|InvalidAccessPointId\.NotFound",
        NAS_DRIVERS,
        ("S6",),
        "nas, csi",
    ),
    LogPattern(
        "volume-not-created",
        r"waiting for a volume to be created|selfLink was empty",
        (CSI_PROVISIONER, DISK_CONTROLLER, NAS_CONTROLLER),
        ("S9",),
        "kubernetes, disk",
    ),
    LogPattern("ownership-changed", r"fsgroup|setting volume ownership", (FLEXVOLUME, CSI_PLUGIN), ("S10",), "nas"),
    LogPattern(
        "disk-count",
        r"InstanceDiskLimitExceeded|exceed the limit attachments|disk on instance in question reach its limits"
        r"|exceed max volume count",
        DISK_DRIVERS,
        (),
        "disk, csi",
    ),
    LogPattern(
        "disk-type-or-stock",
        r"NotSupportDiskCategory|InvalidDataDiskCat[ae]gory|OperationDenied\.NoStock|AZone inventory is insufficient"
        r"|DiskSize\.(NotSupported|ValueNotSupported)|disk size is not supported|PerformanceLevelNotMatch"
        r"|InvalidPerformanceLevel|InvalidProvisionedIops",
        DISK_DRIVERS,
        (),
        "disk, csi",
    ),
    LogPattern(
        "volume-quota",
        r"QuotaExceed|(MountTarget|AccessGroup|AccessRule)CountsExceeded",
        DRIVERS,
        (),
        "disk, nas, csi",
    ),
    LogPattern(
        "driver-denied",
        r"Forbidden\.RAM|NoPermission|you are not authorized",
        DRIVERS,
        ("S8",),
        "csi",
    ),
    LogPattern(
        "nginx-config-refused",
        r"nginx: \[emerg\]|unexpected failure reloading",
        (NGINX_INGRESS,),
        ("N7",),
        "nginx",
    ),
    LogPattern("ingress-without-endpoint", r"does not have any active endpoint", (NGINX_INGRESS,), ("N7",), "nginx"),
    LogPattern("ingress-certificate", r"error obtaining X\.509 certificate", (NGINX_INGRESS,), ("N7",), "nginx"),
    LogPattern("ingress-forbidden", r"access forbidden by rule", (NGINX_INGRESS,), ("N6",), "nginx"),
    LogPattern(
        "autoscaler-denied",
        r"Forbidden\.RAM|Forbidden\.Unauthorized|NoPermission|you are not authorized"
        r"|required authorization for the specified action is not supplied"
        r"|failed to create alicloud cloud provider|EntityNotExist\.Role",
        AUTOSCALERS,
        ("A1",),
        "autoscaler",
    ),
    LogPattern("pool-full", r"max node group size reached", AUTOSCALERS, ("A5",), "autoscaler"),
    LogPattern("no-scale-up", r"NotTriggerScaleUp|pod didn't trigger scale-up", AUTOSCALERS, ("A2",), "autoscaler"),
    LogPattern("zone-or-affinity", r"didn't match pod's node affinity", AUTOSCALERS, ("A3",), "autoscaler"),
    LogPattern("pool-too-small", r"\binsufficient (cpu|memory|\S+/\S+)", AUTOSCALERS, ("A4",), "autoscaler"),
    LogPattern("pool-in-backoff", r"in backoff", AUTOSCALERS, ("A5",), "autoscaler"),
    LogPattern("no-stock", r"NoStock", AUTOSCALERS, ("A5",), "autoscaler"),
    LogPattern("vswitch-without-addresses", r"IpNotEnough", AUTOSCALERS, ("A5",), "autoscaler"),
    LogPattern(
        "scaling-group-gone",
        r"asg-\S+ is not exists?|InvalidScalingGroupId\.NotFound",
        AUTOSCALERS,
        ("A5",),
        "autoscaler",
    ),
)
"""All of them, each with an id of its own."""


def patterns_of(component: str, patterns: Iterable[LogPattern] = LOG_PATTERNS) -> list[LogPattern]:
    """Return the patterns that mean something in the log of a component."""
    return [pattern for pattern in patterns if component in pattern.components]
