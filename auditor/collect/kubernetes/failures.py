"""What a failed call means: its reason, whether to try again, and when."""

import re
import socket
import ssl
from http import HTTPStatus

import msgspec
import urllib3
from urllib3 import exceptions as transport

from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t

SOURCE = "kubernetes"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises at an answer that can't be read; the last one at objects inside objects, a thousand deep."""
SHOWN_CHARACTERS = 500
"""How much of a server's own words is kept."""

_SPACES = re.compile(r"\s+")


class StatusMeta(msgspec.Struct, frozen=True):
    """Metadata of a Status: after 410, a token with which the list can be continued from the present state."""

    continue_: str = msgspec.field(default="", name="continue")


class Status(msgspec.Struct, frozen=True):
    """The API server's own answer to a call that failed."""

    kind: str
    message: str = ""
    reason: str = ""
    metadata: StatusMeta = StatusMeta()


_STATUS = msgspec.json.Decoder(Status)


class CallFailed(Exception):  # noqa: N818 - named for what it says of the call
    """A call did not bring what it was made for.

    Attributes:
        reason: why.
        code: the HTTP status; 0 if no answer came.
        status: the API server's own words, if they were its own: a proxy in between has others.
        may_pass: whether the same call may succeed a little later.
        retry_after: the seconds after which the server asked to be called again.
        body: the answer as it came, without the credentials; empty if none came.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        code: int = 0,
        status: Status | None = None,
        may_pass: bool = False,
        retry_after: float | None = None,
        body: bytes = b"",
    ) -> None:
        """Take what is known of the failure."""
        super().__init__(str(reason.message))
        self.reason = reason
        self.code = code
        self.status = status
        self.may_pass = may_pass
        self.retry_after = retry_after
        self.body = body


def single_line(text: str) -> str:
    """Return the text on one line, cut to a length that can be shown."""
    return _SPACES.sub(" ", text).strip()[:SHOWN_CHARACTERS]


def reason(kind: ReasonKind, message: Text, *missing: str) -> Reason:
    """Make a reason of this source."""
    return Reason(SOURCE, kind, message, missing)


def answered(code: int, body: bytes, retry_after: str | None, call: str, permission: str) -> CallFailed:
    """Return what an answer other than 2xx means. ``call`` is the method and the path, such as ``GET /livez``."""
    status = _status(body)
    words = single_line(status.message) if status else _phrase(code)
    kind, message, missing, may_pass = _meaning(code, status, body, call, words, permission)
    return CallFailed(
        reason(kind, message, *missing),
        code=code,
        status=status,
        may_pass=may_pass,
        retry_after=_seconds(retry_after),
        body=body,
    )


def _meaning(
    code: int, status: Status | None, body: bytes, call: str, words: str, permission: str
) -> tuple[ReasonKind, Text, tuple[str, ...], bool]:
    if code == HTTPStatus.UNAUTHORIZED:
        return (
            ReasonKind.FORBIDDEN,
            t("{call}: the API server does not accept the credentials (401)", call=call),
            (),  # no right that somebody could grant would cure it
            False,
        )
    if code == HTTPStatus.FORBIDDEN:
        message = t("{call} was denied (403): {words}", call=call, words=words)
        return ReasonKind.FORBIDDEN, message, (permission,) if permission else (), False
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        message = t("{call} was throttled (429): {words}", call=call, words=words)
        return ReasonKind.THROTTLED, message, (), True
    if code == HTTPStatus.NOT_FOUND and (status or body.strip() == b"404 page not found"):
        return (
            ReasonKind.UNSUPPORTED,
            t("this API server does not have {path} (404): {words}", path=call.partition(" ")[2], words=words),
            (),
            False,
        )
    if code == HTTPStatus.GONE:
        message = t("{call}: what was asked for is gone, says the API server (410): {words}", call=call, words=words)
        return ReasonKind.ERROR, message, (), False
    if code in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT):
        message = t("{call} took the server too long ({code}): {words}", call=call, code=code, words=words)
        return ReasonKind.TIMEOUT, message, (), True
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = t("{call} failed in the server ({code}): {words}", call=call, code=code, words=words)
        return ReasonKind.ERROR, message, (), True
    if status is None:
        # No API server answers so: it is a login page, a proxy or another service at this address.
        message = t("{call} was not answered by a Kubernetes API server ({code})", call=call, code=code)
        return ReasonKind.MALFORMED, message, (), False
    message = t("{call} was refused ({code}): {words}", call=call, code=code, words=words)
    return ReasonKind.ERROR, message, (), False


def unanswered(error: Exception, call: str, host: str) -> CallFailed:
    """Return what an error of the transport means, with the stage that was reached: name, TCP, TLS, answer."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, transport.ProxyError):
        message = t("the proxy on the way to {host} can't be used", host=host)
        return CallFailed(reason(ReasonKind.UNREACHABLE, message), may_pass=True)
    if isinstance(error, transport.NameResolutionError) or isinstance(cause, socket.gaierror):
        message = t("the name {host} can't be resolved (DNS)", host=host)
        return CallFailed(reason(ReasonKind.UNREACHABLE, message), may_pass=True)
    if isinstance(error, transport.NewConnectionError):
        message = t("{host} can't be connected to (TCP): {why}", host=host, why=_os_words(cause))
        return CallFailed(reason(ReasonKind.UNREACHABLE, message), may_pass=True)
    if isinstance(error, transport.ConnectTimeoutError):
        message = t("{host} did not accept a connection in time (TCP)", host=host)
        return CallFailed(reason(ReasonKind.TIMEOUT, message), may_pass=True)
    if isinstance(error, transport.ReadTimeoutError):
        message = t("{call}: no answer from {host} in time", call=call, host=host)
        return CallFailed(reason(ReasonKind.TIMEOUT, message), may_pass=True)
    if isinstance(error, transport.SSLError | ssl.SSLError):
        return _tls(error, host)
    if isinstance(error, transport.IncompleteRead | transport.InvalidChunkLength) or (
        isinstance(error, transport.ProtocolError) and "broken" in str(error)
    ):
        message = t("{call}: the answer broke off", call=call)
        return CallFailed(reason(ReasonKind.TRUNCATED, message), may_pass=True)
    if isinstance(error, transport.DecodeError):
        message = t("{call}: the answer can't be decompressed", call=call)
        return CallFailed(reason(ReasonKind.MALFORMED, message))
    message = t("{host} closed the connection without an answer to {call}", host=host, call=call)
    return CallFailed(reason(ReasonKind.UNREACHABLE, message), may_pass=True)


def _tls(error: Exception, host: str) -> CallFailed:
    inner = error if isinstance(error, ssl.SSLError) else (error.args[0] if error.args else error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        why = inner.verify_message
    else:
        why = (inner.reason if isinstance(inner, ssl.SSLError) else "") or type(inner).__name__
    message = t("the TLS handshake with {host} failed: {why}", host=host, why=why)
    return CallFailed(reason(ReasonKind.UNREACHABLE, message))


def _os_words(cause: BaseException | None) -> str:
    words = cause.strerror if isinstance(cause, OSError) else None
    return words or "no connection"


def _status(body: bytes) -> Status | None:
    try:
        status = _STATUS.decode(body)
    except UNREADABLE:
        return None
    return status if status.kind == "Status" else None


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "unknown status"


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which is a number or a date."""
    if not retry_after:
        return None
    try:
        return float(urllib3.Retry().parse_retry_after(retry_after))
    except transport.InvalidHeader:
        return None
