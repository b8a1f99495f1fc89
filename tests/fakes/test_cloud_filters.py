"""Filters of the list operations, in each of the ways in which lists are sent."""

import json
from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, sdk

VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
GROUP = "sg-bp1ce61t4k3fi55hnta7"
NODE = "i-bp1vcw8abao0i6uxb1xi"
NODE_IP = "192.168.0.11"
DISK = "d-bp1meuryy17fee8kib4h"
API_SERVER = "lb-bp1y28udk3bwt0a77lw9h"
INGRESS = "lb-bp1qivht16qrbpfnz1a1c"
SHARED = "lb-bp1bhizbam3l7pwunzwwr"
CLUSTER = "c1cef2604bddf0081a2bc425e1415ce18"
POOL = "np929f96a2ffabb7f9a484e8bc061728f3"
ASG = "asg-bp16733ix4rwapcksyrb"


def ids(product: str, action: str, path: str, **params: Any) -> list[Any]:
    """Return one field of all items of an answer; the path is ``Outer.Inner.Field`` or ``Outer.Field``."""
    with FakeCloud.recorded().in_process():
        found = sdk.send(sdk.client(), sdk.rpc(product, action, **params))
    *containers, field = path.split(".")
    for name in containers:
        found = found[name]
    return [item[field] for item in found]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"LoadBalancerId": f"{API_SERVER},{INGRESS},lb-absent"}, [API_SERVER, INGRESS]),
        ({"LoadBalancerId": "lb-absent"}, []),
        ({"Address": "203.0.113.10"}, [INGRESS]),
        ({"Tag__1__Key": "kubernetes.reused.by.user", "Tag__1__Value": "true"}, [SHARED]),
        ({"Tag__1__Key": "kubernetes.reused.by.user", "Tag__1__Value": "false"}, []),
        ({"Tag__1__Key": "owner"}, [SHARED]),
        ({"ServerId": "eni-bp1pia4xqclajfd9yzdm"}, [API_SERVER]),
        ({"RegionId": "cn-beijing"}, []),
    ],
)
def test_load_balancers(params: dict[str, Any], expected: list[str]) -> None:
    assert ids("slb", "DescribeLoadBalancers", "LoadBalancers.LoadBalancer.LoadBalancerId", **params) == expected


def test_load_balancers_by_network_miss_the_public_ones() -> None:
    found = ids("slb", "DescribeLoadBalancers", "LoadBalancers.LoadBalancer.LoadBalancerId", VpcId=VPC)
    assert API_SERVER in found
    assert INGRESS not in found


def test_listeners_by_repeated_ids() -> None:
    params = {"LoadBalancerId__1": API_SERVER, "LoadBalancerId__2": INGRESS}
    assert ids("slb", "DescribeLoadBalancerListeners", "Listeners.ListenerPort", **params) == [6443, 80, 443]


def test_more_ids_than_a_call_takes() -> None:
    params = {f"LoadBalancerId__{number}": f"lb-{number}" for number in range(1, 12)}
    with sdk.refusal() as said:
        ids("slb", "DescribeLoadBalancerListeners", "Listeners.ListenerPort", **params)
    assert said["code"] == "InvalidParameter"
    with sdk.refusal() as said:
        ids("ecs", "DescribeDisks", "Disks.Disk.DiskId", DiskIds=json.dumps([f"d-{number}" for number in range(101)]))
    assert said["code"] == "InvalidParameter"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"InstanceIds": json.dumps([NODE, "i-absent"])}, [NODE]),
        ({"InstanceIds": "[]"}, []),
        ({"PrivateIpAddresses": json.dumps([NODE_IP])}, [NODE]),
        ({"VpcId": "vpc-other"}, []),
        ({"SecurityGroupId": "sg-other"}, []),
    ],
)
def test_instances(params: dict[str, str], expected: list[str]) -> None:
    assert ids("ecs", "DescribeInstances", "Instances.Instance.InstanceId", **params) == expected


@pytest.mark.parametrize("wrong", ["i-1,i-2", '{"a": 1}', "[1]", "[["])
def test_a_list_that_is_no_json_array(wrong: str) -> None:
    with sdk.refusal() as said:
        ids("ecs", "DescribeInstances", "Instances.Instance.InstanceId", InstanceIds=wrong)
    assert (said["code"], said["status"]) == ("InvalidParameter", 400)


