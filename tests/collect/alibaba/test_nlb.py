"""NLB: load balancers, their listeners, and the health behind them."""

from typing import Any

import pytest

from auditor.collect.alibaba.pacing import Backoff
from auditor.facts.cloud.nlb import ListenerHealth, NetworkLoadBalancer, NlbListener, UnhealthyServer
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.collect.alibaba.kit import client_of, fill, fill_one
from tests.fakes.cloud import FakeCloud

IMPATIENT = Backoff(first=1e6, longest=1e6)
"""So long a wait that no repeat is worth it."""
HEALTH = "nlb:GetListenerHealthStatus"
LISTENER = "lsn-1@443"


def service(name: str, balancer_id: str) -> Any:
    labels = {"service.k8s.alibaba/loadbalancer-id": balancer_id}
    return make.service(f"shop/{name}", type="LoadBalancer", loadBalancerClass="alibabacloud.com/nlb", labels=labels)


USERS: Table[Any] = Table("services", [service("edge", "nlb-1")])


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded account with an NLB that a Service uses, and a neighbour's."""
    cloud = FakeCloud.recorded()
    nlb = cloud.state.nlb
    nlb.add_load_balancer("nlb-1", AddressType="Internet", VpcId="vpc-1", SecurityGroupIds=["sg-1"])
    nlb.add_address("nlb-1", "cn-hangzhou-h", "192.168.0.9", "203.0.113.9")
    nlb.add_address("nlb-1", "cn-hangzhou-i", "192.168.1.9")
    nlb.add_server_group("sgp-1", ["nlb-1"], [{"ServerId": "i-1", "ServerIp": "10.0.0.1"}, {"ServerId": "i-2"}])
    nlb.add_listener("nlb-1", 443, "TCPSSL", "sgp-1")
    nlb.add_load_balancer("nlb-2")
    nlb.add_listener("nlb-2", 443, "TCP", "sgp-1")
    return cloud


def read(cloud: FakeCloud, table: str, services: Table[Any] = USERS) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, table, services=services)


def test_a_load_balancer_is_read_with_its_addresses(cloud: FakeCloud) -> None:
    assert read(cloud, "network_load_balancers").get("nlb-1") == NetworkLoadBalancer(
        id="nlb-1",
        name="nlb-1",
        dns_name="nlb-1.cn-hangzhou.nlb.aliyuncsslb.com",
        status="Active",
        vpc_id="vpc-1",
        security_group_ids=["sg-1"],
        address_type="Internet",
        addresses=["192.168.0.9", "192.168.1.9", "203.0.113.9"],
    )


@pytest.mark.parametrize("zones", [None, "none", [{"ZoneId": "h"}], [{"LoadBalancerAddresses": None}]])
def test_addresses_that_are_left_out_are_not_taken_for_none(cloud: FakeCloud, zones: Any) -> None:
    cloud.state.nlb.load_balancers["nlb-1"]["ZoneMappings"] = zones
    table = read(cloud, "network_load_balancers")
    assert table.get("nlb-2") is not None
    with pytest.raises(NotKnown, match=r"ZoneMappings|LoadBalancerAddresses"):
        table.get("nlb-1")


def test_the_listeners_of_those_in_scope_are_read_and_no_others(cloud: FakeCloud) -> None:
    listeners = read(cloud, "nlb_listeners")
    assert listeners.state is State.KNOWN
    assert listeners.all() == [NlbListener(LISTENER, "nlb-1", 443, "TCPSSL", "Running", "sgp-1")]
    assert cloud.actions() == ["nlb:ListLoadBalancers", "nlb:ListListeners"]
    assert cloud.calls[-1].params["LoadBalancerIds.1"] == "nlb-1"


@pytest.mark.parametrize(("first", "last", "expected"), [("1", "65535", (1, 65535)), ("", "", (None, None))])
def test_a_listener_for_a_range_has_no_single_port(
    cloud: FakeCloud, first: str, last: str, expected: tuple[int | None, int | None]
) -> None:
    cloud.state.nlb.add_listener("nlb-1", 0, "tcp", "sgp-1", StartPort=first, EndPort=last)
    row = next(row for row in read(cloud, "nlb_listeners").all() if row.id != LISTENER)
    assert (row.port, row.protocol) == (None, "TCP")
    assert (row.first_port, row.last_port) == expected


def test_a_call_names_twenty_load_balancers(cloud: FakeCloud) -> None:
    nlb = cloud.state.nlb
    for n in range(45):
        nlb.add_load_balancer(f"nlb-x{n:02d}")
        nlb.add_listener(f"nlb-x{n:02d}", 80, "TCP", "sgp-1")
    users: Table[Any] = Table("services", [service(f"s{n}", f"nlb-x{n:02d}") for n in range(45)])
    assert len(read(cloud, "nlb_listeners", users).all()) == 45
    assert cloud.actions().count("nlb:ListListeners") == 3


