"""Reading answers: each field may be left out, but one of another type than documented spoils its row."""

from datetime import UTC, datetime
from typing import Any


class BadField(Exception):  # noqa: N818 - read as a sentence
    """A field is of another type than documented, or one is missing without which the row says nothing."""

    def __init__(self, name: str) -> None:
        """Take the name of the field."""
        super().__init__(name)
        self.name = name


class Fields:
    """The fields of one JSON object."""

    def __init__(self, data: Any, name: str = "?") -> None:
        """Take the object. Raises BadField if it is none."""
        if not isinstance(data, dict):
            raise BadField(name)
        self._data: dict[str, Any] = data

    def __contains__(self, name: str) -> bool:
        """Tell whether a field was given, and not as null."""
        return self._data.get(name) is not None

    def has(self, name: str) -> bool:
        """Tell whether a field was given, be it as null."""
        return name in self._data

    def text(self, name: str) -> str | None:
        """Return a text; None if it was not given."""
        value = self._data.get(name)
        if value is not None and not isinstance(value, str):
            raise BadField(name)
        return value

    def word(self, name: str) -> str:
        """Return a text; empty if it was not given."""
        return self.text(name) or ""

    def known(self, name: str) -> str | None:
        """Return a text; None if it was not given or is empty, where empty says as little."""
        return self.text(name) or None

    def required(self, name: str) -> str:
        """Return a text that must be there and not empty."""
        value = self.text(name)
        if not value:
            raise BadField(name)
        return value

    def given(self, name: str) -> str:
        """Return a text that must be there, though it may be empty: left out, it does not mean that it is."""
        value = self.text(name)
        if value is None:
            raise BadField(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, which some answers write as a text; None if it was not given."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise BadField(name)
        try:
            number = int(value)
        except (ValueError, OverflowError):
            raise BadField(name) from None
        if isinstance(value, float) and number != value:
            raise BadField(name)
        return number

    def number(self, name: str) -> float | None:
        """Return a number; None if it was not given."""
        value = self._data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadField(name)
        return float(value)

    def flag(self, name: str) -> bool | None:
        """Return a truth value; None if it was not given."""
        value = self._data.get(name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise BadField(name)

    def moment(self, name: str) -> datetime | None:
        """Return a time; None if it was not given. One without an offset is in UTC, as all times of the cloud are."""
        text = self.word(name)
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise BadField(name) from None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    def child(self, name: str) -> "Fields":
        """Return an object inside; an empty one if it was not given."""
        value = self._data.get(name)
        return Fields({} if value is None else value, name)

    def items(self, outer: str, inner: str = "") -> list[Any] | None:
        """Return a list that is flat (``outer``) or wrapped (``outer.inner``); None if it was not given."""
        value = self._data.get(outer)
        if isinstance(value, dict) and inner:
            value = value.get(inner)
        if value is not None and not isinstance(value, list):
            raise BadField(outer)
        return value

    def records(self, outer: str, inner: str = "") -> list["Fields"] | None:
        """Return a list of objects, flat or wrapped; None if it was not given."""
        items = self.items(outer, inner)
        return None if items is None else [Fields(item, outer) for item in items]

    def texts(self, outer: str, inner: str = "") -> list[str] | None:
        """Return a list of texts, flat or wrapped; None if it was not given."""
        items = self.items(outer, inner)
        if items is not None and not all(isinstance(item, str) for item in items):
            raise BadField(outer)
        return items

    def required_records(self, outer: str, inner: str = "") -> list["Fields"]:
        """Return a list of objects that must be there: its absence does not mean that it is empty."""
        records = self.records(outer, inner)
        if records is None:
            raise BadField(outer)
        return records

    def required_texts(self, outer: str, inner: str = "") -> list[str]:
        """Return a list of texts that must be there: its absence does not mean that it is empty."""
        texts = self.texts(outer, inner)
        if texts is None:
            raise BadField(outer)
        return texts

    def tags(self) -> dict[str, str]:
        """Return the tags, however they are wrapped and their keys are spelt."""
        tags = self.records("Tags", "Tag") or []
        return {(tag.text("TagKey") or tag.word("Key")): (tag.text("TagValue") or tag.word("Value")) for tag in tags}

    def pairs(self) -> list[tuple[str, Any]]:
        """Return all fields, as they are."""
        return list(self._data.items())

    def required_integer(self, name: str) -> int:
        """Return a whole number that must be there."""
        value = self.integer(name)
        if value is None:
            raise BadField(name)
        return value
