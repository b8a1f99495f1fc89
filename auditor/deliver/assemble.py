"""Makes the message of a delivery from what the ledger has recorded."""

from collections.abc import Iterable
from typing import Protocol

from auditor.deliver.message import Kind, Message
from auditor.judge.outcome import Outcome, ReportedFinding
from auditor.ledger.records import Delivery


class History(Protocol):
    """What is asked of the ledger."""

    def outcome(self, run_id: str) -> Outcome:
        """Return a recorded run."""

    def finding(self, cluster: str, fingerprint: str) -> ReportedFinding | None:
        """Return a finding as it was last seen."""


def message_of(delivery: Delivery, history: History, language: str, public_url: str = "") -> Message:
    """Return the message of a delivery: the same at every attempt.

    Args:
        delivery: what is owed.
        history: where the run is recorded.
        language: of the message.
        public_url: where the agent's web site is reached; empty if nowhere.
    """
    outcome = history.outcome(delivery.run_id)
    known = {finding.fingerprint: finding for finding in (*outcome.resolved, *outcome.findings)}

    def found(fingerprints: Iterable[str]) -> tuple[ReportedFinding, ...]:
        each = (known.get(one) or history.finding(delivery.cluster, one) for one in fingerprints)
        return tuple(finding for finding in each if finding is not None)

    return Message(
        key=delivery.key,
        kind=Kind(delivery.kind),
        outcome=outcome,
        findings=found(delivery.fingerprints),
        resolved=found(delivery.gone),
        language=language,
        link=f"{public_url}/runs/{delivery.run_id}" if public_url else "",
    )
