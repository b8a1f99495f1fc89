"""The log of a storage driver names what is wrong.

What a driver is refused, by ECS, by NAS or by the node, it writes into its log, in words that are known: the disk is
attached elsewhere, the mount target refuses the node, the quota is used up. Events say the same for an hour at most,
and often only "timed out". This probe reads the last hour of the logs of csi-plugin, csi-provisioner, the disk and
NAS controllers and flexvolume, and keeps nothing but the lines that match.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.joins.log_window import LogWindow
from auditor.facts.joins.named_volumes import NamedVolumes
from auditor.facts.joins.volumes import VolumeUsers
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.log_lines import is_harmless
from auditor.facts.rules.log_patterns import DRIVERS, FLEXVOLUME, LOG_PATTERNS
from auditor.facts.rules.storage_drivers import NAMESPACE
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Ref,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.storage._driver_log_findings import Said, log_error

check = Check(
    severity=Severity.MEDIUM,
    causes=("S7", "S8"),
    since="0.1.0",
    symptoms=("disk-mount-fails", "disk-detach-fails", "nas-mount-fails", "pvc-pending"),
    limits=(
        "Needs the probe component-logs. A driver's log on a node is read only where a Pod with a volume fails.",
        "What flexvolume writes to /var/log/alicloud on a node can't be read through the API server.",
        "The log of a controller that ACK runs outside of the cluster can't be read.",
    ),
    links=(
        "https://help.aliyun.com/document_detail/286495.html",
        "https://help.aliyun.com/document_detail/286976.html",
    ),
)

OWNERSHIP = "ownership-changed"
_PATTERNS = {pattern.id: pattern for pattern in LOG_PATTERNS}


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return (pod for pod in pods.known_rows() if _driver_of(pod) and not pod.is_finished)


def judge(
    pod: Pod,
    container_logs: Table[ContainerLog],
    named_volumes: NamedVolumes,
    volume_users: VolumeUsers,
    log_window: LogWindow,
) -> Iterator[Verdict]:
    logs: list[ContainerLog] = []
    findings: list[Finding] = []
    reasons: list[Reason] = []
    for container in (*pod.spec.containers, *(pod.spec.init_containers or ())):
        try:
            log = container_logs.get(f"{pod.key}/{container.name}")
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if log is not None and log.component in DRIVERS:
            logs.append(log)
    for log in logs:
        findings += _judge_log(pod, log, named_volumes, volume_users, log_window, reasons)
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not findings:
        yield Passed() if logs else NotApplicable(t("its log is not read: no Pod with a volume fails on its node"))


def _driver_of(pod: Pod) -> str:
    """Return the driver that a Pod is of; empty if it is of none."""
    if pod.namespace != NAMESPACE:
        return ""
    return next((one for one in DRIVERS if pod.labels.get("app") == one or pod.name.startswith(f"{one}-")), "")


def _judge_log(
    pod: Pod, log: ContainerLog, named: NamedVolumes, users: VolumeUsers, window: LogWindow, reasons: list[Reason]
) -> Iterator[Finding]:
    """Judge the lines of one container, pattern by pattern."""
    lines: dict[str, list[LogMatch]] = {}
    refs: dict[str, dict[Ref, None]] = {}
    for match in log.matches:
        if match.pattern not in _PATTERNS or not window.covers(match.time):
            continue
        if is_harmless(match.line) and not (match.pattern == OWNERSHIP and log.component == FLEXVOLUME):
            continue
        found = named.in_line(match.line)
        is_told = bool(found.refs or not found.gone)
        if is_told and match.pattern == OWNERSHIP:
            is_told = _waits(found.refs, named, users)
        if found.gone or not is_told:
            # What the line is about may be among what could not be read.
            reasons += named.reasons
        if not is_told:
            continue
        lines.setdefault(match.pattern, []).append(match)
        refs.setdefault(match.pattern, {}).update(dict.fromkeys(found.refs))
    if log.is_cut and not lines:
        # What was left out may hold such a line; a log is clean only if all of the hour was read.
        message = t(
            "only {count} lines of the last hour were read of the log of {container}: it has more",
            count=log.lines,
            container=log.key,
        )
        reasons.append(Reason("kubernetes", ReasonKind.TRUNCATED, message))
    for pattern_id, matches in lines.items():
        yield log_error(Said(pod, log, _PATTERNS[pattern_id], matches, list(refs[pattern_id])))


def _waits(refs: Iterable[Ref], named: NamedVolumes, users: VolumeUsers) -> bool:
    """Tell whether a Pod waits for what a line names; a line that names nothing is taken to be about one that does.

    To change the ownership of files is no fault in itself: it is one while a Pod waits for it.
    """
    found = list(refs)
    return not found or any(pod.is_starting for ref in found for pod in named.pods_of(ref, users))
