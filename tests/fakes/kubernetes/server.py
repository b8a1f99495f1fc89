"""The HTTP side of the fake API server: sockets, faults, TLS, compression."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.kubernetes.faults import Answer, Fault
from tests.fakes.kubernetes.requests import Request, parse

COMPRESSED_FROM = 128 * 1024
"""An API server compresses answers from this size on, if the client takes them."""


class Server:
    """Serves on the loopback interface, from a thread per connection."""

    def __init__(
        self,
        answer: Callable[[Request, bytes], Answer],
        fault_of: Callable[[str], Fault | None],
        port: int = 0,
        certificate: Path | None = None,
    ) -> None:
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "fault_of": staticmethod(fault_of)})
        self._http = _Http(("127.0.0.1", port), handler)
        self._scheme = "http"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self._http.tls = tls
            self._scheme = "https"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-kubernetes", daemon=True
        )

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        connection = request
        try:
            if self.tls:
                connection = self.tls.wrap_socket(request, server_side=True)
            self.finish_request(connection, client_address)
        except OSError:
            # The client went away, or did not trust the certificate: its side says so.
            pass
        finally:
            with self._guard:
                self._connections.discard(request)
            self.shutdown_request(connection)

    def close_connections(self) -> None:
        """End the connections that clients keep open, so that their threads end."""
        with self._guard:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[Request, bytes], Answer]
    fault_of: Callable[[str], Fault | None]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = parse(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        answer = self.answer(request, body)
        fault = self.fault_of(request.path)
        if fault is None:
            self._send(answer)
        else:
            self._fail(fault, fault.applied(answer))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _fail(self, fault: Fault, answer: Answer) -> None:
        time.sleep(fault.delay)
        if fault.close == "before":
            self.close_connection = True
        elif fault.close == "during":
            self._send(answer, sent=len(answer.body) // 2)
            self.close_connection = True
        elif fault.drip:
            self._send(answer, sent=0)
            for byte in answer.body:
                time.sleep(fault.drip)
                self.wfile.write(bytes([byte]))
        else:
            self._send(answer)

    def _send(self, answer: Answer, sent: int | None = None) -> None:
        """Send the answer, or only so many bytes of its body."""
        body = answer.body
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if len(body) >= COMPRESSED_FROM and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(answer.status)
        if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
            headers = dict(answer.headers)
            self.close_connection = True  # the body is all that is said in the other protocol
        else:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: what was asked is in ``requests``."""
