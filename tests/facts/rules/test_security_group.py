"""The typical mistakes, one by one. The arithmetic is compared with an oracle in test_security_group_oracle."""

from collections.abc import Iterable
from typing import Any

import pytest

from auditor.facts.cloud.ecs import PortRangeList, PrefixList, SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.rules.first_match import ALL_PORTS, Answer, Outcome, Ports
from auditor.facts.rules.security_group import INNER_ACCESS, Direction, Peer, SecurityGroupFilter, Traffic
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

ALLOWED, DENIED, PARTLY, UNKNOWN = Outcome.ALLOWED, Outcome.DENIED, Outcome.PARTLY, Outcome.UNKNOWN
DENIED_CALL = Reason("ecs", ReasonKind.FORBIDDEN, t("denied"), ("ecs:Something",))


def rule(id: str = "r1", policy: str = "Accept", priority: int = 1, **more: Any) -> SecurityGroupRule:  # noqa: A002
    given: dict[str, Any] = {"direction": "ingress", "protocol": "TCP", "ports": "10250/10250", **more}
    if not any(key.startswith("peer_") for key in given):
        given["peer_cidr"] = "0.0.0.0/0"
    return SecurityGroupRule(id=id, policy=policy, priority=priority, **given)


def rules(
    *own: SecurityGroupRule,
    group: str = "sg-1",
    inner: str | None = "Accept",
) -> SecurityGroupRules:
    return SecurityGroupRules(group_id=group, inner_access=inner, rules=list(own))


def group_filter(
    *groups: SecurityGroupRules,
    kind: str | None = "normal",
    prefix_lists: Iterable[PrefixList] | Table[PrefixList] = (),
    port_lists: Iterable[PortRangeList] | Table[PortRangeList] = (),
    unread: Iterable[str] = (),
) -> SecurityGroupFilter:
    ids = [row.group_id for row in groups] + list(unread)
    gaps = [Gap(DENIED_CALL, frozenset(unread))] if unread else []
    return SecurityGroupFilter(
        Table("security_groups", [SecurityGroup(id=id, type=kind) for id in ids]),  # noqa: A001
        Table("security_group_rules", groups, gaps=gaps),
        prefix_lists if isinstance(prefix_lists, Table) else Table("prefix_lists", prefix_lists),
        port_lists if isinstance(port_lists, Table) else Table("port_range_lists", port_lists),
    )


def ask(
    groups: SecurityGroupFilter,
    peer: str = "10.0.0.5",
    on: Iterable[str] = ("sg-1",),
    peer_groups: Iterable[str] | None = (),
    **more: Any,
) -> Answer:
    given = {"direction": Direction.INGRESS, "protocol": "tcp", "ports": Ports.one(10250), **more}
    return groups.judge(list(on), Traffic(peer=Peer.of(peer, peer_groups), **given))


def outcome(*groups: SecurityGroupRules, kind: str | None = "normal", **more: Any) -> Outcome:
    return ask(group_filter(*groups, kind=kind), **more).outcome


def test_priorities_are_numbers_and_drop_wins_a_tie() -> None:
    assert outcome(rules(rule(priority=2), rule("r2", "Drop", 10))) is ALLOWED
    assert outcome(rules(rule(priority=10), rule("r2", "Drop", 9))) is DENIED
    assert outcome(rules(rule(priority=5), rule("r2", "Drop", 5))) is DENIED


def test_policies_and_protocols_are_read_in_any_case() -> None:
    assert outcome(rules(rule(policy="accept", protocol="tcp"))) is ALLOWED
    assert outcome(rules(rule(policy="DROP"), rule("r2", priority=2))) is DENIED
    assert outcome(rules(rule(protocol="all", ports="-1/-1"))) is ALLOWED


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "UDP"},
        {"ports": "443/443"},
        {"direction": "egress"},
        {"peer_cidr": "10.0.1.0/24"},
        {"peer_cidr6": "::/0"},
        {"nic_type": "internet"},
        {"peer_group_id": "sg-9"},
        {"protocol": "ICMP", "ports": "-1/-1"},
    ],
)
def test_a_rule_for_other_traffic_does_nothing(other: dict[str, Any]) -> None:
    assert outcome(rules(rule("r0", "Drop", 1, **other), rule(priority=2))) is ALLOWED
    assert outcome(rules(rule(**other))) is DENIED


