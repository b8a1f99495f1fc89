"""Requests to receivers over real connections: what an answer means, and what shows of it."""

import base64
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from auditor import __version__
from auditor.deliver import http
from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from tests.deliver.messages import settings
from tests.deliver.receivers import Received, Receiver, Reply, away, certificate, reply

TOKEN = "tOkEnOfAChatRoom42"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def post(url: str, headers: dict[str, str] | None = None, **more: Any) -> http.Answer:
    given = {name: more.pop(name) for name in ("secrets", "path") if name in more}
    return http.post(settings("webhook", url=url, **more), b'{"a": 1}', headers or {}, **given)


def refused(url: str, **more: Any) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        post(url, **more)
    assert str(caught.value) == caught.value.sentence
    return caught.value


def test_a_body_arrives_with_its_headers(receiver: Receiver) -> None:
    receiver.always = reply(202, {"status": "accepted"})
    answer = post(receiver.url("/hook?room=1"), {"Content-Type": "application/json", "X-Team": "ops"})
    assert (answer.status, answer.body) == (202, b'{"status": "accepted"}')
    request = receiver.only
    assert (request.method, request.target, request.body) == ("POST", "/hook?room=1", b'{"a": 1}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-team"] == "ops"
    assert request.headers["user-agent"] == f"ack-auditor/{__version__}"


@pytest.mark.parametrize("base", ["", "/", "/alertmanager", "/alertmanager/"])
def test_a_path_is_appended_to_the_url(receiver: Receiver, base: str) -> None:
    post(receiver.base + base, path="/api/v2/alerts")
    assert receiver.only.target == base.rstrip("/") + "/api/v2/alerts"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_an_acceptance(receiver: Receiver, status: int) -> None:
    receiver.always = Reply(status)
    assert post(receiver.url()).status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_receiver_that_is_busy_or_at_fault_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.always = reply(status, "later")
    error = refused(receiver.url())
    assert isinstance(error, NotNow)
    assert error.sentence == f"127.0.0.1:{receiver.port} answered {status}: later"
    assert error.after is None
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 422])
def test_a_refusal_is_final_and_quoted(receiver: Receiver, status: int) -> None:
    receiver.always = reply(status, "no\x1b[31m such\r\nroom")
    error = refused(receiver.url())
    assert isinstance(error, Undeliverable)
    assert error.sentence == f"127.0.0.1:{receiver.port} answered {status}: no\\x1b[31m such room"


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        receiver.always = reply(307, Location=elsewhere.url("/steal"))
        error = refused(receiver.url(), headers={"Authorization": "Bearer x"})
        assert elsewhere.requests == []
    assert isinstance(error, Undeliverable)
    assert "answered 307 (redirects are not followed" in error.sentence


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta()),
        ("120", timedelta(minutes=2)),
        ("86400", timedelta(hours=1)),
        ("9" * 400, timedelta(hours=1)),
        ("Mon, 23 Nov 2026 08:00:30 GMT", timedelta(seconds=30)),
        ("Mon, 23 Nov 2026 07:00:00 GMT", timedelta()),
        ("Wed, 23 Nov 2033 08:00:00 GMT", timedelta(hours=1)),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Mon, 99 Nov 2026 08:00:00 GMT", None),
        ("Mon, 23 Nov 2026 08:00:00 -0000", None),
    ],
)
def test_retry_after_is_honoured_within_bounds(receiver: Receiver, value: str, wait: timedelta | None) -> None:
    receiver.always = Reply(429, headers={"Retry-After": value})
    with time_machine.travel(datetime(2026, 11, 23, 8, tzinfo=UTC), tick=False):
        error = refused(receiver.url())
    assert isinstance(error, NotNow)
    assert error.after == wait


def test_nobody_there_is_tried_again() -> None:
    with away() as url:
        error = refused(url)
    assert isinstance(error, NotNow)
    assert "can't be reached" in error.sentence
    assert "Connection refused" in error.sentence


def test_a_connection_that_breaks_is_tried_again(receiver: Receiver) -> None:
    receiver.always = Reply(cut=True)
    error = refused(receiver.url())
    assert isinstance(error, NotNow)
    assert "can't be reached" in error.sentence


def test_an_answer_that_does_not_come_is_not_waited_for(receiver: Receiver) -> None:
    receiver.always = Reply(stall=True)
    error = refused(receiver.url(), timeout_seconds=0.2)
    assert isinstance(error, NotNow)
    assert error.sentence == f"127.0.0.1:{receiver.port}: no answer within 0.2 seconds"


