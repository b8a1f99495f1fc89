"""What a supervisor asks for: is the process alive, can it work, and its figures."""

import time
from http import HTTPStatus
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

from auditor.agent.metrics import exposition
from auditor.agent.service import Agent
from auditor.agent.web.answers import answer_json
from auditor.agent.web.guard import visitor_of
from auditor.ledger.errors import LedgerError

_KEPT_SECONDS = 2.0
_PATIENCE = 5.0


class Readiness:
    """Finds out whether the agent can work. The ledger is written for it, so not for everybody who asks."""

    def __init__(self, agent: Agent) -> None:
        """Take the agent."""
        self._agent = agent
        self._lock = Lock()
        self._found: dict[str, str] = {}
        self._until = 0.0

    def problems(self) -> dict[str, str]:
        """Return what is wrong: the part, and a sentence on it. Empty if nothing is."""
        if not self._lock.acquire(timeout=_PATIENCE):
            return {"ledger": "it has not answered yet"}
        try:
            if time.monotonic() >= self._until:
                self._found = self._look()
                self._until = time.monotonic() + _KEPT_SECONDS
            return self._found
        finally:
            self._lock.release()

    def _look(self) -> dict[str, str]:
        found = {}
        if self._agent.is_stopping:
            found["agent"] = "it is stopping"
        if not self._agent.schedules.is_running:
            found["scheduler"] = "it is not running"
        try:
            self._agent.ledger.health()
        except LedgerError as error:
            found["ledger"] = str(error)
        return found


def healthz(_request: Request) -> Response:
    """Say that the process is alive."""
    return answer_json({"status": "ok"})


def readyz(request: Request) -> Response:
    """Say whether the agent can work. Which parts can't is for everybody, why only for who may see the site."""
    problems = request.app.state.readiness.problems()
    if not problems:
        return answer_json({"status": "ok"})
    data: dict[str, object] = {"status": "unavailable", "problems": sorted(problems)}
    if visitor_of(request).may_see:
        data["details"] = problems
    return answer_json(data, HTTPStatus.SERVICE_UNAVAILABLE)


def metrics(request: Request) -> Response:
    """Return the figures for Prometheus."""
    content, content_type = exposition(request.app.state.registry, request.headers.get("accept", ""))
    return Response(content, headers={"content-type": content_type})
