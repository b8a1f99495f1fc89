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
from auditor.facts.joins.pending_pods import NOT_TRIGGERED, PendingPods
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.autoscaler_actions import NAMESPACE
from auditor.facts.rules.autoscaler_status import STATUS_MAP, groups_in_backoff, moment_of, written_at
from auditor.facts.rules.log_lines import words_of
from auditor.facts.rules.log_patterns import AUTOSCALERS, CLUSTER_AUTOSCALER, LOG_PATTERNS, LogPattern
from auditor.judge.api import (
    Check,
    Evidence,
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
        "The log of an autoscaler that ACK runs outside of the cluster, or that is outside of kube-system, isn't read.",
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
    def writes_status(self) -> bool:
        """Whether it is a Pod that keeps the status up to date: that of the cluster autoscaler."""
        return self.pod is not None and _is_of(self.pod, CLUSTER_AUTOSCALER)

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
    pending_pods: PendingPods,
) -> Iterator[Verdict]:
    reasons: list[Reason] = []
    logs = _logs(autoscaler.pod, container_logs, reasons) if autoscaler.pod else []
    findings: list[Finding] = []
    for log in logs:
        findings += _judge_log(autoscaler.ref, log, pods, pending_pods, log_window, reasons)
    if not logs and autoscaler.is_first:
        signs = _Signs(pods, object_events, pending_pods, config_maps, event_clock, reasons)
        findings += signs.of(autoscaler)
    yield from findings
    if reasons:
        yield NotEvaluated(tuple(dict.fromkeys(reasons)))
    elif not findings:
        yield Passed() if logs else NotApplicable(t("there is no log of an autoscaler to read in the cluster"))


def _is_autoscaler(pod: Pod) -> bool:
    if pod.namespace != NAMESPACE:
        return False
    return any(_is_of(pod, name) for name in AUTOSCALERS)


def _is_of(pod: Pod, name: str) -> bool:
    return pod.labels.get("app") == name or pod.name.startswith(f"{name}-")


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
    subject: Ref,
    log: ContainerLog,
    pods: Table[Pod],
    pending_pods: PendingPods,
    window: LogWindow,
    reasons: list[Reason],
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
                waits, named = _pods_in(match.line, pods, pending_pods)
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            if not waits:
                continue
        lines.setdefault(match.pattern, []).append(match)
        waiting.setdefault(match.pattern, {}).update(dict.fromkeys(named))
    if log.is_cut:
        # What was left out may hold other words; a log says all it has to say only if all of the hour was read.
        message = t(
            "only {count} lines of the last hour were read of the log of {container}: it has more",
            count=log.lines,
            container=log.key,
        )
        reasons.append(Reason("kubernetes", ReasonKind.TRUNCATED, message))
    for id_, matches in lines.items():
        refs = list(waiting[id_])
        is_certain = id_ not in ABOUT_A_POD or bool(refs)
        yield of_log(subject, log, _PATTERNS[id_], matches, refs, certain=is_certain)


def _is_scale_in(line: str) -> bool:
    lower = line.lower()
    return any(words in lower for words in _SCALE_IN)


def _pods_in(line: str, pods: Table[Pod], pending_pods: PendingPods) -> tuple[bool, list[Ref]]:
    """Return whether a line may be about a Pod that waits, and which: one that names none may be about any.

    Raises NotKnown if it names what may be a Pod that could not be read, and if it can't be told of one whether a
    node is on its way for it.
    """
    named = [
        word for word in words_of(line) if word.count("/") == 1 and ".go" not in word and not word.startswith("asg-")
    ]
    found = [pod for word in dict.fromkeys(named) if (pod := pods.get(word)) is not None]
    waiting = [pod.ref for pod in found if _waits_in_vain(pod, pending_pods)]
    if waiting and pending_pods.event_reasons:
        raise NotKnown(*pending_pods.event_reasons)
    return bool(waiting) or not (found or _names_a_pod(line, named)), waiting


