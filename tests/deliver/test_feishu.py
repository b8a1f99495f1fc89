"""Robots of Feishu, over real connections."""

import base64
import hashlib
import hmac
import html
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from auditor.deliver.feishu import escape, signature
from auditor.deliver.message import Kind
from tests.deliver.chats import MENTIONS, SECRET, TOKEN, mentioning, names, objects, one, seen, send_to, sent, strings
from tests.deliver.messages import LINK, message
from tests.deliver.receivers import reply
from tests.report import samples

LARGEST = 20_000


def refused(code: int, words: str, **keys: Any) -> NotDelivered:
    with pytest.raises((NotNow, Undeliverable)) as raised:
        send_to("feishu", reply(200, {"code": code, "msg": words, "data": {}}), message(), **keys)
    return raised.value


class TestSignature:
    def test_the_key_is_the_time_and_the_secret(self) -> None:
        made = signature("demo", 100)
        expected = base64.b64encode(hmac.new(b"100\ndemo", b"", hashlib.sha256).digest()).decode()
        assert made == {"timestamp": "100", "sign": expected}

    def test_a_known_signature(self) -> None:
        # Made with: printf '' | openssl dgst -sha256 -hmac "$(printf '100\ndemo')" -binary | base64
        assert signature("demo", 100)["sign"] == "jquNHnVOwmDRfw+vqTIrY5dooJAgi5EcRtLsQE4wfXg="

    def test_a_request_is_signed_now(self) -> None:
        body = sent("feishu", message(), secret=SECRET).json
        assert abs(int(body["timestamp"]) - time.time()) < 60
        assert signature(SECRET, int(body["timestamp"]))["sign"] == body["sign"]

    def test_without_a_secret_nothing_is_signed(self) -> None:
        assert sent("feishu", message()).json.keys() == {"msg_type", "card"}


class TestMessages:
    def test_a_message(self) -> None:
        body = sent("feishu", message(Kind.REPORT)).json
        assert body["msg_type"] == "interactive"
        card = body["card"]
        assert card["header"]["template"] == "red"
        assert card["header"]["title"]["tag"] == "plain_text"
        assert card["header"]["title"]["content"].startswith("🔴 shop-prod: 1 critical, 1 high")
        (button,) = [element for element in objects(card) if element.get("tag") == "button"]
        assert button["url"] == LINK

    def test_good_news_are_green(self) -> None:
        assert sent("feishu", message(Kind.RESOLVED)).json["card"]["header"]["template"] == "green"

    @pytest.mark.parametrize("outcome", [samples.hostile(), samples.crowded(300), mentioning()])
    def test_a_body_is_within_the_limit(self, outcome: Any) -> None:
        for language in ("en", "zh"):
            received = sent("feishu", message(Kind.REPORT, outcome, language=language), secret=SECRET)
            assert len(received.body) < LARGEST


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_title_is_shown_as_it_is(self, name: str) -> None:
        escaped = escape(name)
        assert html.unescape(escaped) == html.unescape(html.escape(name))
        # Nothing is left that could be markup: only entities have signs.
        assert not re.search(r"[!-/:-@\[-`{-~]", re.sub(r"&#\d+;", "", escaped))

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_what_comes_from_a_cluster_is_in_plain_text_only(self, index: int) -> None:
        about = one(message(Kind.REPORT, mentioning()), index)
        card = sent("feishu", about).json["card"]
        plain = [part["content"] for part in objects(card) if part.get("tag") == "plain_text"]
        marked = [
            part["content"]
            for part in objects(card)
            if part.get("tag") not in (None, "plain_text") and part.get("content")
        ]
        name = about.views[about.findings[0].fingerprint].subject.path
        assert any(name in seen(text) for text in plain)
        assert all(re.fullmatch(r"\*\*[^!-/:-@\[-`{-~]*\*\*", re.sub(r"&#\d+;", "", text)) for text in marked)
        assert set(strings(card, "tag")) <= {*("plain_text", "lark_md", "div", "hr", "note", "action", "button")}


class TestAnswers:
    @pytest.mark.parametrize("code", [11232, 11233, 99991400])
    def test_too_many_messages_wait(self, code: int) -> None:
        error = refused(code, "frequency limited psm[lark.oapi.app_platform_runtime]")
        assert isinstance(error, NotNow)
        assert error.after == timedelta(minutes=1)

    def test_the_code_of_a_bad_request_may_mean_too_many_requests(self) -> None:
        assert isinstance(refused(9499, "too many request"), NotNow)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (9499, "Bad Request"),
            (19001, "param invalid: incoming webhook access token invalid"),
            (19021, "sign match fail or timestamp is not within one hour from current time"),
            (19022, "Ip Not Allowed"),
            (19024, "Key Words Not Found"),
        ],
    )
    def test_a_refusal_is_final_and_told_in_the_receivers_words(self, code: int, words: str) -> None:
        error = refused(code, words)
        assert isinstance(error, Undeliverable)
        assert f"refused the message with code {code}: {words}" in error.sentence

    def test_a_refusal_quotes_no_secret(self) -> None:
        error = refused(19021, f"sign match fail for {TOKEN} and {SECRET}", secret=SECRET)
        assert "sign match fail for *** and ***" in error.sentence

    def test_the_older_form_of_an_answer_is_read(self) -> None:
        send_to("feishu", reply(200, {"StatusCode": 0, "StatusMessage": "success"}), message())
        with pytest.raises(Undeliverable, match="19024: Key Words Not Found"):
            send_to("feishu", reply(200, {"StatusCode": 19024, "StatusMessage": "Key Words Not Found"}), message())

    def test_an_answer_that_is_no_robots_is_tried_again(self) -> None:
        with pytest.raises(NotNow, match="something else than a robot"):
            send_to("feishu", reply(200, "<html>502</html>"), message())
