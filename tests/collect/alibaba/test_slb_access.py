"""CLB: access control lists, the health of servers, the members of master-slave groups."""

from typing import Any

import pytest

from auditor.collect.alibaba.pacing import Backoff
from auditor.facts.cloud.slb import AccessControlList, Backend, LoadBalancerHealth, MasterSlaveBackends, ServerHealth
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud

IMPATIENT = Backoff(first=1e6, longest=1e6)
"""So long a wait that no repeat is worth it."""
API = "lb-bp1y28udk3bwt0a77lw9h"
WEB = "lb-bp1qivht16qrbpfnz1a1c"
ACL = "acl-bp1vdyd1xtgltp0uwysrh"
READ_ACL = "slb:DescribeAccessControlListAttribute"
READ_HEALTH = "slb:DescribeHealthStatus"
NO_RESOURCES: Table[Any] = Table.unavailable("cluster_resources", denied("cs:DescribeClusterResources", "cs"))
NO_SERVICES: Table[Any] = Table.unavailable("services", denied("list services", "kubernetes"))
NO_CLUSTER: Table[Any] = Table.unavailable("clusters", denied("cs:DescribeClusterDetail", "cs"))


def read(cloud: FakeCloud, table: str, **given: Table[Any]) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, table, **{"cluster_resources": NO_RESOURCES, **given})


def with_acl(cloud: FakeCloud, balancer_id: str, acl_id: str, port: int = 9000) -> None:
    cloud.state.slb.add_listener(balancer_id, port, "tcp", AclStatus="on", AclType="white", AclIds=[acl_id])


def times(cloud: FakeCloud, action: str) -> int:
    return cloud.actions().count(action)


def test_the_lists_of_the_api_server_are_read(cloud: FakeCloud) -> None:
    lists = read(cloud, "access_control_lists")
    assert lists.state is State.KNOWN
    assert lists.all() == [
        AccessControlList(
            ACL,
            "shop-prod-apiserver",
            [
                "100.104.0.0/16",
                "192.168.0.0/24",
                "192.168.1.0/24",
                "192.168.2.0/24",
                "172.20.0.0/16",
                "203.0.113.99/32",
                "198.51.100.0/24",
            ],
        )
    ]
    assert sorted(cloud.actions()) == [
        "cs:DescribeClusterDetail",
        READ_ACL,
        "slb:DescribeLoadBalancerListeners",
        "slb:DescribeLoadBalancers",
    ]


def test_lists_of_services_are_read_once_and_those_of_others_never(cloud: FakeCloud) -> None:
    slb = cloud.state.slb
    slb.add_load_balancer("lb-foreign")
    for acl_id in ("acl-web", "acl-foreign"):
        slb.add_acl(acl_id, acl_id, ["10.0.0.0/8"])
    for port in (9000, 9001):
        with_acl(cloud, WEB, "acl-web", port)
    with_acl(cloud, "lb-foreign", "acl-foreign")
    lists = read(cloud, "access_control_lists")
    assert lists.asked == frozenset({ACL, "acl-web"})
    assert times(cloud, READ_ACL) == 2
    with pytest.raises(NotKnown):
        lists.get("acl-foreign")


def test_long_lists_come_in_pages_of_fifty(cloud: FakeCloud) -> None:
    cidrs = [f"10.0.{n}.0/24" for n in range(120)]
    cloud.state.slb.add_acl(ACL, "long", cidrs)
    row = read(cloud, "access_control_lists").get(ACL)
    assert row is not None
    assert row.entries == cidrs
    assert [call.params["Page"] for call in cloud.calls if call.name == READ_ACL] == ["1", "2", "3"]


def test_an_empty_list_is_a_list(cloud: FakeCloud) -> None:
    cloud.state.slb.add_acl(ACL, "empty", [])
    assert read(cloud, "access_control_lists").all() == [AccessControlList(ACL, "empty", [])]


