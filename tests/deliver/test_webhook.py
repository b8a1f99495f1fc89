"""Webhooks, received over real connections and verified by the code that the documentation shows."""

import base64
import json
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cloudevents.http import from_http
from standardwebhooks.webhooks import WebhookVerificationError

from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable, open_channel
from auditor.deliver.message import Kind, Message
from auditor.deliver.webhook import Webhook, event_type
from auditor.facts.text import t
from auditor.judge.outcome import Lifecycle
from auditor.report import json_report
from auditor.report.texts import translator
from tests.deliver import documented
from tests.deliver.messages import KEY, LINK, message, settings
from tests.deliver.receivers import Received, Receiver, away, reply
from tests.report import samples

NEW = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD = "whsec_" + base64.b64encode(bytes(range(100, 124))).decode()
OTHER = "whsec_" + base64.b64encode(b"somebody else's secret..").decode()
DOCS = documented.functions("Webhook")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def sent(receiver: Receiver, about: Message, **keys: Any) -> Received:
    channel = open_channel(settings("webhook", url=receiver.url("/hook"), **keys))
    assert isinstance(channel, Webhook)
    channel.send(about)
    return receiver.last


def not_sent(url: str, **keys: Any) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        open_channel(settings("webhook", url=url, **keys)).send(message())
    return caught.value


