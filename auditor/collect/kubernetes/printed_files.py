"""Reading a few files in a running container: ``cat`` through the API server, over a WebSocket.

The protocol is that of ``kubectl exec``: each message begins with the number of its channel, and the last one, on the
error channel, says how the command ended (``v5.channel.k8s.io`` and ``v4.channel.k8s.io``, in k8s.io/apimachinery,
pkg/util/remotecommand).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from auditor.collect.kubernetes.access import Access
from auditor.collect.kubernetes.calls import Call
from auditor.collect.kubernetes.failures import UNREADABLE, CallFailed, answered, reason, single_line, unanswered
from auditor.facts.table import ReasonKind
from auditor.facts.text import t

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, ERROR = 1, 2, 3
"""The channels."""
PRINTED_BYTES = 64 * 1024
"""The files in question have a few characters."""
NOT_ZERO = "NonZeroExitCode"
"""The reason of the Status of a command that ran, and did not like something."""

_CONTROL_CLOSE, _BINARY, _TEXT = 0x8, 0x2, 0x1


class _Ended(msgspec.Struct):
    """The Status on the error channel; unlike that of an answer it does not name its kind."""

    status: str
    reason: str = ""
    message: str = ""


_ENDED = msgspec.json.Decoder(_Ended)


class NotRun(CallFailed):
    """The API server answered, and the command could not be run: mostly there is no ``cat`` in the image."""


@dataclass(frozen=True)
class Printed:
    """What ``cat`` printed; ``complaints`` are its own, one for each file that is not there."""

    text: str
    complaints: str


def printed_files(
    access: Access,
    api_client: Any,
    call: Call,
    login: Mapping[str, str],
    permissions: Sequence[str],
    seconds: float,
) -> Printed:
    """Open the WebSocket, read until the command has ended, and close it.

    Args:
        access: the way to the API server.
        api_client: of the ``kubernetes`` package: its client certificate and its proxy.
        call: what is asked.
        login: the headers that say who asks.
        permissions: what has to be granted for it: the one that the API server names is named if it is denied.
        seconds: within which all this has to be done.

    Raises:
        CallFailed: with the reason; NotRun if all went well but the command itself.
    """
    import websocket  # noqa: PLC0415 - only a probe needs it

    until = time.monotonic() + seconds
    host = urlsplit(access.server).netloc.rpartition("@")[2]
    try:
        connection = websocket.create_connection(
            f"ws{access.server.removeprefix('http')}{call.path}?{call.query}",
            timeout=seconds,
            sslopt=_tls(access, api_client) if access.is_encrypted else {},
            header=[f"{name}: {value}" for name, value in login.items()],
            subprotocols=list(PROTOCOLS),
            suppress_origin=True,
            redirect_limit=0,
            **_proxy(access, api_client.configuration),
        )
    except websocket.WebSocketBadStatusException as error:
        body = _without(login, error.resp_body or b"")
        later = (error.resp_headers or {}).get("retry-after")
        raise answered(error.status_code, body, later, call.name, _denied(body, permissions)) from None
    except websocket.WebSocketTimeoutException:
        raise _late(call) from None
    except (websocket.WebSocketConnectionClosedException, websocket.WebSocketProxyException) as error:
        raise unanswered(error, call.name, host) from None
    except websocket.WebSocketException:
        message = t("{call}: the answer is none of the exec protocol", call=call.name)
        raise CallFailed(reason(ReasonKind.MALFORMED, message)) from None
    except OSError as error:
        raise unanswered(error, call.name, host) from None
    try:
        return _read(connection, until, call)
    except websocket.WebSocketTimeoutException:
        raise _late(call) from None
    except websocket.WebSocketConnectionClosedException:
        message = t("{call}: the answer broke off", call=call.name)
        raise CallFailed(reason(ReasonKind.TRUNCATED, message)) from None
    except websocket.WebSocketException:
        message = t("{call}: the answer is none of the exec protocol", call=call.name)
        raise CallFailed(reason(ReasonKind.MALFORMED, message)) from None
    except OSError as error:
        raise unanswered(error, call.name, host) from None
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call]


def _read(connection: Any, until: float, call: Call) -> Printed:
    channels = {STDOUT: b"", STDERR: b"", ERROR: b""}
    size = 0
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise _late(call)
        connection.settimeout(left)
        code, frame = connection.recv_data(control_frame=True)
        if code == _CONTROL_CLOSE:
            break
        if code not in (_BINARY, _TEXT) or not frame:
            continue
        size += len(frame)
        if size > PRINTED_BYTES:
            raise CallFailed(reason(ReasonKind.MALFORMED, t("{call}: the answer does not end", call=call.name)))
        if frame[0] in channels:
            channels[frame[0]] += frame[1:]
    return _ended(channels, call)


def _ended(channels: Mapping[int, bytes], call: Call) -> Printed:
    """Return what was printed, if the command has ended: with complaints, or without."""
    try:
        status = _ENDED.decode(channels[ERROR])
    except UNREADABLE:
        message = t("{call}: the answer does not say how the command ended", call=call.name)
        raise CallFailed(reason(ReasonKind.MALFORMED, message)) from None
    complaints = channels[STDERR].decode("utf-8", "replace")
    if status.status != "Success" and status.reason != NOT_ZERO:
        words = single_line(status.message or complaints)
        message = t("{call}: the command could not be run: {words}", call=call.name, words=words)
        raise NotRun(reason(ReasonKind.ERROR, message), code=HTTPStatus.OK)
    return Printed(channels[STDOUT].decode("utf-8", "replace"), complaints)


def _tls(access: Access, api_client: Any) -> dict[str, Any]:
    """Return how the server is trusted, and the client's certificate, as for the other calls."""
    context = api_client.rest_client.pool_manager.connection_pool_kw.get("ssl_context")
    if context is None:
        context = access.tls()
        if api_client.configuration.cert_file:
            context.load_cert_chain(api_client.configuration.cert_file, api_client.configuration.key_file)
    return {"context": context} | ({"server_hostname": access.server_name} if access.server_name else {})


def _proxy(access: Access, configuration: Any) -> dict[str, Any]:
    """Return the proxy of the other calls; none that the environment names otherwise."""
    if not access.has_proxy or not configuration.proxy:
        return {"http_no_proxy": ["*"]}
    proxy = urlsplit(configuration.proxy)
    given = {"http_proxy_host": proxy.hostname, "http_proxy_port": proxy.port, "proxy_type": "http"}
    return given | ({"http_proxy_auth": (proxy.username, proxy.password or "")} if proxy.username else {})


def _without(login: Mapping[str, str], body: bytes) -> bytes:
    for secret in login.values():
        body = body.replace(secret.split()[-1].encode(), b"***")
    return body


def _denied(body: bytes, permissions: Sequence[str]) -> str:
    """Return which of the rights the API server's own words say is missing; the first if they name none."""
    words = body.decode("utf-8", "replace")
    return next((one for one in permissions if f"cannot {one.partition(' ')[0]} " in words), permissions[0])


def _late(call: Call) -> CallFailed:
    return CallFailed(reason(ReasonKind.TIMEOUT, t("{call}: the answer did not end in time", call=call.name)))