def test_an_answer_without_an_end_is_read_to_a_bound(receiver: Receiver) -> None:
    receiver.always = Reply(body=b"x" * 10_000, drip=True)
    assert len(post(receiver.url()).body) == http.MAX_ANSWER


def test_an_answer_that_can_not_be_unpacked_is_an_answer(receiver: Receiver) -> None:
    receiver.always = Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert post(receiver.url()).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x",
        "127.0.0.1/x",
        "http://",
        "http://[::1/x",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:port/x",
        "https://exa mple.com/x",
        "https://.example.com/x",
        f"https://{'a' * 70}.example.com/x",
    ],
)
def test_a_url_that_can_not_be_used_is_final(url: str) -> None:
    assert isinstance(refused(url), Undeliverable)


@pytest.mark.parametrize("headers", [{"X": "a\nb"}, {"X": "运维"}, {"运维": "x"}, {"a\r\nb": "x"}, {"": "x"}])
def test_a_header_that_can_not_be_sent_is_final(receiver: Receiver, headers: dict[str, str]) -> None:
    error = refused(receiver.url(), headers=headers)
    assert error.sentence == f"127.0.0.1:{receiver.port}: the URL or a header can't be used"
    assert receiver.requests == []


def test_plain_http_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused("http://hooks.example.com/x")
    assert isinstance(error, Undeliverable)
    assert "hooks.example.com is not asked over https" in error.sentence
    assert "allow_plain_http = true" in error.sentence
    with Receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.base)
        post("http://hooks.example.com/x", allow_plain_http=True)
        assert proxy.only.target == "http://hooks.example.com/x"


def test_a_proxy_is_left_out_for_this_machine_and_by_no_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.base)
        monkeypatch.setenv("all_proxy", proxy.base)
        post(receiver.url("/near"))
        assert [request.path for request in receiver.requests] == ["/near"]
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        assert isinstance(refused("http://nowhere.invalid/x", allow_plain_http=True), NotNow)
        assert proxy.requests == []


def test_a_certificate_of_ones_own_is_trusted_if_it_is_named(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    with Receiver(tls=own) as receiver:
        assert post(receiver.url("/x"), ca_file=str(own[0])).status == 200
        error = refused(receiver.url(f"/{TOKEN}"))
        assert len(receiver.requests) == 1
    assert isinstance(error, NotNow)
    assert "no trusted connection" in error.sentence
    assert "see ca_file" in error.sentence
    assert TOKEN not in error.sentence


def test_a_file_of_certificates_that_is_not_there_is_named(receiver: Receiver, tmp_path: Path) -> None:
    error = refused(receiver.url(), ca_file=str(tmp_path / "ca.pem"))
    assert isinstance(error, Undeliverable)
    assert error.sentence.endswith(f"{tmp_path / 'ca.pem'}: No such file or directory")


def test_the_name_and_the_password_in_a_url_sign_in(receiver: Receiver) -> None:
    post(receiver.base.replace("//", "//ops:p%40ss%20word@") + "/x")
    scheme, _, encoded = receiver.only.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded)) == ("Basic", b"ops:p@ss word")


def test_passwords_of_netrc_are_not_sent(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    post(receiver.url())
    assert "authorization" not in receiver.only.headers


def echo(request: Received) -> Reply:
    headers = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    parts = " | ".join([request.target, headers, *request.path.split("/"), *request.query.values()])
    return reply(400, parts)


@pytest.mark.parametrize("place", [f"/services/T0/{TOKEN}", f"/robot/send?access_token={TOKEN}", f"/x?{TOKEN}"])
def test_no_secret_of_a_url_shows_when_a_receiver_repeats_it(
    receiver: Receiver, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.always = echo
    caplog.set_level(logging.DEBUG, "auditor")
    error = refused(receiver.url(place), headers={"X-Key": "keyOfAHeader"}, secrets=["keyOfAHeader"])
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert TOKEN not in shown
    assert "keyOfAHeader" not in shown
    assert "***" in error.sentence


@pytest.mark.parametrize("place", [f"/services/{TOKEN}", f"/send?access_token={TOKEN}"])
def test_no_secret_of_a_url_shows_when_nobody_is_there(place: str) -> None:
    with away() as url:
        error = refused(url.rstrip("/") + place)
    assert TOKEN not in "".join(traceback.format_exception(error))


def test_the_password_in_a_url_does_not_show(receiver: Receiver) -> None:
    receiver.always = reply(401, "wrong password: p@ssword42 or p%40ssword42")
    error = refused(receiver.base.replace("//", "//ops-robot:p%40ssword42@") + "/x")
    assert error.sentence == f"127.0.0.1:{receiver.port} answered 401: wrong password: *** or ***"
