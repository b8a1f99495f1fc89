"""Pod that waits for a node ↔ the zones in which it may run: by its volumes, and by how it wants to be spread."""

import msgspec

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod, PodAffinityTerm, TopologySpreadConstraint
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim, StorageClass
from auditor.facts.ref import Ref
from auditor.facts.rules.disk_zones import allows_zone, class_zones, named_zones
from auditor.facts.rules.new_nodes import ZONE_KEYS, names_in_terms
from auditor.facts.rules.scheduling import suits_labels
from auditor.facts.rules.selectors import selects
from auditor.facts.table import Table


class ZoneBound(msgspec.Struct, frozen=True):
    """Something that ties a Pod to zones: a volume, or the class of one that is still to be made."""

    ref: Ref
    zones: list[str]
    source: PersistentVolume | StorageClass

    def allows(self, zone: str) -> bool:
        """Tell whether it leaves room for a node in this zone."""
        if isinstance(self.source, PersistentVolume):
            return allows_zone(self.source, zone)
        return zone in self.zones


class NodeBound(msgspec.Struct, frozen=True):
    """A volume that can be used on certain nodes only, such as a local disk, and the names of these nodes."""

    volume: PersistentVolume
    nodes: list[str]


class PodZones:
    """Pod ↔ the zones in which it may run. The zones that its own selector names are not looked at here."""

    def __init__(
        self,
        pods: Table[Pod],
        nodes: Table[Node],
        persistent_volumes: Table[PersistentVolume],
        persistent_volume_claims: Table[PersistentVolumeClaim],
        storage_classes: Table[StorageClass],
    ) -> None:
        """Join the tables."""
        self._pods = pods
        self._nodes = nodes
        self._volumes = persistent_volumes
        self._claims = persistent_volume_claims
        self._classes = storage_classes
        self._counts: dict[tuple[str, bytes], dict[str, int]] = {}
        self._home_zones: dict[bytes, set[str]] = {}
        self._closed: dict[tuple[str, bytes], tuple[set[str], bool]] = {}
        self._joined: dict[tuple[str, bytes], set[str] | None] = {}

    def bounds(self, pod: Pod) -> list[ZoneBound]:
        """Return what ties a Pod to zones. Raises NotKnown if a volume of it can't be read."""
        found: list[ZoneBound] = []
        for key in pod.claim_keys:
            claim = self._claims.get(key)
            if claim is None:
                continue
            bound = self._of_volume(claim) if claim.spec.volume_name else self._of_class(claim)
            if bound is not None:
                found.append(bound)
        return found

    def node_bounds(self, pod: Pod) -> list[NodeBound]:
        """Return the volumes of a Pod that are tied to nodes by name. Raises NotKnown if a volume can't be read."""
        found: list[NodeBound] = []
        for key in pod.claim_keys:
            claim = self._claims.get(key)
            volume = self._volumes.get(claim.spec.volume_name) if claim and claim.spec.volume_name else None
            affinity = volume.spec.node_affinity if volume else None
            if volume is not None and affinity is not None and affinity.required is not None:
                names = names_in_terms(affinity.required.node_selector_terms or ())
                found += [NodeBound(volume, names)] if names else []
        return found

    def disks(self, pod: Pod) -> int:
        """Return how many cloud disks a Pod wants attached, those of its bound claims. Raises NotKnown."""
        count = 0
        for key in pod.claim_keys:
            claim = self._claims.get(key)
            volume = self._volumes.get(claim.spec.volume_name) if claim and claim.spec.volume_name else None
            count += volume is not None and volume.disk_id is not None
        return count

    def _of_volume(self, claim: PersistentVolumeClaim) -> ZoneBound | None:
        volume = self._volumes.get(claim.spec.volume_name)
        zones = named_zones(volume) if volume else []
        return ZoneBound(volume.ref, zones, volume) if volume and zones else None

    def _of_class(self, claim: PersistentVolumeClaim) -> ZoneBound | None:
        if not claim.spec.storage_class_name:
            return None
        storage_class = self._classes.get(claim.spec.storage_class_name)
        zones = sorted(class_zones(storage_class)) if storage_class else []
        return ZoneBound(storage_class.ref, zones, storage_class) if storage_class and zones else None

    def spread_allows(self, pod: Pod, zone: str) -> bool:
        """Tell whether the Pod's topology spread lets it into a zone, which need not have a node yet.

        Raises NotKnown if Pods or nodes may be missing.
        """
        for constraint in zone_spreads(pod):
            counts = self._count(pod, constraint)
            least = min(counts.get(home, 0) for home in {*self._homes(pod), zone})
            if counts.get(zone, 0) + 1 - least > constraint.max_skew:
                return False
        return True

    def _homes(self, pod: Pod) -> set[str]:
        """Return the zones of the nodes that the Pod's selector and affinity admit: those that are counted."""
        key = msgspec.json.encode((pod.spec.node_selector, pod.spec.affinity))
        if key not in self._home_zones:
            nodes = (node for node in self._nodes.all() if not node.is_virtual)
            admitted = (node for node in nodes if suits_labels(pod, node.labels, node.name))
            self._home_zones[key] = {node.zone for node in admitted if node.zone}
        return self._home_zones[key]

    def _count(self, pod: Pod, constraint: TopologySpreadConstraint) -> dict[str, int]:
        """Return how many Pods that the constraint counts are in each zone."""
        key = (pod.namespace, msgspec.json.encode(constraint.label_selector))
        if key not in self._counts:
            counts: dict[str, int] = {}
            siblings = self._pods.where("namespace", lambda one: one.namespace, pod.namespace)
            for sibling in siblings:
                selector = constraint.label_selector
                if not sibling.node_name or sibling.is_finished or sibling.is_terminating or selector is None:
                    continue
                node = self._nodes.get(sibling.node_name) if selects(selector, sibling.labels) else None
                if node is not None and node.zone:
                    counts[node.zone] = counts.get(node.zone, 0) + 1
            self._counts[key] = counts
        return self._counts[key]

    def occupied(self, pod: Pod) -> tuple[set[str], bool]:
        """Return the zones that the Pod's own required anti-affinity closes, and whether that is all it asks.

        The second is False where a term is about other namespaces by a selector, or about another kind of place.
        """
        key = (pod.namespace, msgspec.json.encode(anti_affinity(pod)))
        if key not in self._closed:
            found = [self._zones_of(term, pod.namespace) for term in anti_affinity(pod)]
            self._closed[key] = set().union(*(zones or () for zones in found)), None not in found
        return self._closed[key]

    def joined(self, pod: Pod) -> set[str] | None:
        """Return the zones in which all Pods are that a Pod's required affinity wants to be near.

        None where that is not all it asks: a term is about other namespaces by a selector, or about another place.
        """
        key = (pod.namespace, msgspec.json.encode(pod_affinity(pod)))
        if key not in self._joined:
            found = [self._zones_of(term, pod.namespace) for term in pod_affinity(pod)]
            is_whole = bool(found) and None not in found
            self._joined[key] = set.intersection(*(zones or set() for zones in found)) if is_whole else None
        return self._joined[key]

    def _zones_of(self, term: PodAffinityTerm, own: str) -> set[str] | None:
        """Return the zones of the Pods that a term is about; None if it asks for more than that."""
        if term.topology_key not in ZONE_KEYS or term.namespace_selector is not None or term.label_selector is None:
            return None
        zones: set[str] = set()
        for namespace in term.namespaces or [own]:
            for other in self._pods.where("namespace", lambda one: one.namespace, namespace):
                if other.node_name and not other.is_finished and selects(term.label_selector, other.labels):
                    node = self._nodes.get(other.node_name)
                    zones |= {node.zone} if node and node.zone else set()
        return zones


def zone_spreads(pod: Pod) -> list[TopologySpreadConstraint]:
    """Return the constraints by which a Pod insists on being spread over zones."""
    return [one for one in hard_spreads(pod) if one.topology_key in ZONE_KEYS]


def hard_spreads(pod: Pod) -> list[TopologySpreadConstraint]:
    """Return the constraints by which a Pod insists on being spread."""
    return [one for one in pod.spec.topology_spread_constraints or () if one.when_unsatisfiable == "DoNotSchedule"]


def anti_affinity(pod: Pod) -> list[PodAffinityTerm]:
    """Return the terms of a Pod's required anti-affinity."""
    rule = pod.spec.affinity.pod_anti_affinity if pod.spec.affinity else None
    return list(rule.required or ()) if rule else []


def pod_affinity(pod: Pod) -> list[PodAffinityTerm]:
    """Return the terms of a Pod's required affinity to other Pods."""
    rule = pod.spec.affinity.pod_affinity if pod.spec.affinity else None
    return list(rule.required or ()) if rule else []
