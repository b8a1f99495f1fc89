import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.cloud.slb import AccessControlList, Listener
from auditor.facts.rules.access_list import AccessFilter, AccessKind, access_filter
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

DENIED = Reason("slb", ReasonKind.FORBIDDEN, t("denied"), ("slb:DescribeAccessControlListAttribute",))


def listener(**given: object) -> Listener:
    fields = {"acl_status": "on", "acl_type": "white", "acl_ids": ["acl-1"], **given}
    return Listener(load_balancer_id="lb-1", port=6443, protocol="tcp", **fields)  # type: ignore[arg-type]


def lists(*rows: AccessControlList, **given: object) -> Table[AccessControlList]:
    return Table("access_control_lists", rows, asked={row.id for row in rows}, **given)  # type: ignore[arg-type]


OFFICE = AccessControlList("acl-1", entries=["203.0.113.0/24"])
HOME = AccessControlList("acl-2", entries=["198.51.100.7"])


def test_a_white_list_refuses_what_is_not_in_any_of_its_lists() -> None:
    both = access_filter(listener(acl_ids=["acl-1", "acl-2"]), lists(OFFICE, HOME))
    asked = AddressSet.of("203.0.113.9", "198.51.100.7", "192.0.2.1")
    assert both.refused(asked).cidrs == ["192.0.2.1"]
    assert access_filter(listener(), lists(OFFICE)).refused(AddressSet.of("203.0.112.0/23")).cidrs == ["203.0.112.0/24"]


def test_a_black_list_refuses_just_what_is_in_it_and_nothing_when_it_is_empty() -> None:
    black = access_filter(listener(acl_type="Black"), lists(OFFICE))
    assert black.refused(AddressSet.of("203.0.112.0/23")).cidrs == ["203.0.113.0/24"]
    empty = access_filter(listener(acl_type="black"), lists(AccessControlList("acl-1")))
    assert not empty.refused(AddressSet.everything())


def test_no_effect_is_predicted_of_an_empty_white_list() -> None:
    empty = access_filter(listener(), lists(AccessControlList("acl-1")))
    assert empty.is_unpredictable
    with pytest.raises(NotKnown) as refusal:
        empty.refused(AddressSet.of("203.0.113.9"))
    assert refusal.value.reasons[0].kind is ReasonKind.UNDECIDABLE


@pytest.mark.parametrize("status", ["off", "OFF"])
def test_a_list_that_is_switched_off_refuses_nobody_and_is_not_looked_up(status: str) -> None:
    off = access_filter(listener(acl_status=status), Table.unavailable("access_control_lists", DENIED))
    assert off.kind is AccessKind.OFF
    assert not off.refused(AddressSet.everything())


@pytest.mark.parametrize(
    ("given", "known", "kind"),
    [
        ({"acl_status": None}, lists(OFFICE), ReasonKind.MALFORMED),
        ({"acl_type": None}, lists(OFFICE), ReasonKind.MALFORMED),
        ({"acl_type": "grey"}, lists(OFFICE), ReasonKind.MALFORMED),
        ({}, lists(AccessControlList("acl-1", entries=["office"])), ReasonKind.MALFORMED),
        ({}, Table.unavailable("access_control_lists", DENIED), ReasonKind.FORBIDDEN),
        ({}, lists(HOME, gaps=[Gap(DENIED, frozenset({"acl-1"}))]), ReasonKind.FORBIDDEN),
    ],
)
def test_what_is_not_known_is_not_guessed(
    given: dict[str, object], known: Table[AccessControlList], kind: ReasonKind
) -> None:
    with pytest.raises(NotKnown) as refusal:
        access_filter(listener(**given), known)
    assert refusal.value.reasons[0].kind is kind


RANGES = st.builds(lambda a, n: f"10.{a}.0.0/{n}", st.integers(0, 255), st.integers(8, 24))


@given(st.lists(RANGES, min_size=1, max_size=5), st.lists(RANGES, min_size=1, max_size=5))
def test_white_and_black_lists_of_the_same_entries_refuse_the_two_halves_of_any_sources(
    entries: list[str], sources: list[str]
) -> None:
    asked = AddressSet.of(*sources)
    white = AccessFilter(AccessKind.WHITE, AddressSet.of(*entries)).refused(asked)
    black = AccessFilter(AccessKind.BLACK, AddressSet.of(*entries)).refused(asked)
    assert not white & black
    assert (white | black) == asked
