"""Asks the agent for audits, for the button and for the API."""

from dataclasses import dataclass
from http import HTTPStatus

import structlog

from auditor.agent.web.answers import Parts
from auditor.judge.registry import UnknownCheck, select

MOST_WAITING = 20
"""Runs that may wait for their turn; more are refused. Scheduled ones are not counted out."""

_log = structlog.get_logger("auditor.web")


class RefusedError(Exception):
    """An audit that is not run. Says why."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        """Take the status of the answer and one sentence."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True)
class Requested:
    """A run that was asked for."""

    run_id: str
    cluster: str


def request_runs(parts: Parts, cluster: str, checks: tuple[str, ...], trigger: str, user: str) -> list[Requested]:
    """Ask for an audit of a cluster, or of all with an empty name.

    Raises:
        RefusedError: that is switched off, there is no such cluster or check, too many wait, or the agent is stopping.
    """
    agent = parts.agent
    if not parts.settings.run_now:
        raise RefusedError(HTTPStatus.FORBIDDEN, "the configuration does not allow it: run_now = false in [server]")
    names = [one.name for one in agent.settings.clusters if cluster in ("", one.name)]
    if not names:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"the configuration has no cluster {cluster[:80]!r}")
    try:
        select(agent.checks, checks)
    except UnknownCheck as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)[:400]) from None
    if agent.is_stopping:
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the agent is stopping")
    if len(agent.runs.waiting()) >= MOST_WAITING:
        raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many runs are waiting already")
    requested = [Requested(agent.run_now(name, trigger, checks)[0], name) for name in names]
    for one in requested:
        _log.info("an audit was asked for", run=one.run_id, cluster=one.cluster, trigger=trigger, user=user)
    return requested
