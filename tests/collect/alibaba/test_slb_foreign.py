"""CLB: the region's other load balancers, which count towards what one server may be attached to."""

from typing import Any

import pytest

from auditor.facts.cloud.slb import Backend, DefaultBackends, GroupBackends, MasterSlaveBackends
from auditor.facts.table import Gap, NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill
from tests.fakes.cloud import FakeCloud

VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
LISTS = ("foreign_server_groups", "foreign_default_backends", "foreign_master_slave_groups")
TABLES = (*LISTS, "foreign_group_backends", "foreign_master_slave_backends")
CALLS = {
    "slb:DescribeVServerGroups",
    "slb:DescribeVServerGroupAttribute",
    "slb:DescribeLoadBalancerAttribute",
    "slb:DescribeMasterSlaveServerGroups",
    "slb:DescribeMasterSlaveServerGroupAttribute",
}


def read(cloud: FakeCloud, tables: tuple[str, ...] = TABLES, **given: Table[Any]) -> dict[str, Table[Any]]:
    with client_of(cloud) as client:
        return fill(client, tables, **given)


def calls(cloud: FakeCloud) -> list[str]:
    return sorted(action for action in cloud.actions() if action in CALLS)


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded account with load balancers beside the cluster's, one of them with every kind of group."""
    cloud = FakeCloud.recorded()
    slb = cloud.state.slb
    slb.add_load_balancer("lb-vpc", VpcId=VPC)
    slb.add_load_balancer("lb-public", AddressType="internet")
    slb.add_load_balancer("lb-elsewhere", VpcId="vpc-2")
    slb.add_vserver_group("rsp-1", "lb-vpc", "by hand", [{"ServerId": "i-1"}, {"ServerId": "i-1", "Port": 81}])
    slb.add_master_slave_group("rsp-2", "lb-vpc", "pair", [{"ServerId": "i-1"}, {"ServerId": "i-2"}])
    slb.default_servers["lb-vpc"] = [{"ServerId": "i-3", "Weight": 100, "Type": "ecs", "ServerIp": ""}]
    return cloud


def test_those_of_the_vpc_and_of_no_vpc_are_asked_about(cloud: FakeCloud) -> None:
    filled = read(cloud)
    for name in LISTS:
        assert filled[name].state is State.KNOWN
        assert filled[name].asked == frozenset({"lb-vpc", "lb-public"})
        assert {row.load_balancer_id for row in filled[name].all()} == {"lb-vpc", "lb-public"}
    assert filled["foreign_group_backends"].all() == [
        GroupBackends("rsp-1", [Backend("i-1", 80, 100, "ecs"), Backend("i-1", 81, 100, "ecs")], "by hand")
    ]
    assert filled["foreign_default_backends"].get("lb-vpc") == DefaultBackends(
        "lb-vpc", [Backend("i-3", None, 100, "ecs")]
    )
    assert filled["foreign_master_slave_backends"].all() == [
        MasterSlaveBackends("rsp-2", [Backend("i-1", 80, 100, "ecs"), Backend("i-2", 80, 100, "ecs")])
    ]
    assert calls(cloud) == [
        "slb:DescribeLoadBalancerAttribute",
        "slb:DescribeLoadBalancerAttribute",
        "slb:DescribeMasterSlaveServerGroupAttribute",
        "slb:DescribeMasterSlaveServerGroups",
        "slb:DescribeMasterSlaveServerGroups",
        "slb:DescribeVServerGroupAttribute",
        "slb:DescribeVServerGroups",
        "slb:DescribeVServerGroups",
    ]


