"""Kinds of credentials, and what is wrong with them before any call."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.alibaba import credentials
from auditor.collect.alibaba.credentials import CredentialSettings, open_credentials
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.role_session import RETRIED_AFTER, RoleSession
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.sts import preflight
from auditor.collect.errors import ConfigError
from auditor.facts.table import ReasonKind
from auditor.facts.text import t
from tests.collect.alibaba.kit import KEY, client_of, make_client
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, ApiError, FakeCloud

ROLE = "acs:ram::1098765432101234:role/ack-auditor"
PROVIDER = "acs:ram::1098765432101234:oidc-provider/ack-rrsa"
CLUSTER = Request("cs", "DescribeClusterDetail", {"ClusterId": "c1cef2604bddf0081a2bc425e1415ce18"})
IDENTITY = Request("sts", "GetCallerIdentity")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *credentials.KEY_VARIABLES,
        credentials.TOKEN_VARIABLE,
        *credentials.OVERRIDING_VARIABLES,
        *credentials.OIDC_VARIABLES.values(),
    ):
        monkeypatch.delenv(name, raising=False)


def open_(settings: CredentialSettings, **options: Any) -> Any:
    return open_credentials(settings, "cn-hangzhou", "https://sts.cn-hangzhou.aliyuncs.com", **options)


def test_no_secret_shows_in_a_representation() -> None:
    settings = CredentialSettings(
        "sts", access_key_id="LTAI1", access_key_secret="s3cret", security_token="t0ken", uri="http://u/x0"
    )
    shown = repr(settings) + repr(open_(settings).source())
    assert not [secret for secret in ("LTAI1", "s3cret", "t0ken", "x0") if secret in shown]


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (CredentialSettings("access_key", access_key_id="a"), "access_key_secret"),
        (CredentialSettings("access_key", access_key_secret="b"), "access_key_id"),
        (CredentialSettings("sts", access_key_id="a", access_key_secret="b"), "security_token"),
        (CredentialSettings("ram_role", source=KEY), "role_arn"),
        (CredentialSettings("rrsa", role_arn=ROLE), "oidc_token_file"),
        (CredentialSettings("profile"), "profile"),
        (CredentialSettings("uri"), "uri"),
        (CredentialSettings("ram_role", role_arn=ROLE, source=CredentialSettings("sts")), "credentials.source"),
        (CredentialSettings("password"), "expected one of"),
    ],
)
def test_a_missing_part_is_named(settings: CredentialSettings, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        open_(settings)


def test_variables_that_the_sdk_would_prefer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "LTAI-other")
    assert open_(KEY).source(), "one alone overrides nothing"
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "other-secret")
    with pytest.raises(ConfigError, match="ALIYUN_ACCESS_KEY_ID") as caught:
        make_client()
    assert "other" not in str(caught.value)


def test_an_access_key_signs_both_styles(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        assert client.call(IDENTITY)["AccountId"]
        assert client.call(CLUSTER)["name"]


def test_a_static_token_is_sent_in_both_styles(cloud: FakeCloud) -> None:
    given = cloud.state.sts.issue(ROLE, "session", 3600)
    settings = CredentialSettings(
        "sts",
        access_key_id=given["AccessKeyId"],
        access_key_secret=given["AccessKeySecret"],
        security_token=given["SecurityToken"],
    )
    with client_of(cloud, credentials=settings) as client:
        assert client.call(IDENTITY)["IdentityType"] == "AssumedRoleUser"
        assert client.call(CLUSTER)["name"]


def test_the_environment_comes_first_in_the_default_chain(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(credentials.KEY_VARIABLES, (ACCESS_KEY_ID, ACCESS_KEY_SECRET), strict=True):
        monkeypatch.setenv(name, value)
    with client_of(cloud, credentials=CredentialSettings()) as client:
        assert preflight(client) is None
    monkeypatch.setenv(credentials.TOKEN_VARIABLE, "a-token")
    assert open_(CredentialSettings()).source().security_token == "a-token"


def test_half_a_key_in_the_environment_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(credentials.KEY_VARIABLES[1], "only the secret")
    with pytest.raises(ConfigError, match="ALIBABA_CLOUD_ACCESS_KEY_SECRET is set without ALIBABA_CLOUD_ACCESS_KEY_ID"):
        open_(CredentialSettings())


def test_a_role_is_taken_on_once_and_used_for_all(cloud: FakeCloud) -> None:
    settings = CredentialSettings("ram_role", role_arn=ROLE, session_name="audit", external_id="x-1", source=KEY)
    with client_of(cloud, credentials=settings) as client:
        assert client.call(IDENTITY)["Arn"].endswith("assumed-role/ack-auditor/audit")
        client.each(lambda _n: client.call(CLUSTER), range(8))
    assumed = [call for call in cloud.calls if call.action == "AssumeRole"]
    assert len(assumed) == 1
    assert assumed[0].params["ExternalId"] == "x-1"


def test_a_role_may_be_taken_on_from_another_role(cloud: FakeCloud) -> None:
    inner = CredentialSettings("ram_role", role_arn=f"{ROLE}-first", source=KEY)
    settings = CredentialSettings("ram_role", role_arn=ROLE, source=inner)
    with client_of(cloud, credentials=settings) as client:
        assert client.call(IDENTITY)["Arn"].startswith("acs:ram::1098765432101234:assumed-role/ack-auditor/")
    assert cloud.actions().count("sts:AssumeRole") == 2


def test_sts_is_asked_at_the_base_url_of_the_operator(cloud: FakeCloud) -> None:
    settings = CredentialSettings("ram_role", role_arn=ROLE, source=KEY)
    with cloud.serve() as base_url:
        client = make_client(credentials=settings, endpoint=base_url)
        assert preflight(client) is None
        client.close()
    assert "sts:AssumeRole" in cloud.actions()


def test_a_role_that_may_not_be_taken_on_is_a_denial_of_that(cloud: FakeCloud) -> None:
    cloud.deny("sts:AssumeRole")
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ROLE, source=KEY)) as client:
        reason = preflight(client)
    assert reason is not None
    assert reason.kind is ReasonKind.FORBIDDEN
    assert reason.missing == ("sts:AssumeRole",)
    assert reason.source == "sts"


def test_rrsa_sends_the_present_token_without_its_line_end(cloud: FakeCloud, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("oidc-token-1\n")
    cloud.state.sts.oidc_tokens = {"oidc-token-1"}
    settings = CredentialSettings(
        "rrsa", role_arn=ROLE, oidc_provider_arn=PROVIDER, oidc_token_file=str(token_file), session_name="audit"
    )
    with client_of(cloud, credentials=settings) as client:
        assert client.call(IDENTITY)["Arn"].endswith("/audit")
        assert client.call(CLUSTER)["name"]
    assert cloud.actions().count("sts:AssumeRoleWithOIDC") == 1


def test_rrsa_finds_its_parts_in_the_environment(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("oidc-token-1")
    for name, value in (("role_arn", ROLE), ("oidc_provider_arn", PROVIDER), ("oidc_token_file", str(token_file))):
        monkeypatch.setenv(credentials.OIDC_VARIABLES[name], value)
    for kind in ("rrsa", "default"):
        with client_of(cloud, credentials=CredentialSettings(kind)) as client:
            assert preflight(client) is None


def test_a_refused_or_missing_token_is_a_reason_without_the_token(cloud: FakeCloud, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("oidc-token-secret")
    cloud.state.sts.oidc_tokens = set()
    settings = CredentialSettings("rrsa", role_arn=ROLE, oidc_provider_arn=PROVIDER, oidc_token_file=str(token_file))
    with client_of(cloud, credentials=settings) as client:
        refused = preflight(client)
        assert refused is not None
        assert "oidc-token-secret" not in str(refused)
    token_file.write_text(" \n")
    with client_of(cloud, credentials=settings) as client:
        assert "empty" in str(preflight(client))
    token_file.unlink()
    with client_of(cloud, credentials=settings) as client:
        assert "can't be read" in str(preflight(client))


def test_a_session_is_renewed_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 11, 23, 8, 0, tzinfo=UTC)]

    def clock() -> float:
        return now[-1].timestamp()

    monkeypatch.setattr("auditor.collect.alibaba.role_session.time.time", clock)
    given: list[Any] = []

    def ask() -> dict[str, Any]:
        if len(given) == 2:
            raise CallFailed("sts", ReasonKind.UNREACHABLE, t("down"))
        given.append(f"token-{len(given)}")
        ends = (now[-1] + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        parts = {"AccessKeyId": "id", "AccessKeySecret": "secret", "SecurityToken": given[-1], "Expiration": ends}
        return {"Credentials": parts}

    session = RoleSession(ask)
    assert session().security_token == session().security_token == "token-0"
    now.append(now[-1] + timedelta(minutes=56))
    assert session().security_token == "token-1"
    now.append(now[-1] + timedelta(minutes=56))
    assert session().security_token == "token-1", "STS is down, but the session still holds"
    now.append(now[-1] + timedelta(minutes=5))
    with pytest.raises(CallFailed, match="down"):
        session()


def test_a_renewal_that_failed_is_not_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 11, 23, 8, 0, tzinfo=UTC)]

    def clock() -> float:
        return now[-1].timestamp()

    monkeypatch.setattr("auditor.collect.alibaba.role_session.time.time", clock)
    asked: list[datetime] = []
    ends = now[0] + timedelta(minutes=4)

    def ask() -> dict[str, Any]:
        asked.append(now[-1])
        if len(asked) in (2, 3):
            raise CallFailed("sts", ReasonKind.TIMEOUT, t("slow"))
        parts = {"AccessKeyId": "id", "AccessKeySecret": "secret", "SecurityToken": f"token-{len(asked)}"}
        return {"Credentials": {**parts, "Expiration": ends.isoformat()}}

    session = RoleSession(ask)
    assert session().security_token == "token-1"
    assert [session().security_token for _ in range(5)] == ["token-1"] * 5
    assert len(asked) == 2, "it ends soon, so a renewal was tried, but once for all five"
    now.append(now[-1] + timedelta(seconds=RETRIED_AFTER + 1))
    assert [session().security_token for _ in range(5)] == ["token-1"] * 5
    assert len(asked) == 3
    now.append(now[-1] + timedelta(seconds=RETRIED_AFTER + 1))
    assert session().security_token == "token-4"


def test_a_session_that_has_ended_is_not_asked_for_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 11, 23, 8, 0, tzinfo=UTC)]

    def clock() -> float:
        return now[-1].timestamp()

    monkeypatch.setattr("auditor.collect.alibaba.role_session.time.time", clock)
    asked: list[int] = []

    def ask() -> dict[str, Any]:
        asked.append(1)
        if len(asked) > 1:
            raise CallFailed("sts", ReasonKind.TIMEOUT, t("slow"))
        ends = (now[-1] + timedelta(minutes=4)).isoformat()
        return {"Credentials": {"AccessKeyId": "id", "AccessKeySecret": "s", "SecurityToken": "t", "Expiration": ends}}

    session = RoleSession(ask)
    session()
    session()
    now.append(now[-1] + timedelta(minutes=4))
    for _ in range(5):
        with pytest.raises(CallFailed, match="slow"):
            session()
    assert len(asked) == 3, "the renewal before its end, and one after it"
    now.append(now[-1] + timedelta(seconds=RETRIED_AFTER + 1))
    with pytest.raises(CallFailed, match="slow"):
        session()
    assert len(asked) == 4


class Door:
    """A lock that knows how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.came = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_those_who_wait_for_a_session_share_the_failure_of_the_one_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    door = Door()

    def ask() -> dict[str, Any]:
        asked.append(1)
        if len(asked) == 1:
            for _ in range(8):  # until the seven others are behind this one
                assert door.came.acquire(timeout=10)
        raise CallFailed("sts", ReasonKind.TIMEOUT, t("slow"), is_passing=True)

    session = RoleSession(ask)
    monkeypatch.setattr(session, "_lock", door)

    def use(_number: int) -> str:
        with pytest.raises(CallFailed, match="slow"):
            session()
        return "failed"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))) == ["failed"] * 8
    assert len(asked) == 1
    with pytest.raises(CallFailed, match="slow"):
        session()
    assert len(asked) == 2, "it may have passed by now"


