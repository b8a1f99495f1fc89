"""Single fields of answers: absent, of the documented type, of another type."""

from typing import Any

import pytest

from auditor.collect.alibaba.fields import BadField, Fields


def test_what_was_not_given_is_none_or_empty() -> None:
    for data in ({}, {"x": None}):
        fields = Fields(data)
        assert fields.text("x") is None
        assert fields.word("x") == ""
        assert fields.known("x") is None
        assert fields.integer("x") is None
        assert fields.number("x") is None
        assert fields.flag("x") is None
        assert fields.items("x") is None
        assert fields.texts("x", "y") is None
        assert fields.records("x", "y") is None
        assert fields.child("x").pairs() == []
        assert "x" not in fields


@pytest.mark.parametrize(("value", "expected"), [(1, 1), ("1", 1), ("100", 100), (3.0, 3), ("", None)])
def test_whole_numbers_come_as_numbers_or_texts(value: Any, expected: int | None) -> None:
    assert Fields({"x": value}).integer("x") == expected


@pytest.mark.parametrize("value", [True, "one", 1.5, [1], {"a": 1}, float("inf"), float("nan")])
def test_what_is_no_whole_number_spoils_the_row(value: Any) -> None:
    with pytest.raises(BadField, match="x"):
        Fields({"x": value}).integer("x")


@pytest.mark.parametrize(("value", "expected"), [(True, True), ("true", True), ("False", False), (False, False)])
def test_truth_values_come_as_such_or_as_texts(value: Any, expected: bool) -> None:
    assert Fields({"x": value}).flag("x") is expected


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", 5),
        ("word", ["a"]),
        ("known", False),
        ("required", ""),
        ("required", None),
        ("number", "1"),
        ("number", True),
        ("flag", "on"),
        ("flag", 1),
        ("child", "text"),
        ("items", "text"),
        ("texts", [1]),
        ("records", ["text"]),
        ("required_records", None),
        ("required_integer", None),
    ],
)
def test_another_type_spoils_the_row(method: str, value: Any) -> None:
    with pytest.raises(BadField, match="x"):
        getattr(Fields({"x": value}), method)("x")


def test_what_is_no_object_is_no_row() -> None:
    with pytest.raises(BadField):
        Fields(["x"])


def test_lists_are_flat_or_wrapped() -> None:
    assert Fields({"Ids": ["a"]}).texts("Ids", "Id") == ["a"]
    assert Fields({"Ids": {"Id": ["a"]}}).texts("Ids", "Id") == ["a"]
    assert Fields({"Ids": {}}).texts("Ids", "Id") is None


def test_tags_are_read_in_each_spelling() -> None:
    expected = {"owner": "ops"}
    assert Fields({"Tags": {"Tag": [{"TagKey": "owner", "TagValue": "ops"}]}}).tags() == expected
    assert Fields({"Tags": [{"Key": "owner", "Value": "ops"}]}).tags() == expected
    assert Fields({}).tags() == {}
