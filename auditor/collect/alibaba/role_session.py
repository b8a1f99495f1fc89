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
from auditor.collect.alibaba.sdk import AnonymousSigner, Channel, Request, Snapshot, SnapshotSigner, Source
from auditor.collect.alibaba.transport import Patience, Trust
from auditor.facts.table import ReasonKind
from auditor.facts.text import Text, t

SESSION_SECONDS = 3600
"""Within the maximum of every role; a role's default maximum is one hour."""
RENEWED_BEFORE = 300
"""Seconds before the end of a session at which it is renewed."""
RETRIED_AFTER = 30
"""Seconds after a renewal that failed in which there is no other try: the old session is used while it lasts."""
_PATIENCE = Patience(connect=5, part=10, whole=15)


class RoleSession:
    """Takes on a role when it is first needed, and again before the session ends. Safe for threads."""

    def __init__(
        self,
        ask: Callable[[], dict[str, Any]],
        read: Callable[[dict[str, Any]], tuple[Snapshot, float]] | None = None,
    ) -> None:
        """Take the call, and what reads its answer: the snapshot, and when it ends. STS's ``Credentials`` if None."""
        self._ask = ask
        self._read = read or _read_session
        self._snapshot: Snapshot | None = None
        self._ends_at = 0.0
        self._failed_at: float | None = None
        self._failure: CallFailed | None = None
        self._failures = 0
        self._lock = threading.Lock()

    def __call__(self) -> Snapshot:
        """Return valid credentials. Raises CallFailed if none can be had.

        Those who waited while another tried in vain share its failure. One that does not pass is remembered.
        """
        failures = self._failures
        with self._lock:
            now = time.time()
            has_just_failed = self._failed_at is not None and now < self._failed_at + RETRIED_AFTER
            if self._snapshot is None or now >= self._ends_at:
                has_failed_meanwhile = failures != self._failures
                if self._failure and (has_failed_meanwhile or (has_just_failed and not self._failure.is_passing)):
                    raise self._failure
                return self._renewed()
            if now < self._ends_at - RENEWED_BEFORE or has_just_failed:
                return self._snapshot
            try:
                return self._renewed()
            except CallFailed:
                return self._snapshot

    def forget(self, refused: Snapshot) -> bool:
        """Let a session go that the cloud refused before its end: the next one who asks gets another."""
        with self._lock:
            if self._snapshot == refused:
                self._snapshot = None
        return True

    def _renewed(self) -> Snapshot:
        try:
            snapshot, self._ends_at = self._read(self._ask())
        except CallFailed as failure:
            self._failures += 1
            self._failure, self._failed_at = failure, time.time()
            raise
        self._snapshot = snapshot
        self._failure = self._failed_at = None
        return snapshot


@dataclass(frozen=True)
class Sts:
    """Where roles are taken on: the region, the base URL, and whose certificates are trusted there."""

    region: str
    url: str
    trust: Trust | None = None


def assumed_role(
    base: Source,
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
            try:
                return self._send(make())
            except CallFailed as failure:
                # Those who take on the role may be in a session of their own.
                if not failure.is_about_token or not self._signer.forget_last():
                    raise
            return self._send(make())

        return ask

    def _send(self, request: Request) -> dict[str, Any]:
        channel = Channel(self._sts.region, self._sts.url, self._signer, 1, self._sts.trust)
        try:
            answer = channel.send(request, _PATIENCE)
        except OSError as error:
            raise from_network(request, error, self._sts.url, self._secrets(request)) from None
        finally:
            channel.close()
        return read_answer(request, answer, self._origin, self._secrets(request))

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


def _read_session(answer: dict[str, Any]) -> tuple[Snapshot, float]:
    given = answer.get("Credentials")
    names = ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) and given[name] for name in names):
        raise malformed("sts", "sts:AssumeRole", "Credentials")
    try:
        ends = moment(given["Expiration"])
    except ValueError:
        raise malformed("sts", "sts:AssumeRole", "Credentials.Expiration") from None
    key_id, secret, token = (given[name] for name in names[:3])
    return Snapshot(key_id, secret, token), ends


def moment(text: str) -> float:
    """Return when a session ends, in seconds of the clock. Raises ValueError; without an offset it is in UTC."""
    ends = datetime.fromisoformat(text)
    return (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
