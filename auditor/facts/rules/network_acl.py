"""Network ACLs of vSwitches: stateless lists, checked in addition to the security groups.

Source: the VPC documentation on network ACLs. The entries of one direction are read in list order and the first
match decides; what none matches is denied, so an ACL without entries denies everything. The port of an entry is
always the destination port. Nothing remembers connections: the answers need an entry of their own, towards the
ports that clients pick for themselves. Traffic within one vSwitch does not pass its ACL, and the cloud's DNS and
metadata addresses are always let through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.facts.cloud.vpc import AclEntry, NetworkAcl
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import ALL_PORTS, Answer, Clause, Ports, decide, parse_ports
from auditor.facts.rules.security_group import PORTLESS, Direction
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t

EPHEMERAL_PORTS = Ports(32768, 60999)
"""The ports that Linux clients pick for themselves: the kernel's default of ``net.ipv4.ip_local_port_range``."""
ALWAYS_OPEN = AddressSet.of("100.100.2.128/28", "100.100.2.112/28", "100.100.100.200/32")
"""The cloud's DNS servers and metadata server, which no network ACL cuts off."""


@dataclass(frozen=True)
class Leg:
    """One direction of a connection through an ACL, and what the ACL does to it."""

    direction: Direction
    ports: Ports
    is_answer: bool
    answer: Answer


def judge_acl(acl: NetworkAcl, direction: Direction, protocol: str, ports: Ports, peers: AddressSet) -> Answer:
    """Tell what a network ACL does to packets, part by part.

    Args:
        acl: the ACL. While it is being changed (any status but Available) nobody knows which entries hold, so
            the answer is unknown; a status that was not said counts as Available, for the ACL is bound.
        direction: into the vSwitch or out of it.
        protocol: ``tcp``, ``udp``, ``icmp``, ``gre``.
        ports: the packets' destination ports; of no meaning for ICMP and GRE.
        peers: the addresses outside the vSwitch, from which the packets come or to which they go.
    """
    entries = acl.ingress if direction is Direction.INGRESS else acl.egress
    everything, any_port = AddressSet.everything(), (ALL_PORTS,)
    clauses = [
        Clause(accepts=True, peers=ALWAYS_OPEN, ports=any_port, owner=acl.id),
        *_being_changed(acl),
        *_clauses(acl, entries, direction, protocol),
        Clause(accepts=False, peers=everything, ports=any_port, owner=acl.id),
    ]
    return decide(clauses, peers, ports)


def judge_server(acl: NetworkAcl, protocol: str, ports: Ports, clients: AddressSet) -> tuple[Leg, Leg]:
    """Tell what the ACL of a server's vSwitch does to connections to it: to the calls, then to the answers.

    ``clients`` are the callers outside the vSwitch.
    """
    return _legs(acl, protocol, (Direction.INGRESS, ports), (Direction.EGRESS, EPHEMERAL_PORTS), clients)


def judge_client(acl: NetworkAcl, protocol: str, ports: Ports, servers: AddressSet) -> tuple[Leg, Leg]:
    """Tell what the ACL of a client's vSwitch does to connections from it: to the calls, then to the answers.

    ``servers`` are those outside the vSwitch, and ``ports`` theirs.
    """
    return _legs(acl, protocol, (Direction.EGRESS, ports), (Direction.INGRESS, EPHEMERAL_PORTS), servers)


def _legs(
    acl: NetworkAcl,
    protocol: str,
    calls: tuple[Direction, Ports],
    answers: tuple[Direction, Ports],
    peers: AddressSet,
) -> tuple[Leg, Leg]:
    return (
        Leg(*calls, is_answer=False, answer=judge_acl(acl, calls[0], protocol, calls[1], peers)),
        Leg(*answers, is_answer=True, answer=judge_acl(acl, answers[0], protocol, answers[1], peers)),
    )


def _clauses(acl: NetworkAcl, entries: Sequence[AclEntry], direction: Direction, protocol: str) -> Iterator[Clause]:
    for number, entry in enumerate(entries, start=1):
        if entry.protocol.casefold() not in ("all", protocol.casefold()):
            continue
        name = f"{direction} {number}"
        try:
            peers = AddressSet.of(entry.cidr)
            ports = ALL_PORTS if protocol in PORTLESS else parse_ports(entry.ports)
            accepts = {"accept": True, "drop": False}[entry.policy.casefold()]
        except (ValueError, KeyError):
            value = f"{entry.policy} {entry.protocol} {entry.ports} {entry.cidr}"
            message = t(
                "entry {entry} of network ACL {acl} can't be read: {value}", entry=name, acl=acl.id, value=value
            )
            yield from _either(acl, name, Reason("vpc", ReasonKind.MALFORMED, message))
        else:
            yield Clause(accepts, peers, (ports,), acl.id, name)


def _being_changed(acl: NetworkAcl) -> Iterator[Clause]:
    if (acl.status or "available").casefold() == "available":
        return
    message = t("network ACL {acl} is being changed: its status is {status}", acl=acl.id, status=acl.status or "")
    yield from _either(acl, "", Reason("vpc", ReasonKind.UNDECIDABLE, message))


def _either(acl: NetworkAcl, name: str, reason: Reason) -> Iterator[Clause]:
    """Yield what stands for an entry that may do anything to anybody."""
    for accepts in (False, True):
        question = frozenset({f"{name} of {acl.id} {'accepts' if accepts else 'drops'} it"})
        yield Clause(accepts, AddressSet.everything(), (ALL_PORTS,), acl.id, name, question, (reason,))
