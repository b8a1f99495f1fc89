"""ALB of the fake: what is planted shows in every answer, and its ceilings and refusals are those of the API."""

from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, sdk

VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
NODE = "i-bp1vcw8abao0i6uxb1xi"


@pytest.fixture
def cloud() -> FakeCloud:
    """Give an account with one ALB."""
    cloud = FakeCloud.recorded()
    alb = cloud.state.alb
    alb.add_load_balancer("alb-1", VPC)
    for group_id in ("sgp-1", "sgp-2"):
        alb.add_server_group(group_id, VPC, [{"ServerId": NODE}])
    alb.add_listener("alb-1", 80, "sgp-1", listener_id="lsn-1")
    alb.add_rule("lsn-1", "rule-1", ["sgp-2"])
    alb.add_acl("acl-1", ["10.0.0.0/8", "192.0.2.1/32"], listener_ids=["lsn-1"], acl_type="Black")
    return cloud


def ask(cloud: FakeCloud, action: str, **params: Any) -> Any:
    with cloud.in_process():
        named = {name.replace("__", "."): value for name, value in params.items()}
        return sdk.send(sdk.client(), sdk.common("2020-06-16", action, "alb.cn-hangzhou.aliyuncs.com", named))


def refused(cloud: FakeCloud, action: str, **params: Any) -> str:
    with sdk.refusal() as said:
        ask(cloud, action, **params)
    return str(said["code"])


def test_a_group_is_related_to_those_that_use_it(cloud: FakeCloud) -> None:
    cloud.state.alb.add_server_group("sgp-3", VPC, [])
    groups = ask(cloud, "ListServerGroups", VpcId=VPC)["ServerGroups"]
    assert [(group["RelatedLoadBalancerIds"], group["ServerCount"]) for group in groups] == [
        (["alb-1"], 1),
        (["alb-1"], 1),
        ([], 0),
    ]


def test_the_list_of_listeners_says_nothing_of_access_lists(cloud: FakeCloud) -> None:
    (listener,) = ask(cloud, "ListListeners", LoadBalancerIds__1="alb-1")["Listeners"]
    assert "AclConfig" not in listener
    attribute = ask(cloud, "GetListenerAttribute", ListenerId="lsn-1")
    relation = {"AclId": "acl-1", "Status": "Associated"}
    assert attribute["AclConfig"] == {"AclRelations": [relation], "AclType": "Black"}


def test_rules_are_those_for_requests(cloud: FakeCloud) -> None:
    cloud.state.alb.add_rule("lsn-1", "rule-2", ["sgp-2"], Direction="Response")
    assert [rule["RuleId"] for rule in ask(cloud, "ListRules")["Rules"]] == ["rule-1"]
    assert [rule["RuleId"] for rule in ask(cloud, "ListRules", Direction="Response")["Rules"]] == ["rule-2"]


def test_health_tells_of_rules_only_if_asked(cloud: FakeCloud) -> None:
    cloud.state.alb.set_unhealthy("sgp-2", NODE)
    assert ask(cloud, "GetListenerHealthStatus", ListenerId="lsn-1")["RuleHealthStatus"] == []
    (rule,) = ask(cloud, "GetListenerHealthStatus", ListenerId="lsn-1", IncludeRule="true")["RuleHealthStatus"]
    (server,) = rule["ServerGroupInfos"][0]["NonNormalServers"]
    assert (server["ServerId"], server["Reason"]["ReasonCode"]) == (NODE, "CONNECT_TIMEOUT")


def test_pages_of_entries(cloud: FakeCloud) -> None:
    first = ask(cloud, "ListAclEntries", AclId="acl-1", MaxResults=1)
    second = ask(cloud, "ListAclEntries", AclId="acl-1", MaxResults=1, NextToken=first["NextToken"])
    assert first["TotalCount"] == second["TotalCount"] == 2
    assert [entry["Entry"] for entry in first["AclEntries"] + second["AclEntries"]] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert second["NextToken"] == ""


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("GetListenerAttribute", {"ListenerId": "lsn-9"}, "ResourceNotFound.Listener"),
        ("GetListenerHealthStatus", {"ListenerId": "lsn-9"}, "ResourceNotFound.Listener"),
        ("GetListenerHealthStatus", {"ListenerId": "lsn-1", "MaxResults": 31}, "InvalidParameter"),
        ("ListServerGroupServers", {"ServerGroupId": "sgp-9"}, "ResourceNotFound.ServerGroup"),
        ("ListServerGroupServers", {}, "MissingParameter"),
        ("ListAclEntries", {"AclId": "acl-9"}, "ResourceNotFound.Acl"),
        ("ListListeners", {"MaxResults": 101}, "InvalidParameter"),
        ("ListRules", {f"LoadBalancerIds__{n}": f"alb-{n}" for n in range(1, 22)}, "InvalidParameter"),
        ("ListLoadBalancers", {f"VpcIds__{n}": f"vpc-{n}" for n in range(1, 12)}, "InvalidParameter"),
    ],
)
def test_what_the_api_refuses(cloud: FakeCloud, action: str, params: dict[str, Any], code: str) -> None:
    assert refused(cloud, action, **params) == code
