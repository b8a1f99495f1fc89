"""How answers come over the network: whose certificates are trusted, through which proxy, how long and how large.

The SDK's own HTTP library does the work; it is imported when it is used. Its limit of time is one for each part that
comes, so that a single byte now and then would keep it for ever: here the whole of an answer has a limit.
"""

import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.collect.errors import ConfigError
from auditor.facts.text import Text, t
from auditor.loopback import is_loopback

METADATA_SERVICE = "100.100.100.200"
"""Where an ECS instance is told its role's credentials; the address is the same on each."""
CA_BUNDLE_VARIABLE = "ALIBABA_CLOUD_CA_BUNDLE"
"""Names the file of certificates that the SDK trusts in place of those of the public authorities."""
ANSWER_BYTES = 64 * 2**20
"""An answer is not read further than this: a page of a hundred rows has some hundred KiB."""
PART_BYTES = 2**16


class OversizeError(OSError):
    """An answer was larger than any that is documented, and was not read to its end."""


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, the body and the ``Date`` header, whatever they are."""

    status: int
    body: bytes
    date: str = ""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for the connection, for each part of an answer, and for the whole of it."""

    connect: float
    part: float
    whole: float


@dataclass(frozen=True)
class Trust:
    """Whose certificates are trusted: those of the public authorities, and those in a file beside them."""

    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError if the file can't be read, or is none of certificates; so for that of the variable."""
        if bundle := os.environ.get(CA_BUNDLE_VARIABLE):
            _check_bundle(Path(bundle))
        if self.ca_file is not None:
            self.context()

    def context(self) -> ssl.SSLContext:
        """Return a new context that trusts the certificates in the file; the public ones are added by the SDK."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The SDK's urllib3 compares the names by itself, also for addresses, which it does not hand to the context.
        context.check_hostname = False
        _load(context, "ca_file", self.ca_file)
        return context


def _check_bundle(path: Path) -> None:
    if path.is_dir():  # of certificates by their hash: they are looked for one by one
        return
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), CA_BUNDLE_VARIABLE, path)


def _load(context: ssl.SSLContext, key: str, path: Path | None) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise _bad_authority(key, path, t("it holds no certificate in PEM")) from None
    except OSError as error:
        raise _bad_authority(key, path, error.strerror or type(error).__name__) from None


def _bad_authority(key: str, path: Path | None, why: str | Text) -> ConfigError:
    text = t("{key}: {file} can't be used: {why}; expected certificates in PEM", key=key, file=str(path), why=why)
    return ConfigError(text)


class Transport:
    """Sends requests to one place, and reads their answers within bounds. May be shared by threads."""

    def __init__(self, base_url: str, pool_size: int, trust: Trust | None = None) -> None:
        """Prepare for the place that a URL names; nothing is sent."""
        from aliyunsdkcore.vendored.requests import Session  # noqa: PLC0415 - see above

        self._proxies = proxies_for(base_url)
        self._session = Session()
        self._session.trust_env = False  # else a .netrc entry would replace the signature
        context = trust.context() if trust and trust.ca_file else None
        self._session.mount("https://", _adapter(pool_size, context))
        self._session.mount("http://", _adapter(pool_size, None))

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Any, patience: Patience) -> Answer:
        """Send one request once and return the answer, of whatever status. A redirect is not followed.

        Raises OSError: the network's; TimeoutError where the end of the answer did not come in time; OversizeError.
        """
        from aliyunsdkcore.vendored.requests import Request  # noqa: PLC0415 - see above

        until = time.monotonic() + patience.whole
        self._session.cookies.clear()
        response = self._session.send(
            self._session.prepare_request(Request(method, url, headers=dict(headers), data=body)),
            proxies=self._proxies,
            timeout=(patience.connect, patience.part),
            allow_redirects=False,
            # An empty variable would switch the verification off, if it was handed on as it is.
            verify=os.environ.get(CA_BUNDLE_VARIABLE) or True,
            stream=True,
        )
        try:
            content = _content(response.raw, until)
        except BaseException:
            response.close()
            raise
        response.raw.release_conn()
        return Answer(response.status_code, content, response.headers.get("Date", ""))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _content(raw: Any, until: float) -> bytes:
    from aliyunsdkcore.vendored.requests.packages.urllib3 import exceptions  # noqa: PLC0415 - see above

    try:
        return read_within(_parts(raw), until)
    except exceptions.ReadTimeoutError as error:
        raise TimeoutError(str(error)) from None
    except exceptions.HTTPError as error:
        raise ConnectionError(str(error)) from None


def _parts(raw: Any) -> Iterator[bytes]:
    while True:
        part = raw.read(PART_BYTES, decode_content=True)
        if not part and raw.closed:  # a part may be empty before the end: the beginning of what is compressed
            return
        yield part


def read_within(parts: Iterable[bytes], until: float) -> bytes:
    """Return the body of an answer that comes in parts.

    ``until`` is in seconds of the monotonic clock. Raises TimeoutError, OversizeError, or what the parts raise.
    """
    read: list[bytes] = []
    size = 0
    for part in parts:
        read.append(part)
        size += len(part)
        if size > ANSWER_BYTES:
            raise OversizeError
        if time.monotonic() >= until:
            raise TimeoutError("the end of the answer did not come in time: timed out")
    return b"".join(read)


def _adapter(pool_size: int, context: ssl.SSLContext | None) -> Any:
    """Return an adapter of the SDK's HTTP library that reads in parts, and verifies by a context if one is given."""
    from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter  # noqa: PLC0415 - see above
    from aliyunsdkcore.vendored.requests.packages.urllib3 import connectionpool  # noqa: PLC0415

    plain, secure = connectionpool.HTTPConnectionPool, connectionpool.HTTPSConnectionPool
    pools = {
        scheme: type(kind.__name__, (kind,), {"ConnectionCls": _within_time(kind.ConnectionCls)})
        for scheme, kind in (("http", plain), ("https", secure))
    }
    options: dict[str, Any] = {"ssl_context": context} if context else {}

    class Adapter(HTTPAdapter):  # type: ignore[misc]  # its base has no types
        def init_poolmanager(self, *arguments: Any, **given: Any) -> None:
            super().init_poolmanager(*arguments, **given, **options)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **given, **options)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter(pool_maxsize=pool_size)