@pytest.mark.parametrize("ports", ["10250/10250", "10250", "1/65535", "-1/-1", "10000/11000"])
def test_ports(ports: str) -> None:
    assert outcome(rules(rule(ports=ports))) is ALLOWED


def test_icmp_has_no_ports_and_two_versions() -> None:
    pings: dict[str, Any] = {"protocol": "icmp", "ports": ALL_PORTS}
    assert outcome(rules(rule(protocol="ICMP", ports="-1/-1")), **pings) is ALLOWED
    assert outcome(rules(rule(protocol="ICMP", ports="8/0")), **pings) is ALLOWED
    assert outcome(rules(rule(protocol="ICMPv6", ports="-1/-1")), **pings) is DENIED
    assert outcome(rules(rule(protocol="ALL", ports="-1/-1")), **pings) is ALLOWED


def test_peers_of_each_kind() -> None:
    assert outcome(rules(rule(peer_cidr="10.0.0.5"))) is ALLOWED
    assert outcome(rules(rule(peer_cidr="10.0.0.5/8"))) is ALLOWED
    assert outcome(rules(rule(peer_cidr6="fd00::/8")), peer="fd00::5") is ALLOWED
    assert outcome(rules(rule(peer_cidr="0.0.0.0/0")), peer="fd00::5") is DENIED
    offices = [PrefixList(id="pl-1", cidrs=["192.0.2.0/24", "10.0.0.4/31"])]
    listed = group_filter(rules(rule(peer_prefix_list_id="pl-1")), prefix_lists=offices)
    assert ask(listed).outcome is ALLOWED
    assert ask(listed, "10.0.0.6").outcome is DENIED
    assert outcome(rules(rule(peer_group_id="sg-9")), peer_groups=["sg-9"]) is ALLOWED


def test_port_lists() -> None:
    lists = [PortRangeList(id="prl-1", ranges=["80/80", "10000/11000"])]
    listed = group_filter(rules(rule(ports="", port_list_id="prl-1")), port_lists=lists)
    assert ask(listed).outcome is ALLOWED
    assert ask(listed, ports=Ports.one(443)).outcome is DENIED


def test_all_groups_of_an_interface_count() -> None:
    first, second = rules(group="sg-1"), rules(rule(), group="sg-2")
    assert ask(group_filter(first, second), on=["sg-1"]).outcome is DENIED
    assert ask(group_filter(first, second), on=["sg-1", "sg-2"]).outcome is ALLOWED
    dropping = rules(rule("r9", "Drop", 1), group="sg-3")
    answer = ask(group_filter(second, dropping), on=["sg-2", "sg-3"])
    assert [(part.outcome, part.owner, part.rule) for part in answer.parts] == [(DENIED, "sg-3", "r9")]


def test_a_refusal_by_default_belongs_to_the_lowest_group() -> None:
    answer = ask(group_filter(rules(group="sg-2"), rules(group="sg-1")), on=["sg-2", "sg-1"])
    assert [(part.owner, part.rule) for part in answer.refused] == [("sg-1", "")]


def test_defaults_of_basic_and_advanced_groups() -> None:
    egress: dict[str, Any] = {"direction": Direction.EGRESS}
    assert outcome(rules(), kind="normal") is DENIED
    assert outcome(rules(), kind="normal", **egress) is ALLOWED
    assert outcome(rules(), kind="enterprise") is DENIED
    assert outcome(rules(), kind="enterprise", **egress) is DENIED
    assert outcome(rules(rule(direction="egress")), kind="enterprise", **egress) is ALLOWED


