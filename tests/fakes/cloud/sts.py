"""STS (product ``sts``): who calls, and the short-lived keys that it gives out."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.fakes.cloud import recorded
from tests.fakes.cloud.wire import ApiError, Json, Parameters

ACCESS_KEY_ID = "LTAI-fake-access-key"
ACCESS_KEY_SECRET = "fake-access-key-secret"
SHORTEST, DEFAULT, LONGEST = 900, 3600, 43200
"""For how many seconds a key may be asked for."""


@dataclass
class AccessKey:
    """A key that may call. One with a token is short-lived, and needs the token with every call."""

    secret: str
    identity: Json = field(default_factory=dict)
    token: str = ""
    expires: datetime | None = None


@dataclass
class StsState:
    """What STS knows.

    Attributes:
        keys: the keys that may call, by id.
        oidc_tokens: the OIDC tokens that are taken; None takes any.
        now: the clock of the fake, in UTC.
    """

    keys: dict[str, AccessKey] = field(default_factory=dict)
    oidc_tokens: set[str] | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def recorded(cls) -> "StsState":
        """Return the recorded identity, with one key."""
        identity = recorded.answer("sts/GetCallerIdentity.json")
        identity.pop("RequestId")
        return cls(keys={ACCESS_KEY_ID: AccessKey(ACCESS_KEY_SECRET, identity)})

    def issue(self, role_arn: str, session: str, seconds: int) -> Json:
        """Give out a key of a role; return it as the answers show it."""
        account, _, role = role_arn.removeprefix("acs:ram::").partition(":role/")
        key_id, secret, token = (secrets.token_hex(size) for size in (12, 16, 48))
        expires = (self.now() + timedelta(seconds=seconds)).replace(microsecond=0)
        identity = {
            "AccountId": account,
            "Arn": f"acs:ram::{account}:assumed-role/{role}/{session}",
            "IdentityType": "AssumedRoleUser",
            "PrincipalId": f"304821839384857611:{session}",
            "RoleId": "304821839384857611",
        }
        self.keys[f"STS.{key_id}"] = AccessKey(secret, identity, token, expires)
        return {
            "AccessKeyId": f"STS.{key_id}",
            "AccessKeySecret": secret,
            "SecurityToken": token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def get_caller_identity(sts: StsState, params: Parameters) -> Json:
    """Return who the key belongs to; a key that is not in the table is taken for the first one."""
    known = sts.keys.get(params.text("AccessKeyId"))
    return (known or next(iter(sts.keys.values()))).identity


def assume_role(sts: StsState, params: Parameters) -> Json:
    """Give out a short-lived key of a role."""
    return _issued(sts, params)


def assume_role_with_oidc(sts: StsState, params: Parameters) -> Json:
    """Give out a short-lived key of a role to the bearer of an OIDC token; the call is not signed."""
    token = params.required("OIDCToken")
    provider = params.required("OIDCProviderArn")
    if sts.oidc_tokens is not None and token not in sts.oidc_tokens:
        raise ApiError("AuthenticationFail.OIDCToken.Invalid", "This OIDC Token is invalid.")
    issuer = {"Subject": "system:serviceaccount:ack-auditor:ack-auditor", "Issuer": provider, "ClientIds": "sts"}
    return {**_issued(sts, params), "OIDCTokenInfo": issuer}


OPERATIONS = {
    "GetCallerIdentity": get_caller_identity,
    "AssumeRole": assume_role,
    "AssumeRoleWithOIDC": assume_role_with_oidc,
}


def _issued(sts: StsState, params: Parameters) -> Json:
    arn, session = params.required("RoleArn"), params.required("RoleSessionName")
    if ":role/" not in arn:
        raise ApiError("InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.")
    credentials = sts.issue(arn, session, params.number("DurationSeconds", DEFAULT, SHORTEST, LONGEST))
    identity = sts.keys[credentials["AccessKeyId"]].identity
    user = {"Arn": identity["Arn"], "AssumedRoleId": identity["PrincipalId"]}
    return {"AssumedRoleUser": user, "Credentials": credentials}