@pytest.mark.parametrize(
    "parts",
    [
        None,
        {},
        {"AccessKeyId": "a"},
        {"AccessKeyId": "a", "AccessKeySecret": "b", "SecurityToken": "c", "Expiration": "soon"},
    ],
)
def test_a_session_without_its_parts_is_malformed(parts: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        RoleSession(lambda: {"Credentials": parts})()
    assert caught.value.kind is ReasonKind.MALFORMED


def test_a_profile_is_read_from_the_file_of_the_command_line_tool(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alibabacloud_credentials.utils import auth_constant  # noqa: PLC0415 - slow, and used here only

    folder = tmp_path / ".aliyun"
    folder.mkdir()
    profile = {"name": "audit", "mode": "AK", "access_key_id": ACCESS_KEY_ID, "access_key_secret": ACCESS_KEY_SECRET}
    (folder / "config.json").write_text(json.dumps({"current": "other", "profiles": [profile]}))
    monkeypatch.setattr(auth_constant, "HOME", str(tmp_path))
    with client_of(cloud, credentials=CredentialSettings("profile", profile="audit")) as client:
        assert preflight(client) is None
    with client_of(cloud, credentials=CredentialSettings("profile", profile="nobody")) as client:
        reason = preflight(client)
    assert reason is not None
    assert reason.kind is ReasonKind.ERROR
    assert "the profile nobody" in str(reason.message)


def test_credentials_are_fetched_from_a_uri_on_this_machine(cloud: FakeCloud) -> None:
    import http.server  # noqa: PLC0415
    import threading  # noqa: PLC0415

    given = cloud.state.sts.issue(ROLE, "by-uri", 3600)
    body = json.dumps({"Code": "Success", **given}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}/credentials"
        with client_of(cloud, credentials=CredentialSettings("uri", uri=uri)) as client:
            assert client.call(IDENTITY)["Arn"].endswith("/by-uri")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_credentials_are_not_fetched_in_clear_from_another_machine() -> None:
    settings = CredentialSettings("uri", uri="http://10.0.0.1/credentials")
    with pytest.raises(ConfigError, match=r"credentials\.uri.*allow_plain_http"):
        open_(settings)
    assert open_(settings, allow_plain_http=True)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("InvalidAccessKeyId.NotFound", ReasonKind.FORBIDDEN, "access key"),
        ("InvalidSecurityToken.Expired", ReasonKind.FORBIDDEN, "expired"),
        ("InvalidTimeStamp.Expired", ReasonKind.ERROR, "clock"),
    ],
)
def test_preflight_says_what_is_wrong(cloud: FakeCloud, code: str, kind: ReasonKind, words: str) -> None:
    cloud.fail_with("sts:GetCallerIdentity", ApiError(code, "no", 400))
    with client_of(cloud) as client:
        reason = preflight(client)
    assert reason is not None
    assert reason.kind is kind
    assert words in str(reason.message)
    assert reason.missing == ()


