"""The autoscaler's log names what is wrong.

What the autoscaler is refused by Auto Scaling, and why it leaves a Pod without a node, it writes into its log, in
words that are known: its role may not make the call, the group is full or gone, the type is out of stock, the vSwitch
has no address. This probe reads the last hour of the logs of cluster-autoscaler and ack-goatscaler, and keeps nothing
but the lines that match. Without the probe, and where ACK runs the autoscaler outside of the cluster, what it says in
events and in its status ConfigMap is taken instead: that is no more than likely.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from auditor.facts.joins.event_clock import EventClock
from auditor.facts.joins.log_window import LogWindow
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.autoscaler_actions import NAMESPACE
from auditor.facts.rules.autoscaler_status import STATUS_MAP, groups_in_backoff, written_at
from auditor.facts.rules.log_lines import words_of
from auditor.facts.rules.log_patterns import AUTOSCALERS, LOG_PATTERNS, LogPattern
from auditor.judge.api import (
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Ref,
    Severity,
    Table,
    Verdict,
    kubernetes_ref,
    t,
)
from checks.autoscaling._log_findings import Said, of_log, of_sign

check = Check(
    severity=Severity.MEDIUM,
    causes=("A5", "A1"),
    since="0.1.0",
    symptoms=("autoscaler-fails", "no-scale-up"),
    limits=(
        "Needs the probe component-logs; without it only events of about an hour and the status ConfigMap are read.",
        "The log of an autoscaler that ACK runs outside of the cluster can't be read.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
    ),
)

ABOUT_A_POD = frozenset({"no-scale-up", "zone-or-affinity", "pool-too-small", "pool-full"})
"""Patterns that say something only while the Pod waits: each Pod that fits one pool is refused by some other."""
RECENT = timedelta(hours=1)
BACKOFF_PATTERN = "pool-in-backoff"
NO_SCALE_UP = "no-scale-up"
_NOT_TRIGGERED = "NotTriggerScaleUp"
_SCALE_IN = (
    "scale down",
    "scale-down",
    "scaledown",
    "removal",
    "be removed",
    "to remove",
    "unneeded",
    "find place for",
)
"""Words of lines about nodes that are to go, where it is no fault that Pods do not fit elsewhere."""
_PATTERNS = {pattern.id: pattern for pattern in LOG_PATTERNS if set(pattern.components) & set(AUTOSCALERS)}


@dataclass(frozen=True)
class Autoscaler:
    """A Pod of an autoscaler; without one, the autoscaler that may run outside. ``is_first`` stands for all."""

    pod: Pod | None
    is_first: bool = True

    @property
    def ref(self) -> Ref:
        """The Pod; without one, the status that the autoscaler writes."""
        return self.pod.ref if self.pod else kubernetes_ref("ConfigMap", STATUS_MAP.partition("/")[2], NAMESPACE)


def subjects(pods: Table[Pod]) -> Iterable[Autoscaler]:
    found = sorted(
        (pod for pod in pods.known_rows() if _is_autoscaler(pod) and not pod.is_finished), key=lambda pod: pod.key
    )
    return [Autoscaler(pod, place == 0) for place, pod in enumerate(found)] or [Autoscaler(None)]


def judge(
    autoscaler: Autoscaler,
    pods: Table[Pod],
    container_logs: Table[ContainerLog],
    log_window: LogWindow,
    object_events: ObjectEvents,
    config_maps: Table[ConfigMap],
    event_clock: EventClock,
) -> Iterator[Verdict]:
    reasons: list[Reason] = []
    logs = _logs(autoscaler.pod, container_logs, reasons) if autoscaler.pod else []
    findings: list[Finding] = []
    for log in logs:
        findings += _judge_log(autoscaler.ref, log, pods, log_window, reasons)
    if not logs and autoscaler.is_first:
        findings += _signs(autoscaler.ref, pods, object_events, config_maps, event_clock, reasons)
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(dict.fromkeys(reasons)))
    elif not findings:
        yield Passed() if logs else NotApplicable(t("there is no log of an autoscaler to read in the cluster"))


def _is_autoscaler(pod: Pod) -> bool:
    if pod.namespace != NAMESPACE:
        return False
    return any(pod.labels.get("app") == name or pod.name.startswith(f"{name}-") for name in AUTOSCALERS)


def _logs(pod: Pod, container_logs: Table[ContainerLog], reasons: list[Reason]) -> list[ContainerLog]:
    logs = []
    for container in (*pod.spec.containers, *(pod.spec.init_containers or ())):
        try:
            log = container_logs.get(f"{pod.key}/{container.name}")
        except NotKnown as gap:
            reasons += gap.reasons
        else:
            logs += [log] if log is not None else []
    return logs


def _judge_log(
    subject: Ref, log: ContainerLog, pods: Table[Pod], window: LogWindow, reasons: list[Reason]
) -> Iterator[Finding]:
    """Judge the lines of one container, pattern by pattern."""
    lines: dict[str, list[LogMatch]] = {}
    waiting: dict[str, dict[Ref, None]] = {}
    for match in log.matches:
        if match.pattern not in _PATTERNS or not window.covers(match.time) or _is_scale_in(match.line):
            continue
        named: list[Ref] = []
        if match.pattern in ABOUT_A_POD:
            try:
                waits, named = _pods_in(match.line, pods)
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            if not waits:
                continue
        lines.setdefault(match.pattern, []).append(match)
        waiting.setdefault(match.pattern, {}).update(dict.fromkeys(named))
    for id_, matches in lines.items():
        refs = list(waiting[id_])
        is_certain = id_ not in ABOUT_A_POD or bool(refs)
        yield of_log(subject, log, _PATTERNS[id_], matches, refs, certain=is_certain)


def _is_scale_in(line: str) -> bool:
    lower = line.lower()
    return any(words in lower for words in _SCALE_IN)


def _pods_in(line: str, pods: Table[Pod]) -> tuple[bool, list[Ref]]:
    """Return whether a line may be about a Pod that waits, and which: one that names none may be about any.

    Raises NotKnown if it names what may be a Pod that could not be read.
    """
    named = [
        word for word in words_of(line) if word.count("/") == 1 and ".go" not in word and not word.startswith("asg-")
    ]
    found = [pod for word in dict.fromkeys(named) if (pod := pods.get(word)) is not None]
    waiting = [pod.ref for pod in found if pod.is_unscheduled]
    if waiting:
        return True, waiting
    return not _names_a_pod(line, named), []


def _names_a_pod(line: str, named: Sequence[str]) -> bool:
    """Tell whether one of the names in a line can be that of a Pod: ``Pod shop/web-1``, ``pod="shop/web-1"``."""
    lower = line.lower()
    return any(
        f"{lead}{name.lower()}" in lower for name in named for lead in ("pod ", "pod=", 'pod="', "pod: ", "pod/")
    )


def _signs(
    subject: Ref,
    pods: Table[Pod],
    object_events: ObjectEvents,
    config_maps: Table[ConfigMap],
    event_clock: EventClock,
    reasons: list[Reason],
) -> Iterator[Finding]:
    """Yield what events and the autoscaler's status say, in the place of its log."""
    namespace, _, name = STATUS_MAP.partition("/")
    status = kubernetes_ref("ConfigMap", name, namespace)
    texts: dict[str, dict[str, Ref]] = {}
    about: dict[str, dict[Ref, None]] = {}
    for event in object_events.about(status):
        if event.type == "Warning" and event_clock.since(event) < RECENT:
            for pattern in _matching(f"{event.reason}: {event.message}"):
                texts.setdefault(pattern.id, {})[event.message] = status
    for pod in pods.known_rows():
        if not pod.is_unscheduled:
            continue
        for event in object_events.about(pod.ref):
            if event.reason == _NOT_TRIGGERED and event_clock.since(event) < RECENT:
                for pattern in _matching(f"{event.reason}: {event.message}"):
                    texts.setdefault(pattern.id, {})[event.message] = pod.ref
                    about.setdefault(pattern.id, {})[pod.ref] = None
    try:
        row = config_maps.get(STATUS_MAP)
    except NotKnown as gap:
        reasons += gap.reasons
        row = None
    text = "\n".join((row.data or {}).values()) if row else ""
    if groups := groups_in_backoff(text):
        line = f"scaleUp Backoff: {', '.join(groups)} ({written_at(text)})"
        texts.setdefault(BACKOFF_PATTERN, {})[line] = status
    reasons += object_events.reasons
    for id_, found in texts.items():
        pods_ = list(about.get(id_, ()))
        line, source = list(found.items())[-1]
        said = Said(subject, _PATTERNS[id_], [*found], pods_, {"source": str(source)}, is_certain=False)
        yield of_sign(said, source)


def _matching(text: str) -> list[LogPattern]:
    """Return the patterns that a text matches; that there is no scale-up says least, and counts only alone."""
    found = [pattern for pattern in _PATTERNS.values() if pattern.regex.search(text)]
    telling = [pattern for pattern in found if pattern.id != NO_SCALE_UP]
    return telling or found
