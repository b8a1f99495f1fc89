"""The error texts that are known: kubectl's, those of events, and lines of logs; each with the symptom it leads to.

The words are those of the programs' own sources and of Alibaba Cloud's documents:

- kubectl: the sources of kubectl and of the API server (github.com/kubernetes/kubernetes,
  staging/src/k8s.io/kubectl, staging/src/k8s.io/apiserver, pkg/kubelet)
- go: the Go library, whose words they pass on (net, net/http, crypto/x509)
- kubernetes: kubelet, scheduler and volume controllers (github.com/kubernetes/kubernetes, pkg)
- disk: "FAQ about disk volumes" (https://www.alibabacloud.com/help/document_detail/286495.html)
- nas: "FAQ about NAS volumes" (https://www.alibabacloud.com/help/document_detail/286976.html)
- ccm: "Service errors and solutions" (https://www.alibabacloud.com/help/document_detail/403618.html), and the source of
  the cloud controller manager (github.com/kubernetes/cloud-provider-alibaba-cloud)
- nginx: the sources of nginx and of the Ingress controller (github.com/kubernetes/ingress-nginx)
- those of :mod:`auditor.facts.rules.log_patterns`, whose expressions are used here as well
"""

from dataclasses import dataclass

from auditor.facts.rules.log_patterns import LOG_PATTERNS
from auditor.facts.text import Text, t

_LOGGED = {pattern.id: pattern for pattern in LOG_PATTERNS}


@dataclass(frozen=True)
class ErrorPattern:
    """Known words of an error.

    Attributes:
        id: short and stable.
        expression: the regular expression; upper and lower case are the same.
        symptoms: where it leads, the likeliest first.
        means: what the words say, in a line.
        source: where the words come from, by the list above.
        is_general: whether it says no more than what failed: it counts only where no other pattern matches.
    """

    id: str
    expression: str
    symptoms: tuple[str, ...]
    means: Text
    source: str
    is_general: bool = False


def _of_a_log(name: str, symptoms: str, means: Text) -> ErrorPattern:
    logged = _LOGGED[name]
    return ErrorPattern(logged.id, logged.expression, tuple(symptoms.split()), means, logged.source)


def _pattern(name: str, expression: str, symptoms: str, means: Text, source: str) -> ErrorPattern:
    return ErrorPattern(name, expression, tuple(symptoms.split()), means, source)


def _general(name: str, expression: str, symptoms: str, means: Text, source: str) -> ErrorPattern:
    return ErrorPattern(name, expression, tuple(symptoms.split()), means, source, is_general=True)


FORBIDDEN = _pattern(
    "rbac-forbidden",
    r'User "(?P<user>[^"]+)" cannot (?P<verb>[\w*-]+) '
    r'(?:resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: (?:in the namespace "(?P<namespace>[^"]+)"|at the cluster scope))?|path "(?P<path>[^"]*)")',
    "kubectl-forbidden",
    t("the API server knows the user, and no RBAC rule gives him this right"),
    "kubectl",
)

