"""The fake behind a real HTTP server."""

import contextlib
import http.server
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.cloud.gateway import CutError, Reply, Request

HOST = "127.0.0.1"


class _Server(http.server.ThreadingHTTPServer):
    # Closing waits for the calls under way, so that no socket outlives a test.
    daemon_threads = False
    # The library's 5 overflow when a dozen clients connect at once, and who is dropped comes again a second later.
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        super().__init__((HOST, port), _Handler)
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller that did not trust the certificate."""
        if not isinstance(sys.exception(), ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            reply = self.server.answer(Request(self.command, HOST, self.path, headers, body))
        except CutError:
            return
        # A caller that lost its patience has gone.
        with contextlib.suppress(ConnectionError):
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.sent])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing: tests look at the recorded calls."""


@contextlib.contextmanager
def serving(
    answer: Callable[[Request], Reply], closing: threading.Event, port: int = 0, certificate: Path | None = None
) -> Iterator[str]:
    """Serve on the loopback address; the value is the base URL. Port 0 takes a free one.

    With a PEM file that holds a certificate and its key, HTTPS is spoken.
    """
    closing.clear()
    server = _Server(port, answer)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake is left to the thread of each connection: one that is broken off must not stop the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-cloud")
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://{HOST}:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
        closing.clear()
