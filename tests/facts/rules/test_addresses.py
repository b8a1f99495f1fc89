import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.rules.addresses import AddressSet

BASE = int(ipaddress.IPv4Address("10.0.0.0"))
UNIVERSE = [str(ipaddress.IPv4Address(BASE + i)) for i in range(32)] + [f"fd00::{i:x}" for i in range(32)]


@st.composite
def blocks(draw: st.DrawFn) -> str:
    spare = draw(st.integers(0, 5))
    offset = draw(st.integers(0, 31))
    if draw(st.booleans()):
        return f"{ipaddress.IPv4Address(BASE + offset)}/{32 - spare}"
    return f"fd00::{offset:x}/{128 - spare}"


sets = st.lists(blocks(), max_size=6)


def members(texts: list[str]) -> set[str]:
    """Enumerate, as an oracle that knows nothing of intervals."""
    networks = [ipaddress.ip_network(text, strict=False) for text in texts]
    return {one for one in UNIVERSE if any(ipaddress.ip_address(one) in network for network in networks)}


@given(sets, sets)
def test_arithmetic_is_that_of_sets(left: list[str], right: list[str]) -> None:
    mine, theirs = AddressSet.of(*left), AddressSet.of(*right)
    for made, expected in (
        (mine | theirs, members(left) | members(right)),
        (mine & theirs, members(left) & members(right)),
        (mine - theirs, members(left) - members(right)),
    ):
        assert {one for one in UNIVERSE if one in made} == expected
        assert made.size == len(expected)
        assert bool(made) == bool(expected)
        assert AddressSet.of(*made.cidrs) == made
    assert (mine <= theirs) == (members(left) <= members(right))


def test_reads_an_address_a_block_and_a_block_with_bits_to_the_right() -> None:
    assert AddressSet.of("1.2.3.4").cidrs == ["1.2.3.4"]
    assert AddressSet.of("10.1.2.3/8").cidrs == ["10.0.0.0/8"]
    assert AddressSet.of("fd00::1").cidrs == ["fd00::1"]


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0", "office", "10.0.0.0-10.0.0.9"])
def test_refuses_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|Only|prefix"):
        AddressSet.of(text)


def test_keeps_the_families_apart() -> None:
    everything = AddressSet.everything()
    assert everything.cidrs == ["0.0.0.0/0", "::/0"]
    assert "::1" not in AddressSet.of("0.0.0.0/0")
    assert "1.1.1.1" not in AddressSet.of("::/0")
    assert everything.ipv4.cidrs == ["0.0.0.0/0"]
    assert everything.ipv6.cidrs == ["::/0"]


def test_joins_neighbours_and_says_the_fewest_blocks() -> None:
    assert str(AddressSet.of("10.0.0.128/25", "10.0.0.0/25", "10.0.1.7")) == "10.0.0.0/24, 10.0.1.7"
    assert (AddressSet.of("10.0.0.0/30") - AddressSet.of("10.0.0.1")).cidrs == ["10.0.0.0", "10.0.0.2/31"]
