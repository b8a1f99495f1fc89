"""What waiting Services lack is the same as when every node of every port is gone through."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import Backend
from auditor.facts.joins.load_balancers import BackendGroup
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Endpoint, EndpointSlice, Service
from auditor.facts.landscape import Landscape
from auditor.facts.rules.ccm_backends import BackendMode, eligible_nodes, node_mode, stated_mode
from auditor.judge.context import Context
from checks.service._lacking import Lack, Lacks
from checks.service._needed_backends import NeededBackends
from tests.checks import kit, make

PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
KEYS = ("shop/web", "shop/api", "shop/db")
NODES = [f"n{i}" for i in range(4)]
POD_ADDRESSES = [f"172.20.0.{i}" for i in range(3)]
PORTS = (80, 81)


@st.composite
def nodes(draw: st.DrawFn) -> list[Node]:
    made = []
    for name in NODES:
        labels = draw(st.sampled_from([{}, {"lb": "yes"}, {"type": "virtual-kubelet"}, {"lb": "no"}]))
        made.append(make.node(name, labels=labels, unschedulable=draw(st.booleans()), ready=draw(st.booleans())))
    return made


def services(key: str) -> st.SearchStrategy[Service]:
    annotations = st.fixed_dictionaries(
        {},
        optional={
            f"{PREFIX}backend-label": st.sampled_from(["lb=yes", "lb=no", "lb"]),
            f"{PREFIX}remove-unscheduled-backend": st.sampled_from(["on", "off"]),
            f"{PREFIX}vgroup-port": st.just("rsp-shared:80"),
            "service.beta.kubernetes.io/backend-type": st.sampled_from(["eni", "ecs"]),
        },
    )
    ports = [{"port": p, "targetPort": 8080, "nodePort": 30000 + p, "name": f"p{p}"} for p in PORTS]
    return st.builds(
        lambda policy, annotations: make.service(
            key, type="LoadBalancer", externalTrafficPolicy=policy, ports=ports, annotations=annotations
        ),
        st.sampled_from(["Cluster", "Local"]),
        annotations,
    )


def slices(key: str) -> st.SearchStrategy[list[EndpointSlice]]:
    endpoints = st.lists(
        st.builds(
            lambda address, node, ready: {"addresses": [address], "nodeName": node, "conditions": {"ready": ready}},
            st.sampled_from(POD_ADDRESSES),
            st.sampled_from(NODES),
            st.booleans(),
        ),
        max_size=3,
    )
    ports = st.lists(st.sampled_from(PORTS), unique=True).map(lambda said: [{"name": f"p{p}"} for p in said])
    return st.lists(st.builds(lambda e, p: make.endpoint_slice(key, e, ports=p), endpoints, ports), max_size=2)


def groups(key: str) -> st.SearchStrategy[list[BackendGroup]]:
    namespace, _, name = key.partition("/")
    entry = st.one_of(
        st.sampled_from([*NODES, "gone"]).map(lambda node: Backend(f"i-{node}", type="ecs")),
        st.sampled_from(POD_ADDRESSES).map(lambda ip: Backend(f"eni-{ip}", type="eni", ip=ip)),
    )
    named = [(f"rsp-{p}", f"k8s/{30000 + p}/{name}/{namespace}/{kit.CLUSTER_ID}") for p in PORTS]
    one = st.builds(
        lambda named, entries: BackendGroup(named[0], named[1], len(entries), entries),
        st.sampled_from([*named, ("rsp-shared", "by hand")]),
        st.lists(entry, max_size=4),
    )
    return st.lists(one, max_size=3, unique_by=lambda group: group.id)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Landscape, dict[str, list[BackendGroup]]]:
    rows: dict[str, Any] = {
        "nodes": draw(nodes()),
        "services": [draw(services(key)) for key in KEYS],
        "endpoint_slices": [piece for key in KEYS for piece in draw(slices(key))],
    }
    versions = draw(st.sampled_from([{}, {"cloud-controller-manager": "v1.9.3.100"}]))
    network = draw(st.sampled_from(["Flannel", "terway-eniip"]))
    rows["clusters"] = [Cluster(kit.CLUSTER_ID, network=network, component_versions=versions)]
    return kit.landscape(**rows), {key: draw(groups(key)) for key in KEYS}


class Plain:
    """Goes through every node for every port."""

    def __init__(self, landscape: Landscape) -> None:
        cluster = landscape.table("clusters").all()[0]
        self.version = (1, 9, 3, 100) if cluster.component_versions else None
        self.is_flannel = cluster.network == "Flannel"
        self.nodes: Sequence[Node] = landscape.table("nodes").all()
        self.endpoints = ServiceEndpoints(landscape.table("endpoint_slices"))

    def modes(self, service: Service, listed: Sequence[BackendGroup]) -> list[BackendMode]:
        seen = {entry.type for group in listed if group.id != "rsp-shared" for entry in group.entries}
        if "ecs" in seen:
            return [node_mode(service)]
        mode = BackendMode.ENI if seen else stated_mode(service)
        if mode:
            return [mode]
        return [node_mode(service)] if self.is_flannel else [node_mode(service), BackendMode.ENI]

    def ports(
        self, service: Service, mode: BackendMode, listed: Sequence[BackendGroup]
    ) -> list[tuple[set[str], BackendGroup | None, bool]]:
        by_id = {group.id: group for group in listed}
        found = []
        for port in service.ports:
            is_shared = port.port == 80 and service.setting("vgroup-port") is not None
            group = by_id.get("rsp-shared" if is_shared else f"rsp-{port.port}")
            ready = [one for one in self.endpoints.for_port(service.key, port) if one.is_ready]
            found.append((self.wanted(service, mode, ready), group, is_shared))
        return found

    def wanted(self, service: Service, mode: BackendMode, ready: Sequence[Endpoint]) -> set[str]:
        if mode is BackendMode.ENI:
            return {one.addresses[0] for one in ready}
        hosts = {one.node_name for one in ready}
        virtual = {node.name for node in self.nodes if node.is_virtual}
        instances = {node.name: node.instance_id for node in eligible_nodes(self.nodes, service, self.version)}
        pieces = self.endpoints.slices_of(service.key)
        is_open = mode is BackendMode.CLUSTER and (not pieces or any(piece.endpoints for piece in pieces))
        chosen = {id_ for name, id_ in instances.items() if id_ and (is_open or name in hosts)}
        return chosen | {one.addresses[0] for one in ready if one.node_name in virtual}

    def of(self, service: Service, listed: Sequence[BackendGroup]) -> tuple[int, int]:
        counts = []
        for mode in self.modes(service, listed):
            missing = 0
            for wanted, group, is_shared in self.ports(service, mode, listed):
                missing += len(wanted - members(group))
                if group and not is_shared:
                    missing -= sum(e.server_id not in wanted and e.ip not in wanted for e in group.entries)
            counts.append(max(missing, 0))
        return min(counts), max(counts)

    def by_backend(self, service: Service, listed: Sequence[BackendGroup]) -> list[dict[str, int]]:
        counts = []
        for mode in self.modes(service, listed):
            count: dict[str, int] = {}
            for wanted, group, _ in self.ports(service, mode, listed):
                for backend in wanted - members(group):
                    count[backend] = count.get(backend, 0) + 1
            counts.append(count)
        return counts


def members(group: BackendGroup | None) -> set[str]:
    return {who for entry in (group.entries if group else ()) for who in (entry.server_id, entry.ip)}


def needed(landscape: Landscape) -> NeededBackends:
    context = Context(landscape)
    return NeededBackends(
        context.fact("service_endpoints"),
        context.fact("backend_nodes"),
        landscape.table("clusters"),
        landscape.cluster.cluster_id,
    )


@settings(deadline=None)
@given(clusters())
def test_the_entries_that_a_service_lacks(given_: tuple[Landscape, dict[str, list[BackendGroup]]]) -> None:
    landscape, listed = given_
    needs, plain = needed(landscape), Plain(landscape)
    for service in landscape.table("services").all():
        least, most, why = needs.of(service, listed[service.key])
        assert (least, most) == plain.of(service, listed[service.key])
        assert bool(why) is (least != most)


@settings(deadline=None)
@given(clusters())
def test_the_entries_that_each_backend_lacks(given_: tuple[Landscape, dict[str, list[BackendGroup]]]) -> None:
    landscape, listed = given_
    needs, plain = needed(landscape), Plain(landscape)
    backends = [*(f"i-{name}" for name in NODES), *POD_ADDRESSES, "i-gone"]
    at_least, at_most = [], []
    by_least: dict[str, dict[str, int]] = {backend: {} for backend in backends}
    by_most: dict[str, dict[str, int]] = {backend: {} for backend in backends}
    for service in landscape.table("services").all():
        least, most, why = needs.by_backend(service, listed[service.key])
        at_least.append((service.key, least))
        at_most.append((service.key, most))
        counts = plain.by_backend(service, listed[service.key])
        assert bool(why) is (counts[0] != counts[-1])
        for backend in backends:
            each = [count.get(backend, 0) for count in counts]
            assert (least.of(backend), most.of(backend)) == (min(each), max(each))
            by_least[backend][service.key], by_most[backend][service.key] = min(each), max(each)
    for lacks, expected in ((Lacks(at_least), by_least), (Lacks(at_most), by_most)):
        for backend, by_service in expected.items():
            some = {key: number for key, number in by_service.items() if number}
            assert lacks.of(backend) == Lack(some, sum(some.values()), max(some.values(), default=0))
            assert list(lacks.of(backend).by_service) == list(some)
