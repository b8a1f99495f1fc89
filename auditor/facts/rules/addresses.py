"""Sets of IP addresses, exact and by intervals: what the rules of security groups and access lists are cut from."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

_IPV6_START = 1 << 64
"""Where IPv6 begins on the one number line that both families share, far enough from IPv4's end at 2**32."""


@dataclass(frozen=True)
class AddressSet:
    """A set of IPv4 and IPv6 addresses, kept as disjoint, sorted intervals on one number line."""

    _intervals: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, *ranges: str) -> "AddressSet":
        """Make the set of the given addresses (``10.0.0.1``) and CIDR blocks (``10.0.0.0/8``, ``fd00::/8``).

        Bits to the right of the prefix are ignored, as the cloud does: ``10.1.2.3/8`` is ``10.0.0.0/8``.
        Raises ValueError for a text that is neither.
        """
        return cls(_merged(_interval(text) for text in ranges))

    @classmethod
    def everything(cls) -> "AddressSet":
        """Make the set of all addresses of both families."""
        return cls.of("0.0.0.0/0", "::/0")

    def __bool__(self) -> bool:
        """Tell whether there is any address in it."""
        return bool(self._intervals)

    def __contains__(self, address: str) -> bool:
        """Tell whether all addresses of an address or CIDR block are in it."""
        return not AddressSet.of(address) - self

    def __le__(self, other: "AddressSet") -> bool:
        """Tell whether it is a subset of another."""
        return not self - other

    def __and__(self, other: "AddressSet") -> "AddressSet":
        """Return the addresses that are in both."""
        common = []
        mine, theirs = 0, 0
        while mine < len(self._intervals) and theirs < len(other._intervals):
            first = max(self._intervals[mine][0], other._intervals[theirs][0])
            last = min(self._intervals[mine][1], other._intervals[theirs][1])
            if first <= last:
                common.append((first, last))
            if self._intervals[mine][1] < other._intervals[theirs][1]:
                mine += 1
            else:
                theirs += 1
        return AddressSet(tuple(common))

    def __or__(self, other: "AddressSet") -> "AddressSet":
        """Return the addresses that are in either."""
        return AddressSet(_merged((*self._intervals, *other._intervals)))

    def __sub__(self, other: "AddressSet") -> "AddressSet":
        """Return the addresses that are in this set and not in the other."""
        left = []
        start = 0
        for first, last in self._intervals:
            while start < len(other._intervals) and other._intervals[start][1] < first:
                start += 1
            begin, at = first, start
            while at < len(other._intervals) and other._intervals[at][0] <= last:
                if begin < other._intervals[at][0]:
                    left.append((begin, other._intervals[at][0] - 1))
                begin = other._intervals[at][1] + 1
                at += 1
            if begin <= last:
                left.append((begin, last))
        return AddressSet(tuple(left))

    @property
    def ipv4(self) -> "AddressSet":
        """Its IPv4 part."""
        return self & AddressSet.of("0.0.0.0/0")

    @property
    def ipv6(self) -> "AddressSet":
        """Its IPv6 part."""
        return self & AddressSet.of("::/0")

    @cached_property
    def size(self) -> int:
        """The number of addresses."""
        return sum(last - first + 1 for first, last in self._intervals)

    @property
    def cidrs(self) -> list[str]:
        """The fewest CIDR blocks that make up the set, IPv4 first; a block of one address is the bare address."""
        blocks = []
        for first, last in self._intervals:
            ends = (
                (ipaddress.IPv6Address(first - _IPV6_START), ipaddress.IPv6Address(last - _IPV6_START))
                if first >= _IPV6_START
                else (ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
            )
            blocks += [
                str(block.network_address) if block.num_addresses == 1 else str(block)
                for block in ipaddress.summarize_address_range(*ends)
            ]
        return blocks

    def first_cidrs(self, most: int) -> list[str]:
        """Return the first of the CIDR blocks: of a set of thousands of single addresses nobody reads them all."""
        return AddressSet(self._intervals[:most]).cidrs[:most]

    def __str__(self) -> str:
        """Return the CIDR blocks, with commas."""
        return ", ".join(self.cidrs)


def _interval(text: str) -> tuple[int, int]:
    block = ipaddress.ip_network(text.strip(), strict=False)
    start = _IPV6_START if block.version == 6 else 0
    return start + int(block.network_address), start + int(block.broadcast_address)


def _merged(intervals: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
