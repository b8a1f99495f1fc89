"""Server ↔ its entries in server groups."""

from typing import Any

from auditor.facts.cloud.nlb import NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveBackends,
    MasterSlaveGroup,
    ServerGroup,
)
from auditor.facts.joins.attachments import ServerAttachments
from auditor.facts.table import Table
from tests.checks import kit

BY_KEY = "group_backends"


def join(**tables: Any) -> ServerAttachments:
    base = kit.landscape(**tables)
    names = (
        "server_groups",
        "group_backends",
        "default_backends",
        "master_slave_groups",
        "master_slave_backends",
        "foreign_server_groups",
        "foreign_group_backends",
        "foreign_default_backends",
        "foreign_master_slave_groups",
        "foreign_master_slave_backends",
        "nlb_server_groups",
        "nlb_group_backends",
    )
    return ServerAttachments(**{name: base.table(name) for name in names})


def test_every_entry_counts_but_interfaces() -> None:
    entries = [Backend("i-1", 80), Backend("i-1", 443, type="ecs"), Backend("i-1", 80, type="eni")]
    made = join(
        server_groups=[LoadBalancerServerGroups("lb-1", [ServerGroup("rsp-1", "web")])],
        group_backends=[GroupBackends("rsp-1", entries)],
        default_backends=[DefaultBackends("lb-1", [Backend("i-1")])],
        foreign_master_slave_groups=[LoadBalancerMasterSlaveGroups("lb-2", [MasterSlaveGroup("m-1", "pair")])],
        foreign_master_slave_backends=[MasterSlaveBackends("m-1", [Backend("i-1"), Backend("i-2")])],
    )
    found = made.on_clb("i-1")
    assert [(one.balancer_id, one.group_id, one.port) for one in found.known] == [
        ("lb-1", "rsp-1", 80),
        ("lb-1", "rsp-1", 443),
        ("lb-1", "default", None),
        ("lb-2", "m-1", None),
    ]
    assert found.reasons == ()
    assert made.on_clb("i-3").known == ()
    assert made.on_nlb("i-1").known == ()


def test_entries_of_nlb_are_apart() -> None:
    made = join(
        nlb_server_groups=[NlbServerGroup("sgp-1", "web", load_balancer_ids=["nlb-1"])],
        nlb_group_backends=[NlbGroupBackends("sgp-1", [Backend("i-1", 80)])],
    )
    assert [one.balancer_id for one in made.on_nlb("i-1").known] == ["nlb-1"]
    assert made.on_clb("i-1").known == ()


def test_what_is_not_known_is_said_once_beside_what_is() -> None:
    reason = kit.denied("slb:DescribeVServerGroupAttribute")
    made = join(
        server_groups=[LoadBalancerServerGroups("lb-1", [ServerGroup("rsp-1"), ServerGroup("rsp-2")])],
        group_backends=Table.unavailable(BY_KEY, reason),
        default_backends=[DefaultBackends("lb-1", [Backend("i-1")])],
    )
    found = made.on_clb("i-1")
    assert len(found.known) == 1
    assert found.reasons == (reason,)
    assert made.on_nlb("i-1").reasons == ()
