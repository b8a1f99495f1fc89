"""The groups of one interface, as one ordered list."""

from collections.abc import Collection, Iterator

from auditor.facts.cloud.ecs import PortRangeList, PrefixList, SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import ALL_PORTS, Answer, Clause, decide, unique
from auditor.facts.rules.security_group.open_questions import (
    Kind,
    malformed,
    membership_question,
    open_question,
    undecidable,
)
from auditor.facts.rules.security_group.rules import RuleReader, rule_name
from auditor.facts.rules.security_group.traffic import INNER_ACCESS, Direction, Peer, Traffic
from auditor.facts.table import NotKnown, Reason, Table
from auditor.facts.text import t

BASIC, ADVANCED = "normal", "enterprise"
_STRONGEST = 1


class SecurityGroupFilter:
    """The groups, their rules, and the prefix and port lists that the rules name."""

    def __init__(
        self,
        security_groups: Table[SecurityGroup],
        security_group_rules: Table[SecurityGroupRules],
        prefix_lists: Table[PrefixList],
        port_range_lists: Table[PortRangeList],
    ) -> None:
        """Take the four tables."""
        self._groups = security_groups
        self._rules = security_group_rules
        self._reader = RuleReader(security_groups, prefix_lists, port_range_lists)
        self._answers: dict[tuple[frozenset[str], Traffic], Answer] = {}

    def judge(self, group_ids: Collection[str], traffic: Traffic) -> Answer:
        """Tell what the groups of one interface do to traffic, part by part.

        What could not be read (rules, the type, a list, the peer's groups) makes a part unknown only if it could
        change the answer. A part that is refused by default belongs to the group with the lowest id. A rule that
        is restricted to source ports matches only some connections, so it leaves open what becomes of them; rules
        that name a group have no effect in advanced groups. Raises NotKnown if no group is given.
        """
        if not group_ids:
            raise NotKnown(malformed(t("the interface was said to be in no security group")))
        key = (frozenset(group_ids), traffic)
        if key not in self._answers:
            clauses = self._clauses(sorted(key[0]), traffic)
            self._answers[key] = decide(clauses, traffic.peer.addresses, traffic.ports)
        return self._answers[key]

    def rule(self, group_id: str, rule_id: str) -> SecurityGroupRule | None:
        """Return the rule that a part of an answer names; None for a default or ``INNER_ACCESS``."""
        row = self._rules.get(group_id)
        return next((rule for rule in row.rules if rule_name(rule) == rule_id), None) if row else None

    def group(self, group_id: str) -> SecurityGroup:
        """Return a group for showing it: without name and type where those are not known."""
        try:
            return self._groups.get(group_id) or SecurityGroup(id=group_id)
        except NotKnown:
            return SecurityGroup(id=group_id)

    def _clauses(self, group_ids: list[str], traffic: Traffic) -> list[Clause]:
        kind = self._kind(group_ids)
        ranked: list[tuple[int, bool, Clause]] = []
        inside: list[Clause] = []
        for group_id in group_ids:
            row, gap = self._rules_of(group_id)
            inside += _inside(group_id, row, gap, kind, traffic.peer)
            ranked += self._reader.ranked(row, kind, traffic) if row else _anything(group_id, gap)
        ranked.sort(key=lambda entry: entry[:2])
        return [*inside, *(clause for _, _, clause in ranked), *_defaults(group_ids[0], kind, traffic.direction)]

    def _kind(self, group_ids: list[str]) -> Kind:
        """Find out whether the groups are basic. All groups of an interface are of one type: one that says suffices."""
        said: set[str] = set()
        reasons: list[Reason] = []
        for group_id in group_ids:
            try:
                row = self._groups.get(group_id)
            except NotKnown as gap:
                reasons += gap.reasons
                continue
            kind = (row.type or "").casefold() if row else ""
            if kind in (BASIC, ADVANCED):
                said.add(kind)
            else:
                reasons.append(malformed(t("the type of security group {group} was not said", group=group_id)))
        if len(said) == 1:
            return Kind(said.pop() == BASIC)
        if said:
            reasons = [undecidable(t("{groups} are on one interface, but of different types", groups=group_ids))]
        return Kind(None, unique(reasons))

    def _rules_of(self, group_id: str) -> tuple[SecurityGroupRules | None, tuple[Reason, ...]]:
        try:
            row = self._rules.get(group_id)
        except NotKnown as gap:
            return None, gap.reasons
        if row is None:
            return None, (malformed(t("no rules were returned for security group {group}", group=group_id)),)
        return row, ()


def _inside(
    group_id: str, row: SecurityGroupRules | None, gap: tuple[Reason, ...], kind: Kind, peer: Peer
) -> Iterator[Clause]:
    """Yield the clause by which the members of a basic group reach each other."""
    is_member = peer.is_in(group_id)
    if kind.is_basic is False or is_member is False:
        return
    still_open = kind.open
    policy = (row.inner_access or "").casefold() if row else ""
    if policy == "drop":
        return
    if policy != "accept":
        reason = malformed(t("the inner access policy of security group {group} was not said", group=group_id))
        still_open = still_open.also(open_question(f"{group_id} is open inside", *(gap or (reason,))))
    if is_member is None:
        still_open = still_open.also(membership_question(group_id, peer))
    yield Clause(
        True,
        peer.addresses,
        (ALL_PORTS,),
        group_id,
        INNER_ACCESS,
        still_open.questions,
        still_open.reasons,
    )


def _anything(group_id: str, gap: tuple[Reason, ...]) -> Iterator[tuple[int, bool, Clause]]:
    """Yield what stands for the rules of a group that were not read: of the strongest priority, both ways."""
    for accepts in (False, True):
        question = frozenset({f"{group_id} {'accepts' if accepts else 'drops'} it"})
        clause = Clause(accepts, AddressSet.everything(), (ALL_PORTS,), group_id, "", question, gap)
        yield _STRONGEST, accepts, clause


def _defaults(group_id: str, kind: Kind, direction: Direction) -> list[Clause]:
    everything, ports = AddressSet.everything(), (ALL_PORTS,)
    refuse = Clause(False, everything, ports, group_id)
    if direction is Direction.INGRESS or kind.is_basic is False:
        return [refuse]
    still_open = kind.open
    return [Clause(True, everything, ports, group_id, "", still_open.questions, still_open.reasons), refuse]
