"""Instance type ↔ what a new node of it has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from auditor.facts.cloud.ecs import InstanceType
from auditor.facts.joins.nodes import NodePods
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.new_nodes import POOL_LABEL, TYPE_KEYS
from auditor.facts.rules.pod_requests import Amounts, effective_requests
from auditor.facts.rules.quantities import quantity
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t

GIB = 2**30
SHARE_FOR_PODS = Decimal("0.7")
"""How much of an instance ACK's FAQ on node scaling counts on for one Pod, where no node tells."""

_GPU = "nvidia.com/gpu"
_SHARED_GPU = ("aliyun.com/gpu-mem", "aliyun.com/gpu-core.percentage", "aliyun.com/gpu-count")
_OWN_INTERFACE = "aliyun/eni"
_NODES_LOOKED_AT = 20
CAPACITIES = ("cpu", "memory", _GPU, *_SHARED_GPU, _OWN_INTERFACE)
"""The resources that an instance type says it has, or has not."""


@dataclass(frozen=True)
class Room:
    """What a node of a type has for a Pod beside its DaemonSets' Pods.

    ``seen_on`` is the node that it was read from; empty where it is a share of what the type has.
    """

    amounts: Amounts
    seen_on: str = ""

    def lacks(self, requests: Mapping[str, Decimal]) -> list[str]:
        """Return the resources of which it has less than is requested."""
        return [
            resource
            for resource, amount in requests.items()
            if amount > 0 and resource in self.amounts and amount > self.amounts[resource]
        ]


class NodeRoom:
    """Instance type ↔ the room on its nodes."""

    def __init__(self, nodes: Table[Node], node_pods: NodePods) -> None:
        """Take the nodes, and the Pods on them."""
        self._nodes = nodes
        self._node_pods = node_pods
        self._rooms: dict[tuple[str, str], list[Room]] = {}

    def of_pool(self, pool_id: str) -> Sequence[Node]:
        """Return the nodes that a pool has. Raises NotKnown if nodes may be missing."""
        return self._nodes.where("node pool", lambda node: node.labels.get(POOL_LABEL), pool_id)

    def rooms(self, size: InstanceType, pool_id: str) -> list[Room]:
        """Return the room on nodes of a type: of the pool if it has any, else of any; if there is none, a share.

        Raises NotKnown if nodes may be missing, and if a node says an amount that can't be read.
        """
        key = (size.name, pool_id)
        if key not in self._rooms:
            nodes = self._nodes.where("instance type", _type_of, size.name)
            usable = [node for node in nodes if node.is_ready and not node.is_virtual]
            own = [node for node in usable if node.labels.get(POOL_LABEL) == pool_id]
            seen = [self._room_on(node) for node in (own or usable)[:_NODES_LOOKED_AT]]
            self._rooms[key] = seen or [share_of(size)]
        return self._rooms[key]

    def _room_on(self, node: Node) -> Room:
        try:
            amounts = {name: quantity(text) for name, text in (node.status.allocatable or {}).items()}
            for pod in self._node_pods.on(node.name):
                owner = pod.metadata.controller
                if owner is not None and owner.kind == "DaemonSet" and not pod.is_finished:
                    for name, amount in effective_requests(pod.spec).items():
                        if name in amounts:
                            amounts[name] -= amount
        except ValueError as error:
            message = t("what node {node} has room for can't be read: {error}", node=node.name, error=str(error))
            raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None
        return Room(amounts, node.name)


def capacity(size: InstanceType, requests: Mapping[str, Decimal]) -> Amounts:
    """Return what an instance of a type has, of what is requested. Raises NotKnown for a size that was not said."""
    found: Amounts = {}
    for resource in requests:
        if resource == "cpu":
            found[resource] = Decimal(said(size.cpu, "ecs", t("the cores of {type}", type=size.name)))
        elif resource == "memory":
            gib = said(size.memory_gib, "ecs", t("the memory of {type}", type=size.name))
            found[resource] = Decimal(str(gib)) * GIB
        elif resource == _GPU:
            found[resource] = Decimal(said(size.gpu, "ecs", t("the GPUs of {type}", type=size.name)))
        elif resource in _SHARED_GPU and size.gpu == 0:
            found[resource] = Decimal(0)
        elif resource == _OWN_INTERFACE and size.eni_quantity is not None:
            found[resource] = Decimal(size.eni_quantity - 1)
    return found


def share_of(size: InstanceType) -> Room:
    """Return the share of a type's cores and memory that one Pod may count on. Raises NotKnown."""
    whole = capacity(size, {"cpu": Decimal(0), "memory": Decimal(0)})
    return Room({name: amount * SHARE_FOR_PODS for name, amount in whole.items()})


def _type_of(node: Node) -> str:
    return next((node.labels[key] for key in TYPE_KEYS if key in node.labels), "")
