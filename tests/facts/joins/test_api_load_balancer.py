"""Cluster ↔ the load balancer in front of its API server."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import Cluster, ClusterResource
from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.joins import JOINS
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer, NamedBy
from auditor.facts.table import Gap, NotKnown, ReasonKind, Table
from tests.checks.kit import denied

ID = "c-1"
VPC = "vpc-1"
ENDPOINTS = {
    "api_server_endpoint": "https://203.0.113.67:6443",
    "intranet_api_server_endpoint": "https://192.168.0.167:6443",
}
API = LoadBalancer("lb-api", address="192.168.0.167", vpc_id=VPC)
ANY_ROW = Gap(denied("slb:DescribeLoadBalancers", "slb"))
NO_RESOURCES: Table[ClusterResource] = Table.unavailable("cluster_resources", denied("cs:DescribeClusterResources"))


def cluster(*ids: str, **more: Any) -> Cluster:
    return Cluster(ID, vpc_id=VPC, api_load_balancer_ids=list(ids), **{"api_endpoints": ENDPOINTS, **more})


def resource(balancer_id: str, **more: Any) -> ClusterResource:
    return ClusterResource(balancer_id, **{"type": "ALIYUN::SLB::LoadBalancer", **more})


def find(
    row: Cluster,
    *balancers: LoadBalancer,
    gaps: tuple[Gap, ...] = (),
    resources: Table[ClusterResource] | list[ClusterResource] = NO_RESOURCES,
) -> tuple[ApiBalancer, ...]:
    listed = resources if isinstance(resources, Table) else Table("cluster_resources", resources)
    table = Table("load_balancers", balancers, gaps=gaps)
    return ApiServerLoadBalancer(Table("clusters", [row], asked=[ID]), table, listed).of(ID)


def not_told(row: Cluster, *balancers: LoadBalancer, **more: Any) -> NotKnown:
    with pytest.raises(NotKnown) as caught:
        find(row, *balancers, **more)
    return caught.value


def test_it_is_registered() -> None:
    assert JOINS["api_server_load_balancer"] is ApiServerLoadBalancer


def test_the_description_names_it_once_for_both_endpoints() -> None:
    other = LoadBalancer("lb-other", address="192.168.0.167", vpc_id=VPC, name=f"ManagedK8SSlbIntranet-{ID}")
    named = LoadBalancer("lb-named", address="192.168.9.9")
    assert find(cluster("lb-named", "lb-named"), other, named) == (ApiBalancer("lb-named", NamedBy.DESCRIPTION, named),)


def test_a_named_one_that_the_list_lacks_is_known_to_be_gone() -> None:
    assert find(cluster("lb-gone"), API) == (ApiBalancer("lb-gone", NamedBy.DESCRIPTION, None),)


@pytest.mark.parametrize("gap", [ANY_ROW, Gap(denied("slb:DescribeLoadBalancers"), frozenset({"lb-gone"}))])
def test_a_named_one_that_a_gap_may_hide_is_not_known(gap: Gap) -> None:
    assert not_told(cluster("lb-gone"), API, gaps=(gap,)).reasons[0].missing == ("slb:DescribeLoadBalancers",)


def test_a_gap_elsewhere_does_not_hide_a_named_one() -> None:
    assert find(cluster("lb-api"), API, gaps=(ANY_ROW,))[0].balancer is API


def test_what_is_named_and_is_no_clb_is_not_looked_for_among_them() -> None:
    assert not_told(cluster("nlb-1"), API).reasons[0].kind is ReasonKind.UNDECIDABLE


def test_older_clusters_tell_it_by_the_address_in_their_vpc() -> None:
    elsewhere = LoadBalancer("lb-twin", address="192.168.0.167", vpc_id="vpc-2")
    public = LoadBalancer("lb-public", address="203.0.113.67")
    assert find(cluster(), elsewhere, public, API) == (ApiBalancer("lb-api", NamedBy.ADDRESS, API),)
    assert find(cluster(), API, gaps=(ANY_ROW,))[0].balancer is API


def test_the_address_decides_without_a_vpc_only_if_it_is_one_balancers() -> None:
    unsaid = LoadBalancer("lb-api", address="192.168.0.167")
    assert find(cluster(), unsaid)[0].balancer is unsaid
    not_told(cluster(), unsaid, gaps=(ANY_ROW,))
    not_told(cluster(), unsaid, LoadBalancer("lb-2", address="192.168.0.167"))


def test_the_public_address_never_tells() -> None:
    only_public = {"api_server_endpoint": "https://203.0.113.67:6443"}
    not_told(cluster(api_endpoints=only_public), LoadBalancer("lb-public", address="203.0.113.67"))


@pytest.mark.parametrize("endpoints", [{}, {"intranet_api_server_endpoint": "https://[broken"}, ENDPOINTS])
def test_its_name_tells_where_no_address_does(endpoints: dict[str, str]) -> None:
    named = LoadBalancer("lb-named", address="192.168.7.7", name=f"ManagedK8SSlbIntranet-{ID}")
    neighbour = LoadBalancer("lb-other", name="ManagedK8SSlbIntranet-c-2")
    row = cluster(api_endpoints=endpoints)
    assert find(row, neighbour, named) == (ApiBalancer("lb-named", NamedBy.NAME, named),)
    not_told(row, neighbour, named, gaps=(ANY_ROW,))


def test_the_resources_tell_where_nothing_else_does() -> None:
    made = LoadBalancer("lb-made", address="10.0.0.1")
    of_service = LoadBalancer("lb-svc", tags={"kubernetes.do.not.delete": "a1"})
    hints = [
        resource("lb-made"),
        resource("lb-svc"),
        resource("lb-addon", type="SLB", kind="Service"),
        resource("vpc-1", type="ALIYUN::ECS::VPC"),
    ]
    row = cluster(api_endpoints={})
    assert find(row, made, of_service, resources=hints) == (ApiBalancer("lb-made", NamedBy.RESOURCES, made),)
    not_told(row, made, of_service, resources=[*hints, resource("lb-3")])
    not_told(row, of_service, resources=[resource("lb-made")])


def test_of_the_resources_one_without_its_tags_may_be_a_services() -> None:
    made = LoadBalancer("lb-made", address="192.168.0.167", tags_are_said=False)
    not_told(cluster(api_endpoints={}), made, resources=[resource("lb-made")])


def test_the_one_of_the_resources_is_gone_if_nobody_has_the_address() -> None:
    ingress = LoadBalancer("lb-ingress", address="203.0.113.5")
    hints = [resource("lb-gone"), resource("lb-ingress")]
    assert find(cluster(), ingress, resources=hints) == (ApiBalancer("lb-gone", NamedBy.RESOURCES, None),)
    not_told(cluster(), ingress, resources=hints, gaps=(ANY_ROW,))
    not_told(cluster(), ingress, resources=[resource("lb-ingress")])


def test_where_nothing_tells_it_is_not_known() -> None:
    untold = not_told(cluster(api_endpoints={}), LoadBalancer("lb-1"))
    assert [reason.kind for reason in untold.reasons] == [ReasonKind.UNDECIDABLE]
    assert ID in str(untold.reasons[0].message)


def test_without_the_cluster_it_is_not_known() -> None:
    clusters: Table[Cluster] = Table.unavailable("clusters", denied("cs:DescribeClusterDetail", "cs"))
    balancers = Table("load_balancers", [LoadBalancer("lb-1", name=f"ManagedK8SSlbIntranet-{ID}")])
    with pytest.raises(NotKnown) as caught:
        ApiServerLoadBalancer(clusters, balancers, NO_RESOURCES).of(ID)
    assert caught.value.reasons[0].missing == ("cs:DescribeClusterDetail",)


def test_without_the_list_of_load_balancers_it_is_not_known() -> None:
    nothing: Table[LoadBalancer] = Table.unavailable("load_balancers", denied("slb:DescribeLoadBalancers", "slb"))
    for row in (cluster("lb-api"), cluster(), cluster(api_endpoints={})):
        with pytest.raises(NotKnown) as caught:
            ApiServerLoadBalancer(Table("clusters", [row]), nothing, NO_RESOURCES).of(ID)
        assert caught.value.reasons[0].missing == ("slb:DescribeLoadBalancers",)
