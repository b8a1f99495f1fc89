"""ALB: the health of a listener's servers, and of those of its rules."""

from typing import Any

import pytest

from auditor.facts.cloud.nlb import ListenerHealth, UnhealthyServer
from auditor.facts.table import ReasonKind, State, Table
from tests.checks.kit import denied
from tests.collect.alibaba.albs import HTTP, HTTPS, NODE, alb_config, alb_configs, with_alb
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded account, with a cluster on ALB."""
    return with_alb(FakeCloud.recorded())


def filled(cloud: FakeCloud, table: str, **given: Table[Any]) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, table, alb_configs=alb_configs(alb_config()), **given)


def test_all_is_well(cloud: FakeCloud) -> None:
    assert list(filled(cloud, "alb_listener_health").all()) == [ListenerHealth(HTTPS), ListenerHealth(HTTP)]
    asked = next(call.params for call in cloud.calls if call.name == "alb:GetListenerHealthStatus")
    assert asked["MaxResults"] == "30"
    assert asked["IncludeRule"] == "True"


def test_a_server_of_a_rule_fails_its_checks(cloud: FakeCloud) -> None:
    cloud.state.alb.set_unhealthy("sgp-api", NODE)
    cloud.state.alb.add_rule(HTTPS, "rule-too", ["sgp-api"])
    table = filled(cloud, "alb_listener_health")
    failing = UnhealthyServer("sgp-api", NODE, "", 30080, "Unhealthy", "CONNECT_TIMEOUT")
    assert table.get(HTTPS) == ListenerHealth(HTTPS, [failing])
    assert table.get(HTTP) == ListenerHealth(HTTP)


def test_a_group_that_nobody_checks(cloud: FakeCloud) -> None:
    cloud.state.alb.server_groups["sgp-shop"]["HealthCheckConfig"] = {"HealthCheckEnabled": False}
    assert filled(cloud, "alb_listener_health").get(HTTP) == ListenerHealth(HTTP, [], ["sgp-shop"])


@pytest.mark.parametrize(("lost", "unknown"), [("ListenerHealthStatus", {HTTP, HTTPS}), ("RuleHealthStatus", {HTTPS})])
def test_a_list_left_out_is_empty_only_where_there_is_no_rule(cloud: FakeCloud, lost: str, unknown: set[str]) -> None:
    def lose(body: Any) -> None:
        del body[lost]

    cloud.mutate("alb:GetListenerHealthStatus", lose)
    table = filled(cloud, "alb_listener_health")
    hidden = {key for gap in table.gaps for key in gap.keys or {HTTP, HTTPS}}
    assert hidden == unknown
    assert {reason.kind for reason in table.reasons} == {ReasonKind.MALFORMED}


def test_rules_that_are_not_known_may_exist(cloud: FakeCloud) -> None:
    def lose(body: Any) -> None:
        body["RuleHealthStatus"] = None

    cloud.mutate("alb:GetListenerHealthStatus", lose)
    rules: Table[Any] = Table.unavailable("alb_rules", denied("alb:ListRules"))
    assert filled(cloud, "alb_listener_health", alb_rules=rules).state is State.UNAVAILABLE


def test_a_group_whose_unhealthy_servers_are_left_out(cloud: FakeCloud) -> None:
    def lose(body: Any) -> None:
        del body["ListenerHealthStatus"][0]["ServerGroupInfos"][0]["NonNormalServers"]

    cloud.mutate("alb:GetListenerHealthStatus", lose)
    assert filled(cloud, "alb_listener_health").state is State.UNAVAILABLE


def test_pages_without_an_end(cloud: FakeCloud) -> None:
    def again(body: Any) -> None:
        body["NextToken"] = "706167653a30"

    cloud.mutate("alb:GetListenerHealthStatus", again)
    table = filled(cloud, "alb_listener_health")
    assert {reason.kind for reason in table.reasons} == {ReasonKind.TRUNCATED}
