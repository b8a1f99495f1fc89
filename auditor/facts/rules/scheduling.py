"""May a Pod be put on a node: node selector, required node affinity, taints and cordons.

Only what the node's own object decides. Room for the requests, affinity between Pods and spreading are left out, so a
node that is merely full counts as one that takes the Pod. The rules are those of the Kubernetes documentation,
"Assigning Pods to Nodes" and "Taints and Tolerations".
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from auditor.facts.kubernetes.meta import LabelSelectorRequirement
from auditor.facts.kubernetes.nodes import Node, Taint
from auditor.facts.kubernetes.pods import NodeSelector, NodeSelectorTerm, Pod, Toleration

CORDON_TAINT = "node.kubernetes.io/unschedulable"
NOT_READY_TAINT = "node.kubernetes.io/not-ready"
UNREACHABLE_TAINT = "node.kubernetes.io/unreachable"
PASSING_TAINTS = frozenset(
    {
        NOT_READY_TAINT,
        UNREACHABLE_TAINT,
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
    }
)
"""Taints by which the node controller shows a condition; they go when the condition does."""

_REPELLING = ("NoSchedule", "NoExecute")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT64 = range(-(2**63), 2**63)


class Obstacle(StrEnum):
    """What keeps a Pod off a node. The values name the field to look at."""

    NODE_SELECTOR = "nodeSelector"
    NODE_AFFINITY = "nodeAffinity"
    CORDON = "unschedulable"
    NOT_READY = "notReady"
    TAINT = "taint"


class Refusal(msgspec.Struct, frozen=True):
    """Why a node does not take a Pod: the first obstacle, and the taint if it is one."""

    obstacle: Obstacle
    taint: Taint | None = None

    def __str__(self) -> str:
        """Return the obstacle, with the taint as ``key=value:effect``."""
        if self.taint is None:
            return self.obstacle.value
        value = f"={self.taint.value}" if self.taint.value else ""
        return f"{self.obstacle.value} {self.taint.key}{value}:{self.taint.effect}"


def matches_node(pod: Pod, node: Node) -> bool:
    """Tell whether the node would take the Pod as it stands now, if it had room."""
    return refusal(pod, node) is None


def refusal(pod: Pod, node: Node) -> Refusal | None:
    """Return why the node would not take the Pod as it stands now; None if it would, given room."""
    return _refusal(pod, node, (*node.taints, *_implied_taints(node)))


def lasting_refusal(pod: Pod, node: Node) -> Refusal | None:
    """Return why the node would not take the Pod even when it is healthy; None if it then would.

    What passes by itself (not ready, pressure) is overlooked; a cordon, which somebody set on purpose, is not.
    """
    return _refusal(pod, node, lasting_taints(node))


def lasting_taints(node: Node) -> list[Taint]:
    """Return the taints that stay on a healthy node, a cordon among them."""
    taints = [taint for taint in node.taints if taint.key not in PASSING_TAINTS]
    return [*taints, *_cordon(node)]


def suits_labels(pod: Pod, labels: Mapping[str, str], name: str = "") -> bool:
    """Tell whether a node with these labels and this name meets the Pod's selector and required affinity."""
    return _meets_selector(pod, labels) and _meets_affinity(pod, labels, name)


def selector_admits(selector: NodeSelector, labels: Mapping[str, str], name: str = "") -> bool:
    """Tell whether one of the selector's terms holds. A selector without terms admits nothing."""
    return any(term_admits(term, labels, name) for term in selector.node_selector_terms or ())


def term_admits(term: NodeSelectorTerm, labels: Mapping[str, str], name: str = "") -> bool:
    """Tell whether every expression of a term holds. An empty term admits nothing."""
    expressions, fields = term.match_expressions or (), term.match_fields or ()
    if not expressions and not fields:
        return False
    return all(requirement_holds(expression, labels) for expression in expressions) and all(
        field.key == "metadata.name" and requirement_holds(field, {field.key: name}) for field in fields
    )


def requirement_holds(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    """Tell whether one expression holds of these labels. One that the API server would not accept holds of none."""
    present = requirement.key in labels
    value = labels.get(requirement.key, "")
    values = requirement.values or []
    match requirement.operator:
        case "In":
            return present and value in values
        case "NotIn":
            return not present or value not in values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case "Gt" | "Lt":
            return present and len(values) == 1 and _compares(requirement.operator, value, values[0])
        case _:
            return False


def first_untolerated(tolerations: Iterable[Toleration], taints: Iterable[Taint]) -> Taint | None:
    """Return the first taint that keeps a Pod with these tolerations away; None if none does."""
    tolerations = tuple(tolerations)
    return next(
        (
            taint
            for taint in taints
            if taint.effect in _REPELLING and not any(tolerates(toleration, taint) for toleration in tolerations)
        ),
        None,
    )


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Tell whether a toleration answers a taint. Without a key or an effect it answers any."""
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case "Gt" | "Lt":
            return _compares(toleration.operator, taint.value, toleration.value)
        case _:
            return False


def is_gated(pod: Pod) -> bool:
    """Tell whether the scheduler is held back from the Pod by a scheduling gate: it waits for that, not for a node."""
    scheduled = pod.condition("PodScheduled")
    return scheduled is not None and scheduled.reason == "SchedulingGated"


def _refusal(pod: Pod, node: Node, taints: Iterable[Taint]) -> Refusal | None:
    if not _meets_selector(pod, node.labels):
        return Refusal(Obstacle.NODE_SELECTOR)
    if not _meets_affinity(pod, node.labels, node.name):
        return Refusal(Obstacle.NODE_AFFINITY)
    taint = first_untolerated(pod.spec.tolerations or (), taints)
    if taint is None:
        return None
    if taint.key == CORDON_TAINT:
        return Refusal(Obstacle.CORDON)
    if taint.key in (NOT_READY_TAINT, UNREACHABLE_TAINT):
        return Refusal(Obstacle.NOT_READY)
    return Refusal(Obstacle.TAINT, taint)


def _meets_selector(pod: Pod, labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in (pod.spec.node_selector or {}).items())


def _meets_affinity(pod: Pod, labels: Mapping[str, str], name: str) -> bool:
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    return affinity is None or affinity.required is None or selector_admits(affinity.required, labels, name)


def _implied_taints(node: Node) -> list[Taint]:
    """Return the taints that the node controller is about to set, so that its delay changes no verdict."""
    implied = _cordon(node)
    if not node.is_ready:
        silent = any(c.type == "Ready" and c.status == "Unknown" for c in node.status.conditions or ())
        implied.append(Taint(UNREACHABLE_TAINT if silent else NOT_READY_TAINT, "NoSchedule"))
    return implied


def _cordon(node: Node) -> list[Taint]:
    return [Taint(CORDON_TAINT, "NoSchedule")] if node.spec.unschedulable else []


def _compares(operator: str, left: str, right: str) -> bool:
    if not (_INTEGER.fullmatch(left) and _INTEGER.fullmatch(right)):
        return False
    a, b = int(left), int(right)
    if a not in _INT64 or b not in _INT64:
        return False
    return a > b if operator == "Gt" else a < b
