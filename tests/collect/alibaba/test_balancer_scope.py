"""Which load balancers are asked about one by one."""

from typing import Any

from auditor.collect.alibaba.balancer_scope import clb_ids, may_use_nlb, nlb_ids
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.table import Gap, NotKnown, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill
from tests.fakes.cloud import FakeCloud

LABEL = "service.k8s.alibaba/loadbalancer-id"
OWN = "c-own"


def services(*rows: Any, gaps: tuple[Gap, ...] = ()) -> Table[Any]:
    return Table("services", rows, gaps=gaps)


def balancers(*rows: LoadBalancer, gaps: tuple[Gap, ...] = ()) -> Table[LoadBalancer]:
    return Table("load_balancers", rows, gaps=gaps)


def user(balancer_id: str, key: str = "shop/web", **more: Any) -> Any:
    return make.service(key, type="LoadBalancer", labels={LABEL: balancer_id}, **more)


IN_VPC = LoadBalancer("lb-1", vpc_id="vpc-1")
NEIGHBOUR = LoadBalancer("lb-2", vpc_id="vpc-1")
PUBLIC = LoadBalancer("lb-3", vpc_id="")
ELSEWHERE = LoadBalancer("lb-4", vpc_id="vpc-2")
TAGGED = LoadBalancer("lb-5", vpc_id="vpc-9", tags={"ack.aliyun.com": OWN})


def test_without_a_service_on_clb_none_is_asked_about() -> None:
    table = balancers(IN_VPC, TAGGED)
    assert clb_ids(table, services(), OWN) == []
    assert clb_ids(table, services(make.service("shop/inner")), OWN) == []
    assert clb_ids(table, services(user("nlb-1")), OWN) == []


def test_those_of_others_are_not_asked_about() -> None:
    table = balancers(IN_VPC, NEIGHBOUR, PUBLIC, ELSEWHERE)
    assert clb_ids(table, services(user("lb-1")), OWN) == ["lb-1"]
    assert clb_ids(table, services(user("lb-3")), OWN) == ["lb-3"]


def test_tagged_ones_belong_to_the_cluster() -> None:
    assert clb_ids(balancers(IN_VPC, ELSEWHERE, TAGGED), services(user("lb-1")), OWN) == ["lb-1", "lb-5"]


def test_a_balancer_in_a_gap_does_not_stop_the_others() -> None:
    gap = Gap(denied("slb:DescribeLoadBalancers"), frozenset({"lb-9"}))
    table = balancers(IN_VPC, ELSEWHERE, gaps=(gap,))
    assert clb_ids(table, services(user("lb-9"), user("lb-1", "shop/api")), OWN) == ["lb-1"]


def test_services_that_are_not_known_leave_the_tagged_ones() -> None:
    unsure = services(gaps=(Gap(denied("list services")),))
    assert clb_ids(balancers(IN_VPC, TAGGED), unsure, OWN) == ["lb-5"]
    assert may_use_nlb(unsure)


def test_nlb_is_told_by_class_finalizer_label_and_annotation() -> None:
    prefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
    for service in (
        make.service("a/b", type="LoadBalancer", loadBalancerClass="alibabacloud.com/nlb"),
        make.service("a/b", type="LoadBalancer", finalizers=["service.k8s.alibaba/nlb"]),
        user("nlb-1"),
        make.service("a/b", type="LoadBalancer", annotations={f"{prefix}id": "nlb-1"}),
    ):
        assert may_use_nlb(services(service))
    assert not may_use_nlb(services(user("lb-1"), make.service("a/c")))


def test_nlbs_of_others_are_not_asked_about() -> None:
    table = Table(
        "network_load_balancers",
        [NetworkLoadBalancer(f"nlb-{n}", vpc_id=vpc) for n, vpc in enumerate(("vpc-1", "vpc-1", "vpc-2"))],
    )
    assert nlb_ids(table, services(user("nlb-0")), OWN) == ["nlb-0"]
    assert nlb_ids(table, services(user("lb-1")), OWN) == []


def test_a_cluster_without_nlb_needs_no_right_to_list_them() -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("nlb:*")
    with client_of(cloud) as client:
        filled = fill(client, ["network_load_balancers", "nlb_server_groups", "nlb_group_backends"])
    assert [table for table in filled.values() if table.gaps] == []
    assert "nlb:ListLoadBalancers" not in cloud.actions()
    try:
        filled["network_load_balancers"].get("nlb-1")
    except NotKnown:
        return
    raise AssertionError("what was not asked for is not known to be absent")


def test_a_cluster_without_clb_services_costs_no_call_for_each() -> None:
    cloud = FakeCloud.recorded()
    with client_of(cloud) as client:
        filled = fill(
            client,
            ["group_backends", "default_backends", "master_slave_groups", "listeners"],
            services=services(make.service("shop/inner")),
        )
    assert set(cloud.actions()) == {"slb:DescribeLoadBalancers", "slb:DescribeLoadBalancerListeners"}
    assert filled["group_backends"].asked == frozenset()
