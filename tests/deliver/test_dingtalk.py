"""Robots of DingTalk, over real connections; what they show, by a real reader of Markdown."""

import base64
import hashlib
import hmac
import html
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from markdown_it import MarkdownIt

from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from auditor.deliver.chat import tell
from auditor.deliver.dingtalk import escape, markdown, signed
from auditor.deliver.message import Kind
from auditor.facts.text import t
from auditor.judge.verdicts import step
from tests.deliver.chats import MENTIONS, SECRET, TOKEN, mentioning, names, one, seen, send_to, sent
from tests.deliver.messages import LINK, message
from tests.deliver.receivers import reply
from tests.report import samples

LARGEST = 20_000
READER = MarkdownIt("commonmark")


def refused(code: int, words: str, **keys: Any) -> NotDelivered:
    with pytest.raises((NotNow, Undeliverable)) as raised:
        send_to("dingtalk", reply(200, {"errcode": code, "errmsg": words}), message(), **keys)
    return raised.value


def shown_command(*command: str) -> str:
    finding = samples.finding(remedy=(step(t("do it"), *command),))
    about = message(Kind.FINDING, samples.outcome(findings=(finding,)), findings=(finding,))
    lines = markdown(tell(about, 8, 600), []).splitlines()
    return next((line.removeprefix("> ") for line in lines if line.startswith("> ")), "")


