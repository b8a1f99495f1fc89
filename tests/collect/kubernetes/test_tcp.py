"""The probe of connections: what is tried, what comes of it over real sockets, and from where."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from auditor.collect.kubernetes import tcp
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.tcp import Target, targets
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.kubernetes.meta import AnnotatedMeta, Meta
from auditor.facts.kubernetes.pods import (
    Container,
    ContainerPort,
    ContainerProbe,
    ContainerState,
    ContainerStatus,
    GrpcPort,
    Pod,
    PodSpec,
    PodStatus,
    ProbePort,
    RunningState,
)
from auditor.facts.kubernetes.probes import TcpProbe
from auditor.facts.kubernetes.services import (
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    TargetRef,
)
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes

POD_IP = "127.9.0.1"
HERE = Table("vswitches", [VSwitch("vsw-here", cidr="127.0.0.0/24")])
THERE = Table("vswitches", [VSwitch("vsw-there", cidr="10.0.0.0/24")])


@pytest.fixture
def client(cluster: FakeKubernetes, open_to: OpenClient) -> KubernetesClient:
    return open_to(cluster, probes=frozenset({"tcp"}))


@pytest.fixture
def listening() -> Iterator[int]:
    """A Pod's process: it listens at the Pod's address."""
    with socket.create_server((POD_IP, 0)) as server:
        yield server.getsockname()[1]


def pod(
    name: str = "web-0",
    ip: str = POD_IP,
    declared: tuple[int, ...] = (8080,),
    *,
    ready: bool = True,
    probe: ContainerProbe | None = None,
    host_network: bool = False,
) -> Pod:
    ports = [ContainerPort(number, name=f"port-{number}") for number in declared]
    status = ContainerStatus("app", ready=ready, state=ContainerState(running=RunningState()))
    return Pod(
        metadata=Meta(name, "shop"),
        spec=PodSpec(
            "node", host_network=host_network, containers=[Container("app", ports=ports, readiness_probe=probe)]
        ),
        status=PodStatus("Running", pod_ip=ip, container_statuses=[status]),
    )


def service(
    *ports: ServicePort, ips: tuple[str, ...] = (), cluster_ip: str = "127.9.1.1", kind: str = "LoadBalancer"
) -> Service:
    ingress = [LoadBalancerIngress(ip) for ip in ips]
    return Service(
        metadata=AnnotatedMeta("web", "shop"),
        spec=ServiceSpec(kind, cluster_ip=cluster_ip, ports=list(ports), selector={"app": "web"}),
        status=ServiceStatus(LoadBalancerStatus(ingress)),
    )


def slice_of(*pods: Pod, ready: bool = True) -> EndpointSlice:
    endpoints = [
        Endpoint([one.status.pod_ip], EndpointConditions(ready), target_ref=TargetRef("Pod", one.name, one.namespace))
        for one in pods
    ]
    return EndpointSlice(
        metadata=Meta("web-x", "shop", labels={"kubernetes.io/service-name": "web"}), endpoints=endpoints
    )


def tried(
    client: KubernetesClient,
    services: tuple[Service, ...] = (),
    slices: tuple[EndpointSlice, ...] = (),
    pods: tuple[Pod, ...] = (),
    vswitches: Table[VSwitch] = HERE,
) -> Table[TcpProbe]:
    return collect(
        client,
        "tcp_probes",
        services=Table("services", services),
        endpoint_slices=Table("endpoint_slices", slices),
        pods=Table("pods", pods),
        vswitches=vswitches,
    )


def free_port() -> int:
    with socket.create_server((POD_IP, 0)) as server:
        return int(server.getsockname()[1])


def test_it_is_opt_in(cluster: FakeKubernetes, open_to: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "dial", lambda _target: pytest.fail("nothing is tried"))
    balanced = service(ServicePort(80), ips=(POD_IP,))
    why = only_reason(tried(open_to(cluster, probes=frozenset({"kubelet"})), (balanced,)))
    assert why.kind is ReasonKind.SWITCHED_OFF
    assert '"tcp"' in str(why.message)


def test_an_open_port_accepts_and_a_closed_one_refuses(client: KubernetesClient, listening: int) -> None:
    closed = free_port()
    web = pod(declared=(listening,))
    table = tried(client, (service(ServicePort(80, target_port=closed)),), (slice_of(web),), (web,))
    assert table.state is State.KNOWN
    refused, accepted = row_of(table, f"{POD_IP}:{closed}"), row_of(table, f"{POD_IP}:{listening}")
    assert (refused.outcome, accepted.outcome) == ("refused", "ok")
    assert refused.detail == "Connection refused"
    assert {row.position for row in table.all()} == {"vpc"}
    assert accepted.is_inside
    assert accepted.source == "127.0.0.1"
    assert row_of(table, "127.9.1.1:80").outcome == "refused"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TimeoutError(), "timeout"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "unreachable"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "refused"),
    ],
)
def test_how_a_try_ends_is_told(
    client: KubernetesClient, monkeypatch: pytest.MonkeyPatch, error: OSError, outcome: str
) -> None:
    def dial(_target: Target) -> None:
        raise error

    monkeypatch.setattr(tcp, "dial", dial)
    row = row_of(tried(client, (service(ServicePort(80), ips=("127.9.2.1",)),)), "127.9.2.1:80")
    assert row.outcome == outcome
    assert row.detail


def test_where_it_was_tried_from_is_told(client: KubernetesClient) -> None:
    balanced = service(ServicePort(80), ips=("127.9.2.1",))
    unknown: Table[VSwitch] = Table.unavailable("vswitches", Reason("vpc", ReasonKind.FORBIDDEN, t("denied")))
    positions = [row_of(tried(client, (balanced,), vswitches=one), "127.9.2.1:80") for one in (HERE, THERE, unknown)]
    assert [row.position for row in positions] == ["vpc", "elsewhere", ""]
    assert [row.is_inside for row in positions] == [True, False, False]
    client.access = replace(client.access, origin="pod")
    assert row_of(tried(client, (balanced,), vswitches=unknown), "127.9.2.1:80").position == "cluster"


def test_the_address_of_an_unready_pod_is_tried_by_its_probe() -> None:
    def of(probe: ContainerProbe | None, *, ready: bool = False, host_network: bool = False) -> list[Target]:
        return list(targets([], [], [pod(ready=ready, probe=probe, host_network=host_network)]))

    http = ContainerProbe(http_get=ProbePort(8081))
    assert of(http) == [Target(POD_IP, 8081)]
    assert of(ContainerProbe(http_get=ProbePort("port-8080"))) == [Target(POD_IP, 8080)]
    assert of(ContainerProbe(tcp_socket=ProbePort("9000"))) == [Target(POD_IP, 9000)]
    assert of(ContainerProbe(grpc=GrpcPort(9001))) == [Target(POD_IP, 9001)]
    assert of(http, ready=True) == []
    assert of(http, host_network=True) == []
    assert of(ContainerProbe(http_get=ProbePort(80, host="elsewhere"))) == []
    assert of(ContainerProbe(http_get=ProbePort("missing"))) == []
    assert of(None) == []


def test_a_port_that_is_declared_by_name_or_number_is_not_tried() -> None:
    web = pod()
    for port in (ServicePort(80, target_port=8080), ServicePort(8080), ServicePort(80, target_port="port-8080")):
        assert list(targets([service(port)], [slice_of(web)], [web])) == []


def test_an_undeclared_port_is_tried_with_another_one_and_the_address_of_the_service() -> None:
    web = pod()
    asked = list(targets([service(ServicePort(80, target_port=9999))], [slice_of(web)], [web]))
    assert asked == [Target(POD_IP, 9999), Target(POD_IP, 8080), Target("127.9.1.1", 80)]


def test_pods_that_get_no_traffic_are_not_tried_and_of_many_only_some_are() -> None:
    web, port = pod(), ServicePort(80, target_port=9999)
    assert list(targets([service(port)], [slice_of(web, ready=False)], [web])) == []
    assert list(targets([service(port)], [slice_of(web)], [])) == []
    assert list(targets([service(ServicePort(80, protocol="UDP", target_port=9999))], [slice_of(web)], [web])) == []
    many = [pod(f"web-{number}", f"127.9.0.{number + 1}") for number in range(9)]
    asked = list(targets([service(port)], [slice_of(*many)], many))
    assert len([target for target in asked if target.port == 9999]) == tcp.PODS_OF_A_SERVICE


def test_load_balancers_are_tried_by_their_addresses_and_not_by_their_names() -> None:
    ports = (ServicePort(80), ServicePort(53, protocol="UDP"))
    assert list(targets([service(*ports, ips=("127.9.2.1",))], [], [])) == [Target("127.9.2.1", 80)]
    assert list(targets([service(*ports, ips=("",))], [], [])) == []
    assert list(targets([service(*ports, ips=("0.0.0.0", "169.254.169.254", "224.0.0.1", "x"))], [], [])) == []
    assert list(targets([service(*ports, ips=("127.9.2.1",), kind="ClusterIP")], [], [])) == []


def test_an_impossible_port_is_left_out(client: KubernetesClient) -> None:
    table = tried(client, (service(ServicePort(0), ServicePort(70000), ips=("127.9.2.1",)),))
    assert (len(table), table.state) == (0, State.KNOWN)


def test_only_so_many_are_tried_and_the_others_are_not_known(
    client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "MOST_TARGETS", 1)
    table = tried(client, (service(ServicePort(80), ServicePort(443), ips=("127.9.2.1",)),))
    assert (len(table), only_reason(table).kind) == (1, ReasonKind.TRUNCATED)
    with pytest.raises(NotKnown):
        table.get("127.9.2.1:443")


def test_nothing_is_tried_when_the_time_is_over(client: KubernetesClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "PROBE_SECONDS", 0.0)
    monkeypatch.setattr(tcp, "dial", lambda _target: pytest.fail("nothing is tried"))
    assert only_reason(tried(client, (service(ServicePort(80), ips=("127.9.2.1",)),))).kind is ReasonKind.TIMEOUT


def test_what_nobody_asked_for_is_not_known(client: KubernetesClient) -> None:
    with pytest.raises(NotKnown):
        tried(client).get("127.9.2.1:80")


def test_gaps_of_what_tells_the_addresses_are_gaps_of_the_probe(client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.TRUNCATED, t("the list ended early"))
    table: Table[TcpProbe] = collect(
        client,
        "tcp_probes",
        services=Table("services"),
        endpoint_slices=Table("endpoint_slices"),
        pods=Table("pods", gaps=[Gap(why)]),
        vswitches=HERE,
    )
    assert only_reason(table) == why


def test_an_address_of_ipv6_has_brackets_in_its_key() -> None:
    assert TcpProbe("2001:db8::1", 80, "ok", "vpc").key == "[2001:db8::1]:80"
    assert Target("::1", 80).key == "[::1]:80"