def test_a_list_that_is_not_found_is_absent(cloud: FakeCloud) -> None:
    del cloud.state.slb.acls[ACL]
    lists = read(cloud, "access_control_lists")
    assert lists.state is State.KNOWN
    assert lists.get(ACL) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.pop("AclEntrys") and None,
        lambda answer: answer.update(AclEntrys={"AclEntry": None}),
        lambda answer: answer["AclEntrys"]["AclEntry"][0].update(AclEntryIP=None),
        lambda answer: answer.pop("TotalAclEntry") and None,
        lambda answer: answer["AclEntrys"].update(AclEntry="10.0.0.0/8"),
    ],
)
def test_a_list_is_known_all_or_not_at_all(cloud: FakeCloud, spoil: Any) -> None:
    cloud.state.slb.add_acl("acl-web", "web", ["10.0.0.0/8"])
    with_acl(cloud, WEB, "acl-web")
    cloud.mutate(READ_ACL, lambda answer: spoil(answer) if answer["AclId"] == ACL else None)
    lists = read(cloud, "access_control_lists")
    assert [row.id for row in lists.known_rows()] == ["acl-web"]
    with pytest.raises(NotKnown) as caught:
        lists.get(ACL)
    assert [reason.kind for reason in caught.value.reasons] == [ReasonKind.MALFORMED]


def test_a_list_that_ends_early_says_how_much_is_missing(cloud: FakeCloud) -> None:
    cloud.mutate(READ_ACL, lambda answer: answer.update(TotalAclEntry=9))
    cloud.mutate(READ_ACL, lambda answer: answer.update(AclEntrys={"AclEntry": []}), when=lambda p: p["Page"] != "1")
    lists = read(cloud, "access_control_lists")
    assert lists.state is State.UNAVAILABLE
    assert [reason.kind for reason in lists.reasons] == [ReasonKind.TRUNCATED]
    assert "7 of 9" in str(lists.reasons[0].message)


def test_the_lists_of_the_api_server_are_read_though_kubernetes_does_not_answer(cloud: FakeCloud) -> None:
    cloud.state.slb.load_balancers[API]["Tags"]["Tag"].clear()
    assert read(cloud, "access_control_lists", services=NO_SERVICES).get(ACL) is not None
    cloud.state.slb.add_acl("acl-web", "web", ["10.0.0.0/8"])
    with_acl(cloud, WEB, "acl-web")
    assert read(cloud, "access_control_lists", services=NO_SERVICES).get("acl-web") is not None, "it has the tag"


def test_the_lists_of_services_are_read_though_the_api_servers_balancer_is_not_known(cloud: FakeCloud) -> None:
    cloud.state.slb.load_balancers[API]["Tags"]["Tag"].clear()
    cloud.state.slb.add_acl("acl-web", "web", ["10.0.0.0/8"])
    with_acl(cloud, WEB, "acl-web")
    lists = read(cloud, "access_control_lists", clusters=NO_CLUSTER)
    assert lists.asked == frozenset({"acl-web"})
    with pytest.raises(NotKnown):
        lists.get(ACL)


def test_without_a_list_nothing_is_asked(cloud: FakeCloud) -> None:
    for listener in cloud.state.slb.listeners.values():
        listener.pop("AclIds", None)
        listener.pop("AclId", None)
    lists = read(cloud, "access_control_lists")
    assert (lists.state, lists.asked) == (State.KNOWN, frozenset())
    assert times(cloud, READ_ACL) == 0


def test_the_health_behind_the_api_server_is_read_and_no_other(cloud: FakeCloud) -> None:
    cloud.state.slb.health["rsp-bp1zsk0zicpwp", "eni-bp1zdykxbtxyfuyqlpwl"] = "abnormal"
    health = read(cloud, "load_balancer_health")
    assert health.all() == [
        LoadBalancerHealth(
            API,
            [
                ServerHealth("eni-bp1pia4xqclajfd9yzdm", 6443, "tcp", "192.168.0.5", 6443, "normal"),
                ServerHealth("eni-bp1zdykxbtxyfuyqlpwl", 6443, "tcp", "192.168.1.5", 6443, "abnormal"),
            ],
        )
    ]
    assert times(cloud, READ_HEALTH) == 1


def test_members_of_a_master_slave_group_have_a_health_too(cloud: FakeCloud) -> None:
    slb = cloud.state.slb
    slb.add_master_slave_group("rsp-ms", API, "pair", [{"ServerId": "i-1"}, {"ServerId": "i-2"}])
    slb.add_listener(API, 9000, "tcp", config={"MasterSlaveServerGroupId": "rsp-ms"})
    slb.health["rsp-ms", "i-2"] = "abnormal"
    row = read(cloud, "load_balancer_health").get(API)
    assert row is not None
    assert {s.server_id: s.status for s in row.servers if s.listener_port == 9000} == {
        "i-1": "normal",
        "i-2": "abnormal",
    }


