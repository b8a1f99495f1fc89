"""What people can do on the site: sign in and out, have an audit run, have a delivery tried again."""

from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from auditor.agent.web.answers import go_to, guard_of, page, parts_of, problem
from auditor.agent.web.guard import body_of, visitor_of
from auditor.agent.web.requesting import RefusedError, request_runs
from auditor.agent.web.view import cluster_url
from auditor.config.base import BadConfig
from auditor.ledger.errors import Outdated

_log = structlog.get_logger("auditor.web")


def sign_in_form(request: Request) -> Response:
    """Show the form to sign in."""
    target = _target(request.query_params.get("next", ""))
    if visitor_of(request).may_see or not guard_of(request).has_token:
        return go_to(target)
    return page(request, "sign_in", next=target, is_wrong=False, wait=0)


def sign_in(request: Request) -> Response:
    """Begin a session for who knows the token."""
    form = _own_form(request)
    guard = guard_of(request)
    target = _target(form.get("next", ""))
    try:
        session, pause = guard.sign_in(request, form.get("token", "").strip())
    except BadConfig as error:
        _log.error("the token can't be read, so nobody is let in", error=str(error))
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from None
    if session:
        response = go_to(target)
        response.headers.append("set-cookie", guard.cookies.begun(session))
        return response
    wait = int(pause) + 1 if pause else 0
    status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED
    headers = {"retry-after": str(wait)} if wait else {}
    return page(request, "sign_in", status, headers, next=target, is_wrong=not wait, wait=wait)


def sign_out(request: Request) -> Response:
    """End the session."""
    _own_form(request)
    parts_of(request).sessions.end(visitor_of(request).session)
    response = go_to("/sign-in")
    response.headers.append("set-cookie", guard_of(request).cookies.ended())
    return response


def run_now(request: Request) -> Response:
    """Have a cluster audited, and show it."""
    _own_form(request)
    name = request.path_params["name"]
    try:
        request_runs(parts_of(request), name, ("*",), "now", visitor_of(request).user)
    except RefusedError as refused:
        return problem(request, refused.status, refused.sentence)
    return go_to(cluster_url(name))


def retry_delivery(request: Request) -> Response:
    """Owe a dead delivery again."""
    form = _own_form(request)
    agent = parts_of(request).agent
    key = form.get("key", "")
    if agent.ledger.overview.delivery(key) is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    try:
        agent.ledger.revive(key, datetime.now(UTC))
    except Outdated as error:
        return problem(request, HTTPStatus.CONFLICT, str(error))
    agent.sender.wake()
    _log.info("a delivery is tried again", key=key, user=visitor_of(request).user)
    return go_to("/deliveries")


def _own_form(request: Request) -> dict[str, str]:
    """Return the fields of a form of this site that was made for this browser. Anything else is refused."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type != "application/x-www-form-urlencoded":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        fields = parse_qs(body_of(request).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    form = {name: values[0] for name, values in fields.items()}
    visitor = visitor_of(request)
    if not parts_of(request).sessions.is_form_of(form.get("form_token", ""), visitor.browser, visitor.session):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return form


def _target(wanted: str) -> str:
    """Return where to go after signing in: a path of this site, whatever a link says."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/sign-"))
    # Browsers drop tabs and line ends from addresses: `/\t/evil.example` leads elsewhere.
    is_plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    if not (is_path and is_plain):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else wanted
