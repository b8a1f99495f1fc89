"""An Ingress can't work as it is written.

Kubernetes takes an Ingress of any class, with any backend and any annotation; whether it works only its controller
finds out, which mostly says so in its log alone. On ACK the usual causes are a class that no controller serves, a
Service or port that does not exist or has no endpoint (503), a certificate's Secret that is missing or of another type,
a backend that speaks TLS while the controller speaks HTTP (502, 400), a host and path that another Ingress has already,
and a value that the controller can't read. The worst is one that nginx can't load: then no change of any Ingress takes
effect.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from auditor.facts.joins.ingress_controllers import IngressControllers, Kind, Serving
from auditor.facts.joins.ingress_paths import IngressPaths, is_canary
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.batch import CronJob, Job
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.kubernetes.observations import ContainerLog
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import IngressReload
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.ingress_nginx import DEFAULT_PREFIX, is_true
from auditor.facts.rules.ingress_values import alb_faults, nginx_faults
from auditor.facts.table import Row
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    said,
    t,
)
from checks.network._ingress_alb import config_findings
from checks.network._ingress_backend_findings import no_endpoint, port_missing, protocol_mismatch, service_missing
from checks.network._ingress_backends import (
    Backend,
    backends_of,
    find_port,
    is_answered_before,
    is_without_endpoint,
    misunderstand,
    speech_of,
    spoken_by,
    undeclared_target,
)
from checks.network._ingress_certificates import TLS_TYPE, secret_missing, secret_of_other_type, secret_unusable
from checks.network._ingress_class import down, is_starting, unserved
from checks.network._ingress_rule_findings import (
    Refusal,
    bad_value,
    by_log,
    by_metric,
    claimed_twice,
    reload_refused,
)
from checks.service._pods_of_service import Makers, is_younger

check = Check(
    severity=Severity.HIGH,
    causes=("N7",),
    since="0.1.0",
    symptoms=("ingress-unreachable",),
    limits=(
        "What a port speaks is taken from its appProtocol, names and numbers; the Pods are not asked.",
        "Of a Secret only its existence and type are looked at, and these only with `secret_metadata = true`.",
        (
            "That nginx can't load its configuration is seen only in the controller's metrics or log, with the probe "
            "`ingress-metrics` or `component-logs`."
        ),
        (
            "Of controllers other than ingress-nginx and the ALB Ingress controller, only whether something in the "
            "cluster bears their name is looked at, and annotations of theirs are not."
        ),
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/ingress-diagnostics",
        "https://kubernetes.io/docs/concepts/services-networking/ingress/",
    ),
)

R = TypeVar("R", bound=Row)
CERT_MANAGER = "cert-manager.io/"
CERTIFICATE_MAKING = timedelta(minutes=10)
"""How long cert-manager may take for a certificate."""
NGINX_RETRIES = timedelta(minutes=20)
"""Within this time the controller tries again to load what nginx refused, and says so again in its log."""


@dataclass(frozen=True)
class Reloads:
    """That nginx loads what is made of all Ingresses together."""


def subjects(ingresses: Table[Ingress]) -> Iterable[Ingress | Reloads]:
    living = [row for row in ingresses.known_rows() if row.metadata.deletion_timestamp is None]
    return [*living, *([Reloads()] if living else [])]


def judge(
    subject: Ingress | Reloads,
    ingresses: Table[Ingress],
    ingress_controllers: IngressControllers,
    ingress_paths: IngressPaths,
    services: Table[Service],
    service_endpoints: ServiceEndpoints,
    pods: Table[Pod],
    deployments: Table[Deployment],
    statefulsets: Table[StatefulSet],
    replicasets: Table[ReplicaSet],
    daemonsets: Table[DaemonSet],
    cron_jobs: Table[CronJob],
    jobs: Table[Job],
    secret_names: Table[SecretName],
    alb_configs: Table[AlbConfig],
    object_events: ObjectEvents,
    container_logs: Table[ContainerLog],
    ingress_reloads: Table[IngressReload],
    observed_at: datetime,
) -> Iterator[Verdict]:
    if isinstance(subject, Reloads):
        yield from _reloads(ingresses, ingress_controllers, container_logs, ingress_reloads)
        return
    found: list[Finding] = []
    gaps: list[Reason] = []
    serving: Serving | None = None
    try:
        serving = ingress_controllers.of(subject)
    except NotKnown as gap:
        gaps += gap.reasons
    makers = Makers(deployments, statefulsets, replicasets, daemonsets, cron_jobs, jobs)
    backends = _Backends(subject, serving, services, service_endpoints, pods, makers, observed_at)
    parts: list[Iterator[Finding]] = [
        backends.findings(),
        _certificates(subject, serving, secret_names, observed_at),
    ]
    if serving is not None:
        parts += [
            _class(subject, serving, ingress_controllers, observed_at),
            _rivals(subject, serving, ingress_paths),
            _values(subject, serving),
        ]
        if serving.kind is Kind.ALB:
            parts.append(config_findings(subject, serving, alb_configs, object_events))
    for part in parts:
        try:
            found.extend(part)
        except NotKnown as gap:
            gaps += gap.reasons
    yield from found
    if gaps:
        yield NotEvaluated(unique(gaps))
    elif not found:
        yield Passed()


def _prefix(serving: Serving | None) -> str:
    return serving.controllers[0].prefix if serving and serving.controllers else DEFAULT_PREFIX


def _class(
    ingress: Ingress, serving: Serving, controllers: IngressControllers, observed_at: datetime
) -> Iterator[Finding]:
    """Judge whether a controller serves the Ingress, and runs."""
    if serving.kind is None:
        yield unserved(ingress, serving, controllers)
        return
    states = [(controller, controllers.pods_of(controller)) for controller in serving.controllers]
    if not states or any(pod.is_ready and not pod.is_terminating for _, pods in states for pod in pods):
        return
    controller, pods = states[0]
    if not is_starting(pods, observed_at) and not is_younger(controller.workload, timedelta(minutes=2), observed_at):
        yield down(ingress, controller, pods, [row.key for row in controllers.services_of(controller)])


@dataclass(frozen=True)
class _Backends:
    """The backends of one Ingress, and what they are looked up in."""

    ingress: Ingress
    serving: Serving | None
    services: Table[Service]
    endpoints: ServiceEndpoints
    pods: Table[Pod]
    makers: Makers
    observed_at: datetime

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the backends, all of them, and then raise for what is not known."""
        kind = self.serving.kind if self.serving else None
        gaps: list[Reason] = []
        for backend in backends_of(self.ingress):
            if is_answered_before(self.ingress, backend, kind, _prefix(self.serving)):
                continue
            try:
                yield from self._of(backend, kind)
            except NotKnown as gap:
                gaps += gap.reasons
        if gaps:
            raise NotKnown(*unique(gaps))

    def _of(self, backend: Backend, kind: Kind | None) -> Iterator[Finding]:
        service = self.services.get(f"{self.ingress.namespace}/{backend.service}")
        if service is None:
            yield service_missing(self.ingress, backend, kind)
            return
        port = find_port(service, backend.port, kind)
        if port is None:
            if service.spec.type != "ExternalName" or backend.port.name:
                yield port_missing(self.ingress, backend, service, kind)
            return
        if kind in (Kind.NGINX, Kind.ALB):
            spoken, speech = spoken_by(self.ingress, kind, _prefix(self.serving)), speech_of(port)
            if spoken and speech and misunderstand(spoken, speech):
                yield protocol_mismatch(self.ingress, service, port, spoken, speech)
        has_other = self.ingress.annotations.get(f"{_prefix(self.serving)}/default-backend")
        if not has_other and is_without_endpoint(service, port, self.endpoints, self.pods, self.observed_at):
            behind = self.makers.of(service) if service.spec.selector else []
            idle = [str(maker.workload.ref) for maker in behind]
            wanted = any(maker.wants for maker in behind)
            undeclared = undeclared_target(service, port, self.pods)
            yield no_endpoint(self.ingress, backend, service, kind, [] if wanted else idle, undeclared)