def test_members_of_a_basic_group_reach_each_other_whatever_the_rules_say() -> None:
    answer = ask(group_filter(rules(rule(policy="Drop"))), peer_groups=["sg-1"])
    assert [(part.outcome, part.rule) for part in answer.parts] == [(ALLOWED, INNER_ACCESS)]
    assert outcome(rules(rule(policy="Drop"), inner="Drop"), peer_groups=["sg-1"]) is DENIED
    assert outcome(rules(inner="Drop"), peer_groups=["sg-1"]) is DENIED
    assert outcome(rules(rule(policy="Drop")), peer_groups=["sg-2"]) is DENIED
    out: dict[str, Any] = {"direction": Direction.EGRESS, "peer_groups": ["sg-1"]}
    assert outcome(rules(rule(policy="Drop", direction="egress")), **out) is ALLOWED


def test_members_of_an_advanced_group_are_isolated_and_its_rules_name_no_group() -> None:
    named = rules(rule(peer_group_id="sg-1"))
    assert outcome(named, kind="enterprise", peer_groups=["sg-1"]) is DENIED
    assert outcome(named, kind="enterprise", peer_groups=None) is DENIED


def test_a_range_is_split_exactly_and_each_refused_part_names_its_rule() -> None:
    own = rules(
        rule("office", "Drop", 1, peer_cidr="10.0.0.64/26"),
        rule("all", "Accept", 2, peer_cidr="10.0.0.0/25"),
    )
    answer = ask(group_filter(own), "10.0.0.0/24")
    assert answer.outcome is PARTLY
    assert {(part.rule, str(part.peers)) for part in answer.refused} == {
        ("office", "10.0.0.64/26"),
        ("", "10.0.0.128/25"),
    }
    assert str(answer.refused_peers) == "10.0.0.64/26, 10.0.0.128/25"


def test_a_range_of_ports_is_split_exactly() -> None:
    answer = ask(group_filter(rules(rule(ports="80/90"))), ports=Ports(70, 100))
    assert {(part.outcome, str(part.ports)) for part in answer.parts} == {
        (DENIED, "70/79"),
        (ALLOWED, "80/90"),
        (DENIED, "91/100"),
    }
    assert answer.outcome is PARTLY


def unread_list() -> Table[PrefixList]:
    return Table.unavailable("prefix_lists", DENIED_CALL)


def test_an_unread_list_matters_only_where_it_can_decide() -> None:
    by_list = rule("listed", "Accept", 5, peer_prefix_list_id="pl-1")
    assert ask(group_filter(rules(by_list), prefix_lists=unread_list())).reasons == (DENIED_CALL,)
    for stronger, expected in ((rule("x", "Drop", 1), DENIED), (rule("x", "Accept", 1), ALLOWED)):
        answer = ask(group_filter(rules(by_list, stronger), prefix_lists=unread_list()))
        assert (answer.outcome, answer.reasons) == (expected, ())
    weaker = ask(group_filter(rules(by_list, rule("x", "Accept", 9)), prefix_lists=unread_list()))
    assert weaker.outcome is ALLOWED
    other_port = rule("listed", "Drop", 1, peer_prefix_list_id="pl-1", ports="22/22")
    assert ask(group_filter(rules(other_port, rule(priority=2)), prefix_lists=unread_list())).outcome is ALLOWED


def test_one_unread_list_named_twice_is_in_or_out_both_times() -> None:
    twice = rules(
        rule("a", "Drop", 1, peer_prefix_list_id="pl-1"),
        rule("b", "Accept", 2, peer_prefix_list_id="pl-1"),
    )
    answer = ask(group_filter(twice, prefix_lists=unread_list()))
    assert (answer.outcome, answer.reasons) == (DENIED, ())


