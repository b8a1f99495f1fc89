"""The words that only the site has."""

from http import HTTPStatus

from auditor.facts.text import Text, t
from auditor.ledger.records import DeliveryState, LifeState, RunState

RUN_STATES: dict[str, Text] = {
    RunState.RUNNING: t("under way"),
    RunState.FINISHED: t("finished"),
    RunState.INTERRUPTED: t("interrupted"),
    RunState.FAILED: t("failed"),
    "waiting": t("waiting"),
}

LIFE_STATES: dict[str, Text] = {
    LifeState.OPEN: t("open"),
    LifeState.UNEVALUATED: t("no longer evaluated"),
    LifeState.RESOLVED: t("resolved"),
    "suppressed": t("suppressed"),
}
"""States by which findings are chosen. A suppressed one is open, and does not count."""

DELIVERY_STATES: dict[DeliveryState, Text] = {
    DeliveryState.OWED: t("owed"),
    DeliveryState.DEAD: t("given up"),
    DeliveryState.DELIVERED: t("delivered"),
}

KINDS: dict[str, Text] = {
    "report": t("report"),
    "batch": t("changes"),
    "finding": t("finding"),
    "resolved": t("resolved"),
    "digest": t("digest"),
    "snapshot": t("all open findings"),
    "test": t("test message"),
}
"""What a delivery is about."""

LIFECYCLES: dict[str, Text] = {
    "new": t("new"),
    "open": t("open"),
    "reopened": t("reopened"),
    "resolved": t("resolved"),
}

STANDINGS: dict[str, Text] = {
    "faults": t("Faults are open."),
    "healthy": t("No faults. Everything that was asked for could be looked at."),
    "incomplete": t("No faults in what could be looked at. The last audit is incomplete."),
    "nothing": t("Nothing could be judged."),
    "never": t("Not audited yet."),
}
"""How a cluster stands, in one sentence."""

REFUSALS: dict[HTTPStatus, Text] = {
    HTTPStatus.BAD_REQUEST: t("The request can't be understood."),
    HTTPStatus.UNAUTHORIZED: t("Sign in first, or send the token: `Authorization: Bearer …`."),
    HTTPStatus.FORBIDDEN: t("This is not allowed. Go back, reload the page and try again."),
    HTTPStatus.NOT_FOUND: t("There is nothing here. It may have been removed from the history."),
    HTTPStatus.METHOD_NOT_ALLOWED: t("This address can't be used that way."),
    HTTPStatus.REQUEST_TIMEOUT: t("The request took too long to arrive."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: t("The request is too large."),
    HTTPStatus.MISDIRECTED_REQUEST: t(
        "The site is not known by this name. The configuration names it: `public_url` or `allowed_hosts` in [server]."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: t("Too many wrong tokens. Wait a minute and try again."),
    HTTPStatus.INTERNAL_SERVER_ERROR: t("This is a fault of the auditor itself; its log says more."),
    HTTPStatus.SERVICE_UNAVAILABLE: t("This can't be done now; the agent's log says why. Try again in a minute."),
}
"""Why something is refused, and what to do."""