class TestSignature:
    def test_the_url_has_the_time_and_its_signature(self) -> None:
        query = parse_qs(
            urlsplit(signed(f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}", SECRET, 7)).query
        )
        key = hmac.new(SECRET.encode(), f"7\n{SECRET}".encode(), hashlib.sha256).digest()
        assert query == {"access_token": [TOKEN], "timestamp": ["7"], "sign": [base64.b64encode(key).decode()]}

    def test_a_known_signature(self) -> None:
        # Made with: printf '1577262236757\nthis is secret' | openssl dgst -sha256 -hmac 'this is secret' -binary
        assert signed("https://x/", "this is secret", 1577262236757).endswith(
            "?timestamp=1577262236757&sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"
        )

    def test_a_request_is_signed_now(self) -> None:
        received = sent("dingtalk", message(), secret=SECRET)
        assert abs(int(received.query["timestamp"]) / 1000 - time.time()) < 60
        expected = signed("", SECRET, int(received.query["timestamp"]))
        assert received.query["sign"] == parse_qs(expected[1:])["sign"][0]

    def test_without_a_secret_nothing_is_signed(self) -> None:
        assert sent("dingtalk", message()).query == {"access_token": TOKEN}


class TestMessages:
    def test_a_message(self) -> None:
        body = sent("dingtalk", message(Kind.REPORT)).json
        assert body.keys() == {"msgtype", "markdown", "at"}
        assert body["msgtype"] == "markdown"
        assert body["markdown"]["title"].startswith("🔴 shop-prod: 1 critical, 1 high")
        text = body["markdown"]["text"]
        assert text.startswith("### 🔴 shop-prod: 1 critical, 1 high")
        assert f"]({LINK})" in text
        assert body["at"] == {"atMobiles": [], "isAtAll": False}

    def test_who_is_called(self) -> None:
        body = sent("dingtalk", message(), at_mobiles=["13800000000"], at_all=True).json
        assert body["at"] == {"atMobiles": ["13800000000"], "isAtAll": True}
        assert body["markdown"]["text"].endswith("\n\n@13800000000")

    @pytest.mark.parametrize("kind", [Kind.RESOLVED, Kind.TEST])
    def test_nobody_is_called_where_nothing_is_to_be_done(self, kind: Kind) -> None:
        body = sent("dingtalk", message(kind), at_mobiles=["13800000000"], at_all=True).json
        assert body["at"] == {"atMobiles": [], "isAtAll": False}
        assert "@13800000000" not in body["markdown"]["text"]

    @pytest.mark.parametrize("outcome", [samples.hostile(), samples.crowded(300), mentioning()])
    def test_a_body_is_within_the_limit(self, outcome: Any) -> None:
        for language in ("en", "zh"):
            assert len(sent("dingtalk", message(Kind.REPORT, outcome, language=language)).body) < LARGEST

    def test_a_command_is_shown_as_it_is_copied(self) -> None:
        shown = shown_command("kubectl", "patch", "x", "-p", '{"a":1}', "--zone", "<new-zone>", "a&&b")
        assert html.unescape(shown) == """kubectl patch x -p '{"a":1}' --zone <new-zone> 'a&&b'"""
        assert "<" not in shown

    @pytest.mark.parametrize("name", ["[x](http://evil.example)", "`id`", "a*b*", "_x_", "@all", "www.evil.example"])
    def test_a_command_that_markup_would_change_is_left_out(self, name: str) -> None:
        assert shown_command("kubectl", "get", name) == ""


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_text_is_shown_as_it_is(self, name: str) -> None:
        # Behind a word, as in a line of a message.
        assert _shown(f"x {escape(name)} x") == _spaced(f"x {name} x")

    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_line_of_its_own_is_shown_as_it_is(self, name: str) -> None:
        assert _shown(escape(name)) == _spaced(name)

    @hypothesis_settings(deadline=None)
    @given(names)
    def test_nobody_is_mentioned(self, name: str) -> None:
        assert not re.search(r"@(?!\u200b)", escape(name))

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_a_whole_message_has_no_link_but_its_own(self, index: int) -> None:
        text = sent("dingtalk", one(message(Kind.REPORT, mentioning()), index)).json["markdown"]["text"]
        rendered = READER.render(text)
        assert re.findall(r'href="([^"]*)"', rendered) == [LINK]
        assert "<img" not in rendered
        assert set(re.findall(r"</?(\w+)", rendered)) <= {
            *("p", "h3", "h6", "hr", "strong", "blockquote", "a", "ul", "li")
        }


class TestAnswers:
    @pytest.mark.parametrize("code", [130101, 660026, 410100])
    def test_too_many_messages_wait_until_the_robot_is_let_in_again(self, code: int) -> None:
        error = refused(code, "send too fast, exceed 20 times per minute")
        assert isinstance(error, NotNow)
        assert error.after == timedelta(minutes=10)
        assert "send too fast" in error.sentence

    def test_a_busy_system_is_tried_again(self) -> None:
        assert isinstance(refused(-1, "系统繁忙"), NotNow)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"),
            (310000, "keywords not in content"),
            (300001, "token is not exist"),
            (460101, "description: body 大小不合法;solution:请保持大小在 20000bytes 以内;"),
            (40035, "缺少参数 json"),
        ],
    )
    def test_a_refusal_is_final_and_told_in_the_receivers_words(self, code: int, words: str) -> None:
        error = refused(code, words)
        assert isinstance(error, Undeliverable)
        assert f"refused the message with code {code}: {words}" in error.sentence

    def test_a_refusal_quotes_no_secret(self) -> None:
        error = refused(310000, f"sign not match for {TOKEN} and {SECRET}", secret=SECRET)
        assert "sign not match for *** and ***" in error.sentence
        assert "look at the robot's security settings" in error.sentence

    @pytest.mark.parametrize("answer", ["<html>502</html>", "", "[]", "{}", '{"errcode": "x"}', "[" * 9000])
    def test_an_answer_that_is_no_robots_is_tried_again(self, answer: str) -> None:
        with pytest.raises(NotNow, match="something else than a robot"):
            send_to("dingtalk", reply(200, answer), message())

    def test_a_code_in_a_bad_request_is_read(self) -> None:
        with pytest.raises(NotNow):
            send_to("dingtalk", reply(400, {"errcode": 130101, "errmsg": "send too fast"}), message())


def _shown(text: str) -> str:
    """Return what a reader of Markdown shows: one paragraph, without any tag in it."""
    rendered = READER.render(text).strip()
    if not rendered:
        return ""
    found = re.fullmatch(r"<p>([^<]*)</p>", rendered)
    assert found, rendered
    return _spaced(seen(html.unescape(found[1])))


def _spaced(text: str) -> str:
    """Return a text as it is laid out: spaces in a row are one, and there are none at its ends."""
    return " ".join(text.split())
