"""The site's own files: two style sheets and a script."""

from functools import cache
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from auditor.report.page import TEMPLATES

_FILES = {
    "report.css": ("report.css", "text/css; charset=utf-8"),
    "web.css": ("web/web.css", "text/css; charset=utf-8"),
    "web.js": ("web/web.js", "text/javascript; charset=utf-8"),
}


def file(request: Request) -> Response:
    """Return a file. A browser may keep it for a while: nothing of a cluster stands in it."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    path, content_type = _FILES[name]
    return Response(_read(path), headers={"content-type": content_type, "cache-control": "public, max-age=3600"})


@cache
def _read(path: str) -> bytes:
    return (TEMPLATES / path).read_bytes()
