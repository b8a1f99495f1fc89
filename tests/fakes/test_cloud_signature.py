"""Signatures, keys, tokens and clocks are checked as the gateways check them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.auth.signers.signer import Signer

from tests.fakes.cloud import ACCESS_KEY_ID, FakeCloud, sdk
from tests.fakes.cloud.gateway import Request

ROLE = "acs:ram::1098765432101234:role/ack-auditor"
PROVIDER = "acs:ram::1098765432101234:oidc-provider/ack-rrsa-c1cef2604bddf0081a2bc425e1415ce18"
NASTY = "a b+c*d~e/f:é=&%"


class Anonymous(Signer):  # type: ignore[misc]  # the SDK ships no types
    """Signs nothing, for the one call that nobody signs."""

    def sign(self, region_id: str, request: Any) -> tuple[dict[str, str], str]:
        query = dict(request.get_query_params())
        query.update(Action=request.get_action_name(), Version=request.get_version(), Format="JSON")
        return request.get_signed_header(), f"/?{urlencode(query)}"


def rpc_by_query() -> Any:
    return sdk.rpc("slb", "DescribeLoadBalancers", LoadBalancerName=NASTY)


def rpc_by_form_body() -> Any:
    return sdk.rpc("quotas", "ListProductQuotas", ProductCode="slb", KeyWord=NASTY)


def roa() -> Any:
    return sdk.roa("/api/v1/clusters", {"name": "shop-prod", "page_size": 50})


every_style = pytest.mark.parametrize("build", [rpc_by_query, rpc_by_form_body, roa])


@every_style
def test_a_good_signature(build: Any) -> None:
    with FakeCloud.recorded().in_process():
        assert sdk.send(sdk.client(), build())


@every_style
@pytest.mark.parametrize(
    ("key", "secret", "code", "status"),
    [
        (ACCESS_KEY_ID, "wrong", "SignatureDoesNotMatch", 400),
        ("LTAI-unknown", "any", "InvalidAccessKeyId.NotFound", 404),
    ],
)
def test_a_wrong_key(build: Any, key: str, secret: str, code: str, status: int) -> None:
    cloud = FakeCloud.recorded()
    with cloud.in_process():
        with sdk.refusal() as said:
            sdk.send(sdk.client(key, secret), build())
        assert (said["code"], said["status"]) == (code, status)
        cloud.gateway.check_signatures = False
        assert sdk.send(sdk.client(key, secret), build())


@every_style
def test_a_key_that_was_let_in(build: Any) -> None:
    cloud = FakeCloud.recorded()
    cloud.state.sts.keys["LTAI-other"] = type(cloud.state.sts.keys[ACCESS_KEY_ID])("other secret")
    with cloud.in_process():
        assert sdk.send(sdk.client("LTAI-other", "other secret"), build())


@every_style
@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_off(build: Any, minutes: int) -> None:
    cloud = FakeCloud.recorded()
    cloud.state.sts.now = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), build())
    assert (said["code"], said["status"]) == ("InvalidTimeStamp.Expired", 400)


@every_style
@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_that_is_off_a_little(build: Any, minutes: int) -> None:
    cloud = FakeCloud.recorded()
    cloud.state.sts.now = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    with cloud.in_process():
        assert sdk.send(sdk.client(), build())


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/?Version=2014-05-26&Action=DescribeDisks", "MissingAccessKeyId"),
        (f"/?Version=2014-05-26&Action=DescribeDisks&AccessKeyId={ACCESS_KEY_ID}", "InvalidTimeStamp.Format"),
        ("/api/v1/clusters", "MissingAccessKeyId"),
    ],
)
def test_an_unsigned_call(target: str, code: str) -> None:
    reply = FakeCloud.recorded().gateway.answer(Request("GET", "127.0.0.1", target, {}, ""))
    assert reply.status == 400
    assert f'"{code}"' in reply.body.decode()


def issued(cloud: FakeCloud) -> StsTokenCredential:
    answer = sdk.send(sdk.client(), sdk.rpc("sts", "AssumeRole", RoleArn=ROLE, RoleSessionName="audit"))
    credentials = answer["Credentials"]
    return StsTokenCredential(credentials["AccessKeyId"], credentials["AccessKeySecret"], credentials["SecurityToken"])


@every_style
def test_a_short_lived_key(build: Any) -> None:
    cloud = FakeCloud.recorded()
    with cloud.in_process():
        credential = issued(cloud)
        assert sdk.send(sdk.client(credential=credential), build())
        without_token = sdk.client(credential.sts_access_key_id, credential.sts_access_key_secret)
        with sdk.refusal() as said:
            sdk.send(without_token, build())
        assert said["code"] == "InvalidSecurityToken.MismatchWithAccessKey"
        # The clocks agree; it is the token that is past its time.
        cloud.state.sts.keys[credential.sts_access_key_id].expires = datetime.now(UTC) - timedelta(seconds=1)
        with sdk.refusal() as said:
            sdk.send(sdk.client(credential=credential), build())
        assert (said["code"], said["status"]) == ("InvalidSecurityToken.Expired", 400)


def test_who_calls() -> None:
    cloud = FakeCloud.recorded()
    with cloud.in_process():
        own = sdk.send(sdk.client(), sdk.rpc("sts", "GetCallerIdentity"))
        other = sdk.send(sdk.client(credential=issued(cloud)), sdk.rpc("sts", "GetCallerIdentity"))
    assert own["Arn"] == "acs:ram::1098765432101234:assumed-role/ack-auditor/ack-auditor"
    assert other["Arn"] == "acs:ram::1098765432101234:assumed-role/ack-auditor/audit"
    assert other["AccountId"] == "1098765432101234"


def with_token(token: str) -> Any:
    acs = sdk.client(credential=StsTokenCredential("x", "y", "z"))
    acs._signer = Anonymous()
    params = {"RoleArn": ROLE, "OIDCProviderArn": PROVIDER, "OIDCToken": token, "RoleSessionName": "audit"}
    return sdk.send(acs, sdk.rpc("sts", "AssumeRoleWithOIDC", **params))


def test_a_role_for_an_oidc_token_is_asked_for_unsigned() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.sts.oidc_tokens = {"good"}
    with cloud.in_process():
        credentials = with_token("good")["Credentials"]
        keys = (credentials["AccessKeyId"], credentials["AccessKeySecret"], credentials["SecurityToken"])
        assert sdk.send(sdk.client(credential=StsTokenCredential(*keys)), roa())
        with sdk.refusal() as said:
            with_token("bad")
    assert said["code"] == "AuthenticationFail.OIDCToken.Invalid"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"DurationSeconds": 899}, "InvalidParameter"),
        ({"RoleArn": "not an arn"}, "InvalidParameter.RoleArn"),
        ({"RoleSessionName": ""}, "MissingParameter"),
    ],
)
def test_a_role_that_cannot_be_taken(changed: dict[str, Any], code: str) -> None:
    params = {"RoleArn": ROLE, "RoleSessionName": "audit", **changed}
    with FakeCloud.recorded().in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), sdk.rpc("sts", "AssumeRole", **params))
    assert said["code"] == code
