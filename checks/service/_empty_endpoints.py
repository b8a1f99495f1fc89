"""What the check of empty endpoints says: one finding for each reason why a Service has none."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import SERVICE_OF_SLICE, EndpointSlice, Service, ServicePort
from auditor.facts.rules.pod_readiness import why_not_ready
from auditor.judge.api import Evidence, Finding, Hop, Severity, Step, broken, ok, step, t
from checks.service._pods_of_service import Maker, declared_ports

_PODS_SHOWN = 3


@dataclass(frozen=True)
class Case:
    """An empty Service, its slices and the Pods that its selector matches, finished ones included."""

    service: Service
    slices: Sequence[EndpointSlice]
    pods: Sequence[Pod]

    @property
    def selector(self) -> str:
        """The selector as ``kubectl -l`` takes it."""
        return ",".join(f"{key}={value}" for key, value in sorted((self.service.spec.selector or {}).items()))

    def evidence(self, **more: Evidence) -> dict[str, Evidence]:
        """Return what was read."""
        return {
            "selector": self.selector,
            "matching_pods": len(self.pods),
            "endpoints": sum(len(piece.endpoints or ()) for piece in self.slices),
            **more,
        }

    @property
    def slice_hops(self) -> tuple[Hop, ...]:
        """The first slice: it says truly that nothing is ready."""
        return tuple(ok(piece.ref, t("no ready endpoint")) for piece in self.slices[:1])

    def show(self, what: str, *more: str) -> tuple[str, ...]:
        """Return a command that shows objects in the Service's namespace."""
        return ("kubectl", "-n", self.service.namespace, "get", what, *more)

    def show_slices(self) -> Step:
        """Return the step that confirms the emptiness."""
        text = t("Confirm that the Service has no ready endpoint")
        return step(text, *self.show("endpointslices", "-l", f"{SERVICE_OF_SLICE}={self.service.name}", "-o", "wide"))


def no_selector(case: Case) -> Finding:
    """Say that nobody can give the Service endpoints: no selector, and no slice by hand."""
    service = case.service
    return Finding(
        subject=service.ref,
        message=t("Service {service} has neither a selector nor an endpoint slice by hand", service=service.key),
        fault="no-selector",
        remedy=(
            case.show_slices(),
            step(
                t("Set the selector to labels of the Pods that are to answer; traffic flows to them at once"),
                "kubectl",
                "-n",
                service.namespace,
                "set",
                "selector",
                "service",
                service.name,
                "<label=value>",
            ),
            step(t("Or, for a target outside the cluster, write an EndpointSlice with its address")),
        ),
        trail=(broken(service.ref, t("no selector, no slice")),),
        evidence=case.evidence(),
    )


def manual_slice_empty(case: Case) -> Finding:
    """Say that the slice that somebody keeps by hand has no ready endpoint: known to its keeper, so only noted."""
    service = case.service
    return Finding(
        subject=service.ref,
        severity=Severity.INFO,
        message=t(
            "the endpoint slices of Service {service}, kept by hand, hold no ready endpoint", service=service.key
        ),
        fault="manual-slice-empty",
        remedy=(case.show_slices(), step(t("Ask who keeps the slice, a person or an operator, whether that is meant"))),
        trail=(
            ok(service.ref, t("no selector")),
            *(broken(piece.ref, t("no ready endpoint")) for piece in case.slices),
        ),
        evidence=case.evidence(),
    )


def no_pod(case: Case, wanting: Sequence[Maker], near: Pod | None) -> Finding:
    """Say that the selector matches no living Pod, and what comes nearest."""
    service = case.service
    if wanting:
        maker = wanting[0].workload
        message = t(
            "the selector {selector} of Service {service} matches no Pod now; {workload} wants {wanted}",
            selector=case.selector,
            service=service.key,
            workload=str(maker.ref),
            wanted=wanting[0].wants,
        )
        hops = (ok(service.ref, t("selector {selector}", selector=case.selector)), *case.slice_hops)
        describe = step(
            t("Read why no Pod is made: quota, admission webhook, paused rollout"),
            "kubectl",
            "-n",
            service.namespace,
            "describe",
            maker.KIND.lower(),
            maker.name,
        )
        trail = (*hops, broken(maker.ref, t("Pods wanted: {wanted}; there is none", wanted=wanting[0].wants)))
        return Finding(
            subject=service.ref,
            message=message,
            fault="no-pod",
            remedy=(case.show_slices(), describe),
            trail=trail,
            evidence=case.evidence(workload=str(maker.ref), wanted=wanting[0].wants),
        )
    message = t(
        "the selector {selector} of Service {service} matches no Pod", selector=case.selector, service=service.key
    )
    if case.pods:
        message = t(
            "all {number} Pods that Service {service} selects have ended", number=len(case.pods), service=service.key
        )
    elif near:
        message = t(
            "the selector {selector} of Service {service} matches no Pod; nearest is {pod}, which differs in {labels}",
            selector=case.selector,
            service=service.key,
            pod=near.name,
            labels=_differing(service, near),
        )
    return Finding(
        subject=service.ref,
        message=message,
        fault="no-pod",
        remedy=(
            step(t("Compare the labels of the Pods with the selector"), *case.show("pods", "--show-labels")),
            step(
                t("Correct the selector, or the labels in the template of the workload; the latter restarts its Pods"),
                "kubectl",
                "-n",
                service.namespace,
                "edit",
                "service",
                service.name,
            ),
        ),
        trail=(broken(service.ref, t("selector {selector}", selector=case.selector)), *case.slice_hops),
        evidence=case.evidence(
            nearest_pod=near.name if near else None,
            differing_labels=_differing(service, near) if near else [],
            ended_pods=[pod.name for pod in case.pods],
        ),
    )


