"""Puts the parts that every section shares into words of one language: texts, fixed names, objects, times."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from babel.dates import format_datetime

from auditor.facts.ref import Ref
from auditor.facts.text import Text
from auditor.report.clean import one_line, visible
from auditor.report.model import Moment, ObjectView, Word
from auditor.report.words import LAYERS

K = TypeVar("K", bound=str)

_LOCAL_TIME = {"en": "EEEE d MMMM y, HH:mm (ZZZZ)", "zh": "y年M月d日EEEE HH:mm (ZZZZ)"}


class Speaker:
    """Says things in one language. All that it says is clean."""

    def __init__(self, language: str, translate: Callable[[str], str], zone: tzinfo | None = None) -> None:
        """Take the language, its translation, and the time zone of readable times (None: that of the machine)."""
        self.language = language
        self.translate = translate
        self._zone = zone

    def say(self, text: Text) -> str:
        """Return a text on one line."""
        return one_line(text.render(self.translate))

    def paragraphs(self, text: Text) -> tuple[str, ...]:
        """Return the paragraphs of a text."""
        parts = visible(text.render(self.translate)).split("\n\n")
        return tuple(one_line(part.strip()) for part in parts if part.strip())

    def word(self, words: Mapping[K, Text], key: K) -> Word:
        """Return the word for a fixed name."""
        return Word(str(key), self.say(words[key]))

    def object(self, ref: Ref) -> ObjectView:
        """Return an object as it is shown."""
        path = one_line(ref.path)
        shown_id = one_line(ref.id)
        return ObjectView(self.word(LAYERS, ref.layer), one_line(ref.kind), path, "" if shown_id == path else shown_id)

    def moment(self, time: datetime) -> Moment:
        """Return a time in both forms."""
        pattern = _LOCAL_TIME.get(self.language, _LOCAL_TIME["en"])
        return Moment(utc(time), str(format_datetime(time.astimezone(self._zone), pattern, locale=self.language)))


def utc(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
