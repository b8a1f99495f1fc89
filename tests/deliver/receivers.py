"""A receiver of deliveries: a real HTTP server on this machine that notes what it gets and answers as it is told.

``Receiver()`` is a context manager. What it was sent stands in ``requests``; what it answers is the next of
``script``, and ``always`` when that is used up. An answer is a :class:`Reply`, or a function from the request to one.
"""

import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LONGEST = 30
"""Seconds that a thread of the receiver waits at most; only a test that has failed waits so long."""


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query, the first value of each name."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Attributes:
        status: of the answer.
        body: of the answer.
        headers: beside Content-Type and Content-Length.
        content_type: of the body.
        cut: end the connection without an answer.
        stall: take the request, and answer nothing until the receiver is closed or :meth:`Receiver.release` is called.
        drip: send the body over and over, without an end, until the sender goes away.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: bool = False
    stall: bool = False
    drip: bool = False


Answer = Reply | Callable[[Received], Reply]


def reply(status: int = 200, data: Any = None, **headers: str) -> Reply:
    """Make an answer from plain data, or from a text as it is. ``Retry_After="5"`` is the header Retry-After."""
    body = b"" if data is None else data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class Receiver:
    """The server.

    Attributes:
        requests: what came, in the order in which it came.
        script: answers that are given once each, first to last.
        always: the answer when the script is used up.
    """

    def __init__(self, *script: Answer, always: Answer | None = None, tls: tuple[Path, Path] | None = None) -> None:
        """Take the answers; ``tls`` is the files of a certificate and of its key (see :func:`certificate`)."""
        self.requests: list[Received] = []
        self.script: deque[Answer] = deque(script)
        self.always: Answer = always or Reply()
        self._lock = threading.Condition()
        self._released = threading.Event()
        self._scheme = "https" if tls else "http"
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.tls = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no longer; what still waits is let go."""
        self.release()
        self._server.shutdown()
        self._thread.join(LONGEST)
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port on the loopback address."""
        return int(self._server.server_address[1])

    @property
    def base(self) -> str:
        """The URL without a path: ``http://127.0.0.1:12345``."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        """Return the URL of a path."""
        return self.base + path

    @property
    def last(self) -> Received:
        """The latest request."""
        return self.requests[-1]

    @property
    def only(self) -> Received:
        """The request, of which there must be one."""
        (request,) = self.requests
        return request

    def release(self) -> None:
        """Let go all answers that stall."""
        self._released.set()

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have come. Raises AssertionError if they do not."""
        with self._lock:
            came = self._lock.wait_for(lambda: len(self.requests) >= count, LONGEST)
        assert came, f"{len(self.requests)} requests came, {count} were awaited"

    def take(self, request: Received) -> Reply:
        """Note a request, and return its answer."""
        with self._lock:
            self.requests.append(request)
            answer = self.script.popleft() if self.script else self.always
            self._lock.notify_all()
        found = answer if isinstance(answer, Reply) else answer(request)
        if found.stall:
            self._released.wait(LONGEST)
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake is made in the thread of the request, so that a client that refuses does not stop the server.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: senders that go away or refuse a certificate are what tests are about."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Received(self.command, self.path, headers, body))
            if answer.cut or answer.stall:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not answer.drip:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            while answer.drip:
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names that the library looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def away() -> Iterator[str]:
    """Give a URL on this machine at which nobody answers: connections are refused."""
    with Receiver() as receiver:
        url = receiver.url("/")
    yield url


def certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """Write a self-signed certificate for an address of this machine, and its key; return their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "receiver.pem", folder / "receiver.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
