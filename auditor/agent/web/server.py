"""Serves the site: a web server in a thread of its own, beside the agent."""

import errno
import os
import socket
import threading
import time

import structlog
import uvicorn

from auditor.agent.service import Agent
from auditor.agent.web.app import make_app
from auditor.config.base import BadConfig
from auditor.config.server import Server

_CONNECTIONS = 200
_GRACE = 5
"""Seconds that requests under way are given when the site stops."""
_START_SECONDS = 20.0
_SHORT_TOKEN = 16

_log = structlog.get_logger("auditor.web")


class SiteError(Exception):
    """The site can't be served. Says why, and what to do."""


class Site:
    """The agent's web site. It is there between :meth:`start` and :meth:`stop`."""

    def __init__(self, settings: Server, agent: Agent) -> None:
        """Take where it listens and who may see it, and the agent that it shows."""
        self._settings = settings
        self._agent = agent
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where the site is, as seen from this machine; with the port that was found if the settings leave it open."""
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def start(self) -> None:
        """Take the port and begin to serve.

        Raises:
            SiteError: the port is taken or not allowed, or the token can't be read.
        """
        self._check_token()
        listening = self._bound()
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            make_app(self._settings, self._agent),
            # The guard looks at the true other end of a connection: headers of proxies are its own matter.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="error",
            lifespan="off",
            ws="none",
            loop="asyncio",
            http="h11",
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=[listening], name="web", daemon=True)
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise SiteError(f"[server]: the web site could not be started on {self.url}; the log says why")
            time.sleep(0.01)
        _log.info("the web site is up", url=self.url)

    def stop(self) -> None:
        """Take no more requests, and return when those under way have ended or their time is over."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_GRACE + 2)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(2)

    def _serve(self, listening: socket.socket) -> None:
        if self._server is not None:
            with listening:
                self._server.run(sockets=[listening])

    def _check_token(self) -> None:
        if self._settings.token is None:
            return
        try:
            token = self._settings.token.reveal()
        except BadConfig as error:
            raise SiteError(f"server.token: {error}") from None
        if len(token) < _SHORT_TOKEN:
            _log.warning("server.token is short, so that it can be guessed; take one of 32 random bytes")

    def _bound(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            raise SiteError(
                f"[server]: nothing can listen on {host} port {port}: {os.strerror(error.errno or 0)}; {_todo(error)}"
            ) from None
        return listening


def _todo(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program has the port (another agent?): end it, or name another `port`"
        case errno.EACCES | errno.EPERM:
            return "ports below 1024 are for root: name another `port`"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address: name another `host`"
        case _:
            return "name another `host` or `port`"
