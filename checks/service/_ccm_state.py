"""Whether the cloud controller manager (CCM) does its work: its Pods, its Lease and its add-on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.joins.api_server import REGISTERED
from auditor.facts.joins.component_health import ComponentHealth, Trouble, wanted
from auditor.facts.joins.components import CCM, CcmVersion
from auditor.facts.kubernetes.coordination import Lease
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    NotKnown,
    Reason,
    Ref,
    Severity,
    Step,
    Table,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    said,
    step,
    t,
)
from checks.service._pods_of_service import is_younger

NAMESPACE = "kube-system"
LEASE = "ccm"
"""The CCM's Lease: its default name."""
STALE_AFTER = timedelta(seconds=60)
"""A Lease of 15 seconds that was not renewed for so long has no living holder."""
USUAL_DURATION = timedelta(seconds=15)
"""The duration of the CCM's Lease: two living holders renew theirs within it."""
STARTING = timedelta(minutes=2)
FIRST_WITH_LEASE = (2,)
"""From this version on the CCM elects its leader by a Lease; older ones use other objects too."""
IN_TRANSITION = ("updating", "upgrading", "installing", "initializing", "initial", "pending", "rollbacking")

T = TypeVar("T")


class Sign(StrEnum):
    """What the Lease says of its holder. The values are part of the evidence."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass
class State:
    """What was found out about the CCM, and why more may be wrong than that."""

    findings: list[Finding] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    @property
    def down(self) -> Finding | None:
        """The finding that says that nobody does the CCM's work; None if there is none."""
        return next((one for one in self.findings if one.severity is Severity.HIGH and one.fault in _DOWN), None)


_DOWN = ("pods-unhealthy", "no-pod", "lease-not-renewed", "lease-missing", "component-missing")


@dataclass(frozen=True)
class Sources:
    """What the state of the CCM is read from."""

    health: ComponentHealth
    leases: Table[Lease]
    version: CcmVersion
    clusters: Table[Cluster]
    cluster_id: str
    observed_at: datetime


@dataclass(frozen=True)
class _Renewal:
    sign: Sign
    lease: Lease | None = None
    age: timedelta | None = None


def examine(sources: Sources) -> State:
    """Find out whether the CCM does its work."""
    state = State()
    workload_known, workload = _try(lambda: sources.health.workload(CCM), state.reasons)
    renewal_known, renewal = _try(lambda: _renewal(sources), state.reasons)
    renewal = renewal if renewal_known and renewal is not None else _Renewal(Sign.UNKNOWN)
    addon_known, addon = _try(lambda: sources.health.addon(CCM), state.reasons)
    if workload is not None:
        _judge_pods(sources, workload, renewal, addon, state)
    if state.down is None:
        _judge_lease(sources, workload_known=workload_known, workload=workload, renewal=renewal, state=state)
    if state.down is None and addon is not None:
        _judge_addon(addon, workload, renewal, state)
    nobody = workload_known and workload is None and addon_known and addon is None and renewal.sign is Sign.MISSING
    if nobody and state.down is None:
        _judge_absence(sources, state)
    return state


def _renewal(sources: Sources) -> _Renewal:
    """Tell whether the holder of the Lease is alive, by the cluster's own clock where it can be told.

    The auditor's clock may be another than the cluster's: where all Leases are as old as the CCM's, it is the clocks
    that differ, and not the CCM that is dead.
    """
    lease = sources.leases.get(f"{NAMESPACE}/{LEASE}")
    if lease is None:
        return _Renewal(Sign.MISSING)
    renewed = said(lease.spec.renew_time, "kubernetes", t("when Lease {lease} was renewed", lease=lease.key))
    age = sources.observed_at - renewed
    duration = timedelta(seconds=lease.spec.lease_duration_seconds or 0)
    limit = max(STALE_AFTER, duration)
    if age <= limit:
        return _Renewal(Sign.FRESH, lease, age)
    others = [
        row.spec.renew_time
        for row in sources.leases.known_rows()
        if row.key != lease.key and row.spec.renew_time is not None
    ]
    newest = max(others, default=None)
    if newest is not None:
        clocks_agree = sources.observed_at - newest <= limit
        if abs(newest - renewed) <= (max(duration, USUAL_DURATION) if clocks_agree else limit):
            return _Renewal(Sign.FRESH, lease, newest - renewed)
    if newest is None or newest < renewed:
        sources.leases.all()  # one that is not known may be as old as this one
    return _Renewal(Sign.STALE, lease, newest - renewed if newest is not None and newest > renewed else age)


