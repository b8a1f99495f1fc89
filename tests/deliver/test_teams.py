"""Workflows of Teams, over real connections."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.message import Kind
from auditor.deliver.teams import escape
from auditor.deliver.wording import unmarked
from tests.deliver.chats import (
    MENTIONS,
    TOKEN,
    addresses,
    mentioning,
    names,
    objects,
    one,
    seen,
    send_to,
    sent,
    strings,
)
from tests.deliver.messages import LINK, message
from tests.deliver.receivers import reply
from tests.report import samples

LARGEST = 21_000


def card(*args: Any, **keys: Any) -> Any:
    body = sent("teams", *args, **keys).json
    assert body.keys() == {"type", "attachments"}
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    return attachment["content"]


class TestMessages:
    def test_a_message(self) -> None:
        made = card(message(Kind.REPORT))
        assert (made["type"], made["version"]) == ("AdaptiveCard", "1.4")
        banner = made["body"][0]
        assert (banner["type"], banner["style"]) == ("Container", "attention")
        assert next(strings(banner, "text")).startswith("🔴 shop-prod: 1 critical, 1 high")
        assert made["actions"] == [{"type": "Action.OpenUrl", "title": "The run on the auditor's site", "url": LINK}]
        commands = [run["text"] for run in objects(made) if run.get("fontType") == "Monospace"]
        assert commands == ["kubectl get pv pv-mysql-0 -o yaml"] * 2

    def test_good_news_are_shown_as_good(self) -> None:
        assert card(message(Kind.RESOLVED))["body"][0]["style"] == "good"
        assert card(message(Kind.REPORT, samples.healthy()))["body"][0]["style"] == "good"

    def test_what_is_not_known_to_be_good_is_not(self) -> None:
        unsure = samples.outcome(findings=(), resolved=())
        assert card(message(Kind.REPORT, unsure))["body"][0]["style"] == "emphasis"

    @pytest.mark.parametrize("about", [Kind.REPORT, Kind.FINDING, Kind.DIGEST])
    @pytest.mark.parametrize("outcome", [samples.hostile(), samples.crowded(300), mentioning()])
    def test_a_body_is_within_the_limit(self, about: Kind, outcome: Any) -> None:
        for language in ("en", "zh"):
            assert len(sent("teams", message(about, outcome, language=language)).body) < LARGEST


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_text_looks_as_it_is_and_is_no_function(self, name: str) -> None:
        escaped = escape(name)
        assert seen(escaped) == name
        assert not re.search(r"\{\{|\$\{", escaped)
        assert addresses(escaped) == []

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_all_text_is_in_runs_which_have_no_markup(self, index: int) -> None:
        about = one(message(Kind.REPORT, mentioning()), index)
        made = card(about)
        assert set(strings(made, "type")) == {
            *("AdaptiveCard", "Container", "RichTextBlock", "TextRun", "Action.OpenUrl")
        }
        assert made["msteams"] == {"width": "Full"}
        view = about.views[about.findings[0].fingerprint]
        texts = [seen(text) for text in strings(made, "text")]
        assert view.subject.label in texts
        assert unmarked(view.message) in texts
        assert [part["url"] for part in objects(made) if "url" in part] == [LINK]


class TestAnswers:
    def test_too_many_messages_wait(self) -> None:
        with pytest.raises(NotNow) as raised:
            send_to("teams", reply(429, "", Retry_After="5"), message())
        assert raised.value.after == timedelta(seconds=5)

    @pytest.mark.parametrize(
        ("status", "again"), [(429, True), (500, True), (503, True), (400, False), (413, False), (403, False)]
    )
    def test_what_older_webhooks_say_in_the_body_is_read(self, status: int, again: bool) -> None:
        words = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status}"
        with pytest.raises((NotNow, Undeliverable), match=str(status)) as raised:
            send_to("teams", reply(200, f"{words} for {TOKEN}"), message())
        assert isinstance(raised.value, NotNow) is again
        assert TOKEN not in raised.value.sentence

    def test_what_older_webhooks_say_of_success(self) -> None:
        send_to("teams", reply(200, "1"), message())