def test_small_pages_bring_the_same_listeners() -> None:
    cloud = FakeCloud.recorded(page_limit=2)
    cloud.state.nlb.add_load_balancer("nlb-1")
    cloud.state.nlb.add_server_group("sgp-1", ["nlb-1"], [])
    for port in range(80, 85):
        cloud.state.nlb.add_listener("nlb-1", port, "TCP", "sgp-1")
    assert [row.port for row in read(cloud, "nlb_listeners").all()] == list(range(80, 85))
    assert cloud.actions().count("nlb:ListListeners") == 3


@pytest.mark.parametrize("value", [None, "text"])
def test_listeners_that_are_not_there_are_not_none(cloud: FakeCloud, value: Any) -> None:
    cloud.mutate("nlb:ListListeners", lambda answer: answer.update(Listeners=value))
    listeners = read(cloud, "nlb_listeners")
    assert listeners.state is State.UNAVAILABLE
    assert [reason.kind for reason in listeners.reasons] == [ReasonKind.MALFORMED]


def test_a_shortfall_of_listeners_says_how_many(cloud: FakeCloud) -> None:
    cloud.mutate("nlb:ListListeners", lambda answer: answer.update(TotalCount=3))
    listeners = read(cloud, "nlb_listeners")
    assert listeners.state is State.PARTIAL
    assert "1 of 3" in str(listeners.reasons[0].message)


def test_a_spoilt_listener_is_a_gap_for_it_alone(cloud: FakeCloud) -> None:
    cloud.state.nlb.add_listener("nlb-1", 80, "TCP", "sgp-1", StartPort="first")
    listeners = read(cloud, "nlb_listeners")
    assert listeners.get(LISTENER) is not None
    with pytest.raises(NotKnown, match="StartPort"):
        listeners.get("lsn-1@80")


def test_servers_that_are_not_healthy_are_told_with_the_reason(cloud: FakeCloud) -> None:
    cloud.state.nlb.health["sgp-1", "i-1"] = "CONNECT_TIMEOUT"
    health = read(cloud, "nlb_listener_health")
    assert health.all() == [
        ListenerHealth(LISTENER, [UnhealthyServer("sgp-1", "i-1", "10.0.0.1", 80, "Unhealthy", "CONNECT_TIMEOUT")])
    ]
    assert cloud.actions().count(HEALTH) == 1, "a neighbour's listeners are not asked about"


def test_a_healthy_listener_names_no_server(cloud: FakeCloud) -> None:
    assert read(cloud, "nlb_listener_health").all() == [ListenerHealth(LISTENER)]


def test_servers_that_nobody_checks_are_not_unhealthy(cloud: FakeCloud) -> None:
    cloud.state.nlb.server_groups["sgp-1"]["HealthCheck"]["HealthCheckEnabled"] = False
    assert read(cloud, "nlb_listener_health").all() == [ListenerHealth(LISTENER, [], ["sgp-1"])]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.update(ListenerHealthStatus=None),
        lambda answer: answer["ListenerHealthStatus"][0].update(ServerGroupInfos=None),
        lambda answer: answer["ListenerHealthStatus"][0]["ServerGroupInfos"][0].pop("NonNormalServers") and None,
        lambda answer: answer["ListenerHealthStatus"][0]["ServerGroupInfos"][0].update(HeathCheckEnabled="perhaps"),
    ],
)
def test_health_of_another_shape_is_not_known(cloud: FakeCloud, spoil: Any) -> None:
    cloud.state.nlb.add_listener("nlb-1", 80, "TCP", "sgp-1")
    cloud.mutate(HEALTH, spoil, when=lambda params: params["ListenerId"] == LISTENER)
    health = read(cloud, "nlb_listener_health")
    assert health.get("lsn-1@80") is not None
    with pytest.raises(NotKnown) as caught:
        health.get(LISTENER)
    assert [reason.kind for reason in caught.value.reasons] == [ReasonKind.MALFORMED]


def test_a_listener_that_is_gone_meanwhile_is_absent(cloud: FakeCloud) -> None:
    cloud.fail(HEALTH, 404, {"Code": "ResourceNotFound.listener", "Message": "The specified listener is not found."})
    health = read(cloud, "nlb_listener_health")
    assert health.state is State.KNOWN
    assert health.get(LISTENER) is None


@pytest.mark.parametrize("action", ["nlb:ListListeners", HEALTH])
def test_throttling_for_ever_is_said_as_such(cloud: FakeCloud, action: str) -> None:
    table = "nlb_listeners" if action == "nlb:ListListeners" else "nlb_listener_health"
    cloud.throttle(action)
    with client_of(cloud, backoff=IMPATIENT) as client:
        filled = fill_one(client, table, services=USERS)
    assert filled.state is State.UNAVAILABLE
    assert filled.reasons[0].kind is ReasonKind.THROTTLED


def test_a_cluster_without_nlb_costs_no_call(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        filled = fill(client, ("nlb_listeners", "nlb_listener_health"), services=Table("services"))
    assert cloud.actions() == []
    for name in ("nlb_listeners", "nlb_listener_health"):
        assert (filled[name].state, filled[name].asked) == (State.KNOWN, frozenset())
