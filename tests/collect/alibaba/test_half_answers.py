"""Answers that leave fields out: what is not said is not taken for "none", and what need not be said is no gap."""

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


def together(*cuts: Cut) -> Cut:
    """Return what takes several fields out."""

    def drop(value: Any) -> None:
        for cut in cuts:
            cut(value)

    return drop


def setting(value: Any, *path: str) -> Cut:
    """Return what sets a field in every object at a path, as :func:`dropping` takes one out."""

    def put(answer: Any, rest: tuple[str, ...] = path) -> None:
        first, *others = rest
        if first == "[]":
            for member in answer:
                put(member, tuple(others))
        elif others:
            put(answer[first], tuple(others))
        else:
            answer[first] = value

    return put


INSTANCE = ("Instances", "Instance", "[]")
DISK = ("Disks", "Disk", "[]")
INTERFACE = ("NetworkInterfaceSets", "NetworkInterfaceSet", "[]")
ROUTE = ("RouteEntrys", "RouteEntry", "[]")
TABLE = ("RouterTableList", "RouterTableListType", "[]")

HALVES: Iterable[tuple[str, str, Cut]] = (
    ("listeners", "slb:DescribeLoadBalancerListeners", dropping("Listeners", "[]", "VServerGroupId")),
    (
        "server_groups",
        "slb:DescribeVServerGroups",
        dropping("VServerGroups", "VServerGroup", "[]", "VServerGroupName"),
    ),
    ("group_backends", "slb:DescribeVServerGroupAttribute", dropping("VServerGroupName")),
    (
        "instances",
        "ecs:DescribeInstances",
        together(dropping(*INSTANCE, "NetworkInterfaces"), dropping(*INSTANCE, "VpcAttributes", "PrivateIpAddress")),
    ),
    ("disks", "ecs:DescribeDisks", together(dropping(*DISK, "Attachments"), dropping(*DISK, "InstanceId"))),
    (
        "disks",
        "ecs:DescribeDisks",
        together(dropping(*DISK, "Attachments", "Attachment", "[]", "InstanceId"), dropping(*DISK, "InstanceId")),
    ),
    ("disks", "ecs:DescribeDisks", dropping(*DISK, "DiskId")),
    (
        "network_interfaces",
        "ecs:DescribeNetworkInterfaces",
        dropping("NetworkInterfaceSets", "NetworkInterfaceSet", "[]", "PrivateIpSets"),
    ),
    (
        "route_entries",
        "vpc:DescribeRouteEntryList",
        dropping(*ROUTE, "NextHops", "NextHop", "[]", "NextHopId"),
    ),
    (
        "route_entries",
        "vpc:DescribeRouteEntryList",
        together(setting("Custom", *ROUTE, "Type"), dropping(*ROUTE, "NextHops")),
    ),
    (
        "route_tables",
        "vpc:DescribeRouteTableList",
        together(setting("Custom", *TABLE, "RouteTableType"), dropping(*TABLE, "VSwitchIds")),
    ),
    ("eips", "vpc:DescribeEipAddresses", dropping("EipAddresses", "EipAddress", "[]", "InstanceId")),
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
        ("network_load_balancers", "nlb:ListLoadBalancers", dropping("LoadBalancers", "[]", "ZoneMappings")),
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


def test_a_pool_that_scales_says_of_what_kind_its_nodes_are(cloud: FakeCloud) -> None:
    group = ("nodepools", "[]", "scaling_group")
    cut = together(dropping(*group, "instance_types"), dropping(*group, "instance_patterns"))
    cloud.mutate("cs:DescribeClusterNodePools", cut)
    with client_of(cloud) as client:
        table = fill_one(client, "node_pools")
    assert [pool.auto_scaling for pool in table.known_rows()] == [False]
    assert [gap.reason.kind for gap in table.gaps] == [ReasonKind.MALFORMED]
    assert "instance_types" in str(table.gaps[0].reason.message)


@pytest.mark.parametrize(
    ("table", "action", "cut"),
    [
        ("disks", "ecs:DescribeDisks", setting({}, *DISK, "OperationLocks")),
        ("disks", "ecs:DescribeDisks", setting(None, *DISK, "Tags")),
        ("disks", "ecs:DescribeDisks", dropping(*DISK, "Placement")),
        ("instances", "ecs:DescribeInstances", dropping(*INSTANCE, "VpcAttributes", "PrivateIpAddress")),
        ("network_interfaces", "ecs:DescribeNetworkInterfaces", dropping(*INTERFACE, "InstanceId")),
        ("network_interfaces", "ecs:DescribeNetworkInterfaces", dropping(*INTERFACE, "Attachment")),
        ("network_interfaces", "ecs:DescribeNetworkInterfaces", setting(None, *INTERFACE, "Tags")),
        ("vswitches", "vpc:DescribeVSwitches", dropping("VSwitches", "VSwitch", "[]", "Ipv6CidrBlock")),
        (
            "scaling_groups",
            "ess:DescribeScalingGroups",
            dropping("ScalingGroups", "ScalingGroup", "[]", "VSwitchId"),
        ),
        ("listeners", "slb:DescribeLoadBalancerListeners", setting(None, "Listeners", "[]", "AclId")),
        ("node_pools", "cs:DescribeClusterNodePools", setting(None, "nodepools", "[]", "kubernetes_config", "taints")),
        (
            "node_pools",
            "cs:DescribeClusterNodePools",
            dropping("nodepools", "[]", "scaling_group", "instance_patterns"),
        ),
        (
            "nas_access_rules",
            "nas:DescribeAccessRules",
            dropping("AccessRules", "AccessRule", "[]", "Ipv6SourceCidrIp"),
        ),
    ],
)
def test_what_need_not_be_said_changes_nothing(cloud: FakeCloud, table: str, action: str, cut: Cut) -> None:
    with client_of(cloud) as client:
        whole = fill_one(client, table)
    cloud.mutate(action, cut)
    with client_of(cloud) as client:
        again = fill_one(client, table)
    assert again.state is State.KNOWN
    assert again.known_rows() == whole.known_rows()


@pytest.mark.parametrize(
    ("table", "action", "cut", "name"),
    [
        (
            "load_balancers",
            "slb:DescribeLoadBalancers",
            dropping("LoadBalancers", "LoadBalancer", "[]", "Tags"),
            "tags_are_said",
        ),
        (
            "instances",
            "ecs:DescribeInstances",
            dropping(*INSTANCE, "NetworkInterfaces"),
            "network_interface_ids",
        ),
        (
            "scaling_groups",
            "ess:DescribeScalingGroups",
            dropping("ScalingGroups", "ScalingGroup", "[]", "SuspendedProcesses"),
            "suspended_processes",
        ),
        (
            "node_pools",
            "cs:DescribeClusterNodePools",
            dropping("nodepools", "[]", "kubernetes_config", "labels"),
            "labels",
        ),
        (
            "node_pools",
            "cs:DescribeClusterNodePools",
            dropping("nodepools", "[]", "kubernetes_config", "taints"),
            "taints",
        ),
    ],
)
def test_what_few_ask_for_is_not_said_in_a_row_that_is_known(
    cloud: FakeCloud, table: str, action: str, cut: Cut, name: str
) -> None:
    cloud.mutate(action, cut)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.KNOWN
    assert len(filled)
    assert not any(getattr(row, name) for row in filled.known_rows())
    assert all(getattr(row, name) in (None, False) for row in filled.known_rows())


@pytest.mark.parametrize(
    "cut",
    [
        dropping(*DISK, "Attachments"),
        setting(None, *DISK, "Attachments"),
        setting({"Attachment": []}, *DISK, "Attachments"),
        dropping(*DISK, "Attachments", "Attachment", "[]", "InstanceId"),
        dropping(*DISK, "InstanceId"),
        setting("", *DISK, "InstanceId"),
    ],
)
def test_one_field_is_enough_to_tell_who_holds_a_disk(cloud: FakeCloud, cut: Cut) -> None:
    with client_of(cloud) as client:
        whole = fill_one(client, "disks")
    cloud.mutate("ecs:DescribeDisks", cut)
    with client_of(cloud) as client:
        again = fill_one(client, "disks")
    assert again.state is State.KNOWN
    assert any(disk.holders for disk in again.all())
    assert [disk.holders for disk in again.all()] == [disk.holders for disk in whole.all()]


def test_the_groups_of_an_nlb_may_be_not_said(cloud: FakeCloud) -> None:
    cloud.state.nlb.add_load_balancer("nlb-1")
    cloud.mutate("nlb:ListLoadBalancers", dropping("LoadBalancers", "[]", "SecurityGroupIds"))
    with client_of(cloud) as client:
        table = fill_one(client, "network_load_balancers", services=USERS)
    assert [row.security_group_ids for row in table.all()] == [None]


def test_a_disk_that_says_of_its_one_holder_that_there_is_none_is_held_by_none(cloud: FakeCloud) -> None:
    cut = together(dropping(*DISK, "Attachments"), setting("", *DISK, "InstanceId"))
    cloud.mutate("ecs:DescribeDisks", cut)
    with client_of(cloud) as client:
        table = fill_one(client, "disks")
    assert table.state is State.KNOWN
    assert not any(disk.holders for disk in table.all())


def test_a_disk_that_several_share_names_them_all(cloud: FakeCloud) -> None:
    shared = {"Attachment": [{"InstanceId": "i-1"}, {"Device": "/dev/vdb"}]}
    cloud.mutate("ecs:DescribeDisks", setting(shared, *DISK, "Attachments"))
    with client_of(cloud) as client:
        assert_malformed(fill_one(client, "disks"))


def test_an_interface_in_use_names_who_uses_it_unless_a_service_does(cloud: FakeCloud) -> None:
    cut = together(dropping(*INTERFACE, "InstanceId"), dropping(*INTERFACE, "Attachment"))
    cloud.mutate("ecs:DescribeNetworkInterfaces", cut)
    with client_of(cloud) as client:
        table = fill_one(client, "network_interfaces")
    assert {row.service_managed for row in table.known_rows()} == {True}
    assert {gap.reason.kind for gap in table.gaps} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize("cut", [dropping(*ROUTE, "NextHops"), setting(None, *ROUTE, "NextHops")])
def test_the_systems_own_routes_may_leave_out_where_they_lead(cloud: FakeCloud, cut: Cut) -> None:
    cloud.mutate("vpc:DescribeRouteEntryList", together(setting("System", *ROUTE, "Type"), cut))
    with client_of(cloud) as client:
        table = fill_one(client, "route_entries")
    assert table.state is State.KNOWN


def test_what_is_no_load_balancer_may_have_no_id_among_the_resources(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        whole = fill_one(client, "cluster_resources")
    cloud.mutate("cs:DescribeClusterResources", _without_other_ids)
    with client_of(cloud) as client:
        table = fill_one(client, "cluster_resources")
    assert table.state is State.KNOWN
    balancers = {row.key for row in whole.all() if "SLB" in row.type}
    assert balancers
    assert balancers == {row.key for row in table.all() if "SLB" in row.type}


def _without_other_ids(answer: Any) -> None:
    for one in answer:
        if "SLB" not in one["resource_type"]:
            one["instance_id"] = None


@pytest.mark.parametrize("name", ["labels", "taints"])
def test_a_pool_may_say_that_it_has_none(cloud: FakeCloud, name: str) -> None:
    def none(answer: Any) -> None:
        for pool in answer["nodepools"]:
            pool["kubernetes_config"][name] = None

    cloud.mutate("cs:DescribeClusterNodePools", none)
    with client_of(cloud) as client:
        table = fill_one(client, "node_pools")
    assert table.state is State.KNOWN
