"""Fact tables never show a gap as an absence."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, State, Table, said
from auditor.facts.text import t


class Thing(msgspec.Struct, frozen=True):
    key: str
    color: str = "red"


REASON = Reason("test", ReasonKind.FORBIDDEN, t("denied"), ("test:Read",))


def test_a_known_table_answers_everything() -> None:
    table = Table("things", [Thing("a"), Thing("b", "blue")])
    assert table.state is State.KNOWN
    assert table.get("a") == Thing("a")
    assert table.get("c") is None
    assert [thing.key for thing in table] == ["a", "b"]
    assert table.where("color", lambda row: row.color, "blue") == [Thing("b", "blue")]
    assert table.where("color", lambda row: row.color, "green") == []


def test_an_unavailable_table_answers_nothing() -> None:
    table: Table[Thing] = Table.unavailable("things", REASON)
    assert table.state is State.UNAVAILABLE
    for ask in (
        table.all,
        table.known_rows,
        lambda: table.get("a"),
        lambda: list(table),
        lambda: table.where("color", lambda row: row.color, "red"),
        lambda: table.known_where("color", lambda row: row.color, "red"),
    ):
        with pytest.raises(NotKnown) as caught:
            ask()
        assert caught.value.reasons == (REASON,)


def test_a_partial_table_answers_what_its_gaps_can_not_hide() -> None:
    table = Table("things", [Thing("a")], gaps=[Gap(REASON, frozenset({"b"}))])
    assert table.state is State.PARTIAL
    assert table.get("a") == Thing("a")
    assert table.get("c") is None
    with pytest.raises(NotKnown):
        table.get("b")
    with pytest.raises(NotKnown):
        table.all()
    assert table.known_rows() == [Thing("a")]


def test_a_gap_over_everything_hides_every_absence() -> None:
    table = Table("things", [Thing("a")], gaps=[Gap(REASON)])
    assert table.get("a") == Thing("a")
    with pytest.raises(NotKnown):
        table.get("c")


def test_what_was_not_asked_for_is_not_known() -> None:
    table = Table("things", [Thing("a")], asked=["a", "b"])
    assert table.get("b") is None
    with pytest.raises(NotKnown):
        table.get("c")


def test_a_value_that_was_left_out_is_malformed() -> None:
    assert said(False, "ecs", t("whether")) is False
    with pytest.raises(NotKnown) as caught:
        said(None, "ecs", t("the zone of {disk}", disk="d-1"))
    assert caught.value.reasons[0].kind is ReasonKind.MALFORMED
    assert "the zone of d-1" in str(caught.value)


@given(
    rows=st.sets(st.sampled_from("abcdef")),
    hidden=st.sets(st.sampled_from("abcdef")),
    asked=st.none() | st.sets(st.sampled_from("abcdef")),
    key=st.sampled_from("abcdef"),
)
def test_none_is_only_said_of_what_is_known_to_be_absent(
    rows: set[str], hidden: set[str], asked: set[str] | None, key: str
) -> None:
    gaps = [Gap(REASON, frozenset(hidden))] if hidden else []
    table = Table("things", [Thing(name) for name in sorted(rows)], gaps=gaps, asked=asked)
    try:
        row = table.get(key)
    except NotKnown:
        assert key not in rows
        assert key in hidden or (asked is not None and key not in asked)
    else:
        assert (row is not None) == (key in rows)
        if row is None:
            assert key not in hidden
            assert asked is None or key in asked
