"""Secrets are read when they are used, and blotted out of all that is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.base import Secret
from auditor.deliver.channel import Undeliverable
from auditor.deliver.secrets import blotted, reveal

SECRET = "p@ss word/42"


def test_a_secret_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    secret = Secret(file=file)
    assert reveal(secret, "key") == "first"
    file.write_text("second\n")
    assert reveal(secret, "key") == "second"


def test_none_is_empty() -> None:
    assert reveal(None, "key") == ""


def test_a_secret_that_is_not_there_is_named_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(Undeliverable) as caught:
        reveal(Secret(file=tmp_path / "gone"), "channel 'hook': signing_secret")
    assert caught.value.sentence.startswith(f"channel 'hook': signing_secret: {tmp_path / 'gone'}: ")


@pytest.mark.parametrize("form", [SECRET, "p%40ss%20word/42", "p%40ss+word%2F42"])
def test_a_secret_is_blotted_out_as_it_stands_and_as_it_stands_in_urls(form: str) -> None:
    assert blotted(f"wrong: {form}!", [SECRET]) == "wrong: ***!"


def test_the_longer_secret_goes_first() -> None:
    assert blotted("abcdef abcd", ["abcd", "abcdef"]) == "*** ***"


def test_short_words_are_no_secrets() -> None:
    assert blotted("an error", ["an", "", "err"]) == "an error"


def test_what_is_quoted_is_one_clean_short_line() -> None:
    assert blotted("  a\r\nb\x1b[0m\u202e ", ()) == "a b\\x1b[0m\\u202e"
    assert blotted("x" * 201, ()) == "x" * 200 + "…"


@given(st.text(), st.text(min_size=4, alphabet=st.characters(categories=["Lu", "Ll", "Nd"])), st.text())
def test_no_secret_is_left_at_the_cut(before: str, secret: str, after: str) -> None:
    said = blotted(before + secret + after, [secret])
    assert secret not in said.replace("***", "\0")
