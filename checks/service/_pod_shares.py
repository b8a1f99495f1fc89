"""How a load balancer's traffic on one port of a Service is shared among the Pods behind its backends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from auditor.facts.cloud.slb import Backend
from auditor.facts.joins.services import ServiceEndpoints, ServicePath
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Endpoint, Service, ServicePort
from auditor.facts.rules.ccm_backends import POD_BACKEND_TYPES
from auditor.facts.rules.ccm_weights import DEFAULT_WEIGHT
from auditor.judge.api import NotKnown, Reason, ReasonKind, Table, said, t

UNFAIR_FROM = 1.5
"""How many times the load of the least loaded Pod the most loaded one may get; more is unfair."""

HEEDS_WEIGHTS = ("wrr", "wlc")
IGNORES_WEIGHTS = ("rr",)
"""Schedulers of CLB and NLB, lower case. The others hash the client's address."""

DELIBERATE = ("weight", "default-weight", "ignore-weight-update")
"""Annotations by which the operator sets the weights, or keeps the CCM from doing so."""


def are_deliberate(service: Service) -> bool:
    """Tell whether an annotation says that the weights are the operator's own."""
    return any(service.setting(name) not in (None, "", "off", "false") for name in DELIBERATE)


@dataclass(frozen=True)
class Share:
    """A backend: its name in reports, its weight and how many Pods share what it gets. Weight 0 gets nothing."""

    name: str
    weight: int
    pods: int
    is_pod: bool = False

    def load(self, *, weighted: bool) -> Fraction:
        """Return the load of each of its Pods, in a measure that all backends of a port share."""
        return Fraction(self.weight if weighted else min(self.weight, 1), self.pods)


@dataclass(frozen=True)
class PortShares:
    """The shares of one port."""

    port: ServicePort
    path: ServicePath
    shares: Sequence[Share]
    are_pods: bool

    @property
    def scheduler(self) -> str:
        """The scheduler in lower case; empty if the answer did not say."""
        return (self.path.scheduler or "").lower()

    def ratio(self, *, weighted: bool) -> float:
        """Return the load of the most loaded Pod over that of the least loaded one; infinite if that gets none."""
        loads = [share.load(weighted=weighted) for share in self.shares]
        most, least = max(loads, default=Fraction(0)), min(loads, default=Fraction(0))
        if not most:
            return 1.0
        return float(most / least) if least else inf

    @property
    def effective_ratio(self) -> float:
        """The ratio that the scheduler makes; where it may go either way, the smaller one."""
        if self.scheduler in HEEDS_WEIGHTS:
            return self.ratio(weighted=True)
        if self.scheduler in IGNORES_WEIGHTS:
            return self.ratio(weighted=False)
        return min(self.ratio(weighted=True), self.ratio(weighted=False))

    @property
    def starved(self) -> list[str]:
        """The backends that get nothing while others do."""
        return [share.name for share in self.shares if not share.weight] if self.effective_ratio == inf else []

    @property
    def is_undecided(self) -> bool:
        """Whether the answer left out the scheduler, and it makes the difference."""
        verdicts = {self.ratio(weighted=weighted) > UNFAIR_FROM for weighted in (True, False)}
        return not self.scheduler and len(verdicts) > 1

    @property
    def all_hundred(self) -> bool:
        """Whether nodes with different numbers of Pods all have the weight 100."""
        return (
            not self.are_pods
            and len({share.pods for share in self.shares}) > 1
            and all(share.weight == DEFAULT_WEIGHT for share in self.shares)
        )


def port_shares(service: Service, path: ServicePath, endpoints: ServiceEndpoints, nodes: Table[Node]) -> PortShares:
    """Return the shares of one port that has a server group. Endpoints are asked for only where they matter."""
    backends = path.backends or ()
    has_nodes = any(backend.type not in POD_BACKEND_TYPES for backend in backends)
    if has_nodes and not service.is_local:
        # kube-proxy spreads what any node gets over all Pods, so that weights of nodes don't reach them.
        return PortShares(path.port, path, (), are_pods=False)
    ready = [endpoint for endpoint in endpoints.for_port(service.key, path.port) if endpoint.is_ready]
    if has_nodes:
        return PortShares(path.port, path, _of_nodes(service, path, backends, ready, nodes), are_pods=False)
    return PortShares(path.port, path, _of_pods(path, backends, ready), are_pods=True)


def _weight(backend: Backend, path: ServicePath) -> int:
    what = t("the weight of {server} in group {group}", server=backend.server_id, group=path.group_id)
    return said(backend.weight, "slb" if path.listener else "nlb", what)


def _of_pods(path: ServicePath, backends: Iterable[Backend], ready: Iterable[Endpoint]) -> list[Share]:
    names = {
        address: endpoint.target_ref.name if endpoint.target_ref else address
        for endpoint in ready
        for address in endpoint.addresses
    }
    return [
        Share(names[address], _weight(backend, path), 1, is_pod=True)
        for backend in backends
        if (address := backend.ip or backend.server_id) in names
    ]


def _of_nodes(
    service: Service, path: ServicePath, backends: Sequence[Backend], ready: Sequence[Endpoint], nodes: Table[Node]
) -> list[Share]:
    pods: dict[str, int] = {}
    names: dict[str, str] = {}
    drained: set[str] = set()
    for endpoint in ready:
        if not endpoint.node_name and not endpoint.target_ref:
            continue  # an address outside the cluster, written by hand: no node is its backend
        if not endpoint.node_name:
            address = ", ".join(endpoint.addresses)
            why = t("endpoint {address} of Service {service} names no node", address=address, service=service.key)
            raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, why))
        node = nodes.get(endpoint.node_name)
        if node and node.instance_id:
            pods[node.instance_id] = pods.get(node.instance_id, 0) + 1
            names[node.instance_id] = node.name
            if node.spec.unschedulable:
                drained.add(node.instance_id)
    weights: dict[str, int] = {}
    on_virtual_nodes = [backend for backend in backends if backend.type in POD_BACKEND_TYPES]
    is_shared_out = service.setting("vgroup-port") is not None  # other Services may have entries in the group
    for backend in backends:
        if is_shared_out and backend.port != path.port.node_port:
            continue
        if backend.server_id in pods and backend.type not in POD_BACKEND_TYPES:
            weights[backend.server_id] = weights.get(backend.server_id, 0) + _weight(backend, path)
    of_instances = [
        Share(names[server], weight, pods[server])
        for server, weight in weights.items()
        if weight or server not in drained
    ]
    return of_instances + _of_pods(path, on_virtual_nodes, ready)
