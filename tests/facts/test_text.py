"""Texts: values are filled in, and never read as templates."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t


def test_values_are_filled_in() -> None:
    assert str(t("disk {disk} is in {zone}", disk="d-1", zone="h")) == "disk d-1 is in h"


def test_a_long_list_is_cut_with_a_count() -> None:
    assert str(t("{nodes}", nodes=["a", "b"])) == "a, b"
    assert str(t("{nodes}", nodes=list("abcdefgh"))) == "a, b, c, d, e and 3 more"


def test_texts_nest_and_are_translated_at_every_level() -> None:
    chinese = {"why: {why}": "原因：{why}", "full": "已满", "yes": "是", ", ": "、"}
    text = t("why: {why}", why=t("full"))
    assert text.render(lambda key: chinese.get(key, key)) == "原因：已满"
    assert t("{x}", x=True).render(lambda key: chinese.get(key, key)) == "是"
    assert t("{x}", x=["a", "b"]).render(lambda key: chinese.get(key, key)) == "a、b"


def test_a_place_without_a_value_stays() -> None:
    assert str(t("{nothing}")) == "{nothing}"


@given(st.text())
def test_a_hostile_value_is_shown_as_it_is(value: str) -> None:
    assert str(t("<{value}>", value=value)) == f"<{value}>"
    assert str(t("{a} {b}", a=value, b="x")) == f"{value} x"


def test_attributes_can_not_be_reached() -> None:
    assert str(Text("{x.__class__} {0} {x!r}", {"x": "v"})) == "{x.__class__} {0} {x!r}"


def test_reasons_that_say_the_same_are_one_in_a_set() -> None:
    reasons = [
        Reason("ecs", ReasonKind.ERROR, t("{disks} are gone", disks=disks)) for disks in (["d-1"], ["d-1"], ["d-2"])
    ]
    assert len(set(reasons)) == 2
