"""Credentials that others give out: the instance's metadata, a URI, profiles, and STS during a collection."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from auditor.collect.alibaba import credentials
from auditor.collect.alibaba.credentials import CredentialSettings, open_credentials
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.sts import caller, preflight
from auditor.collect.alibaba.transport import METADATA_SERVICE
from auditor.facts.table import ReasonKind, State
from tests.collect.alibaba.conftest import SEND
from tests.collect.alibaba.kit import KEY, client_of, fill
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, ApiError, FakeCloud
from tests.fakes.metadata import ROLE, ROLES, TOKEN, URI, FakeMetadata

ARN = "acs:ram::1098765432101234:role/ack-auditor"
PROVIDER = "acs:ram::1098765432101234:oidc-provider/ack-rrsa"
IDENTITY = Request("sts", "GetCallerIdentity")
BALANCERS = Request("slb", "DescribeLoadBalancers")
FORM = "%Y-%m-%dT%H:%M:%SZ"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from alibabacloud_credentials.utils import auth_constant  # noqa: PLC0415 - slow, and used here only

    for name in (*credentials.KEY_VARIABLES, *credentials.OVERRIDING_VARIABLES, *credentials.OIDC_VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    for name in (credentials.URI_VARIABLE, credentials.METADATA_DISABLED_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(auth_constant, "HOME", str(tmp_path))


@pytest.fixture
def metadata(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMetadata]:
    """The metadata service of an instance; the package asks it in place of its fixed address."""
    from alibabacloud_credentials.provider import EcsRamRoleCredentialsProvider as Provider  # noqa: PLC0415

    fake = FakeMetadata(lambda: cloud.state.sts.issue(ARN.replace("ack-auditor", ROLE), "i-bp1auditor", 3600))
    original = Provider.__init__
    with fake.serve() as address:

        def made(self: Any, **options: Any) -> None:
            original(self, **options)
            self._EcsRamRoleCredentialsProvider__metadata_service_host = address

        monkeypatch.setattr(Provider, "__init__", made)
        yield fake


def test_an_instance_has_the_credentials_of_its_role_by_token(cloud: FakeCloud, metadata: FakeMetadata) -> None:
    with client_of(cloud, credentials=CredentialSettings("ecs_role")) as client:
        assert caller(client).arn.endswith(f"assumed-role/{ROLE}/i-bp1auditor")
        client.each(lambda _n: client.call(IDENTITY), range(8))
    token, name, credential = "PUT /latest/api/token", f"GET {ROLES}", f"GET {ROLES}{ROLE}"
    assert metadata.seen == [token, name, token, credential], "asked once, and never without a token"


def test_a_role_that_is_named_is_not_looked_for(cloud: FakeCloud, metadata: FakeMetadata) -> None:
    with client_of(cloud, credentials=CredentialSettings("ecs_role", role_name=ROLE)) as client:
        assert preflight(client) is None
    assert f"GET {ROLES}" not in metadata.seen


def test_an_instance_with_another_role_is_said_without_a_token(cloud: FakeCloud, metadata: FakeMetadata) -> None:
    with client_of(cloud, credentials=CredentialSettings("ecs_role", role_name="no-such-role")) as client:
        reason = preflight(client)
    assert reason is not None
    assert reason.kind is ReasonKind.ERROR
    assert "the role of the instance" in str(reason.message)
    assert TOKEN not in str(reason)


def test_the_instance_is_the_last_link_but_one_of_the_default_chain(
    cloud: FakeCloud, metadata: FakeMetadata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"access_key_id": "LTAI-later", "access_key_secret": "later"}
    with client_of(cloud, credentials=CredentialSettings()) as client:
        assert caller(client).arn.endswith("/i-bp1auditor")
        before = list(metadata.seen)
        write_profiles(tmp_path, {"name": "audit", "mode": "AK", **keys})
        assert caller(client).arn.endswith("/i-bp1auditor"), "who it is does not change under way"
    assert metadata.seen == before
    (tmp_path / ".aliyun" / "config.json").unlink()
    metadata.seen.clear()
    monkeypatch.setenv(credentials.METADATA_DISABLED_VARIABLE, "true")
    with client_of(cloud, credentials=CredentialSettings()) as client:
        reason = preflight(client)
    assert metadata.seen == []
    assert reason is not None
    assert "the default chain" in str(reason.message)


def test_the_uri_of_the_environment_is_the_last_link(
    cloud: FakeCloud, metadata: FakeMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(credentials.METADATA_DISABLED_VARIABLE, "true")
    fake = FakeMetadata(lambda: cloud.state.sts.issue(ARN, "by-uri", 3600))
    with fake.serve() as address:
        monkeypatch.setenv(credentials.URI_VARIABLE, f"http://{address}{URI}")
        with client_of(cloud, credentials=CredentialSettings()) as client:
            assert caller(client).arn.endswith("/by-uri")


@pytest.mark.parametrize("kind", ["ecs_role", "uri"])
def test_what_is_given_out_for_a_short_time_is_asked_for_again(
    cloud: FakeCloud, metadata: FakeMetadata, kind: str
) -> None:
    given: list[str] = []

    def short() -> dict[str, Any]:
        made = cloud.state.sts.issue(ARN, f"session-{len(given)}", 3600)
        given.append(made["AccessKeyId"])
        return {**made, "Expiration": (datetime.now(UTC) + timedelta(minutes=2)).strftime(FORM)}

    metadata.give = short
    with metadata.serve() as address:
        settings = CredentialSettings(kind, uri=f"http://{address}{URI}" if kind == "uri" else "")
        with client_of(cloud, credentials=settings) as client:
            sessions = [caller(client).arn.rpartition("-")[2] for _ in range(3)]
    assert sessions == ["0", "1", "2"], "each is within its last fifteen minutes, so the next call renews it"


def test_metadata_is_never_asked_for_through_a_proxy(monkeypatch: pytest.MonkeyPatch, cloud: FakeCloud) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    given = cloud.state.sts.issue(ARN, "i-bp1auditor", 3600)
    source = open_credentials(CredentialSettings("ecs_role"), "cn-hangzhou", "https://sts.aliyuncs.com").source
    base = f"http://{METADATA_SERVICE}"
    with responses.RequestsMock() as mock:
        mock.put(f"{base}/latest/api/token", body=TOKEN)
        mock.get(f"{base}{ROLES}", body=ROLE)
        mock.get(f"{base}{ROLES}{ROLE}", json={"Code": "Success", **given})
        assert source().access_key_id == given["AccessKeyId"]
        used = [_proxies(call.request) for call in mock.calls]
    assert len(used) == 4
    assert not [proxies for proxies in used if any(proxies.values())]


@pytest.mark.parametrize(("no_proxy", "proxy"), [("", "http://proxy.example:3128"), ("uri.example", None)])
def test_a_credentials_uri_heeds_the_proxy_variables(
    monkeypatch: pytest.MonkeyPatch, cloud: FakeCloud, no_proxy: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    given = cloud.state.sts.issue(ARN, "by-uri", 3600)
    settings = CredentialSettings("uri", uri="https://uri.example/credentials")
    source = open_credentials(settings, "cn-hangzhou", "https://sts.aliyuncs.com").source
    with responses.RequestsMock(target=SEND) as mock:
        mock.get("https://uri.example/credentials", json={"Code": "Success", **given})
        assert source().security_token == given["SecurityToken"]
        assert _proxies(mock.calls[0].request)["https"] == proxy


def _proxies(request: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = request.req_kwargs["proxies"]
    return found


def write_profiles(folder: Path, *profiles: dict[str, Any]) -> None:
    (folder / ".aliyun").mkdir()
    (folder / ".aliyun" / "config.json").write_text(json.dumps({"current": "audit", "profiles": profiles}))


def test_a_profile_may_hold_a_token(cloud: FakeCloud, tmp_path: Path) -> None:
    given = cloud.state.sts.issue(ARN, "by-profile", 3600)
    keys = {"access_key_id": given["AccessKeyId"], "access_key_secret": given["AccessKeySecret"]}
    write_profiles(tmp_path, {"name": "audit", "mode": "StsToken", **keys, "sts_token": given["SecurityToken"]})
    with client_of(cloud, credentials=CredentialSettings("profile", profile="audit")) as client:
        assert caller(client).arn.endswith("/by-profile")


def test_a_profile_may_take_on_a_role(cloud: FakeCloud, tmp_path: Path) -> None:
    keys = {"access_key_id": ACCESS_KEY_ID, "access_key_secret": ACCESS_KEY_SECRET}
    role = {"ram_role_arn": ARN, "ram_session_name": "by-profile", "expired_seconds": 3600}
    write_profiles(tmp_path, {"name": "audit", "mode": "RamRoleArn", **keys, **role})
    with client_of(cloud, credentials=CredentialSettings("profile", profile="audit")) as client:
        assert caller(client).arn.endswith("assumed-role/ack-auditor/by-profile")
    assert cloud.actions().count("sts:AssumeRole") == 1


def test_a_profile_may_be_the_source_of_a_role(cloud: FakeCloud, tmp_path: Path) -> None:
    keys = {"access_key_id": ACCESS_KEY_ID, "access_key_secret": ACCESS_KEY_SECRET}
    write_profiles(tmp_path, {"name": "audit", "mode": "AK", **keys})
    source = CredentialSettings("profile", profile="audit")
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ARN, source=source)) as client:
        assert caller(client).kind == "AssumedRoleUser"


@pytest.mark.parametrize("kind", ["ram_role", "rrsa"])
def test_a_session_that_ends_during_a_collection_is_renewed(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("oidc-token-1")
    cloud.state.sts.oidc_tokens = {"oidc-token-1"}
    passed = [0.0]
    started = datetime.now(UTC)
    monkeypatch.setattr("auditor.collect.alibaba.role_session.time.time", lambda: started.timestamp() + passed[0])

    def is_short(answer: dict[str, Any]) -> None:
        answer["Credentials"]["Expiration"] = (started + timedelta(seconds=310)).strftime(FORM)

    def time_passes(_answer: Any) -> None:
        passed[0] = 60
        for key in cloud.state.sts.keys.values():
            if key.token:
                key.expires = started - timedelta(seconds=1)
        token_file.write_text("oidc-token-2")
        cloud.state.sts.oidc_tokens = {"oidc-token-2"}

    cloud.mutate("sts:AssumeRole*", is_short, times=1)
    cloud.mutate("cs:DescribeClusterDetail", time_passes, times=1)
    if kind == "rrsa":
        settings = CredentialSettings("rrsa", role_arn=ARN, oidc_provider_arn=PROVIDER, oidc_token_file=str(token_file))
    else:
        settings = CredentialSettings("ram_role", role_arn=ARN, source=KEY)
    with client_of(cloud, credentials=settings) as client:
        tables = fill(client, ["instances", "clusters", "load_balancers", "disks"])
        assert client.cost("slb").retries == 0
    assert {table.state for table in tables.values()} == {State.KNOWN}
    assert len([action for action in cloud.actions() if action.startswith("sts:AssumeRole")]) == 2


def test_a_session_that_can_not_be_renewed_is_said_by_each_table_that_comes_after(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    started = datetime.now(UTC).timestamp()
    monkeypatch.setattr("auditor.collect.alibaba.role_session.time.time", lambda: started + passed[0])

    def role_is_gone(_answer: Any) -> None:
        passed[0] = 3601
        cloud.deny("sts:AssumeRole")

    cloud.mutate("cs:DescribeClusterDetail", role_is_gone, times=1)
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ARN, source=KEY)) as client:
        tables = fill(client, ["clusters", "load_balancers"])
        with pytest.raises(CallFailed) as caught:
            client.call(IDENTITY)
    assert tables["clusters"].state is State.KNOWN
    assert tables["load_balancers"].reasons[0].missing == ("sts:AssumeRole",)
    assert caught.value.missing == ("sts:AssumeRole",)


def take_back(cloud: FakeCloud, times: int = 1) -> None:
    """Let every token that was given out so far be refused, while the cluster is asked for, so many times."""

    def refuse(_answer: Any) -> None:
        for key in cloud.state.sts.keys.values():
            if key.token:
                key.expires = datetime.now(UTC) - timedelta(seconds=1)

    cloud.mutate("cs:DescribeClusterDetail", refuse, times=times)


@pytest.mark.parametrize("kind", ["ram_role", "rrsa", "uri", "ecs_role", "default"])
def test_a_token_that_is_taken_back_is_replaced(
    cloud: FakeCloud, metadata: FakeMetadata, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "token").write_text("oidc-token-1")
    cloud.state.sts.oidc_tokens = {"oidc-token-1"}
    take_back(cloud)
    with metadata.serve() as address:
        settings = {
            "ram_role": CredentialSettings("ram_role", role_arn=ARN, source=KEY),
            "rrsa": CredentialSettings(
                "rrsa", role_arn=ARN, oidc_provider_arn=PROVIDER, oidc_token_file=str(tmp_path / "token")
            ),
            "uri": CredentialSettings("uri", uri=f"http://{address}{URI}"),
        }.get(kind, CredentialSettings(kind))
        with client_of(cloud, credentials=settings) as client:
            tables = fill(client, ["clusters", "load_balancers", "disks", "vswitches"])
            assert client.cost("slb").retries == 1
            assert client.use("slb:DescribeLoadBalancers").answered == 1
    assert {name: table.state for name, table in tables.items()} == dict.fromkeys(tables, State.KNOWN)


def test_a_token_of_those_who_take_on_a_role_is_replaced_too(cloud: FakeCloud, metadata: FakeMetadata) -> None:
    source = CredentialSettings("ecs_role")
    take_back(cloud)
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ARN, source=source)) as client:
        tables = fill(client, ["clusters", "load_balancers"])
    assert {table.state for table in tables.values()} == {State.KNOWN}
    assert cloud.actions().count("sts:AssumeRole") == 3, "the second by the instance's token that was refused too"


def test_a_token_that_is_refused_whichever_it_is_is_not_replaced_for_ever(cloud: FakeCloud) -> None:
    error = ApiError("InvalidSecurityToken.Expired", "no", 400)
    cloud.fail_with("slb:*", error)
    with client_of(cloud, credentials=CredentialSettings("ram_role", role_arn=ARN, source=KEY)) as client:
        for _ in range(6):
            with pytest.raises(CallFailed, match="security token"):
                client.call(BALANCERS)
    assert cloud.actions().count("sts:AssumeRole") == 4
    assert cloud.actions().count(BALANCERS.permission) == 9


def test_a_token_that_is_configured_can_not_be_replaced(cloud: FakeCloud) -> None:
    given = cloud.state.sts.issue(ARN, "session", 3600)
    parts = (given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
    cloud.fail_with("slb:*", ApiError("InvalidSecurityToken.Expired", "no", 400))
    with (
        client_of(cloud, credentials=CredentialSettings("sts", *parts)) as client,
        pytest.raises(CallFailed, match="security token"),
    ):
        client.call(BALANCERS)
    assert cloud.actions() == [BALANCERS.permission]


@pytest.mark.parametrize("kind", ["ecs_role", "default"])
def test_what_the_instance_answers_is_never_repeated(cloud: FakeCloud, metadata: FakeMetadata, kind: str) -> None:
    metadata.give = lambda: {"AccessKeySecret": "canary-of-the-instance", "secret_key": "canary-of-the-instance"}
    with client_of(cloud, credentials=CredentialSettings(kind)) as client:
        reason = preflight(client)
    assert reason is not None
    assert "the role of the instance" in str(reason.message)
    assert "CredentialException" in str(reason.message)
    assert "canary" not in repr(reason)


def test_the_files_of_profiles_are_never_repeated(cloud: FakeCloud, tmp_path: Path) -> None:
    write_profiles(tmp_path, {"name": "audit", "mode": "canary-mode", "access_key_secret": "canary-secret"})
    with client_of(cloud, credentials=CredentialSettings("profile", profile="audit")) as client:
        reason = preflight(client)
    assert reason is not None
    assert "~/.aliyun/config.json: " in str(reason.message)
    assert "~/.alibabacloud/credentials.ini: " in str(reason.message)
    assert "canary" not in repr(reason)
