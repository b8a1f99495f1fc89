"""Why the scheduler finds no node for a Pod: the message of its condition PodScheduled, taken apart.

The message counts the nodes by the reason for which each was refused, as in ``0/8 nodes are available: 3 Insufficient
cpu, 5 node(s) had untolerated taint {dedicated: gpu}.``; a reason that concerns the Pod as a whole stands alone. The
words are those of the scheduler's plugins (github.com/kubernetes/kubernetes, pkg/scheduler/framework/plugins) from
1.18 to 1.36, and of the schedulers of ACK (capacity and gang scheduling).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Cause(StrEnum):
    """For what a node, or the Pod as a whole, is refused."""

    RESOURCES = "resources"
    NODE_AFFINITY = "node affinity"
    TAINT = "taint"
    CORDON = "cordon"
    NOT_READY = "not ready"
    PORTS = "host ports"
    POD_AFFINITY = "pod affinity"
    POD_ANTI_AFFINITY = "pod anti-affinity"
    EXISTING_ANTI_AFFINITY = "anti-affinity of other Pods"
    SPREAD = "topology spread"
    VOLUME_ZONE = "zone of a volume"
    VOLUME_COUNT = "number of volumes"
    VOLUME = "volume"
    CLAIM = "volume claim"
    QUOTA = "quota"
    GANG = "group of Pods"
    DEVICES = "device claim"
    NO_NODES = "no nodes"
    OTHER = "other"


_PATTERNS: tuple[tuple[Cause, str], ...] = (
    # A quota may be called insufficient, too: it comes before the resources of nodes.
    (Cause.QUOTA, r"quota"),
    (
        Cause.CLAIM,
        (
            r"unbound immediate persistentvolumeclaim|persistentvolumeclaim\b.*(not found|is being deleted|bound to)"
            r"|bound to non-existent|waiting for ephemeral volume controller|storageclass\b.*not found"
        ),
    ),
    (Cause.VOLUME, r"find available persistent volumes to bind|enough free storage"),
    (Cause.VOLUME_ZONE, r"volume node affinity conflict|no available volume zone"),
    (Cause.VOLUME_COUNT, r"exceed max volume count"),
    (Cause.DEVICES, r"resource ?claim|allocate all claims"),
    (Cause.GANG, r"\bgang\b|pod ?group|coscheduling"),
    (Cause.RESOURCES, r"\binsufficient \S|too many pods"),
    (Cause.EXISTING_ANTI_AFFINITY, r"existing pods'? anti-affinity"),
    (Cause.POD_ANTI_AFFINITY, r"anti-affinity"),
    (Cause.POD_AFFINITY, r"pod affinity"),
    (Cause.SPREAD, r"topology spread"),
    (Cause.PORTS, r"free ports"),
    (
        Cause.NOT_READY,
        (
            r"taints? \{?node\.(kubernetes\.io/(not-ready|unreachable|network-unavailable|\w+-pressure)"
            r"|cloudprovider\.kubernetes\.io/uninitialized)|were not ready|under (memory|disk|pid) pressure"
        ),
    ),
    (
        Cause.CORDON,
        r"were unschedulable|taints? \{?(node\.kubernetes\.io/unschedulable|\S*ByClusterAutoscaler)",
    ),
    (Cause.TAINT, r"\btaints?\b"),
    (
        Cause.NODE_AFFINITY,
        r"node affinity|node selector|plugin\(s\) \[nodeaffinity\]|the requested (node name|hostname)",
    ),
    (Cause.NO_NODES, r"no nodes available"),
)
_COMPILED = tuple((cause, re.compile(pattern, re.IGNORECASE)) for cause, pattern in _PATTERNS)
_PREEMPTION = re.compile(r"[\s.,]*\bpreemption: ", re.IGNORECASE)
_HEAD = re.compile(r"^\s*\d+/\d+ nodes are available:?\s*", re.IGNORECASE)
_NEXT = re.compile(r",\s+(?=\d+ )")
_COUNT = re.compile(r"^(\d+)\s+")

BEYOND_NODES = frozenset({Cause.CLAIM, Cause.QUOTA, Cause.DEVICES})
"""What is refused before any node is looked at: no node, new or old, makes a difference."""

ON_NEW_NODE = frozenset(
    {Cause.RESOURCES, Cause.CORDON, Cause.NOT_READY, Cause.PORTS, Cause.VOLUME_COUNT, Cause.NO_NODES}
)
"""What keeps a Pod off the nodes there are, and off no new one of the same kind."""


@dataclass(frozen=True)
class Refusal:
    """One reason of the message. ``nodes`` is 0 where it counts none."""

    cause: Cause
    text: str
    nodes: int = 0


@lru_cache(maxsize=4096)
def refusals(message: str) -> tuple[Refusal, ...]:
    """Return the reasons of a message, in its order; what it says of preemption is left out."""
    told = _HEAD.sub("", _PREEMPTION.split(message, maxsplit=1)[0]).strip().rstrip(".")
    return tuple(_refusal(part) for part in _NEXT.split(told) if part.strip())


def _refusal(part: str) -> Refusal:
    count = _COUNT.match(part)
    text = part[count.end() :] if count else part
    cause = next((cause for cause, pattern in _COMPILED if pattern.search(text)), Cause.OTHER)
    return Refusal(cause, text.strip(), int(count[1]) if count else 0)