def _within_time(base: Any) -> Any:
    """Return a class of connections on which the whole head of an answer has the time of one part."""

    class Connection(base):  # type: ignore[misc]  # its base has no types
        response_class = _InParts

        def getresponse(self) -> Any:
            with _cut_off_in_time(self.sock):
                return super().getresponse()

    return Connection


class _InParts(http.client.HTTPResponse):
    """Gives what has come, and does not wait until it is as much as was asked for."""

    def read(self, amt: int | None = None) -> bytes:
        return super().read() if amt is None else self.read1(amt)


@contextlib.contextmanager
def _cut_off_in_time(sock: socket.socket) -> Iterator[None]:
    """Shut the connection down, unless the block ends within the connection's limit of time."""
    seconds = sock.gettimeout()
    if seconds is None:
        yield
        return
    is_over = threading.Event()

    def cut_off() -> None:
        is_over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not is_over.is_set():
            raise
    finally:
        timer.cancel()
    if is_over.is_set():  # a head that was cut off may have been taken for a whole one
        raise TimeoutError("timed out")


def proxies_for(base_url: str) -> dict[str, str | None]:
    """Return the proxies for a URL, by ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.

    The SDK overlooks ``NO_PROXY``, and reads the environment again unless it is told something: hence None for
    "no proxy". A loopback address and the metadata service of the instance are never asked for through a proxy:
    they would be another machine's there.
    """
    from aliyunsdkcore.vendored.requests.utils import get_environ_proxies  # noqa: PLC0415

    is_near = is_loopback(base_url) or urlsplit(base_url).hostname == METADATA_SERVICE
    found: dict[str, str] = {} if is_near else get_environ_proxies(base_url)
    return {"http": found.get("http"), "https": found.get("https")}
