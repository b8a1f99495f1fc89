"""The description of the API, as OpenAPI 3.1."""

from typing import Any

from auditor import __version__
from auditor.agent.web.search import STATES
from auditor.judge.outcome import Lifecycle, Status
from auditor.judge.verdicts import Certainty, Severity
from auditor.ledger.records import DeliveryState, RunState
from auditor.report.texts import LANGUAGES

PAGE = 50
LARGEST_PAGE = 200

_Json = dict[str, Any]
_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer", "minimum": 0}


def _or_null(schema: _Json) -> _Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(names: Any) -> _Json:
    return {"type": "string", "enum": [str(name) for name in names]}


def _object(properties: _Json, optional: tuple[str, ...] = (), *, more: bool = False) -> _Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": more}


def _list(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _counted(names: Any) -> _Json:
    return {"type": "object", "properties": {str(name): _NUMBER for name in names}, "additionalProperties": False}


def _ref(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


_LINK = {"type": ["string", "null"], "description": "Where the list goes on; null at its end."}
_LINKS = _object({"self": _TEXT, "page": _TEXT, "report": _TEXT}, optional=("report",))
_SUBJECT = _object(
    {"layer": _one_of(("kubernetes", "cloud")), "kind": _TEXT, "namespace": _TEXT, "name": _TEXT, "id": _TEXT}
)

_SCHEMAS: _Json = {
    "Problem": _object({"type": _TEXT, "title": _TEXT, "status": _NUMBER, "detail": _TEXT}, optional=("detail",)),
    "Run": _object(
        {
            "id": _TEXT,
            "cluster": _TEXT,
            "cluster_id": _TEXT,
            "region": _TEXT,
            "trigger": {"type": "string", "description": "`now`, `api`, or `schedule:` and the name of a schedule."},
            "state": _one_of(RunState),
            "started_at": _TIME,
            "finished_at": _or_null(_TIME),
            "complete": {"type": ["boolean", "null"], "description": "Whether every check could look at everything."},
            "summary": _object(
                {
                    "severity": _counted(Severity),
                    "checks": _counted(Status),
                    "lifecycle": _counted((*Lifecycle, "resolved", "suppressed")),
                }
            ),
            "error": _TEXT,
            "links": _LINKS,
        }
    ),
    "WaitingRun": _object({"id": _TEXT, "cluster": _TEXT, "state": _one_of(("waiting",)), "links": _LINKS}),
    "Cluster": _object(
        {
            "name": _TEXT,
            "cluster_id": _TEXT,
            "region": _TEXT,
            "open": _counted(Severity),
            "unevaluated": _NUMBER,
            "suppressed": _NUMBER,
            "complete": {"type": ["boolean", "null"]},
            "last_run": _or_null(_ref("Run")),
            "next_run": _or_null(_TIME),
            "under_way": {"type": ["string", "null"], "description": "The run that goes on or waits."},
        }
    ),
    "Finding": _object(
        {
            "fingerprint": _TEXT,
            "cluster": _TEXT,
            "check": _TEXT,
            "severity": _one_of(Severity),
            "certainty": _one_of(Certainty),
            "state": _one_of(STATES[:-1]),
            "lifecycle": _one_of(Lifecycle),
            "subject": _SUBJECT,
            "message": _TEXT,
            "why": _TEXT,
            "remedy": _list(_TEXT),
            "trail": _list({"type": "object"}),
            "evidence": {"type": "object"},
            "affected": _list(_SUBJECT),
            "seen": _object({"first": _TIME, "last": _TIME}),
            "suppression": _or_null({"type": "object"}),
            "resolved_at": _or_null(_TIME),
            "reopened": _NUMBER,
            "run": {"type": "string", "description": "The run that saw it last."},
        },
        # As in report.json, keys may be added.
        more=True,
    ),
    "Delivery": _object(
        {
            "key": {"type": "string", "description": "The idempotency key, the same at every attempt."},
            "run": _TEXT,
            "cluster": _TEXT,
            "channel": _TEXT,
            "kind": _TEXT,
            "state": _one_of(DeliveryState),
            "fingerprints": _list(_TEXT),
            "gone": _list(_TEXT),
            "created_at": _TIME,
            "due_at": _TIME,
            "give_up_at": _TIME,
            "attempts": _NUMBER,
            "last_error": _TEXT,
            "finished_at": _or_null(_TIME),
        }
    ),
    "Report": _object(
        {
            "schema": _one_of(("auditor.report/v1",)),
            "auditor": {"type": "object"},
            "run": {"type": "object"},
            "summary": {"type": "object"},
            "checks": _list({"type": "object"}),
            "findings": _list({"type": "object"}),
            "resolved": _list({"type": "object"}),
            "collection": _list({"type": "object"}),
        },
        more=True,
    ),
}


def _parameter(name: str, schema: _Json, text: str) -> _Json:
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _in_path(name: str) -> _Json:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


_LIMIT = _parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}, "How many at most."
)
_OFFSET = _parameter("offset", {"type": "integer", "minimum": 0, "default": 0}, "How many are passed over.")
_LANGUAGE = _parameter("language", {**_one_of(LANGUAGES), "default": "en"}, "The language of the texts.")


