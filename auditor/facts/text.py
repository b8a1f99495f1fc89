"""Texts that are stored as a key and values, and put into words of one language later.

The key is the English sentence with named places: ``t("disk {disk} is in {zone}", disk="d-1", zone="h")``.
It is at the same time the message id of the gettext catalogues.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

Value = str | int | float | bool | list[str]
"""What may stand in a place of a text. A list is shown as its first members and a count of the others."""

_PLACE = re.compile(r"\{(\w+)\}")
SHOWN_OF_A_LIST = 5
"""How many members of a list a sentence names before it says how many more there are."""


class Text(msgspec.Struct, frozen=True):
    """One sentence: the English template and the values of its places."""

    key: str
    values: dict[str, "Value | Text"] = {}

    def __str__(self) -> str:
        """Return the English sentence."""
        return self.render()

    def __hash__(self) -> int:
        """Hash what is said, so that reasons can be told apart in sets; the values are a dictionary, and have none."""
        return hash((self.key, self.render()))

    def render(self, translate: Callable[[str], str] = str) -> str:
        """Return the sentence in the language of ``translate``, which maps an English template to another.

        Only plain names are filled in: a value, which may come from a hostile object, is never itself read as
        a template. A place without a value stays as it is.
        """

        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            return _say(self.values[name], translate) if name in self.values else match.group(0)

        return _PLACE.sub(fill, translate(self.key))

    def with_values(self, more: Mapping[str, "Value | Text"]) -> "Text":
        """Return the same text with further values."""
        return Text(self.key, {**self.values, **more})


def t(key: str, /, **values: "Value | Text") -> Text:
    """Make a text. The Babel extractor collects the first argument, so it has to be a literal."""
    return Text(key, values)


def _say(value: "Value | Text", translate: Callable[[str], str]) -> str:
    if isinstance(value, Text):
        return value.render(translate)
    if isinstance(value, bool):
        return translate("yes") if value else translate("no")
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return _say_list(value, translate)
    return str(value)


def _say_list(members: Sequence[str], translate: Callable[[str], str]) -> str:
    shown = translate(", ").join(members[:SHOWN_OF_A_LIST])
    more = len(members) - SHOWN_OF_A_LIST
    if more <= 0:
        return shown
    return translate("{members} and {count} more").replace("{count}", str(more)).replace("{members}", shown)
