"""The error texts that are known of Services, load balancers and Ingresses, in the order in which they lead."""

from auditor.facts.text import t
from auditor.judge.error_pattern import general, known, of_a_log

_PENDING = "lb-service-pending"
SERVICES = (
    known(
        "backends-over-limit",
        r"backend server number has reached to the quota limit|BackendServerNumberOverLimit",
        _PENDING,
        t("the load balancer has no room for more backend servers"),
        "ccm",
    ),
    known(
        "load-balancer-over-limit",
        r"(Listener|Rule|Acl|Entr|Items|ServerGroup|Rspool|LoadBalancer|Quota)\w*(OverLimit|ExceedLimit)|QuotaInsufficient"
        r"|\bOverLimit\b",
        _PENDING,
        t("a quota of the load balancer or of the account is used up"),
        "ccm",
    ),
    known(
        "no-backends",
        r"There are no available nodes for (Network)?LoadBalancer|UnAvailableLoadBalancer",
        f"{_PENDING} service-ip-unreachable",
        t("the Service has no node or Pod that could be entered as a backend"),
        "ccm",
    ),
    known(
        "load-balancer-gone",
        r"not able to find loadbalancer|can ?not find loadbalancer|find multiple loadbalances",
        _PENDING,
        t("the cloud controller manager does not find the Service's load balancer, or finds several"),
        "ccm",
    ),
    known(
        "load-balancer-not-reusable",
        r"can ?not be reused|can ?not reuse loadbalancer|has been associated with (ip|dnsname)|NetworkConflict",
        _PENDING,
        t("the load balancer that the annotation names can't be used for this Service"),
        "ccm",
    ),
    known(
        "arrears",
        r"ORDER\.ARREARAGE|account is arrearage|AccountHasArrearage|PAY\.INSUFFICIENT_BALANCE",
        _PENDING,
        t("the account is overdue, or its balance too low"),
        "ccm",
    ),
    known(
        "load-balancer-vswitch",
        r"VSwitchAvailableIpNotExist|has no available ip|The specified VSwitch does not exist",
        _PENDING,
        t("the load balancer's vSwitch has no free address, or does not exist"),
        "ccm",
    ),
    known(
        "load-balancer-setting",
        r"does not support backend servers of eni type|can ?not change [\w -]+ once created|ShareSlbHaltSales"
        r"|can ?not find eniid for ip|can not (update|found) cert|RspoolVipExist|RspoolRuleExist"
        r"|there are vips associating|ZoneMapping format error|overlaps with listener|PayByCLCU"
        r"|(load ?balancer|\bslb\b|\bspec\b|modify).*InstanceChargeType|InstanceChargeType.*(load ?balancer|\bspec\b)"
        r"|no permission to modify.*spec|Port must be between 1 and 65535|LoadBalancerSourceRanges is not supported",
        _PENDING,
        t("an annotation or a port of the Service asks for what its load balancer can't do"),
        "ccm",
    ),
    known(
        "backends-skipped",
        r"Not sync pods .* (whose ip is not in vpc cidrs|whose eni is invalid)"
        r"|Skip delete and update backends|\bSkipSyncBackends\b",
        f"{_PENDING} service-ip-unreachable",
        t("the cloud controller manager leaves out Pods or nodes that it does not find in the VPC"),
        "ccm",
    ),
    known(
        "load-balancer-busy",
        r"\bServiceIsConfiguring\b|\bOperationBusy\b|\bVServerGroupProcessing\b|unprocessed listeners in reconcile",
        _PENDING,
        t("the load balancer is being changed; it is tried again, so it matters only if it lasts"),
        "ccm",
    ),
    known(
        "routes-not-made",
        r"\b(CreateRouteFailed|SyncRouteFailed|DescriberRouteFailed)\b",
        f"pod-unreachable {_PENDING}",
        t("the cloud controller manager could not enter the route of a node's Pods into the VPC"),
        "ccm",
    ),
    general(
        "load-balancer-not-synced",
        r"SyncLoadBalancerFailed|CleanLoadBalancerFailed|FeatureNotSupported|Error syncing load balancer"
        r"|\bFailed(Add|Remove)(Finalizer|Hash)\b|\bFailedUpdate(Status|ReadinessGate)\b|\bPreservedOnDelete\b",
        _PENDING,
        t("the cloud controller manager could not make the load balancer as the Service wants it"),
        "ccm",
    ),
    general(
        "node-not-synced",
        r"\b(Add|Delete|Sync)NodeFailed\b",
        _PENDING,
        t("the cloud controller manager could not match a node with its instance"),
        "ccm",
    ),
    general(
        "cloud-throttles",
        r"\bThrottling\.(User|Api)\b|\bCode: Throttling\b|due to request throttling|^\W*Throttling\b",
        f"{_PENDING} no-scale-up disk-mount-fails",
        t("a cloud API asks its callers to slow down; the words do not tell whose call it was"),
        "ccm",
    ),
)

NETWORK = (
    known(
        "alb-not-built",
        r"\b(FailedBuildModel|FailedApplyModel)\b|listener is not exist in alb|unable to discover at least two"
        r"|of reused alb \S+ is not same with|(none|multiple) certificates? found for host|no cert was discovered"
        r"|must provider? one default cert|unable to find port \S+ on service|can find by stack tag"
        r"|(prefix|exact) path shouldn't contain",
        "ingress-unreachable",
        t("the ALB Ingress controller can't make the ALB as its Ingresses want it: one bad Ingress stops the others"),
        "ccm",
    ),
    of_a_log("nginx-config-refused", "ingress-unreachable", t("nginx refuses its configuration")),
    of_a_log("ingress-without-endpoint", "ingress-unreachable", t("the Service behind the Ingress has no endpoint")),
    of_a_log("ingress-certificate", "ingress-unreachable", t("the certificate of the Ingress can't be used")),
    of_a_log("ingress-forbidden", "ingress-unreachable", t("a white list of the Ingress refuses the client")),
    known(
        "upstream-refused",
        r"connect\(\) failed \(111: Connection refused\) while connecting to upstream",
        "ingress-unreachable service-ip-unreachable",
        t("the Pod behind the Ingress refuses the connection (502)"),
        "nginx",
    ),
    known(
        "upstream-timed-out",
        r"upstream timed out|no live upstreams",
        "ingress-unreachable pod-unreachable",
        t("the Pod behind the Ingress does not answer (502 or 504)"),
        "nginx",
    ),
    known(
        "upstream-protocol",
        r"upstream (prematurely closed connection|sent (invalid|no valid|too big)[\w/. ]*header)"
        r"|SSL_do_handshake\(\) failed.*upstream",
        "ingress-unreachable",
        t("the Pod behind the Ingress speaks another protocol, or broke off (502)"),
        "nginx",
    ),
    known(
        "ingress-answer",
        r"\b50[234] (Bad Gateway|Service Temporarily Unavailable|Gateway Time-?out)\b",
        "ingress-unreachable",
        t("the Ingress controller has no Pod that answers"),
        "nginx",
    ),
    known(
        "readiness-refused",
        r"(Readiness|Liveness|Startup) probe failed: .*dial tcp .*connect: connection refused",
        "pod-unreachable",
        t("the container runs, and refuses connections to the Pod's address"),
        "kubernetes, go",
    ),
)
