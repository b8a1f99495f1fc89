"""One group's rules, read as clauses of an ordered list."""

from collections.abc import Iterator

from auditor.facts.cloud.ecs import PortRangeList, PrefixList, SecurityGroup, SecurityGroupRule, SecurityGroupRules
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import ALL_PORTS, Clause, Ports, parse_ports
from auditor.facts.rules.security_group.open_questions import (
    NOTHING_OPEN,
    Kind,
    Open,
    malformed,
    membership_question,
    open_question,
    undecidable,
)
from auditor.facts.rules.security_group.traffic import PORTLESS, Peer, Traffic
from auditor.facts.table import NotKnown, Reason, Table
from auditor.facts.text import t


class RuleReader:
    """Reads rules, with the prefix and port lists that they name.

    Whether a rule drops traffic or lets it through is said by a boolean, false for Drop: so ranks sort as they rule.
    """

    def __init__(
        self,
        security_groups: Table[SecurityGroup],
        prefix_lists: Table[PrefixList],
        port_range_lists: Table[PortRangeList],
    ) -> None:
        """Take the tables."""
        self._groups = security_groups
        self._prefix_lists = prefix_lists
        self._port_lists = port_range_lists

    def ranked(self, row: SecurityGroupRules, kind: Kind, traffic: Traffic) -> Iterator[tuple[int, bool, Clause]]:
        """Yield priority, whether it accepts, and clause of each rule that concerns the traffic."""
        for rule in row.rules:
            if not _concerns(rule, traffic):
                continue
            ports, open_ports = self._ports(rule, traffic.protocol)
            for policy, open_policy in _policies(rule):
                for peers, open_peers in self._peers(rule, kind, traffic):
                    if not peers:
                        continue
                    still_open = open_ports.also(open_policy).also(open_peers).also(_source_ports(rule))
                    yield (
                        rule.priority,
                        policy,
                        Clause(
                            policy,
                            peers,
                            ports,
                            row.group_id,
                            rule_name(rule),
                            still_open.questions,
                            still_open.reasons,
                        ),
                    )

    def _ports(self, rule: SecurityGroupRule, protocol: str) -> tuple[tuple[Ports, ...], Open]:
        if protocol in PORTLESS:
            return (ALL_PORTS,), NOTHING_OPEN
        texts = [rule.ports]
        if rule.port_list_id:
            try:
                row = self._port_lists.get(rule.port_list_id)
            except NotKnown as gap:
                return (ALL_PORTS,), open_question(f"the port is in {rule.port_list_id}", *gap.reasons)
            if row is None:
                reason = malformed(t("port list {list} is not among those read", list=rule.port_list_id))
                return (ALL_PORTS,), open_question(f"the port is in {rule.port_list_id}", reason)
            texts = row.ranges
        try:
            return tuple(parse_ports(text) for text in texts), NOTHING_OPEN
        except ValueError:
            return (ALL_PORTS,), open_question(f"the port is in {texts}", _unreadable(rule, ", ".join(texts)))

    def _peers(self, rule: SecurityGroupRule, kind: Kind, traffic: Traffic) -> Iterator[tuple[AddressSet, Open]]:
        """Yield what the rule names as its peer, cut down to the peer in question."""
        asked = traffic.peer.addresses
        blocks = [block for block in (rule.peer_cidr, rule.peer_cidr6) if block]
        if blocks:
            yield _blocks(blocks, asked, _unreadable(rule, ", ".join(blocks)))
        if rule.peer_prefix_list_id:
            yield self._prefix_list(rule.peer_prefix_list_id, asked)
        if rule.peer_group_id and kind.is_basic is not False:
            membership = self._membership(rule, traffic.peer)
            if membership is not None:
                yield asked, membership.also(kind.open)
        if not (blocks or rule.peer_prefix_list_id or rule.peer_group_id):
            yield asked, open_question(f"the peer is that of {rule_name(rule)}", _unreadable(rule, ""))

    def _prefix_list(self, list_id: str, asked: AddressSet) -> tuple[AddressSet, Open]:
        question = f"the peer is in {list_id}"
        try:
            row = self._prefix_lists.get(list_id)
        except NotKnown as gap:
            return asked, open_question(question, *gap.reasons)
        reason = malformed(t("prefix list {list} could not be read", list=list_id))
        return (asked, open_question(question, reason)) if row is None else _blocks(row.cidrs, asked, reason)

    def _membership(self, rule: SecurityGroupRule, peer: Peer) -> Open | None:
        """Tell whether the peer is in the group that a rule names; None if it is not.

        Of another account's groups the members can't be listed: an address that is none of this account's
        interfaces may be one of them.
        """
        group_id = rule.peer_group_id
        is_member = peer.is_in(group_id)
        if is_member is not False:
            return NOTHING_OPEN if is_member else membership_question(group_id, peer)
        if not peer.groups and rule.peer_group_account and not self._is_own(group_id):
            reason = undecidable(
                t("the members of security group {group} of another account can't be listed", group=group_id)
            )
            return open_question(f"the peer is in {group_id}", reason)
        return None

    def _is_own(self, group_id: str) -> bool:
        try:
            return self._groups.get(group_id) is not None
        except NotKnown:
            return False


def _concerns(rule: SecurityGroupRule, traffic: Traffic) -> bool:
    return (
        rule.direction.casefold() == traffic.direction
        and rule.nic_type.casefold() in ("", "intranet")
        and rule.protocol.casefold() in ("all", traffic.protocol.casefold())
    )


def _policies(rule: SecurityGroupRule) -> Iterator[tuple[bool, Open]]:
    policy = rule.policy.casefold()
    if policy in ("accept", "drop"):
        yield policy == "accept", NOTHING_OPEN
        return
    for accepts in (False, True):
        yield accepts, open_question(f"{rule_name(rule)} means {accepts}", _unreadable(rule, rule.policy))


def _source_ports(rule: SecurityGroupRule) -> Open:
    if not rule.source_ports:
        return NOTHING_OPEN
    try:
        if Ports(1, ALL_PORTS.last) in parse_ports(rule.source_ports):
            return NOTHING_OPEN
    except ValueError:
        return open_question(f"the source port is in {rule.source_ports}", _unreadable(rule, rule.source_ports))
    reason = undecidable(
        t("rule {rule} holds for the source ports {ports} only", rule=rule_name(rule), ports=rule.source_ports)
    )
    return open_question(f"the source port is in {rule.source_ports}", reason)


def _blocks(blocks: list[str], asked: AddressSet, unreadable: Reason) -> tuple[AddressSet, Open]:
    try:
        return AddressSet.of(*blocks) & asked, NOTHING_OPEN
    except ValueError:
        return asked, open_question(f"the peer is in {blocks}", unreadable)


def rule_name(rule: SecurityGroupRule) -> str:
    """Return the rule's id; of a rule from before rules had ids, what tells it apart."""
    return rule.id or f"{rule.direction} {rule.policy} {rule.protocol} {rule.ports} priority {rule.priority}"


def _unreadable(rule: SecurityGroupRule, value: str) -> Reason:
    return malformed(t("rule {rule} says what can't be read: {value}", rule=rule_name(rule), value=value))