def test_an_unread_list_leaves_the_rest_of_a_range_decided() -> None:
    own = rules(rule("x", "Drop", 1, peer_cidr="10.0.0.0/25"), rule("listed", "Accept", 2, peer_prefix_list_id="pl-1"))
    answer = ask(group_filter(own, prefix_lists=unread_list()), "10.0.0.0/24")
    assert answer.outcome is PARTLY
    assert str(answer.refused_peers) == "10.0.0.0/25"
    assert answer.reasons == (DENIED_CALL,)


def test_an_unread_port_list() -> None:
    lists: Table[PortRangeList] = Table.unavailable("port_range_lists", DENIED_CALL)
    by_list = rule(ports="", port_list_id="prl-1")
    assert ask(group_filter(rules(by_list), port_lists=lists)).reasons == (DENIED_CALL,)
    assert ask(group_filter(rules(by_list), port_lists=lists), protocol="udp").outcome is DENIED
    assert ask(group_filter(rules(by_list, rule("x", "Drop", 1)), port_lists=lists)).outcome is DENIED


@pytest.mark.parametrize("table", ["prefix_lists", "port_lists"])
def test_a_list_that_was_not_returned_is_not_an_empty_one(table: str) -> None:
    by_list = rule(peer_prefix_list_id="pl-1") if table == "prefix_lists" else rule(ports="", port_list_id="prl-1")
    assert ask(group_filter(rules(by_list))).outcome is UNKNOWN


def test_unread_rules_of_one_of_two_groups() -> None:
    read = rules(rule("x", "Drop", 1))
    unread = group_filter(read, unread=["sg-2"])
    assert ask(unread, on=["sg-1", "sg-2"]).outcome is DENIED
    answer = ask(group_filter(rules(rule("x", "Drop", 2)), unread=["sg-2"]), on=["sg-1", "sg-2"])
    assert (answer.outcome, answer.reasons) == (UNKNOWN, (DENIED_CALL,))
    answer = ask(group_filter(rules(rule("x", "Accept", 1)), unread=["sg-2"]), on=["sg-1", "sg-2"])
    assert answer.outcome is UNKNOWN
    shared = group_filter(rules(), unread=["sg-2"])
    assert ask(shared, on=["sg-1", "sg-2"], peer_groups=["sg-1"]).outcome is ALLOWED
    assert ask(unread, on=["sg-1", "sg-2"], peer_groups=["sg-2"]).reasons == (DENIED_CALL,)


def test_unknown_type() -> None:
    egress: dict[str, Any] = {"direction": Direction.EGRESS, "kind": None}
    assert outcome(rules(), **egress) is UNKNOWN
    assert outcome(rules(rule(direction="egress")), **egress) is ALLOWED
    assert outcome(rules(), kind=None) is DENIED
    assert outcome(rules(), kind=None, peer_groups=["sg-1"]) is UNKNOWN
    assert outcome(rules(rule(peer_group_id="sg-9")), kind=None, peer_groups=["sg-9"]) is UNKNOWN


def test_one_group_that_says_its_type_says_it_for_all_of_the_interface() -> None:
    groups = SecurityGroupFilter(
        Table("security_groups", [SecurityGroup(id="sg-1", type="normal")], gaps=[Gap(DENIED_CALL)]),
        Table("security_group_rules", [rules(), rules(group="sg-2")]),
        Table("prefix_lists"),
        Table("port_range_lists"),
    )
    egress: dict[str, Any] = {"direction": Direction.EGRESS}
    assert ask(groups, on=["sg-1", "sg-2"], **egress).outcome is ALLOWED
    assert ask(groups, on=["sg-2"], **egress).reasons == (DENIED_CALL,)


def test_unknown_inner_access_matters_to_members_only() -> None:
    assert outcome(rules(inner=None), peer_groups=["sg-1"]) is UNKNOWN
    assert outcome(rules(inner=None), peer_groups=["sg-2"]) is DENIED
    assert outcome(rules(rule(), inner=None), peer_groups=["sg-1"]) is ALLOWED


