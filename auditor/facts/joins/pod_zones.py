"""Pod that waits for a node ↔ the zones in which it may run: by its volumes, and by how it wants to be spread."""

from collections.abc import Callable, Sequence

import msgspec

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod, PodAffinityTerm, TopologySpreadConstraint
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim, StorageClass
from auditor.facts.ref import Ref
from auditor.facts.rules.disk_zones import allows_zone, class_zones, named_zones
from auditor.facts.rules.new_nodes import ZONE_KEYS
from auditor.facts.rules.selectors import selects
from auditor.facts.table import Table

Allows = Callable[[str], bool]


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

    def spread_allows(self, pod: Pod, zone: str, homes: Sequence[str]) -> bool:
        """Tell whether the Pod's topology spread lets it into a zone. ``homes`` are the zones that nodes may be in.

        Raises NotKnown if Pods or nodes may be missing.
        """
        for constraint in zone_spreads(pod):
            counts = self._count(pod, constraint)
            least = min((counts.get(home, 0) for home in {*counts, *homes, zone}), default=0)
            if counts.get(zone, 0) + 1 - least > constraint.max_skew:
                return False
        return True

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
        closed: set[str] = set()
        is_whole = True
        for term in anti_affinity(pod):
            if term.topology_key not in ZONE_KEYS or term.namespace_selector is not None or term.label_selector is None:
                is_whole = False
                continue
            for namespace in term.namespaces or [pod.namespace]:
                for other in self._pods.where("namespace", lambda one: one.namespace, namespace):
                    if other.node_name and not other.is_finished and selects(term.label_selector, other.labels):
                        node = self._nodes.get(other.node_name)
                        closed |= {node.zone} if node and node.zone else set()
        return closed, is_whole


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
