"""Credentials of a RAM role, taken on at STS and renewed before they expire.

The classic core knows no OIDC, and the credentials package can't be told the scheme and port of STS, overlooks
``NO_PROXY``, and writes the token into its log when STS refuses. So both roles are taken on here, by the STS
classes of the classic SDK.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.collect.alibaba.failures import CallFailed, from_network, malformed, read_answer
from auditor.collect.alibaba.sdk import AnonymousSigner, Channel, Request, Snapshot, SnapshotSigner, Trust
from auditor.facts.table import ReasonKind
from auditor.facts.text import Text, t

SESSION_SECONDS = 3600
"""Within the maximum of every role; a role's default maximum is one hour."""
RENEWED_BEFORE = 300
"""Seconds before the end of a session at which it is renewed."""
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 10


class RoleSession:
    """Takes on a role when it is first needed, and again before the session ends. Safe for threads."""

    def __init__(self, ask: Callable[[], dict[str, Any]]) -> None:
        """Take the call that answers with ``Credentials``."""
        self._ask = ask
        self._snapshot: Snapshot | None = None
        self._ends_at = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> Snapshot:
        """Return valid credentials. Raises CallFailed if none can be had."""
        with self._lock:
            if self._snapshot is None or time.time() >= self._ends_at - RENEWED_BEFORE:
                self._renew()
            return self._checked()

    def _renew(self) -> None:
        try:
            given = self._ask().get("Credentials")
            self._snapshot, self._ends_at = _read_session(given)
        except CallFailed:
            if self._snapshot is None or time.time() >= self._ends_at:
                raise

    def _checked(self) -> Snapshot:
        if self._snapshot is None:
            raise malformed("sts", "sts:AssumeRole", "Credentials")
        return self._snapshot


@dataclass(frozen=True)
class Sts:
    """Where roles are taken on: the region, the base URL, and whose certificates are trusted there."""

    region: str
    url: str
    trust: Trust | None = None


def assumed_role(
    base: Callable[[], Snapshot],
    sts: Sts,
    *,
    role_arn: str,
    session_name: str,
    external_id: str,
    origin: Text,
) -> RoleSession:
    """Return the session of a role that other credentials take on. ``origin`` names where those come from."""
    params: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": session_name, "DurationSeconds": SESSION_SECONDS}
    if external_id:
        params["ExternalId"] = external_id
    request = Request("sts", "AssumeRole", params)
    return RoleSession(_Asker(sts, SnapshotSigner(base), origin).of(lambda: request))


def oidc_role(
    sts: Sts,
    *,
    role_arn: str,
    provider_arn: str,
    token_file: str,
    session_name: str,
    origin: Text,
) -> RoleSession:
    """Return the session of a role that is taken on by an OIDC token (RRSA)."""

    def request() -> Request:
        return Request(
            "sts",
            "AssumeRoleWithOIDC",
            {
                "RoleArn": role_arn,
                "OIDCProviderArn": provider_arn,
                "OIDCToken": _read_token(token_file),
                "RoleSessionName": session_name,
                "DurationSeconds": SESSION_SECONDS,
            },
        )

    return RoleSession(_Asker(sts, AnonymousSigner(), origin).of(request))


class _Asker:
    """Sends one request to STS and reads its answer. Repeats are left to the call that needs the credentials."""

    def __init__(self, sts: Sts, signer: SnapshotSigner | AnonymousSigner, origin: Text) -> None:
        self._sts = sts
        self._signer = signer
        self._origin = origin

    def of(self, make: Callable[[], Request]) -> Callable[[], dict[str, Any]]:
        def ask() -> dict[str, Any]:
            request = make()
            channel = Channel(self._sts.region, self._sts.url, self._signer, 1, self._sts.trust)
            try:
                answer = channel.send(request, _CONNECT_TIMEOUT, _READ_TIMEOUT)
            except OSError as error:
                raise from_network(request, error, self._sts.url, self._secrets(request)) from None
            finally:
                channel.close()
            return read_answer(request, answer, self._origin, self._secrets(request))

        return ask

    def _secrets(self, request: Request) -> tuple[str, ...]:
        last = self._signer.last
        signed = (last.access_key_id, last.access_key_secret, last.security_token) if last else ()
        return (*signed, request.params.get("OIDCToken", ""))


def _read_token(path: str) -> str:
    # Read each time, since it is rotated; stripped, since a line's end would be sent along with it.
    try:
        token = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        text = t("the OIDC token file {file} can't be read: {error}", file=path, error=type(error).__name__)
        raise CallFailed("sts", ReasonKind.ERROR, text) from None
    if not token:
        raise CallFailed("sts", ReasonKind.ERROR, t("the OIDC token file {file} is empty", file=path))
    return token


def _read_session(given: Any) -> tuple[Snapshot, float]:
    names = ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) and given[name] for name in names):
        raise malformed("sts", "sts:AssumeRole", "Credentials")
    try:
        ends = datetime.fromisoformat(given["Expiration"])
    except ValueError:
        raise malformed("sts", "sts:AssumeRole", "Credentials.Expiration") from None
    ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    key_id, secret, token = (given[name] for name in names[:3])
    return Snapshot(key_id, secret, token), ends.timestamp()
