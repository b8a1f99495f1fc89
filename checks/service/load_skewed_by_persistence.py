"""Clients stay on one backend of a Service, so that its load is uneven.

Session affinity of a Service, persistence of a listener, a scheduler that hashes the client's address and sticky
Ingresses all send a client to the backend that it had before. With few clients, or with clients behind one address
(a NAT gateway, a proxy), some Pods get most of the load, however the weights are set. Long-lived connections do the
same: they stay where they were opened, and new Pods get next to none of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.cms import Metric, metric_key
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.joins.services import (
    AnyLoadBalancer,
    ServiceEndpoints,
    ServiceLoadBalancers,
    ServicePaths,
    is_served_by_ccm,
)
from auditor.facts.kubernetes.ingresses import Ingress, IngressClass
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Ref,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    ok,
    step,
    t,
)
from checks.service._persistence import Listeners, StickyIngresses, Tie, affinity, texts

check = Check(
    severity=Severity.LOW,
    causes=("V5",),
    since="0.1.0",
    symptoms=("load-uneven",),
    limits=(
        "Long connections are seen on CLB only, by the metrics of the whole load balancer over the last hour.",
        "Sticky sessions of ALB are seen by the annotation of the Ingress, not where somebody set them in the console.",
        "How many clients there are is not known: with many of them persistence does no harm.",
    ),
    links=("https://www.alibabacloud.com/help/en/slb/classic-load-balancer/user-guide/session-persistence",),
)

API_SERVER_SERVICE = "default/kubernetes"
"""Old versions of Kubernetes give it affinity by themselves."""

LONG_BELOW = 0.1
"""New connections in a minute over concurrent ones: below it, connections live for more than ten minutes."""
FEWEST_CONNECTIONS = 10
"""Below so many concurrent connections nothing can be said of how they are spread."""
FEWEST_POINTS = 30
"""So many of the hour's 60 points a metric must have."""


class _Run:
    """What all subjects of one run share."""

    def __init__(self) -> None:
        self.ingresses: StickyIngresses | None = None
        self.first_on: dict[str, Service] = {}
        """By load balancer, the Service that its finding is about: what is measured is measured of all of them."""


@dataclass(frozen=True)
class Watched:
    """One Service."""

    service: Service
    run: _Run

    @property
    def ref(self) -> Ref:
        """The reference of the Service."""
        return self.service.ref


def subjects(services: Table[Service]) -> Iterable[Watched]:
    run = _Run()
    return [
        Watched(service, run)
        for service in services.known_rows()
        if service.spec.type != "ExternalName"
        and service.key != API_SERVER_SERVICE
        and not service.metadata.deletion_timestamp
    ]