def test_preflight_is_content_with_a_known_identity(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        assert preflight(client) is None
        cloud.deny("sts:GetCallerIdentity")
        assert preflight(client) is None


@pytest.mark.parametrize("trouble", ["cut", "throttled", "html", "no such action"])
def test_trouble_of_sts_alone_stops_nothing(cloud: FakeCloud, trouble: str) -> None:
    if trouble == "cut":
        cloud.cut("sts:*")
    elif trouble == "throttled":
        cloud.throttle("sts:*")
    elif trouble == "html":
        cloud.fail("sts:*", 502, "<html>busy</html>")
    else:
        cloud.fail("sts:*", 404, {"Code": "InvalidAction.NotFound", "Message": "no"})
    with client_of(cloud, deadline_seconds=1) as client:
        assert preflight(client) is None


def test_an_sts_that_has_to_give_credentials_stops_everything(cloud: FakeCloud) -> None:
    cloud.cut("sts:AssumeRole")
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ROLE, source=KEY)) as client:
        reason = preflight(client)
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE


def test_preflight_tells_an_endpoint_that_can_not_be_reached() -> None:
    reason = preflight(make_client(endpoint="http://127.0.0.1:9"))
    assert reason is not None
    assert reason.kind is ReasonKind.UNREACHABLE
