"""The decision of a NAS permission group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.cloud.nas import AccessRule
from auditor.facts.rules.nas_access import Access, client_addresses, decide, describe

READ = {"RDWR": Access.READ_WRITE, "RDONLY": Access.READ_ONLY}


def rule(cidr: str, access: str = "RDWR", priority: int = 1, cidr6: str = "") -> AccessRule:
    return AccessRule(id=f"{priority}-{cidr}", priority=priority, access=access, cidr=cidr, cidr6=cidr6)


def answers(ip: str, *rules: AccessRule) -> set[Access]:
    return set(decide(rules, ip).answers)


def test_an_empty_group_refuses() -> None:
    assert decide((), "192.168.0.11").refuses


def test_an_address_that_no_rule_contains_is_refused() -> None:
    decision = decide([rule("192.168.1.0/24"), rule("10.0.0.0/8", priority=2)], "192.168.0.11")
    assert decision.refuses
    assert decision.rules == ()
    assert decision.allows(write=False) is False


def test_the_strongest_rule_that_contains_the_address_decides() -> None:
    narrow, wide = rule("192.168.0.11", "RDONLY", 5), rule("0.0.0.0/0", "RDWR", 9)
    assert decide([wide, narrow], "192.168.0.11").rules == (narrow,)
    assert answers("192.168.0.11", wide, narrow) == {Access.READ_ONLY}
    assert answers("192.168.0.12", wide, narrow) == {Access.READ_WRITE}


def test_a_wider_rule_of_better_priority_admits() -> None:
    assert answers("192.168.0.11", rule("192.168.0.11", "RDONLY", 9), rule("192.168.0.0/16", "RDWR", 2)) == {
        Access.READ_WRITE
    }


def test_rules_of_one_priority_that_disagree_do_not_decide_writing_but_do_decide_reading() -> None:
    decision = decide([rule("192.168.0.0/16", "RDWR", 3), rule("192.168.0.0/24", "RDONLY", 3)], "192.168.0.11")
    assert decision.allows(write=True) is None
    assert decision.allows(write=False) is True


def test_rules_of_one_priority_that_agree_decide() -> None:
    decision = decide([rule("192.168.0.0/16", "RDWR", 3), rule("192.168.0.0/24", "RDWR", 3)], "192.168.0.11")
    assert decision.allows(write=True) is True


def test_read_only_is_enough_to_read() -> None:
    decision = decide([rule("192.168.0.0/16", "RDONLY")], "192.168.0.11")
    assert (decision.allows(write=False), decision.allows(write=True)) == (True, False)


def test_host_bits_and_single_addresses_are_ranges() -> None:
    assert answers("192.168.0.11", rule("192.168.0.99/24")) == {Access.READ_WRITE}
    assert answers("192.168.0.11", rule("192.168.0.11")) == {Access.READ_WRITE}


@pytest.mark.parametrize("cidr", ["nonsense", "", "fd00::/8"])
def test_a_range_that_can_not_be_read_leaves_both_ways_open(cidr: str) -> None:
    assert decide([rule(cidr)], "192.168.0.11").allows(write=True) is None


def test_a_range_that_can_not_be_read_does_not_matter_behind_one_that_decides() -> None:
    assert answers("192.168.0.11", rule("nonsense", "RDONLY", 2), rule("192.168.0.0/16")) == {Access.READ_WRITE}


def test_a_range_that_can_not_be_read_does_not_matter_where_it_gives_the_same_answer() -> None:
    assert answers("192.168.0.11", rule("nonsense"), rule("192.168.0.0/16", priority=2)) == {Access.READ_WRITE}


def test_a_right_of_unknown_name_decides_nothing() -> None:
    assert decide([rule("0.0.0.0/0", "SOMETHING")], "192.168.0.11").allows(write=False) is None


def test_the_families_do_not_mix() -> None:
    both = (rule("0.0.0.0/0", "RDONLY", 1), rule("", "RDWR", 2, cidr6="fd00::/8"))
    assert answers("fd00::1", *both) == {Access.READ_WRITE}
    assert answers("192.168.0.11", *both) == {Access.READ_ONLY}


def test_machines_with_two_families_come_by_ipv4() -> None:
    assert client_addresses(["fd00::1", "192.168.0.11"]) == ["192.168.0.11"]
    assert client_addresses(["fd00::1"]) == ["fd00::1"]


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        decide([rule("0.0.0.0/0")], "nonsense")


def test_a_rule_is_described_by_what_decides() -> None:
    assert describe(rule("10.0.0.0/8", "RDONLY", 7)) == "7 10.0.0.0/8 RDONLY"


def dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


# A small space, so that ranges meet: the addresses 10.0.0.0 to 10.0.0.63 and prefixes of 26 to 32 bits.
BASE = 10 << 24
addresses = st.integers(0, 63).map(lambda low: BASE + low)
rules_drawn = st.lists(
    st.tuples(addresses, st.integers(26, 32), st.integers(1, 4), st.sampled_from(sorted(READ))), max_size=6
)


@given(drawn=rules_drawn, client=addresses)
def test_the_decision_is_that_of_reading_the_rules_one_by_one(
    drawn: list[tuple[int, int, int, str]], client: int
) -> None:
    expected: set[Access] = {Access.NONE}
    for priority in (4, 3, 2, 1):
        heard = {
            READ[access]
            for network, bits, own, access in drawn
            if own == priority and network >> (32 - bits) == client >> (32 - bits)
        }
        expected = heard or expected
    rules = [rule(f"{dotted(network)}/{bits}", access, own) for network, bits, own, access in drawn]
    assert answers(dotted(client), *rules) == expected


@given(drawn=rules_drawn, client=addresses)
def test_the_order_of_the_list_does_not_matter(drawn: list[tuple[int, int, int, str]], client: int) -> None:
    rules = [rule(f"{dotted(network)}/{bits}", access, own) for network, bits, own, access in drawn]
    assert answers(dotted(client), *rules) == answers(dotted(client), *reversed(rules))