_KUBECTL = (
    FORBIDDEN,
    _pattern(
        "kubelet-unreachable",
        r"dial tcp \[?(?P<address>[\w.:-]+?)\]?:10250: (i/o timeout|connect: (connection refused|no route to host))"
        r"|error dialing backend: .*:10250",
        "kubectl-logs-exec-fail",
        t("the API server can't connect to the kubelet of the node"),
        "kubectl, go",
    ),
    _pattern(
        "kubelet-tls",
        r":10250\b.*(x509|certificate|tls: )",
        "kubectl-logs-exec-fail",
        t("the API server reaches the kubelet, but does not trust its certificate, or the other way round"),
        "kubectl, go",
    ),
    _pattern(
        "api-server-certificate",
        r"(Unable to connect to the server|couldn't get current server API group list|failed to download openapi).*"
        r"(x509|tls: )|^\W*(error: )?x509: ",
        "kubectl-timeout",
        t("kubectl does not trust the API server's certificate, or one of the two has expired"),
        "kubectl, go",
    ),
    _pattern(
        "not-logged-in",
        r"You must be logged in to the server|\bthe server has asked for the client to provide credentials"
        r"|\berror: .*\bUnauthorized\b|^\W*(401 )?Unauthorized\W*$",
        "kubectl-timeout",
        t("the API server does not accept the credentials of the kubeconfig (401)"),
        "kubectl",
    ),
    _pattern(
        "api-server-no-connection",
        r"Unable to connect to the server: (?!.*(x509|tls: ))"
        r"|The connection to the server \S+ was refused|dial tcp \S+:6443: "
        r"|couldn't get current server API group list: (?!.*(x509|tls: ))",
        "kubectl-timeout",
        t("the API server can't be connected to"),
        "kubectl, go",
    ),
    _pattern(
        "api-server-slow",
        r"the server was unable to return a response in the time allotted|net/http: TLS handshake timeout"
        r"|Client\.Timeout exceeded while awaiting headers|etcdserver: (request timed out|leader changed|no leader)"
        r"|the server is currently unable to handle the request|stream error: .*INTERNAL_ERROR",
        "kubectl-timeout",
        t("the API server is connected to, and does not answer in time"),
        "kubectl, go",
    ),
    _pattern(
        "api-server-throttles",
        r"the server has received too many requests|\(TooManyRequests\)",
        "kubectl-timeout",
        t("the API server asks its clients to slow down (429)"),
        "kubectl",
    ),
)

_STORAGE = (
    _of_a_log("disk-attached-elsewhere", "disk-mount-fails", t("the disk is attached to another node")),
    _of_a_log("disk-in-other-zone", "disk-mount-fails", t("the disk is in another zone than the node")),
    _pattern(
        "nas-driver-not-registered",
        r"driver name nasplugin\S* not found in the list of registered CSI drivers",
        "nas-mount-fails disk-mount-fails",
        t("the NAS driver does not run on the node"),
        "kubernetes",
    ),
    _of_a_log(
        "driver-not-registered", "disk-mount-fails", t("the node does not have the driver that the volume asks for")
    ),
    _of_a_log("disk-not-found", "disk-mount-fails", t("the cloud does not know the disk")),
    _of_a_log("disk-not-portable", "disk-detach-fails", t("the disk is a subscription disk that can't be detached")),
    _of_a_log("nas-access-denied", "nas-mount-fails", t("the NAS server refuses the node")),
    _of_a_log("nas-not-reachable", "nas-mount-fails", t("the NAS server, or the path on it, can't be reached")),
    _of_a_log("nas-not-found", "nas-mount-fails", t("the mount target or the file system does not exist")),
    _of_a_log("ownership-changed", "nas-pod-start-timeout", t("the group of all files of the volume is being set")),
    _pattern(
        "ownership-in-progress",
        r"VolumePermissionChangeInProgress",
        "nas-pod-start-timeout",
        t("the group of all files of the volume is being set"),
        "kubernetes",
    ),
    _pattern(
        "first-consumer",
        r"waiting for first consumer to be created before binding|WaitForFirstConsumer",
        "pvc-pending",
        t("the claim waits, as its class says, for a Pod that uses it"),
        "kubernetes",
    ),
    _of_a_log("volume-not-created", "pvc-pending", t("the claim waits for a provisioner to create its volume")),
    _of_a_log("disk-count", "disk-mount-fails", t("the node has as many disks as its instance type takes")),
    _of_a_log(
        "disk-type-or-stock",
        "disk-mount-fails pvc-pending",
        t("the disk's type or size is not offered in the zone, or does not suit the instance type"),
    ),
    _of_a_log("volume-quota", "pvc-pending", t("a quota of the account for disks or NAS is used up")),
    _pattern(
        "volume-not-enlarged",
        r"VolumeResizeFailed|error expanding volume|only dynamically provisioned pvc can be resized"
        r"|waiting for user to \(re-\)start a pod to finish file system resize",
        "pvc-pending",
        t("the volume could not be enlarged: no symptom is about that, so the driver of the claim is looked at"),
        "kubernetes, disk",
    ),
    _pattern(
        "driver-denied",
        rf"(csi|disk|nasplugin|volume|ecs:|nas:).*({_LOGGED['driver-denied'].expression})"
        rf"|({_LOGGED['driver-denied'].expression}).*(csi|disk|volume|ecs:|nas:)",
        "disk-mount-fails",
        t("the RAM role of the storage driver may not call what it needs"),
        "csi",
    ),
    _general(
        "mount-timed-out",
        r"(Unable to attach or mount volumes|MountVolume).*(timed out waiting for the condition"
        r"|context deadline exceeded|DeadlineExceeded)",
        "disk-mount-fails nas-pod-start-timeout",
        t("the volumes were not there in time; the words do not tell why"),
        "kubernetes",
    ),
    _general(
        "nas-mount-failed",
        r"mount\.nfs\b|nasplugin\.csi\.alibabacloud\.com",
        "nas-mount-fails",
        t("a NAS volume can't be mounted"),
        "nas",
    ),
    _general(
        "volume-not-detached",
        r"FailedDetachVolume|DetachVolume\.Detach failed|failed to detach",
        "disk-detach-fails",
        t("a volume can't be detached from its node"),
        "kubernetes",
    ),
    _general(
        "volume-not-attached",
        r"FailedAttachVolume|AttachVolume\.(Attach|WaitForAttach|NewAttacher) failed|FailedMapVolume",
        "disk-mount-fails",
        t("a volume can't be attached to the node"),
        "kubernetes",
    ),
    _general(
        "volume-not-mounted",
        r"FailedMount|MountVolume\.\w+ failed|Unable to attach or mount volumes",
        "disk-mount-fails nas-mount-fails",
        t("a volume can't be mounted; the words do not tell of which kind it is"),
        "kubernetes",
    ),
    _general(
        "volume-not-provisioned",
        r"ProvisioningFailed|failed to provision volume|ExternalProvisioning|FailedBinding",
        "pvc-pending",
        t("the volume of a claim could not be created"),
        "kubernetes",
    ),
)

