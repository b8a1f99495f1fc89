"""How the site answers: pages from templates, in the language of the reader, and refusals fit for who asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from babel.core import negotiate_locale
from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from auditor import __version__
from auditor.agent.service import Agent
from auditor.agent.web.guard import Guard, is_for_programs, path_of, visitor_of
from auditor.agent.web.sessions import Sessions
from auditor.agent.web.words import REFUSALS
from auditor.config.server import Server
from auditor.facts.text import Text, Value
from auditor.report.clean import one_line
from auditor.report.json_report import written
from auditor.report.page import template_environment
from auditor.report.speaker import Speaker
from auditor.report.texts import LANGUAGES, translator

LANGUAGE_COOKIE = "auditor-language"
_YEAR = 365 * 24 * 3600


@dataclass
class Parts:
    """What the handlers of the site need."""

    settings: Server
    agent: Agent
    sessions: Sessions
    guard: Guard


def parts_of(request: Request) -> Parts:
    """Return what a handler needs."""
    parts = request.app.state.parts
    if not isinstance(parts, Parts):
        raise TypeError("the site was not put together")
    return parts


def guard_of(request: Request) -> Guard:
    """Return what stands before the site."""
    return parts_of(request).guard


def language_of(request: Request) -> str:
    """Return the language of the reader: what the URL asks for, then what was chosen, then what the browser prefers."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    preferred = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    found = negotiate_locale([one for one in preferred[:20] if one], LANGUAGES, sep="-")
    return found or parts_of(request).agent.settings.report.language


def speaker_for(request: Request) -> Speaker:
    """Return what says things in the language of the reader."""
    language = language_of(request)
    return Speaker(language, translator(language))


def page(
    request: Request,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Return a page. ``values`` are what its template shows: plain display data."""
    language = language_of(request)
    visitor = visitor_of(request)
    sessions = parts_of(request).sessions
    content = (
        template_environment()
        .get_template(f"web/{template}.html.j2")
        .render(
            _=translator(language),
            fill=_fill,
            lang={"zh": "zh-CN"}.get(language, language),
            languages=_language_links(request, language),
            visitor=visitor,
            form_token=sessions.form_token(visitor.browser, visitor.session),
            path=path_of(request),
            version=__version__,
            zone=format_datetime(datetime.now(UTC).astimezone(), "OOOO", locale=language),
            **values,
        )
    )
    response = HTMLResponse(content, status, headers)
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, path="/", samesite="lax", httponly=True)
    return response


def go_to(path: str) -> Response:
    """Send a browser on to a page of the site, which it asks for anew."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def answer_json(data: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return data as JSON in which nothing stands that a terminal would act upon."""
    return Response((written(data) + "\n").encode(), status, headers, "application/json")


def problem(
    request: Request, status: HTTPStatus, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return a refusal for a program, as RFC 9457 has it; for a browser, as a page."""
    if not is_for_programs(path_of(request)):
        return _problem_page(request, status, detail, headers)
    data = {"type": "about:blank", "title": status.phrase, "status": int(status)}
    if detail:
        data["detail"] = one_line(detail)
    return Response(json.dumps(data) + "\n", status, dict(headers or {}), "application/problem+json")


def refuse(request: Request, status: HTTPStatus, headers: dict[str, str]) -> Response:
    """Return the refusal of the guard."""
    detail = REFUSALS[status].key if is_for_programs(path_of(request)) and status in REFUSALS else ""
    return problem(request, status, detail, headers)


def _problem_page(request: Request, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None) -> Response:
    speaker = speaker_for(request)
    sentence = detail or (speaker.say(REFUSALS[status]) if status in REFUSALS else status.phrase)
    return page(request, "problem", status, headers, number=int(status), sentence=one_line(sentence))


def _language_links(request: Request, current: str) -> list[tuple[str, str, bool]]:
    """Return for each language its name in itself, the address of this page in it, and whether it is the current."""
    names = {"en": "English", "zh": "中文"}
    query = [
        (name, value)
        for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), max_num_fields=50)
        if name != "lang"
    ]
    # A page that answers a form has no address of its own.
    path = path_of(request) if request.method in ("GET", "HEAD") else "/"
    return [(names[one], _with_query(path, [*query, ("lang", one)]), one == current) for one in LANGUAGES]


def _with_query(path: str, query: list[tuple[str, str]]) -> str:
    return f"{quote(path)}?{urlencode(query)}"


def _fill(template: str, **values: Value) -> str:
    return Text(template, dict(values)).render()