def scaled_to_zero(case: Case, makers: Sequence[Maker]) -> Finding:
    """Note that the workloads behind the Service are to have no Pods."""
    service = case.service
    names = [str(maker.workload.ref) for maker in makers]
    return Finding(
        subject=service.ref,
        severity=Severity.INFO,
        message=t(
            "Service {service} has no endpoint, as {workloads} want no Pods", service=service.key, workloads=names
        ),
        fault="scaled-to-zero",
        remedy=(
            step(
                t("Nothing, if that is meant. Else scale the workload up"),
                "kubectl",
                "-n",
                service.namespace,
                "scale",
                f"{makers[0].workload.KIND.lower()}/{makers[0].workload.name}",
                "--replicas",
                "<number>",
            ),
        ),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *(broken(maker.workload.ref, t("wants no Pods")) for maker in makers),
        ),
        evidence=case.evidence(workloads=names),
    )


def between_runs(case: Case, makers: Sequence[Maker]) -> Finding:
    """Note that the Service is for Pods that run to an end, and that none runs now."""
    service = case.service
    names = [str(maker.workload.ref) for maker in makers]
    return Finding(
        subject=service.ref,
        severity=Severity.INFO,
        message=t(
            "Service {service} has no endpoint, as {workloads} are not running now",
            service=service.key,
            workloads=names,
        ),
        fault="between-runs",
        remedy=(
            step(
                t("Nothing, if that is meant: the Service has endpoints while a Pod of a run is Ready"),
                *case.show("cronjobs,jobs"),
            ),
        ),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *(broken(maker.workload.ref, t("runs to an end, and is not running now")) for maker in makers),
        ),
        evidence=case.evidence(workloads=names, ended_pods=[pod.name for pod in case.pods]),
    )


def component_off(case: Case) -> Finding:
    """Note that a Service which ACK makes by itself belongs to a component that is not switched on."""
    service = case.service
    return Finding(
        subject=service.ref,
        severity=Severity.INFO,
        message=t(
            "Service {service} is made by ACK for an optional component that is switched off", service=service.key
        ),
        fault="component-off",
        remedy=(step(t("Nothing, unless you use the component"), *case.show("pods", "-l", case.selector)),),
        trail=(broken(service.ref, t("selector {selector}", selector=case.selector)), *case.slice_hops),
        evidence=case.evidence(),
    )


def pods_finished(case: Case) -> Finding:
    """Note that the Service selects only Pods that have done their work: between two runs of a Job."""
    service = case.service
    return Finding(
        subject=service.ref,
        severity=Severity.INFO,
        message=t("all {number} Pods of Service {service} have succeeded", number=len(case.pods), service=service.key),
        fault="pods-finished",
        remedy=(step(t("Nothing, if the Service is for Pods of Jobs"), *case.show("pods", "-l", case.selector)),),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *(broken(pod.ref, t("has ended: {phase}", phase=pod.status.phase)) for pod in case.pods[:_PODS_SHOWN]),
        ),
        evidence=case.evidence(ended_pods=[pod.name for pod in case.pods]),
    )


