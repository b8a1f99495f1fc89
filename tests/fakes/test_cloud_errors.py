"""Errors: their codes, statuses and bodies, in the words of each product."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException

from tests.fakes.cloud import ApiError, FakeCloud, recorded, sdk
from tests.fakes.cloud.gateway import Request
from tests.fakes.cloud.products import PRODUCTS, is_read

CLUSTER = "c1cef2604bddf0081a2bc425e1415ce18"
MISSING = [
    ("slb", "DescribeLoadBalancerAttribute", {"LoadBalancerId": "lb-x"}, "InvalidLoadBalancerId.NotFound", 404),
    ("slb", "DescribeVServerGroups", {"LoadBalancerId": "lb-x"}, "InvalidLoadBalancerId.NotFound", 404),
    ("slb", "DescribeMasterSlaveServerGroups", {"LoadBalancerId": "lb-x"}, "InvalidLoadBalancerId.NotFound", 404),
    ("slb", "DescribeHealthStatus", {"LoadBalancerId": "lb-x"}, "InvalidLoadBalancerId.NotFound", 404),
    ("slb", "DescribeVServerGroupAttribute", {"VServerGroupId": "rsp-x"}, "InvalidParameter", 400),
    ("slb", "DescribeMasterSlaveServerGroupAttribute", {"MasterSlaveServerGroupId": "x"}, "InvalidParameter", 400),
    ("slb", "DescribeAccessControlListAttribute", {"AclId": "acl-x"}, "AclNotExist", 400),
    ("ecs", "DescribeSecurityGroupAttribute", {"SecurityGroupId": "sg-x"}, "InvalidSecurityGroupId.NotFound", 404),
    ("ecs", "DescribePrefixListAttributes", {"PrefixListId": "pl-x"}, "InvalidPrefixListId.NotFound", 404),
    ("nas", "DescribeFileSystems", {"FileSystemId": "x"}, "InvalidFileSystem.NotFound", 404),
    ("nas", "DescribeMountTargets", {"FileSystemId": "x"}, "InvalidFileSystem.NotFound", 404),
    ("nas", "DescribeAccessRules", {"AccessGroupName": "x"}, "InvalidAccessGroup.NotFound", 404),
    ("nas", "DescribeAccessGroups", {"AccessGroupName": "x"}, "InvalidAccessGroup.NotFound", 404),
    ("ram", "GetRole", {"RoleName": "x"}, "EntityNotExist.Role", 404),
    ("ram", "ListPoliciesForRole", {"RoleName": "x"}, "EntityNotExist.Role", 404),
    ("ram", "GetPolicy", {"PolicyName": "x", "PolicyType": "System"}, "EntityNotExist.Policy", 404),
    ("ess", "DescribeScalingActivities", {"ScalingGroupId": "asg-x"}, "InvalidScalingGroupId.NotFound", 404),
    ("vpc", "DescribeRouteEntryList", {"RouteTableId": "vtb-x"}, "InvalidRouteTableId.NotFound", 404),
    ("vpc", "DescribeNetworkAclAttributes", {"NetworkAclId": "nacl-x"}, "InvalidNetworkAcl.NotFound", 400),
    ("nlb", "GetLoadBalancerAttribute", {"LoadBalancerId": "nlb-x"}, "ResourceNotFound.loadBalancer", 404),
    ("nlb", "ListServerGroupServers", {"ServerGroupId": "sgp-x"}, "ResourceNotFound.serverGroup", 404),
    ("ram", "GetRole", {}, "MissingParameter", 400),
    ("ess", "DescribeScalingActivities", {}, "MissingParameter", 400),
    ("nas", "DescribeAccessRules", {}, "MissingParameter", 400),
]  # fmt: skip
DENIED = [
    ("slb", "DescribeLoadBalancers", "Forbidden.RAM"),
    ("ecs", "DescribeDisks", "Forbidden.RAM"),
    ("nas", "DescribeFileSystems", "Forbidden.RAM"),
    ("vpc", "DescribeVSwitches", "Forbidden.RAM"),
    ("ess", "DescribeScalingGroups", "Forbidden.Unauthorized"),
    ("nlb", "ListLoadBalancers", "Forbidden.NoPermission"),
    ("ram", "ListRoles", "NoPermission"),
    ("quotas", "ListProductQuotas", "NoPermission"),
]


def refused_by(cloud: FakeCloud, request: Any) -> Mapping[str, Any]:
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), request)
    return said


def raw(cloud: FakeCloud, path: str) -> tuple[int, Any]:
    """Return the status and the text of an answer, without the SDK in between."""
    cloud.gateway.check_signatures = False
    reply = cloud.gateway.answer(Request("GET", "127.0.0.1", path, {}, ""))
    return reply.status, json.loads(reply.body)


def shape(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error body without what differs from call to call."""
    return {key: value for key, value in body.items() if key not in ("RequestId", "requestId", "Recommend", "message")}


@pytest.mark.parametrize(("product", "action", "params", "code", "status"), MISSING)
def test_what_is_not_there(product: str, action: str, params: dict[str, str], code: str, status: int) -> None:
    said = refused_by(FakeCloud.recorded(), sdk.rpc(product, action, **params))
    assert (said["code"], said["status"]) == (code, status)


