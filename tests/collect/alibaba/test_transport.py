"""Answers that come too slowly or are too large, over real sockets."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.collect.alibaba import role_session, transport
from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.sts import preflight
from auditor.collect.alibaba.transport import Patience
from auditor.facts.table import ReasonKind
from tests.collect.alibaba.kit import DISKS, KEY, client_of, failure, fill_one, make_client
from tests.fakes.cloud import FakeCloud
from tests.fakes.cloud.raw import OK, chunked, sending, with_length

ROLE = "acs:ram::1098765432101234:role/ack-auditor"
BODY = json.dumps({"Disks": {"Disk": []}, "TotalCount": 0, "Padding": " " * 200}).encode()
HURRY = Patience(connect=1, part=0.5, whole=0.5)


@pytest.fixture(autouse=True)
def at_most_a_mebibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES", 2**20)


@pytest.mark.parametrize("make", [with_length, chunked, lambda body: OK + b"Connection: close\r\n\r\n" + body])
def test_an_answer_that_comes_byte_by_byte_is_read(make: Callable[[bytes], bytes]) -> None:
    with sending(make(BODY), at_once=100) as base_url:
        client = make_client(endpoint=base_url)
        assert client.call(DISKS) == client.call(DISKS) == json.loads(BODY)
        client.close()


@pytest.mark.parametrize("make", [with_length, chunked])
@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_does_not_end_in_time_is_given_up(make: Callable[[bytes], bytes], part: str) -> None:
    whole = make(BODY)
    begun = 20 if part == "head" else len(whole) - len(BODY)
    with sending(whole, at_once=begun, pause=0.03) as base_url:
        client = make_client(endpoint=base_url, deadline_seconds=1, read_timeout=1)
        assert failure(client).kind is ReasonKind.TIMEOUT
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        with_length(b" " * 2**21 + BODY),
        chunked(b" " * 2**21 + BODY),
        with_length(gzip.compress(b" " * 2**21 + BODY), b"Content-Encoding: gzip"),
    ],
    ids=["length", "chunk", "compressed"],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(answer: bytes) -> None:
    with sending(answer, at_once=len(answer)) as base_url:
        client = make_client(endpoint=base_url)
        caught = failure(client)
        client.close()
    assert caught.kind is ReasonKind.MALFORMED
    assert "MiB" in str(caught)
    assert client.cost("ecs").calls == 1, "it would be as large again"


def test_a_compressed_answer_is_read_though_it_was_not_asked_for() -> None:
    answer = with_length(gzip.compress(BODY), b"Content-Encoding: gzip")
    with sending(answer, at_once=len(answer) - 20) as base_url:
        client = make_client(endpoint=base_url)
        assert client.call(DISKS) == json.loads(BODY)
        client.close()


def test_a_compressed_answer_that_is_spoilt_is_no_answer() -> None:
    answer = with_length(b"\x1f\x8bnothing of the kind", b"Content-Encoding: gzip")
    with sending(answer, at_once=len(answer)) as base_url:
        client = make_client(endpoint=base_url)
        assert failure(client).kind is ReasonKind.UNREACHABLE
        client.close()


@pytest.mark.parametrize("kind", ["ram_role", "rrsa"])
def test_an_sts_that_does_not_end_is_given_up(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(role_session, "_PATIENCE", HURRY)
    (tmp_path / "token").write_text("oidc-token")
    settings = {
        "ram_role": CredentialSettings("ram_role", role_arn=ROLE, source=KEY),
        "rrsa": CredentialSettings(
            "rrsa", role_arn=ROLE, oidc_provider_arn=f"{ROLE}-oidc", oidc_token_file=str(tmp_path / "token")
        ),
    }
    with sending(with_length(BODY), at_once=len(with_length(BODY)) - 200, pause=0.03) as base_url:
        client = make_client(endpoint=base_url, credentials=settings[kind], deadline_seconds=1)
        reason = preflight(client)
        client.close()
    assert reason is not None
    assert reason.kind is ReasonKind.TIMEOUT


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 200_000])
def test_an_answer_of_lists_in_lists_without_end_is_no_json(cloud: FakeCloud, body: str) -> None:
    cloud.fail("ecs:DescribeDisks", 200, body)
    with client_of(cloud) as client:
        assert failure(client).kind is ReasonKind.MALFORMED


def test_an_embedded_text_of_lists_in_lists_is_malformed(cloud: FakeCloud) -> None:
    cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.update(meta_data="[" * 200_000))
    with client_of(cloud) as client:
        table = fill_one(client, "clusters")
    assert [reason.kind for reason in table.reasons] == [ReasonKind.MALFORMED]
