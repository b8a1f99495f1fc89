"""The API server's health pages, and how fast it answers.

``/livez`` and ``/readyz`` name their parts if they are asked for by ``verbose``
(https://kubernetes.io/docs/reference/using-api/health-checks/); a server before 1.16 has neither.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from auditor.collect.kubernetes.calls import JSON, Attempt
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason, single_line
from auditor.collect.provider import provides
from auditor.facts.kubernetes.observations import ApiHealth, HealthPoint
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

HEALTH_SECONDS = 10.0
"""A page that has not answered after this does not answer."""
TRIES = 2
"""What went wrong counts only if it comes twice."""

_POINT = re.compile(r"^\[(?P<sign>[+-])\](?P<name>\S+)(?: (?P<detail>.*))?$")
_NO_ANSWER = (ReasonKind.TIMEOUT, ReasonKind.UNREACHABLE)


class _Question(NamedTuple):
    path: str
    query: dict[str, str | int]
    permission: str
    accept: str


PAGES = ("/livez", "/readyz")
LIST = "/api/v1/nodes"
"""A list that is read anyway; one object of it tells how fast the server answers."""
_QUESTIONS = (
    *(_Question(path, {"verbose": ""}, f"get {path}", "*/*") for path in PAGES),
    _Question(LIST, {"limit": 1}, "list nodes", JSON),
)


@provides(
    "api_health",
    source=SOURCE,
    layer=Layer.KUBERNETES,
    permissions=tuple(question.permission for question in _QUESTIONS),
)
def api_health(client: KubernetesClient) -> Table[ApiHealth]:
    """Ask both health pages, and time the list of one object.

    A page that says that the server is not well is an answer. One that does not answer is a fact too, if another
    one was answered at the same time; else nothing tells the server from the way to it.
    """
    with ThreadPoolExecutor(len(_QUESTIONS), thread_name_prefix="health") as pool:
        attempts = list(pool.map(lambda question: _ask(client, question), _QUESTIONS))
    is_there = any(attempt.failure is None or attempt.failure.code for attempt in attempts)
    in_time = client.seconds_left > 0
    results = [
        _result(question, attempt, is_there=is_there and in_time)
        for question, attempt in zip(_QUESTIONS, attempts, strict=True)
    ]
    rows = [result for result in results if isinstance(result, ApiHealth)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if not rows:
        return Table.unavailable("api_health", *(gap.reason for gap in gaps))
    return Table("api_health", rows, gaps=gaps, asked=[question.path for question in _QUESTIONS])


def _ask(client: KubernetesClient, question: _Question) -> Attempt:
    for _ in range(TRIES):
        attempt = client.attempt(
            question.path,
            question.query,
            permission=question.permission,
            accept=question.accept,
            read_timeout=HEALTH_SECONDS,
        )
        if attempt.failure is None or not attempt.failure.may_pass:
            break
    return attempt


def _result(question: _Question, attempt: Attempt, *, is_there: bool) -> ApiHealth | Gap:
    failure, path = attempt.failure, question.path
    if failure is None:
        points = _points(attempt.body) if path in PAGES else []
        if path in PAGES and not points:
            # Whoever answered, it was no API server: its page names at least `ping`.
            why = t("GET {path}: the answer is no health page", path=path)
            return Gap(reason(ReasonKind.MALFORMED, why), frozenset({path}))
        return ApiHealth(path, 200, attempt.seconds, points)
    if failure.code >= 500:
        points = _points(failure.body)
        if points or failure.status:
            return ApiHealth(path, failure.code, attempt.seconds, points, _words(failure))
    elif not failure.code and is_there and failure.may_pass and failure.reason.kind in _NO_ANSWER:
        return ApiHealth(path, 0, attempt.seconds, error=str(failure.reason.message))
    return Gap(failure.reason, frozenset({path}))


def _words(failure: CallFailed) -> str:
    """Return the API server's own words for an error that is no health page."""
    return single_line(failure.status.message) if failure.status else ""


def _points(body: bytes) -> list[HealthPoint]:
    """Return the parts that a health page names; empty for any other text."""
    matches = (_POINT.match(line) for line in body.decode("utf-8", "replace").splitlines())
    return [
        HealthPoint(match["name"], match["sign"] == "+", "" if match["detail"] == "ok" else match["detail"] or "")
        for match in matches
        if match
    ]
