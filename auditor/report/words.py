"""The words for what a report has fixed names for: severities, states, kinds of reasons."""

from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind, State
from auditor.facts.text import Text, t
from auditor.judge.outcome import Lifecycle, Status
from auditor.judge.verdicts import Certainty, HopState, Severity

SEVERITIES: dict[Severity, Text] = {
    Severity.CRITICAL: t("critical"),
    Severity.HIGH: t("high"),
    Severity.MEDIUM: t("medium"),
    Severity.LOW: t("low"),
    Severity.INFO: t("info"),
}

CERTAINTIES: dict[Certainty, Text] = {
    Certainty.CONFIRMED: t("confirmed"),
    Certainty.LIKELY: t("likely"),
    Certainty.AT_RISK: t("at risk"),
}

LIFECYCLES: dict[Lifecycle, Text] = {
    Lifecycle.NEW: t("new"),
    Lifecycle.OPEN: t("open"),
    Lifecycle.REOPENED: t("reopened"),
}

HOP_STATES: dict[HopState, Text] = {
    HopState.OK: t("in order"),
    HopState.BROKEN: t("broken"),
    HopState.UNKNOWN: t("not known"),
}

LAYERS: dict[Layer, Text] = {
    Layer.KUBERNETES: t("Kubernetes"),
    Layer.CLOUD: t("Cloud"),
}

STATUSES: dict[Status, Text] = {
    Status.FOUND: t("found something"),
    Status.NOT_EVALUATED: t("not evaluated"),
    Status.PASSED: t("passed"),
    Status.NOT_APPLICABLE: t("does not apply"),
}

STATES: dict[State, Text] = {
    State.KNOWN: t("read in full"),
    State.PARTIAL: t("read in part"),
    State.UNAVAILABLE: t("could not be read"),
}

REASON_KINDS: dict[ReasonKind, Text] = {
    ReasonKind.FORBIDDEN: t("Permission is missing"),
    ReasonKind.THROTTLED: t("The API throttled the calls"),
    ReasonKind.TIMEOUT: t("No answer in time"),
    ReasonKind.UNREACHABLE: t("The API can't be reached"),
    ReasonKind.MALFORMED: t("The answer can't be relied on"),
    ReasonKind.TRUNCATED: t("The answer was cut short"),
    ReasonKind.ERROR: t("An error"),
    ReasonKind.UNSUPPORTED: t("Not offered here"),
    ReasonKind.UNDECIDABLE: t("Read, but it does not decide"),
    ReasonKind.SWITCHED_OFF: t("Switched off"),
}

ADVICE: dict[ReasonKind, Text] = {
    ReasonKind.FORBIDDEN: t("Grant what is listed. The command prints the least that the enabled checks need:"),
    ReasonKind.THROTTLED: t("Run the audit again at a quieter time."),
    ReasonKind.TIMEOUT: t("Run the audit again. If it stays, look at the way to the API with the command:"),
    ReasonKind.UNREACHABLE: t("Look at the way to the API, and at its endpoint, with the command:"),
    ReasonKind.MALFORMED: t("Run the audit again. If it stays, the API answers otherwise than it is documented."),
    ReasonKind.TRUNCATED: t("Run the audit again: objects were missing from what the API had announced."),
    ReasonKind.ERROR: t("Read the message. If it names no cause outside, it is a fault of the auditor: report it."),
    ReasonKind.UNSUPPORTED: t("Nothing is to be done: this cluster or region does not offer what would be read."),
    ReasonKind.UNDECIDABLE: t("Look at the objects yourself: what was read allows both answers."),
    ReasonKind.SWITCHED_OFF: t("Switch it on in the configuration if you want these checks."),
}

AREAS: dict[str, Text] = {
    "storage": t("Storage"),
    "network": t("Network"),
    "access": t("Access"),
    "autoscaling": t("Autoscaling"),
    "service": t("Services"),
}
"""The areas of the project's own checks. An operator's own areas are called as their folders are."""


def command_for(kind: ReasonKind, source: str) -> str:
    """Return the command that helps with a gap of this kind; empty if none does."""
    if kind is ReasonKind.FORBIDDEN:
        return "auditor permissions rbac" if source == "kubernetes" else "auditor permissions ram"
    return "auditor doctor" if kind in (ReasonKind.TIMEOUT, ReasonKind.UNREACHABLE) else ""
