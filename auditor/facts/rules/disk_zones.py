"""The zones that a disk volume or a storage class ties its Pods to, as Kubernetes sees it."""

from collections.abc import Iterable

from auditor.facts.kubernetes.meta import LabelSelectorRequirement
from auditor.facts.kubernetes.nodes import ZONE_LABELS, Node
from auditor.facts.kubernetes.pods import NodeSelectorTerm
from auditor.facts.kubernetes.volumes import DISK_ZONE_KEYS, PersistentVolume, StorageClass
from auditor.facts.rules.scheduling import requirement_holds

_ZONES_IN_LABEL = "__"
"""Between the zones of a volume's zone label; the scheduler's rule for volumes in several zones."""


def allows_zone(volume: PersistentVolume, zone: str) -> bool:
    """Tell whether the volume's zone label and node affinity leave room for a node in this zone.

    Only what they say of zones is read: a node may fall short of the rest for reasons of its own.
    """
    return _label_allows(volume, zone) and any(
        all(requirement_holds(expression, {expression.key: zone}) for expression in _about_zones(term))
        for term in _terms(volume)
    )


def admits_node(volume: PersistentVolume, node: Node, zone: str) -> bool:
    """Tell whether the volume's zone label and node affinity let a Pod onto this node, which is in this zone.

    The zone is given, not read from the node's labels: which of the zone labels a node carries depends on the driver.
    """
    labels = {**node.labels, **dict.fromkeys(DISK_ZONE_KEYS, zone)}
    return _label_allows(volume, zone) and any(
        all(requirement_holds(expression, labels) for expression in term.match_expressions or ())
        and all(requirement_holds(field, {"metadata.name": node.name}) for field in term.match_fields or ())
        for term in _terms(volume)
    )


def named_zones(volume: PersistentVolume) -> list[str]:
    """Return the zones that the volume's zone label and node affinity name, sorted."""
    zones = {zone for label in ZONE_LABELS for zone in _split(volume.labels.get(label, ""), _ZONES_IN_LABEL)}
    for term in _terms(volume):
        for expression in _about_zones(term):
            zones.update(expression.values or ())
    return sorted(zones)


def class_zones(storage_class: StorageClass) -> set[str]:
    """Return the zones that a class restricts its disks to; empty if it does not."""
    parameters = {key.lower(): value for key, value in (storage_class.parameters or {}).items()}
    by_parameter = _split(parameters.get("zoneid", ""), ",")
    by_topology = {
        zone
        for term in storage_class.allowed_topologies or ()
        for expression in term.match_label_expressions or ()
        if expression.key in DISK_ZONE_KEYS
        for zone in expression.values or ()
    }
    if by_parameter and by_topology:
        return by_parameter & by_topology
    return by_parameter or by_topology


def makes_regional_disks(storage_class: StorageClass) -> bool:
    """Tell whether every disk type of a class is regional: such disks have no single zone."""
    types = _split((storage_class.parameters or {}).get("type", ""), ",")
    return bool(types) and all(kind.startswith("cloud_regional_disk") for kind in types)


def _label_allows(volume: PersistentVolume, zone: str) -> bool:
    return all(zone in _split(volume.labels[label], _ZONES_IN_LABEL) for label in ZONE_LABELS if label in volume.labels)


def _terms(volume: PersistentVolume) -> Iterable[NodeSelectorTerm]:
    """Return the alternatives of the affinity; without affinity, one that asks nothing."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return (NodeSelectorTerm(),)
    return affinity.required.node_selector_terms or ()


def _about_zones(term: NodeSelectorTerm) -> list[LabelSelectorRequirement]:
    return [expression for expression in term.match_expressions or () if expression.key in DISK_ZONE_KEYS]


def _split(text: str, separator: str) -> set[str]:
    return {part.strip() for part in text.split(separator)} - {""}
