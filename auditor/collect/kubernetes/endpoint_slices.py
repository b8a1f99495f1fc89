"""EndpointSlices, also of servers that know only their beta version (before Kubernetes 1.21)."""

import msgspec

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE
from auditor.collect.kubernetes.lists import Listing, read_table
from auditor.collect.provider import provides
from auditor.facts.kubernetes.meta import KubernetesObject, Meta
from auditor.facts.kubernetes.services import Endpoint, EndpointConditions, EndpointPort, EndpointSlice, TargetRef
from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind, Table

V1 = Listing("/apis/discovery.k8s.io/v1/endpointslices", "EndpointSliceList")
V1BETA1 = Listing("/apis/discovery.k8s.io/v1beta1/endpointslices", "EndpointSliceList")
_NODE_NAME = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"


class BetaEndpoint(msgspec.Struct, rename="camel", frozen=True):
    """An endpoint as of v1beta1: the controller writes the node's name and zone into ``topology``."""

    addresses: list[str] = []
    conditions: EndpointConditions = EndpointConditions()
    topology: dict[str, str] | None = None
    node_name: str | None = None
    target_ref: TargetRef | None = None

    def as_v1(self) -> Endpoint:
        """Return it in the form of v1."""
        topology = self.topology or {}
        return Endpoint(
            addresses=self.addresses,
            conditions=self.conditions,
            node_name=self.node_name or topology.get(_NODE_NAME),
            zone=topology.get(_ZONE),
            target_ref=self.target_ref,
        )


class BetaEndpointSlice(KubernetesObject, frozen=True):
    """An EndpointSlice as of v1beta1."""

    metadata: Meta
    address_type: str = "IPv4"
    endpoints: list[BetaEndpoint] | None = None
    ports: list[EndpointPort] | None = None

    def as_v1(self) -> EndpointSlice:
        """Return it in the form of v1."""
        endpoints = None if self.endpoints is None else [endpoint.as_v1() for endpoint in self.endpoints]
        return EndpointSlice(self.metadata, self.address_type, endpoints, self.ports)


@provides("endpoint_slices", source=SOURCE, layer=Layer.KUBERNETES, permissions=(V1.permission,))
def endpoint_slices(client: KubernetesClient) -> Table[EndpointSlice]:
    """List the EndpointSlices in the version that the server has."""
    table = read_table(client, "endpoint_slices", V1, EndpointSlice)
    if not table.is_unavailable or any(why.kind is not ReasonKind.UNSUPPORTED for why in table.reasons):
        return table
    beta = read_table(client, "endpoint_slices", V1BETA1, BetaEndpointSlice)
    if beta.is_unavailable:
        return Table.unavailable("endpoint_slices", *beta.reasons)
    return Table("endpoint_slices", [row.as_v1() for row in beta.known_rows()], gaps=beta.gaps)
