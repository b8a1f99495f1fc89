"""What is asked of security groups: traffic in one direction with one peer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import ALL_PORTS, Ports
from auditor.facts.table import Reason

INNER_ACCESS = "InnerAccessPolicy"
"""Stands in place of a rule's id where a group's policy for its own members decided."""
PORTLESS = ("icmp", "icmpv6", "gre")


class Direction(StrEnum):
    """The way of a connection's first packet, seen from the interface."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True)
class Peer:
    """The other end: its addresses, and the security groups that its interface is in.

    ``groups`` is empty for an address that is no interface of this account (a load balancer, the Internet), and
    None where it is not known; ``reasons`` then say why, and don't tell two peers apart. ``candidates`` are the
    groups that it may then be in; None for any.
    """

    addresses: AddressSet
    groups: frozenset[str] | None
    reasons: tuple[Reason, ...] = field(default=(), compare=False)
    candidates: frozenset[str] | None = None

    @classmethod
    def of(cls, address: str, groups: Iterable[str] | None = (), reasons: Iterable[Reason] = ()) -> "Peer":
        """Make a peer of one address or CIDR block. Raises ValueError if it is neither."""
        return cls(AddressSet.of(address), None if groups is None else frozenset(groups), tuple(reasons))

    def is_in(self, group_id: str) -> bool | None:
        """Tell whether its interface is in a group; None if that is not known."""
        if self.groups is not None:
            return group_id in self.groups
        return None if self.candidates is None or group_id in self.candidates else False


@dataclass(frozen=True)
class Traffic:
    """Connections of one protocol (``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``gre``) to a range of ports.

    ``ports`` are those of the server; ICMP and GRE have none.
    """

    direction: Direction
    protocol: str
    peer: Peer
    ports: Ports = ALL_PORTS
