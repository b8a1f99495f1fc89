"""The reports of a run, rendered from the ledger in any format and language."""

import base64
import hashlib
import re
from http import HTTPStatus
from threading import Lock
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from auditor.agent.web.answers import language_of, parts_of, problem
from auditor.ledger.records import RunState
from auditor.report import pdf_process
from auditor.report.formats import FORMATS, FormatUnavailable, Report
from auditor.report.texts import LANGUAGES
from auditor.report.write import folder_name

_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
_ENDINGS = {"markdown": "md"}
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_PATIENCE = 30.0
_ONE_AT_A_TIME = Lock()
"""A report of a large cluster takes processor time and memory: many at once would take them from the audits."""


def report(request: Request) -> Response:
    """Return a report of a run. HTML is shown, under a policy of its own; the other formats are to be saved."""
    agent = parts_of(request).agent
    kind = request.path_params["kind"]
    record = agent.ledger.overview.run(request.path_params["run_id"])
    if kind not in FORMATS or record is None or record.state is not RunState.FINISHED:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    asked = request.query_params.get("language", "")
    language = asked if asked in LANGUAGES else language_of(request)
    if not _ONE_AT_A_TIME.acquire(timeout=_PATIENCE):
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": "10"})
    try:
        content = pdf_process.render(kind, Report(agent.ledger.outcome(record.id), language))
    except FormatUnavailable as error:
        return problem(request, HTTPStatus.NOT_IMPLEMENTED, str(error))
    finally:
        _ONE_AT_A_TIME.release()
    if kind == "html":
        return Response(content, headers={"content-security-policy": policy_of(content), "content-type": _TYPES[kind]})
    day = record.started_at.strftime("%Y-%m-%d")
    name = f"{folder_name(record.cluster)}-{day}.{_ENDINGS.get(kind, kind)}"
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-._") else "_" for letter in name)
    return Response(
        content,
        headers={
            "content-type": _TYPES[kind],
            "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        },
    )


def policy_of(page: bytes) -> str:
    """Return the policy of a report: nothing but its own style sheet, named by its hash, and drawings in the page."""
    style = _STYLE.search(page)
    digest = base64.b64encode(hashlib.sha256(style.group(1) if style else b"").digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    )
