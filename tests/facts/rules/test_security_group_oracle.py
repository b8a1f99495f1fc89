"""The evaluator against an oracle that tries every address, in every world that agrees with what was read."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from hypothesis import event, given
from hypothesis import strategies as st

from auditor.facts.cloud.ecs import PrefixList, SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.rules.first_match import Outcome, Ports
from auditor.facts.rules.security_group import Direction, Peer, SecurityGroupFilter, Traffic
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t

GROUPS = ("sg-1", "sg-2", "sg-3")
LISTS = ("pl-1", "pl-2")
RANGE = "10.0.0.0/28"
UNREAD = Reason("ecs", ReasonKind.FORBIDDEN, t("denied"))


@dataclass(frozen=True)
class Case:
    kind: str | None
    on: tuple[str, ...]
    read: dict[str, SecurityGroupRules]
    lists: dict[str, list[str]]
    direction: Direction
    port: int
    peer_groups: frozenset[str] | None


blocks = st.builds(lambda last, spare: f"10.0.0.{last}/{32 - spare}", st.integers(0, 15), st.integers(0, 4))


@st.composite
def some_rules(draw: st.DrawFn, number: int) -> SecurityGroupRule:
    peer = draw(
        st.one_of(
            blocks.map(lambda block: {"peer_cidr": block}),
            st.sampled_from(LISTS).map(lambda name: {"peer_prefix_list_id": name}),
            st.sampled_from(GROUPS).map(lambda name: {"peer_group_id": name}),
        )
    )
    return SecurityGroupRule(
        id=f"r{number}",
        direction=draw(st.sampled_from(["ingress", "egress"])),
        policy=draw(st.sampled_from(["Accept", "Drop", "accept", "drop"])),
        priority=draw(st.sampled_from([1, 2, 9, 10, 100])),
        protocol=draw(st.sampled_from(["TCP", "tcp", "ALL", "UDP"])),
        ports=draw(st.sampled_from(["-1/-1", "1/3", "2/2", "3/9"])),
        **peer,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    on = tuple(draw(st.lists(st.sampled_from(GROUPS[:2]), min_size=1, max_size=2, unique=True)))
    read = {}
    for group in on:
        if draw(st.integers(0, 5)):
            own = [draw(some_rules(number)) for number in range(draw(st.integers(0, 4)))]
            inner = draw(st.sampled_from(["Accept", "Drop"]))
            read[group] = SecurityGroupRules(group_id=group, inner_access=inner, rules=own)
    return Case(
        kind=draw(st.sampled_from(["normal", "normal", "enterprise", None])),
        on=on,
        read=read,
        lists={name: draw(st.lists(blocks, max_size=2)) for name in LISTS if draw(st.booleans())},
        direction=draw(st.sampled_from(list(Direction))),
        port=draw(st.integers(1, 4)),
        peer_groups=draw(st.one_of(st.none(), st.frozensets(st.sampled_from(GROUPS)))),
    )


@dataclass(frozen=True)
class World:
    """One way in which all could be that was not read, for one address."""

    is_basic: bool
    member_of: frozenset[str]
    listed_in: frozenset[str]
    unread: dict[str, tuple[str, str]]


def worlds(case: Case, address: str) -> Iterator[World]:
    kinds = {"normal": [True], "enterprise": [False], None: [True, False]}[case.kind]
    memberships = [case.peer_groups] if case.peer_groups is not None else list(subsets(GROUPS))
    known = frozenset(name for name, own in case.lists.items() if is_in(address, own))
    listings = [known | more for more in subsets([name for name in LISTS if name not in case.lists])]
    unread = [group for group in case.on if group not in case.read]
    options = list(product(("nothing", "Accept", "Drop"), ("Accept", "Drop")))
    for is_basic, members, listed in product(kinds, memberships, listings):
        for choice in product(options, repeat=len(unread)):
            yield World(is_basic, members, listed, dict(zip(unread, choice, strict=True)))


def subsets(names: tuple[str, ...] | list[str]) -> Iterator[frozenset[str]]:
    for chosen in product([False, True], repeat=len(names)):
        yield frozenset(name for name, taken in zip(names, chosen, strict=True) if taken)


def is_in(address: str, own: list[str]) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(block, strict=False) for block in own)


def is_allowed(case: Case, world: World, address: str) -> bool:
    matching: list[tuple[int, int]] = []
    for group in case.on:
        if group in case.read:
            inner, own = case.read[group].inner_access, case.read[group].rules
        else:
            everything, inner = world.unread[group]
            own = []
            if everything != "nothing":
                matching.append((1, int(everything == "Accept")))
        if world.is_basic and inner == "Accept" and group in world.member_of:
            return True
        matching += [
            (one.priority, int(one.policy.lower() == "accept")) for one in own if matches(case, world, one, address)
        ]
    if matching:
        return min(matching)[1] == 1
    return world.is_basic and case.direction is Direction.EGRESS


def matches(case: Case, world: World, one: SecurityGroupRule, address: str) -> bool:
    first, last = (int(end) for end in one.ports.split("/"))
    if one.direction != case.direction or one.protocol.lower() not in ("tcp", "all"):
        return False
    if first != -1 and not first <= case.port <= last:
        return False
    if one.peer_group_id:
        return world.is_basic and one.peer_group_id in world.member_of
    if one.peer_prefix_list_id:
        return one.peer_prefix_list_id in world.listed_in
    return is_in(address, [one.peer_cidr])


def judged(case: Case, ports: Ports) -> dict[tuple[str, int], Outcome]:
    answers = SecurityGroupFilter(
        Table("security_groups", [SecurityGroup(id=group, type=case.kind) for group in GROUPS]),
        Table("security_group_rules", case.read.values(), gaps=[Gap(UNREAD)]),
        Table("prefix_lists", [PrefixList(id=name, cidrs=own) for name, own in case.lists.items()], gaps=[Gap(UNREAD)]),
        Table("port_range_lists"),
    ).judge(case.on, Traffic(case.direction, "tcp", Peer.of(RANGE, case.peer_groups), ports))
    assert bool(answers.reasons) == any(part.outcome is Outcome.UNKNOWN for part in answers.parts)
    found: dict[tuple[str, int], Outcome] = {}
    for part in answers.parts:
        for address in ipaddress.ip_network(RANGE):
            for port in range(part.ports.first, part.ports.last + 1):
                if str(address) in part.peers:
                    assert (str(address), port) not in found, "two parts hold one address"
                    found[str(address), port] = part.outcome
    return found


@given(cases())
def test_agrees_with_every_world_that_agrees_with_what_was_read(case: Case) -> None:
    expected = {}
    for address in map(str, ipaddress.ip_network(RANGE)):
        verdicts = {is_allowed(case, world, address) for world in worlds(case, address)}
        allowed = Outcome.ALLOWED if True in verdicts else Outcome.DENIED
        expected[address, case.port] = Outcome.UNKNOWN if len(verdicts) == 2 else allowed
    event(f"outcomes: {sorted(set(expected.values()))}")
    assert judged(case, Ports.one(case.port)) == expected


@given(cases())
def test_a_range_of_ports_is_what_its_ports_are_one_by_one(case: Case) -> None:
    singly: dict[tuple[str, int], Outcome] = {}
    for port in range(1, 5):
        singly |= judged(case, Ports.one(port))
    assert judged(case, Ports(1, 4)) == singly
