"""Service ↔ load balancer ↔ listener ↔ server group."""

import pytest

from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import Backend, GroupBackends, Listener, LoadBalancer
from auditor.facts.joins.services import (
    GroupOwner,
    ServiceEndpoints,
    ServiceLoadBalancers,
    ServicePaths,
    default_load_balancer_name,
    is_served_by_ccm,
    owner_of_group,
)
from auditor.facts.kubernetes.services import Service, ServicePort
from auditor.facts.table import Gap, NotKnown, Table
from tests.checks import make
from tests.checks.kit import denied

TAG = "kubernetes.do.not.delete"
NLB = "alibabacloud.com/nlb"
GAP = [Gap(denied("slb:DescribeLoadBalancers"))]


def service(**more: object) -> Service:
    return make.service("shop/web", **({"type": "LoadBalancer", "uid": "0a-1b"} | more))


def paths(
    listeners: Table[Listener] | None = None,
    groups: tuple[GroupBackends, ...] = (),
    nlb: tuple[NlbServerGroup, ...] = (),
) -> ServicePaths:
    return ServicePaths(
        listeners or Table("listeners"),
        Table("group_backends", groups),
        Table("nlb_server_groups", nlb),
        Table("nlb_group_backends", [NlbGroupBackends(group.id, [Backend("i-1", 1, 1)]) for group in nlb]),
    )


@pytest.mark.parametrize(
    ("more", "served"),
    [
        ({}, True),
        ({"loadBalancerClass": NLB}, True),
        ({"loadBalancerClass": "example.com/other"}, False),
        ({"annotations": {"service.beta.kubernetes.io/class": "other"}}, False),
        ({"type": "NodePort"}, False),
    ],
)
def test_whom_the_ccm_serves(more: dict[str, object], served: bool) -> None:
    assert is_served_by_ccm(service(**more)) is served


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("k8s/30080/web/shop/c1", GroupOwner("30080", "shop/web", "c1")),
        ("k8s.8080.TCP.web.shop.c1", GroupOwner("8080", "shop/web", "c1")),
        ("k8s-apiserver", None),
        ("k8s/30080/web", None),
    ],
)
def test_for_whom_a_group_was_made(name: str, owner: GroupOwner | None) -> None:
    assert owner_of_group(name) == owner


def test_an_nlb_is_found_by_id_tag_or_host_name() -> None:
    name = default_load_balancer_name(service())
    rows = [
        NetworkLoadBalancer("nlb-1", tags={TAG: name}),
        NetworkLoadBalancer("nlb-2", dns_name="nlb-2.example"),
        NetworkLoadBalancer("nlb-3"),
    ]
    join = ServiceLoadBalancers(Table.unavailable("load_balancers", denied("x")), Table("network_load_balancers", rows))
    by_tag = join.of(service(loadBalancerClass=NLB))
    by_host = join.of(service(loadBalancerClass=NLB, uid="", ingress=[{"hostname": "nlb-2.example"}]))
    by_id = join.of(
        service(
            annotations={"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "nlb-3"}, loadBalancerClass=NLB
        )
    )
    assert [row.id if row else None for row in (by_tag, by_host, by_id)] == ["nlb-1", "nlb-2", "nlb-3"]
    assert join.of(service(loadBalancerClass=NLB, uid="ff")) is None


def test_a_clb_that_may_be_among_the_unread_is_not_known() -> None:
    known = LoadBalancer("lb-1", address="192.168.0.9")
    join = ServiceLoadBalancers(
        Table("load_balancers", [known], gaps=GAP), Table.unavailable("network_load_balancers", denied("x"))
    )
    assert join.of(service(ingress=[{"ip": "192.168.0.9"}])) == known
    with pytest.raises(NotKnown):
        join.of(service(ingress=[{"ip": "192.168.0.8"}]))


def test_without_its_tags_a_clb_may_be_anybodys() -> None:
    untold = LoadBalancer("lb-1", address="192.168.0.9", tags_are_said=False)
    join = ServiceLoadBalancers(Table("load_balancers", [untold]), Table("network_load_balancers"))
    assert join.of(service(ingress=[{"ip": "192.168.0.9"}])) == untold
    with pytest.raises(NotKnown, match="tags"):
        join.of(service(ingress=[{"ip": "192.168.0.8"}]))


def test_a_listener_that_was_read_counts_though_others_are_missing() -> None:
    balancer = LoadBalancer("lb-1")
    row = Listener("lb-1", 80, "http", server_group_id="rsp-1")
    partial = Table("listeners", [row], gaps=GAP)
    port = service().ports[0]
    path = paths(partial, (GroupBackends("rsp-1", [Backend("i-1")], "by-hand"),)).of_port(service(), port, balancer, "")
    assert path.listener == row
    assert path.group_name == "by-hand"
    with pytest.raises(NotKnown):
        paths(partial).of_port(service(), ServicePort(port=81), balancer, "")
    assert paths().of_port(service(), port, balancer, "").listener is None


def test_tcp_and_udp_on_one_port_are_told_apart() -> None:
    rows = [Listener("lb-1", 53, "tcp", server_group_id="rsp-t"), Listener("lb-1", 53, "udp", server_group_id="rsp-u")]
    groups = (GroupBackends("rsp-t"), GroupBackends("rsp-u"))
    dns = service(ports=[{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}])
    found = paths(Table("listeners", rows), groups).of(dns, LoadBalancer("lb-1"), "")
    assert [path.group_id for path in found] == ["rsp-t", "rsp-u"]


def test_the_group_of_the_node_port_comes_before_one_that_is_named_like_the_port() -> None:
    ports = [{"port": 80, "targetPort": 8080, "nodePort": 30080}, {"port": 8080, "targetPort": 9090, "nodePort": 30081}]
    groups = tuple(
        NlbServerGroup(f"sgp-{port}", f"k8s.{port}.TCP.web.shop.c1", load_balancer_ids=["nlb-1"])
        for port in (8080, 9090)
    )
    found = paths(nlb=groups).of(service(ports=ports), NetworkLoadBalancer("nlb-1"), "c1")
    assert [path.group_id for path in found] == ["sgp-8080", "sgp-9090"]


def test_endpoints_of_one_port() -> None:
    rows = [
        make.endpoint_slice(
            "shop/web", [{"addresses": ["172.20.0.1"]}], ports=[{"name": "http", "port": 80, "protocol": "TCP"}]
        ),
        make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.2"]}], ports=[]),
    ]
    join = ServiceEndpoints(Table("endpoint_slices", rows))
    assert [e.addresses for e in join.for_port("shop/web", ServicePort(port=80, name="http"))] == [["172.20.0.1"]]
    assert join.for_port("shop/web", ServicePort(port=80, name="http", protocol="UDP")) == []
    assert len(join.of("shop/web")) == 2