def none_ready(case: Case, pods: Sequence[Pod]) -> Finding:
    """Say that Pods match, but none is Ready, and why."""
    service = case.service
    reasons = {pod.name: why_not_ready(pod) for pod in pods}
    first = pods[0]
    return Finding(
        subject=service.ref,
        message=t(
            "none of the {number} Pods of Service {service} is Ready: Pod {pod} {why}",
            number=len(pods),
            service=service.key,
            pod=first.name,
            why=reasons[first.name],
        ),
        fault="none-ready",
        remedy=(
            case.show_slices(),
            step(t("Read what holds the Pod up"), "kubectl", "-n", service.namespace, "describe", "pod", first.name),
            step(
                t("Read its log; add --previous if it restarts"),
                "kubectl",
                "-n",
                service.namespace,
                "logs",
                first.name,
                "--all-containers",
                "--tail=100",
            ),
            step(
                t("If a rollout brought this, go back to the version before"),
                "kubectl",
                "-n",
                service.namespace,
                "rollout",
                "undo",
                "<kind/name>",
            ),
        ),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *case.slice_hops,
            *(broken(pod.ref, reasons[pod.name]) for pod in pods[:_PODS_SHOWN]),
        ),
        evidence=case.evidence(pods={name: str(why) for name, why in reasons.items()}),
        affected=tuple(pod.ref for pod in pods),
    )


def all_terminating(case: Case, pods: Sequence[Pod]) -> Finding:
    """Say that all living Pods are being deleted."""
    service = case.service
    names = [pod.name for pod in pods]
    return Finding(
        subject=service.ref,
        message=t(
            "all {number} Pods of Service {service} are being deleted: {pods}",
            number=len(pods),
            service=service.key,
            pods=names,
        ),
        fault="all-terminating",
        remedy=(
            case.show_slices(),
            step(t("See since when the Pods go, and whether others come"), *case.show("pods", "-l", case.selector)),
            step(
                t("Read what holds up the deletion: finalizers, volumes, a node that does not answer"),
                "kubectl",
                "-n",
                service.namespace,
                "describe",
                "pod",
                names[0],
            ),
        ),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *case.slice_hops,
            *(broken(pod.ref, why_not_ready(pod)) for pod in pods[:_PODS_SHOWN]),
        ),
        evidence=case.evidence(terminating=names),
        affected=tuple(pod.ref for pod in pods),
    )


def port_undeclared(case: Case, ports: Sequence[ServicePort], pods: Sequence[Pod]) -> Finding:
    """Say that no container declares the name of a target port."""
    service = case.service
    declared = sorted({f"{row.name}/{row.protocol}" for pod in pods for row in declared_ports(pod) if row.name})
    names = [f"{port.target_port}/{port.protocol}" for port in ports]
    return Finding(
        subject=service.ref,
        message=t(
            "port {ports} of Service {service} has no endpoint: no container declares the target port {targets}; "
            "declared are {declared}",
            ports=[str(port.port) for port in ports],
            service=service.key,
            targets=names,
            declared=declared or ["-"],
        ),
        fault="target-port-undeclared",
        remedy=(
            case.show_slices(),
            step(
                t("Name a port that a container declares, or use its number; this takes effect at once"),
                "kubectl",
                "-n",
                service.namespace,
                "edit",
                "service",
                service.name,
            ),
        ),
        trail=(
            broken(service.ref, t("target port {targets}", targets=names)),
            *case.slice_hops,
            *(ok(pod.ref, t("Ready; declares {declared}", declared=declared or ["-"])) for pod in pods[:_PODS_SHOWN]),
        ),
        evidence=case.evidence(ports=[str(port.port) for port in ports], target_ports=names, declared=declared),
    )


def not_synchronised(case: Case, pods: Sequence[Pod]) -> Finding:
    """Say that Pods are Ready, but no slice says so."""
    service = case.service
    names = [pod.name for pod in pods]
    return Finding(
        subject=service.ref,
        message=t(
            "Pods {pods} of Service {service} are Ready, but no endpoint slice holds them",
            pods=names,
            service=service.key,
        ),
        fault="not-synchronised",
        remedy=(
            case.show_slices(),
            step(
                t("Look whether the Pods have an address of the Service's family, and at the events of the Service"),
                "kubectl",
                "-n",
                service.namespace,
                "describe",
                "service",
                service.name,
            ),
        ),
        trail=(
            ok(service.ref, t("selector {selector}", selector=case.selector)),
            *(broken(piece.ref, t("no ready endpoint")) for piece in case.slices[:1]),
            *(ok(pod.ref, t("Ready")) for pod in pods[:_PODS_SHOWN]),
        ),
        evidence=case.evidence(ready_pods=names),
    )


def _differing(service: Service, pod: Pod) -> list[str]:
    selector = service.spec.selector or {}
    return sorted(f"{key}={pod.labels.get(key, '')}" for key, value in selector.items() if pod.labels.get(key) != value)
