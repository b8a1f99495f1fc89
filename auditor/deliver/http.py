"""One bounded HTTP request to a receiver, and what its answer means for the delivery."""

import email.utils
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from auditor import __version__
from auditor.config.channels import HttpChannel
from auditor.deliver.channel import Misconfigured, NotNow, Undeliverable
from auditor.deliver.secrets import blotted, reveal
from auditor.loopback import is_loopback

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read: receivers answer with a line."""
LONGEST_WAIT = timedelta(hours=1)
"""What a receiver's Retry-After is taken for at most."""
_TRY_AGAIN = frozenset({408, 425, 429})
_SHORTEST_PART = 8
"""Characters of a part of a URL's path that may be a token; a shorter one is a word such as ``hooks``."""


class Answer:
    """What a receiver said: its status and the beginning of its body."""

    def __init__(self, status: int, body: bytes) -> None:
        """Take the status and the body."""
        self.status = status
        self.body = body


def post(
    settings: HttpChannel,
    body: bytes,
    headers: Mapping[str, str],
    *,
    url: str = "",
    secrets: Iterable[str] = (),
    path: str = "",
    read: Container[int] = (),
) -> Answer:
    """Post a body, and return the answer if the receiver took it.

    Args:
        settings: the channel; its URL, its certificates and its patience.
        body: what is posted.
        headers: of the request; a User-Agent is added.
        url: instead of the settings' URL.
        secrets: what must not show in an error, beside the URL.
        path: is appended to the URL.
        read: further statuses of which the answer is returned: what it means stands in its body.

    Raises:
        NotNow: no connection, no answer in time, or a status that asks to come again.
        Misconfigured: a URL, a header or a file that can't be used.
        Undeliverable: any other status.
    """
    url = url or reveal(settings.url, f"channel {settings.name!r}: url")
    target = url.rstrip("/") + path if path else url
    ensure_usable(settings, target)
    hidden = [url, *secrets_in(target), *secrets]
    host = urlsplit(target).netloc.rpartition("@")[2]
    try:
        status, answer, wait = _exchange(settings, target, body, headers)
    except requests.exceptions.SSLError as error:
        raise NotNow(f"{host}: no trusted connection: {blotted(str(error), hidden)} (see ca_file)") from None
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
        requests.exceptions.InvalidSchema,
        urllib3.exceptions.HTTPError,
        UnicodeError,
    ):
        raise Misconfigured(f"{host}: the URL or a header can't be used") from None
    except requests.exceptions.Timeout:
        raise NotNow(f"{host}: no answer within {settings.timeout_seconds:g} seconds") from None
    except requests.exceptions.RequestException as error:
        raise NotNow(f"{host}: can't be reached: {blotted(_cause(error), hidden)}") from None
    except OSError as error:
        raise Misconfigured(f"{host}: {error.filename or 'ca_file'}: {error.strerror or 'can not be read'}") from None
    if 200 <= status < 300 or status in read:
        return Answer(status, answer)
    said = blotted(answer.decode("utf-8", "replace"), hidden)
    sentence = f"{host} answered {status}" + (f": {said}" if said else "")
    if status in _TRY_AGAIN or status >= 500:
        raise NotNow(sentence, wait)
    if 300 <= status < 400:
        sentence += " (redirects are not followed: name the URL itself)"
    raise Undeliverable(sentence)


def secrets_in(url: str) -> Iterator[str]:
    """Yield what must not show of a URL: the whole, and each part that a receiver may quote by itself."""
    parts = urlsplit(url)
    yield from (url, parts.path.lstrip("/"), parts.query)
    yield from (part for part in parts.path.split("/") if len(part) >= _SHORTEST_PART)
    yield from (value for _, value in parse_qsl(parts.query))
    yield from (parts.username or "", unquote(parts.username or ""))
    yield from (parts.password or "", unquote(parts.password or ""))


def ensure_usable(settings: HttpChannel, url: str) -> None:
    """Raise Misconfigured if a URL can't be asked, as far as this machine can tell."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise Misconfigured(f"channel {settings.name!r}: url: expected an address such as https://hooks.example.com/…")
    if parts.scheme == "http" and not is_loopback(url) and not settings.allow_plain_http:
        raise Misconfigured(
            f"channel {settings.name!r}: url: {host} is not asked over https, which is allowed for loopback addresses "
            "only; use https, or set allow_plain_http = true"
        )


def _exchange(
    settings: HttpChannel, url: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes, timedelta | None]:
    until = monotonic() + settings.timeout_seconds
    with requests.Session() as session:
        # The outbox tries again by itself, later; a retry here would only hide how often it failed.
        session.mount("https://", HTTPAdapter(max_retries=0))
        session.auth = _no_netrc(url)
        with session.post(
            url,
            data=body,
            headers={"User-Agent": f"ack-auditor/{__version__}", **headers},
            timeout=settings.timeout_seconds,
            verify=_certificates(settings.ca_file),
            proxies={"http": "", "https": ""} if is_loopback(url) else None,
            allow_redirects=False,
            stream=True,
        ) as response:
            return (
                response.status_code,
                _bounded(response, until),
                _retry_after(response.headers.get("Retry-After", "")),
            )


def _no_netrc(url: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return what signs in with the name and the password in the URL, if there are any.

    With nothing in its place, requests would send the passwords of ~/.netrc to a receiver of that name.
    """
    parts = urlsplit(url)
    if parts.username is None:
        return lambda request: request
    return HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))


def _certificates(ca_file: Path | None) -> bool | str:
    if ca_file is None:
        return True
    with ca_file.open("rb"):
        return str(ca_file)


def _bounded(response: requests.Response, until: float) -> bytes:
    """Return the beginning of the body. A receiver that goes on dripping is not waited for: its status is known."""
    found = b""
    try:
        for chunk in response.iter_content(4096):
            found += chunk
            if len(found) >= MAX_ANSWER or monotonic() > until:
                break
    except requests.exceptions.RequestException:
        return found[:MAX_ANSWER]
    return found[:MAX_ANSWER]


def _retry_after(value: str) -> timedelta | None:
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=min(int(value), 10**6)), LONGEST_WAIT)
    try:
        wait = email.utils.parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _cause(error: Exception) -> str:
    reason: object = error.args[0] if error.args else error
    return str(getattr(reason, "reason", reason))