def judge(
    watched: Watched,
    service_load_balancers: ServiceLoadBalancers,
    service_paths: ServicePaths,
    service_endpoints: ServiceEndpoints,
    ingresses: Table[Ingress],
    ingress_classes: Table[IngressClass],
    load_balancer_metrics: Table[Metric],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    service, run = watched.service, watched.run
    if run.ingresses is None:
        run.ingresses = StickyIngresses(ingresses)
    gaps: list[Reason] = [*run.ingresses.reasons]
    ties: list[Tie] = [*affinity(service)]
    listeners = Listeners(service_paths, cluster.cluster_id)
    balancer = None
    try:
        ties += run.ingresses.ties(service, ingress_classes)
    except NotKnown as gap:
        gaps += gap.reasons
    long_lived: Finding | None = None
    if is_served_by_ccm(service):
        try:
            balancer = service_load_balancers.of(service)
            if balancer is not None:
                ties += listeners.ties(service, balancer, gaps)
            if isinstance(balancer, LoadBalancer) and listeners.has_tcp(service, balancer):
                first = run.first_on.setdefault(balancer.id, service)
                long_lived = _long_lived(first, service, balancer, load_balancer_metrics)
        except NotKnown as gap:
            gaps += gap.reasons
    if ties or long_lived:
        # Who asks of a Service without a second Pod whether its load is even?
        ready = sum(endpoint.is_ready for endpoint in service_endpoints.of(service.key))
        if ties:
            yield _persistent(service, balancer, ties, ready)
        if long_lived and ready > 1:
            yield long_lived
    if gaps:
        yield NotEvaluated(tuple(dict.fromkeys(gaps)))
    elif not ties and not long_lived:
        yield Passed()


def _persistent(service: Service, balancer: AnyLoadBalancer | None, ties: Sequence[Tie], ready: int) -> Finding:
    kinds = {tie.kind for tie in ties}
    own = [] if "session-affinity" in kinds else [ok(service.ref)]
    between = [ok(balancer.ref)] if balancer is not None and kinds & _OF_LISTENERS else []
    return Finding(
        subject=service.ref,
        message=t(
            "clients of Service {service} stay on one of its {ready} backends: {settings}",
            service=service.key,
            ready=ready,
            settings=texts(ties),
        ),
        certainty=Certainty.CONFIRMED,
        severity=Severity.LOW if ready > 1 else Severity.INFO,
        fault="persistence",
        trail=(*own, *between, *(tie.hop for tie in ties)),
        evidence={"settings": texts(ties), "kinds": sorted(kinds), "ready_endpoints": ready},
        remedy=_remedy(service, kinds),
    )


_OF_LISTENERS = {"scheduler", "sticky-session", "persistence-timeout"}


def _remedy(service: Service, kinds: set[str]) -> tuple[Step, ...]:
    named = ("kubectl", "-n", service.namespace)
    prefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
    annotate = (*named, "annotate", "service", service.name, "--overwrite")
    steps = [
        step(
            t("Confirm that the load is uneven: compare the Pods"),
            *(*named, "top", "pods", "-l", _selector(service)),
        )
    ]
    if "session-affinity" in kinds:
        text = t("If no client needs it, take the affinity off the Service; open connections stay where they are")
        patch = '{"spec":{"sessionAffinity":"None"}}'
        steps.append(step(text, *named, "patch", "service", service.name, "-p", patch))
    if "persistence-timeout" in kinds:
        text = t("If no client needs it, take the persistence off the listener; clients may then lose their session")
        steps.append(step(text, *annotate, f"{prefix}persistence-timeout=0"))
    if "sticky-session" in kinds:
        text = t("If no client needs it, take the sticky session off the listener; clients may then lose their session")
        steps.append(step(text, *annotate, f"{prefix}sticky-session=off"))
    if "scheduler" in kinds:
        text = t("Use a scheduler that does not hash the client's address")
        steps.append(step(text, *annotate, f"{prefix}scheduler=wrr"))
    if "ingress-affinity" in kinds:
        steps.append(step(t("If no client needs it, take the annotation off the Ingress; sessions in memory are lost")))
    steps.append(
        step(
            t(
                "Where sessions are needed, keep them outside of the Pods, shorten the time-out, or let the clients "
                "come from more addresses. On a reused load balancer without force-override-listeners the listener is "
                "set in the console"
            )
        )
    )
    return tuple(steps)


def _selector(service: Service) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((service.spec.selector or {}).items())) or "<selector>"


def _long_lived(service: Service, user: Service, balancer: LoadBalancer, metrics: Table[Metric]) -> Finding | None:
    """Return the finding of long connections. Raises NotKnown if the last hour was not measured."""
    opened = _measured(metrics, balancer, "InstanceNewConnection")
    new = opened.mean or 0.0
    concurrent = _measured(metrics, balancer, "InstanceMaxConnection").mean or 0.0
    if concurrent < FEWEST_CONNECTIONS or new * 60 / concurrent >= LONG_BELOW:
        return None
    text = t(
        "on average {new} new connections a minute against {concurrent} open ones",
        new=round(new * 60, 1),
        concurrent=round(concurrent),
    )
    return Finding(
        subject=service.ref,
        message=t(
            "the connections of load balancer {balancer} of Service {service} live long, and stay on the backends that "
            "they were opened on: {rates}",
            balancer=balancer.ref.path,
            service=service.key,
            rates=text,
        ),
        certainty=Certainty.LIKELY,
        fault="long-connections",
        trail=(ok(service.ref), broken(balancer.ref, text)),
        evidence={
            "load_balancer": balancer.id,
            "new_per_second": round(new, 3),
            "concurrent": round(concurrent, 1),
            "ratio": round(new * 60 / concurrent, 4),
            "points": opened.points,
        },
        affected=(user.ref,),
        remedy=(
            step(
                t("Confirm that the load is uneven: compare the Pods"),
                *("kubectl", "-n", service.namespace, "top", "pods", "-l", _selector(service)),
            ),
            step(
                t(
                    "Let clients or servers close connections after some minutes (a greatest age of connections in the "
                    "client's pool, keepalive_requests, GOAWAY of gRPC)"
                )
            ),
            step(
                t("Use the scheduler wlc: it sends new connections to the backend with the fewest"),
                *("kubectl", "-n", service.namespace, "annotate", "service", service.name, "--overwrite"),
                "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-scheduler=wlc",
            ),
        ),
    )


def _measured(metrics: Table[Metric], balancer: LoadBalancer, name: str) -> Metric:
    row = metrics.get(metric_key(balancer.id, name))
    if row is None or row.mean is None or row.points < FEWEST_POINTS:
        message = t(
            "metric {metric} of {balancer} has too few points of the last hour", metric=name, balancer=balancer.id
        )
        raise NotKnown(Reason("cms", ReasonKind.UNDECIDABLE, message))
    return row