_SCALING = (
    _pattern(
        "autoscaler-denied",
        rf"(autoscal|\bess\b|ess:|scaling).*({_LOGGED['autoscaler-denied'].expression})"
        rf"|({_LOGGED['autoscaler-denied'].expression}).*(autoscal|\bess:|scaling)"
        r"|failed to create alicloud cloud provider|EntityNotExist\.Role",
        "autoscaler-fails",
        t("the autoscaler's RAM role may not call Auto Scaling"),
        "autoscaler",
    ),
    _of_a_log("no-scale-up", "no-scale-up", t("the autoscaler sees the Pod, and no pool that would take it")),
    _of_a_log("pool-full", "no-scale-up", t("the node pool has as many nodes as it may have")),
    _of_a_log(
        "pool-in-backoff", "no-scale-up", t("the last try to add a node to the pool failed, so it is left alone")
    ),
    _of_a_log("no-stock", "no-scale-up", t("the instance types of the pool are sold out")),
    _of_a_log("vswitch-without-addresses", "no-scale-up", t("a vSwitch has no free address")),
    _of_a_log("scaling-group-gone", "no-scale-up", t("the scaling group of the pool does not exist")),
    _of_a_log("pool-too-small", "no-scale-up", t("no node has enough free resources")),
    _pattern(
        "claim-unbound",
        r"unbound immediate PersistentVolumeClaims",
        "pvc-pending no-scale-up",
        t("the Pod waits for its claim, and not for a node"),
        "kubernetes",
    ),
    _general(
        "ram-denied",
        _LOGGED["driver-denied"].expression,
        "autoscaler-fails disk-mount-fails",
        t("a RAM role lacks a permission; the words do not tell whether it is that of the autoscaler or of a driver"),
        "autoscaler, csi",
    ),
    _general(
        "not-schedulable",
        r"\d+/\d+ nodes are available|FailedScheduling|didn't match Pod's node affinity|had untolerated taint"
        r"|too many pods",
        "no-scale-up",
        t("no node takes the Pod"),
        "kubernetes",
    ),
)

