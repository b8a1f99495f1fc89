"""Cluster ↔ the load balancer in front of its API server."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from auditor.facts.cloud.cs import Cluster, ClusterResource
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.joins.services import OWNER_TAG
from auditor.facts.ref import Ref, cloud_ref
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

INTRANET_ENDPOINT = "intranet_api_server_endpoint"
"""The one of the cluster's addresses that is a load balancer's own: the public one is an EIP's."""

_CLB_ID = re.compile(r"^lb-[a-z0-9]+$")
_RESOURCE_TYPE = "ALIYUN::SLB::LoadBalancer"
"""The type of a CLB that was made with the cluster; those of Services are listed as ``SLB``."""


class NamedBy(StrEnum):
    """By what a load balancer is known to be the API server's."""

    DESCRIPTION = "description"
    ADDRESS = "address"
    NAME = "name"
    RESOURCES = "resources"


@dataclass(frozen=True)
class ApiBalancer:
    """A load balancer of the API server.

    Attributes:
        id: its id.
        named_by: how it is known.
        balancer: its row; None if it is known that there is no such load balancer (any more).
    """

    id: str
    named_by: NamedBy
    balancer: LoadBalancer | None

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return self.balancer.ref if self.balancer else cloud_ref("LoadBalancer", self.id)


class ApiServerLoadBalancer:
    """Cluster ↔ the CLB in front of its API server.

    It is the one that the cluster's description names (``control_plane_endpoints_config``). Older clusters name
    none: there it is the one in the cluster's VPC whose address the intranet endpoint has, else the one with the
    name that ACK gives (``ManagedK8SSlbIntranet-`` and the cluster id), else the one among the cluster's resources
    that no Service owns. The list of resources is a hint: it is used where it can be read, and says alone only what
    nothing else does. The description's ``external_loadbalancer_id`` is never looked at: it is the Ingress's.
    """

    def __init__(
        self,
        clusters: Table[Cluster],
        load_balancers: Table[LoadBalancer],
        cluster_resources: Table[ClusterResource],
    ) -> None:
        """Join the tables; ``cluster_resources`` may be unavailable."""
        self._clusters = clusters
        self._balancers = load_balancers
        self._resources = cluster_resources
        self._found: dict[str, tuple[ApiBalancer, ...]] = {}

    def of(self, cluster_id: str) -> tuple[ApiBalancer, ...]:
        """Return the API server's load balancers; never none, mostly one.

        One that is named and does not exist stands there without a row. Raises NotKnown if a gap may hide one, or
        if nothing tells which they are.
        """
        if cluster_id not in self._found:
            self._found[cluster_id] = self._find(cluster_id)
        return self._found[cluster_id]

    def _find(self, cluster_id: str) -> tuple[ApiBalancer, ...]:
        cluster = self._clusters.get(cluster_id)
        if cluster is None:
            raise NotKnown(_untold(cluster_id))
        if cluster.api_load_balancer_ids:
            return tuple(self._named(one) for one in dict.fromkeys(cluster.api_load_balancer_ids))
        return (self._by_address(cluster) or self._by_name(cluster) or self._by_resources(cluster),)

    def _named(self, balancer_id: str) -> ApiBalancer:
        if not _CLB_ID.match(balancer_id):
            message = t("the API server's load balancer {id} is no CLB", id=balancer_id)
            raise NotKnown(Reason("cs", ReasonKind.UNDECIDABLE, message))
        return ApiBalancer(balancer_id, NamedBy.DESCRIPTION, self._balancers.get(balancer_id))

    def _by_address(self, cluster: Cluster) -> ApiBalancer | None:
        address = _address(cluster)
        if not address:
            return None
        same = self._balancers.known_where("address", lambda row: row.address, address)
        # VPCs may use the same ranges: only in its own can no other load balancer have the address.
        own = [row for row in same if row.vpc_id and row.vpc_id == cluster.vpc_id]
        if not own:
            self._balancers.all()  # only a complete list can say that it has none
            own = [row for row in same if not row.vpc_id or not cluster.vpc_id]
        return ApiBalancer(own[0].id, NamedBy.ADDRESS, own[0]) if len(own) == 1 else None

    def _by_name(self, cluster: Cluster) -> ApiBalancer | None:
        name = f"ManagedK8SSlbIntranet-{cluster.id}"
        named = self._balancers.where("name", lambda row: row.name, name)
        return ApiBalancer(named[0].id, NamedBy.NAME, named[0]) if len(named) == 1 else None

    def _by_resources(self, cluster: Cluster) -> ApiBalancer:
        """Return the only CLB that was made with the cluster and that no Service owns.

        Where the API server's address is known, no CLB has it by now: one that exists is another's, and one that
        does not is the API server's. Where it is not known, one that does not exist may have been anybody's.
        """
        address = _address(cluster)
        listed = {
            row.instance_id: self._balancers.get(row.instance_id)
            for row in self._known_resources()
            if row.type == _RESOURCE_TYPE and not row.kind and _CLB_ID.match(row.instance_id)
        }
        if not address and any(row is not None and not row.tags_are_said for row in listed.values()):
            raise NotKnown(_untold(cluster.id))  # a Service's is told by its tags
        if address:
            candidates = {key: row for key, row in listed.items() if row is None or row.address == address}
        else:
            candidates = {key: row for key, row in listed.items() if row is None or OWNER_TAG not in row.tags}
        if len(candidates) != 1 or (not address and None in candidates.values()):
            raise NotKnown(_untold(cluster.id))
        ((balancer_id, balancer),) = candidates.items()
        return ApiBalancer(balancer_id, NamedBy.RESOURCES, balancer)

    def _known_resources(self) -> Sequence[ClusterResource]:
        return () if self._resources.is_unavailable else self._resources.known_rows()


def _address(cluster: Cluster) -> str:
    """Return the address of the intranet endpoint; empty if there is none, or if it is a name."""
    try:
        host = urlsplit(cluster.api_endpoints.get(INTRANET_ENDPOINT, "")).hostname or ""
        return str(ipaddress.ip_address(host)) if host else ""
    except ValueError:
        return ""


def _untold(cluster_id: str) -> Reason:
    message = t("nothing tells which load balancer is in front of the API server of cluster {id}", id=cluster_id)
    return Reason("cs", ReasonKind.UNDECIDABLE, message)
