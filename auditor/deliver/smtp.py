"""A connection to a mail server that ends in bounded time, whatever the server does."""

import contextlib
import smtplib
import socket
import ssl
import threading
from time import monotonic
from typing import Any

_FAREWELL = 5.0
"""Seconds that the answer to a good-bye is waited for."""


class Connection(smtplib.SMTP):
    """A connection that is cut when its time is over, even if the server says a letter now and then.

    ``timeout`` bounds each wait for the server; a server that never stays silent so long is not bounded by it.
    """

    def __init__(self, host: str, port: int, *, timeout: float, longest: float, tls: ssl.SSLContext | None) -> None:
        """Connect, and read the greeting.

        Args:
            host: of the server.
            port: of the server.
            timeout: seconds of silence that are waited out.
            longest: seconds that everything may take together.
            tls: if given, the connection is encrypted from its beginning.

        Raises:
            OSError, smtplib.SMTPException: as the library has it; TimeoutError also when the time is over.
        """
        self._tls = tls
        self._longest = longest
        self._until = monotonic() + longest
        self._twin: socket.socket | None = None
        self._end = threading.Timer(longest, self._cut)
        self._end.daemon = True
        self._was_cut = False
        self._end.start()
        try:
            # The name that the server is greeted with is set below: the library would ask the DNS for it, and wait.
            super().__init__(host, port, local_hostname="localhost", timeout=timeout)
        except BaseException:
            self.close()
            self._finish()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        # The connection is cut through a second handle: the first one changes hands when it becomes encrypted.
        self._twin = plain.dup()
        self.local_hostname = _own_name(plain)
        return self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain

    def getreply(self) -> tuple[int, bytes]:
        """Return the server's reply. Raises TimeoutError if there is none in time."""
        try:
            reply = super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            self._ensure_time()
            if isinstance(error.__context__, TimeoutError):
                raise TimeoutError from None
            raise
        # What was cut in the middle of a line reads like a reply.
        self._ensure_time()
        return reply

    def _ensure_time(self) -> None:
        if self._was_cut:
            raise TimeoutError(f"not done within {self._longest:g} seconds")

    def be_patient(self) -> None:
        """Wait for what follows as long as there is time: a mail may be large, and a server may scan it."""
        if self.sock is not None:
            self.sock.settimeout(max(0.1, self._until - monotonic()))

    def largest(self) -> int:
        """Return how many bytes a mail may have, or 0 if the server does not say."""
        self.ehlo_or_helo_if_needed()
        said = self.esmtp_features.get("size", "").split()
        return int(said[0]) if said and said[0].isascii() and said[0].isdigit() else 0

    def leave(self) -> None:
        """End the connection. What has been taken is taken, whatever the server says to that."""
        with contextlib.suppress(smtplib.SMTPException, OSError):
            if self.sock is not None:
                self.sock.settimeout(min(self.timeout, _FAREWELL))
                self.quit()
        self.close()
        self._finish()

    def _cut(self) -> None:
        self._was_cut = True
        if self._twin is not None:
            with contextlib.suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)

    def _finish(self) -> None:
        self._end.cancel()
        if self._twin is not None:
            self._twin.close()


def _own_name(connected: socket.socket) -> str:
    """Return what a server is greeted with: the full name of this machine if it has one, else its address."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address: Any = connected.getsockname()[0]
    return f"[IPv6:{address}]" if connected.family == socket.AF_INET6 else f"[{address}]"
