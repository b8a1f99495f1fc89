"""ALB: what is read of the cluster's load balancers, with which calls, and what is not known where they fail."""

from typing import Any

import pytest

from auditor.facts.cloud.alb import (
    AlbAcl,
    AlbGroupBackends,
    AlbListener,
    AlbListenerAccess,
    AlbRule,
    AlbServerGroup,
    ApplicationLoadBalancer,
)
from auditor.facts.cloud.slb import Backend
from auditor.facts.table import Gap, NotKnown, ReasonKind, State, Table
from tests.checks.kit import denied
from tests.collect.alibaba.albs import (
    HTTP,
    HTTPS,
    VPC,
    alb_config,
    alb_configs,
    ingress,
    ingresses,
    with_alb,
)
from tests.collect.alibaba.kit import CLUSTER_ID, client_of, fill, fill_one
from tests.fakes.cloud import FakeCloud

TABLES = (
    "application_load_balancers",
    "alb_listeners",
    "alb_listener_access",
    "alb_acls",
    "alb_rules",
    "alb_server_groups",
    "alb_group_backends",
    "alb_listener_health",
)
ON_ALB: dict[str, Table[Any]] = {"alb_configs": alb_configs(alb_config())}


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded account, with a cluster on ALB."""
    return with_alb(FakeCloud.recorded())


def filled(cloud: FakeCloud, table: str, **given: Table[Any]) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, table, **(ON_ALB | given))


def alb_calls(cloud: FakeCloud) -> list[str]:
    return sorted(action for action in cloud.actions() if action.startswith("alb:"))


def test_a_cluster_without_alb_costs_no_call(cloud: FakeCloud) -> None:
    cloud.deny("alb:*")
    with client_of(cloud) as client:
        tables = fill(client, TABLES)
    assert alb_calls(cloud) == []
    for name in TABLES:
        assert tables[name].state is State.KNOWN
        assert len(tables[name]) == 0
        with pytest.raises(NotKnown):
            tables[name].get("alb-own")


def test_the_calls_for_one_load_balancer(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        fill(client, TABLES, **ON_ALB)
    assert alb_calls(cloud) == [
        "alb:GetListenerAttribute",
        "alb:GetListenerAttribute",
        "alb:GetListenerHealthStatus",
        "alb:GetListenerHealthStatus",
        "alb:ListAclEntries",
        "alb:ListListeners",
        "alb:ListLoadBalancers",
        "alb:ListRules",
        "alb:ListServerGroupServers",
        "alb:ListServerGroupServers",
        "alb:ListServerGroups",
    ]
    listed = next(call.params for call in cloud.calls if call.name == "alb:ListLoadBalancers")
    assert listed["VpcIds.1"] == VPC


@pytest.mark.parametrize("page_limit", [1, 2])
def test_small_pages_change_nothing(page_limit: int) -> None:
    whole, paged = with_alb(FakeCloud.recorded()), with_alb(FakeCloud.recorded(page_limit=page_limit))
    with client_of(whole) as client:
        expected = fill(client, TABLES, **ON_ALB)
    with client_of(paged) as client:
        found = fill(client, TABLES, **ON_ALB)
    for name in TABLES:
        assert found[name].state is State.KNOWN
        assert {row.key: row for row in found[name].all()} == {row.key: row for row in expected[name].all()}
    assert len(paged.calls) > len(whole.calls)


def test_load_balancers_of_the_vpc(cloud: FakeCloud) -> None:
    own = cloud.state.alb.load_balancers["alb-own"]
    own |= {
        "SecurityGroupIds": ["sg-1"],
        "LoadBalancerBussinessStatus": "FinancialLocked",
        "LoadBalancerOperationLocks": [{"LockReason": "financial", "LockType": "FinancialLocked"}],
    }
    cloud.state.alb.add_load_balancer("alb-elsewhere", "vpc-2")
    table = filled(cloud, "application_load_balancers")
    assert {row.id for row in table.all()} == {"alb-own", "alb-neighbour"}
    assert table.get("alb-own") == ApplicationLoadBalancer(
        id="alb-own",
        name="alb-own",
        dns_name="alb-own.cn-hangzhou.alb.aliyuncs.com",
        address_type="Internet",
        status="Active",
        business_status="FinancialLocked",
        vpc_id=VPC,
        security_group_ids=["sg-1"],
        lock_reasons=["financial"],
        tags={"ack.aliyun.com": CLUSTER_ID},
    )
    with pytest.raises(NotKnown):
        table.get("alb-elsewhere")


class TestNamedElsewhere:
    """One that an AlbConfig names is not said to be absent because it is not in the VPC."""

    CONFIGS = alb_configs(alb_config(), alb_config("other", made="", used="alb-elsewhere"))

    def test_it_is_found_by_its_id(self, cloud: FakeCloud) -> None:
        cloud.state.alb.add_load_balancer("alb-elsewhere", "vpc-2")
        table = filled(cloud, "application_load_balancers", alb_configs=self.CONFIGS)
        found = table.get("alb-elsewhere")
        assert found is not None
        assert found.vpc_id == "vpc-2"
        assert alb_calls(cloud) == ["alb:ListLoadBalancers"] * 2
        assert cloud.calls[-1].params["LoadBalancerIds.1"] == "alb-elsewhere"

    def test_or_known_to_be_absent(self, cloud: FakeCloud) -> None:
        table = filled(cloud, "application_load_balancers", alb_configs=self.CONFIGS)
        assert table.state is State.KNOWN
        assert table.get("alb-elsewhere") is None

    def test_or_it_alone_is_not_known(self, cloud: FakeCloud) -> None:
        cloud.deny("alb:ListLoadBalancers", when=lambda params: "LoadBalancerIds.1" in params)
        table = filled(cloud, "application_load_balancers", alb_configs=self.CONFIGS)
        assert [(gap.keys, gap.reason.missing) for gap in table.gaps] == [
            (frozenset({"alb-elsewhere"}), ("alb:ListLoadBalancers",))
        ]
        assert table.get("alb-own") is not None


def test_the_list_is_read_where_what_names_one_is_not_known(cloud: FakeCloud) -> None:
    gap = Gap(denied("list albconfigs.alibabacloud.com"))
    unknown: dict[str, Table[Any]] = {
        "alb_configs": Table("alb_configs", gaps=[gap], unavailable=True),
        "ingresses": Table("ingresses", gaps=[gap], unavailable=True),
    }
    with client_of(cloud) as client:
        tables = fill(client, TABLES, **unknown)
    assert {row.load_balancer_id for row in tables["alb_listeners"].all()} == {"alb-own"}, "by its tag"


def test_an_ingress_alone_leads_to_its_load_balancer(cloud: FakeCloud) -> None:
    host = "alb-neighbour.cn-hangzhou.alb.aliyuncs.com"
    given = {"alb_configs": alb_configs(), "ingresses": ingresses(ingress(host=host))}
    listeners = filled(cloud, "alb_listeners", **given)
    assert {row.load_balancer_id for row in listeners.all()} == {"alb-own", "alb-neighbour"}


def test_without_nodes_there_is_no_vpc_to_ask_for(cloud: FakeCloud) -> None:
    table = filled(cloud, "application_load_balancers", instances=Table("instances", asked=()))
    assert table.state is State.KNOWN
    assert alb_calls(cloud) == []


def test_listeners(cloud: FakeCloud) -> None:
    redirect = {"Type": "Redirect", "RedirectConfig": {"Port": "443", "Protocol": "HTTPS"}}
    cloud.state.alb.listeners[HTTP] |= {"DefaultActions": [redirect], "ListenerStatus": "Stopped"}
    assert list(filled(cloud, "alb_listeners").all()) == [
        AlbListener(HTTP, "alb-own", port=80, protocol="HTTP", status="Stopped", group_ids=[]),
        AlbListener(HTTPS, "alb-own", port=443, protocol="HTTPS", status="Running", group_ids=["sgp-shop"]),
    ]


def test_many_load_balancers_are_asked_for_twenty_at_a_time(cloud: FakeCloud) -> None:
    names = [f"alb-{n:02d}" for n in range(45)]
    for name in names:
        cloud.state.alb.add_load_balancer(name, VPC)
    configs = alb_configs(*(alb_config(name, made=name) for name in names))
    with client_of(cloud) as client:
        fill(client, ("alb_listeners", "alb_rules"), alb_configs=configs)
    assert alb_calls(cloud) == ["alb:ListListeners"] * 3 + ["alb:ListLoadBalancers"] + ["alb:ListRules"] * 3


def test_access_lists_of_listeners(cloud: FakeCloud) -> None:
    cloud.state.alb.add_acl("acl-partner", ["198.51.100.7/32", "2001:db8::/32"], listener_ids=[HTTPS])
    cloud.state.alb.add_acl("acl-unused", ["192.0.2.0/24"])
    with client_of(cloud) as client:
        tables = fill(client, ("alb_listener_access", "alb_acls"), **ON_ALB)
    assert list(tables["alb_listener_access"].all()) == [
        AlbListenerAccess(HTTPS, "White", ["acl-office", "acl-partner"]),
        AlbListenerAccess(HTTP),
    ]
    assert list(tables["alb_acls"].all()) == [
        AlbAcl("acl-office", ["203.0.113.0/24"]),
        AlbAcl("acl-partner", ["198.51.100.7/32", "2001:db8::/32"]),
    ]


def test_a_listener_whose_lists_are_left_out_is_not_one_without(cloud: FakeCloud) -> None:
    del cloud.state.alb.access[HTTPS]["AclRelations"]
    access = filled(cloud, "alb_listener_access")
    assert [(gap.keys, gap.reason.kind) for gap in access.gaps] == [(frozenset({HTTPS}), ReasonKind.MALFORMED)]
    assert access.get(HTTP) == AlbListenerAccess(HTTP)


def test_access_lists_without_their_type_are_not_known(cloud: FakeCloud) -> None:
    del cloud.state.alb.access[HTTPS]["AclType"]
    access = filled(cloud, "alb_listener_access")
    assert [(gap.keys, gap.reason.kind) for gap in access.gaps] == [(frozenset({HTTPS}), ReasonKind.MALFORMED)]


def test_the_access_of_a_listener_that_can_not_be_read_is_not_known(cloud: FakeCloud) -> None:
    def spoil(answer: Any) -> None:
        for listener in answer["Listeners"]:
            if listener["ListenerId"] == HTTPS:
                del listener["DefaultActions"]

    cloud.mutate("alb:ListListeners", spoil)
    access = filled(cloud, "alb_listener_access")
    assert [(gap.keys, gap.reason.kind) for gap in access.gaps] == [(frozenset({HTTPS}), ReasonKind.MALFORMED)]
    assert access.get(HTTP) == AlbListenerAccess(HTTP)


def test_an_access_list_of_another_account_exists_unseen(cloud: FakeCloud) -> None:
    del cloud.state.alb.acls["acl-office"]
    assert filled(cloud, "alb_acls").state is State.UNAVAILABLE


def test_rules(cloud: FakeCloud) -> None:
    cloud.state.alb.add_rule(HTTP, "rule-canary", ["sgp-shop", "sgp-api"])
    cloud.state.alb.add_rule(HTTP, "rule-answer", ["sgp-shop"], Direction="Response")
    fixed = {"Type": "FixedResponse", "Order": 1, "FixedResponseConfig": {"HttpCode": "404"}}
    cloud.state.alb.add_rule(HTTP, "rule-404", [], RuleActions=[fixed])
    assert list(filled(cloud, "alb_rules").all()) == [
        AlbRule("rule-api", HTTPS, "rule-api", "Available", 1, ["10.0.0.0/8"], ["sgp-api"], sticky=True),
        AlbRule("rule-canary", HTTP, "rule-canary", "Available", 3, [], ["sgp-shop", "sgp-api"], sticky=None),
        AlbRule("rule-404", HTTP, "rule-404", "Available", 5, [], [], sticky=None),
    ]


@pytest.mark.parametrize(
    ("table", "action", "key", "change"),
    [
        ("alb_rules", "ListRules", "rule-api", lambda body: body["Rules"][0].pop("RuleConditions")),
        (
            "alb_rules",
            "ListRules",
            "rule-api",
            lambda body: body["Rules"][0]["RuleConditions"][1].pop("SourceIpConfig"),
        ),
        ("alb_listeners", "ListListeners", HTTP, lambda body: body["Listeners"][0].pop("DefaultActions")),
        ("alb_listeners", "ListListeners", HTTP, lambda body: body["Listeners"][0].update(ListenerPort="eighty")),
        (
            "alb_server_groups",
            "ListServerGroups",
            "sgp-shop",
            lambda b: b["ServerGroups"][0].pop("RelatedLoadBalancerIds"),
        ),
    ],
)
def test_a_spoilt_row_is_a_gap_for_it_alone(cloud: FakeCloud, table: str, action: str, key: str, change: Any) -> None:
    def spoil(body: Any) -> None:
        change(body)

    cloud.mutate(f"alb:{action}", spoil)
    found = filled(cloud, table)
    assert [(gap.keys, gap.reason.kind) for gap in found.gaps] == [(frozenset({key}), ReasonKind.MALFORMED)]


def test_server_groups_of_the_vpc(cloud: FakeCloud) -> None:
    alb = cloud.state.alb
    alb.add_server_group("sgp-elsewhere", "vpc-2", [])
    alb.server_groups["sgp-api"] |= {
        "StickySessionConfig": {"StickySessionEnabled": True, "StickySessionType": "Insert"},
        "HealthCheckConfig": {"HealthCheckEnabled": False},
        "Scheduler": "Wlc",
    }
    groups = filled(cloud, "alb_server_groups")
    assert {group.id for group in groups.all()} == {"sgp-shop", "sgp-api", "sgp-neighbour"}
    assert groups.get("sgp-api") == AlbServerGroup(
        id="sgp-api",
        name="sgp-api",
        type="Instance",
        status="Available",
        scheduler="Wlc",
        server_count=1,
        sticky=True,
        health_check=False,
        vpc_id=VPC,
        load_balancer_ids=["alb-own"],
    )
    with pytest.raises(NotKnown):
        groups.get("sgp-elsewhere")


def test_servers_of_the_groups_in_use(cloud: FakeCloud) -> None:
    cloud.state.alb.set_servers("sgp-api", [])
    cloud.state.alb.set_servers("sgp-shop", [{"ServerId": "eni-1", "ServerType": "Eni", "ServerIp": "10.1.0.9"}])
    backends = filled(cloud, "alb_group_backends")
    assert list(backends.all()) == [
        AlbGroupBackends("sgp-api"),
        AlbGroupBackends("sgp-shop", [Backend("eni-1", 80, 100, "eni", "10.1.0.9")]),
    ]
    assert alb_calls(cloud).count("alb:ListServerGroupServers") == 1, "a group that counts none is not asked for"
    with pytest.raises(NotKnown):
        backends.get("sgp-neighbour")


@pytest.mark.parametrize(
    ("table", "action", "container"),
    [
        ("application_load_balancers", "ListLoadBalancers", "LoadBalancers"),
        ("alb_listeners", "ListListeners", "Listeners"),
        ("alb_rules", "ListRules", "Rules"),
        ("alb_acls", "ListAclEntries", "AclEntries"),
        ("alb_server_groups", "ListServerGroups", "ServerGroups"),
        ("alb_group_backends", "ListServerGroupServers", "Servers"),
    ],
)
class TestLists:
    """What a list does not say is a gap."""

    def test_a_null_list(self, cloud: FakeCloud, table: str, action: str, container: str) -> None:
        def lose(body: Any) -> None:
            body[container] = None

        cloud.mutate(f"alb:{action}", lose)
        found = filled(cloud, table)
        assert found.state is State.UNAVAILABLE
        assert {reason.kind for reason in found.reasons} == {ReasonKind.MALFORMED}

    def test_a_shortfall(self, cloud: FakeCloud, table: str, action: str, container: str) -> None:
        def cut(body: Any) -> None:
            body[container].pop()

        cloud.mutate(f"alb:{action}", cut)
        found = filled(cloud, table)
        assert {reason.kind for reason in found.reasons} == {ReasonKind.TRUNCATED}


def test_a_list_that_is_throttled_for_ever_is_not_known(cloud: FakeCloud) -> None:
    balancers = filled(cloud, "application_load_balancers")
    cloud.throttle("alb:*")
    with client_of(cloud, deadline_seconds=0.2) as client:
        listeners = fill_one(client, "alb_listeners", application_load_balancers=balancers, **ON_ALB)
    assert listeners.state is State.UNAVAILABLE
    assert {reason.kind for reason in listeners.reasons} <= {ReasonKind.THROTTLED, ReasonKind.TIMEOUT}


def test_a_region_without_alb_has_none(cloud: FakeCloud) -> None:
    cloud.fail("alb:ListLoadBalancers", 404, {"Code": "InvalidRegionId", "Message": "no"})
    table = filled(cloud, "application_load_balancers")
    assert table.state is State.KNOWN
    assert table.get("alb-own") is None