def _judge_pods(
    sources: Sources,
    workload: Deployment | DaemonSet,
    renewal: _Renewal,
    addon: Addon | None,
    state: State,
) -> None:
    pods_known, pods = _try(lambda: sources.health.pods_of(workload), state.reasons)
    troubles_known, all_troubles = _try(lambda: sources.health.troubles(workload, sources.observed_at), [])
    if not pods_known or pods is None or not troubles_known or all_troubles is None:
        return
    present = [pod for pod in pods if not pod.is_terminating]
    troubles = [one for one in all_troubles if not _is_starting(one.pod, sources.observed_at)]
    if troubles:
        state.findings.append(_pods_unhealthy(workload, troubles, present, renewal, addon))
    elif not present and renewal.sign is not Sign.FRESH:
        if wanted(workload) and is_younger(workload, STARTING, sources.observed_at):
            return
        if not wanted(workload) and renewal.sign is Sign.UNKNOWN:
            return  # it may run outside of the cluster; why that is not known is said
        state.findings.append(_no_pod(workload, renewal, addon))


def _is_starting(pod: Pod, observed_at: datetime) -> bool:
    crashed = any(status.restart_count for status in pod.status.container_statuses or ())
    return not crashed and is_younger(pod, STARTING, observed_at)


def _judge_lease(
    sources: Sources,
    *,
    workload_known: bool,
    workload: Deployment | DaemonSet | None,
    renewal: _Renewal,
    state: State,
) -> None:
    if renewal.sign is Sign.STALE and renewal.lease is not None:
        has_pods = workload is not None and wanted(workload) > 0
        state.findings.append(_lease_stale(renewal.lease, renewal, has_pods=has_pods))
    elif renewal.sign is Sign.MISSING and workload_known and workload is None:
        known, version = _try(sources.version.stated, state.reasons)
        if known and version is not None and version.numbers >= FIRST_WITH_LEASE:
            state.findings.append(_lease_missing(version.text, version.source))


def _judge_addon(addon: Addon, workload: Deployment | DaemonSet | None, renewal: _Renewal, state: State) -> None:
    status = addon.state.lower()
    if status in ("", "active"):
        return
    ref = workload.ref if workload is not None else kubernetes_ref("Deployment", CCM, NAMESPACE)
    passing = status in IN_TRANSITION
    alive = renewal.sign is Sign.FRESH
    message = (
        t("the add-on {addon} is being changed: its state is {state}", addon=addon.name, state=addon.state)
        if passing
        else t("the add-on {addon} is not active: its state is {state}", addon=addon.name, state=addon.state)
    )
    hops: tuple[Hop, ...] = (broken(cloud_ref("Addon", addon.name), t("state {state}", state=addon.state)),)
    if renewal.lease is not None:
        hops += (ok(renewal.lease.ref, t("is renewed")),) if alive else ()
    state.findings.append(
        Finding(
            subject=ref,
            message=message,
            certainty=Certainty.CONFIRMED if passing or not alive else Certainty.LIKELY,
            severity=Severity.INFO if passing else Severity.HIGH,
            fault="addon-not-active",
            trail=hops,
            evidence={"addon": addon.name, "state": addon.state, "version": addon.version, **_of_lease(renewal)},
            remedy=(
                *_confirm(),
                step(t("Open the cluster's Add-ons page, read why it is in this state, and upgrade or reinstall it")),
            ),
        )
    )


def _judge_absence(sources: Sources, state: State) -> None:
    known, row = _try(lambda: sources.clusters.get(sources.cluster_id), state.reasons)
    if not known or row is None or row.type == REGISTERED:
        return  # a registered cluster has the controller of its own cloud
    ref = kubernetes_ref("Deployment", CCM, NAMESPACE)
    state.findings.append(
        Finding(
            subject=ref,
            message=t(
                "there is no cloud controller manager: neither a workload {name} in {namespace} nor an add-on nor its "
                "Lease exists",
                name=CCM,
                namespace=NAMESPACE,
            ),
            certainty=Certainty.LIKELY,
            severity=Severity.HIGH,
            fault="component-missing",
            trail=(broken(ref, t("does not exist")),),
            evidence={"cluster_type": row.type},
            remedy=(
                *_confirm(),
                step(t("Install the add-on Cloud Controller Manager on the cluster's Add-ons page")),
            ),
        )
    )


def _pods_unhealthy(
    workload: Deployment | DaemonSet,
    troubles: Sequence[Trouble],
    present: Sequence[Pod],
    renewal: _Renewal,
    addon: Addon | None,
) -> Finding:
    holder = renewal.lease.spec.holder_identity or "" if renewal.lease else ""
    in_trouble = {one.pod.name for one in troubles}
    leads = any(holder.startswith(name) for name in in_trouble)
    rest = len(present) - len(in_trouble)
    is_down = rest <= 0 or renewal.sign is Sign.STALE or leads
    first = troubles[0]
    return Finding(
        subject=workload.ref,
        message=t(
            "{number} of {present} Pods of the cloud controller manager do not work: Pod {pod} {why}",
            number=len(in_trouble),
            present=len(present),
            pod=first.pod.name,
            why=first.why,
        ),
        severity=Severity.HIGH if is_down else Severity.MEDIUM,
        fault="pods-unhealthy",
        trail=(
            ok(workload.ref, t("wants {number} Pods", number=wanted(workload))),
            *(broken(one.pod.ref, one.why) for one in troubles),
        ),
        evidence={
            "pods": sorted(in_trouble),
            "healthy_pods": max(rest, 0),
            **_of_lease(renewal),
            **_of_addon(addon),
        },
        remedy=(
            step(t("Confirm the state of the Pods"), "kubectl", "-n", NAMESPACE, "get", "pods", "-o", "wide"),
            step(
                t("Read why the Pod fails; a panic, missing permissions or an expired token stand at its end"),
                *("kubectl", "-n", NAMESPACE, "logs", first.pod.name, "--previous", "--tail=100"),
            ),
            step(
                t(
                    "If an upgrade or a change of its configuration brought this, take it back on the cluster's "
                    "Add-ons page. Load balancers go on serving meanwhile, with the backends that they have"
                )
            ),
        ),
    )


