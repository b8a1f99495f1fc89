"""The cloud controller manager does not do its work.

The cloud controller manager makes and updates the load balancers of Services, and the routes of Pods on Flannel.
While it is dead, new Services stay pending, and load balancers keep the backends that they had: Pods that move are
lost to them. Where it lives and fails on one Service, it says why in an event of that Service: a quota, a vSwitch
without addresses, a load balancer that was deleted by hand, a permission that was taken away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from auditor.facts.cloud.cs import Cluster
from auditor.facts.joins.component_health import ComponentHealth
from auditor.facts.joins.components import CCM, CcmVersion
from auditor.facts.joins.services import (
    CLASS_ANNOTATION,
    ServiceEndpoints,
    is_served_by_ccm,
    load_balancer_id,
)
from auditor.facts.kubernetes.coordination import Lease
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    Hop,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Ref,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
    unknown,
)
from checks.service._ccm_events import (
    BACKENDS_FULL,
    UNAVAILABLE,
    about,
    cause_of,
    is_of_ccm,
    is_of_kubernetes,
    open_failure,
)
from checks.service._ccm_state import NAMESPACE, Sources, State, examine
from checks.service._waiting import WAITS_AFTER, waits

check = Check(
    severity=Severity.HIGH,
    causes=("V3",),
    since="0.1.0",
    symptoms=("lb-service-pending",),
    limits=(
        "Events live for about one hour; versions before v1.9.3.276 write none.",
        "A cloud controller manager that ACK runs is seen by its Lease and its add-on, not by its Pods.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/service-troubleshooting-2",
    ),
)

FINALIZERS = ("service.k8s.alibaba/resources", "service.k8s.alibaba/nlb")
"""What the CCM writes on a Service before it makes anything for it."""


class _Run:
    """What all subjects of one run share: the state of the CCM, once it is known."""

    def __init__(self) -> None:
        self.state: State | None = None


@dataclass(frozen=True)
class Watched:
    """The CCM itself, or one Service of type LoadBalancer."""

    run: _Run
    service: Service | None = None

    @property
    def ref(self) -> Ref:
        """The reference of the Service, or of the CCM."""
        return self.service.ref if self.service else kubernetes_ref("Deployment", CCM, NAMESPACE)


def subjects(services: Table[Service]) -> Iterator[Watched]:
    run = _Run()
    yield Watched(run)
    for service in services.known_rows():
        if service.is_load_balancer and not service.metadata.deletion_timestamp:
            yield Watched(run, service)


def judge(
    watched: Watched,
    component_health: ComponentHealth,
    leases: Table[Lease],
    ccm_version: CcmVersion,
    clusters: Table[Cluster],
    events: Table[Event],
    service_endpoints: ServiceEndpoints,
    cluster: ClusterIdentity,
    observed_at: datetime,
) -> Iterator[Verdict]:
    run = watched.run
    if run.state is None:
        sources = Sources(component_health, leases, ccm_version, clusters, cluster.cluster_id, observed_at)
        run.state = examine(sources)
    if watched.service is None:
        yield from _of_component(run.state)
    elif not is_served_by_ccm(watched.service):
        yield _of_other_class(watched.service, events, observed_at)
    else:
        yield _of_service(watched.service, run.state, events, service_endpoints, observed_at)


def _of_component(state: State) -> Iterator[Verdict]:
    yield from state.findings
    if state.reasons and state.down is None:
        yield NotEvaluated(tuple(dict.fromkeys(state.reasons)))
    elif not state.findings:
        yield Passed()


def _of_other_class(service: Service, events: Table[Event], observed_at: datetime) -> Verdict:
    """Judge a Service that the CCM leaves alone: somebody else has to serve it."""
    named = service.spec.load_balancer_class or service.annotations.get(CLASS_ANNOTATION, "")
    if service.metadata.finalizers or not waits(service, observed_at):
        return Passed() if service.ingress else NotApplicable(t("another controller serves its class"))
    if any(not is_of_kubernetes(event) for event in _events_of(service, events)):
        return NotApplicable(t("another controller serves its class"))
    return Finding(
        subject=service.ref,
        message=t(
            "Service {service} waits for its load balancer: nobody serves its class {name}",
            service=service.key,
            name=named,
        ),
        certainty=Certainty.LIKELY,
        fault="class-not-served",
        trail=(broken(service.ref, t("class {name}; neither event nor finalizer", name=named)),),
        evidence={"class": named, "finalizers": [], "events": 0, "created": _created(service)},
        remedy=(
            _describe(service),
            step(
                t(
                    "Install the controller that serves this class; or make the Service anew without a class (CLB) or "
                    "with the class alibabacloud.com/nlb (NLB): the class of a Service can't be changed"
                )
            ),
        ),
    )


def _of_service(
    service: Service,
    state: State,
    events: Table[Event],
    service_endpoints: ServiceEndpoints,
    observed_at: datetime,
) -> Verdict:
    if not service.ingress and not waits(service, observed_at):
        return NotApplicable(t("the load balancer is still being made"))
    down = state.down
    try:
        mine = _events_of(service, events)
    except NotKnown:
        if down is not None and not service.ingress:
            return msgspec.structs.replace(down, affected=(service.ref,))
        raise
    failure = open_failure(service, mine)
    if failure is not None and BACKENDS_FULL.search(failure.message):
        return Passed()  # that the load balancer is full is said by the check of its quota
    if failure is not None and failure.reason == UNAVAILABLE:
        ready = any(endpoint.is_ready for endpoint in service_endpoints.of(service.key))
        failure = failure if ready else None  # without an endpoint there can be no backend: another check's finding
    if failure is not None and not (cause_of(failure.message).passes and service.ingress):
        return _failed(service, failure)
    if service.ingress:
        return Passed()
    if down is not None:
        return msgspec.structs.replace(down, affected=(service.ref,))
    if any(is_of_ccm(event) for event in mine) or any(
        finalizer in FINALIZERS for finalizer in service.metadata.finalizers or ()
    ):
        return Passed()
    return _untouched(service, state)


def _events_of(service: Service, events: Table[Event]) -> list[Event]:
    return about(service, events.where("about", lambda event: event.about, f"Service/{service.key}"))


def _failed(service: Service, event: Event) -> Finding:
    cause = cause_of(event.message)
    balancer = load_balancer_id(service)
    hops: tuple[Hop, ...] = (ok(cloud_ref("LoadBalancer", balancer), t("is named by the Service")),) if balancer else ()
    state = t("is not updated") if service.ingress else t("is pending")
    return Finding(
        subject=service.ref,
        message=t(
            "the load balancer of Service {service} {state}, as {meaning}: {event}",
            service=service.key,
            state=state,
            meaning=cause.meaning,
            event=event.message,
        ),
        certainty=Certainty.LIKELY if cause.passes or event.reason == UNAVAILABLE else Certainty.CONFIRMED,
        fault="sync-failed",
        trail=(broken(service.ref, t("event {reason}: {event}", reason=event.reason, event=event.message)), *hops),
        evidence={
            "cause": cause.code,
            "reason": event.reason,
            "event": event.message,
            "seen_at": event.seen_at.isoformat() if event.seen_at else None,
            "pending": not service.ingress,
        },
        remedy=(_describe(service), step(cause.cure)),
    )


def _untouched(service: Service, state: State) -> Finding:
    is_known = not state.reasons
    return Finding(
        subject=service.ref,
        message=t(
            "Service {service} waits for its load balancer for more than {minutes} minutes, and the cloud controller "
            "manager has not touched it: there is neither an event of it nor its finalizer",
            service=service.key,
            minutes=int(WAITS_AFTER.total_seconds() // 60),
        ),
        certainty=Certainty.LIKELY,
        fault="untouched",
        trail=(
            broken(service.ref, t("no address, no event, no finalizer")),
            *(() if is_known else (unknown(kubernetes_ref("Lease", "ccm", NAMESPACE)),)),
        ),
        evidence={
            "created": _created(service),
            "finalizers": service.metadata.finalizers or [],
            "events": 0,
            "ccm_state_known": is_known,
        },
        remedy=(
            _describe(service),
            step(
                t("See whether the cloud controller manager lives: the time in its Lease must change"),
                *("kubectl", "-n", NAMESPACE, "get", "lease", "ccm", "-o", "yaml"),
            ),
            step(
                t(
                    "Read its log (managed cluster: Log Center, control plane component logs, ccm); restart it, or "
                    "reinstall the add-on, if it hangs"
                )
            ),
        ),
    )


def _created(service: Service) -> str | None:
    made = service.metadata.creation_timestamp
    return made.isoformat() if made else None


def _describe(service: Service) -> Step:
    return step(
        t("Confirm, and read the events of the Service"),
        *("kubectl", "-n", service.namespace, "describe", "service", service.name),
    )
