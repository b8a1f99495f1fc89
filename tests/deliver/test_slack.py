"""Incoming webhooks of Slack, over real connections."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.message import Kind
from auditor.deliver.slack import escape
from auditor.deliver.wording import unmarked
from auditor.facts.landscape import ClusterIdentity
from tests.deliver.chats import (
    MENTIONS,
    TOKEN,
    addresses,
    mentioning,
    names,
    objects,
    one,
    replaced,
    seen,
    send_to,
    sent,
    strings,
)
from tests.deliver.messages import LINK, message
from tests.deliver.receivers import reply
from tests.report import samples

TYPES = {
    *("header", "section", "divider", "context", "plain_text"),
    *("rich_text", "rich_text_section", "rich_text_list", "rich_text_preformatted", "text", "link"),
}


def units(text: str) -> int:
    """Count as Slack does: units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2


class TestMessages:
    def test_a_message(self) -> None:
        body = sent("slack", message(Kind.REPORT)).json
        assert body.keys() == {"text", "mrkdwn", "unfurl_links", "unfurl_media", "blocks"}
        assert (body["mrkdwn"], body["unfurl_links"], body["unfurl_media"]) == (False, False, False)
        assert body["text"].startswith("🔴 shop-prod: 1 critical, 1 high")
        blocks = body["blocks"]
        assert blocks[0] == {"type": "header", "text": {"type": "plain_text", "text": body["text"], "emoji": False}}
        assert blocks[-1]["type"] == "context"
        (link,) = [element for element in objects(blocks) if element.get("type") == "link"]
        assert link["url"] == LINK
        commands = [block for block in objects(blocks) if block.get("type") == "rich_text_preformatted"]
        assert list(strings(commands[0], "text")) == ["kubectl get pv pv-mysql-0 -o yaml"]

    @pytest.mark.parametrize("about", list(Kind))
    @pytest.mark.parametrize("outcome", [samples.outcome(), samples.hostile(), samples.crowded(300), mentioning()])
    def test_a_message_is_within_the_limits(self, about: Kind, outcome: Any) -> None:
        for language in ("en", "zh"):
            body = sent("slack", message(about, outcome, language=language)).json
            assert len(body["blocks"]) <= 50
            assert units(body["blocks"][0]["text"]["text"]) <= 150
            texts = list(strings(body["blocks"], "text"))
            assert all(1 <= units(text) <= 3000 for text in texts)
            assert set(strings(body["blocks"], "type")) <= TYPES

    def test_a_headline_that_is_too_long_is_said_in_full_below(self) -> None:
        outcome = replaced(samples.outcome(), cluster=ClusterIdentity("🚀" * 100, "c1", "cn-hangzhou"))
        blocks = sent("slack", message(Kind.REPORT, outcome)).json["blocks"]
        assert units(blocks[0]["text"]["text"]) <= 150
        assert "audit incomplete" in next(strings(blocks[1], "text"))


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_the_line_for_notifications_is_shown_as_it_is(self, name: str) -> None:
        escaped = escape(name)
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", escaped)
        shown = seen(escaped).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert shown == name
        assert addresses(html.unescape(escaped)) == []

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_what_comes_from_a_cluster_is_never_in_markup(self, index: int) -> None:
        about = one(message(Kind.REPORT, mentioning()), index)
        body = sent("slack", about).json
        view = about.views[about.findings[0].fingerprint]
        texts = [seen(text) for text in strings(body["blocks"], "text")]
        assert any(view.subject.label in text for text in texts)
        assert any(unmarked(view.message) in text for text in texts)
        assert any(view.remedy[0].command == text for text in texts)
        assert set(strings(body, "type")) <= TYPES
        assert [part["url"] for part in objects(body) if "url" in part] == [LINK]
        assert not re.search(r"[<>]", body["text"])


class TestAnswers:
    def test_too_many_messages_wait_as_long_as_slack_says(self) -> None:
        with pytest.raises(NotNow) as raised:
            send_to("slack", reply(429, "rate_limited", Retry_After="30"), message())
        assert raised.value.after == timedelta(seconds=30)

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (400, "invalid_payload"),
            (400, "invalid_blocks"),
            (403, "action_prohibited"),
            (403, "invalid_token"),
            (404, "no_service"),
            (404, "channel_not_found"),
            (410, "channel_is_archived"),
        ],
    )
    def test_a_refusal_is_final_and_told_in_slacks_words(self, status: int, words: str) -> None:
        with pytest.raises(Undeliverable, match=words):
            send_to("slack", reply(status, words), message())

    def test_an_error_of_slack_is_tried_again(self) -> None:
        with pytest.raises(NotNow, match="rollup_error"):
            send_to("slack", reply(500, "rollup_error"), message())

    @pytest.mark.parametrize("answer", ["ok", "ok\n", "", '{"ok": true}', '{"success": true}'])
    def test_what_says_that_it_took_the_message(self, answer: str) -> None:
        send_to("slack", reply(200, answer), message())

    def test_an_error_in_the_body_is_read(self) -> None:
        with pytest.raises(Undeliverable, match="invalid_auth") as raised:
            send_to("slack", reply(200, {"ok": False, "error": "invalid_auth", "seen": TOKEN}), message())
        assert TOKEN not in raised.value.sentence
        with pytest.raises(NotNow, match="ratelimited"):
            send_to("slack", reply(200, {"ok": False, "error": "ratelimited"}), message())

    def test_an_answer_that_is_not_slacks_is_tried_again(self) -> None:
        with pytest.raises(NotNow, match="something else than Slack"):
            send_to("slack", reply(200, "<html>sign in</html>"), message())