def test_no_load_balancer_is_both_foreign_and_the_clusters(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        filled = fill(client, ("server_groups", "foreign_server_groups"))
    own, foreign = filled["server_groups"].asked, filled["foreign_server_groups"].asked
    assert own is not None
    assert foreign is not None
    assert not own & foreign
    assert own | foreign == set(cloud.state.slb.load_balancers) - {"lb-elsewhere"}


def test_without_foreign_ones_no_call_is_made() -> None:
    cloud = FakeCloud.recorded()
    filled = read(cloud)
    assert {filled[name].state for name in TABLES} == {State.KNOWN}
    assert {filled[name].asked for name in TABLES} == {frozenset()}
    assert calls(cloud) == []


def test_without_a_service_on_clb_nobody_counts(cloud: FakeCloud) -> None:
    filled = read(cloud, services=Table("services", [make.service("shop/inner")]))
    assert {filled[name].asked for name in TABLES} == {frozenset()}
    assert calls(cloud) == []


@pytest.mark.parametrize("name", LISTS)
def test_a_load_balancer_that_the_list_hides_may_be_foreign(cloud: FakeCloud, name: str) -> None:
    def hide(answer: Any) -> None:
        del answer["LoadBalancers"]["LoadBalancer"][-1:]

    cloud.mutate("slb:DescribeLoadBalancers", hide)
    table = read(cloud)[name]
    assert table.state is State.PARTIAL
    assert table.known_rows()
    with pytest.raises(NotKnown, match="7 of 8"):
        table.all()


def test_a_load_balancer_whose_row_is_spoilt_is_a_gap_of_its_own(cloud: FakeCloud) -> None:
    cloud.state.slb.load_balancers["lb-public"]["Bandwidth"] = "wide"
    groups = read(cloud)["foreign_server_groups"]
    assert groups.get("lb-vpc") is not None
    with pytest.raises(NotKnown, match="Bandwidth"):
        groups.get("lb-public")


@pytest.mark.parametrize("gone", ["clusters", "vpc"])
def test_without_the_clusters_vpc_it_can_not_be_told_which_are_foreign(cloud: FakeCloud, gone: str) -> None:
    if gone == "vpc":
        cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.pop("vpc_id") and None)
    else:
        cloud.deny("cs:DescribeClusterDetail")
    filled = read(cloud, LISTS)
    for name in LISTS:
        assert filled[name].state is State.UNAVAILABLE
        assert {reason.source for reason in filled[name].reasons} == {"cs"}
    assert "slb:DescribeMasterSlaveServerGroups" not in cloud.actions()


def test_one_that_fails_is_a_gap_for_it_alone(cloud: FakeCloud) -> None:
    cloud.deny("slb:DescribeVServerGroups", when=lambda params: params["LoadBalancerId"] == "lb-public")
    groups = read(cloud)["foreign_server_groups"]
    assert groups.get("lb-vpc") is not None
    with pytest.raises(NotKnown) as caught:
        groups.get("lb-public")
    assert caught.value.reasons[0].missing == ("slb:DescribeVServerGroups",)


def test_one_that_is_gone_meanwhile_is_absent(cloud: FakeCloud) -> None:
    error = {"Code": "InvalidLoadBalancerId.NotFound", "Message": "The specified LoadBalancerId does not exist."}
    cloud.fail("slb:DescribeLoadBalancerAttribute", 404, error, when=lambda p: p["LoadBalancerId"] == "lb-public")
    defaults = read(cloud)["foreign_default_backends"]
    assert defaults.state is State.KNOWN
    assert defaults.get("lb-public") is None


def test_a_null_list_is_no_empty_one(cloud: FakeCloud) -> None:
    cloud.mutate("slb:DescribeVServerGroups", lambda answer: answer.update(VServerGroups=None))
    groups = read(cloud, LISTS)["foreign_server_groups"]
    assert groups.state is State.UNAVAILABLE
    assert [reason.kind for reason in groups.reasons] == [ReasonKind.MALFORMED]


def test_services_that_are_not_known_may_be_on_clb(cloud: FakeCloud) -> None:
    unknown: Table[Any] = Table("services", gaps=[Gap(denied("list services", "kubernetes"))])
    asked = read(cloud, LISTS, services=unknown)["foreign_server_groups"].asked
    assert asked is not None
    assert asked >= {"lb-vpc", "lb-public"}