class TestEvents:
    @pytest.mark.parametrize("kind", Kind)
    def test_each_kind_is_an_event_that_the_package_reads(self, receiver: Receiver, kind: Kind) -> None:
        request = sent(receiver, message(kind))
        assert request.headers["content-type"] == "application/cloudevents+json"
        assert request.headers["webhook-id"] == KEY
        assert "webhook-signature" not in request.headers
        event = from_http(dict(request.headers), request.body)
        assert event["specversion"] == "1.0"
        assert event["id"] == KEY
        assert event["source"] == f"urn:ack-auditor:cluster:{samples.CLUSTER.cluster_id}"
        assert event["time"] == "2026-11-23T00:00:16Z"
        assert event["datacontenttype"] == "application/json"
        assert event.data["kind"] == kind.value
        assert event.data["link"] == LINK

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (Kind.REPORT, "com.ack-auditor.run.finished"),
            (Kind.BATCH, "com.ack-auditor.run.finished"),
            (Kind.DIGEST, "com.ack-auditor.run.digest"),
            (Kind.SNAPSHOT, "com.ack-auditor.run.snapshot"),
            (Kind.RESOLVED, "com.ack-auditor.finding.resolved"),
            (Kind.TEST, "com.ack-auditor.test"),
        ],
    )
    def test_the_type_tells_the_kind(self, receiver: Receiver, kind: Kind, expected: str) -> None:
        assert sent(receiver, message(kind)).json["type"] == expected

    @pytest.mark.parametrize(
        ("life", "expected"), [(Lifecycle.NEW, "new"), (Lifecycle.REOPENED, "reopened"), (Lifecycle.OPEN, "new")]
    )
    def test_the_type_tells_the_life_of_a_single_finding(
        self, receiver: Receiver, life: Lifecycle, expected: str
    ) -> None:
        about = message(Kind.FINDING, findings=(samples.finding(lifecycle=life),))
        event = sent(receiver, about).json
        assert event["type"] == f"com.ack-auditor.finding.{expected}"
        assert event["data"]["findings"][0]["lifecycle"] == life.value
        assert event["subject"] == "storage/disk-in-other-zone PersistentVolume pv-mysql-0"

    def test_an_event_about_a_run_has_the_run_for_its_subject(self, receiver: Receiver) -> None:
        assert sent(receiver, message(Kind.BATCH)).json["subject"] == "01JDC0M6ZQ4Y8T"

    @pytest.mark.parametrize("kind", [Kind.REPORT, Kind.BATCH, Kind.DIGEST, Kind.SNAPSHOT, Kind.FINDING, Kind.RESOLVED])
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_the_data_has_the_shapes_of_the_json_report(self, receiver: Receiver, kind: Kind, language: str) -> None:
        about = message(kind, language=language)
        report = json_report.document(about.outcome, translator(language))
        data = sent(receiver, about).json["data"]
        for key in ("schema", "auditor", "run", "summary"):
            assert data[key] == report[key]
        fingerprints = [finding.fingerprint for finding in about.findings]
        assert data["findings"] == [one for one in report["findings"] if one["fingerprint"] in fingerprints]
        gone = [finding.fingerprint for finding in about.resolved]
        assert data["resolved"] == [one for one in report["resolved"] if one["fingerprint"] in gone]
        assert len(data["findings"]) + len(data["resolved"]) == len(about.all_findings) > 0

    def test_a_whole_run_tells_what_could_not_be_looked_at(self, receiver: Receiver) -> None:
        data = sent(receiver, message(Kind.REPORT)).json["data"]
        report = json_report.document(samples.outcome(), str)
        assert (data["checks"], data["collection"]) == (report["checks"], report["collection"])
        assert set(report) <= set(data)

    def test_what_a_route_leaves_out_is_not_sent(self, receiver: Receiver) -> None:
        about = message(Kind.REPORT, findings=samples.outcome().counting[:1], resolved=())
        data = sent(receiver, about).json["data"]
        assert [finding["severity"] for finding in data["findings"]] == ["critical"]
        assert data["resolved"] == []

    def test_all_attempts_have_the_same_body_and_another_time(self, receiver: Receiver) -> None:
        start = datetime(2026, 11, 23, 8, tzinfo=UTC)
        for hours in (0, 30):
            with time_machine.travel(start + timedelta(hours=hours), tick=False):
                sent(receiver, message(), signing_secret=NEW)
        first, second = receiver.requests
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
        assert stamps == [int(start.timestamp()), int(start.timestamp()) + 30 * 3600]
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]

    def test_what_the_cluster_made_up_stays_data(self, receiver: Receiver) -> None:
        about = message(Kind.REPORT, samples.hostile())
        request = sent(receiver, about, signing_secret=NEW)
        event = from_http(dict(request.headers), request.body)
        for attribute in ("id", "source", "type", "subject", "time"):
            assert event[attribute].isprintable(), attribute
        assert re.fullmatch(r"urn:ack-auditor:cluster:[\w.%~-]+", event["source"])
        for text, finding in zip(samples.HOSTILE, event.data["findings"], strict=False):
            assert finding["subject"]["name"] == text
        assert all(0x20 <= byte < 0x7F for byte in request.body)

    def test_a_hostile_subject_is_written_out(self, receiver: Receiver) -> None:
        about = message(Kind.FINDING, findings=(samples.finding("a\x1b[31m\r\nb\ud800"),))
        assert sent(receiver, about).json["subject"].endswith(r"PersistentVolume a\x1b[31m b\ud800")

    def test_a_key_becomes_what_a_header_can_carry(self, receiver: Receiver) -> None:
        request = sent(receiver, message(key="run/运维.hook/batch"), signing_secret=NEW)
        expected = "run/%E8%BF%90%E7%BB%B4%2Ehook/batch"
        assert (request.headers["webhook-id"], request.json["id"]) == (expected, expected)
        assert DOCS["is_genuine"](request.headers, request.body, NEW)


