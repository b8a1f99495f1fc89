"""What the cloud controller manager (CCM) says of a Service in its events, and what that means.

Sources: the messages of ACK's page on errors of Services, and the event reasons of the CCM's published source. The
CCM cuts the errors of the cloud: the code is often left out, so that code and text are looked for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.services import Service
from auditor.judge.api import Text, t

FAILURES = (
    "SyncLoadBalancerFailed",
    "UpdateLoadBalancerFailed",
    "FailedAddFinalizer",
    "FailedUpdateStatus",
)
UNAVAILABLE = "UnAvailableLoadBalancer"
"""That no backend could be built. The CCM goes on after it, and says so."""
SUCCESSES = ("EnsuredLoadBalancer", "UpdatedLoadBalancer")

_REASONS = (
    *FAILURES,
    UNAVAILABLE,
    *SUCCESSES,
    "EnsuringLoadBalancer",
    "UpdatingLoadBalancer",
    "SkipSyncBackends",
    "AnnotationChanged",
    "TypeChanged",
    "ServiceSpecChanged",
    "FailedAddHash",
    "FeatureNotSupported",
    "FailedUpdateReadinessGate",
)
"""Reasons that the CCM alone gives."""
_REPORTERS = ("service-controller", "cloud-controller-manager", "clb", "nlb", "ccm")
"""Parts of the names by which the CCM signs its events."""
_OF_KUBERNETES = ("endpoint", "allocator", "kube-proxy", "apiserver")
"""Parts of the names of what writes events about every Service, and makes load balancers for none."""

BACKENDS_FULL = re.compile(
    r"InstanceBackendServerNumberOverLimit|backend server number has reached (to )?the quota limit", re.IGNORECASE
)
"""That a load balancer has no room for more backends: a check of its own looks at that."""


@dataclass(frozen=True)
class Cause:
    """A cause that messages tell. ``passes`` if the CCM's next try may succeed by itself."""

    code: str
    pattern: str
    meaning: Text
    cure: Text
    passes: bool = False


UNKNOWN = Cause(
    "other",
    "",
    t("the message says why"),
    t("Remove what the message names; the cloud controller manager tries again by itself, at last every few minutes"),
)

