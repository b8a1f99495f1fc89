"""Robots of WeCom, over real connections; what they show, by the part of Markdown that WeCom describes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from auditor.deliver.message import Kind
from auditor.deliver.wecom import LOOKS_LIKE_A_BACKTICK, escape
from auditor.facts.text import t
from auditor.judge.verdicts import step
from tests.deliver.chats import MENTIONS, TOKEN, addresses, mentioning, names, one, seen, send_to, sent
from tests.deliver.messages import LINK, message
from tests.deliver.receivers import reply
from tests.report import samples

LARGEST = 4096
MARKUP = re.compile(r"\*\*|__|~~|`|!\[|\]\(|\]\[|<[^\s\u200b]|^\s*[#>]+ |^[-*+] |@\w|\|\|", re.MULTILINE)
"""What opens markup, a tag, a link or a mention."""


def content(*args: Any, **keys: Any) -> str:
    return str(sent("wecom", *args, **keys).json["markdown"]["content"])


def refused(code: int, words: str) -> NotDelivered:
    with pytest.raises((NotNow, Undeliverable)) as raised:
        send_to("wecom", reply(200, {"errcode": code, "errmsg": words}), message())
    return raised.value


class TestMessages:
    def test_a_message(self) -> None:
        body = sent("wecom", message(Kind.REPORT)).json
        assert body.keys() == {"msgtype", "markdown"}
        assert body["msgtype"] == "markdown"
        text = body["markdown"]["content"]
        assert text.startswith("## 🔴 shop-prod: 1 critical, 1 high")
        assert f"]({LINK})" in text
        assert "> `kubectl get pv pv-mysql-0 -o yaml`" in text

    def test_who_is_called(self) -> None:
        assert content(message(), mentioned=["wangqing", "@all"]).endswith("\n<@wangqing> <@all>")

    @pytest.mark.parametrize("kind", [Kind.RESOLVED, Kind.TEST])
    def test_nobody_is_called_where_nothing_is_to_be_done(self, kind: Kind) -> None:
        assert "<@" not in content(message(kind), mentioned=["wangqing"])

    def test_a_user_id_that_is_none_is_named(self) -> None:
        with pytest.raises(Undeliverable, match="mentioned"):
            content(message(), mentioned=["x> **y**"])

    @pytest.mark.parametrize("about", list(Kind))
    @pytest.mark.parametrize("outcome", [samples.outcome(), samples.hostile(), samples.crowded(300), mentioning()])
    def test_the_text_is_within_the_limit(self, about: Kind, outcome: Any) -> None:
        for language in ("en", "zh"):
            text = content(message(about, outcome, language=language), mentioned=["wangqing"])
            assert len(text.encode()) <= LARGEST

    def test_long_texts_of_one_finding_are_within_the_limit(self) -> None:
        long = samples.finding(
            "名" * 3000, message=t("{x}", x="信" * 3000), remedy=(step(t("{x}", x="步" * 3000)),) * 9
        )
        about = message(Kind.FINDING, samples.outcome(findings=(long,)), findings=(long,))
        assert len(content(about).encode()) <= LARGEST


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_text_looks_as_it_is(self, name: str) -> None:
        assert seen(escape(name)).replace(LOOKS_LIKE_A_BACKTICK, "`") == name.replace(LOOKS_LIKE_A_BACKTICK, "`")

    @hypothesis_settings(deadline=None)
    @given(names)
    def test_nothing_in_a_text_is_markup(self, name: str) -> None:
        # In a message a text always stands behind something in its line.
        assert not MARKUP.search(f"x {escape(name)}")
        assert addresses(escape(name)) == []

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_a_whole_message_has_no_link_and_no_tag_but_its_own(self, index: int) -> None:
        text = content(one(message(Kind.REPORT, mentioning()), index))
        assert re.findall(r"\]\(([^)]*)\)", text) == [LINK]
        outside_code = re.sub(r"`[^`]*`", "", text)
        assert set(re.findall(r"<[^>\s\u200b]+", outside_code)) <= {"<font", "</font"}
        assert "<@" not in text


class TestAnswers:
    @pytest.mark.parametrize("code", [45009, 45033])
    def test_too_many_messages_wait(self, code: int) -> None:
        error = refused(code, "api freq out of limit, hint: [1773643642077182456917975]")
        assert isinstance(error, NotNow)
        assert error.after == timedelta(minutes=1)

    def test_a_busy_system_is_tried_again(self) -> None:
        assert isinstance(refused(-1, "system busy"), NotNow)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (93000, "invalid webhook url, hint: [1755605200056773468916791]"),
            (40058, "markdown.content exceed max length 4096. invalid Request Parameter"),
        ],
    )
    def test_a_refusal_is_final_and_told_in_the_receivers_words(self, code: int, words: str) -> None:
        error = refused(code, words)
        assert isinstance(error, Undeliverable)
        assert f"refused the message with code {code}: {words}" in error.sentence

    def test_a_refusal_quotes_no_secret(self) -> None:
        assert "invalid key ***" in refused(93000, f"invalid key {TOKEN}").sentence