@pytest.mark.parametrize(
    ("params", "expected"),
    [({"DiskIds": json.dumps([DISK, "d-absent"])}, 1), ({"InstanceId": NODE}, 2), ({"ZoneId": "cn-hangzhou-k"}, 5)],
)
def test_disks(params: dict[str, str], expected: int) -> None:
    assert len(ids("ecs", "DescribeDisks", "Disks.Disk.DiskId", MaxResults=500, **params)) == expected


def test_network_interfaces() -> None:
    path = "NetworkInterfaceSets.NetworkInterfaceSet.InstanceId"
    assert ids("ecs", "DescribeNetworkInterfaces", path, PrivateIpAddress__1=NODE_IP) == [NODE]
    assert ids("ecs", "DescribeNetworkInterfaces", path, InstanceId=NODE) == [NODE]
    assert ids("ecs", "DescribeNetworkInterfaces", path, NetworkInterfaceId__1="eni-absent") == []


def test_security_groups_show_their_members_only_when_asked() -> None:
    path = "SecurityGroups.SecurityGroup.EcsCount"
    group = json.dumps([GROUP])
    assert ids("ecs", "DescribeSecurityGroups", path, SecurityGroupIds=group, IsQueryEcsCount="true") == [8]
    with pytest.raises(KeyError):
        ids("ecs", "DescribeSecurityGroups", path, SecurityGroupIds=group)


def test_rules_of_one_direction() -> None:
    path = "Permissions.Permission.Direction"
    found = ids("ecs", "DescribeSecurityGroupAttribute", path, SecurityGroupId=GROUP, Direction="egress")
    assert found == ["egress"] * len(found) != []
    with sdk.refusal() as said:
        ids("ecs", "DescribeSecurityGroupAttribute", path, SecurityGroupId=GROUP, Direction="sideways")
    assert said["code"] == "InvalidParameter"


def test_instance_roles_want_ids_or_a_role() -> None:
    with sdk.refusal() as said:
        ids("ecs", "DescribeInstanceRamRole", "InstanceRamRoleSets.InstanceRamRoleSet.InstanceId")
    assert said["code"] == "MissingParameter"


def test_instance_types_by_name() -> None:
    path = "InstanceTypes.InstanceType.InstanceTypeId"
    assert ids("ecs", "DescribeInstanceTypes", path, InstanceTypes__1="ecs.g7.xlarge") == ["ecs.g7.xlarge"]


def test_file_systems_of_one_type() -> None:
    path = "FileSystems.FileSystem.FileSystemId"
    assert ids("nas", "DescribeFileSystems", path, FileSystemType="extreme") == []
    assert len(ids("nas", "DescribeFileSystems", path, FileSystemType="all")) == 2
    assert ids("nas", "DescribeFileSystems", path, FileSystemId="e5bc4e67df") == ["e5bc4e67df"]


def test_scaling_groups_by_id_leave_out_inactive_ones() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ess.scaling_groups[ASG]["LifecycleState"] = "Inactive"
    acs = sdk.client()
    with cloud.in_process():
        asked = sdk.send(acs, sdk.rpc("ess", "DescribeScalingGroups", ScalingGroupId__1=ASG))
        listed = sdk.send(acs, sdk.rpc("ess", "DescribeScalingGroups"))
    assert asked["ScalingGroups"]["ScalingGroup"] == []
    assert listed["TotalCount"] == 2


def test_addresses_and_routes() -> None:
    path = "EipAddresses.EipAddress.IpAddress"
    assert ids("vpc", "DescribeEipAddresses", path, AssociatedInstanceId=API_SERVER) == ["203.0.113.67"]
    assert ids("vpc", "DescribeEipAddresses", path, EipAddress="203.0.113.99") == ["203.0.113.99"]
    path = "RouteEntrys.RouteEntry.DestinationCidrBlock"
    table = "vtb-bp1ckdry1c9lmcfd0xfjw"
    assert ids("vpc", "DescribeRouteEntryList", path, RouteTableId=table, NextHopId=NODE) == ["172.20.0.0/25"]


def test_quotas_of_another_region() -> None:
    params = {"ProductCode": "slb", "Dimensions__1__Key": "regionId", "Dimensions__1__Value": "cn-beijing"}
    assert ids("quotas", "ListProductQuotas", "Quotas.QuotaName", **params) == []


def test_nodes_of_one_pool() -> None:
    with FakeCloud.recorded().in_process():
        answer = sdk.send(sdk.client(), sdk.roa(f"/clusters/{CLUSTER}/nodes", {"nodepool_id": POOL}))
    assert answer["page"]["total_count"] == 3