def _certificates(
    ingress: Ingress, serving: Serving | None, secret_names: Table[SecretName], observed_at: datetime
) -> Iterator[Finding]:
    """Judge the Secrets with the certificates; those of a canary, or of a host that is passed through, are not used."""
    kind = serving.kind if serving else None
    prefix = _prefix(serving)
    if is_canary(ingress, prefix) or is_true(ingress.annotations.get(f"{prefix}/ssl-passthrough")):
        return
    is_being_made = any(name.startswith(CERT_MANAGER) for name in ingress.annotations) and is_younger(
        ingress, CERTIFICATE_MAKING, observed_at
    )
    hosts: dict[str, list[str]] = {}
    for entry in ingress.spec.tls or ():
        if entry.secret_name:
            hosts.setdefault(entry.secret_name, []).extend(entry.hosts or ())
    for name, own in hosts.items():
        key = f"{ingress.namespace}/{name}"
        secret = secret_names.get(key)
        if secret is None:
            if not is_being_made:
                yield secret_missing(ingress, name, own, kind)
            continue
        type_ = said(secret.type, "kubernetes", t("the type of Secret {secret}", secret=key))
        if type_ != TLS_TYPE:
            yield secret_of_other_type(ingress, name, own, type_)


def _rivals(ingress: Ingress, serving: Serving, paths: IngressPaths) -> Iterator[Finding]:
    """Judge whether hosts and paths are claimed twice."""
    rivals = list(paths.rivals(ingress))
    if rivals and serving.kind:
        yield claimed_twice(ingress, rivals, serving.kind)


