"""Which nodes and Pods the cloud controller manager (CCM) makes backends of a Service.

Source: the CCM's published source (node filters, back-end building) and the notes on Service load balancing of the
ACK documentation.

- ``Cluster`` mode: every node but control-plane nodes, nodes that are not Ready, those that the autoscaler is about
  to delete, those with a label that excludes them, and, on demand, cordoned ones. None while the Service has no
  ready endpoint.
- ``Local`` mode: those of these nodes that host a ready endpoint.
- ENI mode: the Pods themselves.
- Pods on virtual nodes are backends themselves in every mode: there is no instance to attach.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Endpoint, Service
from auditor.facts.rules.ccm_weights import Version

EXCLUDING_LABELS = (
    "node.kubernetes.io/exclude-from-external-load-balancers",
    "alpha.service-controller.kubernetes.io/exclude-balancer",
    "service.beta.kubernetes.io/exclude-node",
    "service.alibabacloud.com/exclude-node",
)
"""Labels that keep a node out of load balancers, whatever their value."""

DELETION_TAINT = "ToBeDeletedByClusterAutoscaler"
"""The taint that the cluster autoscaler sets before it removes a node."""

BACKEND_TYPE_ANNOTATION = "service.beta.kubernetes.io/backend-type"
POD_BACKEND_TYPES = ("eni", "eci", "ip")
"""Types of entries of a server group that stand for one Pod each, not for a node."""

_FIRST_THAT_KEEPS_CORDONED: Version = (1, 9, 3, 164)


class BackendMode(StrEnum):
    """What stands in the server groups of a Service."""

    CLUSTER = "cluster"
    LOCAL = "local"
    ENI = "eni"


def stated_mode(service: Service) -> BackendMode | None:
    """Return the mode that a Service states; None if it leaves nodes or Pods to the CCM's own configuration.

    Without the annotation, the CCM's environment decides between nodes and Pods on Terway; on Flannel, Pods can't
    be backends.
    """
    backend_type = service.annotations.get(BACKEND_TYPE_ANNOTATION, "")
    if backend_type:
        return BackendMode.ENI if backend_type == "eni" else node_mode(service)
    return None


def node_mode(service: Service) -> BackendMode:
    """Return the mode of a Service whose backends are nodes."""
    return BackendMode.LOCAL if service.is_local else BackendMode.CLUSTER


def depends_on_version(nodes: Iterable[Node], service: Service) -> bool:
    """Tell whether the version decides which nodes are backends: only where cordoned nodes are not spoken of."""
    return not _removes_cordoned_by_wish(service) and any(node.spec.unschedulable for node in nodes)


def removes_cordoned(service: Service, version: Version | None) -> bool:
    """Tell whether cordoned nodes are no backends of a Service; ``version`` as for :func:`eligible_nodes`."""
    return _removes_cordoned_by_wish(service) or (version is not None and version < _FIRST_THAT_KEEPS_CORDONED)


def eligible_nodes(nodes: Iterable[Node], service: Service, version: Version | None = None) -> list[Node]:
    """Return the nodes that may be backends of a Service in ``Cluster`` or ``Local`` mode.

    Args:
        nodes: all nodes of the cluster.
        service: its annotations ``backend-label`` and ``remove-unscheduled-backend`` count.
        version: of the CCM; before 1.9.3.164 cordoned nodes were always removed. None is taken as newer.
    """
    wanted_labels = _wanted_labels(service)
    without_cordoned = removes_cordoned(service, version)
    return [
        node
        for node in nodes
        if _may_be_backend(node)
        and not (without_cordoned and node.spec.unschedulable)
        and all(node.labels.get(key) == value for key, value in wanted_labels)
    ]


@dataclass(frozen=True)
class Eligible:
    """The instances of the nodes that may be backends of a Service: all of them, and by the name of their node."""

    ids: frozenset[str]
    by_node: Mapping[str, str]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> "Eligible":
        """Take the nodes, those of :func:`eligible_nodes`."""
        by_node = {node.name: node.instance_id for node in nodes if node.instance_id}
        return cls(frozenset(by_node.values()), by_node)


@dataclass(frozen=True)
class Wanted:
    """The backends that one port of a Service should have: ids of instances, and addresses of Pods.

    ``nodes`` is the set of all instances that may be backends, the very same one for every port that wants them all,
    and empty for a port that does not; ``own`` are other backends. No backend is in both.
    """

    nodes: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()

    def __contains__(self, backend: str) -> bool:
        """Tell whether this backend is wanted."""
        return backend in self.nodes or backend in self.own

    def __len__(self) -> int:
        """Return how many backends are wanted."""
        return len(self.nodes) + len(self.own)


def wanted_pods(endpoints: Iterable[Endpoint]) -> Wanted:
    """Return the backends that a port in ENI mode should have, given its ready endpoints."""
    return Wanted(own=frozenset(endpoint.addresses[0] for endpoint in endpoints if endpoint.addresses))


def wanted_nodes(
    mode: BackendMode, eligible: Eligible, virtual: Container[str], endpoints: Sequence[Endpoint]
) -> Wanted:
    """Return the backends that a port in ``Cluster`` or ``Local`` mode should have.

    Args:
        mode: one of the two.
        eligible: the instances of the nodes that may be backends of the Service.
        virtual: the names of the virtual nodes.
        endpoints: the ready endpoints of the port.
    """
    if not endpoints:
        return Wanted()
    on_virtual_nodes = {e.addresses[0] for e in endpoints if e.addresses and e.node_name in virtual}
    if mode is BackendMode.CLUSTER:
        return Wanted(eligible.ids, frozenset(on_virtual_nodes - eligible.ids))
    hosts = {endpoint.node_name for endpoint in endpoints if endpoint.node_name}
    hosting = {eligible.by_node[host] for host in hosts if host in eligible.by_node}
    return Wanted(own=frozenset(hosting | on_virtual_nodes))


def _may_be_backend(node: Node) -> bool:
    return (
        node.is_ready
        and node.instance_id is not None
        and not node.is_control_plane
        and not node.is_virtual
        and not any(label in node.labels for label in EXCLUDING_LABELS)
        and not any(taint.key == DELETION_TAINT for taint in node.taints)
    )


def _removes_cordoned_by_wish(service: Service) -> bool:
    return service.setting("remove-unscheduled-backend") == "on"


def _wanted_labels(service: Service) -> list[tuple[str, str]]:
    """Return the pairs of ``k1=v1,k2=v2``; a term without a value is one that no node fulfils."""
    terms = [term.strip() for term in (service.setting("backend-label") or "").split(",") if term.strip()]
    return [(key, value) if sign else (key, "\0") for key, sign, value in (term.partition("=") for term in terms)]
