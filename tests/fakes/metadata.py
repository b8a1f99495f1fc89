"""A fake of what gives out an instance's credentials: the metadata service of ECS, and a credentials URI, over HTTP."""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
ROLE = "KubernetesWorkerRole-shop"
TOKEN = "imds-token-s3cret"
ROLES = "/latest/meta-data/ram/security-credentials/"
URI = "/credentials"


@dataclass
class FakeMetadata:
    """Answers as the metadata service in hardened mode: without a token that was fetched before, nothing.

    Attributes:
        give: makes the credentials of an answer, in the form of STS.
        seen: method and path of each request, in the order of arrival.
        hardened: whether a token is needed.
    """

    give: Callable[[], dict[str, Any]]
    seen: list[str] = field(default_factory=list)
    hardened: bool = True

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on the loopback address; the value is ``host:port``."""
        server = http.server.ThreadingHTTPServer((HOST, 0), self._handler())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-metadata")
        thread.start()
        try:
            yield f"{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, method: str, path: str, token: str) -> tuple[int, str]:
        """Return the status and the body of an answer."""
        self.seen.append(f"{method} {path}")
        if method == "PUT":
            return (200, TOKEN) if path == "/latest/api/token" else (404, "")
        if path == URI:
            return 200, json.dumps({"Code": "Success", **self.give()})
        if self.hardened and token != TOKEN:
            return 403, "Forbidden"
        if path == ROLES:
            return 200, ROLE
        if path == ROLES + ROLE:
            return 200, json.dumps({"Code": "Success", **self.give()})
        return 404, ""

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _handle(self) -> None:
                token = self.headers.get("X-aliyun-ecs-metadata-token", "")
                status, body = fake.answer(self.command, self.path, token)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_PUT = _handle  # noqa: N815 - the names are the library's

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                """Say nothing."""

        return Handler