def _answer(text: str, schema: _Json) -> _Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _operation(name: str, summary: str, answer: _Json, *parameters: _Json, refusals: tuple[int, ...] = ()) -> _Json:
    problem = {"content": {"application/problem+json": {"schema": _ref("Problem")}}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": answer,
            **{str(status): {"description": _REFUSALS[status], **problem} for status in (*refusals, 401, 503)},
        },
    }


_REFUSALS = {
    400: "The request makes no sense; `detail` says what was expected.",
    401: "A token is needed: `Authorization: Bearer …`.",
    403: "It is not allowed.",
    404: "There is nothing of that name.",
    415: "The body is of another type.",
    429: "Too many runs wait, or too many wrong tokens were given.",
    503: "The ledger can't be read or written, or the agent is stopping.",
}


def _start_runs() -> _Json:
    started = _answer("The runs that were asked for.", _object({"runs": _list(_ref("WaitingRun"))}))
    started["headers"] = {"Location": {"description": "The first of the runs.", "schema": _TEXT}}
    body = _object(
        {
            "cluster": {"type": "string", "description": "Left out: every cluster."},
            "checks": {**_list(_TEXT), "minItems": 1, "maxItems": 50, "default": ["*"]},
        },
        optional=("cluster", "checks"),
    )
    operation = _operation("startRuns", "Ask for an audit, now.", started, refusals=(400, 403, 404, 415, 429))
    operation["responses"]["202"] = operation["responses"].pop("200")
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


DESCRIPTION: _Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "ACK auditor",
        "version": __version__,
        "description": "What the agent knows of its clusters. Keys may be added to answers; none changes its meaning.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "/api/v1"}],
    "security": [{"token": []}, {}],
    "paths": {
        "/openapi.json": {
            "get": _operation("description", "This description.", _answer("OpenAPI 3.1.", {"type": "object"}))
        },
        "/clusters": {
            "get": _operation(
                "clusters", "All clusters.", _answer("All of them.", _object({"clusters": _list(_ref("Cluster"))}))
            )
        },
        "/clusters/{name}": {
            "get": _operation(
                "cluster", "One cluster.", _answer("The cluster.", _ref("Cluster")), _in_path("name"), refusals=(404,)
            )
        },
        "/runs": {
            "get": _operation(
                "runs",
                "Runs, the last begun first.",
                _answer("A page of them.", _object({"runs": _list(_ref("Run")), "next": _LINK})),
                _parameter("cluster", _TEXT, "Only those of this cluster."),
                _parameter("state", _one_of(RunState), "Only those in this state."),
                _LIMIT,
                _parameter("after", _TEXT, "The id of the run on which the list goes on."),
                refusals=(400,),
            ),
            "post": _start_runs(),
        },
        "/runs/{run_id}": {
            "get": _operation(
                "run",
                "One run.",
                _answer("The run.", {"anyOf": [_ref("Run"), _ref("WaitingRun")]}),
                _in_path("run_id"),
                refusals=(404,),
            )
        },
        "/runs/{run_id}/report": {
            "get": _operation(
                "report",
                "The report of a run that finished: `report.json`.",
                _answer("The report.", _ref("Report")),
                _in_path("run_id"),
                _LANGUAGE,
                refusals=(400, 404),
            )
        },
        "/findings": {
            "get": _operation(
                "findings",
                "Findings, the worst first; those that are open and count, unless another state is asked for.",
                _answer(
                    "A page of them. `truncated`: not all findings were read for the words.",
                    _object(
                        {
                            "findings": _list(_ref("Finding")),
                            "total": _NUMBER,
                            "truncated": {"type": "boolean"},
                            "next": _LINK,
                        }
                    ),
                ),
                _parameter("cluster", _TEXT, "Only those of this cluster."),
                _parameter("severity", _one_of(Severity), "Only those of this severity."),
                _parameter("check", _TEXT, "Only those of this check; or a pattern with `*`."),
                _parameter(
                    "state",
                    _one_of(("open", "unevaluated", "suppressed", "resolved", "all")),
                    "Only those in this state.",
                ),
                _parameter("q", _TEXT, "Words that all have to be in the message, the object or the check."),
                _LIMIT,
                _OFFSET,
                _LANGUAGE,
                refusals=(400,),
            )
        },
        "/deliveries": {
            "get": _operation(
                "deliveries",
                "Deliveries, the last first.",
                _answer("A page of them.", _object({"deliveries": _list(_ref("Delivery")), "next": _LINK})),
                _parameter("channel", _TEXT, "Only those to this channel."),
                _parameter("state", _one_of(DeliveryState), "Only those in this state."),
                _parameter("run", _TEXT, "Only those of this run."),
                _LIMIT,
                _OFFSET,
                refusals=(400,),
            )
        },
    },
    "components": {
        "schemas": _SCHEMAS,
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    },
}
