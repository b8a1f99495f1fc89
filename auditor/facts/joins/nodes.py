"""Node ↔ ECS instance, and node ↔ Pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ecs import Instance
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import NotKnown, Reason, Table, said
from auditor.facts.text import t


@dataclass(frozen=True)
class NodeZones:
    """All nodes by zone; ``unplaced`` are those whose zone is not known, with the reasons.

    Nodes that have no zone at all (no instance, no label) are left out.
    """

    by_zone: Mapping[str, Sequence[Node]]
    unplaced: Sequence[tuple[Node, tuple[Reason, ...]]]

    @property
    def inhabited(self) -> list[str]:
        """The zones with at least one node that is a machine, sorted; virtual nodes are none."""
        return sorted(zone for zone, nodes in self.by_zone.items() if not all(node.is_virtual for node in nodes))


class NodeInstances:
    """Node ↔ instance, by ``spec.providerID``."""

    def __init__(self, nodes: Table[Node], instances: Table[Instance]) -> None:
        """Join the two tables."""
        self._nodes = nodes
        self._instances = instances
        self._zones: NodeZones | None = None

    def of(self, node: Node) -> Instance | None:
        """Return the node's instance; None if it has none (virtual or foreign node) or it no longer exists."""
        return self._instances.get(node.instance_id) if node.instance_id else None

    def node_of(self, instance_id: str) -> Node | None:
        """Return the node that runs on an instance; None if no node does."""
        nodes = self._nodes.where("instance_id", lambda node: node.instance_id, instance_id)
        return nodes[0] if nodes else None

    def zone_of(self, node: Node) -> str | None:
        """Return the zone of a node: that of its instance; of a node without instance, that of its label."""
        instance = self.of(node)
        if instance is None:
            return node.zone
        return said(instance.zone, "ecs", t("the zone of instance {instance}", instance=instance.id))

    def zones(self) -> NodeZones:
        """Return all nodes by zone. Raises NotKnown if any node may be missing."""
        if self._zones is None:
            by_zone: dict[str, list[Node]] = {}
            unplaced: list[tuple[Node, tuple[Reason, ...]]] = []
            for node in self._nodes.all():
                try:
                    zone = self.zone_of(node)
                except NotKnown as gap:
                    unplaced.append((node, gap.reasons))
                    continue
                if zone:
                    by_zone.setdefault(zone, []).append(node)
            self._zones = NodeZones(by_zone, unplaced)
        return self._zones


class NodePods:
    """Node ↔ the Pods bound to it."""

    def __init__(self, pods: Table[Pod]) -> None:
        """Index the Pods."""
        self._pods = pods

    def on(self, node_name: str) -> Sequence[Pod]:
        """Return the Pods on a node, finished ones included."""
        return self._pods.where("node_name", lambda pod: pod.node_name, node_name)
