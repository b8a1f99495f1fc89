"""Node ↔ ECS instance, and node ↔ Pods."""

from collections.abc import Sequence

from auditor.facts.cloud.ecs import Instance
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import Table, said
from auditor.facts.text import t


class NodeInstances:
    """Node ↔ instance, by ``spec.providerID``."""

    def __init__(self, nodes: Table[Node], instances: Table[Instance]) -> None:
        """Join the two tables."""
        self._nodes = nodes
        self._instances = instances

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


class NodePods:
    """Node ↔ the Pods bound to it."""

    def __init__(self, pods: Table[Pod]) -> None:
        """Index the Pods."""
        self._pods = pods

    def on(self, node_name: str) -> Sequence[Pod]:
        """Return the Pods on a node, finished ones included."""
        return self._pods.where("node_name", lambda pod: pod.node_name, node_name)
