"""Does a NAS permission group let an address in, and may it write.

The rules of the group are read by priority, 1 first; the first whose range contains the client's address decides, and
an address that no rule contains is refused. What happens between rules of one priority that disagree is not
documented: then each of their answers is possible.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from auditor.facts.cloud.nas import AccessRule

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Access(StrEnum):
    """What a client may do."""

    READ_WRITE = "read-write"
    READ_ONLY = "read-only"
    NONE = "none"


class Decision(msgspec.Struct, frozen=True):
    """What a group answers to one address: the possible answers, and the rules that give them.

    There is one answer, unless rules of one priority disagree or a rule can't be read.
    """

    answers: frozenset[Access]
    rules: tuple[AccessRule, ...] = ()

    def allows(self, *, write: bool) -> bool | None:
        """Tell whether the client may read, or also write; None if the rules do not decide it."""
        enough = {Access.READ_WRITE} if write else {Access.READ_WRITE, Access.READ_ONLY}
        if self.answers <= enough:
            return True
        return None if self.answers & enough else False

    @property
    def refuses(self) -> bool:
        """Whether the client may not mount at all."""
        return self.answers == {Access.NONE}


def decide(rules: Sequence[AccessRule], ip: str) -> Decision:
    """Return what a group with these rules answers to a client.

    A rule whose range or right can't be read may or may not apply: it adds its answers and decides nothing.

    Raises:
        ValueError: ``ip`` is no address.
    """
    client = _address(ip)
    answers: set[Access] = set()
    heard: list[AccessRule] = []
    for level in sorted({rule.priority for rule in rules}):
        decided = False
        for rule in rules:
            if rule.priority != level or (contains := _contains(rule, client)) is False:
                continue
            answers |= _rights(rule)
            heard.append(rule)
            decided = decided or contains is True
        if decided:
            return Decision(frozenset(answers), tuple(heard))
    return Decision(frozenset(answers | {Access.NONE}), tuple(heard))


def client_addresses(addresses: Iterable[str]) -> list[str]:
    """Return those of a machine's addresses that it mounts from: the IPv4 ones, or else the others.

    Raises:
        ValueError: one of them is no address.
    """
    known = list(addresses)
    return [ip for ip in known if _address(ip).version == 4] or known


def describe(rule: AccessRule) -> str:
    """Return a rule as ``priority range right``."""
    return f"{rule.priority} {rule.cidr or rule.cidr6} {rule.access}"


def _contains(rule: AccessRule, client: Address) -> bool | None:
    """Tell whether a rule speaks of a client; None if its range can't be read."""
    text = rule.cidr if client.version == 4 else rule.cidr6
    if not text:
        return None if not (rule.cidr or rule.cidr6) else False
    network = _network(text)
    if network is None or network.version != client.version:
        return None
    return client in network


def _rights(rule: AccessRule) -> set[Access]:
    match rule.access.upper():
        case "RDWR":
            return {Access.READ_WRITE}
        case "RDONLY":
            return {Access.READ_ONLY}
        case _:
            return set(Access)


@lru_cache(maxsize=16384)
def _address(text: str) -> Address:
    return ip_address(text)


@lru_cache(maxsize=4096)
def _network(text: str) -> Network | None:
    """Return a range, which may be a single address or have host bits set; None if it is neither."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
