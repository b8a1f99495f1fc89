"""The annotation ``ack-auditor/suppress``: what somebody wrote on an object, read strictly.

It is written as JSON, one object or a list of them::

    {"check": "storage/disk-*", "reason": "migrating", "owner": "storage team", "expires": "2026-12-31"}

or, for people, one suppression a line, as ``key=value`` between semicolons, in any order::

    check=storage/disk-*; expires=2026-12-31; owner=storage team; reason=migrating

A value in the second form holds neither a semicolon nor the end of a line; who needs them writes JSON. Nothing is
guessed: what lacks a field, or has one too many, is no suppression.
"""

import json
import re
from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any

import msgspec

from auditor.facts.text import Text, t

MOST_CHARACTERS = 4096
"""A longer annotation is not read."""
MOST_ENTRIES = 20
LONGEST = {"check": 200, "reason": 500, "owner": 200, "expires": 10}
"""The fields, all of them required, and how many characters each may have."""
_SHORTEST_REASON = 3
_QUOTED = 60
"""Characters of what somebody wrote that a problem quotes."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Written(msgspec.Struct, frozen=True):
    """One suppression as it stands in an annotation, in order as far as can be told from itself."""

    check: str
    reason: str
    owner: str
    expires: date


class BadNote(Exception):  # noqa: N818 - read as a sentence
    """What is wrong with an annotation, or with one suppression in it."""

    def __init__(self, text: Text) -> None:
        """Take the sentence."""
        super().__init__(str(text))
        self.text = text


def read_annotation(text: str) -> list[Written | BadNote]:
    """Return the suppressions of an annotation; in the place of each that can't be used, what is wrong with it."""
    try:
        entries = _entries(text)
    except BadNote as problem:
        return [problem]
    read: list[Written | BadNote] = []
    for entry in entries:
        try:
            read.append(_written(entry))
        except BadNote as problem:
            read.append(problem)
    return read


def write_annotation(entries: Sequence[Written | str]) -> str:
    """Return the annotation that holds these suppressions. A text among them is none, and is read as none."""
    return json.dumps(msgspec.to_builtins(entries))


class _Pairs(tuple[tuple[str, Any], ...]):
    """The fields of an object as they were written, so that one that is given twice is seen."""

    __slots__ = ()


def _entries(text: str) -> list[Any]:
    if len(text) > MOST_CHARACTERS:
        raise BadNote(t("it has more than {limit} characters", limit=MOST_CHARACTERS))
    if not text.strip():
        raise BadNote(t("it is empty"))
    entries = _of_json(text) if text.lstrip().startswith(("{", "[")) else _of_lines(text)
    if not entries:
        raise BadNote(t("it is empty"))
    if len(entries) > MOST_ENTRIES:
        raise BadNote(t("it has more than {limit} suppressions", limit=MOST_ENTRIES))
    return entries


def _of_json(text: str) -> list[Any]:
    try:
        read = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise BadNote(t("it is no valid JSON")) from None
    return read if isinstance(read, list) else [read]


def _of_lines(text: str) -> list[Any]:
    return [_of_line(line) for line in text.splitlines() if line.strip()]


def _of_line(line: str) -> "_Pairs":
    pairs: list[tuple[str, Any]] = []
    for part in line.strip().removesuffix(";").split(";"):
        name, sign, value = part.partition("=")
        pairs.append((name.strip() if sign else part.strip(), value.strip() if sign else None))
    return _Pairs(pairs)


def _written(entry: Any) -> Written:
    if not isinstance(entry, _Pairs):
        raise BadNote(t("expected an object with the fields {fields}", fields=list(LONGEST)))
    given: dict[str, Any] = {}
    for name, value in entry:
        if name not in LONGEST:
            raise BadNote(_unknown(name))
        if name in given:
            raise BadNote(t("the field {field} is given twice", field=name))
        given[name] = value
    lacking = [name for name in LONGEST if name not in given]
    if lacking:
        raise BadNote(t("it lacks the fields {fields}", fields=lacking))
    values = {name: _value(name, value) for name, value in given.items()}
    return Written(values["check"], values["reason"], values["owner"], _day(values["expires"]))


def _unknown(name: str) -> Text:
    near = get_close_matches(name, LONGEST, n=1)
    if near:
        return t("the field {field} is not known; {near} is", field=_quoted(name), near=near[0])
    return t("the field {field} is not known; expected {fields}", field=_quoted(name), fields=list(LONGEST))


def _value(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadNote(t("{field}: expected a text that is not empty", field=name))
    stripped = value.strip()
    if len(stripped) > LONGEST[name]:
        raise BadNote(t("{field}: it has more than {limit} characters", field=name, limit=LONGEST[name]))
    if name == "reason" and len(stripped) < _SHORTEST_REASON:
        raise BadNote(t("{field}: expected at least {count} characters", field=name, count=_SHORTEST_REASON))
    return stripped


def _day(value: str) -> date:
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise BadNote(t("expires: expected a day such as 2026-12-31, found {value}", value=_quoted(value)))


def _quoted(text: str) -> str:
    return f"“{text[:_QUOTED]}…”" if len(text) > _QUOTED else f"“{text}”"
