"""Checks of the signatures that the classic SDK makes: HMAC-SHA1, version 1.0, for RPC and for ROA."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from tests.fakes.cloud.sts import AccessKey, StsState
from tests.fakes.cloud.wire import ApiError, missing, not_found

TOLERANCE = timedelta(minutes=15)
"""How far a caller's clock may be off."""

UNSIGNED = frozenset({"AssumeRoleWithOIDC"})
"""The operations that nobody signs."""


def check_rpc(sts: StsState, method: str, params: Mapping[str, str]) -> None:
    """Raise unless an RPC call is signed with a known key; ``params`` are those of query and form body."""
    if params.get("Action") in UNSIGNED:
        return
    key = _key(sts, params.get("AccessKeyId", ""))
    _check_time(sts, _rpc_time(params.get("Timestamp", "")))
    _check_token(sts, key, params.get("SecurityToken", ""))
    signed = sorted((name, value) for name, value in params.items() if name != "Signature")
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in signed)
    _check(f"{method}&%2F&{_encoded(query)}", f"{key.secret}&", params.get("Signature", ""))


def check_roa(sts: StsState, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
    """Raise unless a ROA call is signed with a known key; path and query are decoded, headers in lower case."""
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    key_id, _, signature = credential.rpartition(":")
    key = _key(sts, key_id if scheme == "acs" else "")
    _check_time(sts, _roa_time(headers.get("date", "")))
    _check_token(sts, key, headers.get("x-acs-security-token", ""))
    lines = [method, *(headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date"))]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-acs-")]
    pairs = "&".join(f"{name}={query[name]}" for name in sorted(query))
    lines.append(f"{path}?{pairs}" if pairs else path)
    _check("\n".join(lines), key.secret, signature)


def _key(sts: StsState, key_id: str) -> AccessKey:
    if not key_id:
        raise missing("AccessKeyId")
    if key_id not in sts.keys:
        raise not_found("InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    return sts.keys[key_id]


def _check_time(sts: StsState, sent: datetime | None) -> None:
    if sent is None:
        raise ApiError("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
    if abs(sts.now() - sent) > TOLERANCE:
        raise ApiError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _check_token(sts: StsState, key: AccessKey, token: str) -> None:
    if key.token != token:
        message = "The SecurityToken does not belong to this AccessKey."
        raise ApiError("InvalidSecurityToken.MismatchWithAccessKey", message)
    if key.expires is not None and sts.now() >= key.expires:
        raise ApiError("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")


def _check(text: str, secret: str, signature: str) -> None:
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(digest).decode(), signature):
        message = (
            "Specified signature is not matched with our calculation. "
            "Please refer to: https://help.aliyun.com/document_detail/315526.html"
        )
        raise ApiError("SignatureDoesNotMatch", message)


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _rpc_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _roa_time(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
