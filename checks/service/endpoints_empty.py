"""A Service has no ready endpoint.

Who connects to a Service without a ready endpoint is refused or runs into a time-out, and an Ingress before it answers
503. Most often the selector does not match the labels of the Pods, the Pods are not Ready, or the Service names a
target port that no container declares. In a load balancer of ACK the same emptiness shows as a server group without
backends.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from auditor.facts.joins.services import ServiceEndpoints, serves_port
from auditor.facts.kubernetes.batch import CronJob, Job
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import EndpointSlice, Service, ServicePort
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet
from auditor.judge.api import Check, NotApplicable, Passed, Severity, Table, Verdict, t
from checks.service._empty_endpoints import (
    Case,
    all_terminating,
    between_runs,
    component_off,
    manual_slice_empty,
    no_pod,
    no_selector,
    none_ready,
    not_synchronised,
    pods_finished,
    port_undeclared,
    scaled_to_zero,
)
from checks.service._pods_of_service import Maker, Makers, declared_ports, is_younger, matching_pods, nearest_pod

check = Check(
    severity=Severity.HIGH,
    causes=("V8",),
    since="0.1.0",
    symptoms=("service-ip-unreachable",),
    limits=("Pods of custom workloads can't be known to be absent on purpose.",),
    links=("https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",),
)

JUST_MADE = timedelta(minutes=2)
"""How long a Service or a Pod may take to start before its emptiness is a fault."""

API_SERVER_SERVICE = "default/kubernetes"
"""Its endpoints are the API server's own; other checks look at that."""

OPTIONAL_OF_ACK = ("kube-system/cnfs-cache-ds-service", "kube-system/storage-monitor-service")
"""Services that the storage components of ACK make though the Pods behind them are an option that is off by default.

Source: the names that ACK's CSI driver asks for, and goes on without an answer from.
"""


def subjects(services: Table[Service]) -> Iterable[Service]:
    return [
        service
        for service in services.known_rows()
        if service.spec.type != "ExternalName"
        and service.key != API_SERVER_SERVICE
        and not service.metadata.deletion_timestamp
    ]


def judge(
    service: Service,
    service_endpoints: ServiceEndpoints,
    pods: Table[Pod],
    deployments: Table[Deployment],
    statefulsets: Table[StatefulSet],
    replicasets: Table[ReplicaSet],
    daemonsets: Table[DaemonSet],
    cron_jobs: Table[CronJob],
    jobs: Table[Job],
    observed_at: datetime,
) -> Verdict:
    if not _empty_ports(service, service_endpoints.known_slices_of(service.key)):
        return Passed()
    slices = service_endpoints.slices_of(service.key)
    empty = _empty_ports(service, slices)
    has_endpoints = any(_is_filled(service, piece) for piece in slices)
    if has_endpoints and not any(isinstance(port.target_port, str) for port in empty):
        return Passed()  # only the target of a named port can be missing while Pods are ready
    if is_younger(service, JUST_MADE, observed_at):
        return NotApplicable(t("the Service was made just now"))
    if not service.spec.selector:
        return _without_selector(service, slices)
    case = Case(service, slices, matching_pods(pods, service))
    living = [pod for pod in case.pods if not pod.is_finished]
    present = [pod for pod in living if not pod.is_terminating]
    ready = [pod for pod in present if pod.is_ready or service.spec.publish_not_ready_addresses]
    undeclared = [port for port in empty if ready and _is_undeclared(port, ready)]
    if has_endpoints:
        return port_undeclared(case, undeclared, ready) if undeclared else Passed()
    makers = Makers(deployments, statefulsets, replicasets, daemonsets, cron_jobs, jobs)
    if not present:
        return _without_pods(case, living, makers.of(service), pods, observed_at)
    if not ready:
        if all(is_younger(pod, JUST_MADE, observed_at) for pod in present):
            return NotApplicable(t("the Pods are starting"))
        return none_ready(case, present)
    if undeclared:
        return port_undeclared(case, undeclared, ready)
    if any(_became_ready_just_now(pod, observed_at) for pod in ready):
        return Passed()  # the slices follow the Pods by a moment
    behind = makers.of(service)
    if behind and not any(maker.wants for maker in behind):
        are_runs = any(maker.runs_to_an_end for maker in behind)
        return between_runs(case, behind) if are_runs else scaled_to_zero(case, behind)  # the last Pods are about to go
    return not_synchronised(case, ready)


def _is_filled(service: Service, piece: EndpointSlice) -> bool:
    return any(e.is_ready or service.spec.publish_not_ready_addresses for e in piece.endpoints or ())


def _empty_ports(service: Service, slices: Sequence[EndpointSlice]) -> list[ServicePort]:
    """Return the ports without a ready endpoint; of a Service without ports, a stand-in if it has no endpoint."""
    filled = [piece for piece in slices if _is_filled(service, piece)]
    if not service.ports:
        return [] if filled else [ServicePort(port=0)]
    return [port for port in service.ports if not any(serves_port(piece, port) for piece in filled)]


def _without_selector(service: Service, slices: Sequence[EndpointSlice]) -> Verdict:
    if any(_is_filled(service, piece) for piece in slices):
        return Passed()
    if any(not piece.is_managed for piece in slices):
        return manual_slice_empty(Case(service, slices, ()))
    if not service.ports:
        return NotApplicable(t("the Service has neither selector nor ports: nobody connects to it"))
    return no_selector(Case(service, slices, ()))


def _without_pods(
    case: Case, terminating: Sequence[Pod], makers: Sequence[Maker], pods: Table[Pod], observed_at: datetime
) -> Verdict:
    wanting = [maker for maker in makers if maker.wants]
    if makers and not wanting:
        if not any(maker.runs_to_an_end for maker in makers):
            return scaled_to_zero(case, makers)
        if case.pods and all(pod.status.phase == "Succeeded" for pod in case.pods):
            return pods_finished(case)
        return between_runs(case, makers)
    if terminating:
        return all_terminating(case, terminating)
    if wanting and all(is_younger(maker.workload, JUST_MADE, observed_at) for maker in wanting):
        return NotApplicable(t("the Pods are still being made"))
    if case.pods and not makers and all(pod.status.phase == "Succeeded" for pod in case.pods):
        return pods_finished(case)
    if not case.pods and not makers and case.service.key in OPTIONAL_OF_ACK:
        return component_off(case)
    return no_pod(case, wanting, nearest_pod(pods, case.service))


def _is_undeclared(port: ServicePort, pods: Sequence[Pod]) -> bool:
    if not isinstance(port.target_port, str):
        return False
    wanted = (port.target_port, port.protocol)
    return not any((row.name, row.protocol) == wanted for pod in pods for row in declared_ports(pod))


def _became_ready_just_now(pod: Pod, observed_at: datetime) -> bool:
    ready = pod.condition("Ready")
    since = ready.last_transition_time if ready else None
    return since is not None and observed_at - since <= JUST_MADE