def _values(ingress: Ingress, serving: Serving) -> Iterator[Finding]:
    """Judge annotations, and paths that are regular expressions."""
    if serving.kind is Kind.NGINX:
        for bad in nginx_faults(ingress, _prefix(serving)):
            yield bad_value(ingress, bad)
    elif serving.kind is Kind.ALB:
        for bad in alb_faults(ingress):
            yield bad_value(ingress, bad)


def _reloads(
    ingresses: Table[Ingress],
    controllers: IngressControllers,
    container_logs: Table[ContainerLog],
    ingress_reloads: Table[IngressReload],
) -> Iterator[Verdict]:
    """Judge by what ingress-nginx tells, in its metrics or its log, whether nginx loads what is made of Ingresses."""
    gaps: list[Reason] = []
    found: list[Finding] = []
    is_looked_at = False
    for controller in controllers.all_nginx():
        refusals: list[Refusal] = []
        for pod in controllers.pods_of(controller):
            reload_, unread = _asked(ingress_reloads, pod.key)
            log, unread_log = _asked(container_logs, f"{pod.key}/{controller.container.name}")
            is_looked_at = is_looked_at or reload_ is not None or log is not None
            reasons = (*unread, *unread_log)
            if reload_ is not None or log is not None:  # one of the two tells it; that the other is off hides nothing
                reasons = tuple(reason for reason in reasons if reason.kind is not ReasonKind.SWITCHED_OFF)
            gaps += reasons
            refusals += _refusals(reload_, log)
            if log is not None:
                found += _certificate_lines(log, ingresses)
        if refusals:
            found.append(reload_refused(refusals))
    yield from found
    if gaps:
        yield NotEvaluated(unique(gaps))
    elif not found:
        yield Passed() if is_looked_at else NotApplicable(t("no ingress-nginx runs that could be asked"))


def _asked(table: Table[R], key: str) -> tuple[R | None, tuple[Reason, ...]]:
    """Return a row, or why it is not known."""
    try:
        return table.get(key), ()
    except NotKnown as gap:
        return None, gap.reasons


def _refusals(reload_: IngressReload | None, log: ContainerLog | None) -> Iterator[Refusal]:
    """Yield that nginx refuses the configuration. The metric tells of the last try, and the log of some of them."""
    lines = [match for match in log.matches if match.pattern == "nginx-config-refused"] if log else []
    last = lines[-1] if lines else None
    if reload_ is not None:
        if not reload_.successful:
            yield by_metric(reload_, last)
    elif log is not None and last is not None:
        went_on = log.last_at - last.time if log.last_at and last.time else timedelta()
        yield by_log(log, last, is_recent=went_on <= NGINX_RETRIES)


def _certificate_lines(log: ContainerLog, ingresses: Table[Ingress]) -> Iterator[Finding]:
    """Yield the Ingresses whose certificates the controller could not use, by its log."""
    lines = [match.line for match in log.matches if match.pattern == "ingress-certificate"]
    for ingress in ingresses.known_rows() if lines else ():
        for entry in ingress.spec.tls or ():
            key = f"{ingress.namespace}/{entry.secret_name}"
            line = next((line for line in lines if entry.secret_name and key in line), None)
            if line is not None:
                yield secret_unusable(ingress, entry.secret_name, line)
