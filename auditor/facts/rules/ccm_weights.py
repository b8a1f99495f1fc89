"""Weights that the cloud controller manager (CCM) gives backends, by its version.

| CCM version | ECS backends, ``Local`` mode | ``Cluster`` mode | ENI and ECI backends |
|---|---|---|---|
| < 1.9.3.164 | 100 | 100 | 100 |
| 1.9.3.164 – 1.9.3.275 | share of the Pods in per cent, at least 1 | 100 | 100 |
| 1.9.3.276 – 2.0 | number of Pods on the node, at most 100 | 100 | 100 |
| 2.1 – 2.2 | number of Pods on the node | 1 | 1 |
| ≥ 2.3 | number of Pods on the node | 100 | 100; in ``Local`` mode 1 |

Source: the weight functions of the CCM's published source and its change log. Some versions in between were never
published (2.0, 2.2.1): they are put with the rule before the next change.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

Version = tuple[int, ...]

FIRST_BY_PERCENT: Version = (1, 9, 3, 164)
"""The first version whose weights in ``Local`` mode follow the Pods: their share in per cent."""

FIRST_BY_PODS: Version = (1, 9, 3, 276)
"""The first version whose weight in ``Local`` mode is the number of Pods on the node."""

_FIRST_FLAT_ONE: Version = (2, 1)
_FIRST_FLAT_HUNDRED_AGAIN: Version = (2, 3)
_FIRST_WITHOUT_CAP: Version = (2,)

DEFAULT_WEIGHT = 100
"""The weight of every backend where Pods are not counted."""

_VERSION = re.compile(r"^v?(?P<numbers>\d+(?:\.\d+)*)")


class WeightRule(StrEnum):
    """How a version finds the weight of a node in ``Local`` mode."""

    SAME = "same"
    PERCENT = "percent"
    PODS = "pods"


def parse_version(text: str) -> Version | None:
    """Return the numbers of a version: ``v1.9.3.276-g372aa98-aliyun`` is (1, 9, 3, 276). None if it has none."""
    match = _VERSION.match(text.strip())
    return tuple(int(number) for number in match["numbers"].split(".")) if match else None


def image_version(image: str) -> str:
    """Return the tag of a container image; empty for one without tag."""
    name, _, _digest = image.partition("@")
    _, _, last = name.rpartition("/")
    return last.partition(":")[2]


def rule_of(version: Version) -> WeightRule:
    """Return how a version finds the weights of nodes in ``Local`` mode."""
    if version < FIRST_BY_PERCENT:
        return WeightRule.SAME
    return WeightRule.PERCENT if version < FIRST_BY_PODS else WeightRule.PODS


def node_weight(version: Version, pods_on_node: int, all_pods: int) -> int:
    """Return the weight of an ECS backend in ``Local`` mode.

    Args:
        version: of the CCM.
        pods_on_node: ready Pods of the Service on the node; at least 1, other nodes are no backends.
        all_pods: ready Pods of the Service.
    """
    match rule_of(version):
        case WeightRule.SAME:
            return DEFAULT_WEIGHT
        case WeightRule.PERCENT:
            return _percent(pods_on_node, all_pods)
        case WeightRule.PODS:
            return pods_on_node if version >= _FIRST_WITHOUT_CAP else min(pods_on_node, DEFAULT_WEIGHT)


def flat_weight(version: Version, *, is_pod_backend: bool, is_local: bool) -> int:
    """Return the weight of a backend whose Pods are not counted.

    Args:
        version: of the CCM.
        is_pod_backend: the backend is a Pod itself (ENI, ECI), not a node.
        is_local: ``externalTrafficPolicy`` of the Service is Local. A node in ``Local`` mode has
            :func:`node_weight` instead.
    """
    if _FIRST_FLAT_ONE <= version < _FIRST_FLAT_HUNDRED_AGAIN:
        return 1
    if version >= _FIRST_FLAT_HUNDRED_AGAIN and is_pod_backend and is_local:
        return 1
    return DEFAULT_WEIGHT


def infer_rule(backends: Iterable[tuple[int, int]]) -> WeightRule | None:
    """Return the rule that weights seen in ``Local`` mode were made by, where no version is stated.

    Args:
        backends: weight and number of Pods of each node.

    Returns:
        None if they fit no rule, or there are none.
    """
    seen = list(backends)
    if not seen:
        return None
    if all(weight == DEFAULT_WEIGHT for weight, _ in seen):
        return WeightRule.SAME
    if all(weight == pods for weight, pods in seen):
        return WeightRule.PODS
    all_pods = sum(pods for _, pods in seen)
    if all_pods and all(weight == _percent(pods, all_pods) for weight, pods in seen):
        return WeightRule.PERCENT
    return None


def _percent(pods_on_node: int, all_pods: int) -> int:
    return max(1, pods_on_node * 100 // all_pods)
