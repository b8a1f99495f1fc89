"""What is read though no node can be: the cluster's vSwitches; and what no node has: the groups of its NLBs."""

from auditor.collect.registry import providers
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.table import State, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill
from tests.fakes.cloud import FakeCloud


def test_the_vswitches_of_the_cluster_are_read_though_no_node_can_be(cloud: FakeCloud) -> None:
    collect = providers()["vswitches"].collect
    unread: Table[Instance] = Table.unavailable("instances", denied("list nodes"))
    with client_of(cloud) as client:
        table = collect(client, unread, fill(client, ["clusters"])["clusters"])
        nothing = collect(client, unread, Table.unavailable("clusters", denied("cs:DescribeClusterDetail")))
    assert (table.state, len(table)) == (State.KNOWN, 3)
    assert nothing.is_unavailable
    assert nothing.reasons == unread.reasons


def test_the_groups_of_the_cluster_s_nlbs_are_read(cloud: FakeCloud) -> None:
    for group in ("sg-own", "sg-foreign"):
        cloud.state.ecs.add_security_group(group)
    service = make.service(
        "shop/web",
        type="LoadBalancer",
        loadBalancerClass="alibabacloud.com/nlb",
        labels={"service.k8s.alibaba/loadbalancer-id": "nlb-1"},
    )
    balancers = [
        NetworkLoadBalancer("nlb-1", security_group_ids=["sg-own"]),
        NetworkLoadBalancer("nlb-2", security_group_ids=["sg-foreign"]),
    ]
    services = Table("services", [service])
    with client_of(cloud) as client:
        filled = fill(client, ["instances", "network_interfaces"])
        for name in ("security_groups", "security_group_rules"):
            table = providers()[name].collect(
                client,
                filled["instances"],
                filled["network_interfaces"],
                Table("network_load_balancers", balancers),
                services,
            )
            keys = {row.key for row in table.all()}
            assert "sg-own" in keys
            assert "sg-foreign" not in keys