def _no_pod(workload: Deployment | DaemonSet, renewal: _Renewal, addon: Addon | None) -> Finding:
    return Finding(
        subject=workload.ref,
        message=t(
            "the cloud controller manager has no Pod; {workload} wants {number}",
            workload=str(workload.ref),
            number=wanted(workload),
        ),
        severity=Severity.HIGH,
        fault="no-pod",
        trail=(broken(workload.ref, t("wants {number} Pods; there is none", number=wanted(workload))),),
        evidence={"wanted": wanted(workload), **_of_lease(renewal), **_of_addon(addon)},
        remedy=(
            step(
                t("Confirm, and read why no Pod is made"),
                *("kubectl", "-n", NAMESPACE, "describe", workload.KIND.lower(), workload.name),
            ),
            step(t("Scale it up, or let it run on a node again: its node selector means control-plane nodes")),
        ),
    )


def _lease_stale(lease: Lease, renewal: _Renewal, *, has_pods: bool) -> Finding:
    age = int(renewal.age.total_seconds()) if renewal.age else 0
    return Finding(
        subject=lease.ref,
        message=t(
            "nobody leads the cloud controller manager: Lease {lease} of {holder} was last renewed {age} seconds ago, "
            "at {time}",
            lease=lease.key,
            holder=lease.spec.holder_identity or "-",
            age=age,
            time=lease.spec.renew_time.isoformat() if lease.spec.renew_time else "",
        ),
        certainty=Certainty.LIKELY if has_pods else Certainty.CONFIRMED,
        severity=Severity.HIGH,
        fault="lease-not-renewed",
        trail=(broken(lease.ref, t("not renewed for {age} seconds", age=age)),),
        evidence=_of_lease(renewal),
        remedy=(
            step(
                t("Confirm that the time does not change"),
                *("kubectl", "-n", NAMESPACE, "get", "lease", lease.name, "-o", "yaml"),
            ),
            *_restart(),
        ),
    )


def _lease_missing(version: str, source: Ref) -> Finding:
    ref = kubernetes_ref("Lease", LEASE, NAMESPACE)
    return Finding(
        subject=ref,
        message=t(
            "nobody leads the cloud controller manager {version}: its Lease {lease} does not exist",
            version=version,
            lease=f"{NAMESPACE}/{LEASE}",
        ),
        certainty=Certainty.LIKELY,
        severity=Severity.HIGH,
        fault="lease-missing",
        trail=(ok(source, t("version {version}", version=version)), broken(ref, t("does not exist"))),
        evidence={"ccm_version": version, "lease": Sign.MISSING.value},
        remedy=(
            step(t("Confirm; a living leader makes it anew at once"), "kubectl", "-n", NAMESPACE, "get", "leases"),
            *_restart(),
        ),
    )


def _confirm() -> tuple[Step, ...]:
    return (
        step(
            t("Confirm the state of the add-on"),
            *("aliyun", "cs", "GET", "/clusters/<cluster-id>/addon_instances/cloud-controller-manager"),
        ),
    )


def _restart() -> tuple[Step, ...]:
    return (
        step(
            t(
                "On a managed cluster read the component's log (Log Center, control plane component logs, ccm), then "
                "upgrade or reinstall the add-on on the Add-ons page; open a ticket if it stays dead. On a dedicated "
                "one restart its Pods. Load balancers go on serving meanwhile, with the backends that they have"
            )
        ),
    )


def _of_lease(renewal: _Renewal) -> dict[str, Evidence]:
    found: dict[str, Evidence] = {"lease": renewal.sign.value}
    if renewal.lease is not None:
        spec = renewal.lease.spec
        found["holder"] = spec.holder_identity
        found["renewed_at"] = spec.renew_time.isoformat() if spec.renew_time else None
    return found


def _of_addon(addon: Addon | None) -> dict[str, Evidence]:
    return {"addon_state": addon.state} if addon else {}


def _try(ask: Callable[[], T], gaps: list[Reason]) -> tuple[bool, T | None]:
    """Return whether the answer is known, and the answer."""
    try:
        return True, ask()
    except NotKnown as gap:
        gaps += gap.reasons
        return False, None
