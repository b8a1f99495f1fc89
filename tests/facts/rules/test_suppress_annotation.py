"""The annotation ``ack-auditor/suppress``: two forms, read strictly."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.rules.suppress_annotation import (
    LONGEST,
    MOST_CHARACTERS,
    MOST_ENTRIES,
    BadNote,
    Written,
    read_annotation,
    write_annotation,
)

FIELDS = {"check": "storage/disk-*", "reason": "migrating", "owner": "storage team", "expires": "2026-12-31"}
WRITTEN = Written("storage/disk-*", "migrating", "storage team", date(2026, 12, 31))
LINE = "check=storage/disk-*; expires=2026-12-31; owner=storage team; reason=migrating"


def problem(text: str) -> str:
    (read,) = read_annotation(text)
    assert isinstance(read, BadNote), read
    return str(read)


def changed(**fields: Any) -> str:
    return json.dumps({name: value for name, value in {**FIELDS, **fields}.items() if value is not None})


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(FIELDS),
        json.dumps(FIELDS, indent=2),
        json.dumps([FIELDS]),
        f"\n {json.dumps(FIELDS)} \n",
        LINE,
        f"{LINE};",
        f"\n{LINE}\n\n",
        "reason = migrating;owner=storage team ;check= storage/disk-*;expires=2026-12-31",
    ],
)
def test_one_suppression_in_either_form(text: str) -> None:
    assert read_annotation(text) == [WRITTEN]


@pytest.mark.parametrize(
    "text", [json.dumps([FIELDS, {**FIELDS, "check": "*"}]), f"{LINE}\n{LINE.replace('storage/disk-*', '*')}"]
)
def test_several(text: str) -> None:
    assert read_annotation(text) == [WRITTEN, Written("*", "migrating", "storage team", date(2026, 12, 31))]


def test_a_value_may_hold_an_equals_sign_and_json_a_semicolon() -> None:
    assert read_annotation(LINE.replace("migrating", "a=b"))[0] == Written(
        "storage/disk-*", "a=b", "storage team", date(2026, 12, 31)
    )
    assert read_annotation(changed(reason="one; two"))[0] == Written(
        "storage/disk-*", "one; two", "storage team", date(2026, 12, 31)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("[]", "it is empty"),
        ("{}", "it lacks the fields check, reason, owner, expires"),
        ("{", "it is no valid JSON"),
        ("[" * 4000, "it is no valid JSON"),
        ("[1" + "0" * 4090, "it is no valid JSON"),
        ("[1]", "expected an object with the fields"),
        ("true", "the field “true” is not known"),
        (changed(owner=None), "it lacks the fields owner"),
        (changed(expires=None), "it lacks the fields expires"),
        (changed(owner=7), "owner: expected a text that is not empty"),
        (changed(owner={"a": "b"}), "owner: expected a text that is not empty"),
        (changed(owner=" "), "owner: expected a text that is not empty"),
        (changed(reason="ab"), "reason: expected at least 3 characters"),
        (changed(reason="x" * 501), "reason: it has more than 500 characters"),
        (changed(expires="soon"), "expires: expected a day such as 2026-12-31, found “soon”"),
        (changed(expires="2026-02-30"), "expires: expected a day such as 2026-12-31, found “2026-02-30”"),
        (changed(expires="20261231"), "expires: expected a day"),
        (changed(expires="2026-W01"), "expires: expected a day"),
        (changed(expires="٢٠٢٦-12-31"), "expires: expected a day"),
        (changed(expiry="2026-12-31"), "the field “expiry” is not known; expires is"),
        (changed(subject="*"), "the field “subject” is not known; expected check, reason, owner, expires"),
        (changed(**{"": "x"}), "the field “” is not known"),
        (changed(**{"x" * 100: "y"}), f"the field “{'x' * 60}…” is not known"),
        (json.dumps(FIELDS)[:-1] + ', "owner": "me"}', "the field owner is given twice"),
        (f"{LINE}; owner=me", "the field owner is given twice"),
        (LINE.replace("migrating", "one; two"), "the field “two” is not known"),
        (LINE.replace("; owner=storage team", ""), "it lacks the fields owner"),
        ("x" * (MOST_CHARACTERS + 1), f"it has more than {MOST_CHARACTERS} characters"),
        (json.dumps([{}] * (MOST_ENTRIES + 1)), f"it has more than {MOST_ENTRIES} suppressions"),
    ],
)
def test_what_can_not_be_used_says_why(text: str, said: str) -> None:
    assert said in problem(text)


def test_one_bad_suppression_spoils_no_other() -> None:
    good, bad = read_annotation(f"{LINE}\ncheck=*")
    assert good == WRITTEN
    assert isinstance(bad, BadNote)


@given(st.text(max_size=300))
def test_no_text_leads_to_anything_but_suppressions_and_problems(text: str) -> None:
    for entry in read_annotation(text):
        if isinstance(entry, Written):
            assert all(0 < len(getattr(entry, name)) <= LONGEST[name] for name in ("check", "reason", "owner"))
        else:
            assert len(str(entry)) < 200


words = st.text(min_size=3, max_size=80).map(str.strip).filter(lambda text: len(text) >= 3)


@given(st.lists(st.builds(Written, words, words, words, st.dates(date(1000, 1, 1))), min_size=1, max_size=3))
def test_what_is_written_is_read_back(entries: list[Written]) -> None:
    assert read_annotation(write_annotation(entries)) == entries
