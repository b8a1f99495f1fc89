"""Credentials that a URI hands out, and that are asked for again before they expire.

The credentials package can do this too, but repeats in its errors what the URI answered, secrets and all, and reads
on for as long as something comes. Here nothing that was answered is ever repeated.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.role_session import RoleSession, moment
from auditor.collect.alibaba.sdk import Snapshot, tame
from auditor.collect.alibaba.transport import ANSWER_BYTES, Answer, OversizeError, Patience, Transport, Trust
from auditor.facts.table import ReasonKind
from auditor.facts.text import Text, t

KEYS = ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")
"""What an answer holds, beside a ``Code`` that is ``Success``: the form of the SDKs' documents on credentials URIs."""
_PATIENCE = Patience(connect=5, part=10, whole=15)


class NoCredentials(CallFailed):
    """A place gave no credentials.

    Attributes:
        why: in a few words, none of them that place's.
        origin: the place.
    """

    def __init__(self, origin: Text, why: str | Text) -> None:
        """Take which place, and why."""
        text = t(
            "no usable credentials from {origin}: look there, or configure another kind of credentials ({error})",
            origin=origin,
            error=why,
        )
        super().__init__("sts", ReasonKind.ERROR, text)
        self.origin = origin
        self.why = why


def uri_session(uri: str, origin: Text, trust: Trust | None) -> RoleSession:
    """Return the source of what a URI hands out. ``origin`` names the URI without what may be secret in it."""

    def ask() -> dict[str, Any]:
        try:
            return _read(_fetch(uri, trust), origin)
        except OversizeError:
            raise NoCredentials(origin, t("its answer is larger than {n} MiB", n=ANSWER_BYTES // 2**20)) from None
        except OSError as error:
            raise NoCredentials(origin, _trouble(error)) from None

    return RoleSession(ask, lambda given: _session(given, origin))


def _fetch(uri: str, trust: Trust | None) -> Answer:
    tame()
    parts = urlsplit(uri)
    transport = Transport(f"{parts.scheme}://{parts.netloc}", 1, trust)
    try:
        return transport.send("GET", uri, {"Accept-Encoding": "identity"}, None, _PATIENCE)
    finally:
        transport.close()


def _trouble(error: OSError) -> Text:
    """Return what the network did: the words of its errors repeat the URI."""
    names = [cls.__name__ for cls in type(error).__mro__]
    if any(name in ("Timeout", "TimeoutError") for name in names):
        return t("it did not answer in time")
    if "SSLError" in names:
        return t("TLS with it failed")
    if "ProxyError" in names:
        return t("the proxy did not let the call through")
    return t("it can't be reached: {error}", error=names[0])


def _read(answer: Answer, origin: Text) -> dict[str, Any]:
    if answer.status != 200:
        raise NoCredentials(origin, t("it answered with HTTP {status}", status=answer.status))
    try:
        given = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        raise NoCredentials(origin, t("its answer is no JSON")) from None
    if not isinstance(given, dict):
        raise NoCredentials(origin, t("its answer is no JSON object"))
    return given


def _session(given: dict[str, Any], origin: Text) -> tuple[Snapshot, float]:
    missing = [key for key in KEYS if not isinstance(given.get(key), str) or not given[key]]
    if missing:
        raise NoCredentials(origin, t("its answer lacks {missing}", missing=missing))
    if given.get("Code") != "Success":
        raise NoCredentials(origin, t("its answer does not say that Code is Success"))
    try:
        ends = moment(given["Expiration"])
    except ValueError:
        raise NoCredentials(origin, t("the Expiration in its answer is no time")) from None
    return Snapshot(*(given[key] for key in KEYS[:3])), ends