@pytest.mark.parametrize(("product", "action", "code"), DENIED)
def test_want_of_a_permission(product: str, action: str, code: str) -> None:
    cloud = FakeCloud.recorded()
    cloud.deny(f"{product}:{action}")
    said = refused_by(cloud, sdk.rpc(product, action))
    assert (said["code"], said["status"]) == (code, 403)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/clusters/c-absent", "ErrorClusterNotFound"),
        ("/clusters/c-absent/nodepools", "ErrorClusterNotFound"),
        (f"/clusters/{CLUSTER}/nodepools/np-absent", "ErrorNodePoolNotFound"),
        (f"/clusters/{CLUSTER}/addon_instances/absent", "AddonNotFound"),
    ],
)
def test_container_service_speaks_in_lower_case(path: str, code: str) -> None:
    said = refused_by(FakeCloud.recorded(), sdk.roa(path))
    assert (said["code"], said["status"]) == (code, 404)
    assert set(said["body"]) == {"code", "message", "requestId", "status"}


def test_recorded_error_bodies() -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("ecs:DescribeDisks")
    cloud.deny("ram:ListPoliciesForRole")
    cloud.deny("cs:DescribeClusterDetail")
    cloud.throttle("slb:DescribeVServerGroups")
    cloud.throttle("ecs:DescribeInstances")
    cloud.throttle("cs:DescribeClusterNodes")
    cloud.fail_with(
        "vpc:*",
        ApiError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503),
    )
    cloud.fail_with("nas:*", ApiError("OperationDenied.ServiceNotOpen", "The service is not open.", 403))
    expected = {
        "Forbidden.RAM.ecs": "/?Version=2014-05-26&Action=DescribeDisks",
        "NoPermission.ram": "/?Version=2015-05-01&Action=ListPoliciesForRole",
        "Throttling.User.slb": "/?Version=2014-05-15&Action=DescribeVServerGroups",
        "Throttling.ecs": "/?Version=2014-05-26&Action=DescribeInstances",
        "Throttling.Api.cs": f"/clusters/{CLUSTER}/nodes",
        "StatusForbidden.cs": f"/clusters/{CLUSTER}",
        "ErrorClusterNotFound.cs": "/clusters/c-absent/nodepools",
        "ServiceUnavailable.vpc": "/?Version=2016-04-28&Action=DescribeVSwitches",
        "OperationDenied.ServiceNotOpen.nas": "/?Version=2017-06-26&Action=DescribeFileSystems",
        "InvalidLoadBalancerId.NotFound.slb": "/?Version=2014-05-15&Action=DescribeHealthStatus&LoadBalancerId=lb-x",
        "InvalidSecurityGroupId.NotFound.ecs":
            "/?Version=2014-05-26&Action=DescribeSecurityGroupAttribute&SecurityGroupId=sg-x",
        "EntityNotExist.Role.ram": "/?Version=2015-05-01&Action=GetRole&RoleName=KubernetesWorkerRole-missing",
    }  # fmt: skip
    statuses = {entry["file"]: entry["http_status"] for entry in recorded.index() if "http_status" in entry}
    for name, path in expected.items():
        status, body = raw(cloud, path)
        assert status == statuses[f"errors/{name}.json"], name
        assert shape(body) == shape(recorded.answer(f"errors/{name}.json")), name


@pytest.mark.parametrize(
    ("version", "action"),
    [
        ("2014-05-26", "DescribeNothing"),
        ("2014-05-26", "DescribeLoadBalancers"),
        ("1999-01-01", "DescribeDisks"),
        ("2014-05-26", ""),
    ],
)
def test_unknown_operations(version: str, action: str) -> None:
    status, body = raw(FakeCloud.recorded(), f"/?Version={version}&Action={action}")
    assert (status, body["Code"]) == (404, "InvalidAction.NotFound")


def test_an_unknown_path() -> None:
    status, body = raw(FakeCloud.recorded(), "/clusters/c1/wishes")
    assert (status, body["Code"]) == (404, "InvalidAction.NotFound")


def test_an_operation_at_the_host_of_another_product() -> None:
    request = sdk.rpc("ecs", "DescribeDisks")
    request.set_endpoint("slb.aliyuncs.com")
    assert refused_by(FakeCloud.recorded(), request)["code"] == "InvalidAction.NotFound"


def test_one_name_in_two_products_is_told_apart_by_version() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.nlb.add_load_balancer("nlb-1")
    for version, expected in (("2022-04-30", 1), ("2020-06-16", 0)):
        assert raw(cloud, f"/?Version={version}&Action=ListLoadBalancers")[1]["TotalCount"] == expected
    assert cloud.actions() == ["nlb:ListLoadBalancers", "alb:ListLoadBalancers"]


@pytest.mark.parametrize(
    ("version", "action"),
    [
        ("2014-05-15", "SetBackendServers"),
        ("2014-05-26", "DetachDisk"),
        ("2014-05-26", "AuthorizeSecurityGroup"),
        ("2014-08-28", "ExecuteScalingRule"),
        ("2015-05-01", "AttachPolicyToRole"),
    ],
)
def test_writes_are_refused_and_remembered(version: str, action: str) -> None:
    cloud = FakeCloud.recorded()
    with cloud.in_process(), pytest.raises(ServerException) as refused:
        sdk.send(sdk.client(), sdk.common(version, action, "gateway.aliyuncs.com"))
    assert refused.value.http_status == 403
    assert [call.action for call in cloud.refused] == [action]
    assert cloud.refused == cloud.calls


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_writes_to_container_service_are_refused(method: str) -> None:
    cloud = FakeCloud.recorded()
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), sdk.roa(f"/clusters/{CLUSTER}", method=method))
    assert (said["code"], said["status"]) == ("OperationDenied.ReadOnly", 403)
    assert [call.action for call in cloud.refused] == [f"{method} /clusters/{CLUSTER}"]


def test_every_operation_is_a_read() -> None:
    names = [action for product in PRODUCTS.values() for action in product.operations]
    assert [name for name in names if not is_read(name)] == []
