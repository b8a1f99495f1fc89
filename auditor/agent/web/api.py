"""The API, version 1: what the ledger knows, as JSON, and a way to ask for an audit. Described in openapi.py."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from auditor.agent.web.answers import answer_json, parts_of, problem
from auditor.agent.web.guard import body_of, path_of, visitor_of
from auditor.agent.web.openapi import DESCRIPTION, LARGEST_PAGE, PAGE
from auditor.agent.web.pages import next_run
from auditor.agent.web.requesting import RefusedError, request_runs
from auditor.agent.web.search import LONGEST_WORDS, Search, find
from auditor.agent.web.view import open_by_severity, run_url, standing_of
from auditor.ledger.overview import LifeCount
from auditor.ledger.records import Delivery, DeliveryState, Life, LifeState, RunRecord, RunState
from auditor.report.json_report import document, finding_data
from auditor.report.speaker import utc
from auditor.report.texts import LANGUAGES, SOURCE_LANGUAGE, translator

_Json = dict[str, Any]
_BASE = "/api/v1"
_MOST_CHECKS = 50


class _BadRequest(Exception):  # noqa: N818 - read as a sentence
    """What is asked for makes no sense. Says what was expected."""


def endpoint(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Let an endpoint say by an exception what is wrong with a request."""

    def answered(request: Request) -> Response:
        try:
            return answer(request)
        except _BadRequest as error:
            return problem(request, HTTPStatus.BAD_REQUEST, str(error))
        except RefusedError as refused:
            return problem(request, refused.status, refused.sentence)

    return answered


def openapi(_request: Request) -> Response:
    """Return the description of the API."""
    return answer_json(DESCRIPTION)


def clusters(request: Request) -> Response:
    """List the clusters of the configuration."""
    agent = parts_of(request).agent
    counts = agent.ledger.overview.life_counts()
    return answer_json({"clusters": [_cluster(request, one.name, counts) for one in agent.settings.clusters]})


def cluster(request: Request) -> Response:
    """Return one cluster of the configuration."""
    agent = parts_of(request).agent
    name = request.path_params["name"]
    if name not in [one.name for one in agent.settings.clusters]:
        return problem(request, HTTPStatus.NOT_FOUND, "the configuration has no such cluster")
    return answer_json(_cluster(request, name, agent.ledger.overview.life_counts()))


def runs(request: Request) -> Response:
    """List runs, the last begun first."""
    query = _query(request, {"cluster", "state", "limit", "after"})
    overview = parts_of(request).agent.ledger.overview
    states = [_member(RunState, query["state"], "state")] if query.get("state") else []
    limit = _number(query, "limit", PAGE, LARGEST_PAGE)
    after = overview.run(query["after"]) if query.get("after") else None
    if query.get("after") and after is None:
        raise _BadRequest("after: expected the id of a run, as `next` has it; that run is not in the history any more")
    found = overview.runs(query.get("cluster") or None, states, limit + 1, after)
    following = {**query, "after": found[limit - 1].id} if len(found) > limit else None
    return answer_json({"runs": [_run(one) for one in found[:limit]], "next": _link(request, following)})


def run(request: Request) -> Response:
    """Return one run: how far it is and what it counted."""
    agent = parts_of(request).agent
    run_id = request.path_params["run_id"]
    record = agent.ledger.overview.run(run_id)
    if record is not None:
        return answer_json(_run(record))
    waiting = {**{one: name for name, one in agent.runs.under_way().items()}, **agent.runs.waiting()}
    if run_id in waiting:
        return answer_json(_waiting(run_id, waiting[run_id]))
    return problem(request, HTTPStatus.NOT_FOUND, "the history has no such run")


def report(request: Request) -> Response:
    """Return the report of a run, as in the file ``report.json``."""
    query = _query(request, {"language"})
    language = query.get("language", SOURCE_LANGUAGE)
    if language not in LANGUAGES:
        raise _BadRequest(f"language: expected one of {', '.join(LANGUAGES)}")
    ledger = parts_of(request).agent.ledger
    record = ledger.overview.run(request.path_params["run_id"])
    if record is None or record.state is not RunState.FINISHED:
        return problem(request, HTTPStatus.NOT_FOUND, "the history has no such run, or it has not finished")
    return answer_json(document(ledger.outcome(record.id), translator(language)))


