"""A server that sends what it is told, byte by byte if need be: what no well-behaved one would."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def with_length(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole answer."""
    lines = (b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    """Return a whole answer whose body is a single chunk."""
    return OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


@contextlib.contextmanager
def sending(answer: bytes, *, at_once: int, pause: float = 0.0) -> Iterator[str]:
    """Answer every request alike: so many bytes at once, and then the others one by one; the value is the base URL.

    ``pause`` is in seconds, before each of the others. The server ends when the block does.
    """
    closing = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _read_head(self.rfile)
            with contextlib.suppress(OSError):  # who asked may have gone
                self.wfile.write(answer[:at_once])
                for place in range(at_once, len(answer)):
                    if closing.wait(pause):
                        return
                    self.wfile.write(answer[place : place + 1])

    with socketserver.ThreadingTCPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="raw")
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            closing.set()
            server.shutdown()
            thread.join()


def _read_head(lines: Any) -> None:
    while lines.readline().strip():
        pass