class TestSignatures:
    """The receiver's side is the code of the documentation."""

    def test_the_documented_code_accepts_what_was_signed(self, receiver: Receiver) -> None:
        request = sent(receiver, message(), signing_secret=NEW)
        assert DOCS["verified"](request.headers, request.body, NEW)["id"] == KEY
        assert DOCS["is_genuine"](request.headers, request.body, NEW)

    @pytest.mark.parametrize("secret", [NEW, OLD])
    def test_while_the_secret_is_changed_either_is_accepted(self, receiver: Receiver, secret: str) -> None:
        request = sent(receiver, message(), signing_secret=NEW, previous_signing_secret=OLD)
        assert len(request.headers["webhook-signature"].split()) == 2
        assert DOCS["verified"](request.headers, request.body, secret)["id"] == KEY
        assert DOCS["is_genuine"](request.headers, request.body, secret)

    def test_once_it_is_changed_the_old_one_is_not(self, receiver: Receiver) -> None:
        assert_refused(sent(receiver, message(), signing_secret=NEW), OLD)

    def test_a_changed_body_is_refused(self, receiver: Receiver) -> None:
        request = sent(receiver, message(), signing_secret=NEW)
        body = request.body.replace(b'"critical"', b'"low"')
        assert body != request.body
        assert_refused(Received(request.method, request.target, request.headers, body), NEW)

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("webhook-id", "another"),
            ("webhook-timestamp", "1"),
            ("webhook-timestamp", "x"),
            ("webhook-signature", "v1,AAAA"),
            ("webhook-signature", "v2,AAAA v1,é"),
        ],
    )
    def test_a_changed_header_is_refused(self, receiver: Receiver, header: str, value: str) -> None:
        request = sent(receiver, message(), signing_secret=NEW)
        headers = {**request.headers, header: value}
        assert not DOCS["is_genuine"](headers, request.body, NEW)

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_an_old_message_is_refused(self, receiver: Receiver, minutes: int) -> None:
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
            request = sent(receiver, message(), signing_secret=NEW)
        assert_refused(request, NEW)

    @pytest.mark.parametrize("secret", [NEW, NEW.removeprefix("whsec_"), NEW.rstrip("="), OLD, "whsec_AAAA"])
    def test_the_forms_of_a_secret_mean_the_same(self, receiver: Receiver, secret: str) -> None:
        request = sent(receiver, message(), signing_secret=secret)
        assert DOCS["verified"](request.headers, request.body, secret)["id"] == KEY

    def test_a_secret_is_read_anew_each_time(self, receiver: Receiver, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        channel = open_channel(settings("webhook", url=receiver.url(), signing_secret_file=str(file)))
        for secret in (OLD, NEW):
            file.write_text(secret)
            channel.send(message())
            assert DOCS["is_genuine"](receiver.last.headers, receiver.last.body, secret)

    @pytest.mark.parametrize("key", ["signing_secret", "previous_signing_secret"])
    @pytest.mark.parametrize("secret", ["whsec_no base64 at all", "correct-horse", "whsec_", "whsec_abcde", "秘密秘密"])
    def test_what_is_no_secret_is_refused_and_not_shown(self, receiver: Receiver, key: str, secret: str) -> None:
        error = not_sent(receiver.url(), **{"signing_secret": NEW, key: secret})
        assert isinstance(error, Undeliverable)
        assert error.sentence.startswith(f"channel 'hook': {key}: expected whsec_ and 24 to 64 random bytes in base64")
        assert secret.removeprefix("whsec_") == "" or secret not in error.sentence
        assert receiver.requests == []

    def test_the_old_secret_alone_is_a_mistake(self, receiver: Receiver) -> None:
        error = not_sent(receiver.url(), previous_signing_secret=OLD)
        assert isinstance(error, Undeliverable)
        assert "without signing_secret" in error.sentence


def assert_refused(request: Received, secret: str) -> None:
    assert not DOCS["is_genuine"](request.headers, request.body, secret)
    with pytest.raises(WebhookVerificationError):
        DOCS["verified"](request.headers, request.body, secret)


class TestHeaders:
    def test_headers_and_authorization_are_sent(self, receiver: Receiver) -> None:
        request = sent(
            receiver, message(), headers={"X-Team": "ops", "authorization": "no"}, authorization="Bearer tOkEn"
        )
        assert (request.headers["x-team"], request.headers["authorization"]) == ("ops", "Bearer tOkEn")

    def test_a_content_type_of_ones_own_is_sent(self, receiver: Receiver) -> None:
        assert sent(receiver, message(), content_type="application/json").headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        "name", ["Content-Type", "content-length", "Transfer-Encoding", "Webhook-Signature", "webhook-id", "X Team", ""]
    )
    def test_headers_that_are_not_ones_own_are_refused(self, receiver: Receiver, name: str) -> None:
        error = not_sent(receiver.url(), headers={name: "x"})
        assert isinstance(error, Undeliverable)
        assert f"headers: {name!r} can't be set here" in error.sentence
        assert receiver.requests == []

    def test_nothing_secret_shows_when_a_receiver_repeats_it(self, receiver: Receiver) -> None:
        receiver.always = lambda request: reply(400, " ".join([*request.headers.values(), "tOkEn"]))
        secrets = {"signing_secret": NEW, "authorization": "Bearer tOkEn", "headers": {"X-Key": "kEyOfAHeader"}}
        error = not_sent(receiver.url("/rOoMoFaChat"), **secrets)
        assert isinstance(error, Undeliverable)
        signature = receiver.last.headers["webhook-signature"]
        shown = "".join(traceback.format_exception(error)) + repr(error)
        for secret in (NEW, "tOkEn", "kEyOfAHeader", "rOoMoFaChat", signature):
            assert secret not in shown
        channel = open_channel(settings("webhook", url=receiver.url("/rOoMoFaChat"), **secrets))
        for secret in (NEW, "tOkEn", "rOoMoFaChat"):
            assert secret not in repr(channel) + repr(vars(channel))

    def test_a_receiver_that_is_away_is_tried_again(self) -> None:
        with away() as url:
            assert isinstance(not_sent(url), NotNow)