def start_runs(request: Request) -> Response:
    """Ask for an audit of one cluster, or of all."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return problem(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body of the type application/json")
    wanted = _asked(body_of(request))
    requested = request_runs(parts_of(request), *wanted, "api", visitor_of(request).user)
    listed = [_waiting(one.run_id, one.cluster) for one in requested]
    location = {"location": listed[0]["links"]["self"]}
    return answer_json({"runs": listed}, HTTPStatus.ACCEPTED, location)


def findings(request: Request) -> Response:
    """List findings, the worst first; without a filter those that are open and count."""
    query = _query(request, {"cluster", "severity", "check", "state", "q", "limit", "offset", "language"})
    agent = parts_of(request).agent
    language = query.get("language", SOURCE_LANGUAGE)
    if language not in LANGUAGES:
        raise _BadRequest(f"language: expected one of {', '.join(LANGUAGES)}")
    translate = translator(language)
    search = Search(
        cluster=query.get("cluster", ""),
        severity=query.get("severity", ""),
        check=query.get("check", "")[:LONGEST_WORDS],
        state=query.get("state") or "open",
        words=query.get("q", "")[:LONGEST_WORDS],
    )
    limit = _number(query, "limit", PAGE, LARGEST_PAGE)
    offset = _number(query, "offset", 0, 10_000_000, least=0)
    names = tuple(one.name for one in agent.settings.clusters)
    try:
        found = find(agent.ledger.overview, search, names, translate, limit, offset)
    except ValueError as error:
        raise _BadRequest(str(error)) from None
    following = {**query, "offset": str(offset + limit)} if offset + limit < found.total else None
    return answer_json(
        {
            "findings": [_finding(life, translate) for life in found.lives],
            "total": found.total,
            "truncated": found.is_cut,
            "next": _link(request, following),
        }
    )


def deliveries(request: Request) -> Response:
    """List deliveries, the last first."""
    query = _query(request, {"channel", "state", "run", "limit", "offset"})
    overview = parts_of(request).agent.ledger.overview
    states = [_member(DeliveryState, query["state"], "state")] if query.get("state") else []
    limit = _number(query, "limit", PAGE, LARGEST_PAGE)
    offset = _number(query, "offset", 0, 10_000_000, least=0)
    found = overview.deliveries(query.get("channel") or None, states, limit + 1, offset, query.get("run", ""))
    following = {**query, "offset": str(offset + limit)} if len(found) > limit else None
    return answer_json({"deliveries": [_delivery(one) for one in found[:limit]], "next": _link(request, following)})


def _cluster(request: Request, name: str, counts: list[LifeCount]) -> _Json:
    agent = parts_of(request).agent
    configured = next(one for one in agent.settings.clusters if one.name == name)
    open_now = open_by_severity(counts, name)
    of_cluster = [one for one in counts if one.cluster == name]
    latest = agent.ledger.latest(name)
    due = next_run(agent, configured)
    return {
        "name": name,
        "cluster_id": configured.cluster_id,
        "region": configured.region,
        "open": open_now,
        "unevaluated": sum(one.number for one in of_cluster if one.state is LifeState.UNEVALUATED),
        "suppressed": sum(one.number for one in of_cluster if one.state is LifeState.OPEN and one.suppressed),
        "complete": latest.complete if latest else None,
        "last_run": _run(latest) if latest else None,
        "next_run": utc(due) if due else None,
        "under_way": agent.runs.under_way().get(name),
    }


def _run(record: RunRecord) -> _Json:
    links = {"self": f"{_BASE}{run_url(record.id)}", "page": run_url(record.id)}
    if record.state is RunState.FINISHED:
        links["report"] = f"{_BASE}{run_url(record.id)}/report"
    return {
        "id": record.id,
        "cluster": record.cluster,
        "cluster_id": record.cluster_id,
        "region": record.region,
        "trigger": record.trigger,
        "state": record.state.value,
        "started_at": utc(record.started_at),
        "finished_at": utc(record.finished_at) if record.finished_at else None,
        "complete": record.complete,
        "summary": {"severity": record.counts, "checks": record.checks, "lifecycle": record.lifecycle},
        "error": record.error,
        "links": links,
    }


def _waiting(run_id: str, cluster_name: str) -> _Json:
    links = {"self": f"{_BASE}{run_url(run_id)}", "page": run_url(run_id)}
    return {"id": run_id, "cluster": cluster_name, "state": "waiting", "links": links}


def _finding(life: Life, translate: Callable[[str], str]) -> _Json:
    return {
        **finding_data(life.finding, translate),
        "cluster": life.cluster,
        "state": standing_of(life),
        "seen": {"first": utc(life.first_seen), "last": utc(life.last_seen)},
        "resolved_at": utc(life.resolved_at) if life.resolved_at else None,
        "reopened": life.reopened,
        "run": life.run_id,
    }


def _delivery(one: Delivery) -> _Json:
    return {
        "key": one.key,
        "run": one.run_id,
        "cluster": one.cluster,
        "channel": one.channel,
        "kind": one.kind,
        "state": one.state.value,
        "fingerprints": list(one.fingerprints),
        "gone": list(one.gone),
        "created_at": utc(one.created_at),
        "due_at": utc(one.due_at),
        "give_up_at": utc(one.give_up_at),
        "attempts": one.attempts,
        "last_error": one.last_error,
        "finished_at": utc(one.finished_at) if one.finished_at else None,
    }


def _asked(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Read which cluster is to be audited (empty: all), and by which checks."""
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise _BadRequest("the body is no JSON") from None
    if not isinstance(asked, dict) or set(asked) - {"cluster", "checks"}:
        raise _BadRequest('expected an object such as {"cluster": "shop-prod", "checks": ["storage/*"]}')
    name, checks = asked.get("cluster", ""), asked.get("checks", ["*"])
    if not isinstance(name, str):
        raise _BadRequest("cluster: expected the name of a cluster")
    is_list = isinstance(checks, list) and 0 < len(checks) <= _MOST_CHECKS
    if not is_list or not all(isinstance(one, str) and 0 < len(one) <= LONGEST_WORDS for one in checks):
        raise _BadRequest(f"checks: expected a list of 1 to {_MOST_CHECKS} ids or patterns")
    return name, tuple(checks)


def _query(request: Request, known: set[str]) -> dict[str, str]:
    query = dict(request.query_params)
    if unknown := sorted(set(query) - known):
        raise _BadRequest(f"no parameter is called {unknown[0][:40]!r}; there are: {', '.join(sorted(known))}")
    return query


def _number(query: Mapping[str, str], name: str, default: int, most: int, least: int = 1) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise _BadRequest(f"{name}: expected a number from {least} to {most}")
    return int(text)


def _member(kind: type[RunState] | type[DeliveryState], value: str, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise _BadRequest(f"{name}: expected one of {', '.join(kind)}") from None


def _link(request: Request, query: Mapping[str, str] | None) -> str | None:
    return f"{path_of(request)}?{urlencode(query)}" if query is not None else None
