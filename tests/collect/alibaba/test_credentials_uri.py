"""Credentials from a URI: whatever it answers, nothing of it is repeated."""

import json
from typing import Any

import pytest

from auditor.collect.alibaba import credentials, credentials_uri
from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.sts import caller, preflight
from auditor.collect.alibaba.transport import Patience
from auditor.facts.table import ReasonKind
from tests.collect.alibaba.kit import client_of
from tests.fakes.cloud import FakeCloud
from tests.fakes.cloud.raw import sending, with_length

ARN = "acs:ram::1098765432101234:role/ack-auditor"
CANARY = "CANARY-of-the-uri"
GIVEN = {
    "Code": "Success",
    "AccessKeyId": f"LTAI{CANARY}",
    "AccessKeySecret": CANARY,
    "SecurityToken": CANARY,
    "Expiration": "2099-01-01T00:00:00Z",
}
VAULT = {"request_id": "1", "data": {"access_key": f"LTAI{CANARY}", "secret_key": CANARY, "security_token": CANARY}}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*credentials.KEY_VARIABLES, *credentials.OVERRIDING_VARIABLES, *credentials.OIDC_VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(credentials.METADATA_DISABLED_VARIABLE, "true")


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GIVEN.items() if key != name}


def answer(body: object, status: bytes = b"200 OK") -> bytes:
    return with_length(body if isinstance(body, bytes) else json.dumps(body).encode(), status=status)


@pytest.mark.parametrize("kind", ["uri", "default"])
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (answer(VAULT), "lacks AccessKeyId, AccessKeySecret, SecurityToken, Expiration"),
        (answer({"Code": "Success", "access_key_id": CANARY, "access_key_secret": CANARY}), "lacks AccessKeyId"),
        (answer({"error": CANARY, "SecretAccessKey": CANARY, "Token": CANARY}, b"500 Oops"), "HTTP 500"),
        (answer(b"", b"302 Found"), "HTTP 302"),
        (answer(f"<html>{CANARY}</html>".encode()), "no JSON"),
        (answer(b'{"a":' * 200_000), "no JSON"),
        (answer(None), "no JSON object"),
        (answer([CANARY]), "no JSON object"),
        *((answer(without(name)), f"lacks {name}") for name in credentials_uri.KEYS),
        (answer({**GIVEN, "SecurityToken": [CANARY]}), "lacks SecurityToken"),
        (answer({**GIVEN, "Code": CANARY}), "Code is Success"),
        (answer({**GIVEN, "Expiration": CANARY}), "no time"),
    ],
)
def test_what_a_uri_answers_is_never_repeated(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, kind: str, raw: bytes, words: str
) -> None:
    with sending(raw, at_once=len(raw)) as base_url:
        uri = f"{base_url}/v1/{CANARY}?token={CANARY}"
        monkeypatch.setenv(credentials.URI_VARIABLE, uri)
        with client_of(cloud, credentials=CredentialSettings(kind, uri=uri)) as client:
            reason = preflight(client)
    assert reason is not None
    assert reason.kind is ReasonKind.ERROR
    assert words in str(reason.message)
    assert base_url in str(reason.message)
    assert CANARY not in repr(reason)
    assert cloud.calls == []


def test_a_uri_that_nobody_serves_is_named_by_its_host(cloud: FakeCloud) -> None:
    settings = CredentialSettings("uri", uri=f"http://127.0.0.1:9/{CANARY}")
    with client_of(cloud, credentials=settings) as client:
        reason = preflight(client)
    assert reason is not None
    assert "127.0.0.1:9: " in str(reason.message)
    assert "can't be reached" in str(reason.message)
    assert CANARY not in repr(reason)


@pytest.mark.parametrize("begun", [20, 100])
def test_a_uri_that_does_not_end_its_answer_is_given_up(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, begun: int
) -> None:
    monkeypatch.setattr(credentials_uri, "_PATIENCE", Patience(connect=1, part=0.5, whole=0.5))
    raw = answer(GIVEN)
    with (
        sending(raw, at_once=begun, pause=0.05) as base_url,
        client_of(cloud, credentials=CredentialSettings("uri", uri=f"{base_url}/c")) as client,
    ):
        reason = preflight(client)
    assert reason is not None
    assert "did not answer in time" in str(reason.message)


def test_a_uri_that_answers_too_much_is_given_up(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.collect.alibaba.transport.ANSWER_BYTES", 2**16)
    raw = answer({**GIVEN, "Padding": " " * 2**18})
    with (
        sending(raw, at_once=len(raw)) as base_url,
        client_of(cloud, credentials=CredentialSettings("uri", uri=f"{base_url}/c")) as client,
    ):
        reason = preflight(client)
    assert reason is not None
    assert "MiB" in str(reason.message)


def test_what_a_uri_gives_is_used(cloud: FakeCloud) -> None:
    raw = answer({"Code": "Success", **cloud.state.sts.issue(ARN, "by-uri", 3600)})
    with (
        sending(raw, at_once=len(raw)) as base_url,
        client_of(cloud, credentials=CredentialSettings("uri", uri=base_url)) as client,
    ):
        assert caller(client).arn.endswith("/by-uri")
