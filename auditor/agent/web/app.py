"""The site, put together: its addresses, what answers them, and how faults look."""

from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from auditor.agent.metrics import registry_of
from auditor.agent.service import Agent
from auditor.agent.web import actions, api, health, pages, reports, static
from auditor.agent.web.answers import Parts, problem, refuse
from auditor.agent.web.gate import Gate
from auditor.agent.web.guard import Guard
from auditor.agent.web.sessions import Attempts, Sessions
from auditor.config.server import Server
from auditor.ledger.errors import LedgerError

_log = structlog.get_logger("auditor.web")


def make_app(settings: Server, agent: Agent) -> Starlette:
    """Return the site of an agent. It holds nothing open, and begins nothing by itself."""
    sessions = Sessions()
    guard = Guard(settings, sessions, Attempts())
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Gate, guard=guard)],
        exception_handlers={HTTPException: _refused, LedgerError: _without_ledger},
    )
    # An address with a slash too many is a wrong address: a redirect would be made from the header Host.
    app.router.redirect_slashes = False
    app.state.parts = Parts(settings, agent, sessions, guard)
    app.state.readiness = health.Readiness(agent)
    app.state.registry = registry_of(agent)
    return app


def routes() -> list[BaseRoute]:
    """Return all addresses of the site."""
    return [
        Route("/", pages.clusters),
        Route("/clusters/{name}", pages.cluster),
        Route("/clusters/{name}/run", actions.run_now, methods=["POST"]),
        Route("/runs", pages.runs),
        Route("/runs/{run_id}", pages.run),
        Route("/runs/{run_id}/report.{kind}", reports.report),
        Route("/findings", pages.findings),
        Route("/findings/{fingerprint}", pages.finding),
        Route("/deliveries", pages.deliveries),
        Route("/deliveries/retry", actions.retry_delivery, methods=["POST"]),
        Route("/progress", pages.progress),
        Route("/sign-in", actions.sign_in_form, methods=["GET"]),
        Route("/sign-in", actions.sign_in, methods=["POST"]),
        Route("/sign-out", actions.sign_out, methods=["POST"]),
        Route("/static/{name}", static.file),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        *api_routes(),
    ]


def api_routes() -> list[Route]:
    """Return the addresses of the API."""
    base = "/api/v1"
    return [
        Route(f"{base}/openapi.json", api.endpoint(api.openapi)),
        Route(f"{base}/clusters", api.endpoint(api.clusters)),
        Route(f"{base}/clusters/{{name}}", api.endpoint(api.cluster)),
        Route(f"{base}/runs", api.endpoint(api.runs), methods=["GET"]),
        Route(f"{base}/runs", api.endpoint(api.start_runs), methods=["POST"]),
        Route(f"{base}/runs/{{run_id}}", api.endpoint(api.run)),
        Route(f"{base}/runs/{{run_id}}/report", api.endpoint(api.report)),
        Route(f"{base}/findings", api.endpoint(api.findings)),
        Route(f"{base}/deliveries", api.endpoint(api.deliveries)),
    ]


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return refuse(request, HTTPStatus(error.status_code), dict(error.headers or {}))


def _without_ledger(request: Request, error: Exception) -> Response:
    _log.error("the ledger can't be read or written", error=str(error))
    return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, headers={"retry-after": "10"})
