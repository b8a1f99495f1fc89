"""CLB: load balancers and listeners, field by field."""

from typing import Any

import pytest

from auditor.facts.cloud.slb import Listener, LoadBalancer
from auditor.facts.table import NotKnown, State
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud

API = "lb-bp1y28udk3bwt0a77lw9h"


def balancer(cloud: FakeCloud, balancer_id: str) -> LoadBalancer:
    with client_of(cloud) as client:
        row = fill_one(client, "load_balancers").get(balancer_id)
    assert isinstance(row, LoadBalancer)
    return row


def listener(cloud: FakeCloud, key: str) -> Listener:
    with client_of(cloud) as client:
        row = fill_one(client, "listeners").get(key)
    assert isinstance(row, Listener)
    return row


def test_a_load_balancer_is_read_in_full(cloud: FakeCloud) -> None:
    assert balancer(cloud, API) == LoadBalancer(
        id=API,
        name="ManagedK8SSlbIntranet-c1cef2604bddf0081a2bc425e1415ce18",
        address="192.168.0.167",
        address_type="intranet",
        status="active",
        spec="slb.lcu.elastic",
        charge_type="PayByCLCU",
        vpc_id="vpc-bp1uwjm8ddgvodpj5i2ba",
        tags={"ack.aliyun.com": "c1cef2604bddf0081a2bc425e1415ce18"},
        bandwidth=5120,
        internet_charge_type="paybytraffic",
        vswitch_id="vsw-bp1bydj2pojgqhd42r8n3",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"InternetChargeType": "3", "InternetChargeTypeAlias": "paybybandwidth"}, "paybybandwidth"),
        ({"InternetChargeType": "3", "InternetChargeTypeAlias": ""}, "paybybandwidth"),
        ({"InternetChargeType": "4", "InternetChargeTypeAlias": None}, "paybytraffic"),
        ({"InternetChargeType": "paybybandwidth", "InternetChargeTypeAlias": None}, "paybybandwidth"),
        ({"InternetChargeType": "", "InternetChargeTypeAlias": ""}, None),
    ],
)
def test_how_traffic_is_paid_is_a_word(cloud: FakeCloud, change: dict[str, Any], expected: str | None) -> None:
    cloud.state.slb.load_balancers[API].update(change)
    assert balancer(cloud, API).internet_charge_type == expected


def test_a_listener_is_read_in_full(cloud: FakeCloud) -> None:
    assert listener(cloud, f"{API}/6443/tcp") == Listener(
        load_balancer_id=API,
        port=6443,
        protocol="tcp",
        status="running",
        scheduler="wrr",
        server_group_id="rsp-bp1zsk0zicpwp",
        acl_status="on",
        acl_type="white",
        acl_ids=["acl-bp1vdyd1xtgltp0uwysrh"],
        persistence_seconds=0,
        sticky_session=None,
        established_seconds=900,
        backend_port=None,
        master_slave_group_id="",
        health_check="on",
        description="",
        bandwidth=-1,
    )


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_a_listener_of_layer_seven_has_sticky_sessions_instead(cloud: FakeCloud, protocol: str) -> None:
    cloud.state.slb.add_listener(API, 8443, protocol, config={"StickySession": "on", "HealthCheck": "off"})
    row = listener(cloud, f"{API}/8443/{protocol}")
    assert (row.sticky_session, row.health_check) == ("on", "off")
    assert (row.persistence_seconds, row.established_seconds) == (None, None)


def test_a_listener_of_the_default_group_has_a_backend_port(cloud: FakeCloud) -> None:
    cloud.state.slb.add_listener(API, 81, "tcp", BackendServerPort=30080, Bandwidth=10, Description="by hand")
    row = listener(cloud, f"{API}/81/tcp")
    assert (row.backend_port, row.bandwidth, row.description) == (30080, 10, "by hand")


@pytest.mark.parametrize("port", [0, -520, None])
def test_a_listener_of_another_group_has_none(cloud: FakeCloud, port: int | None) -> None:
    cloud.state.slb.add_listener(API, 81, "tcp", "rsp-1", BackendServerPort=port)
    assert listener(cloud, f"{API}/81/tcp").backend_port is None


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_listener_may_use_a_master_slave_group(cloud: FakeCloud, protocol: str) -> None:
    cloud.state.slb.add_listener(API, 81, protocol, config={"MasterSlaveServerGroupId": "rsp-ms"})
    assert listener(cloud, f"{API}/81/{protocol}").master_slave_group_id == "rsp-ms"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Bandwidth", "wide"), ("BackendServerPort", []), ("TCPListenerConfig", "none"), ("Description", 7)],
)
def test_a_malformed_field_hides_its_listener_only(cloud: FakeCloud, name: str, value: Any) -> None:
    cloud.state.slb.listeners[f"{API}/6443/tcp"][name] = value
    with client_of(cloud) as client:
        listeners = fill_one(client, "listeners")
    assert (listeners.state, len(listeners)) == (State.PARTIAL, 7)
    with pytest.raises(NotKnown, match=name):
        listeners.get(f"{API}/6443/tcp")
