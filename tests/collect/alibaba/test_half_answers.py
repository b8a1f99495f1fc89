"""Answers that leave a field out by which checks decide: what is not said is not taken for "none"."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from auditor.facts.table import ReasonKind, State, Table
from tests.collect.alibaba.kit import client_of, fill_one
from tests.collect.alibaba.test_nlb import USERS
from tests.fakes.cloud import FakeCloud

OFFERS = (
    "AvailableZones",
    "AvailableZone",
    "[]",
    "AvailableResources",
    "AvailableResource",
    "[]",
    "SupportedResources",
)
API = "lb-bp1y28udk3bwt0a77lw9h"
Cut = Callable[[Any], None]


def dropping(*path: str) -> Cut:
    """Return what takes a field out of every object at a path; ``[]`` stands for all members of a list."""

    def drop(value: Any, rest: tuple[str, ...] = path) -> None:
        first, *others = rest
        if first == "[]":
            for member in value:
                drop(member, tuple(others))
        elif others:
            drop(value[first], tuple(others))
        else:
            value.pop(first, None)

    return drop


HALVES: Iterable[tuple[str, str, Cut]] = (
    ("load_balancers", "slb:DescribeLoadBalancers", dropping("LoadBalancers", "LoadBalancer", "[]", "Tags")),
    ("listeners", "slb:DescribeLoadBalancerListeners", dropping("Listeners", "[]", "VServerGroupId")),
    (
        "server_groups",
        "slb:DescribeVServerGroups",
        dropping("VServerGroups", "VServerGroup", "[]", "VServerGroupName"),
    ),
    ("group_backends", "slb:DescribeVServerGroupAttribute", dropping("VServerGroupName")),
    ("instances", "ecs:DescribeInstances", dropping("Instances", "Instance", "[]", "NetworkInterfaces")),
    (
        "instances",
        "ecs:DescribeInstances",
        dropping("Instances", "Instance", "[]", "VpcAttributes", "PrivateIpAddress"),
    ),
    ("disks", "ecs:DescribeDisks", dropping("Disks", "Disk", "[]", "Attachments")),
    ("disks", "ecs:DescribeDisks", dropping("Disks", "Disk", "[]", "InstanceId")),
    (
        "network_interfaces",
        "ecs:DescribeNetworkInterfaces",
        dropping("NetworkInterfaceSets", "NetworkInterfaceSet", "[]", "PrivateIpSets"),
    ),
    (
        "network_interfaces",
        "ecs:DescribeNetworkInterfaces",
        dropping("NetworkInterfaceSets", "NetworkInterfaceSet", "[]", "InstanceId"),
    ),
    (
        "route_entries",
        "vpc:DescribeRouteEntryList",
        dropping("RouteEntrys", "RouteEntry", "[]", "NextHops", "NextHop", "[]", "NextHopId"),
    ),
    ("eips", "vpc:DescribeEipAddresses", dropping("EipAddresses", "EipAddress", "[]", "InstanceId")),
    (
        "scaling_groups",
        "ess:DescribeScalingGroups",
        dropping("ScalingGroups", "ScalingGroup", "[]", "SuspendedProcesses"),
    ),
    (
        "scaling_groups",
        "ess:DescribeScalingGroups",
        dropping("ScalingGroups", "ScalingGroup", "[]", "ActiveScalingConfigurationId"),
    ),
    ("type_stocks", "ecs:DescribeAvailableResource", dropping(*OFFERS)),
    ("type_stocks", "ecs:DescribeAvailableResource", dropping(*OFFERS, "SupportedResource", "[]", "Value")),
    ("nas_access_rules", "nas:DescribeAccessRules", dropping("AccessRules", "AccessRule", "[]", "SourceCidrIp")),
)


def assert_malformed(table: Table[Any]) -> None:
    """Assert that no row is known, and that the answer is said to be the reason."""
    assert table.is_unavailable or not table.known_rows()
    assert table.gaps
    assert {gap.reason.kind for gap in table.gaps} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize(("table", "action", "cut"), HALVES)
def test_a_field_that_is_left_out_is_not_known(cloud: FakeCloud, table: str, action: str, cut: Cut) -> None:
    with client_of(cloud) as client:
        whole = fill_one(client, table)
        assert whole.known_rows()
    cloud.mutate(action, cut)
    with client_of(cloud) as client:
        assert_malformed(fill_one(client, table))


@pytest.mark.parametrize(
    ("table", "action", "cut"),
    [
        ("nlb_server_groups", "nlb:ListServerGroups", dropping("ServerGroups", "[]", "RelatedLoadBalancerIds")),
        ("network_load_balancers", "nlb:ListLoadBalancers", dropping("LoadBalancers", "[]", "SecurityGroupIds")),
        ("nlb_group_backends", "nlb:ListServerGroupServers", dropping("Servers", "[]", "ServerType")),
    ],
)
def test_so_is_one_of_nlb(cloud: FakeCloud, table: str, action: str, cut: Cut) -> None:
    cloud.state.nlb.add_load_balancer("nlb-1")
    cloud.state.nlb.add_server_group("sgp-1", ["nlb-1"], [{"ServerId": "i-1"}])
    with client_of(cloud) as client:
        assert fill_one(client, table, services=USERS).known_rows()
    cloud.mutate(action, cut)
    with client_of(cloud) as client:
        assert_malformed(fill_one(client, table, services=USERS))


@pytest.mark.parametrize(
    "fields",
    [
        {"group_id": "rsp-1"},
        {"config": {"MasterSlaveServerGroupId": "rsp-ms"}},
        {"BackendServerPort": 30080},
        {"config": {"ListenerForward": "on"}, "BackendServerPort": 0},
    ],
    ids=["group", "pair", "default-group", "redirect"],
)
def test_a_listener_may_leave_out_the_group_that_it_does_not_use(cloud: FakeCloud, fields: Mapping[str, Any]) -> None:
    listener = cloud.state.slb.add_listener(API, 8080, "http", **fields)
    if "group_id" not in fields:
        del listener["VServerGroupId"]
    with client_of(cloud) as client:
        table = fill_one(client, "listeners")
    assert table.state is State.KNOWN
    assert table.get(f"{API}/8080/http") is not None


@pytest.mark.parametrize("group", ["", None])
def test_a_listener_that_sends_nowhere_is_not_known(cloud: FakeCloud, group: str | None) -> None:
    cloud.state.slb.add_listener(API, 8080, "http", VServerGroupId=group, BackendServerPort=0)
    with client_of(cloud) as client:
        table = fill_one(client, "listeners")
    assert [gap.keys for gap in table.gaps] == [frozenset({f"{API}/8080/http"})]


def test_access_control_that_is_on_names_a_list(cloud: FakeCloud) -> None:
    cloud.state.slb.add_listener(API, 8080, "http", "rsp-1", AclStatus="on", AclType="white")
    with client_of(cloud) as client:
        table = fill_one(client, "listeners")
    assert [gap.keys for gap in table.gaps] == [frozenset({f"{API}/8080/http"})]


def test_an_interface_that_is_free_may_name_no_instance(cloud: FakeCloud) -> None:
    free = next(iter(cloud.state.ecs.network_interfaces.values()))
    free["Status"] = "Available"
    del free["InstanceId"]
    with client_of(cloud) as client:
        table = fill_one(client, "network_interfaces")
    assert table.state is State.KNOWN
    row = table.get(free["NetworkInterfaceId"])
    assert row is not None
    assert row.instance_id == ""


@pytest.mark.parametrize("name", ["labels", "taints", "instance_types"])
def test_a_pool_that_scales_says_what_its_nodes_are_like(cloud: FakeCloud, name: str) -> None:
    part = "scaling_group" if name == "instance_types" else "kubernetes_config"
    cloud.mutate("cs:DescribeClusterNodePools", dropping("nodepools", "[]", part, name))
    with client_of(cloud) as client:
        table = fill_one(client, "node_pools")
    assert [pool.auto_scaling for pool in table.known_rows()] == [False]
    assert [gap.reason.kind for gap in table.gaps] == [ReasonKind.MALFORMED]
    assert name in str(table.gaps[0].reason.message)


@pytest.mark.parametrize("name", ["labels", "taints"])
def test_a_pool_may_say_that_it_has_none(cloud: FakeCloud, name: str) -> None:
    def none(answer: Any) -> None:
        for pool in answer["nodepools"]:
            pool["kubernetes_config"][name] = None

    cloud.mutate("cs:DescribeClusterNodePools", none)
    with client_of(cloud) as client:
        table = fill_one(client, "node_pools")
    assert table.state is State.KNOWN
