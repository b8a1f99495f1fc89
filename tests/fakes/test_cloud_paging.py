"""Pages: every style walks to the end, and what the products do not accept is refused."""

from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, sdk

NUMBERED = [
    ("slb", "DescribeLoadBalancers", {}, "LoadBalancers", "LoadBalancer", 100, 5),
    ("ecs", "DescribeInstanceRamRole", {"RamRoleName": "worker"}, "InstanceRamRoleSets", "InstanceRamRoleSet", 50, 8),
    ("nas", "DescribeFileSystems", {}, "FileSystems", "FileSystem", 100, 2),
    ("nas", "DescribeAccessGroups", {}, "AccessGroups", "AccessGroup", 100, 2),
    ("nas", "DescribeAccessRules", {"AccessGroupName": "shop-prod-nodes"}, "AccessRules", "AccessRule", 100, 4),
    ("ess", "DescribeScalingGroups", {}, "ScalingGroups", "ScalingGroup", 50, 2),
    ("ess", "DescribeScalingConfigurations", {}, "ScalingConfigurations", "ScalingConfiguration", 50, 2),
    ("ess", "DescribeScalingInstances", {}, "ScalingInstances", "ScalingInstance", 100, 8),
    ("vpc", "DescribeVSwitches", {}, "VSwitches", "VSwitch", 50, 3),
    ("vpc", "DescribeEipAddresses", {}, "EipAddresses", "EipAddress", 100, 2),
    ("vpc", "DescribeSnatTableEntries", {"NatGatewayId": "ngw-bp1qi7xcp91e0hdjn0b5d"}, "SnatTableEntries",
     "SnatTableEntry", 50, 3),
]  # fmt: skip
TOKENS = [
    ("slb", "DescribeLoadBalancerListeners", {}, ("Listeners",), "MaxResults", 100, 8),
    ("ecs", "DescribeInstances", {}, ("Instances", "Instance"), "MaxResults", 100, 8),
    ("ecs", "DescribeDisks", {}, ("Disks", "Disk"), "MaxResults", 500, 20),
    ("ecs", "DescribeNetworkInterfaces", {}, ("NetworkInterfaceSets", "NetworkInterfaceSet"), "MaxResults", 500, 10),
    ("ecs", "DescribeInstanceTypes", {}, ("InstanceTypes", "InstanceType"), "MaxResults", 1600, 2),
    ("nlb", "ListServerGroups", {}, ("ServerGroups",), "MaxResults", 100, 3),
    ("quotas", "ListProductQuotas", {"ProductCode": "slb"}, ("Quotas",), "MaxResults", 100, 7),
    ("vpc", "DescribeRouteEntryList", {"RouteTableId": "vtb-bp1ckdry1c9lmcfd0xfjw"}, ("RouteEntrys", "RouteEntry"),
     "MaxResult", 100, 13),
]  # fmt: skip


def account() -> FakeCloud:
    cloud = FakeCloud.recorded()
    for instance_id in cloud.state.ecs.instance_roles:
        cloud.state.ecs.instance_roles[instance_id] = "worker"
    for number in range(3):
        cloud.state.nlb.add_server_group(f"sgp-{number}", [], [])
    return cloud


def within(answer: dict[str, Any], path: tuple[str, ...]) -> list[Any]:
    found: Any = answer
    for name in path:
        found = found[name]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(("product", "action", "params", "outer", "inner", "largest", "total"), NUMBERED)
def test_paging_by_number(
    product: str, action: str, params: dict[str, str], outer: str, inner: str, largest: int, total: int
) -> None:
    acs = sdk.client()
    with account().in_process():
        whole = sdk.send(acs, sdk.rpc(product, action, **params, PageNumber=1, PageSize=largest))
        assert whole["TotalCount"] == total
        gathered: list[Any] = []
        for number in range(1, total + 1):
            answer = sdk.send(acs, sdk.rpc(product, action, **params, PageNumber=number, PageSize=1))
            assert answer["TotalCount"] == total
            assert len(answer[outer][inner]) == 1
            gathered += answer[outer][inner]
        assert gathered == whole[outer][inner]
        after = sdk.send(acs, sdk.rpc(product, action, **params, PageNumber=total + 1, PageSize=1))
        assert after[outer][inner] == []
        with sdk.refusal() as said:
            sdk.send(acs, sdk.rpc(product, action, **params, PageNumber=1, PageSize=largest + 1))
        assert (said["code"], said["status"]) == ("InvalidParameter", 400)


