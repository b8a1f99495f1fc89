"""Services by apprise, over real connections of its own plugins."""

import html
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver.apprise import MOST_BYTES, escape, open_channel, secrets_in
from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.message import Kind
from tests.deliver.chats import APPRISE_WARNS, MENTIONS, TOKEN, addresses, mentioning, names, one, seen, send_to, sent
from tests.deliver.messages import LINK, message, settings
from tests.deliver.receivers import Receiver, Reply, reply
from tests.report import samples

pytestmark = [pytest.mark.filterwarnings(APPRISE_WARNS)]


class TestMessages:
    def test_a_message(self) -> None:
        body = sent("apprise", message(Kind.REPORT)).json
        assert body["title"].startswith("🔴 shop-prod: 1 critical, 1 high")
        assert "$ kubectl get pv pv-mysql-0 -o yaml" in body["message"]
        assert body["message"].endswith(f"\n{LINK}")
        assert body["attachments"] == []

    @pytest.mark.parametrize(
        ("about", "outcome", "kind"),
        [
            (Kind.REPORT, samples.outcome(), "failure"),
            (Kind.REPORT, samples.healthy(), "success"),
            (Kind.REPORT, samples.outcome(findings=(), resolved=()), "warning"),
            (Kind.RESOLVED, samples.outcome(), "success"),
            (Kind.TEST, samples.outcome(), "info"),
        ],
    )
    def test_its_type_is_how_bad_it_is(self, about: Kind, outcome: Any, kind: str) -> None:
        assert sent("apprise", message(about, outcome)).json["type"] == kind

    @pytest.mark.parametrize("outcome", [samples.hostile(), samples.crowded(300), mentioning()])
    def test_a_message_is_within_the_limit(self, outcome: Any) -> None:
        for language in ("en", "zh"):
            body = sent("apprise", message(Kind.REPORT, outcome, language=language)).json
            assert len(f"{body['title']}{body['message']}".encode()) <= MOST_BYTES

    def test_a_service_with_a_markup_gets_the_text_escaped(self) -> None:
        with Receiver(always=reply(200)) as receiver:
            url = f"json://127.0.0.1:{receiver.port}/?format=html"
            open_channel(settings("apprise", url=url)).send(message(Kind.REPORT, samples.hostile()))
            shown = receiver.only.json["message"]
        assert "<script" not in shown
        assert "<script>alert(1)</script>" in seen(html.unescape(shown))

    def test_what_an_url_says_of_escapes_changes_no_text(self) -> None:
        text = sent("apprise", message(Kind.REPORT, samples.hostile())).json["message"]
        assert "\\x1b[31m" in text
        assert "\x1b" not in text


class TestText:
    @hypothesis_settings(deadline=None)
    @given(names)
    def test_a_text_looks_as_it_is_and_mentions_nobody(self, name: str) -> None:
        escaped = escape(name)
        assert seen(escaped) == name
        assert not re.search(r"@[^\s\u200b]|<[!@#&/]|<at\b|\[\w+:", escaped)
        assert addresses(escaped) == []

    @pytest.mark.parametrize("index", range(len(MENTIONS)))
    def test_a_whole_message_mentions_nobody(self, index: int) -> None:
        body = sent("apprise", one(message(Kind.REPORT, mentioning()), index)).json
        text = f"{body['title']}\n{body['message']}"
        assert not re.search(r"@[^\s\u200b]|<[!@#&/]|<at\b", text)


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "nonsense",
            "file:///etc/passwd",
            "yaml:///etc/auditor.yaml",
            "config://127.0.0.1/x",
            "http://127.0.0.1/apprise.yml",
            "json://",
            f"slack://{TOKEN}",
        ],
    )
    def test_what_is_no_service_is_refused(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(Undeliverable, match="apprise knows no such service") as raised:
            open_channel(settings("apprise", url=url)).send(message())
        assert url not in raised.value.sentence
        assert TOKEN not in caplog.text

    def test_a_configuration_is_not_read(self, tmp_path: Path) -> None:
        with Receiver(always=reply(200)) as receiver:
            listed = tmp_path / "apprise.txt"
            listed.write_text(f"json://127.0.0.1:{receiver.port}/\n")
            with pytest.raises(Undeliverable):
                open_channel(settings("apprise", url=f"file://{listed}")).send(message())
            assert receiver.requests == []

    def test_every_part_of_a_url_may_be_a_token(self) -> None:
        found = set(secrets_in("slack://tokenA12/tokenB34/tokenC56?key=tok%20en7&x=y"))
        assert {"tokenA12", "tokenB34", "tokenC56", "tok en7"} <= found


class TestAnswers:
    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
    def test_what_did_not_arrive_is_tried_again(self, status: int) -> None:
        with pytest.raises(NotNow, match="JSON did not take the message") as raised:
            send_to("apprise", reply(status, f"no {TOKEN}"), message())
        assert f"error={status}" in raised.value.sentence

    def test_a_service_that_goes_on_for_ever_is_given_up(self) -> None:
        with pytest.raises(NotNow, match=r"no answer within 0\.3 seconds"):
            send_to("apprise", Reply(drip=True, body=b"x" * 1000), message(), timeout_seconds=0.3)

    def test_what_goes_wrong_beside_stays_with_its_own_channel(self) -> None:
        def send(token: str) -> None:
            with Receiver(always=reply(500, "no")) as receiver:
                url = f"json://127.0.0.1:{receiver.port}/{token}"
                try:
                    open_channel(settings("apprise", url=url)).send(message())
                except NotNow as error:
                    said[token] = error.sentence

        said: dict[str, str] = {}
        threads = [threading.Thread(target=send, args=(f"token-{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(said) == 4
        assert all(sentence.count("error=500") == 1 for sentence in said.values()), json.dumps(said)
