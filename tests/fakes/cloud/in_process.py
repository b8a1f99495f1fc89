"""The fake in place of the network: every host of the cloud is answered within the process."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests.adapters
import responses
from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter as VendoredAdapter

from tests.fakes.cloud.gateway import CutError, Reply, Request

SDK = "aliyunsdkcore.vendored.requests.adapters.HTTPAdapter.send"
"""The classic SDK has an HTTP library of its own."""

PLAIN = "requests.adapters.HTTPAdapter.send"
"""The credentials package uses the installed one."""

CLOUD = re.compile(r"https?://[^/?]+\.aliyuncs\.com(:\d+)?(/|\?|$)")
ELSEWHERE = re.compile(rf"(?!{CLOUD.pattern})")
HERE = re.compile(r"http://127\.0\.0\.1[:/]")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@contextlib.contextmanager
def intercepting(answer: Callable[[Request], Reply]) -> Iterator[None]:
    """Answer every ``*.aliyuncs.com``; others but this machine are refused to the SDK, and left alone otherwise."""
    sdk = responses.RequestsMock(False, target=SDK, real_adapter_send=VendoredAdapter.send)
    plain = responses.RequestsMock(False, target=PLAIN, real_adapter_send=requests.adapters.HTTPAdapter.send)
    plain.add_passthru(ELSEWHERE)
    sdk.add_passthru(HERE)

    def reply_to(request: Any) -> tuple[int, dict[str, str], bytes] | Exception:
        try:
            reply = answer(_request(request))
        except CutError:
            return requests.exceptions.ConnectionError("Connection aborted.")
        return reply.status, {"Content-Type": reply.content_type}, reply.body[: reply.sent]

    with sdk, plain:
        for mock in (sdk, plain):
            for method in METHODS:
                mock.add_callback(method, CLOUD, callback=reply_to, content_type=None)
        yield


def _request(prepared: Any) -> Request:
    parts = urlsplit(prepared.url)
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    target = prepared.url[prepared.url.index(parts.netloc) + len(parts.netloc) :]
    return Request(prepared.method, parts.hostname or "", target, headers, _text(prepared.body or ""))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