@pytest.mark.parametrize(("product", "action", "params", "path", "size", "largest", "total"), TOKENS)
def test_paging_by_token(
    product: str, action: str, params: dict[str, str], path: tuple[str, ...], size: str, largest: int, total: int
) -> None:
    acs = sdk.client()
    cloud = account()
    with cloud.in_process():
        whole = sdk.send(acs, sdk.rpc(product, action, **params, **{size: largest}))
        assert len(within(whole, path)) == total
        assert whole["NextToken"] == ""
        cloud.gateway.page_limit = 1
        gathered: list[Any] = []
        token: dict[str, str] = {}
        while token != {"NextToken": ""}:
            answer = sdk.send(acs, sdk.rpc(product, action, **params, **token, **{size: largest}))
            assert len(within(answer, path)) == 1
            gathered += within(answer, path)
            token = {"NextToken": answer["NextToken"]}
        assert gathered == within(whole, path)
        for wrong in ({size: largest + 1}, {size: 10, "NextToken": "nonsense"}, {size: 10, "NextToken": "ab"}):
            with sdk.refusal() as said:
                sdk.send(acs, sdk.rpc(product, action, **params, **wrong))
            assert said["code"] == "InvalidParameter"


def test_paging_by_marker() -> None:
    acs = sdk.client()
    with FakeCloud.recorded().in_process():
        whole = sdk.send(acs, sdk.rpc("ram", "ListRoles", MaxItems=1000))
        assert whole["IsTruncated"] is False
        assert "Marker" not in whole
        gathered: list[Any] = []
        marker: dict[str, str] = {}
        truncated = True
        while truncated:
            answer = sdk.send(acs, sdk.rpc("ram", "ListRoles", MaxItems=3, **marker))
            gathered += answer["Roles"]["Role"]
            truncated, marker = answer["IsTruncated"], {"Marker": answer.get("Marker", "")}
        assert gathered == whole["Roles"]["Role"]


def test_paging_of_acl_entries_has_a_name_of_its_own() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.slb.add_acl("acl-1", "long", [f"10.0.{number}.0/24" for number in range(60)])
    acs = sdk.client()
    with cloud.in_process():
        pages = [
            sdk.send(acs, sdk.rpc("slb", "DescribeAccessControlListAttribute", AclId="acl-1", Page=page, PageSize=50))
            for page in (1, 2)
        ]
    assert [len(page["AclEntrys"]["AclEntry"]) for page in pages] == [50, 10]
    assert {page["TotalAclEntry"] for page in pages} == {60}


@pytest.mark.parametrize(
    ("path", "container", "number", "size", "info"),
    [
        ("/api/v1/clusters", "clusters", "page_number", "page_size", "page_info"),
        ("/clusters/c1cef2604bddf0081a2bc425e1415ce18/nodes", "nodes", "pageNumber", "pageSize", "page"),
    ],
)
def test_paging_of_container_service(path: str, container: str, number: str, size: str, info: str) -> None:
    acs = sdk.client()
    with FakeCloud.recorded().in_process():
        whole = sdk.send(acs, sdk.roa(path, {number: 1, size: 100}))
        total = whole[info]["total_count"]
        gathered: list[Any] = []
        for page in range(1, total + 1):
            gathered += sdk.send(acs, sdk.roa(path, {number: page, size: 1}))[container]
        assert gathered == whole[container]
        with sdk.refusal() as said:
            sdk.send(acs, sdk.roa(path, {number: 1, size: 101}))
        assert said["code"] == "InvalidParameter"


def test_disks_come_in_pages_of_ten_at_least_and_then_have_no_total() -> None:
    acs = sdk.client()
    with FakeCloud.recorded().in_process():
        first = sdk.send(acs, sdk.rpc("ecs", "DescribeDisks", MaxResults=1))
        assert len(first["Disks"]["Disk"]) == 10
        assert first["TotalCount"] == 0
        rest = sdk.send(acs, sdk.rpc("ecs", "DescribeDisks", MaxResults=10, NextToken=first["NextToken"]))
    assert len(rest["Disks"]["Disk"]) == 10
    assert rest["NextToken"] == ""


def test_a_page_limit_cuts_what_the_caller_asks_for() -> None:
    acs = sdk.client()
    with FakeCloud.recorded(page_limit=2).in_process():
        answer = sdk.send(acs, sdk.rpc("slb", "DescribeLoadBalancers", PageNumber=3, PageSize=100))
    assert answer["PageSize"] == 2
    assert len(answer["LoadBalancers"]["LoadBalancer"]) == 1
    assert answer["TotalCount"] == 5


@pytest.mark.parametrize("given", [{"PageNumber": 1}, {"PageSize": 10}])
def test_load_balancers_want_both_numbers_or_none(given: dict[str, int]) -> None:
    with FakeCloud.recorded().in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), sdk.rpc("slb", "DescribeLoadBalancers", **given))
    assert said["code"] == "MissingParameter"
