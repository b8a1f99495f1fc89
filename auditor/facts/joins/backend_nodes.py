"""Service ↔ the nodes that the cloud controller manager (CCM) may make its backends."""

from functools import cached_property

from auditor.facts.joins.components import CcmVersion
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Service
from auditor.facts.rules.ccm_backends import Eligible, depends_on_version, eligible_nodes, removes_cordoned
from auditor.facts.table import Table


class BackendNodes:
    """Service ↔ nodes. Services that say the same of their backends, as nearly all do, share one answer."""

    def __init__(self, nodes: Table[Node], ccm_version: CcmVersion) -> None:
        """Join the nodes and the version that decides on cordoned ones."""
        self._nodes = nodes
        self._version = ccm_version
        self._made: dict[tuple[str, bool], Eligible] = {}

    def of(self, service: Service) -> Eligible:
        """Return the instances that may be backends of a Service in ``Cluster`` or ``Local`` mode.

        Raises NotKnown if a node may be missing, or if the version decides and can't be told.
        """
        nodes = self._nodes.all()
        stated = self._version.stated() if depends_on_version(self._cordoned, service) else None
        version = stated.numbers if stated else None
        same = (service.setting("backend-label") or "", removes_cordoned(service, version))
        if same not in self._made:
            self._made[same] = Eligible.of(eligible_nodes(nodes, service, version))
        return self._made[same]

    @cached_property
    def virtual(self) -> frozenset[str]:
        """The names of the virtual nodes. Raises NotKnown if a node may be missing."""
        return frozenset(node.name for node in self._nodes.all() if node.is_virtual)

    @cached_property
    def _cordoned(self) -> list[Node]:
        return [node for node in self._nodes.all() if node.spec.unschedulable]