def test_unknown_groups_of_the_peer_matter_where_a_group_could_let_it_in() -> None:
    assert outcome(rules(), peer_groups=None) is UNKNOWN
    assert outcome(rules(rule(policy="Drop")), peer_groups=None) is UNKNOWN
    assert outcome(rules(rule(policy="Drop"), inner="Drop"), peer_groups=None) is DENIED
    assert outcome(rules(rule(peer_group_id="sg-9"), inner="Drop"), peer_groups=None) is UNKNOWN
    dropped = rules(rule("x", "Drop", 1), rule(priority=2, peer_group_id="sg-9"), inner="Drop")
    assert outcome(dropped, peer_groups=None) is DENIED
    assert outcome(rules(rule()), peer_groups=None) is ALLOWED


def test_the_reason_of_unknown_groups_is_the_callers() -> None:
    peer = Peer.of("10.0.0.5", None, [DENIED_CALL])
    traffic = Traffic(Direction.INGRESS, "tcp", peer, Ports.one(10250))
    assert group_filter(rules()).judge(["sg-1"], traffic).reasons == (DENIED_CALL,)


def test_groups_of_another_account() -> None:
    foreign = rules(rule(peer_group_id="sg-far", peer_group_account="1234"))
    assert outcome(foreign) is UNKNOWN
    assert outcome(foreign, peer_groups=["sg-7"]) is DENIED
    assert outcome(foreign, peer_groups=["sg-far"]) is ALLOWED
    assert outcome(rules(*foreign.rules, rule("x", "Drop", 1))) is DENIED
    assert outcome(rules(rule(peer_group_id="sg-1", peer_group_account="1234"))) is DENIED


def test_a_rule_for_some_source_ports_can_t_be_relied_on() -> None:
    assert outcome(rules(rule(source_ports="32768/60999"))) is UNKNOWN
    assert outcome(rules(rule("x", "Drop", 1, source_ports="1/1023"), rule(priority=2))) is UNKNOWN
    assert outcome(rules(rule("x", "Drop", 1, source_ports="1/1023"))) is DENIED
    for everything in ("-1/-1", "1/65535", "0/65535"):
        assert outcome(rules(rule(source_ports=everything))) is ALLOWED


@pytest.mark.parametrize(
    "broken", [{"ports": "many"}, {"peer_cidr": "10.0.0.0/99"}, {"policy": "Maybe"}, {"peer_cidr": ""}]
)
def test_a_rule_that_cannot_be_read_is_not_skipped(broken: dict[str, Any]) -> None:
    given = {"id": "bad", "policy": "Accept", "peer_cidr": "10.0.0.0/8", **broken}
    answer = ask(group_filter(rules(rule(**given))))
    assert answer.outcome is UNKNOWN
    assert [reason.kind for reason in answer.reasons] == [ReasonKind.MALFORMED]
    assert ask(group_filter(rules(rule(**{**given, "priority": 2}), rule("x", "Drop", 1)))).outcome is DENIED


def test_an_interface_without_groups_is_an_answer_that_makes_no_sense() -> None:
    with pytest.raises(NotKnown):
        ask(group_filter(), on=[])


def test_the_rule_behind_a_part_can_be_shown() -> None:
    own = rule("x", "Drop", 1, description="shut")
    nameless = rule("", "Drop", 3)
    groups = group_filter(rules(own), rules(nameless, group="sg-2"))
    part = ask(groups).refused[0]
    assert groups.rule(part.owner, part.rule) is own
    part = ask(groups, on=["sg-2"]).refused[0]
    assert groups.rule(part.owner, part.rule) is nameless
    assert groups.group("sg-1").type == "normal"
    assert groups.group("sg-8") == SecurityGroup(id="sg-8")
