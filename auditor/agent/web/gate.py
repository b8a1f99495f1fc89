"""The gate that every request goes through: it lets pass what the guard allows, and sees to sizes and headers."""

import asyncio
import secrets
from http import HTTPStatus

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.agent.web.answers import refuse
from auditor.agent.web.guard import PROBES, Guard, Slower, Visitor, is_for_programs, path_of, sign_in_for
from auditor.config.base import BadConfig
from auditor.own_fault import own_fault

LARGEST_BODY = 64 * 1024
_BODY_SECONDS = 10.0
_OPEN = (*PROBES, "/sign-in")
_STATIC = "/static/"

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

_log = structlog.get_logger("auditor.web")


class Gate:
    """Stands before the site: what it does not let pass reaches no page."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        """Take what it stands before, and who decides."""
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        browser = request.cookies.get(self._guard.cookies.browser, "")
        is_new = not browser
        if is_new:
            browser = secrets.token_urlsafe(16)
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if is_new and headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", self._guard.cookies.written(self._guard.cookies.browser, browser))
            await send(message)

        try:
            answer = await self._judged(request, browser)
            await (answer or self._app)(scope, _replayed(scope), guarded)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - one broken page must not end the site, nor show its trace
            _log.error("a page broke", path=path_of(request)[:200], error=own_fault(error))
            if not started:
                broken = refuse(request, HTTPStatus.INTERNAL_SERVER_ERROR, {})
                await broken(scope, _replayed(scope), guarded)

    async def _judged(self, request: Request, browser: str) -> Response | None:
        """Return how a request is refused; None if it may pass."""
        path = path_of(request)
        state = request.scope.setdefault("state", {})
        state["visitor"] = Visitor(browser=browser)
        state["body"] = b""
        if path not in PROBES and not self._guard.is_host_known(request):
            return refuse(request, HTTPStatus.MISDIRECTED_REQUEST, {})
        if request.method == "POST":
            if not self._guard.is_own_origin(request):
                return refuse(request, HTTPStatus.FORBIDDEN, {})
            try:
                state["body"] = await asyncio.wait_for(_body(request), _BODY_SECONDS)
            except TimeoutError:
                return refuse(request, HTTPStatus.REQUEST_TIMEOUT, {"connection": "close"})
            except _TooLarge:
                return refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"connection": "close"})
        if path.startswith(_STATIC):
            return None
        try:
            visitor = self._guard.visitor(request, browser)
        except Slower as slower:
            pause = {"retry-after": str(int(slower.seconds) + 1)}
            return None if path in PROBES else refuse(request, HTTPStatus.TOO_MANY_REQUESTS, pause)
        except BadConfig as error:
            _log.error("the token can't be read, so nobody is let in", error=str(error))
            return None if path in PROBES else refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, {})
        state["visitor"] = visitor
        if visitor.may_see or path in _OPEN:
            return None
        return self._unknown(request)

    def _unknown(self, request: Request) -> Response:
        """Refuse somebody who is not known; a browser is sent to where it can sign in."""
        if not self._guard.has_token:
            return refuse(request, HTTPStatus.FORBIDDEN, {})
        if is_for_programs(path_of(request)) or request.method != "GET":
            return refuse(request, HTTPStatus.UNAUTHORIZED, {"www-authenticate": 'Bearer realm="auditor"'})
        return Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": sign_in_for(request)})


class _TooLarge(Exception):  # noqa: N818 - read as a sentence
    """A body with more bytes than any form of the site has."""


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdecimal() and int(length) > LARGEST_BODY:
        raise _TooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _replayed(scope: Scope) -> Receive:
    """Return what gives the body again that was read already."""
    is_given = False

    async def receive() -> Message:
        nonlocal is_given
        if is_given:
            await asyncio.Event().wait()
        is_given = True
        return {"type": "http.request", "body": scope.get("state", {}).get("body", b""), "more_body": False}

    return receive