def test_a_balancer_that_is_gone_has_no_health(cloud: FakeCloud) -> None:
    del cloud.state.slb.load_balancers[API]
    cluster = read(cloud, "clusters").all()[0]
    named = type(cluster)(cluster.id, api_load_balancer_ids=[API])
    health = read(cloud, "load_balancer_health", clusters=Table("clusters", [named]))
    assert health.state is State.KNOWN
    assert health.get(API) is None


def test_health_is_unavailable_where_it_can_not_be_told_whose(cloud: FakeCloud) -> None:
    for balancer in cloud.state.slb.load_balancers.values():
        balancer.update(Address="10.9.9.9", LoadBalancerName="renamed")
    row = read(cloud, "clusters").all()[0]
    unnamed = Table("clusters", [type(row)(row.id, api_endpoints=row.api_endpoints)])
    health = read(cloud, "load_balancer_health", clusters=unnamed)
    assert health.state is State.UNAVAILABLE
    assert [reason.kind for reason in health.reasons] == [ReasonKind.UNDECIDABLE]
    assert times(cloud, READ_HEALTH) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"BackendServers": None},
        {"BackendServers": {"BackendServer": None}},
        {"BackendServers": {"BackendServer": [{"ServerId": "i-1"}]}},
        {"BackendServers": {"BackendServer": [{"ListenerPort": 6443}]}},
    ],
)
def test_health_of_another_shape_is_not_known(cloud: FakeCloud, change: dict[str, Any]) -> None:
    cloud.mutate(READ_HEALTH, lambda answer: answer.update(change))
    health = read(cloud, "load_balancer_health")
    assert health.state is State.UNAVAILABLE
    assert [reason.kind for reason in health.reasons] == [ReasonKind.MALFORMED]


def test_health_that_does_not_say_its_protocol_says_so(cloud: FakeCloud) -> None:
    cloud.mutate(READ_HEALTH, lambda answer: answer["BackendServers"]["BackendServer"][0].pop("Protocol") and None)
    row = read(cloud, "load_balancer_health").get(API)
    assert row is not None
    assert [server.protocol for server in row.servers] == [None, "tcp"]


def test_the_members_of_master_slave_groups_are_read(cloud: FakeCloud) -> None:
    servers = [{"ServerId": "i-1", "Port": 80}, {"ServerId": "eni-2", "Port": 81, "Type": "eni", "Weight": 0}]
    cloud.state.slb.add_master_slave_group("rsp-ms", WEB, "pair", servers)
    members = read(cloud, "master_slave_backends")
    assert members.all() == [
        MasterSlaveBackends("rsp-ms", [Backend("i-1", 80, 100, "ecs"), Backend("eni-2", 81, 0, "eni")])
    ]


def test_a_group_whose_members_are_not_there_is_not_empty(cloud: FakeCloud) -> None:
    for name in ("rsp-1", "rsp-2"):
        cloud.state.slb.add_master_slave_group(name, WEB, name, [{"ServerId": "i-1"}])
    cloud.mutate(
        "slb:DescribeMasterSlaveServerGroupAttribute",
        lambda answer: answer.pop("MasterSlaveBackendServers") and None,
        when=lambda params: params["MasterSlaveServerGroupId"] == "rsp-1",
    )
    members = read(cloud, "master_slave_backends")
    assert members.get("rsp-2") is not None
    with pytest.raises(NotKnown, match="MasterSlaveBackendServers"):
        members.get("rsp-1")


def test_without_a_master_slave_group_none_is_asked_about(cloud: FakeCloud) -> None:
    members = read(cloud, "master_slave_backends", services=Table("services", [make.service("shop/inner")]))
    assert members.asked == frozenset()
    assert times(cloud, "slb:DescribeMasterSlaveServerGroupAttribute") == 0


@pytest.mark.parametrize(
    ("table", "action"), [("access_control_lists", READ_ACL), ("load_balancer_health", READ_HEALTH)]
)
def test_throttling_for_ever_is_said_as_such(cloud: FakeCloud, table: str, action: str) -> None:
    cloud.throttle(action)
    with client_of(cloud, backoff=IMPATIENT) as client:
        filled = fill_one(client, table, cluster_resources=NO_RESOURCES)
    assert filled.state is State.UNAVAILABLE
    assert filled.reasons[0].kind is ReasonKind.THROTTLED
