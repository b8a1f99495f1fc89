"""What the known words of an autoscaler mean, and the findings that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.rules.log_patterns import LogPattern
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Ref, Step, Text, broken, step, t, unknown

SHOWN_LINES = 3
SHOWN_PODS = 5

CHECKS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "autoscaler-denied": ("autoscaling/role-lacks-permission",),
        "pool-full": ("autoscaling/scaling-group-cannot-grow",),
        "no-scale-up": ("autoscaling/pending-not-for-resources",),
        "zone-or-affinity": ("autoscaling/pool-in-other-zone", "autoscaling/pool-does-not-match-pod"),
        "pool-too-small": ("autoscaling/pool-instance-too-small",),
        "pool-in-backoff": ("autoscaling/scaling-group-cannot-grow",),
        "no-stock": ("autoscaling/scaling-group-cannot-grow",),
        "vswitch-without-addresses": ("autoscaling/pool-in-other-zone", "autoscaling/scaling-group-cannot-grow"),
        "scaling-group-gone": ("autoscaling/scaling-group-cannot-grow",),
    }
)
"""The checks that look for the cause behind a pattern."""

_MEANINGS: Mapping[str, Text] = MappingProxyType(
    {
        "autoscaler-denied": t("its role may not call what it needs"),
        "pool-full": t("a node pool has as many nodes as it may have"),
        "no-scale-up": t("no node pool would help a Pod that waits"),
        "zone-or-affinity": t("a Pod asks for labels or a zone that the new nodes of a pool do not have"),
        "pool-too-small": t("a Pod requests more than a new node of a pool would have"),
        "pool-in-backoff": t("a node pool is left alone for a while, as its last scale-up failed"),
        "no-stock": t("an instance type is out of stock"),
        "vswitch-without-addresses": t("a vSwitch has no free address"),
        "scaling-group-gone": t("a scaling group does not exist any more"),
    }
)


@dataclass(frozen=True)
class Said:
    """What was said that a pattern matches, and of which Pods."""

    subject: Ref
    pattern: LogPattern
    lines: Sequence[str]
    pods: Sequence[Ref]
    evidence: dict[str, Evidence]
    is_certain: bool


def meaning_of(pattern: LogPattern) -> Text:
    """Return what a pattern means; of one that is not described here, its id."""
    return _MEANINGS.get(pattern.id, t("{pattern}", pattern=pattern.id))


def of_log(
    subject: Ref,
    log: ContainerLog,
    pattern: LogPattern,
    lines: Sequence[LogMatch],
    pods: Sequence[Ref],
    *,
    certain: bool,
) -> Finding:
    """Make the finding on what stands in an autoscaler's log."""
    newest = lines[-1]
    said = Said(
        subject,
        pattern,
        [line.line for line in lines],
        pods,
        {
            "component": log.component,
            "container": log.container,
            "last_at": newest.time.isoformat() if newest.time else None,
            "before_a_restart": newest.previous,
            "log_was_cut": log.is_cut,
        },
        certain,
    )
    message = t("the log of {component} says: {line} ({meaning})", component=log.component)
    first = step(
        t("Read what stands around the line."),
        *("kubectl", "-n", subject.namespace, "logs", subject.name, "-c", log.container, "--since=1h"),
    )
    hop = broken(subject, t("{count} such lines within the hour", count=len(lines)))
    return _finding(said, message, first, hop)


def of_sign(said: Said, source: Ref) -> Finding:
    """Make the finding on what an event, or the autoscaler's status, says in the place of its log."""
    message = t("{source} says of the autoscaler: {line} ({meaning})", source=str(source))
    first = step(
        t("Read what the autoscaler says of itself, and its events."),
        *("kubectl", "-n", "kube-system", "describe", "configmap", "cluster-autoscaler-status"),
    )
    return _finding(said, message, first, broken(said.subject, meaning_of(said.pattern)))


def _finding(said: Said, message: Text, first: Step, hop: Hop) -> Finding:
    meaning = meaning_of(said.pattern)
    checks = CHECKS_OF.get(said.pattern.id, ())
    look = (
        step(
            t("Look at what {check} finds: it says what to do.", check=checks[0]),
            *("auditor", "run", "--now", "--check", checks[0]),
        ),
    )
    return Finding(
        subject=said.subject,
        fault=said.pattern.id,
        certainty=Certainty.CONFIRMED if said.is_certain else Certainty.LIKELY,
        message=message.with_values({"line": said.lines[-1], "meaning": meaning}),
        why=t(
            "These words are known: {meaning}. {checks} looks for the cause on both sides.",
            meaning=meaning,
            checks=list(checks),
        )
        if checks
        else t("These words are known: {meaning}. No check of its own looks for this.", meaning=meaning),
        trail=(hop, *(unknown(ref, t("waits for a node")) for ref in said.pods[:SHOWN_PODS])),
        evidence={
            "pattern": said.pattern.id,
            "causes": list(said.pattern.causes),
            "checks": list(checks),
            "lines": list(said.lines[-SHOWN_LINES:]),
            **said.evidence,
        },
        remedy=(first, *(look if checks else ())),
        affected=tuple(said.pods),
    )