def _waits_in_vain(pod: Pod, pending_pods: PendingPods) -> bool:
    """Tell whether a Pod waits for a node, and none is on its way: what other pools refuse it for does not matter."""
    return pod.is_unscheduled and pending_pods.beside_the_point(pod) is None and not pending_pods.is_served(pod)


def _names_a_pod(line: str, named: Sequence[str]) -> bool:
    """Tell whether one of the names in a line can be that of a Pod: ``Pod shop/web-1``, ``pod="shop/web-1"``."""
    lower = line.lower()
    return any(
        f"{lead}{name.lower()}" in lower for name in named for lead in ("pod ", "pod=", 'pod="', "pod: ", "pod/")
    )


class _Signs:
    """What events and the autoscaler's status say, in the place of its log."""

    def __init__(
        self,
        pods: Table[Pod],
        object_events: ObjectEvents,
        pending_pods: PendingPods,
        config_maps: Table[ConfigMap],
        event_clock: EventClock,
        reasons: list[Reason],
    ) -> None:
        self._pods = pods
        self._events = object_events
        self._pending = pending_pods
        self._maps = config_maps
        self._clock = event_clock
        self._reasons = reasons
        self._texts: dict[str, dict[str, Ref]] = {}
        self._about: dict[str, dict[Ref, None]] = {}

    def of(self, autoscaler: Autoscaler) -> Iterator[Finding]:
        """Yield them, each by its pattern; why more may be said is added to the reasons."""
        namespace, _, name = STATUS_MAP.partition("/")
        status = kubernetes_ref("ConfigMap", name, namespace)
        for event in self._events.about(status):
            if event.type == "Warning" and self._clock.since(event) < RECENT:
                self._hear(event, status)
        for pod in self._pods.known_rows():
            if not _waits_in_vain(pod, self._pending):
                continue
            word = self._pending.last_word(pod)
            if word is not None and word.reason in NOT_TRIGGERED and self._clock.since(word) < RECENT:
                for id_ in self._hear(word, pod.ref):
                    self._about.setdefault(id_, {})[pod.ref] = None
        self._read_status(autoscaler, status)
        self._reasons += self._events.reasons
        for id_, found in self._texts.items():
            source = list(found.values())[-1]
            evidence: dict[str, Evidence] = {"source": str(source)}
            pods = list(self._about.get(id_, ()))
            said = Said(autoscaler.ref, _PATTERNS[id_], [*found], pods, evidence, is_certain=False)
            yield of_sign(said, source)

    def _hear(self, event: Event, source: Ref) -> list[str]:
        """Take in what an event says; return the patterns that it matches."""
        matching = [pattern.id for pattern in _matching(f"{event.reason}: {event.message}")]
        for id_ in matching:
            self._texts.setdefault(id_, {})[event.message] = source
        return matching

    def _read_status(self, autoscaler: Autoscaler, status: Ref) -> None:
        try:
            row = self._maps.get(STATUS_MAP)
        except NotKnown as gap:
            self._reasons += gap.reasons
            return
        text = "\n".join((row.data or {}).values()) if row else ""
        groups = groups_in_backoff(text)
        if groups and (autoscaler.writes_status or self._is_recent(text)):
            line = f"scaleUp Backoff: {', '.join(groups)} ({written_at(text)})"
            self._texts.setdefault(BACKOFF_PATTERN, {})[line] = status

    def _is_recent(self, text: str) -> bool:
        """Tell whether a status may be of now: an autoscaler that was taken away leaves its last one behind."""
        moment = moment_of(written_at(text))
        return moment is None or self._clock.now - moment < RECENT


def _matching(text: str) -> list[LogPattern]:
    """Return the patterns that a text matches; that there is no scale-up says least, and counts only alone."""
    found = [pattern for pattern in _PATTERNS.values() if pattern.regex.search(text)]
    telling = [pattern for pattern in found if pattern.id != NO_SCALE_UP]
    return telling or found