_PENDING = "lb-service-pending"
_SERVICES = (
    _pattern(
        "backends-over-limit",
        r"backend server number has reached to the quota limit|BackendServerNumberOverLimit",
        _PENDING,
        t("the load balancer has no room for more backend servers"),
        "ccm",
    ),
    _pattern(
        "no-backends",
        r"There are no available nodes for (Network)?LoadBalancer|UnAvailableLoadBalancer",
        f"service-ip-unreachable {_PENDING}",
        t("the Service has no node or Pod that could be entered as a backend"),
        "ccm",
    ),
    _pattern(
        "load-balancer-gone",
        r"not able to find loadbalancer|can ?not find loadbalancer|find multiple loadbalances",
        _PENDING,
        t("the cloud controller manager does not find the Service's load balancer, or finds several"),
        "ccm",
    ),
    _pattern(
        "load-balancer-not-reusable",
        r"can ?not be reused|can ?not reuse loadbalancer|has been associated with ip|NetworkConflict",
        _PENDING,
        t("the load balancer that the annotation names can't be used for this Service"),
        "ccm",
    ),
    _pattern(
        "arrears",
        r"ORDER\.ARREARAGE|account is arrearage|AccountHasArrearage|PAY\.INSUFFICIENT_BALANCE",
        _PENDING,
        t("the account is overdue, or its balance too low"),
        "ccm",
    ),
    _pattern(
        "load-balancer-vswitch",
        r"VSwitchAvailableIpNotExist|has no available ip|The specified VSwitch does not exist",
        _PENDING,
        t("the load balancer's vSwitch has no free address, or does not exist"),
        "ccm",
    ),
    _pattern(
        "load-balancer-setting",
        r"does not support backend servers of eni type|can ?not change \w+ once created|ShareSlbHaltSales"
        r"|can ?not find eniid for ip|can not (update|found) cert|RspoolVipExist|there are vips associating"
        r"|ZoneMapping format error|overlaps with listener|no permission to modify.*spec",
        _PENDING,
        t("an annotation or a port of the Service asks for what its load balancer can't do"),
        "ccm",
    ),
    _general(
        "load-balancer-not-synced",
        r"SyncLoadBalancerFailed|CleanLoadBalancerFailed|SkipSyncBackends|FeatureNotSupported",
        _PENDING,
        t("the cloud controller manager could not make the load balancer as the Service wants it"),
        "ccm",
    ),
)

_NETWORK = (
    _of_a_log("nginx-config-refused", "ingress-unreachable", t("nginx refuses its configuration")),
    _of_a_log("ingress-without-endpoint", "ingress-unreachable", t("the Service behind the Ingress has no endpoint")),
    _of_a_log("ingress-certificate", "ingress-unreachable", t("the certificate of the Ingress can't be used")),
    _of_a_log("ingress-forbidden", "ingress-unreachable", t("a white list of the Ingress refuses the client")),
    _pattern(
        "upstream-refused",
        r"connect\(\) failed \(111: Connection refused\) while connecting to upstream",
        "ingress-unreachable service-ip-unreachable",
        t("the Pod behind the Ingress refuses the connection (502)"),
        "nginx",
    ),
    _pattern(
        "upstream-timed-out",
        r"upstream timed out|no live upstreams",
        "ingress-unreachable pod-unreachable",
        t("the Pod behind the Ingress does not answer (502 or 504)"),
        "nginx",
    ),
    _pattern(
        "upstream-protocol",
        r"upstream (prematurely closed connection|sent (invalid|no valid|too big)[\w/. ]*header)"
        r"|SSL_do_handshake\(\) failed.*upstream",
        "ingress-unreachable",
        t("the Pod behind the Ingress speaks another protocol, or broke off (502)"),
        "nginx",
    ),
    _pattern(
        "ingress-answer",
        r"\b50[234] (Bad Gateway|Service Temporarily Unavailable|Gateway Time-?out)\b",
        "ingress-unreachable",
        t("the Ingress controller has no Pod that answers"),
        "nginx",
    ),
    _pattern(
        "readiness-refused",
        r"(Readiness|Liveness|Startup) probe failed: .*dial tcp .*connect: connection refused",
        "pod-unreachable",
        t("the container runs, and refuses connections to the Pod's address"),
        "kubernetes, go",
    ),
)

PATTERNS = (*_KUBECTL, *_STORAGE, *_SCALING, *_SERVICES, *_NETWORK)
"""All of them. Of several that match, the first one leads."""
