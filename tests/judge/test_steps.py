"""Steps of a remedy: commands that somebody will paste into a shell."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.text import t
from auditor.judge.verdicts import step


@pytest.mark.parametrize("word", ["<new-zone>", "<range of the nodes>", "<kind/name>", "<label=value>"])
def test_what_the_reader_fills_in_stays_as_it_is(word: str) -> None:
    assert step(t("do"), "kubectl", "get", word).command == f"kubectl get {word}"


@pytest.mark.parametrize("word", ["<a>;rm -rf x;<b>", "<$(id)>", "<a`id`>", "<a>|<b>", "<a\nb>", "<A&>", "<>"])
def test_a_name_that_looks_like_it_is_quoted(word: str) -> None:
    assert shlex.split(step(t("do"), "kubectl", "get", word).command) == ["kubectl", "get", word]


@given(st.lists(st.text(st.characters(exclude_characters="<>\0", exclude_categories=["Cs"])), min_size=1))
def test_a_shell_reads_the_words_that_were_given(words: list[str]) -> None:
    assert shlex.split(step(t("do"), *words).command) == words
