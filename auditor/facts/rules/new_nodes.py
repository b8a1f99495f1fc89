"""Would a Pod be put on a new node of a pool: the node as the pool's configuration makes it.

A new node gets the labels and taints of its pool, those by which Kubernetes and ACK say what it is and where, and what
all present nodes of the pool carry, though the pool does not name it (labels of device plugins and the like). The
autoscaler reckons with just such a node. The rules are those of the Kubernetes documentation, "Assigning Pods to
Nodes" and "Well-Known Labels, Annotations and Taints".
"""

from collections.abc import Iterable, Iterator, Mapping

from auditor.facts.cloud.cs import NodePool
from auditor.facts.kubernetes.meta import LabelSelectorRequirement
from auditor.facts.kubernetes.nodes import Node, Taint
from auditor.facts.kubernetes.pods import NodeSelectorTerm, Pod
from auditor.facts.kubernetes.volumes import DISK_ZONE_KEYS
from auditor.facts.rules.scheduling import CORDON_TAINT, first_untolerated, requirement_holds, suits_labels
from auditor.facts.table import said
from auditor.facts.text import t

POOL_LABEL = "alibabacloud.com/nodepool-id"
ZONE_KEYS = DISK_ZONE_KEYS
REGION_KEYS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
ARCHITECTURE_KEYS = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
TYPE_KEYS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
SYSTEM_KEYS = ("kubernetes.io/os", "beta.kubernetes.io/os")
NAME_KEYS = ("kubernetes.io/hostname", "alibabacloud.com/ecs-instance-id")
NAME_FIELD = "metadata.name"
ARCHITECTURES = {"X86": "amd64", "ARM": "arm64"}
"""How ECS and ACK name an architecture, and how Kubernetes does."""

_OF_ONE_NODE = frozenset({*ZONE_KEYS, *TYPE_KEYS, *NAME_KEYS})
_MADE_ON_THE_NODE = ("kubernetes.io", "k8s.io", "alibabacloud.com", "aliyun.com", "aliyun.accelerator", "nvidia.com")
_NEW_NAME = "<a new node>"
_ANY_ZONE = "<a zone>"


def base_labels(pool: NodePool, cluster_id: str, region: str) -> dict[str, str]:
    """Return the labels that every new node of a pool gets; zone, type, architecture and name are left out.

    Raises NotKnown where the pool does not say its own.

    ACK's pools are taken to run Linux: which system a pool has is not said.
    """
    return {
        **dict.fromkeys(SYSTEM_KEYS, "linux"),
        **dict.fromkeys(REGION_KEYS, region),
        "ack.aliyun.com": cluster_id,
        **said(pool.labels, "cs", t("the labels of node pool {pool}", pool=pool.ref.path)),
        POOL_LABEL: pool.id,
    }


def common_labels(nodes: Iterable[Node]) -> dict[str, str]:
    """Return the labels that all nodes carry with the same value, but for those that are one node's own."""
    common: dict[str, str] | None = None
    for node in nodes:
        if common is None:
            common = {key: value for key, value in node.labels.items() if key not in _OF_ONE_NODE}
        else:
            common = {key: value for key, value in common.items() if node.labels.get(key) == value}
    return common or {}


def labels_of_new_node(base: Mapping[str, str], *, zone: str, type_: str, architecture: str) -> dict[str, str]:
    """Return all labels of a new node; what is empty is not known, and is left out."""
    labels = {**base, **dict.fromkeys(NAME_KEYS, _NEW_NAME)}
    for keys, value in ((ZONE_KEYS, zone), (TYPE_KEYS, type_), (ARCHITECTURE_KEYS, architecture)):
        if value:
            labels |= dict.fromkeys(keys, value)
    return labels


def suits_new_node(pod: Pod, labels: Mapping[str, str]) -> bool:
    """Tell whether a new node with these labels meets the Pod's selector and required affinity."""
    return suits_labels(pod, labels, _NEW_NAME)


def pool_taints(pool: NodePool) -> list[Taint]:
    """Return the taints of a pool's new nodes; one that is made unschedulable has that taint too. Raises NotKnown."""
    given = said(pool.taints, "cs", t("the taints of node pool {pool}", pool=pool.ref.path))
    taints = [Taint(taint.key, taint.effect, taint.value) for taint in given]
    return [*taints, Taint(CORDON_TAINT, "NoSchedule")] if pool.unschedulable else taints


def untolerated(pod: Pod, pool: NodePool) -> Taint | None:
    """Return the first taint of a pool's new nodes that the Pod does not tolerate; None for none. Raises NotKnown."""
    return first_untolerated(pod.spec.tolerations or (), pool_taints(pool))