CAUSES = (
    Cause(
        "busy",
        r"Throttling|ServiceIsConfiguring|OperationBusy|VServerGroupProcessing|SystemBusy|flow control",
        t("the API of the load balancer refuses calls for the moment"),
        t("Wait; if it goes on, see who else calls the API so often in this account"),
        passes=True,
    ),
    Cause(
        "arrears",
        r"arrearage|INSUFFICIENT_BALANCE|insufficient balance",
        t("the account is overdue, or its balance is too low"),
        t("Pay the bill or top up the account; nothing else helps"),
    ),
    Cause(
        "permission",
        r"Forbidden|NoPermission|not authorized|AccessDenied|UnauthorizedOperation|Unauthorized",
        t("the cloud controller manager may not do it"),
        t(
            "Give the role of the cloud controller manager its system policy back: AliyunCSManagedNetworkRole and "
            "AliyunCSDefaultRole on a managed cluster, the worker role on a dedicated one"
        ),
    ),
    Cause(
        "vswitch-full",
        r"VSwitchAvailableIpNotExist|has no available ip|IpNotEnough|no enough ip",
        t("the vSwitch has no free address"),
        t("Name another vSwitch in the annotation vswitch-id, or free addresses in this one"),
    ),
    Cause(
        "vswitch-missing",
        r"VSwitch does not exist|InvalidVSwitchId|vswitch.{0,40}not (exist|found)",
        t("the vSwitch that the Service names does not exist"),
        t("Correct the annotation vswitch-id"),
    ),
    Cause(
        "not-for-sale",
        r"HaltSales|not for sale|not available for sale|sold out|NoStock|no stock|not enough inventory"
        r"|LoadBalancerSpec.{0,40}(not|invalid)|InvalidLoadBalancerSpec|spec.{0,30}not support",
        t("a load balancer of this specification is not sold here"),
        t("Name a specification or a zone that is sold in the annotations, or pay by use (PayByCLCU)"),
    ),
    Cause(
        "balancer-missing",
        r"not able to find loadbalancer|can ?not find loadbalancer|loadbalancer.{0,60}(not exist|not found)"
        r"|InvalidLoadBalancerId|ResourceNotFound\.loadBalancer",
        t("the load balancer of the Service no longer exists, or its tags are gone"),
        t(
            "Correct the annotation loadbalancer-id, or restore the tags; if the load balancer was deleted, delete "
            "the Service and make it again: it gets another address"
        ),
    ),
    Cause(
        "not-reusable",
        r"can ?not (be reused|reuse)",
        t("the load balancer that the Service names can't be reused"),
        t("Name a load balancer that neither a cluster made nor the API server uses"),
    ),
    Cause(
        "several-balancers",
        r"find multiple loadbal",
        t("several load balancers carry the Service's tag or name"),
        t("Take the tag kubernetes.do.not.delete off the load balancers that are not the Service's"),
    ),
    Cause(
        "unchangeable",
        r"can ?not change .{0,60}once created|immutable",
        t("an annotation was changed that only counts when the load balancer is made"),
        t("Set the annotation back, or make the Service anew: it gets another address"),
    ),
    Cause(
        "other-balancer",
        r"has been associated with|cannot be bound to",
        t("the Service's status names another load balancer"),
        t("Set the annotation loadbalancer-id back to the load balancer whose address the Service publishes"),
    ),
    Cause(
        "other-vpc",
        r"NetworkConflict",
        t("the load balancer that the Service names is in another VPC"),
        t("Name a load balancer of the cluster's VPC"),
    ),
    Cause(
        "interfaces",
        r"backend servers of eni type|can ?not find eniid",
        t("Pods can't be backends of this load balancer"),
        t("Take off the annotation backend-type eni, or use a load balancer of guaranteed performance and Terway"),
    ),
    Cause(
        "group-in-use",
        r"RspoolVipExist|vips associating|RspoolRuleExist",
        t("a server group is in use by a listener or rule that somebody made by hand"),
        t("Remove that listener or rule in the console"),
    ),
    Cause(
        "certificate",
        r"\bcert",
        t("the certificate of a listener is missing or expired"),
        t("Upload a valid certificate and name it in the annotation cert-id"),
    ),
    Cause(
        "billing",
        r"InstanceChargeType|PayByCLCU|PayBySpec|no permission to modify",
        t("the way of payment and the specification contradict each other"),
        t("Take off the annotation spec where the load balancer is paid by use (PayByCLCU)"),
    ),
    Cause(
        "no-node",
        r"no available nodes?",
        t("no node may be a backend: control-plane nodes, excluded and unready ones are none"),
        t(
            "See which nodes host the Pods, and whether they carry a label that excludes them; with the policy Local "
            "only nodes that host a Pod count"
        ),
    ),
    Cause(
        "quota",
        r"quota|OverLimit|over limit|limit ?exceed|exceed.{0,40}limit|reached.{0,40}limit",
        t("a quota of the account is used up"),
        t(
            "See in Quota Center which quota the message names; remove what is not used, or apply for more. Entries "
            "of a load balancer are counted by service/lb-backend-quota, those of a node by "
            "service/ecs-attachment-quota"
        ),
    ),
)

_COMPILED = tuple((re.compile(cause.pattern, re.IGNORECASE), cause) for cause in CAUSES)


def cause_of(message: str) -> Cause:
    """Return what a message tells."""
    return next((cause for pattern, cause in _COMPILED if pattern.search(message)), UNKNOWN)


def about(service: Service, events: Sequence[Event]) -> list[Event]:
    """Return the events that are about this Service, and not about a former one of its name."""
    return [event for event in events if event.involved_object.uid in ("", service.metadata.uid)]


def is_of_ccm(event: Event) -> bool:
    """Tell whether the CCM wrote an event: by its name, or by what only it says. Unsigned ones may be its own."""
    reporter = event.reporter.lower()
    return event.reason in _REASONS or not reporter or any(name in reporter for name in _REPORTERS)


def is_of_kubernetes(event: Event) -> bool:
    """Tell whether Kubernetes itself wrote an event, as it does about Services of every kind."""
    return any(name in event.reporter.lower() for name in _OF_KUBERNETES)


def open_failure(service: Service, events: Sequence[Event]) -> Event | None:
    """Return the last failure, unless the CCM has succeeded since and the Service has its address.

    That no backend was found comes second: it does not end a synchronisation, and so it hides no failure of one.
    """
    succeeded = max((seen(event) for event in events if event.reason in SUCCESSES), default=-1.0)
    failed = max((event for event in events if event.reason in FAILURES), key=seen, default=None)
    if failed is not None and not (service.ingress and succeeded > seen(failed)):
        return failed
    unavailable = max((event for event in events if event.reason == UNAVAILABLE), key=seen, default=None)
    # A success ends every synchronisation that goes through, also one in which no backend was found.
    is_over = unavailable is None or (bool(service.ingress) and succeeded >= seen(unavailable))
    return None if is_over else unavailable


def seen(event: Event) -> float:
    """Return when an event was last seen, as seconds."""
    return event.seen_at.timestamp() if event.seen_at else 0.0
