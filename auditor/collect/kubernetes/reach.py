"""Reaching an address stage by stage: its name, TCP, TLS. Nothing is sent over the connection."""

import ipaddress
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

STAGE_SECONDS = 5.0
"""How long each stage may take."""

_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


class Reached(NamedTuple):
    """How one stage went: see :class:`auditor.facts.kubernetes.observations.ApiStage`."""

    stage: str
    outcome: str = ""
    seconds: float = 0.0
    detail: str = ""


class _Failed(Exception):  # noqa: N818 - carries an outcome
    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


def reach(host: str, port: int, tls: ssl.SSLContext | None, server_name: str = "") -> list[Reached]:
    """Return how each stage went, the last one first to fail; stages behind it are empty.

    Args:
        host: a name or an address.
        port: the port.
        tls: what the server's certificate is verified with; None for plain http, which has no such stage.
        server_name: the name to ask for and to verify, where it is not the host.
    """
    done: list[Reached] = []
    connection: socket.socket | None = None
    stages = ["name", "tcp", *(["tls"] if tls else [])]
    try:
        addresses = _timed(done, "name", lambda: _resolve(host, port))
        connection = _timed(done, "tcp", lambda: _connect(addresses))
        if tls:
            _timed(done, "tls", lambda: _shake_hands(connection, tls, server_name or host))
    except _Failed:
        pass
    finally:
        if connection:
            connection.close()
    return done + [Reached(stage) for stage in stages[len(done) :]]


def _timed(done: list[Reached], stage: str, run: Callable[[], Any]) -> Any:
    started = time.monotonic()
    try:
        result = run()
    except _Failed as failed:
        done.append(Reached(stage, failed.outcome, time.monotonic() - started, failed.detail))
        raise
    done.append(Reached(stage, "ok", time.monotonic() - started))
    return result


def _resolve(host: str, port: int) -> list[Any]:
    """Return the addresses of a host. The system's resolver can't be hurried, so it is left behind if it takes long."""
    result: Future[list[Any]] = Future()

    def run() -> None:
        try:
            result.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            result.set_exception(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        return result.result(STAGE_SECONDS)
    except TimeoutError:
        raise _Failed("timeout", f"{host} was not resolved within {STAGE_SECONDS:g} s") from None
    except (OSError, UnicodeError) as error:
        raise _Failed("unresolved", _words(error)) from None


def _connect(addresses: list[Any]) -> socket.socket:
    until = time.monotonic() + STAGE_SECONDS
    failed = _Failed("unreachable", "no address")
    for family, kind, protocol, _, address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(left)
        try:
            connection.connect(address)
        except TimeoutError:
            failed = _Failed("timeout", f"{address[0]} did not accept a connection within {STAGE_SECONDS:g} s")
        except ConnectionRefusedError as error:
            failed = _Failed("refused", f"{address[0]}: {_words(error)}")
        except OSError as error:
            failed = _Failed("unreachable", f"{address[0]}: {_words(error)}")
        else:
            return connection
        connection.close()
    raise failed


def _shake_hands(connection: socket.socket, tls: ssl.SSLContext, name: str) -> None:
    try:
        with tls.wrap_socket(connection, server_hostname=_plain(name), do_handshake_on_connect=False) as secured:
            _handshake(secured)
    except ssl.SSLCertVerificationError as error:
        outcome = "expired" if error.verify_code == _EXPIRED else "untrusted"
        raise _Failed(outcome, error.verify_message) from None
    except TimeoutError:
        raise _Failed("timeout", f"no TLS handshake within {STAGE_SECONDS:g} s") from None
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else ""
        raise _Failed("error", reason or _words(error)) from None


def _handshake(secured: ssl.SSLSocket) -> None:
    """Shake hands within the time of a stage, however slowly the other side sends. Raises TimeoutError."""
    until = time.monotonic() + STAGE_SECONDS
    secured.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(secured, selectors.EVENT_READ)
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                selector.modify(secured, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                selector.modify(secured, selectors.EVENT_WRITE)
            else:
                return
            if not selector.select(max(until - time.monotonic(), 0)):
                raise TimeoutError


def _plain(name: str) -> str:
    """Return an address without the zone that only this machine knows."""
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return name


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