class TestTemplates:
    def write(self, folder: Path, text: str, name: str = "body.j2") -> str:
        file = folder / name
        file.write_text(text, encoding="utf-8")
        return str(file)

    def test_the_documented_template_makes_json(self, receiver: Receiver, tmp_path: Path) -> None:
        (text,) = documented.blocks("Webhook", "jinja")
        template = self.write(tmp_path, text)
        for kind in Kind:
            body = sent(receiver, message(kind), template=template).json
            assert body["reference"] == KEY
            assert body["url"] == LINK
            assert body["state"] == ("closed" if kind is Kind.RESOLVED else "open")
        first = samples.outcome().counting[0].message
        body = sent(receiver, message(Kind.FINDING), template=template).json
        assert body["title"] == f"shop-prod: {first}"

    def test_hostile_values_stay_values(self, receiver: Receiver, tmp_path: Path) -> None:
        (text,) = documented.blocks("Webhook", "jinja")
        template = self.write(tmp_path, text)
        for hostile in samples.HOSTILE:
            finding = samples.finding(message=t("{text}", text=hostile))
            about = message(Kind.FINDING, findings=(finding,))
            assert sent(receiver, about, template=template).json["title"] == f"shop-prod: {hostile}"

    def test_it_is_given_plain_data(self, receiver: Receiver, tmp_path: Path) -> None:
        names = ("kind", "key", "run", "summary", "findings", "resolved", "link")
        template = self.write(tmp_path, "{" + ", ".join(f'"{name}": {{{{ {name} | tojson }}}}' for name in names) + "}")
        body = sent(receiver, message(Kind.BATCH), template=template).json
        event = sent(receiver, message(Kind.BATCH)).json["data"]
        assert body == {"key": KEY, **{name: event[name] for name in names if name != "key"}}

    def test_it_is_signed_like_any_other(self, receiver: Receiver, tmp_path: Path) -> None:
        template = self.write(tmp_path, "你好 {{ run.cluster }} <&>\n")
        request = sent(receiver, message(), template=template, signing_secret=NEW, content_type="text/plain")
        assert request.text == "你好 shop-prod <&>\n"
        assert request.headers["content-type"] == "text/plain"
        assert DOCS["is_genuine"](request.headers, request.body, NEW)

    def test_halves_of_characters_do_not_break_it(self, receiver: Receiver, tmp_path: Path) -> None:
        about = message(findings=(samples.finding("a\ud800b"),))
        template = self.write(tmp_path, "{{ findings[0].subject.name }}")
        assert sent(receiver, about, template=template).text == "a?b"

    def test_a_file_beside_it_can_be_included(self, receiver: Receiver, tmp_path: Path) -> None:
        self.write(tmp_path, "{{ kind }}", "part.j2")
        template = self.write(tmp_path, "[{% include 'part.j2' %}]")
        assert sent(receiver, message(), template=template).text == "[batch]"

    @pytest.mark.parametrize(
        ("text", "line", "said"),
        [
            ("ok\n{% if %}", 2, "Expected an expression"),
            ("\n\n{{ findings | nothing }}", 3, "No filter named 'nothing'"),
            ("\n{{ finding }}", 2, "'finding' is undefined"),
            ("\n{{ run.nothing }}", 2, "has no attribute 'nothing'"),
            ("\n\n\n{{ 1 / 0 }}", 4, "ZeroDivisionError"),
            ("\n{{ kind.__class__.__mro__ }}", 2, "unsafe"),
            ("\n{% for i in range(10000000) %}{% endfor %}", 2, "Range too big"),
            ("\n{{ findings + 1 }}", 2, "TypeError"),
        ],
    )
    def test_an_error_names_the_file_and_the_line(
        self, receiver: Receiver, tmp_path: Path, text: str, line: int, said: str
    ) -> None:
        template = self.write(tmp_path, text)
        error = not_sent(receiver.url(), template=template)
        assert isinstance(error, Undeliverable)
        assert error.sentence.startswith(f"channel 'hook': template {template}, line {line}: ")
        assert said in error.sentence
        assert receiver.requests == []

    def test_an_error_in_an_included_file_names_that(self, receiver: Receiver, tmp_path: Path) -> None:
        part = self.write(tmp_path, "\n\n{{ nothing }}", "part.j2")
        error = not_sent(receiver.url(), template=self.write(tmp_path, "{% include 'part.j2' %}"))
        assert f"template {part}, line 3: 'nothing' is undefined" in error.sentence

    def test_a_file_that_is_not_there_is_named(self, receiver: Receiver, tmp_path: Path) -> None:
        error = not_sent(receiver.url(), template=str(tmp_path / "gone.j2"))
        assert isinstance(error, Undeliverable)
        assert f"template {tmp_path / 'gone.j2'}: there is no such file" in error.sentence

    def test_a_file_that_is_no_text_is_named(self, receiver: Receiver, tmp_path: Path) -> None:
        (tmp_path / "body.j2").write_bytes(b"\xff\xfe")
        error = not_sent(receiver.url(), template=str(tmp_path / "body.j2"))
        assert error.sentence.endswith("body.j2: expected UTF-8 text")

    def test_no_other_file_can_be_read(self, receiver: Receiver, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("hidden")
        (tmp_path / "templates").mkdir()
        template = self.write(tmp_path / "templates", "{% include '../secret' %}")
        error = not_sent(receiver.url(), template=template)
        assert isinstance(error, Undeliverable)
        assert "hidden" not in error.sentence


def test_thousands_of_findings_are_one_message(receiver: Receiver) -> None:
    about = message(Kind.BATCH, samples.crowded())
    request = sent(receiver, about, signing_secret=NEW)
    assert len(json.loads(request.body)["data"]["findings"]) == 2000
    assert DOCS["is_genuine"](request.headers, request.body, NEW)


def test_what_is_suppressed_now_is_withdrawn_and_not_resolved() -> None:
    outcome = samples.outcome()
    there, gone = outcome.findings[0], outcome.resolved[0]
    assert event_type(message(Kind.RESOLVED, outcome, resolved=(there,))) == "com.ack-auditor.finding.withdrawn"
    assert event_type(message(Kind.RESOLVED, outcome, resolved=(gone,))) == "com.ack-auditor.finding.resolved"