def keys_asked(pod: Pod) -> set[str]:
    """Return the label keys that the Pod's selector and required affinity ask about."""
    return {*(pod.spec.node_selector or {}), *(one.key for term in _terms(pod) for one in term.match_expressions or ())}


def values_asked(pod: Pod, keys: Iterable[str]) -> set[str]:
    """Return the values that the Pod's selector and required affinity name for any of these label keys."""
    wanted = set(keys)
    values = {value for key, value in (pod.spec.node_selector or {}).items() if key in wanted}
    for term in _terms(pod):
        for one in term.match_expressions or ():
            if one.key in wanted:
                values.update(one.values or ())
    return values


def values_refused(pod: Pod, keys: Iterable[str]) -> set[str]:
    """Return the values that the Pod's required affinity shuts out for any of these label keys."""
    wanted = set(keys)
    return {
        value
        for term in _terms(pod)
        for one in term.match_expressions or ()
        if one.key in wanted and one.operator == "NotIn"
        for value in one.values or ()
    }


def zones_to_try(pod: Pod) -> list[str]:
    """Return the zones that make a difference to the Pod's selector and affinity: those it names, any other, none."""
    return ["", _ANY_ZONE, *sorted(values_asked(pod, ZONE_KEYS))]


def insists_on(pod: Pod, key: str, value: str) -> bool:
    """Tell whether the Pod's selector or required affinity admits only nodes with this label."""
    if (pod.spec.node_selector or {}).get(key) == value:
        return True
    terms = list(_terms(pod))
    return bool(terms) and all(
        any(one.key == key and one.operator == "In" and one.values == [value] for one in term.match_expressions or ())
        for term in terms
    )


def unmet(pod: Pod, labels: Mapping[str, str]) -> list[str]:
    """Return what the Pod asks of labels that these do not meet, as ``key=value`` or ``key In [values]``."""
    selector = [f"{key}={value}" for key, value in (pod.spec.node_selector or {}).items() if labels.get(key) != value]
    terms = list(_terms(pod))
    if not terms or any(_holds(term, labels) for term in terms):
        return selector
    return selector + list(dict.fromkeys(_said(one) for term in terms for one in _broken(term, labels)))


def unmet_keys(pod: Pod, labels: Mapping[str, str]) -> set[str]:
    """Return the label keys behind :func:`unmet`."""
    keys = {key for key, value in (pod.spec.node_selector or {}).items() if labels.get(key) != value}
    return keys | {one.key for term in _terms(pod) for one in _broken(term, labels)}


def is_made_on_the_node(key: str) -> bool:
    """Tell whether a label may be set by a component on the node, so that no configuration of a pool names it."""
    domain = key.partition("/")[0]
    return any(domain == one or domain.endswith(f".{one}") for one in _MADE_ON_THE_NODE)


def names_of_nodes(pod: Pod) -> list[str]:
    """Return the nodes that the Pod's selector or affinity names, if it can be on these only; else nothing."""
    selector = pod.spec.node_selector or {}
    named = [selector[key] for key in NAME_KEYS if key in selector]
    return sorted({*named, *names_in_terms(_terms(pod))})


def names_in_terms(terms: Iterable[NodeSelectorTerm]) -> list[str]:
    """Return the nodes that terms name, if each of them admits named nodes only; else nothing."""
    by_term = [[value for one in _naming(term) for value in one.values or ()] for term in terms]
    return sorted({name for names in by_term for name in names}) if all(by_term) else []


def _naming(term: NodeSelectorTerm) -> Iterator[LabelSelectorRequirement]:
    yield from (one for one in term.match_expressions or () if one.key in NAME_KEYS and one.operator == "In")
    yield from (one for one in term.match_fields or () if one.key == NAME_FIELD and one.operator == "In")


def _terms(pod: Pod) -> list[NodeSelectorTerm]:
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    return list(affinity.required.node_selector_terms or ()) if affinity and affinity.required else []


def _holds(term: NodeSelectorTerm, labels: Mapping[str, str]) -> bool:
    return not _broken(term, labels) and bool(term.match_expressions or term.match_fields)


def _broken(term: NodeSelectorTerm, labels: Mapping[str, str]) -> list[LabelSelectorRequirement]:
    fields = [one for one in term.match_fields or () if not requirement_holds(one, {NAME_FIELD: _NEW_NAME})]
    return [*(one for one in term.match_expressions or () if not requirement_holds(one, labels)), *fields]


def _said(one: LabelSelectorRequirement) -> str:
    values = f" [{', '.join(one.values)}]" if one.values else ""
    return f"{one.key} {one.operator}{values}"
